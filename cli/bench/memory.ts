/**
 * What decisions cost in memory: bytes allocated by each, and what stays after very many. Heap and what hangs on it (array
 * buffers and WASM memory among it) by process.memoryUsage(), after the garbage collector was made to run.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Subject } from "./rounds.js";
import { median } from "./statistics.js";

export interface Growth {
  readonly subject: string;
  readonly decisions: number;
  /** Median over blocks too short for the collector to run in between. */
  readonly allocated_bytes_per_decision: number;
  /** Heap and external, collected, before and after. */
  readonly before_bytes: number;
  readonly after_bytes: number;
  readonly growth_bytes: number;
  readonly rss_growth_bytes: number;
}

const BLOCKS = 60;
const BLOCK = 100;

/** `warmup` decisions first, so that caches that are bounded are full. */
export function measureMemory(subject: Subject, decisions: number, warmup: number): Growth {
  const collect = collector();
  let at = 0;
  const decide = (times: number): void => {
    for (let call = 0; call < times; call += 1) subject.run(subject.prepare(at++));
  };
  decide(warmup);
  const allocated = allocatedBytes(subject, at, collect);
  at += BLOCKS * BLOCK;
  collect();
  const before_bytes = heldBytes();
  const rss = process.memoryUsage.rss();
  decide(decisions);
  collect();
  const after_bytes = heldBytes();
  return {
    subject: subject.name,
    decisions,
    allocated_bytes_per_decision: allocated,
    before_bytes,
    after_bytes,
    growth_bytes: after_bytes - before_bytes,
    rss_growth_bytes: process.memoryUsage.rss() - rss,
  };
}

/** Works on a block are prepared before it: each has memory of its own as long as a block is no longer than the pool. */
function allocatedBytes(subject: Subject, from: number, collect: () => void): number {
  const deltas: number[] = [];
  for (let block = 0; block < BLOCKS; block += 1) {
    const works = Array.from({ length: BLOCK }, (_, call) => subject.prepare(from + block * BLOCK + call));
    if (block % 10 === 0) collect();
    const before = heldBytes();
    for (const work of works) subject.run(work);
    deltas.push(heldBytes() - before);
  }
  return Math.round(median(deltas) / BLOCK);
}

export function heldBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Node gives the collector away only to those who ask with a flag. */
export function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  return () => {
    gc();
    gc();
  };
}
