/** From nanoseconds to what a table shows of them. Percentiles are of the nearest rank, so each is a time that was measured. */

export interface Statistics {
  readonly count: number;
  readonly min_ns: number;
  readonly median_ns: number;
  readonly p90_ns: number;
  readonly p99_ns: number;
  readonly p999_ns: number;
  readonly max_ns: number;
  readonly mean_ns: number;
  readonly per_second: number;
}

/** `overheadNs` is taken off each time; what is then below 1 ns counts as 1 ns, so that ratios stay finite. */
export function statisticsOf(times: Uint32Array | readonly number[], overheadNs = 0): Statistics {
  const sorted = Float64Array.from(times).sort();
  const net = (ns: number): number => Math.max(1, ns - overheadNs);
  const at = (share: number): number => net(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  const mean = sorted.reduce((sum, ns) => sum + net(ns), 0) / sorted.length;
  return {
    count: sorted.length,
    min_ns: at(0),
    median_ns: at(0.5),
    p90_ns: at(0.9),
    p99_ns: at(0.99),
    p999_ns: at(0.999),
    max_ns: at(1),
    mean_ns: Math.round(mean * 10) / 10,
    per_second: Math.round(1e9 / mean),
  };
}

/** The nearest-rank median. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length / 2) - 1)] ?? Number.NaN;
}

/** Three digits that count, so that a report shows no more than it knows. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
