/**
 * The check of one log's chain, line by line: what does not stand where it belongs, and what is not what was written there.
 * Truth: chain.ts for the chain, checkpoint.ts for what is signed. Memory does not grow with the log.
 */

import { basename } from "node:path";
import { digestOf, isDecision, type Link, linkOf, MAX_GROUP_LINES, MAX_LINE_BYTES, type Place } from "./chain.js";
import { type CheckpointVerifier, verifyCheckpoint } from "./checkpoint.js";
import type { Line } from "./lines.js";

export type FaultKind =
  /** numbers are missing */
  | "removed"
  /** a line is not the one that the next one names, or is no line of a log */
  | "altered"
  /** a line stands behind later ones */
  | "reordered"
  /** a number stands there a second time */
  | "repeated"
  /** the end of a file was not written to its end */
  | "torn"
  /** a checkpoint does not hold */
  | "checkpoint"
  /** a line of another log, or a beginning in the middle */
  | "foreign"
  /** the log ends before the line that was expected, or that line is another */
  | "cut_off";

export interface Fault {
  readonly kind: FaultKind;
  readonly file: string;
  /** From 1; 0 where there is no such line. */
  readonly line: number;
  readonly seq: number | null;
  readonly message: string;
}

/** A line that was seen elsewhere, and so must be there. */
export interface ExpectedLine {
  readonly seq: number;
  readonly sha256: string | null;
}

/** The first so many are shown. */
const MAX_FAULTS = 1000;
const MAX_RANGES = 1000;

/** Where a line stands. */
interface Spot {
  readonly file: string;
  readonly line: number;
}

/** The checks of one log, line by line. */
export class ChainCheck {
  readonly #verifiers: readonly CheckpointVerifier[];
  readonly #expected: ExpectedLine | null;
  readonly faults: Fault[] = [];
  faultCount = 0;
  lines = 0;
  logId: string | null = null;
  first: Link | null = null;
  /** The last line that stands where it belongs. */
  last: Place | null = null;
  #lastSpot: Spot = { file: "", line: 0 };
  /** Lines since then that are none. */
  #strange = 0;
  /** Numbers that were passed over, from and to. */
  readonly #missing: { from: number; to: number; readonly spot: Spot }[] = [];
  #expectedSeen = false;
  signed = 0;
  verified = 0;
  unsigned = 0;
  lastVerified: { readonly seq: number; readonly time: number } | null = null;
  /** Lines of old files that retention took away: the newest. */
  retired: Place | null = null;
  unwritten = 0;
  repaired = 0;
  /** The line that was expected lies before the first that is there. */
  expectedTooOld = false;
  /** The last line was the checkpoint of a log that was closed. */
  closed = false;
  /** Lines between checkpoints, as the log itself says. */
  #checkpointEvery: number | null = null;
  /** Lines since the last checkpoint that holds. */
  #unproved = 0;

  constructor(verifiers: readonly CheckpointVerifier[] = [], expected: ExpectedLine | null = null) {
    this.#verifiers = verifiers;
    this.#expected = expected;
  }

  /** One whole line of a file. A promise only where a signature has to be verified. */
  line(bytes: Buffer, file: string, number: number, length: number = bytes.length): Promise<void> | undefined {
    this.lines += 1;
    this.closed = false;
    const spot = { file, line: number };
    const link = length > MAX_LINE_BYTES ? null : linkOf(bytes);
    const record = link === null || isDecision(bytes) ? null : parse(bytes);
    const begins = record?.["kind"] === "genesis" || record?.["kind"] === "continued";
    if (link === null || record === undefined) {
      this.#strange += 1;
      const why = length > MAX_LINE_BYTES ? `it is ${length} bytes long` : "it is no record with a chain at its end";
      this.#fault("altered", spot, null, `this is no line of an audit log: ${why}`);
      return undefined;
    }
    if (begins !== (number === 1)) {
      const what = begins ? "a file begins in the middle of this one" : "the first line of this file is missing";
      this.#fault(begins ? "foreign" : "removed", spot, link.seq, what);
    }
    if (begins) this.#begin(record as JsonRecord, spot, link);
    if (!this.#follows(link, spot)) return undefined;
    const before = this.last;
    this.last = { seq: link.seq, sha256: digestOf(bytes) };
    this.#lastSpot = spot;
    this.#expect(this.last, spot);
    this.#unproved += 1;
    return record === null ? undefined : this.#own(record, link, before, spot);
  }

  /** The unfinished end of a file. */
  torn(line: Line, file: string): void {
    const sha256 = digestOf(line.bytes);
    this.#fault(
      "torn",
      { file, line: line.number },
      null,
      `the file ends with ${line.length} bytes of a line that was not finished (SHA-256 ${sha256})`,
    );
  }

