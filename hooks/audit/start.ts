/**
 * How a log is taken up again: the last file is checked line by line, an unfinished end is cut off and said so in the log,
 * and anything else that is wrong with it stops the start. Truth: chain-check.ts for what is wrong.
 *
 * A crash leaves nothing but an unfinished last line: each group of lines lasts before the next is written. So anything else
 * is somebody's doing, or the disk's, and for the operator to look at.
 */

import { randomUUID } from "node:crypto";
import { closeSync, constants, fsyncSync, ftruncateSync, openSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, MAX_LINE_BYTES, type Place } from "./chain.js";
import { ChainCheck } from "./chain-check.js";
import type { CheckpointVerifier, SignerName } from "./checkpoint.js";
import { AuditError } from "./errors.js";
import { type LogFileName, listFiles, makeDirectory, syncDirectory } from "./files.js";
import { LineReader } from "./lines.js";
import { LogFiles, type LogHead, now } from "./log-files.js";

export interface StartOptions {
  readonly directory: string;
  /** What the log's files are to say in their first line. */
  readonly key: SignerName | null;
  readonly checkpointRecords: number;
  /** Verifies the log's own checkpoints. */
  readonly verifier: CheckpointVerifier | null;
  /** Goes on behind damage, in a new file, instead of stopping. */
  readonly acceptDamage: boolean;
}

export interface Started {
  readonly files: LogFiles;
  /** What was cut off or left behind, to be recorded. */
  readonly repairs: readonly Repair[];
}

interface Repair {
  readonly kind: "repaired";
  readonly timestamp: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly kept_as: string | null;
  readonly why: string;
}

/** @throws AuditError `damaged`, and what opening and reading files throws */
export async function startLog(options: StartOptions): Promise<Started> {
  const { directory } = options;
  makeDirectory(directory);
  const repairs: Repair[] = [];
  const found = [...listFiles(directory)];
  const next = (found.at(-1)?.number ?? 0) + 1;
  for (let file = found.pop(); file !== undefined; file = found.pop()) {
    const checked = await checkLast(join(directory, file.name), options);
    if (checked.lines > 0) return resume(file, checked, repairs, options, next);
    // A crash may come between making a file and its first line.
    repairs.push(setAside(directory, file.name, checked.torn));
  }
  const head = { log_id: randomUUID(), key: options.key, checkpoint_records: options.checkpointRecords };
  return { files: LogFiles.begin(directory, head, next), repairs };
}

interface CheckedFile {
  readonly lines: number;
  /** What its first line says. */
  readonly head: LogHead | null;
  readonly last: Place | null;
  /** Where the whole lines end. */
  readonly sizeBytes: number;
  readonly torn: Buffer;
  /** What is wrong with it, but for its end. */
  readonly fault: string | null;
}

async function checkLast(path: string, options: StartOptions): Promise<CheckedFile> {
  const reader = new LineReader(path);
  try {
    let check = new ChainCheck();
    let head: LogHead | null = null;
    let sizeBytes = 0;
    for (let line = reader.next(); line !== null; line = reader.next()) {
      if (line.number === 1) {
        head = headOf(line.bytes);
        const { verifier } = options;
        if (verifier !== null && head?.key?.kid === verifier.kid) check = new ChainCheck([verifier]);
      }
      sizeBytes = line.offset + line.length + 1;
      await check.line(line.bytes, path, line.number, line.length);
    }
    check.end();
    const rest = reader.rest();
    const torn = Buffer.from(rest?.bytes ?? []);
    const [first] = check.faults;
    const tooLong =
      rest !== null && rest.length > MAX_LINE_BYTES ? `it ends with ${rest.length} bytes that are no line` : null;
    const fault = first === undefined ? tooLong : `line ${first.line}: ${first.message}`;
    return { lines: check.lines, head, last: check.last, sizeBytes, torn, fault };
  } finally {
    reader.close();
  }
}

function headOf(line: Buffer): LogHead | null {
  try {
    const { log_id, key, checkpoint_records } = JSON.parse(line.toString("utf8"));
    if (typeof log_id !== "string" || !Number.isSafeInteger(checkpoint_records)) return null;
    return { log_id, key: typeof key?.kid === "string" ? { alg: key.alg, kid: key.kid } : null, checkpoint_records };
  } catch {
    return null;
  }
}

function resume(
  file: LogFileName,
  { head, last, sizeBytes, torn, fault }: CheckedFile,
  repairs: Repair[],
  options: StartOptions,
  next: number,
): Started {
  const { directory, key, checkpointRecords, acceptDamage } = options;
  const damage = fault ?? (head === null || last === null ? "it does not begin as a log does" : null);
  if (damage !== null && !acceptDamage) {
    throw new AuditError(
      "damaged",
      `the audit log ${join(directory, file.name)} is damaged: ${damage}. Nothing was changed. See what is wrong with ` +
        "`launchgate audit verify`; to go on behind the damage in a new file, start once with accept_damage",
    );
  }
  const own = { log_id: head?.log_id ?? randomUUID(), key, checkpoint_records: checkpointRecords };
  if (damage !== null) {
    const why = `damage that the operator accepted: ${damage}`;
    const left = { bytes: 0, sha256: digestOf(Buffer.alloc(0)), kept_as: file.name };
    repairs.push({ kind: "repaired", timestamp: now(), file: file.name, ...left, why });
    const files =
      last === null
        ? LogFiles.begin(directory, own, next)
        : LogFiles.continueBehind(directory, own, { name: file.name, number: next - 1, last }, "damaged");
    return { files, repairs };
  }
  // INVARIANT: without damage there is a first line and a last.
  const at = { name: file.name, number: file.number, sizeBytes, last: last as Place };
  if (torn.length > 0) repairs.push(cutOff(directory, file.name, sizeBytes, torn));
  const same = head?.key?.kid === key?.kid && head?.checkpoint_records === checkpointRecords;
  const files = same
    ? LogFiles.resume(directory, own, at)
    : LogFiles.continueBehind(directory, own, { ...at, number: next - 1 }, "configuration");
  return { files, repairs };
}

/** Cuts the unfinished end off, and keeps it beside the file where there is room. */
function cutOff(directory: string, name: string, sizeBytes: number, torn: Buffer): Repair {
  const kept_as = keep(directory, name, torn);
  const fd = openSync(join(directory, name), constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    ftruncateSync(fd, sizeBytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return repairOf(name, torn, kept_as, "the last line was not finished: its writer was stopped while writing it");
}

function keep(directory: string, name: string, torn: Buffer): string | null {
  const kept = `${name}.${Date.now()}.torn`;
  try {
    writeFileSync(join(directory, kept), torn, { mode: 0o600, flag: "wx" });
    return kept;
  } catch {
    return null;
  }
}

/** Of a file without any whole line. */
function setAside(directory: string, name: string, torn: Buffer): Repair {
  const kept = `${name}.${Date.now()}.torn`;
  renameSync(join(directory, name), join(directory, kept));
  syncDirectory(directory);
  return repairOf(name, torn, kept, "the file was begun and has no finished line");
}

function repairOf(file: string, torn: Buffer, kept_as: string | null, why: string): Repair {
  return { kind: "repaired", timestamp: now(), file, bytes: torn.length, sha256: digestOf(torn), kept_as, why };
}
