/**
 * Decision: allow or deny, why, and what it is bound to. Truth: the Decision schema (policies/schema/decision.schema.json).
 * What modules say of one event is combined here into one verdict: one deny beats any number of allows, and no allow
 * is a deny.
 */

import { createHash, randomUUID } from "node:crypto";
import type { HookName, TakenEvent } from "./event.js";
import { REASONS } from "./reasons.js";

/** Why, for people and for machines. Policies may say more beside the three. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly module: string;
  readonly [more: string]: unknown;
}

/** What one module, named and possibly permissive, made of the event. */
export interface Opinion {
  readonly module: string;
  readonly permissive: boolean;
  readonly answer: "allow" | "deny" | "pass";
  readonly reasons: readonly Reason[];
  readonly warnings: readonly Reason[];
}

export interface Verdict {
  readonly decision: "allow" | "deny";
  readonly reasons: readonly Reason[];
  readonly warnings: readonly Reason[];
  readonly would_deny: readonly Reason[];
}

/** A verdict and how it came about. */
export interface Walk {
  readonly verdict: Verdict;
  /** What the modules that were asked said, in their order. The walk ends at the first denial that counts. */
  readonly opinions: readonly Opinion[];
}

export interface PolicyIdentity {
  readonly name: string;
  /** Over the WASM and the effective data: see `PolicyBundle.sha256`. */
  readonly sha256: string;
  readonly revision: string;
}

export interface Decision extends Verdict {
  readonly decision_id: string;
  /** The event's time in Unix seconds; null where it has none that can be read. */
  readonly time: number | null;
  readonly hook: HookName | null;
  /** What a driver returns: 0, or 13 (EACCES). */
  readonly errno: 0 | 13;
  /** What a guest sees in RAX: 0, or 16 (SGX_INVALID_EINITTOKEN). */
  readonly einit_error: 0 | 16;
  readonly sigstruct_sha256: string | null;
  readonly token_sha256: string | null;
  readonly policy: readonly PolicyIdentity[];
  readonly generation: number;
}

/** Who decides: the policies in force, and their generation. */
export interface Authority {
  readonly policy: readonly PolicyIdentity[];
  readonly generation: number;
}

/** A reason of the engine's or the stack's own, by its code in the table. */
export function reason(code: keyof typeof REASONS, module: string, message: string = REASONS[code]): Reason {
  return Object.freeze({ code, message, module });
}

/**
 * Combines what the modules that were asked have said, in their order. The walk ends at the first denial that counts,
 * so a denial is the last opinion; `fallback` is why nothing allowed, where nothing did.
 */
export function combine(opinions: readonly Opinion[], fallback: "no_allow" | "no_policy" | "unsealed"): Walk {
  const warnings = opinions.flatMap((opinion) => opinion.warnings);
  const denials = opinions.filter(({ answer }) => answer === "deny");
  const would_deny = denials.filter(({ permissive }) => permissive).flatMap(({ reasons }) => reasons);
  const denial = denials.find(({ permissive }) => !permissive);
  const allowed = denial === undefined && opinions.some(({ answer }) => answer === "allow");
  const reasons = allowed ? [] : (denial?.reasons ?? [reason(fallback, "stack")]);
  return { verdict: { decision: allowed ? "allow" : "deny", reasons, warnings, would_deny }, opinions };
}

/** Binds a verdict to the bytes that were judged and to who judged them. */
export function decisionOf(verdict: Verdict, event: TakenEvent | null, authority: Authority): Decision {
  const allowed = verdict.decision === "allow";
  return Object.freeze({
    decision_id: randomUUID(),
    time: event?.time ?? null,
    hook: event?.hook ?? null,
    decision: verdict.decision,
    reasons: Object.freeze(verdict.reasons),
    warnings: Object.freeze(verdict.warnings),
    would_deny: Object.freeze(verdict.would_deny),
    errno: allowed ? 0 : 13,
    einit_error: allowed ? 0 : 16,
    sigstruct_sha256: digest(event?.sigstruct),
    token_sha256: digest(event?.token),
    policy: authority.policy,
    generation: authority.generation,
  });
}

function digest(bytes: Uint8Array | null | undefined): string | null {
  return bytes == null ? null : createHash("sha256").update(bytes).digest("hex");
}
