/**
 * Questions to one entrypoint of a policy: what it is asked about a launch, and what it answered before. Whoever evaluates,
 * here or in another thread, is not known here; no WASM runs here.
 */

import { EvaluationError } from "../errors.js";
import { inputOf } from "../input.js";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.js";
import type { Launch } from "../request.js";
import type { Answer } from "./answer.js";
import type { PolicyBundle } from "./bundle.js";
import { AnswerMemo } from "./memo.js";
import type { Names } from "./names.js";

export class Questions {
  readonly entrypoint: string;
  /** The paths of `input` that are read; null: everything. */
  readonly #reads: readonly (readonly string[])[] | null;
  readonly #parts: ReadonlySet<string> | undefined;
  readonly #memo: AnswerMemo;

  /** `known`: the names that the bundle's data knows. */
  constructor(bundle: PolicyBundle, entrypoint: string, known: Names) {
    const reads = bundle.readsTrusted ? (bundle.reads[entrypoint] ?? null) : null;
    const names = bundle.readsTrusted ? (bundle.opaque[entrypoint] ?? []) : [];
    const opaque = names.some((path) => path.join(".") === "enclave.mrenclave");
    this.entrypoint = entrypoint;
    this.#reads = reads;
    this.#parts = reads === null ? undefined : new Set(reads.map(([part = ""]) => part));
    this.#memo = new AnswerMemo({ reads, opaque, names: known });
  }

  /** What the policy answered to a launch that it cannot tell from this one; null where it has to be asked. */
  find(launch: Launch): Answer | null {
    return this.#memo.find(launch);
  }

  /** The parts of the launch's Input that are read. */
  inputOf(launch: Launch): JsonObject {
    return project(inputOf(launch, this.#parts) as unknown as JsonObject, this.#reads);
  }

  /** Remembers what the policy itself answered to `input`, which `inputOf` made of this launch. */
  keep(launch: Launch, input: JsonObject, answer: Answer): void {
    this.#memo.keep(launch, input, answer);
  }
}

/** A question that no memory answers: somebody has to evaluate the policy. The input is made when it is first needed. */
export class OpenQuestion {
  /** Which of several policies is asked: the number that was given to `Questions`' owner. */
  readonly policy: number;
  readonly #questions: Questions;
  readonly #launch: Launch;
  #input: JsonObject | undefined;

  constructor(policy: number, questions: Questions, launch: Launch) {
    this.policy = policy;
    this.#questions = questions;
    this.#launch = launch;
  }

  get entrypoint(): string {
    return this.#questions.entrypoint;
  }

  /** The answer, where a question like this one has got it meanwhile. */
  find(): Answer | null {
    return this.#questions.find(this.#launch);
  }

  /** Throws EvaluationError `policy_input`. */
  inputJson(): string {
    this.#input ??= this.#questions.inputOf(this.#launch);
    return inputToJson(this.#input);
  }

  /** Remembers what the policy itself answered. Nothing is kept where nobody made the input. */
  keep(answer: Answer): void {
    if (this.#input !== undefined) this.#questions.keep(this.#launch, this.#input, answer);
  }
}

/** Throws EvaluationError `policy_input` where it cannot be said in JSON, or is no object. */
export function inputToJson(input: JsonObject): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(input);
  } catch (cause) {
    if (cause instanceof EvaluationError) throw cause;
    throw new EvaluationError("policy_input", "the input cannot be said in JSON", { cause });
  }
  if (!text?.startsWith("{")) throw new EvaluationError("policy_input", "the input is no object");
  return text;
}

/** The parts of an input at these paths, each with all below it; the whole where `paths` is null. */
function project(input: JsonObject, paths: readonly (readonly string[])[] | null): JsonObject {
  if (paths === null) return input;
  const projected: Record<string, JsonValue> = {};
  for (const path of paths) copyPath(input, projected, path);
  return projected;
}

function copyPath(from: JsonObject, to: Record<string, JsonValue>, [key, ...rest]: readonly string[]): void {
  if (key === undefined || !Object.hasOwn(from, key)) return;
  const value = from[key] as JsonValue;
  if (rest.length === 0 || !isJsonObject(value)) {
    to[key] = value;
    return;
  }
  const below = to[key];
  const into: Record<string, JsonValue> = isJsonObject(below) ? { ...below } : {};
  copyPath(value, into, rest);
  to[key] = into;
}
