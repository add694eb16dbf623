/**
 * What may follow what: the decision whether bundles that loaded and verified take the place of those before them. Pure;
 * what is remembered for it is the ledger, by policy name the last state that was in force and where it came from.
 *
 * A policy's revision rises; a place goes on to hold every policy that it has held, so that neither an old bundle, nor one
 * of another name, nor a deletion loosens what holds.
 */

import type { RefusalCode } from "./refusal.js";
import { compareRevisions, isOrdered } from "./revision.js";

/** One policy's entry. */
export interface LedgerEntry {
  readonly revision: string;
  /** PolicyBundle.sha256. */
  readonly sha256: string;
  /** The source that must go on to have it; null: removed, with the operator's leave. */
  readonly source: string | null;
}

export type Ledger = ReadonlyMap<string, LedgerEntry>;

/** What names a state of a policy. */
export interface PolicyState {
  readonly name: string;
  readonly revision: string;
  readonly sha256: string;
}

/** What the operator lets pass this once. */
export interface Overrides {
  /** Any revision, also an older one, or one without order. It is what later ones must rise above. */
  readonly allowRollback?: boolean;
  /** Policies that a source no longer has. */
  readonly allowRemoval?: boolean;
}

export interface RuleOptions extends Overrides {
  /** `any`: revisions need not rise, nor have an order. */
  readonly revisions: "rising" | "any";
}

export interface Fault {
  readonly code: RefusalCode;
  readonly message: string;
  readonly policy: PolicyState | null;
}

/**
 * What is wrong with these being the policies of `source` from now on; empty: nothing. `elsewhere` are the names of the
 * policies of the other sources.
 */
export function faultsOf(
  source: string,
  found: readonly PolicyState[],
  ledger: Ledger,
  elsewhere: ReadonlySet<string>,
  options: RuleOptions,
): readonly Fault[] {
  const faults: Fault[] = [];
  const names = new Set<string>();
  for (const policy of found) {
    const { name } = policy;
    if (names.has(name) || elsewhere.has(name)) {
      const message = `there is another policy with the name ${name}; build each with a --name of its own`;
      faults.push({ code: "policy_duplicate", message, policy });
    }
    names.add(name);
    const fault = revisionFault(policy, ledger.get(name), options);
    if (fault !== null) faults.push({ ...fault, policy });
  }
  if (options.allowRemoval !== true) {
    for (const [name, entry] of ledger) {
      if (entry.source !== source || names.has(name)) continue;
      const message = `the policy ${name} is gone; what it denied would be allowed. Put it back, or allow its removal`;
      faults.push({
        code: "policy_removed",
        message,
        policy: { name, revision: entry.revision, sha256: entry.sha256 },
      });
    }
  }
  return faults;
}

function revisionFault(
  { revision, sha256 }: PolicyState,
  known: LedgerEntry | undefined,
  { revisions, allowRollback }: RuleOptions,
): Omit<Fault, "policy"> | null {
  if (revisions === "any" || allowRollback === true) return null;
  const shown = JSON.stringify(revision.slice(0, 100));
  if (!isOrdered(revision)) {
    const message = `its revision is ${shown}, expected one that can rise: 7, 1.4.2 or 2026-11-22T12:00:00Z`;
    return { code: "revision_format", message };
  }
  if (known === undefined || !isOrdered(known.revision)) return null;
  const order = compareRevisions(revision, known.revision);
  if (order === null) {
    return { code: "revision_form", message: `its revision is ${shown}, which does not compare to ${known.revision}` };
  }
  if (order < 0) {
    return { code: "revision_rollback", message: `its revision is ${shown}, older than ${known.revision} was` };
  }
  if (order === 0 && sha256 !== known.sha256) {
    return { code: "revision_reused", message: `its revision is ${shown}, which was another policy before` };
  }
  return null;
}

/** The ledger once these are the policies of `source`. */
export function enter(ledger: Ledger, source: string, policies: readonly PolicyState[]): Ledger {
  const next = new Map<string, LedgerEntry>();
  for (const [name, entry] of ledger) next.set(name, entry.source === source ? { ...entry, source: null } : entry);
  for (const { name, revision, sha256 } of policies) next.set(name, { revision, sha256, source });
  return next;
}

export function sameLedger(a: Ledger, b: Ledger): boolean {
  return (
    a.size === b.size &&
    [...a].every(([name, { revision, sha256, source }]) => {
      const other = b.get(name);
      return other?.revision === revision && other.sha256 === sha256 && other.source === source;
    })
  );
}
