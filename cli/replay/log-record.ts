/**
 * One line of a log as what it records: an audit record, or a LaunchEvent without a decision. Truth: the audit, decision
 * and event schemas (policies/schema).
 *
 * Everything in a log is hostile. What is not understood is a fault with a sentence, never a guess. The event itself is not
 * judged here, the gate does that; keys that a later version adds to an audit record are passed over, keys that stand twice
 * are not: two readers could see two values.
 */

import { isUtf8 } from "node:buffer";
import type { HookName, PolicyIdentity } from "../../engine/index.js";
import { isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";

/** What was decided when the event happened. */
export interface Recorded {
  readonly decision_id: string;
  readonly decision: "allow" | "deny";
  /** Codes of its reasons, each once, in order. */
  readonly codes: readonly string[];
  /** What permissive modules would have denied with, had they been enforcing: of the first one, which would have ended the walk. */
  readonly wouldDeny: readonly string[];
  readonly hook: HookName | null;
  readonly time: number | null;
  readonly sigstruct_sha256: string | null;
  readonly token_sha256: string | null;
  readonly policy: readonly PolicyIdentity[];
  readonly generation: number;
}

export interface LogRecord {
  /** The LaunchEvent as the log has it, to be put to a gate; null where the recorded decision was about no event. */
  readonly event: JsonObject | null;
  /** Null for a bare event. One of the two is there. */
  readonly recorded: Recorded | null;
}

/** Deeper than a record with its event and reasons ever is. */
const MAX_DEPTH = 16;

/**
 * The record that a line holds, or what is wrong with it; null for what a daemon's log says beside decisions: what was
 * loaded, what a launch returned, checkpoints.
 */
export function readRecord(bytes: Uint8Array): LogRecord | string | null {
  if (!isUtf8(bytes)) return "it is not UTF-8";
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  const value = parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  if (value === undefined) return "it is no JSON";
  if (!isJsonObject(value)) return "it is no JSON object";
  const keys = keysOf(value, 0);
  if (keys === null) return `it is nested deeper than ${MAX_DEPTH} levels`;
  if (keys !== keysIn(text)) return "a key stands twice in one object";
  if (Object.hasOwn(value, "result") && Object.hasOwn(value, "input")) return auditRecord(value);
  if (Object.hasOwn(value, "hook") && Object.hasOwn(value, "v")) return { event: value, recorded: null };
  if (typeof value["kind"] === "string" && value["kind"] !== "decision" && isJsonObject(value["chain"])) return null;
  return "it is neither an audit record (with input and result) nor a LaunchEvent (with v and hook)";
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How many keys all objects within have; null where they lie too deep. */
function keysOf(value: JsonValue | undefined, depth: number): number | null {
  if (typeof value !== "object" || value === null) return 0;
  if (depth >= MAX_DEPTH) return null;
  let count = 0;
  const members: readonly (JsonValue | undefined)[] = Array.isArray(value) ? value : Object.values(value);
  if (!Array.isArray(value)) count += members.length;
  for (const member of members) {
    const inner = keysOf(member, depth + 1);
    if (inner === null) return null;
    count += inner;
  }
  return count;
}

/** How many strings of a JSON text are followed by a colon. INVARIANT: the text is JSON, JSON.parse has said so. */
function keysIn(text: string): number {
  let count = 0;
  for (let open = text.indexOf('"'); open !== -1; ) {
    let at = endOfString(text, open) + 1;
    while (isSpace(text.charCodeAt(at))) at += 1;
    if (text.charCodeAt(at) === 0x3a) count += 1;
    open = text.indexOf('"', at);
  }
  return count;
}

function endOfString(text: string, open: number): number {
  let end = text.indexOf('"', open + 1);
  for (;;) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

function auditRecord({ input, result }: JsonObject): LogRecord | string {
  if (input !== null && !isJsonObject(input)) return "input is neither a LaunchEvent nor null";
  if (!isJsonObject(result)) return "result is no object";
  const recorded = recordedOf(result);
  if (typeof recorded === "string") return recorded;
  if (input === null) {
    return recorded.decision === "deny"
      ? { event: null, recorded }
      : "it records that something was allowed, and not what";
  }
  if (input === undefined) return "input is missing";
  if (recorded.hook !== input["hook"]) return "its decision is about another hook than its event";
  if (recorded.time !== input["time"]) return "its decision is of another time than its event";
  return { event: input, recorded };
}

const MAX_CODES = 256;

function recordedOf(result: JsonObject): Recorded | string {
  const { decision_id, decision, reasons, would_deny, hook, time, sigstruct_sha256, token_sha256, generation } = result;
  if (typeof decision_id !== "string" || decision_id.length > 256) return "result.decision_id is no id";
  if (decision !== "allow" && decision !== "deny") return "result.decision is neither allow nor deny";
  const why = codesOf(reasons);
  const would = firstModule(would_deny);
  const wouldDeny = would === null ? null : codesOf(would);
  if (why === null) return "result.reasons is no list of reasons";
  if (wouldDeny === null) return "result.would_deny is no list of reasons";
  if ((decision === "deny") !== why.length > 0) return `it records ${decision} with ${why.length} reasons`;
  if (!isTextOrNull(hook) || !isTextOrNull(sigstruct_sha256) || !isTextOrNull(token_sha256))
    return "result.hook or a digest in it is no text";
  if (time !== null && !Number.isSafeInteger(time)) return "result.time is no integer";
  if (!Number.isSafeInteger(generation)) return "result.generation is no integer";
  const policy = policiesOf(result["policy"]);
  if (policy === null) return "result.policy is no list of policies";
  return {
    decision_id,
    decision,
    codes: why,
    wouldDeny,
    hook: hook as HookName | null,
    time: time as number | null,
    sigstruct_sha256,
    token_sha256,
    policy,
    generation: generation as number,
  };
}

/** Each code once, in order; null where the list is none. */
function codesOf(reasons: JsonValue | undefined): readonly string[] | null {
  if (!Array.isArray(reasons) || reasons.length > MAX_CODES) return null;
  if (reasons.length === 0) return NONE;
  const codes = new Set<string>();
  for (const reason of reasons) {
    const code: unknown = isJsonObject(reason) ? reason["code"] : undefined;
    if (typeof code !== "string" || !CODE.test(code)) return null;
    codes.add(code);
  }
  return [...codes].sort();
}

const NONE: readonly string[] = Object.freeze([]);
const CODE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Of reasons of several modules, those of the first. */
function firstModule(reasons: JsonValue | undefined): JsonValue | null {
  if (!Array.isArray(reasons)) return null;
  const modules = reasons.map((reason: JsonValue) => (isJsonObject(reason) ? reason["module"] : undefined));
  return reasons.filter((_, at) => modules[at] === modules[0]);
}

function isTextOrNull(value: JsonValue | undefined): value is string | null {
  return value === null || (typeof value === "string" && value.length <= 256);
}

const MAX_POLICIES = 64;

function policiesOf(value: JsonValue | undefined): readonly PolicyIdentity[] | null {
  if (!Array.isArray(value) || value.length > MAX_POLICIES) return null;
  const policies: PolicyIdentity[] = [];
  for (const one of value) {
    const { name, sha256, revision }: JsonObject = isJsonObject(one) ? one : {};
    if (!isTextOrNull(name) || !isTextOrNull(sha256) || !isTextOrNull(revision)) return null;
    if (name === null || sha256 === null || revision === null) return null;
    policies.push({ name, sha256, revision });
  }
  return policies;
}
