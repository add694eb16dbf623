/** Whether a figure that was sampled over time stays where it is. */

import { median, rounded } from "../bench/statistics.js";

export interface Sample {
  /** Since the beginning. */
  readonly seconds: number;
  readonly value: number;
}

export interface Trend {
  readonly samples: number;
  readonly first: number;
  readonly last: number;
  readonly median: number;
  /** By Theil and Sen: the median of the slopes between all pairs, which no single sample can bend. */
  readonly slope_per_minute: number;
  /** What that makes over the time that was sampled. */
  readonly growth: number;
  /** What it may be at most. */
  readonly allowed: number;
  readonly flat: boolean;
}

/** Of the figure's median. */
const ALLOWED_SHARE = 0.05;
/** The first part is for caches and heaps to fill, and is not looked at: so much of it, and so long at least. */
const SETTLING_SHARE = 0.25;
const SETTLING_SECONDS = 60;
/** From fewer nothing is concluded. */
const MIN_SAMPLES = 8;

/** `leeway` is what a figure of this kind may grow by in any case. Null where there are too few samples to say anything. */
export function trendOf(all: readonly Sample[], leeway: number): Trend | null {
  const settled = all.slice(Math.floor(all.length * SETTLING_SHARE));
  const samples = settled.filter(({ seconds }) => seconds >= SETTLING_SECONDS);
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || samples.length < MIN_SAMPLES) return null;
  const slope = theilSen(samples);
  const growth = slope * (last.seconds - first.seconds);
  const middle = median(samples.map(({ value }) => value));
  const allowed = Math.max(leeway, ALLOWED_SHARE * middle);
  return {
    samples: samples.length,
    first: first.value,
    last: last.value,
    median: middle,
    slope_per_minute: rounded(slope * 60),
    growth: Math.round(growth),
    allowed: Math.round(allowed),
    flat: growth <= allowed,
  };
}

function theilSen(samples: readonly Sample[]): number {
  const slopes: number[] = [];
  for (const [at, one] of samples.entries()) {
    for (const other of samples.slice(at + 1)) slopes.push((other.value - one.value) / (other.seconds - one.seconds));
  }
  return median(slopes);
}
