/**
 * The messages of wire protocol v1 beside the request, read and written. Truth: protocol.md beside this file.
 *
 * Pure and total: whatever the bytes, reading them gives a message or throws WireError. What a message says is not checked
 * against the connection here: ids, digests, generations and directions are for the two ends.
 */

import {
  expectBody,
  expectZero,
  Fields,
  type Frame,
  MESSAGES,
  MIN_FRAME_LIMIT,
  type Output,
  putCount,
  putField,
  readCount,
  textAt,
  WIRE_ERRORS,
  WireError,
  type WireErrorCode,
} from "./frames.js";
import { decodeRequest, type WireRequest } from "./request.js";

export const PROTOCOL_VERSION = 1;
const MAGIC = Buffer.from("LGWP", "latin1");

/** One thing a decision was made for, as it goes over the wire: cut to the lengths below. */
export interface WireReason {
  readonly code: string;
  readonly message: string;
}

/** What both sides say first. */
export interface Hello {
  /** The versions the sender speaks; the daemon answers with the one that is spoken, twice. */
  readonly version_min: number;
  readonly version_max: number;
  /** The longest frame the sender takes, in bytes. */
  readonly max_frame: number;
  /** The most requests the daemon takes before it has answered one of them; from an asker 0. */
  readonly max_in_flight: number;
  /** The daemon's policy generation; from an asker 0. */
  readonly generation: number;
  /** What software it is, for logs. */
  readonly agent: string | null;
}

/** A verdict as it is read. */
export interface WireVerdict {
  readonly id: number;
  readonly decision: "allow" | "deny";
  /** What a driver returns; 0 exactly where the decision is allow. */
  readonly errno: number;
  /** What a guest sees in RAX; 0 exactly where the decision is allow. */
  readonly einit_error: number;
  /** For so many milliseconds the asker may use this verdict again for the same request; 0: not at all. */
  readonly hold_ms: number;
  readonly generation: number;
  readonly decision_id: string | null;
  /** SHA-256 of the bytes judged, 64 hex digits; null where there were none. */
  readonly sigstruct_sha256: string | null;
  readonly token_sha256: string | null;
  readonly reasons: readonly WireReason[];
  /** How many reasons there were; the first of them are in `reasons`. */
  readonly reasons_in_all: number;
}

/** What has to be known of a decision to send it. The engine's `Decision` is one. */
export type VerdictToSend = Omit<WireVerdict, "id" | "hold_ms" | "reasons_in_all">;

/** What the launch then returned. */
export interface WireResult {
  readonly id: number;
  readonly decision_id: string | null;
  readonly outcome: (typeof OUTCOMES)[number];
  /** The errno or the SGX error code; 0 with the other outcomes. */
  readonly value: number;
}

export const OUTCOMES = ["launched", "errno", "sgx_error", "not_attempted"] as const;

export interface WireFailure {
  readonly code: WireErrorCode;
  /** The request that it is about; 0: none. */
  readonly id: number;
  readonly message: string;
}

export type Message =
  | { readonly type: "hello"; readonly hello: Hello }
  | { readonly type: "request"; readonly request: WireRequest }
  | { readonly type: "verdict"; readonly verdict: WireVerdict }
  | { readonly type: "revocation"; readonly generation: number }
  | { readonly type: "result"; readonly result: WireResult }
  | { readonly type: "ping"; readonly nonce: bigint }
  | { readonly type: "pong"; readonly nonce: bigint }
  | { readonly type: "error"; readonly failure: WireFailure }
  | { readonly type: "goodbye"; readonly grace_ms: number };

const HELLO_BYTES = 24;
const VERDICT_BYTES = 112;
const RESULT_BYTES = 32;
const ERROR_BYTES = 16;
/** The one field that hello (agent), verdict (reasons) and error (message) each have. All may be skipped. */
const ONLY_FIELD = 1;
const MAX_AGENT_BYTES = 256;
const MAX_ERROR_BYTES = 512;
const MAX_REASONS = 16;
const MAX_CODE_BYTES = 64;
const MAX_MESSAGE_BYTES = 512;
const DIGEST_BYTES = 32;
const UUID_BYTES = 16;
const PRESENT = { sigstruct: 1, token: 2, decision_id: 4 } as const;

