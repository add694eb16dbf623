/**
 * Decision: allow or deny, why, and what it is bound to. Truth: the Decision schema (policies/schema/decision.schema.json).
 * What modules say of one event is combined here into one verdict: one deny beats any number of allows, and no allow
 * is a deny.
 */

import { randomUUID } from "node:crypto";
import { type HookName, TakenEvent } from "./event.js";
import { sha256Hex } from "./policy/canonical.js";
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

/** Who decides: the policies in force, and their generation. */
export interface Authority {
  readonly policy: readonly PolicyIdentity[];
  readonly generation: number;
}

/** A decision as JSON says it. */
export interface DecisionJson extends Verdict, Authority {
  readonly decision_id: string;
  readonly time: number | null;
  readonly hook: HookName | null;
  readonly errno: 0 | 13;
  readonly einit_error: 0 | 16;
  readonly sigstruct_sha256: string | null;
  readonly token_sha256: string | null;
}

/**
 * Immutable. What costs more than the decision itself, its id and the digests of the bytes judged, is worked out when it is
 * first read, from the private copy of those bytes.
 */
export class Decision implements DecisionJson {
  readonly #verdict: Verdict;
  readonly #event: TakenEvent | null;
  readonly #authority: Authority;
  #id: string | undefined;

  constructor(verdict: Verdict, event: TakenEvent | null, authority: Authority) {
    this.#verdict = verdict;
    this.#event = event;
    this.#authority = authority;
  }

  get decision_id(): string {
    this.#id ??= randomUUID();
    return this.#id;
  }

  /** The event's time in Unix seconds; null where it has none that can be read. */
  get time(): number | null {
    return this.#event?.time ?? null;
  }

  get hook(): HookName | null {
    return this.#event?.hook ?? null;
  }

  get decision(): "allow" | "deny" {
    return this.#verdict.decision;
  }

  get reasons(): readonly Reason[] {
    return this.#verdict.reasons;
  }

  get warnings(): readonly Reason[] {
    return this.#verdict.warnings;
  }

  get would_deny(): readonly Reason[] {
    return this.#verdict.would_deny;
  }

  /** What a driver returns: 0, or 13 (EACCES). */
  get errno(): 0 | 13 {
    return this.#verdict.decision === "allow" ? 0 : 13;
  }

  /** What a guest sees in RAX: 0, or 16 (SGX_INVALID_EINITTOKEN). */
  get einit_error(): 0 | 16 {
    return this.#verdict.decision === "allow" ? 0 : 16;
  }

  /** SHA-256 of the SIGSTRUCT judged, 64 hex digits. */
  get sigstruct_sha256(): string | null {
    if (this.#event === null) return null;
    const seen = TakenEvent.seenOf(this.#event);
    return seen === null ? digest(TakenEvent.bytesOf(this.#event).sigstruct) : seen.sha256;
  }

  /** SHA-256 of the EINITTOKEN judged, 64 hex digits. */
  get token_sha256(): string | null {
    return this.#event === null ? null : digest(TakenEvent.tokenOf(this.#event));
  }

  get policy(): readonly PolicyIdentity[] {
    return this.#authority.policy;
  }

  get generation(): number {
    return this.#authority.generation;
  }

  toJSON(): DecisionJson {
    const { decision_id, time, hook, decision, reasons, warnings, would_deny, errno, einit_error } = this;
    const { sigstruct_sha256, token_sha256, policy, generation } = this;
    return {
      decision_id,
      time,
      hook,
      decision,
      reasons,
      warnings,
      would_deny,
      errno,
      einit_error,
      sigstruct_sha256,
      token_sha256,
      policy,
      generation,
    };
  }
}

function digest(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : sha256Hex(bytes);
}

/** A reason of the engine's or the stack's own, by its code in the table. */
export function reason(code: keyof typeof REASONS, module: string, message: string = REASONS[code]): Reason {
  return Object.freeze({ code, message, module });
}

const NO_REASONS: readonly Reason[] = Object.freeze([]);

/** Allowed, and nothing more to say: what most launches get. */
const ALLOWED: Verdict = Object.freeze({
  decision: "allow",
  reasons: NO_REASONS,
  warnings: NO_REASONS,
  would_deny: NO_REASONS,
});

/** Whether somebody allows, nobody denies, not even permissively, and nobody warns. */
function isPlainAllow(opinions: readonly Opinion[]): boolean {
  let allowed = false;
  for (const { answer, warnings } of opinions) {
    if (answer === "deny" || warnings.length > 0) return false;
    if (answer === "allow") allowed = true;
  }
  return allowed;
}

/**
 * Combines what the modules that were asked have said, in their order. The walk ends at the first denial that counts,
 * so a denial is the last opinion; `fallback` is why nothing allowed, where nothing did.
 */
export function combine(
  opinions: readonly Opinion[],
  fallback: "no_allow" | "no_policy" | "unsealed" | "shutting_down",
): Verdict {
  if (isPlainAllow(opinions)) return ALLOWED;
  const warnings = opinions.flatMap((opinion) => opinion.warnings);
  const denials = opinions.filter(({ answer }) => answer === "deny");
  const would_deny = denials.filter(({ permissive }) => permissive).flatMap(({ reasons }) => reasons);
  const denial = denials.find(({ permissive }) => !permissive);
  const allowed = denial === undefined && opinions.some(({ answer }) => answer === "allow");
  return Object.freeze({
    decision: allowed ? "allow" : "deny",
    reasons: allowed ? NO_REASONS : Object.freeze(denial?.reasons ?? [reason(fallback, "stack")]),
    warnings: Object.freeze(warnings),
    would_deny: Object.freeze(would_deny),
  });
}
