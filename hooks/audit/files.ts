/**
 * The files of an audit log: their names, in which order they stand, and who may write them. Truth: open(2), proc(5).
 *
 * A file's name has its number, which counts up from 1 and gives the order, and the time when it was begun in UTC. Nothing
 * here overwrites a file.
 */

import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AuditError } from "./errors.js";

export interface LogFileName {
  readonly name: string;
  readonly number: number;
}

const NAME = /^audit-([0-9]{8})-[0-9]{8}T[0-9]{6}Z\.jsonl$/;

/** `audit-00000001-20261121T222640Z.jsonl` */
export function fileName(number: number, timeMs: number): string {
  const time = new Date(timeMs).toISOString().replaceAll(/[-:]|\.[0-9]+/g, "");
  return `audit-${String(number).padStart(8, "0")}-${time}.jsonl`;
}

/** The number that a file's name has; null where it is none of a log. */
export function fileNumber(name: string): number | null {
  const found = NAME.exec(name);
  return found === null ? null : Number(found[1]);
}

/** A log's files in their order. @throws what `readdirSync` throws */
export function listFiles(directory: string): readonly LogFileName[] {
  return readdirSync(directory)
    .flatMap((name) => {
      const number = fileNumber(name);
      return number === null ? [] : [{ name, number }];
    })
    .sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1));
}

/** Makes the directory, readable by its owner only, where there is none. */
export function makeDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

/** Makes names that were added or taken away last through a crash. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What tells a process from a later one with the same pid. */
interface Holder {
  readonly pid: number;
  /** Clock ticks from boot to its start. */
  readonly started: string;
  readonly boot: string;
}

const LOCK = "lock";

/**
 * Takes the log for this process; what is returned lets go of it. The lock of a process that lives no more is taken over.
 * @throws AuditError `locked` where another process has it
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, LOCK);
  const own = JSON.stringify(holderOf(process.pid));
  const staged = join(directory, `${LOCK}.${process.pid}`);
  writeFileSync(staged, own, { mode: 0o600 });
  try {
    // Linked, not written: nobody ever sees a lock without its holder.
    if (!tryLink(staged, path)) {
      const text = readText(path);
      const holder = text === null ? null : lives(text);
      if (holder !== null)
        throw new AuditError("locked", `${directory} is being written by process ${holder}: one writer for one log`);
      takeAway(path, text);
      if (!tryLink(staged, path)) throw new AuditError("locked", `${directory} was just taken by another process`);
    }
  } finally {
    unlinkSync(staged);
  }
  return () => {
    if (readText(path) === own) unlinkSync(path);
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a stale lock, but only the one that was looked at: another may just have put its own there. */
function takeAway(path: string, seen: string | null): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (readText(aside) !== seen) tryLink(aside, path);
  unlinkSync(aside);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** The pid of the holder that a lock names, if it is still the same process. */
function lives(text: string): number | null {
  try {
    const { pid, started, boot } = JSON.parse(text) as Partial<Holder>;
    if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return null;
    const now = holderOf(pid);
    return now.started === started && now.boot === boot && now.started !== "" ? pid : null;
  } catch {
    return null;
  }
}

function holderOf(pid: number): Holder {
  // The name in parentheses may hold anything; the start time is the twentieth field after it.
  const stat = readText(`/proc/${pid}/stat`) ?? "";
  const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  return { pid, started, boot: (readText("/proc/sys/kernel/random/boot_id") ?? "").trim() };
}
