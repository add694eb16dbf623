/**
 * The audit log: every decision a record, in files that a thread of its own writes. Truth: the audit schema
 * (policies/schema/audit.schema.json) for the lines, chain.ts for how they hold together.
 *
 * With durability `before`, `done` is called once the record outlasts any crash, together with all that came meanwhile: one
 * fsync for many. Whoever answers a launch only then, never has allowed one that is not in the log. With `after`, records
 * are handed over and written a little later; how many may be under way is bounded, and beyond half of that `done` waits, too.
 *
 * While records cannot be written, `done` gets an error at once, and the launch has to be denied with `audit_unavailable`,
 * unless the operator has chosen `onFailure: "open"`. Nothing is lost silently: the log counts what it could not write.
 */

import { Worker } from "node:worker_threads";
import { type AuditMetrics, Packer } from "../../engine/audit-pack.js";
import type { Judged } from "../../engine/index.js";
import { MAX_LINE_BYTES, OWN_KINDS, openJson } from "./chain.js";
import { AuditError } from "./errors.js";
import { lockDirectory, makeDirectory } from "./files.js";
import type { Counts, FromWriter, LogPlace, ToWriter, Trouble, WriterOptions } from "./messages.js";
import { type AuditLogOptions, checkedOptions } from "./options.js";

/** Called once: null when the launch may be answered as decided, else why it has to be denied. */
export type Done = (failure: AuditError | null) => void;

export interface AuditStats {
  readonly log_id: string;
  readonly file: string;
  /** The last line that was written; what `audit verify --expect-seq --expect-hash` takes. */
  readonly last: { readonly seq: number; readonly sha256: string };
  readonly size_bytes: number;
  /** Records handed in since the start, and those of them that are under way. */
  readonly appended: number;
  readonly lag: number;
  /** Launches whose records were refused since the start. */
  readonly refused: number;
  /** Why nothing can be written now; null where it can. */
  readonly failure: string | null;
}

/** What a launch then returned. */
export interface LaunchResult {
  readonly decision_id: string;
  /** Of the ioctl, 0 for success; null where there was none. */
  readonly errno: number | null;
  /** What EINIT returned in RAX, 0 for success; null where nobody knows. */
  readonly einit_error: number | null;
}

const BATCH_BYTES = 64 * 1024;
/** With durability `after`: how long records lie before they are handed over, unless they fill a batch before. */
const HAND_OVER_MS = 2;
const MAX_POOLED = 32;
const MIN_RESTART_MS = 100;
const MAX_RESTART_MS = 5000;
/** Refused launches are counted in the log at least so often while others are recorded. */
const TELL_MS = 1000;

const CLOSED = new AuditError("closed", "the audit log is closed");

/** One batch that the writer has. */
interface Sent {
  readonly dones: readonly Done[];
  readonly counts: Readonly<Counts>;
}

