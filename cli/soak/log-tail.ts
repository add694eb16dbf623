/** The whole lines of an audit log, each once, as it grows: over rotations, and over repairs of a torn end. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { logPaths } from "../audit/log-paths.js";

/** What is looked at of a line. */
export interface TailedLine {
  readonly kind: string;
  readonly decision_id?: string;
  readonly result?: { readonly decision: string; readonly generation: number };
  readonly generation?: number | null;
  readonly policies?: readonly { readonly revision: string }[];
  readonly refusal?: { readonly code: string };
}

const LINE_FEED = 0x0a;
const CHUNK_BYTES = 4 * 1024 * 1024;

export class LogTail {
  readonly #folder: string;
  /** By file: where the first line begins that was not read. */
  readonly #offsets = new Map<string, number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What has come since the last time, without the end of a line that is still being written. */
  read(onLine: (line: TailedLine) => void): void {
    for (const file of logPaths([this.#folder]).files) {
      const from = this.#offsets.get(file) ?? 0;
      this.#offsets.set(file, from + readLines(file, from, onLine));
    }
  }
}

/** @returns how many bytes of whole lines there were */
function readLines(file: string, from: number, onLine: (line: TailedLine) => void): number {
  const fd = openSync(file, "r");
  try {
    const size = fstatSync(fd).size;
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let rest = Buffer.alloc(0);
    let used = 0;
    for (let at = from; at < size; ) {
      const count = readSync(fd, chunk, 0, Math.min(chunk.length, size - at), at);
      if (count === 0) break;
      at += count;
      const bytes = Buffer.concat([rest, chunk.subarray(0, count)]);
      let line = 0;
      for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, line)) {
        onLine(JSON.parse(bytes.toString("utf8", line, end)) as TailedLine);
        line = end + 1;
      }
      used += line;
      rest = bytes.subarray(line);
    }
    return used;
  } finally {
    closeSync(fd);
  }
}
