/** Reads an audit log line by line, and goes on with what is written while it reads, across rotations. */

import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileNumber, listFiles } from "../../hooks/audit/files.js";
import { type Line, LineReader } from "../../hooks/audit/lines.js";
import { type LogPaths, orCannotRead } from "./log-paths.js";

export interface LogLine extends Line {
  readonly file: string;
}

export interface Following {
  /** Told once everything that was there has been read. */
  readonly onCaughtUp: () => void;
  /** Whether nobody wants more. */
  readonly stopped: () => boolean;
}

const POLL_MS = 150;

/** All lines, whole ones only but for the very last; with `following` without end. */
export async function* readLog(paths: LogPaths, following: Following | null): AsyncGenerator<LogLine, void, undefined> {
  const files = [...paths.files];
  for (let file = files.shift(); file !== undefined; file = files.shift()) {
    const reader = orCannotRead(file, () => new LineReader(file as string));
    try {
      for (;;) {
        for (let line = reader.next(); line !== null; line = reader.next()) yield { ...line, file };
        if (files.length > 0) break;
        if (following === null) break;
        following.onCaughtUp();
        if (following.stopped()) return;
        files.push(...filesAfter(paths.directory, file));
        // INVARIANT: what has a file after it is written to no more; what was written before that is read first.
        if (files.length === 0) await sleep(POLL_MS);
      }
      const rest = reader.rest();
      if (rest !== null) yield { ...rest, file };
    } finally {
      reader.close();
    }
  }
}

function filesAfter(directory: string | null, file: string): readonly string[] {
  if (directory === null) return [];
  const current = fileNumber(basename(file)) ?? 0;
  const after = listFiles(directory).filter(({ number }) => number > current);
  return after.map(({ name }) => join(directory, name));
}
