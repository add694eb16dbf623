/**
 * Retention: the oldest files of a log are deleted, and the log says which and where they ended, so that nobody else can
 * take files away unseen. Truth: `retired` in the audit schema (policies/schema/audit.schema.json).
 */

import { unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./chain.js";
import { listFiles, syncDirectory } from "./files.js";
import { LineReader } from "./lines.js";
import { now } from "./log-files.js";

interface End extends Place {
  readonly file: string;
}

export interface Retired {
  readonly kind: "retired";
  readonly timestamp: string;
  readonly files: readonly End[];
}

/** Deletes all but the newest `keep` files, once `record` has put that into the log for good. */
export function retireOldFiles(directory: string, keep: number, record: (retired: Retired) => void): void {
  const files = listFiles(directory);
  const ends: End[] = [];
  for (const [at, { name }] of files.slice(0, Math.max(0, files.length - keep)).entries()) {
    const end = endAsNamedBy(join(directory, files[at + 1]?.name ?? ""));
    // What the next file does not name is not known to be part of this log, and stays.
    if (end === null || end.file !== name) break;
    ends.push(end);
  }
  if (ends.length === 0) return;
  record({ kind: "retired", timestamp: now(), files: ends });
  for (const { file } of ends) remove(join(directory, file));
  syncDirectory(directory);
}

/** A file that cannot be deleted is none of the log's own troubles: the next rotation finds it again. */
function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    return;
  }
}

/** How the file before ended, as this one's first line says. */
function endAsNamedBy(path: string): End | null {
  const reader = new LineReader(path);
  try {
    const { previous } = JSON.parse(reader.next()?.bytes.toString("utf8") ?? "{}");
    if (typeof previous?.file !== "string" || typeof previous.sha256 !== "string") return null;
    return { file: previous.file, seq: Number(previous.seq), sha256: previous.sha256 };
  } catch {
    return null;
  } finally {
    reader.close();
  }
}
