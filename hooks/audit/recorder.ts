/**
 * The writing of a log: what comes meanwhile becomes one group, which is chained, written and made to last together. Truth:
 * chain.ts for the lines, log-files.ts for the files.
 *
 * One thing happens at a time, in the order in which it was asked for. What cannot be written is never forgotten: it is kept
 * and written later, or counted, and the count is the first thing that is written when writing succeeds again.
 */

import { type Unpacked, Unpacker } from "../../engine/audit-unpack.js";
import { MAX_GROUP_LINES, openJson } from "./chain.js";
import type { CheckpointReason, CheckpointSigner } from "./checkpoint.js";
import { AuditError } from "./errors.js";
import { type Entry, LineBuffer } from "./line-buffer.js";
import { type LogFiles, now } from "./log-files.js";
import type { Counts, FromWriter, LogPlace, Refused, ToWriter, Trouble, WriterOptions } from "./messages.js";
import { retireOldFiles } from "./retention.js";

const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 5000;
/** What fails again so soon had not really recovered: a full disk takes a short line and no long one. */
const RELAPSE_MS = 10_000;

export class Recorder {
  readonly #files: LogFiles;
  readonly #options: WriterOptions;
  readonly #signer: CheckpointSigner | null;
  readonly #tell: (message: FromWriter, given?: readonly ArrayBuffer[]) => void;
  readonly #unpacker: Unpacker;
  readonly #lines = new LineBuffer();
  readonly #queue: ToWriter[] = [];
  #running = false;

  /** Written, but not yet certain to last; with durability `before` that is nothing that anybody waits for. */
  #unsynced = counts();
  #sinceCheckpoint = 0;
  #checkpointTimer: NodeJS.Timeout | undefined;
  #checkpointDue = false;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncDue = false;

  /** Why nothing can be written, and since when. */
  #failing: { trouble: Trouble; readonly since: string } | null = null;
  #rollBackTo: LogFiles["mark"] | null = null;
  #kept: Entry[] = [];
  #lost = counts();
  #retryMs = MIN_RETRY_MS;
  #recoveredMs = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryDue = false;

  constructor(
    files: LogFiles,
    options: WriterOptions,
    signer: CheckpointSigner | null,
    tell: (message: FromWriter, given?: readonly ArrayBuffer[]) => void,
  ) {
    this.#files = files;
    this.#options = options;
    this.#signer = signer;
    this.#tell = tell;
    this.#unpacker = new Unpacker(options.signatureCheck);
  }

  get place(): LogPlace {
    const { head, name, last, sizeBytes } = this.#files;
    return { log_id: head.log_id, file: name, last, size_bytes: sizeBytes };
  }

  /** Before anything else: what a start has repaired, and a checkpoint, so that no line is ever far from one. */
  async begin(repairs: readonly object[]): Promise<void> {
    for (const repair of repairs) this.#writeLine(repair);
    await this.#checkpoint("interval");
    this.#files.sync();
  }

  /** Everything that is asked for; it is done in this order, and groups form of what comes while one is being written. */
  push(message: ToWriter): void {
    this.#queue.push(message);
    this.#wake();
  }

  #wake(): void {
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#retryDue) await this.#retry();
      if (this.#checkpointDue) await this.#timelyCheckpoint();
      if (this.#syncDue) this.#sync();
      const next = this.#queue[0];
      if (next === undefined) break;
      if (next.type === "batch") await this.#group();
      else {
        this.#queue.shift();
        if (next.type === "refused") this.#refused(next.refused);
        else if (next.type === "flush") this.#flush();
        else await this.#close();
      }
    }
    this.#running = false;
  }

  /** The batches that have come, up to what one group holds. */
  async #group(): Promise<void> {
    if (this.#failing === null) await this.#rotateOrFail();
    const batches = this.#failing === null ? this.#writeBatches() : this.#holdBatches();
    const trouble = this.#failing?.trouble ?? null;
    this.#tell({ type: "done", batches, trouble, place: this.place }, batches);
    await this.#checkpointWhereDue();
  }

