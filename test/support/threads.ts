/** The threads that this process starts, seen from outside. Truth: Node's documentation, diagnostics_channel, `worker_threads`. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { ROOT } from "./cli.js";

/** Whether `npm run build` has made the file that threads run. */
export const THREADS_BUILT = existsSync(join(ROOT, "dist/workers/evaluator.js"));

export interface ThreadWatch {
  /** All that were started since, in their order. */
  readonly started: readonly Worker[];
  /** How many of them have not ended. */
  alive(): number;
  /** What to do with each that is started from now on. */
  onStart(then: (worker: Worker) => void): void;
  stop(): void;
}

export function watchThreads(): ThreadWatch {
  const started: Worker[] = [];
  const ended = new Set<Worker>();
  let then: (worker: Worker) => void = () => undefined;
  const onMessage = (message: unknown): void => {
    const { worker } = message as { readonly worker: Worker };
    started.push(worker);
    worker.once("exit", () => ended.add(worker));
    then(worker);
  };
  subscribe("worker_threads", onMessage);
  return {
    started,
    alive: () => started.length - ended.size,
    onStart: (next) => {
      then = next;
    },
    stop: () => {
      unsubscribe("worker_threads", onMessage);
    },
  };
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until it is so; an error where it is not within ten seconds. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !isSo(); await sleep(5)) {
    if (performance.now() > end) throw new Error(`not within ten seconds: ${what}`);
  }
}
