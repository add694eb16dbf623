/**
 * The measuring itself: each subject warmed up, then timed call by call with the monotonic clock, in rounds in which all
 * take their turn, so that whatever the machine does meanwhile happens to all of them and ratios are of one run.
 */

import { type Statistics, statisticsOf } from "./statistics.js";

type SubjectClass = "codec" | "decide" | "load" | "baseline" | "peer";

/** One thing that is measured. Methods, so that a table can hold subjects of different work. */
export interface Subject<Work = unknown> {
  readonly name: string;
  /** What one call does, said for people. */
  readonly what: string;
  readonly class: SubjectClass;
  readonly count: number;
  /** What the call will work on; not timed. `at` counts from 0 and never repeats. */
  prepare(at: number): Work;
  /** Timed. What it returns is used, so that no compiler can leave the work out. */
  run(work: Work): number;
  /** What it answers, in a word or two; asked once, after the timing. */
  answer?(work: Work): string;
}

export interface Measured {
  readonly name: string;
  readonly class: SubjectClass;
  readonly what: string;
  readonly answer: string | null;
  /** Of calls that were timed alone. */
  readonly ns: Statistics;
  /** The median cost of a call among others of its kind: of rows timed together. Absent where there were too few calls. */
  readonly row_ns?: number;
}

/**
 * Calls in a row, timed together. Reading the clock before and after keeps the processor from overlapping one call with
 * the next, and that costs a call of half a microsecond half as much again; a tail needs calls alone, a ratio does not.
 */
const ROW = 32;

/** What a call costs: in a row, where it was measured so. */
export function costOf({ row_ns, ns }: Pick<Measured, "row_ns" | "ns">): number {
  return row_ns ?? ns.median_ns;
}

export interface Rounds {
  readonly rounds: number;
  /** Calls of each subject before any is timed, but never more than it is timed for. */
  readonly warmup: number;
  readonly progress?: (done: number) => void;
}

interface Run {
  readonly subject: Subject;
  readonly times: Uint32Array;
  /** How often `prepare` was called. */
  prepared: number;
  timed: number;
  /** Nanoseconds of whole rows. */
  readonly rows: number[];
}

/** Measures all, interleaved; the time that the clock and the loop take themselves, measured alike, is taken off. */
export function measure(
  subjects: readonly Subject[],
  { rounds, warmup, progress }: Rounds,
): { readonly overhead_ns: number; readonly measured: readonly Measured[] } {
  const empty: Subject = { ...EMPTY, count: Math.max(1000, rounds * 100) };
  const runs: readonly Run[] = [empty, ...subjects].map((subject) => ({
    subject,
    times: new Uint32Array(subject.count),
    prepared: 0,
    timed: 0,
    rows: [],
  }));
  for (const run of runs) warmUp(run, Math.min(warmup, run.subject.count));
  for (let round = 1; round <= rounds; round += 1) {
    for (const run of rotated(runs, round)) block(run, Math.round((run.subject.count * round) / rounds));
    progress?.(round / rounds);
  }
  const [overhead, ...measured] = runs;
  const overhead_ns = overhead === undefined ? 0 : Math.round(statisticsOf(overhead.times).median_ns);
  return { overhead_ns, measured: measured.map((run) => resultOf(run, overhead_ns)) };
}

const EMPTY: Omit<Subject, "count"> = {
  name: "nothing",
  what: "the clock and the loop",
  class: "baseline",
  prepare: () => null,
  run: () => 0,
};

/** Nobody always follows the same neighbour. */
function rotated<Item>(items: readonly Item[], by: number): readonly Item[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** Where the results go, so that they are used. */
let sink = 0;

function warmUp(run: Run, calls: number): void {
  for (let call = 0; call < calls; call += 1) sink += run.subject.run(run.subject.prepare(run.prepared++));
}

function block(run: Run, until: number): void {
  const { subject, times } = run;
  for (let rows = Math.floor((until - run.timed) / ROW); rows > 0; rows -= 1) row(run);
  for (; run.timed < until; run.timed += 1) {
    const work = subject.prepare(run.prepared++);
    const start = process.hrtime.bigint();
    const result = subject.run(work);
    const end = process.hrtime.bigint();
    times[run.timed] = Number(end - start);
    sink += result;
  }
  if (!Number.isFinite(sink)) throw new Error(`${subject.name} returned what is no number`);
}

function row(run: Run): void {
  const { subject } = run;
  const works: unknown[] = [];
  for (let call = 0; call < ROW; call += 1) works.push(subject.prepare(run.prepared++));
  let results = 0;
  const start = process.hrtime.bigint();
  for (const work of works) results += subject.run(work);
  const end = process.hrtime.bigint();
  run.rows.push(Number(end - start));
  sink += results;
}

function resultOf({ subject, times, prepared, rows }: Run, overheadNs: number): Measured {
  const row = rows.length === 0 ? null : Math.max(1, (statisticsOf(rows).median_ns - overheadNs) / ROW);
  return {
    ...(row === null ? {} : { row_ns: Math.round(row * 10) / 10 }),
    name: subject.name,
    class: subject.class,
    what: subject.what,
    answer: subject.answer?.(subject.prepare(prepared)) ?? null,
    ns: statisticsOf(times, overheadNs),
  };
}