const ERROR_NAMES: ReadonlyMap<number, WireErrorCode> = new Map(
  Object.entries(WIRE_ERRORS).map(([name, number]) => [number, name as WireErrorCode]),
);

/**
 * Reads any message.
 * @throws WireError `frame` where there is no such type, `malformed`, `critical`, `version`
 */
export function decodeMessage({ type, body }: Frame): Message {
  switch (type) {
    case MESSAGES.request:
      return { type: "request", request: decodeRequest(body) };
    case MESSAGES.verdict:
      return { type: "verdict", verdict: decodeVerdict(body) };
    case MESSAGES.hello:
      return { type: "hello", hello: decodeHello(body) };
    case MESSAGES.revocation:
      return { type: "revocation", generation: readCount(eightBytes("revocation", body), 0, "a generation") };
    case MESSAGES.result:
      return { type: "result", result: decodeResult(body) };
    case MESSAGES.ping:
      return { type: "ping", nonce: eightBytes("ping", body).readBigUInt64LE(0) };
    case MESSAGES.pong:
      return { type: "pong", nonce: eightBytes("pong", body).readBigUInt64LE(0) };
    case MESSAGES.error:
      return { type: "error", failure: decodeError(body) };
    case MESSAGES.goodbye:
      expectZero("goodbye", eightBytes("goodbye", body), 4, 8);
      return { type: "goodbye", grace_ms: body.readUInt32LE(0) };
    default:
      throw new WireError("frame", `there is no message of type ${type} in version 1`);
  }
}

/** The body of a message of eight bytes, none of whose possible fields is known here. */
function eightBytes(name: string, body: Buffer): Buffer {
  expectBody(name, body, 8, true);
  const fields = new Fields(body, 8);
  while (fields.next()) fields.skip(0);
  return body;
}

function decodeHello(body: Buffer): Hello {
  if (body.length < MAGIC.length || MAGIC.compare(body, 0, MAGIC.length) !== 0) {
    throw new WireError(
      "version",
      "the first message does not begin with LGWP: this is not Launchgate's wire protocol",
    );
  }
  expectBody("hello", body, HELLO_BYTES, true);
  const version_min = body.readUInt16LE(4);
  const version_max = body.readUInt16LE(6);
  const max_frame = body.readUInt32LE(8);
  if (version_min === 0 || version_min > version_max) {
    throw new WireError("malformed", `hello speaks versions ${version_min} to ${version_max}, which are none`);
  }
  if (max_frame < MIN_FRAME_LIMIT) {
    throw new WireError("malformed", `hello takes frames of ${max_frame} bytes, expected at least ${MIN_FRAME_LIMIT}`);
  }
  const max_in_flight = body.readUInt32LE(12);
  const generation = readCount(body, 16, "hello's generation");
  const agent = textField(body, HELLO_BYTES, MAX_AGENT_BYTES);
  return { version_min, version_max, max_frame, max_in_flight, generation, agent };
}

function textField(body: Buffer, from: number, maxBytes: number): string | null {
  const fields = new Fields(body, from);
  let text: string | null = null;
  while (fields.next()) {
    if (fields.type === ONLY_FIELD) text = fields.text(maxBytes);
    else fields.skip(ONLY_FIELD);
  }
  return text;
}

export function putHello(out: Output, hello: Hello): void {
  const agent = Buffer.from(cut(hello.agent ?? "", MAX_AGENT_BYTES), "utf8");
  const at = out.frame(MESSAGES.hello, HELLO_BYTES + (agent.length === 0 ? 0 : 4 + agent.length));
  const bytes = out.bytes;
  bytes.set(MAGIC, at);
  bytes.writeUInt16LE(hello.version_min, at + 4);
  bytes.writeUInt16LE(hello.version_max, at + 6);
  bytes.writeUInt32LE(hello.max_frame, at + 8);
  bytes.writeUInt32LE(hello.max_in_flight, at + 12);
  putCount(bytes, at + 16, hello.generation, "hello's generation");
  if (agent.length > 0) bytes.set(agent, putField(bytes, at + HELLO_BYTES, ONLY_FIELD, agent.length));
}

