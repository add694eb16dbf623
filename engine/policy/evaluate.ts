/**
 * Policy: a bundle ready to be asked, and Answer: what a policy may say. Truth: the answer schema
 * (policies/schema/answer.schema.json), checked here field by field.
 *
 * An answer that is not exactly one throws; nobody reads anything into it. Whether an answer allows is not decided here.
 */

import { ConfigError, EvaluationError, PolicyError } from "../errors.js";
import { inputOf } from "../input.js";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.js";
import type { Launch } from "../request.js";
import { type Answer, readAnswer } from "./answer.js";
import type { PolicyBundle, ReadSets } from "./bundle.js";
import { AnswerMemo } from "./memo.js";
import { Names } from "./names.js";
import { loadOpaWasm } from "./opa-wasm.js";

export interface Policy {
  readonly name: string;
  readonly revision: string;
  /** The bundle's: WASM and data. */
  readonly sha256: string;
  readonly entrypoints: ReadonlySet<string>;
  readonly reads: ReadSets;
  /**
   * Asks one entrypoint. `input` is serialised as it is; that it is the input document that the rules expect is not
   * checked here.
   *
   * Throws EvaluationError, whose codes are reasons of a denial; PolicyError `wasm_entrypoint` for one that the policy
   * does not have.
   */
  evaluate(entrypoint: string, input: JsonObject): Answer;
  /**
   * The way to ask one entrypoint about launches: what it answered to one that it cannot tell from this, else `evaluate`
   * with the parts of the launch's Input that it reads. Throws PolicyError `wasm_entrypoint` for one that the policy does
   * not have; what it gives throws as `evaluate` does.
   */
  judgeOf(entrypoint: string): (launch: Launch) => Answer;
}

export interface PolicyLimits {
  /** Pages of 64 KiB for the policy, its data and an evaluation together. */
  readonly maxMemoryPages?: number;
  /** Of the input as JSON. */
  readonly maxInputBytes?: number;
}

/** 256 MiB: enough for some 300,000 listed signers or measurements. Memory is taken as it is needed. */
const DEFAULT_MAX_MEMORY_PAGES = 4096;
const DEFAULT_MAX_INPUT_BYTES = 1024 * 1024;

/**
 * Loads a bundle into WASM, so that what is wrong with it shows now. Throws PolicyError `wasm_invalid`, `wasm_abi`,
 * `wasm_builtin`, `wasm_entrypoint` (manifest and WASM name different ones), `memory_limit`; ConfigError `option`.
 */
export function createPolicy(bundle: PolicyBundle, options: PolicyLimits = {}): Policy {
  const { maxMemoryPages = DEFAULT_MAX_MEMORY_PAGES, maxInputBytes = DEFAULT_MAX_INPUT_BYTES } = options;
  if (!Number.isSafeInteger(maxInputBytes) || maxInputBytes < 1) {
    throw new ConfigError("option", "maxInputBytes must be a positive integer");
  }
  const wasm = loadOpaWasm(bundle.wasm, bundle.data, { maxMemoryPages });
  const [inManifest, inWasm] = [bundle.entrypoints, Object.keys(wasm.entrypoints)].map((names) =>
    [...names].sort().join(", "),
  );
  if (inManifest !== inWasm) {
    throw new PolicyError(
      "wasm_entrypoint",
      `the policy's WASM has the entrypoints ${inWasm}, its manifest names ${inManifest}`,
    );
  }
  let busy = false;
  const evaluate = (entrypoint: string, input: JsonObject): Answer => {
    if (busy) throw new EvaluationError("policy_trap", "the policy was asked while it was answering");
    busy = true;
    try {
      return readAnswer(wasm.evaluate(entrypoint, serialise(input, maxInputBytes)));
    } finally {
      busy = false;
    }
  };
  const names = new Names(bundle.data);
  return Object.freeze({
    name: bundle.name,
    revision: bundle.revision,
    sha256: bundle.sha256,
    entrypoints: new Set(bundle.entrypoints),
    reads: bundle.reads,
    evaluate,
    judgeOf(entrypoint: string): (launch: Launch) => Answer {
      if (!bundle.entrypoints.includes(entrypoint)) {
        throw new PolicyError("wasm_entrypoint", `the policy has no entrypoint ${JSON.stringify(entrypoint)}`);
      }
      const { reads, parts, memo } = questionOf(bundle, entrypoint, names);
      return (launch) => {
        const before = memo.find(launch);
        if (before !== null) return before;
        const input = project(inputOf(launch, parts) as unknown as JsonObject, reads);
        const answer = evaluate(entrypoint, input);
        memo.keep(launch, input, answer);
        return answer;
      };
    },
  });
}

/** What is known of an entrypoint's questions: the paths that it reads, null for all, and what it answered before. */
function questionOf(bundle: PolicyBundle, entrypoint: string, known: Names) {
  const reads = bundle.readsTrusted ? (bundle.reads[entrypoint] ?? null) : null;
  const names = bundle.readsTrusted ? (bundle.opaque[entrypoint] ?? []) : [];
  const opaque = names.some((path) => path.join(".") === "enclave.mrenclave");
  const parts = reads === null ? undefined : new Set(reads.map(([part = ""]) => part));
  return { reads, parts, memo: new AnswerMemo({ reads, opaque, names: known }) };
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

const utf8 = new TextEncoder();

function serialise(input: JsonObject, maxInputBytes: number): Uint8Array {
  let text: string | undefined;
  try {
    text = JSON.stringify(input);
  } catch (cause) {
    if (cause instanceof EvaluationError) throw cause;
    throw new EvaluationError("policy_input", "the input cannot be said in JSON", { cause });
  }
  if (!text?.startsWith("{")) throw new EvaluationError("policy_input", "the input is no object");
  const bytes = utf8.encode(text);
  if (bytes.length > maxInputBytes) {
    throw new EvaluationError("policy_input", `the input is ${bytes.length} bytes, expected at most ${maxInputBytes}`);
  }
  return bytes;
}
