/** What a replay may not find, for CI: limits on how many records change, and what is over them. */

import { CHANGES, type Change } from "./run.js";
import type { Counts } from "./tally.js";

/** The changes as the command line names them. */
export const CHANGE_NAMES: Readonly<Record<Change, string>> = {
  allow_to_deny: "allow-to-deny",
  deny_to_allow: "deny-to-allow",
  reasons_changed: "reasons-changed",
};

export interface GateOptions {
  /** Changes of which not one may be found; `any` is all of them. */
  readonly failOn: readonly string[];
  readonly maxAllowToDeny: number | null;
  readonly maxDenyToAllow: number | null;
}

export interface GateResult {
  readonly gate: string;
  readonly change: Change;
  readonly found: number;
  /** How many there may be. */
  readonly limit: number;
  readonly passed: boolean;
}

export function gateResults(
  counts: Counts,
  { failOn, maxAllowToDeny, maxDenyToAllow }: GateOptions,
): readonly GateResult[] {
  const result = (gate: string, change: Change, limit: number): GateResult => {
    const found = counts[change];
    return { gate, change, found, limit, passed: found <= limit };
  };
  const any = failOn.includes("any");
  return [
    ...CHANGES.filter((change) => any || failOn.includes(CHANGE_NAMES[change])).map((change) =>
      result(`--fail-on ${CHANGE_NAMES[change]}`, change, 0),
    ),
    ...(maxAllowToDeny === null ? [] : [result("--max-allow-to-deny", "allow_to_deny", maxAllowToDeny)]),
    ...(maxDenyToAllow === null ? [] : [result("--max-deny-to-allow", "deny_to_allow", maxDenyToAllow)]),
  ];
}