/**
 * Reads the body of a verdict. One that contradicts itself is malformed: no allow comes with an error, no deny without.
 * @throws WireError `malformed`, `critical`
 */
export function decodeVerdict(body: Buffer): WireVerdict {
  expectBody("verdict", body, VERDICT_BYTES, true);
  const id = readCount(body, 0, "a verdict's id");
  const allowed = body[8];
  const present = body[9] as number;
  if (id === 0 || (allowed !== 0 && allowed !== 1) || present > 7) {
    throw new WireError("malformed", "a verdict's id, decision or mask is none");
  }
  const errno = body.readUInt32LE(12);
  const einit_error = body.readUInt32LE(16);
  if (allowed === 1 ? errno !== 0 || einit_error !== 0 : errno === 0 || einit_error === 0) {
    throw new WireError("malformed", `a verdict contradicts itself: decision ${allowed}, errno ${errno}`);
  }
  const reasons_in_all = body.readUInt16LE(10);
  const reasons = reasonsOf(body, reasons_in_all);
  return {
    id,
    decision: allowed === 1 ? "allow" : "deny",
    errno,
    einit_error,
    hold_ms: body.readUInt32LE(20),
    generation: readCount(body, 24, "a verdict's generation"),
    decision_id: (present & PRESENT.decision_id) === 0 ? none(body, 32, 48) : uuidAt(body, 32),
    sigstruct_sha256: (present & PRESENT.sigstruct) === 0 ? none(body, 48, 80) : body.toString("hex", 48, 80),
    token_sha256: (present & PRESENT.token) === 0 ? none(body, 80, 112) : body.toString("hex", 80, 112),
    reasons,
    reasons_in_all,
  };
}

function none(body: Buffer, from: number, to: number): null {
  expectZero("what the verdict does not have", body, from, to);
  return null;
}