/**
 * Opens a log, or begins one. An end that a crash left unfinished is repaired, and the log says so.
 * @throws AuditError `option`, `directory`, `locked`, `damaged`
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const checked = checkedOptions(options);
  let release: () => void;
  try {
    makeDirectory(checked.directory);
    release = lockDirectory(checked.directory);
  } catch (error) {
    if (error instanceof AuditError) throw error;
    const why = (error as Error).message;
    throw new AuditError("directory", `the audit log cannot be kept in ${checked.directory}: ${why}`, { cause: error });
  }
  const log = new AuditLog(checked, options, release);
  try {
    await log.started();
    return log;
  } catch (error) {
    release();
    throw error;
  }
}

export class AuditLog {
  readonly #options: WriterOptions;
  readonly #maxLag: number;
  readonly #onState: (failure: AuditError | null) => void;
  readonly #release: () => void;
  readonly #waits: boolean;
  readonly #open: boolean;

  #worker: Worker;
  #packer: Packer;
  readonly #pool: ArrayBuffer[] = [];
  #dones: Done[] = [];
  #counts = noCounts();
  #sent: Sent[] = [];
  #scheduled = false;

  #place: LogPlace = { log_id: "", file: "", last: { seq: 0, sha256: "" }, size_bytes: 0 };
  #failure: AuditError | null = null;
  #closing = false;
  /** The thread that ended and was not yet replaced by one that has started. */
  #dead: Worker | null = null;
  #appended = 0;
  #lag = 0;
  #refused = 0;
  /** Launches whose records were refused and not yet counted in the log. */
  #uncounted: { readonly since: string; readonly cause: Trouble; readonly counts: Counts } | null = null;
  #tellTimer: NodeJS.Timeout | undefined;
  #restartMs = MIN_RESTART_MS;

  #whenStarted: Waiting | null = null;
  readonly #whenFlushed: Waiting[] = [];
  #whenClosed: Waiting | null = null;

  /** @internal By `openAuditLog`. */
  constructor(options: WriterOptions, { onState }: AuditLogOptions, release: () => void) {
    this.#options = options;
    this.#maxLag = options.maxLagRecords;
    this.#onState = onState ?? (() => undefined);
    this.#release = release;
    this.#waits = options.durability === "before";
    this.#open = options.onFailure === "open";
    this.#packer = this.#newPacker();
    this.#worker = this.#newWorker();
  }

  /** @internal */
  started(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#whenStarted = { resolve, reject };
    });
  }

  /** Null while launches can be recorded, or go ahead without; else why they are to be denied. */
  get failure(): AuditError | null {
    return this.#open && !this.#closing ? null : this.#failure;
  }

  /**
   * Records a decision, with nanoseconds by OPA's names. `done` is called exactly once, possibly before this returns. Never
   * throws.
   */
  append(judged: Judged, metrics?: AuditMetrics, done?: Done): void {
    const { decision } = judged.decision;
    if (this.#failure !== null && (!this.#open || this.#isGone)) {
      this.#refuse(decision, this.#failure, done);
      return;
    }
    if (this.#lag >= this.#maxLag) {
      this.#refuse(decision, new AuditError("lag", `${this.#lag} records are under way to the audit log`), done);
      return;
    }
    try {
      this.#packer.decision(judged, metrics);
    } catch (error) {
      this.#refuse(decision, new AuditError("sink", `the record could not be made: ${(error as Error).message}`), done);
      return;
    }
    this.#counts[decision] += 1;
    this.#handedIn(done);
  }

  /** Records what a launch then returned. */
  result({ decision_id, errno, einit_error }: LaunchResult): void {
    const timestamp = new Date().toISOString();
    this.#note(openJson({ kind: "result", timestamp, decision_id, errno, einit_error }));
  }

  /**
   * Records what the daemon did: `started`, `policy_loaded`, `policy_refused`, `mode`, …; kept while nothing can be written.
   * `done` as for decisions.
   * @throws AuditError `option` where the kind is the log's own or no name, or a field has the name of one of every line's
   */
  note(kind: string, fields: Readonly<Record<string, unknown>> = {}, done?: Done): void {
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(kind) || (OWN_KINDS as readonly string[]).includes(kind))
      throw new AuditError("option", `${kind} is no kind of note`);
    const taken = ["kind", "timestamp", "chain"].find((name) => Object.hasOwn(fields, name));
    if (taken !== undefined) throw new AuditError("option", `a note has no field ${taken} of its own`);
    const timestamp = new Date().toISOString();
    const text = openJson({ kind, timestamp, ...fields });
    this.#note(text.length * 3 < MAX_LINE_BYTES ? text : openJson({ kind, timestamp, shortened: true }), done);
  }

  /** Resolves when all that was handed in outlasts a crash. @throws AuditError where it does not */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) {
        reject(this.#failure ?? CLOSED);
        return;
      }
      this.#send();
      this.#whenFlushed.push({ resolve, reject });
      this.#post({ type: "flush" });
      this.#worker.ref();
    });
  }

  /** Writes all that was handed in, and a last checkpoint. @throws AuditError where something could not be written */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closing) {
        reject(CLOSED);
        return;
      }
      this.#send();
      this.#tellRefused();
      this.#closing = true;
      const { failure } = this;
      this.#failure ??= CLOSED;
      if (this.#dead !== null) {
        this.#release();
        reject(failure ?? CLOSED);
        return;
      }
      this.#whenClosed = { resolve, reject };
      this.#post({ type: "close" });
      this.#worker.ref();
    });
  }

  stats(): AuditStats {
    const { log_id, file, last, size_bytes } = this.#place;
    const failure = this.#failure?.message ?? null;
    return {
      log_id,
      file,
      last,
      size_bytes,
      appended: this.#appended,
      lag: this.#lag,
      refused: this.#refused,
      failure,
    };
  }

  /** Whether nobody is there to hand records to. */
  get #isGone(): boolean {
    return this.#closing || this.#dead !== null;
  }

  #note(text: string, done?: Done): void {
    if (this.#isGone) {
      this.#refuse("other", this.#failure ?? CLOSED, done);
      return;
    }
    this.#packer.note(text);
    this.#counts.other += 1;
    this.#handedIn(done);
  }

  #handedIn(done: Done | undefined): void {
    this.#appended += 1;
    this.#lag += 1;
    if (done !== undefined) {
      // Who hands in faster than can be written has to wait, long before anything is refused.
      if (this.#waits || this.#lag > this.#maxLag / 2) this.#dones.push(done);
      else done(null);
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Waking another thread takes longer than deciding: where nobody waits for it, it is done for many records at once.
    if (this.#waits) setImmediate(() => this.#send());
    else setTimeout(() => this.#send(), HAND_OVER_MS);
  }

  #refuse(as: keyof Counts, failure: AuditError, done: Done | undefined): void {
    this.#refused += 1;
    const { code, message } = failure;
    this.#uncounted ??= { since: new Date().toISOString(), cause: { code, message }, counts: noCounts() };
    this.#uncounted.counts[as] += 1;
    if (this.#failure === null) this.#tellTimer ??= setTimeout(() => this.#tellRefused(), TELL_MS).unref();
    done?.(this.#open && !this.#closing ? null : failure);
  }

  /** Hands over what has come since the last time. */
  #send(): void {
    this.#scheduled = false;
    this.#packer.flush();
  }

  /** Not one by one: where launches are refused because there are too many, writing so would make it worse. */
  #tellRefused(): void {
    clearTimeout(this.#tellTimer);
    this.#tellTimer = undefined;
    if (this.#uncounted === null || this.#dead !== null) return;
    const answered = this.#open ? "as_decided" : "audit_unavailable";
    this.#post({ type: "refused", refused: { ...this.#uncounted, answered } });
    this.#uncounted = null;
  }

  #post(message: ToWriter, given: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, given);
  }

  #newPacker(): Packer {
    return new Packer({
      take: (size) =>
        size <= BATCH_BYTES ? (this.#pool.pop() ?? new ArrayBuffer(BATCH_BYTES)) : new ArrayBuffer(size),
      full: (batch, length) => {
        if (this.#sent.length === 0) this.#worker.ref();
        this.#sent.push({ dones: this.#dones, counts: this.#counts });
        this.#dones = [];
        this.#counts = noCounts();
        this.#post({ type: "batch", batch, length }, [batch]);
      },
    });
  }

  #newWorker(): Worker {
    const worker = new Worker(workerFile(), { workerData: this.#options, execArgv: [], name: "launchgate-audit" });
    worker.on("message", (message: FromWriter) => this.#heard(message));
    worker.on("error", (error) => this.#died(worker, error.message));
    worker.on("exit", () => this.#died(worker, "it exited"));
    return worker;
  }

  #heard(message: FromWriter): void {
    switch (message.type) {
      case "started":
        this.#place = message.place;
        this.#restartMs = MIN_RESTART_MS;
        this.#dead = null;
        this.#ready();
        this.#whenStarted?.resolve();
        this.#whenStarted = null;
        break;
      case "not_started":
        if (this.#whenStarted === null) this.#fail(errorOf(message.trouble));
        else this.#neverStarted(errorOf(message.trouble));
        break;
      case "done":
        this.#place = message.place;
        this.#finish(message.batches, message.trouble);
        break;
      case "failing":
        this.#fail(errorOf(message.trouble));
        break;
      case "ready":
        this.#place = message.place;
        this.#ready();
        break;
      case "flushed":
        this.#place = message.place;
        settle(this.#whenFlushed.shift(), message.trouble);
        this.#rest();
        break;
      case "closed":
        this.#place = message.place;
        this.#release();
        settle(this.#whenClosed, message.trouble);
        this.#whenClosed = null;
        break;
      default:
        message satisfies never;
    }
  }

  #finish(batches: readonly ArrayBuffer[], trouble: Trouble | null): void {
    const failure = trouble === null || this.#open ? null : errorOf(trouble);
    for (const batch of batches) {
      if (batch.byteLength === BATCH_BYTES && this.#pool.length < MAX_POOLED) this.#pool.push(batch);
      const sent = this.#sent.shift();
      if (sent === undefined) continue;
      const { allow, deny, other } = sent.counts;
      this.#lag -= allow + deny + other;
      for (const done of sent.dones) done(failure);
    }
    this.#rest();
  }

  /** Nothing is under way: the thread keeps no process alive. */
  #rest(): void {
    if (this.#sent.length === 0 && this.#whenFlushed.length === 0 && !this.#closing) this.#worker.unref();
  }

  #fail(failure: AuditError): void {
    if (this.#closing) return;
    const first = this.#failure === null;
    this.#failure = failure;
    if (first) this.#onState(failure);
  }

  #ready(): void {
    this.#rest();
    if (this.#failure === null || this.#closing) return;
    this.#failure = null;
    this.#tellRefused();
    this.#onState(null);
  }

  #neverStarted(failure: AuditError): void {
    this.#whenStarted?.reject(failure);
    this.#whenStarted = null;
    this.#failure = failure;
    this.#closing = true;
  }

  /** The thread is gone, and what it had may be written or not. Another takes its place. */
  #died(worker: Worker, why: string): void {
    if (worker === this.#dead || (this.#closing && this.#whenClosed === null)) return;
    const failure = new AuditError("writer", `the audit log's writing thread ended: ${why}`);
    if (this.#whenStarted !== null) {
      this.#neverStarted(failure);
      return;
    }
    this.#dead = worker;
    // Why another could not start says more than that it ended.
    if (this.#failure === null) this.#fail(failure);
    this.#abandon(failure);
    if (this.#whenClosed !== null) {
      this.#release();
      settle(this.#whenClosed, failure);
      this.#whenClosed = null;
      return;
    }
    const timer = setTimeout(() => {
      if (this.#closing) return;
      this.#worker = this.#newWorker();
    }, this.#restartMs);
    timer.unref();
    this.#restartMs = Math.min(this.#restartMs * 2, MAX_RESTART_MS);
  }

  /** Of what the writer had when it ended nobody knows whether it is in the log. */
  #abandon(failure: AuditError): void {
    const sent = [...this.#sent, { dones: this.#dones, counts: this.#counts }];
    this.#sent = [];
    this.#dones = [];
    this.#counts = noCounts();
    this.#packer = this.#newPacker();
    this.#lag = 0;
    const { code, message } = failure;
    for (const { counts, dones } of sent) {
      this.#uncounted ??= { since: new Date().toISOString(), cause: { code, message }, counts: noCounts() };
      for (const as of ["allow", "deny", "other"] as const) this.#uncounted.counts[as] += counts[as];
      for (const done of dones) done(this.#open ? null : failure);
    }
    for (const waiting of this.#whenFlushed.splice(0)) waiting.reject(failure);
  }
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: AuditError) => void;
}

function settle(waiting: Waiting | null | undefined, trouble: Trouble | null): void {
  if (trouble === null) waiting?.resolve();
  else waiting?.reject(errorOf(trouble));
}

function errorOf({ code, message }: Trouble): AuditError {
  return new AuditError(code, message);
}

function noCounts(): Counts {
  return { allow: 0, deny: 0, other: 0 };
}

/** The build puts the thread's program beside what it has packed; sources are run by tests alone, which come after it. */
function workerFile(): URL {
  const here = import.meta.url;
  return new URL(here.endsWith(".ts") ? "../../dist/workers/audit-writer.js" : "../workers/audit-writer.js", here);
}