  /** After the last line. */
  end(): void {
    for (const { from, to, spot } of this.#missing) {
      const what = from === to ? `record ${from} is` : `records ${from} to ${to} are`;
      this.#fault("removed", spot, from, `${what} missing before this line`);
    }
    const most = (this.#checkpointEvery ?? Number.POSITIVE_INFINITY) + MAX_GROUP_LINES;
    if (this.#verifiers.length > 0 && this.verified > 0 && this.#unproved > most) {
      const what = `the last ${this.#unproved} lines have no signed checkpoint, and the log makes one every ${this.#checkpointEvery}`;
      this.#fault("checkpoint", this.#lastSpot, this.last?.seq ?? null, what);
    }
    const expected = this.#expected;
    if (expected === null || this.#expectedSeen) return;
    const found = this.last === null ? "the log is empty" : `the log ends with ${this.last.seq}`;
    if (this.first !== null && expected.seq < this.first.seq) {
      this.expectedTooOld = true;
      return;
    }
    if (this.last === null || this.last.seq < expected.seq)
      this.#fault("cut_off", this.#lastSpot, expected.seq, `${found}, expected record ${expected.seq} to be there`);
  }

  /** Whether a line stands where it belongs; says what is wrong where it does not. */
  #follows(link: Link, spot: Spot): boolean {
    const { last } = this;
    if (last === null) {
      this.first = link;
      this.#strange = 0;
      return true;
    }
    const passed = link.seq - last.seq - 1;
    if (passed < 0) {
      if (this.#wasMissing(link.seq))
        this.#fault("reordered", spot, link.seq, `record ${link.seq} stands behind record ${last.seq}`);
      else this.#fault("repeated", spot, link.seq, `record ${link.seq} stands here again, behind record ${last.seq}`);
      return false;
    }
    if (passed === 0 && link.prev !== last.sha256) {
      const at = `record ${last.seq} (${place(this.#lastSpot)})`;
      this.#fault(
        "altered",
        this.#lastSpot,
        last.seq,
        `${at} is not the one that record ${link.seq} was written behind`,
      );
    }
    if (passed > this.#strange) {
      if (this.#missing.length < MAX_RANGES)
        this.#missing.push({ from: last.seq + 1 + this.#strange, to: link.seq - 1, spot });
      else this.#fault("removed", spot, last.seq + 1, `records from ${last.seq + 1} to ${link.seq - 1} are missing`);
    }
    this.#strange = 0;
    return true;
  }

  /** Takes a number from those that were passed over. */
  #wasMissing(seq: number): boolean {
    const at = this.#missing.findIndex(({ from, to }) => from <= seq && seq <= to);
    const range = this.#missing[at];
    if (range === undefined) return false;
    const { from, to, spot } = range;
    const rest = [
      { from, to: seq - 1, spot },
      { from: seq + 1, to, spot },
    ].filter((one) => one.from <= one.to);
    this.#missing.splice(at, 1, ...rest);
    return true;
  }

  #expect({ seq, sha256 }: Place, spot: Spot): void {
    if (this.#expected?.seq !== seq) return;
    this.#expectedSeen = true;
    if (this.#expected.sha256 !== null && this.#expected.sha256 !== sha256)
      this.#fault("cut_off", spot, seq, `record ${seq} is another than expected: its SHA-256 is ${sha256}`);
  }

  /** A line that the log writes about itself. */
  #own(record: JsonRecord, link: Link, before: Place | null, spot: Spot): Promise<void> | undefined {
    switch (record["kind"]) {
      case "checkpoint":
        return this.#checkpoint(record, link, before, spot);
      case "retired": {
        const files = Array.isArray(record["files"]) ? record["files"] : [];
        const { seq, sha256 } = (files.at(-1) ?? {}) as JsonRecord;
        if (typeof seq === "number" && typeof sha256 === "string") this.retired = { seq, sha256 };
        break;
      }
      case "gap": {
        const counts = Object.values((record["unwritten"] ?? {}) as JsonRecord);
        for (const count of counts) if (typeof count === "number") this.unwritten += count;
        break;
      }
      case "repaired":
        this.repaired += 1;
        break;
      default:
    }
    return undefined;
  }

  /** The first line of a file. */
  #begin(record: JsonRecord, spot: Spot, link: Link): void {
    const id = record["log_id"];
    if (typeof id !== "string") return;
    if (this.logId === null) this.logId = id;
    else if (this.logId !== id)
      this.#fault("foreign", spot, link.seq, `this file is of log ${id}, not of ${this.logId}`);
    const every = record["checkpoint_records"];
    if (typeof every === "number") this.#checkpointEvery = every;
  }

