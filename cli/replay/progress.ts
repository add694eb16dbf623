/** How far a long run has come, on stderr, where a person looks on: a line that is written over. */

import type { Io } from "../io.js";

export interface Progress {
  /** What was done by now; draws at most a few times a second. */
  readonly at: (records: number, bytes: number) => void;
  readonly clear: () => void;
}

const EVERY_MS = 200;

/** `totalBytes`: null where nobody knows the end, and then none is promised. */
export function progressOf(what: string, totalBytes: number | null, { progress, err }: Io): Progress {
  if (!progress) return { at: () => undefined, clear: () => undefined };
  const started = Date.now();
  let drawn = started;
  return {
    at: (records, bytes) => {
      const now = Date.now();
      if (now - drawn < EVERY_MS) return;
      drawn = now;
      err(`\r\u001b[K${what}: ${progressText({ records, bytes, totalBytes, seconds: (now - started) / 1000 })}`);
    },
    clear: () => err("\r\u001b[K"),
  };
}

interface Done {
  readonly records: number;
  readonly bytes: number;
  readonly totalBytes: number | null;
  readonly seconds: number;
}

export function progressText({ records, bytes, totalBytes, seconds }: Done): string {
  const count = `${records.toLocaleString("en")} records, ${Math.round(records / seconds).toLocaleString("en")}/s`;
  if (totalBytes === null || bytes === 0) return `${count}, ${megabytes(bytes)} read`;
  const left = Math.max(0, Math.round((seconds * (totalBytes - bytes)) / bytes));
  const share = Math.min(100, Math.floor((100 * bytes) / Math.max(1, totalBytes)));
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  return `${count}, ${megabytes(bytes)} of ${megabytes(totalBytes)} (${share} %), ${clock} left`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
