/**
 * Policy: a bundle ready to be asked, and Answer: what a policy may say. Truth: the answer schema
 * (policies/schema/answer.schema.json), checked here field by field.
 *
 * An answer that is not exactly one throws; nobody reads anything into it. Whether an answer allows is not decided here.
 */

import { ConfigError, EvaluationError, PolicyError } from "../errors.js";
import { frozenJson, isJsonObject, type JsonObject, type JsonValue } from "../json.js";
import type { PolicyBundle, ReadSets } from "./bundle.js";
import { loadOpaWasm } from "./opa-wasm.js";

/** Why a policy denies or warns; items may say more than code and message. */
export interface RuleReason {
  readonly code: string;
  readonly message: string;
  readonly [extra: string]: JsonValue;
}

/**
 * Frozen, and nothing of it shared with the policy. Reasons are sorted by code, then message: rules make them as sets,
 * which OPA sorts and its WASM gives in the order of a hash table.
 */
export interface Answer {
  readonly allow: boolean;
  readonly deny: readonly RuleReason[];
  readonly warn: readonly RuleReason[];
}

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
}

export interface PolicyLimits {
  /** Pages of 64 KiB for the policy, its data and an evaluation together. */
  readonly maxMemoryPages?: number;
  /** Of the input as JSON. */
  readonly maxInputBytes?: number;
}

/** 64 MiB. */
export const DEFAULT_MAX_MEMORY_PAGES = 1024;
export const DEFAULT_MAX_INPUT_BYTES = 1024 * 1024;

const MAX_ITEMS = 256;
const MAX_MESSAGE_CHARACTERS = 1024;
const MAX_ITEM_DEPTH = 16;
const CODE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

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
  return Object.freeze({
    name: bundle.name,
    revision: bundle.revision,
    sha256: bundle.sha256,
    entrypoints: new Set(bundle.entrypoints),
    reads: bundle.reads,
    evaluate(entrypoint: string, input: JsonObject): Answer {
      if (busy) throw new EvaluationError("policy_trap", "the policy was asked while it was answering");
      busy = true;
      try {
        return readAnswer(wasm.evaluate(entrypoint, serialise(input, maxInputBytes)));
      } finally {
        busy = false;
      }
    },
  });
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

/** The one answer in a result set: exactly `[{"result": {allow, deny, warn}}]`. */
function readAnswer(resultSet: unknown): Answer {
  if (!Array.isArray(resultSet)) throw noAnswer("the result set is no array");
  if (resultSet.length === 0)
    throw new EvaluationError("policy_undefined", "the entrypoint is undefined for this input");
  if (resultSet.length > 1) throw noAnswer(`the result set has ${resultSet.length} results, expected 1`);
  const { result } = exactly(["result"], resultSet[0], "the result");
  const { allow, deny, warn } = exactly(["allow", "deny", "warn"], result, "the answer");
  if (typeof allow !== "boolean") throw noAnswer("allow is no boolean");
  return Object.freeze({ allow, deny: readReasons(deny, "deny"), warn: readReasons(warn, "warn") });
}

function readReasons(items: unknown, list: "deny" | "warn"): readonly RuleReason[] {
  if (!Array.isArray(items)) throw noAnswer(`${list} is no array`);
  if (items.length > MAX_ITEMS) throw noAnswer(`${list} has ${items.length} items, expected at most ${MAX_ITEMS}`);
  return Object.freeze(items.map((item, index) => readReason(item, `${list}[${index}]`)).sort(byCodeAndMessage));
}

function byCodeAndMessage(a: RuleReason, b: RuleReason): number {
  if (a.code !== b.code) return a.code < b.code ? -1 : 1;
  if (a.message !== b.message) return a.message < b.message ? -1 : 1;
  return 0;
}

function readReason(item: unknown, where: string): RuleReason {
  if (!isJsonObject(item)) throw noAnswer(`${where} is no object`);
  const { code, message } = item;
  if (typeof code !== "string" || !CODE.test(code)) throw noAnswer(`${where} has no code`);
  if (typeof message !== "string") throw noAnswer(`${where} has no message`);
  if (message.length > MAX_MESSAGE_CHARACTERS && [...message].length > MAX_MESSAGE_CHARACTERS) {
    throw noAnswer(`${where} has a message of more than ${MAX_MESSAGE_CHARACTERS} characters`);
  }
  // INVARIANT: an object is copied to an object; code and message are checked above
  return frozenJson(item, (fault) => noAnswer(`${where} ${fault}`), MAX_ITEM_DEPTH) as RuleReason;
}

/** `value` as an object that has these keys and no other. */
function exactly<Key extends string>(
  keys: readonly Key[],
  value: unknown,
  what: string,
): Readonly<Record<Key, unknown>> {
  if (!isJsonObject(value)) throw noAnswer(`${what} is no object`);
  const missing = keys.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) throw noAnswer(`${what} has no ${missing}`);
  if (Object.keys(value).length !== keys.length) throw noAnswer(`${what} has keys other than ${keys.join(", ")}`);
  return value as Readonly<Record<Key, unknown>>;
}

function noAnswer(what: string): EvaluationError {
  return new EvaluationError("policy_result", `the policy's answer cannot be used: ${what}`);
}