  #writeBatches(): readonly ArrayBuffer[] {
    const batches: ArrayBuffer[] = [];
    const lines = this.#lines.begin(this.#files.last);
    while (lines.count < MAX_GROUP_LINES / 2 && !lines.isFull) {
      const next = this.#queue[0];
      if (next?.type !== "batch") break;
      this.#queue.shift();
      batches.push(next.batch);
      this.#unpacker.unpack(next.batch, next.length, (record) => lines.add(countAs(record), record.write));
    }
    this.#commit(lines);
    return batches;
  }

  /** What is dropped anyway is not written out; but every batch is read, since later ones build upon it. */
  #holdBatches(): readonly ArrayBuffer[] {
    const batches: ArrayBuffer[] = [];
    for (let next = this.#queue[0]; next?.type === "batch"; next = this.#queue[0]) {
      this.#queue.shift();
      batches.push(next.batch);
      const lines = this.#lines.begin(this.#files.last);
      this.#unpacker.unpack(next.batch, next.length, (record) => {
        const as = countAs(record);
        if (this.#isWorthKeeping(as)) lines.add(as, record.write);
        else this.#lost[as] += 1;
      });
      this.#hold(lines.entries());
    }
    return batches;
  }

  /** Writes a group, and makes it last where that is waited for. */
  #commit(lines: LineBuffer): void {
    const before = this.#options.durability === "before";
    const mark = this.#files.mark;
    let written = false;
    try {
      this.#write(lines);
      written = true;
      if (before) this.#files.sync();
      else this.#writtenUnsynced(lines);
      this.#armCheckpoint();
    } catch (error) {
      if (before || written) this.#failUnsynced(error, lines.entries());
      else this.#fail(error, mark, lines.entries());
    }
  }

  #write(lines: LineBuffer): void {
    if (lines.count === 0) return;
    this.#files.write(lines.bytes, lines.last);
    this.#sinceCheckpoint += lines.count;
  }

  /** One of the log's own lines. */
  #writeLine(record: object): void {
    const lines = this.#lines.begin(this.#files.last);
    lines.addText({ text: openJson(record), as: null });
    this.#write(lines);
  }

  #writtenUnsynced({ kinds }: LineBuffer): void {
    for (const as of kinds) if (as !== null) this.#unsynced[as] += 1;
    this.#armSync();
  }

  #synced(): void {
    this.#unsynced = counts();
  }

  #sync(): void {
    this.#syncDue = false;
    if (this.#failing !== null) return;
    try {
      this.#files.sync();
      this.#synced();
    } catch (error) {
      this.#failUnsynced(error, []);
    }
  }

  async #rotateOrFail(): Promise<void> {
    try {
      await this.#rotateIfDue();
    } catch (error) {
      this.#failUnsynced(error, []);
    }
  }

  async #rotateIfDue(): Promise<void> {
    const { rotateBytes, rotateMs, keepFiles, directory } = this.#options;
    const bySize = this.#files.sizeBytes >= rotateBytes;
    if (!bySize && Date.now() - this.#files.begunMs < rotateMs) return;
    await this.#checkpoint("rotation");
    this.#files.rotate(bySize ? "size" : "age");
    this.#synced();
    if (keepFiles === null) return;
    retireOldFiles(directory, keepFiles, (record) => {
      this.#writeLine(record);
      this.#files.sync();
    });
  }

  /** The chain as it is now, signed where there is a key. It lasts with whatever is made to last next. */
  async #checkpoint(reason: CheckpointReason): Promise<void> {
    this.#checkpointDue = false;
    clearTimeout(this.#checkpointTimer);
    this.#checkpointTimer = undefined;
    const { seq, sha256 } = this.#files.last;
    const { log_id } = this.#files.head;
    const time = Math.floor(Date.now() / 1000);
    const claim = { log_id, reason, seq, sha256, time };
    const signature = this.#signer === null ? null : await this.#signer.sign(claim);
    // Of whole seconds, as it is signed: no digit of the line is anybody's to change.
    const timestamp = new Date(time * 1000).toISOString();
    const record = { kind: "checkpoint", timestamp, reason, log_id, covers: { seq, sha256 }, signature };
    this.#writeLine(record);
    this.#sinceCheckpoint = 0;
  }

  async #checkpointWhereDue(): Promise<void> {
    if (this.#sinceCheckpoint >= this.#options.checkpointRecords)
      await this.#guarded(() => this.#checkpoint("interval"));
  }

  /** Nothing else may come for a long time that would make it last. */
  async #timelyCheckpoint(): Promise<void> {
    await this.#guarded(() => this.#checkpoint("interval"));
    this.#sync();
  }

  #armCheckpoint(): void {
    this.#checkpointTimer ??= setTimeout(() => {
      this.#checkpointTimer = undefined;
      this.#checkpointDue = this.#failing === null;
      this.#wake();
    }, this.#options.checkpointMs);
  }

  #armSync(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      this.#syncDue = true;
      this.#wake();
    }, this.#options.syncMs);
  }

  async #guarded(write: () => Promise<void>): Promise<void> {
    if (this.#failing !== null) return;
    const mark = this.#files.mark;
    try {
      await write();
    } catch (error) {
      this.#fail(error, mark, []);
    }
  }

  /** Whether records that cannot be written now are kept for later: their launches go ahead, or have gone. */
  get #keeps(): boolean {
    return this.#options.durability === "after" || this.#options.onFailure === "open";
  }

  /** What was written since the last sync may be lost, and counts as that. */
  #failUnsynced(error: unknown, entries: readonly Entry[]): void {
    for (const as of ["allow", "deny", "other"] as const) this.#lost[as] += this.#unsynced[as];
    this.#synced();
    this.#fail(error, this.#files.durableMark, entries);
  }

  /** Nothing more is written until a retry succeeds. */
  #fail(error: unknown, rollBackTo: LogFiles["mark"], entries: readonly Entry[]): void {
    const trouble = troubleOf(error);
    this.#failing = { trouble, since: now() };
    this.#rollBackTo = rollBackTo;
    this.#takeBack(rollBackTo);
    this.#hold(entries);
    this.#tell({ type: "failing", trouble });
    this.#retryMs = Date.now() - this.#recoveredMs < RELAPSE_MS ? this.#longerRetry() : MIN_RETRY_MS;
    this.#armRetry();
  }

  /**
   * Half a line is nothing that anybody should find in a log; where it cannot be taken back now, the retry does it. What is
   * left has then been made to last.
   */
  #takeBack(mark: LogFiles["mark"]): void {
    try {
      if (this.#files.takeBack(mark)) this.#synced();
    } catch {
      return;
    }
  }

  /** A decision whose launch is denied for want of a record is only counted. */
  #isWorthKeeping(as: Entry["as"]): boolean {
    return this.#keeps || (as !== "allow" && as !== "deny");
  }

  /** What cannot be written now: kept, as far as there is room and use for it, or counted. */
  #hold(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.#isWorthKeeping(entry.as) && this.#kept.length < this.#options.maxLagRecords) this.#kept.push(entry);
      else if (entry.as !== null) this.#lost[entry.as] += 1;
    }
  }

  #longerRetry(): number {
    return Math.min(this.#retryMs * 2, MAX_RETRY_MS);
  }

  #armRetry(): void {
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.#retryDue = true;
      this.#wake();
    }, this.#retryMs);
  }

  /** Back to where the log was good, then what was lost in the meantime, then what was kept. */
  async #retry(): Promise<void> {
    this.#retryDue = false;
    if (this.#failing === null) return;
    const { trouble, since } = this.#failing;
    let mark = this.#rollBackTo;
    try {
      if (mark !== null) this.#files.rollBack(mark);
      mark = this.#files.mark;
      this.#writeLine(gap(since, trouble, this.#lost, this.#keeps ? "as_decided" : "audit_unavailable"));
      this.#files.sync();
    } catch (error) {
      this.#rollBackTo = mark;
      this.#failing = { trouble: troubleOf(error), since };
      this.#retryMs = this.#longerRetry();
      this.#tell({ type: "failing", trouble: this.#failing.trouble });
      this.#armRetry();
      return;
    }
    this.#failing = null;
    this.#rollBackTo = null;
    this.#recoveredMs = Date.now();
    // A checkpoint may have been among what was taken back.
    this.#sinceCheckpoint = Number.POSITIVE_INFINITY;
    this.#lost = counts();
    const kept = this.#kept;
    this.#kept = [];
    for (let at = 0; at < kept.length; ) {
      if (this.#failing === null) await this.#rotateOrFail();
      if (this.#failing !== null) {
        this.#hold(kept.slice(at));
        break;
      }
      const lines = this.#lines.begin(this.#files.last);
      for (; at < kept.length && lines.count < MAX_GROUP_LINES / 2 && !lines.isFull; at += 1)
        lines.addText(kept[at] as Entry);
      this.#commit(lines);
      await this.#checkpointWhereDue();
    }
    if (this.#failing === null) this.#tell({ type: "ready", place: this.place });
  }

  /** Records that were not even handed over. */
  #refused({ since, cause, counts: refused, answered }: Refused): void {
    const record = gap(since, cause, refused, answered);
    const entry: Entry = { text: openJson(record), as: null };
    if (this.#failing !== null) {
      this.#hold([entry]);
      return;
    }
    const mark = this.#files.mark;
    try {
      this.#writeLine(record);
      this.#files.sync();
      this.#synced();
    } catch (error) {
      this.#fail(error, mark, [entry]);
    }
  }

  #flush(): void {
    this.#sync();
    this.#tell({ type: "flushed", trouble: this.#failing?.trouble ?? null, place: this.place });
  }

  async #close(): Promise<void> {
    for (const timer of [this.#retryTimer, this.#checkpointTimer, this.#syncTimer]) clearTimeout(timer);
    await this.#retry();
    clearTimeout(this.#retryTimer);
    await this.#guarded(async () => {
      await this.#checkpoint("closed");
      this.#files.sync();
    });
    clearTimeout(this.#retryTimer);
    const { place } = this;
    this.#files.close();
    this.#tell({
      type: "closed",
      trouble: this.#failing === null ? null : this.#unclosed(this.#failing.trouble),
      place,
    });
  }

  #unclosed({ code, message }: Trouble): Trouble {
    const { allow, deny, other } = this.#lost;
    const missing = this.#kept.length + allow + deny + other;
    return { code, message: `${missing} records could not be written: ${message}` };
  }
}

/** That records are missing, and what their launches were answered. */
function gap(since: string, cause: Trouble, unwritten: Readonly<Counts>, answered: Refused["answered"]): object {
  const { code, message } = cause;
  return { kind: "gap", timestamp: now(), since, cause: { code, message }, unwritten, answered };
}

function counts(): Counts {
  return { allow: 0, deny: 0, other: 0 };
}

function countAs({ decision }: Unpacked): "allow" | "deny" | "other" {
  return decision ?? "other";
}

/** An error in words that may stand in the log: system calls' errors name the call and the file. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof AuditError) return { code: error.code, message: error.message };
  const { message = String(error) } = error as { readonly message?: string };
  return { code: "sink", message: message.slice(0, 1000) };
}
