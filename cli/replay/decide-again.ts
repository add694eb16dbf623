/**
 * One record decided again: what was decided, what would be now, and whether that is the same. The event goes through the
 * very gate that hosts run, at the time it says of itself.
 */

import type { JsonObject } from "../../engine/json.js";
import {
  createGate,
  decodeLaunch,
  type Gate,
  type Judged,
  type Launch,
  type LockdownLevel,
  type PolicyBundle,
  type SignatureCheck,
} from "../../hooks/index.js";
import type { LogRecord, Recorded } from "./log-record.js";

/**
 * `same`: the same decision for the same codes. `new`: there is nothing to compare with, since the log has bare events.
 * `without_event`: the record denies something that was no event, which no policy decides.
 */
export const OUTCOMES = ["same", "allow_to_deny", "deny_to_allow", "reasons_changed", "new", "without_event"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** One side of the comparison. */
export interface Side {
  readonly decision: "allow" | "deny";
  /** Of the reasons, each once, in order. */
  readonly codes: readonly string[];
}

export interface Again {
  readonly outcome: Outcome;
  /** Null where nothing was decided before. */
  readonly before: Side | null;
  /** Null without an event. */
  readonly after: Side | null;
  readonly judged: Judged | null;
}

/**
 * `auto`: as hosts do it by the event's origin, and always before a denial becomes an allow: no EINIT has ever looked at the
 * signature of what was denied.
 */
export const SIGNATURE_CHECKS = ["auto", "always", "never"] as const;
export type ReplaySignatureCheck = (typeof SIGNATURE_CHECKS)[number];

export interface Judging {
  readonly policies: readonly PolicyBundle[];
  readonly lockdown: LockdownLevel;
}

export interface ReplayJudging extends Judging {
  readonly signatureCheck: ReplaySignatureCheck;
  /** Decides instead of what was recorded; null: what was recorded counts. */
  readonly old: readonly PolicyBundle[] | null;
  /** Whether what permissive modules only recorded counts as if they had been enforcing. */
  readonly would: boolean;
}

/** Decides one record again; a sentence where the record contradicts itself. @throws PolicyError, ConfigError at once */
export function decidesAgain(judging: ReplayJudging): (record: LogRecord) => Again | string {
  const { policies, lockdown, signatureCheck, old, would } = judging;
  const check: SignatureCheck | undefined = signatureCheck === "auto" ? undefined : signatureCheck;
  const gate = gateOf({ policies, lockdown }, check);
  const strict = signatureCheck === "auto" ? lazily(() => gateOf({ policies, lockdown }, "always")) : () => gate;
  const before = old === null ? null : gateOf({ policies: old, lockdown }, check);

  return ({ event, recorded }) => {
    if (event === null) return withoutEvent(recorded, would);
    takeStructures(event);
    let judged = gate.judge(event);
    const fault = contradiction(recorded, judged);
    if (fault !== null) return fault;
    const then = before === null ? recordedSide(recorded, would) : sideOf(before.judge(event));
    const wasDenied = then?.decision === "deny";
    // Where the signature decided then, it has to be asked now; and no denial is lifted on an unproved claim.
    if (wasDenied && (judged.decision.decision === "allow" || then.codes.includes(BAD_SIGNATURE))) {
      judged = strict().judge(event);
    }
    const now = sideOf(judged);
    return { outcome: outcomeOf(then, now), before: then, after: now, judged };
  };
}

const BAD_SIGNATURE = "SGX_INVALID_SIGNATURE";

export function gateOf({ policies, lockdown }: Judging, check?: SignatureCheck): Gate {
  return createGate({ policies, lockdown, ...(check === undefined ? {} : { signatureCheck: check }) });
}

function lazily<Value>(make: () => Value): () => Value {
  let value: Value | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

function withoutEvent(recorded: Recorded | null, would: boolean): Again {
  return { outcome: "without_event", before: recordedSide(recorded, would), after: null, judged: null };
}

function recordedSide(recorded: Recorded | null, would: boolean): Side | null {
  if (recorded === null) return null;
  if (would && recorded.wouldDeny.length > 0) return { decision: "deny", codes: recorded.wouldDeny };
  return recorded;
}

export function sideOf({ decision: { decision, reasons } }: Judged): Side {
  return { decision, codes: reasons.length === 0 ? NONE : [...new Set(reasons.map(({ code }) => code))].sort() };
}

const NONE: readonly string[] = Object.freeze([]);

function outcomeOf(before: Side | null, after: Side): Outcome {
  if (before === null) return "new";
  if (before.decision !== after.decision) return after.decision === "deny" ? "allow_to_deny" : "deny_to_allow";
  return sameCodes(before.codes, after.codes) ? "same" : "reasons_changed";
}

function sameCodes(before: readonly string[], after: readonly string[]): boolean {
  return before.length === after.length && before.every((code, at) => code === after[at]);
}

/** Whether the decision names other bytes than the record holds: then one of the two was changed since. */
export function contradiction(recorded: Recorded | null, { decision }: Judged): string | null {
  // Where the event cannot be taken over, there are no bytes to compare.
  if (recorded === null || decision.hook === null) return null;
  if (recorded.sigstruct_sha256 !== decision.sigstruct_sha256)
    return "its decision is about another SIGSTRUCT than its event holds";
  if (recorded.token_sha256 !== decision.token_sha256)
    return "its decision is about another EINITTOKEN than its event holds";
  return null;
}

const SIZES = [
  ["sigstruct", 1808],
  ["token", 304],
] as const;

/**
 * Structures of the right size as bytes, which the gate takes over quickly. What is not exactly the base64 of so many bytes
 * stays the text it is, and is the gate's to refuse.
 */
export function takeStructures(event: JsonObject): void {
  const own = event as Record<string, unknown>;
  for (const [name, size] of SIZES) {
    const text = Object.hasOwn(own, name) ? own[name] : null;
    if (typeof text !== "string" || text.length !== 4 * Math.ceil(size / 3)) continue;
    const bytes = Buffer.from(text, "base64");
    if (bytes.length === size && bytes.toString("base64") === text) own[name] = new Uint8Array(bytes);
  }
}

/** The launch as it was judged; null where it has no structures of the right size. */
export function launchOf(judged: Judged | null): Launch | null {
  try {
    return judged?.event == null ? null : decodeLaunch(judged.event, "never");
  } catch {
    return null;
  }
}