function uuidAt(body: Buffer, at: number): string {
  const hex = body.toString("hex", at, at + UUID_BYTES);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const NO_REASONS: readonly WireReason[] = Object.freeze([]);

function reasonsOf(body: Buffer, inAll: number): readonly WireReason[] {
  const fields = new Fields(body, VERDICT_BYTES);
  let reasons = NO_REASONS;
  while (fields.next()) {
    if (fields.type === ONLY_FIELD) reasons = reasonList(body, fields.at, fields.at + fields.length);
    else fields.skip(ONLY_FIELD);
  }
  if (reasons.length > inAll) {
    throw new WireError("malformed", `a verdict of ${inAll} reasons lists ${reasons.length}`);
  }
  return reasons;
}

/** `u8 code length | u16 message length | code | message`, one after the other. */
function reasonList(body: Buffer, from: number, to: number): readonly WireReason[] {
  const reasons: WireReason[] = [];
  for (let at = from; at < to; ) {
    const codeBytes = body[at] as number;
    const messageBytes = to - at < 3 ? 0 : body.readUInt16LE(at + 1);
    const end = at + 3 + codeBytes + messageBytes;
    if (end > to || codeBytes === 0 || codeBytes > MAX_CODE_BYTES || messageBytes > MAX_MESSAGE_BYTES) {
      throw new WireError("malformed", `reason ${reasons.length} of a verdict has lengths that no reason has`);
    }
    if (reasons.length === MAX_REASONS) {
      throw new WireError("malformed", `a verdict lists more than ${MAX_REASONS} reasons`);
    }
    const message = textAt(body, at + 3 + codeBytes, messageBytes);
    reasons.push({ code: textAt(body, at + 3, codeBytes), message });
    at = end;
  }
  return reasons;
}

/**
 * Writes a verdict. Reasons are cut to what a verdict may carry; nothing else is.
 * @throws WireError `malformed` where the decision is none that can be sent; nothing of it is then left in `out`
 */
export function putVerdict(out: Output, id: number, verdict: VerdictToSend, holdMs = 0): void {
  const before = out.length;
  try {
    writeVerdict(out, id, verdict, holdMs);
  } catch (error) {
    out.cut(before);
    throw error;
  }
}

function writeVerdict(out: Output, id: number, verdict: VerdictToSend, holdMs: number): void {
  const { decision, errno, einit_error, generation, decision_id, sigstruct_sha256, token_sha256, reasons } = verdict;
  const allowed = decision === "allow";
  if (allowed ? errno !== 0 || einit_error !== 0 : decision !== "deny" || errno === 0 || einit_error === 0) {
    throw new WireError("malformed", `a verdict contradicts itself: ${decision}, errno ${errno}`);
  }
  const list = reasons.length === 0 ? null : reasonBytes(reasons);
  const at = out.frame(MESSAGES.verdict, VERDICT_BYTES + (list === null ? 0 : 4 + list.length));
  const bytes = out.bytes;
  putCount(bytes, at, id, "a verdict's id");
  bytes[at + 8] = allowed ? 1 : 0;
  bytes.writeUInt16LE(Math.min(reasons.length, 0xffff), at + 10);
  bytes.writeUInt32LE(errno, at + 12);
  bytes.writeUInt32LE(einit_error, at + 16);
  bytes.writeUInt32LE(holdMs, at + 20);
  putCount(bytes, at + 24, generation, "a verdict's generation");
  let present = 0;
  if (decision_id !== null) {
    present |= PRESENT.decision_id;
    putUuid(bytes, at + 32, decision_id);
  }
  if (sigstruct_sha256 !== null) {
    present |= PRESENT.sigstruct;
    putHex(bytes, at + 48, DIGEST_BYTES, sigstruct_sha256);
  }
  if (token_sha256 !== null) {
    present |= PRESENT.token;
    putHex(bytes, at + 80, DIGEST_BYTES, token_sha256);
  }
  bytes[at + 9] = present;
  if (list !== null) bytes.set(list, putField(bytes, at + VERDICT_BYTES, ONLY_FIELD, list.length));
}

/** Values of the ASCII characters that are hex digits; 16 for the others. */
const HEX_DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase());
  return value === -1 ? 16 : value;
});

/** Quicker than `Buffer.write` for so few bytes; every verdict has 48 of them. */
function putHexDigits(bytes: Buffer, at: number, hex: string, from: number, to: number): void {
  let wrong = 0;
  for (let digit = from, byte = at; digit < to; digit += 2, byte += 1) {
    const high = HEX_DIGITS[hex.charCodeAt(digit)] ?? 16;
    const low = HEX_DIGITS[hex.charCodeAt(digit + 1)] ?? 16;
    wrong |= high | low;
    bytes[byte] = (high << 4) | low;
  }
  if (wrong > 15) throw new WireError("malformed", "an id or digest has what is no hex digit");
}

function putHex(bytes: Buffer, at: number, length: number, hex: string): void {
  if (hex.length !== 2 * length) {
    throw new WireError("malformed", `a digest of a verdict is not ${2 * length} hex digits`);
  }
  putHexDigits(bytes, at, hex, 0, hex.length);
}

/** RFC 9562's text form: 8, 4, 4, 4 and 12 digits. */
function putUuid(bytes: Buffer, at: number, uuid: string): void {
  if (uuid.length !== 36 || uuid[8] !== "-" || uuid[13] !== "-" || uuid[18] !== "-" || uuid[23] !== "-") {
    throw new WireError("malformed", "a decision's id is no UUID");
  }
  putHexDigits(bytes, at, uuid, 0, 8);
  putHexDigits(bytes, at + 4, uuid, 9, 13);
  putHexDigits(bytes, at + 6, uuid, 14, 18);
  putHexDigits(bytes, at + 8, uuid, 19, 23);
  putHexDigits(bytes, at + 10, uuid, 24, 36);
}

