/** Counts by group, in bounded memory: what comes after the table is full is counted under `others`. */

import { OUTCOMES, type Outcome } from "./decide-again.js";

export type Counts = Readonly<Record<Outcome, number>>;

/** A record that can be looked up again. */
export interface Example {
  readonly file: string;
  readonly line: number;
  /** Null for a bare event. */
  readonly decision_id: string | null;
}

interface GroupRow {
  readonly name: string;
  readonly records: number;
  readonly counts: Counts;
}

export interface GroupTable {
  /** Those in which most flips first. */
  readonly rows: readonly GroupRow[];
  /** What fell into no row of its own, all together; null where nothing did. */
  readonly others: Omit<GroupRow, "name"> | null;
}

type Draft = Record<Outcome, number>;

function zero(): Draft {
  return Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Draft;
}

export class Tally {
  readonly #rows = new Map<string, Draft>();
  readonly #others = zero();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(name: string, outcome: Outcome): void {
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = this.#rows.size < this.#max ? zero() : this.#others;
      if (row !== this.#others) this.#rows.set(name, row);
    }
    row[outcome] += 1;
  }

  table(): GroupTable {
    const rows = [...this.#rows].map(([name, counts]) => ({ name, records: sum(counts), counts: { ...counts } }));
    const others = { records: sum(this.#others), counts: { ...this.#others } };
    return { rows: rows.sort(byFlips), others: others.records === 0 ? null : others };
  }
}

function sum(counts: Counts): number {
  return OUTCOMES.reduce((total, outcome) => total + counts[outcome], 0);
}

function byFlips(a: GroupRow, b: GroupRow): number {
  return flips(b.counts) - flips(a.counts) || b.records - a.records || (a.name < b.name ? -1 : 1);
}

function flips({ allow_to_deny, deny_to_allow }: Counts): number {
  return allow_to_deny + deny_to_allow;
}