  #checkpoint(record: JsonRecord, link: Link, before: Place | null, spot: Spot): Promise<void> | undefined {
    const covers = (record["covers"] ?? {}) as JsonRecord;
    if (record["reason"] === "closed") this.closed = true;
    const known = before !== null && before.seq === link.seq - 1 ? before.sha256 : null;
    if (covers["seq"] !== link.seq - 1 || covers["sha256"] !== link.prev || (known !== null && known !== link.prev)) {
      this.#fault("checkpoint", spot, link.seq, `the checkpoint is of another history than the one before it`);
    }
    const signature = record["signature"];
    if (typeof signature !== "string") {
      this.unsigned += 1;
      if (this.#verifiers.length > 0) this.#fault("checkpoint", spot, link.seq, "the checkpoint is not signed");
      return undefined;
    }
    this.signed += 1;
    return this.#verifiers.length === 0 ? undefined : this.#verify(signature, { record, link, known, spot });
  }

  async #verify(signature: string, { record, link, known, spot }: Signed): Promise<void> {
    const claim = await verifyCheckpoint(signature, this.#verifiers);
    if (typeof claim === "string") {
      this.#fault("checkpoint", spot, link.seq, `the checkpoint does not hold: ${claim}`);
      return;
    }
    const { seq, sha256, log_id, reason, time } = claim;
    if (seq !== link.seq - 1 || (known ?? link.prev) !== sha256 || (this.logId !== null && log_id !== this.logId)) {
      const since = this.lastVerified === null ? "the beginning" : `record ${this.lastVerified.seq}`;
      const what = `what was signed at record ${seq} is another history: something since ${since} was altered`;
      this.#fault("checkpoint", spot, link.seq, what);
      return;
    }
    const timestamp = new Date(time * 1000).toISOString();
    if (record["reason"] !== reason || record["log_id"] !== log_id || record["timestamp"] !== timestamp) {
      this.#fault("checkpoint", spot, link.seq, "the checkpoint says something else than what is signed in it");
      return;
    }
    this.verified += 1;
    this.lastVerified = { seq, time };
    this.#unproved = 0;
  }

  #fault(kind: FaultKind, { file, line }: Spot, seq: number | null, message: string): void {
    this.faultCount += 1;
    if (this.faults.length < MAX_FAULTS) this.faults.push({ kind, file, line, seq, message });
  }

  /** A fault of the log as a whole. */
  faultAt(kind: FaultKind, file: string, seq: number | null, message: string): void {
    this.#fault(kind, { file, line: 0 }, seq, message);
  }
}

function place({ file, line }: Spot): string {
  return `${basename(file)}:${line}`;
}

interface Signed {
  readonly record: JsonRecord;
  readonly link: Link;
  /** The digest of the line before, where it stands before this one. */
  readonly known: string | null;
  readonly spot: Spot;
}

type JsonRecord = Readonly<Record<string, unknown>>;

/** Undefined: no JSON object. */
function parse(bytes: Buffer): JsonRecord | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as JsonRecord) : undefined;
  } catch {
    return undefined;
  }
}
