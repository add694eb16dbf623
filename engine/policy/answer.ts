/**
 * Answer: what a policy may say, and how it is read. Truth: the answer schema (policies/schema/answer.schema.json), checked
 * here field by field. What is not exactly an answer throws; nobody reads anything into it.
 */

import { EvaluationError } from "../errors.js";
import { frozenJson, isJsonObject, type JsonValue } from "../json.js";

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

const MAX_ITEMS = 256;
const MAX_MESSAGE_CHARACTERS = 1024;
const MAX_ITEM_DEPTH = 16;
const CODE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** The one answer in a result set: exactly `[{"result": {allow, deny, warn}}]`. */
export function readAnswer(resultSet: unknown): Answer {
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

export function byCodeAndMessage(a: RuleReason, b: RuleReason): number {
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
