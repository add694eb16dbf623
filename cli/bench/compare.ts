/** Whether a run is worse than an earlier one: by ratios of one run each, never by times, so that machines may differ. */

import { readJson } from "../files.js";
import { CommandError } from "../io.js";
import { rounded } from "./statistics.js";

interface Change {
  readonly ratio: string;
  readonly before: number;
  readonly now: number;
  /** `now` by `before`: above 1 is worse. */
  readonly factor: number;
}

export interface Comparison {
  readonly threshold: number;
  readonly compared: number;
  /** Those whose factor is above the threshold, the worst first. */
  readonly regressions: readonly Change[];
  /** Ratios of the earlier run that this one did not measure. */
  readonly missing: readonly string[];
}

export type Ratios = Readonly<Record<string, number>>;

/** The ratios of an earlier report. @throws CommandError exit 1 where the file is none, or has none */
export function readBaseline(path: string): Ratios {
  const report = readJson(path) as { readonly schema?: unknown; readonly ratios?: unknown } | null;
  const schema = typeof report === "object" && report !== null ? report.schema : undefined;
  // By value, since the report's module knows this one.
  if (schema !== "launchgate-bench-v1") {
    throw new CommandError(1, `${path} is no report of launchgate bench --format json (schema launchgate-bench-v1)`);
  }
  const ratios = report?.ratios;
  const entries = typeof ratios === "object" && ratios !== null ? Object.entries(ratios) : [];
  const usable = entries.every(([, value]) => typeof value === "number" && Number.isFinite(value) && value > 0);
  if (entries.length === 0 || !usable) throw new CommandError(1, `${path} has no ratios that can be compared`);
  return Object.fromEntries(entries);
}

/**
 * A ratio regresses where it is more than `threshold` times what it was; exactly as much is none. Ratios that only one of
 * the two runs has are not compared.
 * @throws CommandError exit 1 where they have none in common
 */
export function compareRatios(now: Ratios, before: Ratios, threshold: number): Comparison {
  const both = Object.keys(before).filter((ratio) => Object.hasOwn(now, ratio));
  if (both.length === 0) throw new CommandError(1, "the two runs have no ratio in common, so nothing can be compared");
  const changes = both.map((ratio): Change => {
    const [was, is] = [before[ratio] ?? Number.NaN, now[ratio] ?? Number.NaN];
    return { ratio, before: was, now: is, factor: is / was };
  });
  const worse = changes.filter(({ before: was, now: is }) => !(is <= was * threshold));
  return {
    threshold,
    compared: both.length,
    regressions: worse
      .sort((a, b) => b.factor - a.factor)
      .map((change) => ({ ...change, factor: rounded(change.factor) })),
    missing: Object.keys(before).filter((ratio) => !Object.hasOwn(now, ratio)),
  };
}
