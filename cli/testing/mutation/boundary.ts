/**
 * Boundary testing: the variants of each case, put to the gate that the case is put to. What is weaker than an allowed launch
 * and is allowed as well, is either meant, or a line that no rule draws; only people know which.
 */

import type { Gate, LaunchEvent } from "../../../hooks/index.js";
import type { Direction, Variant } from "./variant.js";
import { type VariantOptions, variantsOf } from "./variants.js";

/** A case that passes, as `launchgate test` has it. */
export interface BoundaryCase {
  readonly suite: string;
  readonly name: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly event: LaunchEvent;
}

interface JudgedVariant extends Pick<Variant, "id" | "description" | "field" | "direction"> {
  readonly decision: "allow" | "deny";
  /** Of the denial, each once, sorted. */
  readonly codes: readonly string[];
}

export interface BoundaryResult extends Omit<BoundaryCase, "event"> {
  /** Of the case itself. */
  readonly decision: "allow" | "deny";
  readonly variants: readonly JudgedVariant[];
  /** Weaker than the case, and allowed. */
  readonly survivors: readonly JudgedVariant[];
}

export interface BoundaryReport {
  readonly results: readonly BoundaryResult[];
  readonly counts: Readonly<Record<Direction, { readonly allowed: number; readonly denied: number }>>;
  /** Denied, of the weaker variants of allowed cases, in percent; null where there are none. */
  readonly score: number | null;
}

/**
 * Judges the variants of every case. `gateFor` gives the case's gate, which must not check signatures (`signatureCheck:
 * "never"`) unless variants are signed anew: a wrong signature denies whatever the policy says.
 * @throws EventError where a case has no LaunchEvent
 */
export function boundaryOf<Case extends BoundaryCase>(
  cases: readonly Case[],
  gateFor: (one: Case) => Pick<Gate, "decide">,
  optionsFor: (one: Case) => VariantOptions = () => ({}),
): BoundaryReport {
  const results = cases.map((one) => judged(one, gateFor(one), optionsFor(one)));
  const weaker = results
    .filter(({ decision }) => decision === "allow")
    .flatMap(({ variants }) => variants.filter(({ direction }) => direction === "weaker"));
  const denied = weaker.filter(({ decision }) => decision === "deny").length;
  return {
    results,
    counts: { weaker: count(results, "weaker"), stronger: count(results, "stronger"), other: count(results, "other") },
    score: weaker.length === 0 ? null : (100 * denied) / weaker.length,
  };
}

function judged(one: BoundaryCase, gate: Pick<Gate, "decide">, options: VariantOptions): BoundaryResult {
  const { suite, name, file, line, event } = one;
  const variants = variantsOf(event, options).map(({ id, description, field, direction, event: changed }) => {
    const { decision, reasons } = gate.decide(changed);
    const codes = [...new Set(reasons.map(({ code }) => code))].sort();
    return { id, description, field, direction, decision, codes };
  });
  const survivors = variants.filter(({ direction, decision }) => direction === "weaker" && decision === "allow");
  return { suite, name, file, line, decision: gate.decide(event).decision, variants, survivors };
}

function count(
  results: readonly BoundaryResult[],
  direction: Direction,
): { readonly allowed: number; readonly denied: number } {
  const variants = results.flatMap((result) => result.variants.filter((one) => one.direction === direction));
  const allowed = variants.filter(({ decision }) => decision === "allow").length;
  return { allowed, denied: variants.length - allowed };
}
