/**
 * The files that a log is written to: appended to, made to last, rotated, and brought back to where they were when a write
 * fails. Truth: write(2), fdatasync(2), ftruncate(2).
 *
 * Only one thread of one process writes (files.ts has the lock); whatever else happens to a file is found before the next
 * write, and what was found is left as it is: writing goes on in a new file. Nothing here retries.
 */

import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { chained, openJson, type Place } from "./chain.js";
import type { SignerName } from "./checkpoint.js";
import { AuditError } from "./errors.js";
import { fileName, listFiles, makeDirectory, syncDirectory } from "./files.js";

export type ContinuedBecause = "size" | "age" | "configuration" | "replaced" | "damaged";

/** What every file says in its first line. */
export interface LogHead {
  readonly log_id: string;
  readonly key: SignerName | null;
  readonly checkpoint_records: number;
}

/** Up to where a file was written. */
interface Mark {
  readonly sizeBytes: number;
  readonly last: Place;
}

const VERSION = 1;

/** One file that is being appended to. */
interface OpenFile {
  readonly fd: number;
  readonly name: string;
  readonly number: number;
  readonly inode: number;
  readonly begunMs: number;
}

export class LogFiles {
  readonly directory: string;
  readonly head: LogHead;
  #file: OpenFile;
  /** The last line that is in the file, and the last that is certain to outlast a crash. */
  #written: Mark;
  #durable: Mark;
  /** Something else was done to the file than what was written here. */
  #spoilt = false;

  private constructor(directory: string, head: LogHead, file: OpenFile, mark: Mark) {
    this.directory = directory;
    this.head = head;
    this.#file = file;
    this.#written = mark;
    this.#durable = mark;
  }

  /** Begins a log, in a file of that number. */
  static begin(directory: string, head: LogHead, number: number): LogFiles {
    const text = openJson({ kind: "genesis", timestamp: now(), version: VERSION, ...head });
    const { file, mark } = create(directory, number, text, null);
    return new LogFiles(directory, head, file, mark);
  }

  /** Goes on in the last file of a log, whose lines were checked, and which ends with `last`. */
  static resume(
    directory: string,
    head: LogHead,
    at: { readonly name: string; readonly number: number } & Mark,
  ): LogFiles {
    const { name, number, sizeBytes, last } = at;
    const fd = openSync(join(directory, name), constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
    const { ino, birthtimeMs } = fstatSync(fd);
    return new LogFiles(
      directory,
      head,
      { fd, name, number, inode: ino, begunMs: birthtimeMs > 0 ? birthtimeMs : Date.now() },
      { sizeBytes, last },
    );
  }

  /** Goes on in a new file behind the last one, which stays as it is. */
  static continueBehind(
    directory: string,
    head: LogHead,
    { name, number, last }: { readonly name: string; readonly number: number; readonly last: Place },
    reason: ContinuedBecause,
  ): LogFiles {
    const { file, mark } = create(directory, number + 1, continuedText(head, name, last, reason), last);
    return new LogFiles(directory, head, file, mark);
  }

  get name(): string {
    return this.#file.name;
  }

  get last(): Place {
    return this.#written.last;
  }

  get durable(): Place {
    return this.#durable.last;
  }

  get sizeBytes(): number {
    return this.#written.sizeBytes;
  }

  get begunMs(): number {
    return this.#file.begunMs;
  }

  /**
   * Appends lines, of which `last` is the last. Throws where that cannot be done, or not wholly; `rollBack` then takes away
   * what is there of them.
   */
  write(bytes: Uint8Array, last: Place): void {
    this.#checkUntouched();
    let done = 0;
    while (done < bytes.length) done += writeSync(this.#file.fd, bytes, done, bytes.length - done);
    this.#written = { sizeBytes: this.#written.sizeBytes + bytes.length, last };
  }

  /** Waits until what was written is certain to outlast a crash. */
  sync(): void {
    if (this.#durable === this.#written) return;
    fdatasyncSync(this.#file.fd);
    this.#durable = this.#written;
  }

  /** Where to come back to; see `rollBack`. */
  get mark(): Mark {
    return this.#written;
  }

  get durableMark(): Mark {
    return this.#durable;
  }

  /**
   * Takes away what was written after `mark`. Where the file is not what was written here any more, it is left as it is, and a
   * new one is begun behind the mark. Throws where neither can be done.
   */
  rollBack(mark: Mark): void {
    this.#written = mark;
    if (this.takeBack(mark)) return;
    this.#spoilt = true;
    makeDirectory(this.directory);
    this.rotate("replaced");
  }

  /** The same, if the file is still the one that was written here; false where it is not. */
  takeBack(mark: Mark): boolean {
    if (this.#spoilt || !this.#isInPlace() || fstatSync(this.#file.fd).size < mark.sizeBytes) return false;
    this.#written = mark;
    ftruncateSync(this.#file.fd, mark.sizeBytes);
    fsyncSync(this.#file.fd);
    this.#durable = mark;
    return true;
  }

  /** Goes on in a new file. What is in the old one has been made to last, except where that is impossible. */
  rotate(reason: ContinuedBecause): void {
    if (!this.#spoilt) this.sync();
    const { last } = this.#written;
    const { name, number, fd } = this.#file;
    const text = continuedText(this.head, name, last, reason);
    const newest = listFiles(this.directory).at(-1)?.number ?? 0;
    const { file, mark } = create(this.directory, Math.max(number, newest) + 1, text, last);
    closeSync(fd);
    this.#file = file;
    this.#written = mark;
    this.#durable = mark;
    this.#spoilt = false;
  }

  close(): void {
    closeSync(this.#file.fd);
  }

  /** Throws where somebody else has removed, replaced, cut or written to the file. */
  #checkUntouched(): void {
    if (!this.#isInPlace()) {
      this.#spoilt = true;
      throw new AuditError("sink", `${this.#file.name} was removed or replaced`);
    }
    const { size } = fstatSync(this.#file.fd);
    if (size === this.#written.sizeBytes) return;
    this.#spoilt = true;
    throw new AuditError(
      "sink",
      `${this.#file.name} is ${size} bytes, expected ${this.#written.sizeBytes}: somebody else has written to it`,
    );
  }

  #isInPlace(): boolean {
    return statSync(join(this.directory, this.#file.name), { throwIfNoEntry: false })?.ino === this.#file.inode;
  }
}

function continuedText(head: LogHead, file: string, { seq, sha256 }: Place, reason: ContinuedBecause): string {
  const previous = { file, seq, sha256 };
  return openJson({ kind: "continued", timestamp: now(), version: VERSION, ...head, previous, reason });
}

/** A new file with its first line, which lasts. Where that fails, there is no such file. */
function create(directory: string, number: number, text: string, before: Place | null): { file: OpenFile; mark: Mark } {
  const name = fileName(number, Date.now());
  const path = join(directory, name);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL;
  const fd = openSync(path, flags, 0o600);
  try {
    const { line, place } = chained(text, before);
    const bytes = Buffer.from(`${line}\n`);
    let done = 0;
    while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done);
    fsyncSync(fd);
    syncDirectory(directory);
    const file = { fd, name, number, inode: fstatSync(fd).ino, begunMs: Date.now() };
    return { file, mark: { sizeBytes: bytes.length, last: place } };
  } catch (error) {
    closeSync(fd);
    unlinkSync(path);
    throw error;
  }
}

/** RFC 3339 with milliseconds. */
export function now(): string {
  return new Date().toISOString();
}
