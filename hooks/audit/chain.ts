/**
 * The chain that the lines of an audit log form: every line ends with its number and the SHA-256 of the line before. Truth:
 * `chain` in the audit schema (policies/schema/audit.schema.json), FIPS 180-4.
 *
 * Numbers begin at 0 and go on across files. What is hashed is a line's bytes without its line feed, so whoever changes,
 * removes, inserts or moves a line breaks the chain behind it, unless they write all of it anew: against that there are
 * signed checkpoints.
 */

import { hash } from "node:crypto";

/** One line, by its number and its digest. */
export interface Place {
  readonly seq: number;
  readonly sha256: string;
}

/** The kinds of line that the log writes of its own accord; what the daemon notes has other names. */
export const OWN_KINDS = [
  "decision",
  "genesis",
  "continued",
  "checkpoint",
  "gap",
  "repaired",
  "retired",
  "result",
] as const;

/** Longer is no line of a log: a record stays below that whatever a policy says. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** So many lines are at most written in one go, and at most so many more than asked for come between two checkpoints. */
export const MAX_GROUP_LINES = 4096;

/** A line without its line feed, and where it stands. */
export interface ChainedLine {
  readonly line: string;
  readonly place: Place;
}

/** Puts the chain behind a record's JSON, which is given without its closing brace. `before` is null for the first line. */
export function chained(text: string, before: Place | null): ChainedLine {
  const seq = before === null ? 0 : before.seq + 1;
  const prev = before === null ? "null" : `"${before.sha256}"`;
  const line = `${text},"chain":{"seq":${seq},"prev":${prev}}}`;
  return { line, place: { seq, sha256: hash("sha256", line, "hex") } };
}

/** A record as JSON without its closing brace. */
export function openJson(record: object): string {
  return JSON.stringify(record).slice(0, -1);
}

export function digestOf(line: Uint8Array): string {
  return hash("sha256", line, "hex");
}

export interface Link {
  readonly seq: number;
  readonly prev: string | null;
}

const LINK = /,"chain":\{"seq":(0|[1-9][0-9]{0,15}),"prev":(?:"([0-9a-f]{64})"|null)\}\}$/;
const LINK_BYTES = 120;

/**
 * The chain at the end of a line; null where there is none. A quote within a text of the record is escaped, so nothing that
 * a record holds looks like its end.
 */
export function linkOf(line: Uint8Array): Link | null {
  const end = Buffer.from(
    line.buffer,
    line.byteOffset + Math.max(0, line.length - LINK_BYTES),
    Math.min(line.length, LINK_BYTES),
  );
  const found = LINK.exec(end.toString("latin1"));
  if (found === null) return null;
  const seq = Number(found[1]);
  if (!Number.isSafeInteger(seq) || (seq === 0) !== (found[2] === undefined)) return null;
  return { seq, prev: found[2] ?? null };
}

const DECISION = Buffer.from('{"kind":"decision",');

/** Whether a line is a decision, without reading all of it. */
export function isDecision(line: Uint8Array): boolean {
  return DECISION.equals(line.subarray(0, DECISION.length));
}
