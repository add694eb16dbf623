/** Running again whenever something in a folder changes, until somebody interrupts. */

import { watch } from "node:fs";
import { sep } from "node:path";

/** An editor writes a file in several steps, and often several files at once. */
const SETTLE_MS = 150;

/**
 * Runs `work` at once, and again after each change below `dir`, never twice at a time. Ends on SIGINT or SIGTERM, when what
 * runs has ended. Names that begin with a dot, and node_modules, are passed over, as tests pass them over.
 */
export async function watching(dir: string, work: () => Promise<void>): Promise<void> {
  let changed = (): void => undefined;
  let ended = false;
  let dirty = true;
  const wake = (): void => changed();
  const watcher = watch(dir, { recursive: true }, (_, name) => {
    if (name !== null && isPassedOver(name)) return;
    dirty = true;
    wake();
  });
  const end = (): void => {
    ended = true;
    wake();
  };
  watcher.on("error", end);
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  try {
    while (!ended) {
      if (!dirty) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
        continue;
      }
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      dirty = false;
      if (!ended) await work();
    }
  } finally {
    watcher.close();
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
  }
}

function isPassedOver(name: string): boolean {
  return name.split(sep).some((part) => part.startsWith(".") || part === "node_modules");
}
