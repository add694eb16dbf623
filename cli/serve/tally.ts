/** What the daemon counts of its decisions, cheaply enough to do so for each: what metrics and status then show. */

import type { Decision } from "../../hooks/index.js";
import type { ListenerConfig } from "./config.js";

/** Upper bounds of the latency histogram, in seconds. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
const BOUNDS_MS = Float64Array.from(LATENCY_BOUNDS, (seconds) => seconds * 1000);

/** Reasons that are counted by name; policies may invent any number, and those beyond are one. */
const MAX_REASONS = 500;
const OTHERS = "other_reasons other";

/** Of one listener. */
export class ListenerTally {
  readonly origin: ListenerConfig["origin"];
  allowed = 0;
  denied = 0;
  /** Allows that would have been denials, had no module been permissive. */
  wouldDeny = 0;
  /** Results that were reported, and those that were not recorded. */
  results = 0;
  resultsLost = 0;
  /** By code and module of the first reason. */
  readonly #reasons = new Map<string, number>();

  constructor(origin: ListenerConfig["origin"]) {
    this.origin = origin;
  }

  count({ decision, reasons, would_deny }: Pick<Decision, "decision" | "reasons" | "would_deny">): void {
    if (decision === "allow") {
      this.allowed += 1;
      if (would_deny.length > 0) this.wouldDeny += 1;
    } else {
      const [first] = reasons;
      this.denyFor(first?.code ?? "none", first?.module ?? "none");
    }
  }

  denyFor(code: string, module: string): void {
    this.denied += 1;
    const key = `${code} ${module}`;
    const known = this.#reasons.get(key);
    const counted = known !== undefined || this.#reasons.size < MAX_REASONS ? key : OTHERS;
    this.#reasons.set(counted, (this.#reasons.get(counted) ?? 0) + 1);
  }

  reasons(): readonly { readonly code: string; readonly module: string; readonly count: number }[] {
    return [...this.#reasons].map(([key, count]) => {
      const [code = "", module = ""] = key.split(" ");
      return { code, module, count };
    });
  }
}

/** How long answers took, from when the request was read to when the verdict may be sent. */
export class Latencies {
  /** For each bound those at most so long, and the rest; not cumulative. */
  readonly #counts = new Float64Array(LATENCY_BOUNDS.length + 1);
  #sumMs = 0;

  observe(milliseconds: number): void {
    let at = 0;
    while (at < BOUNDS_MS.length && milliseconds > (BOUNDS_MS[at] as number)) at += 1;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sumMs += milliseconds;
  }

  /** Cumulative, as Prometheus wants it; the last is for no bound. */
  cumulative(): { readonly counts: readonly number[]; readonly sumSeconds: number } {
    let sum = 0;
    const counts = Array.from(this.#counts, (count) => {
      sum += count;
      return sum;
    });
    return { counts, sumSeconds: this.#sumMs / 1000 };
  }
}
