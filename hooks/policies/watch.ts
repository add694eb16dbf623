/**
 * Noticing that policy files have changed. The kernel's notice (fs.watch on the folder, which also sees a file renamed into
 * place) makes it quick; looking at the files at intervals makes it certain, also where there is no notice at all.
 *
 * What is noticed is that files are not what they were; what they say is not read here.
 */

import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import { fingerprint, type PolicySource } from "./sources.js";

export interface WatchOptions {
  /** How long files must stay as they are before they are read. Default 200. */
  readonly settleMs?: number;
  /** How often to look without notice. Default 5000. */
  readonly pollMs?: number;
}

export interface Watching {
  /** What the files are at the moment: call it before they are read, so that no change is missed. */
  readonly note: () => Promise<void>;
  readonly stop: () => void;
}

/** How often a change may put the reading off, so that a file that never settles is refused rather than unseen. */
const MAX_DELAYS = 25;

/** Calls `changed` when a source is not what it was when last noted. Timers do not keep the process alive. */
export function watchSources(
  sources: readonly PolicySource[],
  changed: () => void,
  { settleMs = 200, pollMs = 5000 }: WatchOptions = {},
): Watching {
  const folders = new Set(
    sources.flatMap((source) =>
      source.kind === "made" ? [] : source.kind === "file" ? [dirname(source.path)] : [source.path],
    ),
  );
  let noted: string | null = null;
  let seen: string | null = null;
  let delays = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<string> => JSON.stringify(await Promise.all(sources.map(fingerprint)));

  const check = async (): Promise<void> => {
    const now = await look();
    if (stopped) return;
    if (noted === null || now === noted) {
      delays = 0;
    } else if (now === seen || delays >= MAX_DELAYS) {
      delays = 0;
      noted = now;
      changed();
    } else {
      seen = now;
      delays += 1;
      schedule();
    }
  };
  const schedule = (): void => {
    if (stopped) return;
    clearTimeout(timer);
    timer = setTimeout(() => void check(), settleMs).unref();
  };

  const watchers = [...folders].flatMap((folder) => watchFolder(folder, schedule));
  const poll = setInterval(() => void check(), pollMs).unref();
  return {
    note: async () => {
      noted = await look();
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      clearInterval(poll);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/** No watcher where the system gives none: the interval is there. */
function watchFolder(folder: string, changed: () => void): readonly FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, changed);
    watcher.on("error", () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}
