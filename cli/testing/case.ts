/**
 * One test of a policy: an event, what is expected of it, and whether the gate's answer is that. Truth for what an event is:
 * the LaunchEvent schema (policies/schema/event.schema.json); for how people write one down: the suite schema
 * (policies/schema/suite.schema.json).
 *
 * A denial because something went wrong (a policy that traps, an event that is none) passes only where its code is named:
 * a test that expects just `deny` must not be satisfied by a policy that is broken.
 */

import { isJsonObject } from "../../engine/json.js";
import {
  createGate,
  effectiveData,
  type Gate,
  type JsonObject,
  type JsonValue,
  type Judged,
  type LaunchEvent,
  type PolicyBundle,
  type REASONS,
  type SigningKey,
  shippedData,
  withData,
} from "../../hooks/index.js";

/** What a case expects. Codes are reason codes as decisions have them; their order does not matter. */
export interface Expectation {
  readonly decision: "allow" | "deny";
  /** The codes of the denial, all of them and no other. */
  readonly reasons?: readonly string[];
  /** Codes that must be among those of the denial. */
  readonly includes?: readonly string[];
  /** The codes of the warnings, all of them and no other. */
  readonly warnings?: readonly string[];
}

export interface LaunchCase {
  readonly suite: string;
  /** As the user named it, relative where that was. */
  readonly file: string;
  /** Where the case begins in the file, from 1. */
  readonly line: number;
  /** Unique within its suite. */
  readonly name: string;
  readonly event: LaunchEvent;
  readonly expect: Expectation;
  /** Data documents, as people write them: what they say replaces what the policy's own data says there. */
  readonly documents: readonly JsonObject[];
  /** `never` for a SIGSTRUCT whose fields were changed without its signer's key: the policies see `unchecked`. */
  readonly signatureCheck: "always" | "never";
  /** The enclave's name in its suite; null for events without one. */
  readonly enclave: string | null;
  /** What signed the SIGSTRUCT, so that variants can be signed alike; null where nobody here has the key. */
  readonly key: SigningKey | null;
}

/** What a folder's suite files hold, expanded: what `loadSuites(dir)` in load.ts gives. */
export interface LoadedSuites {
  /** The suite files, as the user would name them. */
  readonly files: readonly string[];
  readonly cases: readonly LaunchCase[];
}

/** Codes, each once, sorted. */
export interface Answered {
  readonly decision: "allow" | "deny";
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
}

export interface CaseOutcome {
  readonly passed: boolean;
  readonly found: Answered;
  /** What was expected and what was found, a sentence for each thing that differs; empty where it passed. */
  readonly differences: readonly string[];
  readonly judged: Judged;
}

/** Whether a code says that deciding failed, and not that something denies: a new code has to say which. */
const IS_FAILURE: Readonly<Record<keyof typeof REASONS, boolean>> = {
  bad_event: true,
  malformed: true,
  unsealed: true,
  no_allow: false,
  no_policy: true,
  module_error: true,
  module_result: true,
  module_may_not_allow: true,
  not_allowed: false,
  policy_undefined: true,
  policy_result: true,
  policy_trap: true,
  policy_memory: true,
  policy_input: true,
  deadline: true,
  overloaded: true,
  evaluator_failed: true,
  provisionkey_not_granted: false,
  lockdown_debug: false,
  lockdown_key_is_public: false,
  lockdown_einittokenkey: false,
  claim_refused: false,
  audit_unavailable: true,
  shutting_down: true,
  internal: true,
};

const FAILURES: ReadonlySet<string> = new Set(Object.entries(IS_FAILURE).flatMap(([code, is]) => (is ? [code] : [])));

/** Asks the gate. Never throws: the gate does not. */
export function judgeCase(gate: Gate, one: Pick<LaunchCase, "event" | "expect">): CaseOutcome {
  const judged = gate.judge(one.event);
  const found = answeredOf(judged);
  const differences = differencesOf(one.expect, found, judged);
  return { passed: differences.length === 0, found, differences, judged };
}

export function answeredOf({ decision }: Judged): Answered {
  return { decision: decision.decision, reasons: codesOf(decision.reasons), warnings: codesOf(decision.warnings) };
}

function codesOf(reasons: readonly { readonly code: string }[]): readonly string[] {
  return [...new Set(reasons.map(({ code }) => code))].sort();
}

function differencesOf(expect: Expectation, found: Answered, { decision }: Judged): readonly string[] {
  const differences: string[] = [];
  if (found.decision !== expect.decision) {
    const why = decision.reasons.map(({ code, message }) => `${code} (${message})`).join("; ");
    differences.push(`expected ${expect.decision}, found ${found.decision}${why === "" ? "" : `: ${why}`}`);
  } else {
    differences.push(...notTheSame("reasons", expect.reasons, found.reasons));
    const absent = (expect.includes ?? []).filter((code) => !found.reasons.includes(code));
    if (absent.length > 0)
      differences.push(`expected reasons with ${absent.join(", ")}, found ${listed(found.reasons)}`);
    const named = [...(expect.reasons ?? []), ...(expect.includes ?? [])];
    for (const { code, message } of decision.reasons) {
      if (FAILURES.has(code) && !named.includes(code))
        differences.push(`deciding failed with ${code}, which passes only where it is named: ${message}`);
    }
  }
  differences.push(...notTheSame("warnings", expect.warnings, found.warnings));
  return differences;
}

function notTheSame(
  what: string,
  expected: readonly string[] | undefined,
  found: readonly string[],
): readonly string[] {
  if (expected === undefined) return [];
  const wanted = [...new Set(expected)].sort();
  if (wanted.join() === found.join()) return [];
  return [`expected ${what} ${listed(wanted)}, found ${listed(found)}`];
}

function listed(codes: readonly string[]): string {
  return codes.length === 0 ? "none" : codes.join(", ");
}

/**
 * The gate that each case is put to: the policies over the case's own data. Cases that change the data alike share one.
 * What comes back throws PolicyError where a case's documents do not fit the data schema.
 */
export function gatesOf(
  policies: readonly PolicyBundle[],
): (one: Pick<LaunchCase, "documents" | "signatureCheck">) => Gate {
  const gates = new Map<string, Gate>();
  return ({ documents, signatureCheck }) => {
    const key = JSON.stringify([signatureCheck, documents]);
    const known = gates.get(key);
    if (known !== undefined) return known;
    const gate = createGate({ policies: policies.map((policy) => overridden(policy, documents)), signatureCheck });
    gates.set(key, gate);
    return gate;
  };
}

/** The policy with what the documents say in place of what its data says there. */
export function overridden(policy: PolicyBundle, documents: readonly JsonObject[]): PolicyBundle {
  if (documents.length === 0) return policy;
  const data = documents.reduce<JsonObject>(
    // An empty base: what comes is the document alone, checked, its fragments and dates resolved.
    (into, document) => replace(into, { launchgate: effectiveData([document], shippedData, {}) }),
    policy.data,
  );
  return withData(policy, data);
}

function replace(into: JsonObject, from: JsonObject): JsonObject {
  const merged = new Map<string, JsonValue>(Object.entries(into));
  for (const [key, value] of Object.entries(from)) {
    const there = merged.get(key);
    merged.set(key, isJsonObject(there) && isJsonObject(value) ? replace(there, value) : value);
  }
  return Object.fromEntries(merged);
}