function reasonBytes(reasons: readonly WireReason[]): Buffer {
  return Buffer.concat(
    reasons.slice(0, MAX_REASONS).map(({ code, message }) => {
      const codeBytes = Buffer.from(cut(code, MAX_CODE_BYTES), "utf8");
      const messageBytes = Buffer.from(cut(message, MAX_MESSAGE_BYTES), "utf8");
      const lengths = Buffer.from([codeBytes.length, messageBytes.length & 0xff, messageBytes.length >> 8]);
      return Buffer.concat([lengths, codeBytes, messageBytes]);
    }),
  );
}

/** The text, or its beginning with an ellipsis where it has more bytes of UTF-8 than this. Never half a character. */
function cut(text: string, maxBytes: number): string {
  // A code unit is at least one byte, so this much and no more has to be looked at.
  const start = text.slice(0, maxBytes + 1);
  if (start.length <= maxBytes && Buffer.byteLength(start) <= maxBytes) return start;
  const { read } = new TextEncoder().encodeInto(start, new Uint8Array(maxBytes - 3));
  return `${start.slice(0, read)}…`;
}

export function putRevocation(out: Output, generation: number): void {
  const at = out.frame(MESSAGES.revocation, 8);
  putCount(out.bytes, at, generation, "a generation");
}

function decodeResult(body: Buffer): WireResult {
  expectBody("result", body, RESULT_BYTES, true);
  const outcome = OUTCOMES[body[24] as number];
  const value = body.readUInt32LE(28);
  expectZero("result", body, 25, 28);
  if (outcome === undefined || (outcome === "errno" || outcome === "sgx_error" ? value === 0 : value !== 0)) {
    throw new WireError("malformed", `a result of outcome ${body[24]} with value ${value}`);
  }
  const fields = new Fields(body, RESULT_BYTES);
  while (fields.next()) fields.skip(0);
  const anonymous = body.subarray(8, 24).every((byte) => byte === 0);
  const id = readCount(body, 0, "a result's id");
  return { id, decision_id: anonymous ? null : uuidAt(body, 8), outcome, value };
}

export function putResult(out: Output, { id, decision_id, outcome, value }: WireResult): void {
  const before = out.length;
  const at = out.frame(MESSAGES.result, RESULT_BYTES);
  try {
    putCount(out.bytes, at, id, "a result's id");
    if (decision_id !== null) putUuid(out.bytes, at + 8, decision_id);
    out.bytes[at + 24] = OUTCOMES.indexOf(outcome);
    out.bytes.writeUInt32LE(value, at + 28);
  } catch (error) {
    out.cut(before);
    throw error;
  }
}

export function putPing(out: Output, type: "ping" | "pong", nonce: bigint): void {
  const at = out.frame(MESSAGES[type], 8);
  out.bytes.writeBigUInt64LE(nonce, at);
}

function decodeError(body: Buffer): WireFailure {
  expectBody("error", body, ERROR_BYTES, true);
  expectZero("error", body, 2, 8);
  // A code that a later version may have is as good a reason to end as any.
  const code = ERROR_NAMES.get(body.readUInt16LE(0)) ?? "internal";
  return {
    code,
    id: readCount(body, 8, "an error's id"),
    message: textField(body, ERROR_BYTES, MAX_ERROR_BYTES) ?? "",
  };
}

export function putError(out: Output, { code, id, message }: WireFailure): void {
  const text = Buffer.from(cut(message, MAX_ERROR_BYTES), "utf8");
  const at = out.frame(MESSAGES.error, ERROR_BYTES + (text.length === 0 ? 0 : 4 + text.length));
  out.bytes.writeUInt16LE(WIRE_ERRORS[code], at);
  putCount(out.bytes, at + 8, id, "an error's id");
  if (text.length > 0) out.bytes.set(text, putField(out.bytes, at + ERROR_BYTES, ONLY_FIELD, text.length));
}

export function putGoodbye(out: Output, graceMs: number): void {
  const at = out.frame(MESSAGES.goodbye, 8);
  out.bytes.writeUInt32LE(graceMs, at);
}
