/**
 * Frames of wire protocol v1: what goes over the socket before anybody knows what it means. Truth: protocol.md beside this
 * file.
 *
 * Pure: bytes in, frames out. Every byte is hostile; the only thing thrown is WireError. Little-endian throughout.
 */

import { LaunchError } from "../../engine/index.js";

/** `u32 length | u8 type | u8 flags | u16 reserved`; the length counts these eight bytes too. */
const HEADER_BYTES = 8;
/** No frame of version 1 may be longer. */
export const MAX_FRAME_BYTES = 65_536;
/** What every peer must be able to take; no message of version 1 as we write it is longer. */
export const MIN_FRAME_LIMIT = 16_384;

export const MESSAGES = {
  hello: 1,
  request: 2,
  verdict: 3,
  revocation: 4,
  result: 5,
  ping: 6,
  pong: 7,
  error: 8,
  goodbye: 9,
} as const;

/** Why a connection ends, as the error message says it. */
export const WIRE_ERRORS = {
  /** a frame's length, type, flags or reserved bits */
  frame: 1,
  /** no version in common, or no magic */
  version: 2,
  /** a message is not as its table says */
  malformed: 3,
  /** a message that is not due: before hello, after goodbye, or in the wrong direction */
  unexpected: 4,
  /** an unknown field that is marked critical */
  critical: 5,
  /** a request with the id of one that is not answered yet */
  duplicate_id: 6,
  /** no hello, no end of a frame, or nothing at all, for too long */
  timeout: 7,
  /** too many connections, too many bytes, or too slow a reader */
  overloaded: 8,
  /** this peer is not served here */
  refused: 9,
  internal: 10,
} as const;

export type WireErrorCode = keyof typeof WIRE_ERRORS;

/** A peer did not keep to the protocol, or ended it. The connection is over. */
export class WireError extends LaunchError {
  override readonly name = "WireError";
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A whole frame. `body` is what follows the header: a view that keeps alive whatever it was read with. */
export interface Frame {
  readonly type: number;
  readonly body: Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);
const FIRST_STORE = 256;

/**
 * Cuts a stream into frames. A frame that lies within one chunk is a view of it; one that does not is gathered, each byte
 * copied once and, while its storage grows, at most twice more. A peer that only says that much is coming gets no memory
 * for it: storage follows what has arrived.
 */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #chunk = NOTHING;
  #at = 0;
  /** The beginning of a frame whose end has not come yet. */
  #store = NOTHING;
  #stored = 0;
  #broken: WireError | null = null;

  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Hands over bytes, which nobody must write to any more. */
  push(chunk: Buffer): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /**
   * The next whole frame; null where its end has not come yet.
   * @throws WireError `frame`, as soon as a header is wrong, and again at every later call
   */
  next(): Frame | null {
    if (this.#broken !== null) throw this.#broken;
    while (this.#at < this.#chunk.length || this.#nextChunk()) {
      const frame = this.#stored > 0 ? this.#gather() : this.#view();
      if (frame !== null) return frame;
    }
    return null;
  }

  /** Bytes of memory held: chunks not used up, and storage of a frame that has only begun. */
  get held(): number {
    return this.#chunk.length + this.#waitingBytes + this.#store.length;
  }

  /** Whether the beginning of a frame is there, and its end is not; true only once `next` has given null. */
  get midFrame(): boolean {
    return this.#stored > 0;
  }

  #nextChunk(): boolean {
    this.#chunk = this.#waiting.shift() ?? NOTHING;
    this.#waitingBytes -= this.#chunk.length;
    this.#at = 0;
    return this.#chunk.length > 0 || this.#waiting.length > 0;
  }

  #view(): Frame | null {
    const chunk = this.#chunk;
    const at = this.#at;
    if (chunk.length - at < HEADER_BYTES) return this.#gather();
    const length = this.#check(chunk, at);
    if (chunk.length - at < length) return this.#gather();
    this.#at = at + length;
    return { type: chunk[at + 4] as number, body: chunk.subarray(at + HEADER_BYTES, at + length) };
  }

  /** Takes from the chunk what the frame still needs: first its header, then the rest. */
  #gather(): Frame | null {
    if (this.#stored < HEADER_BYTES && !this.#fill(HEADER_BYTES)) return null;
    const length = this.#check(this.#store, 0);
    if (!this.#fill(length)) return null;
    const frame = { type: this.#store[4] as number, body: this.#store.subarray(HEADER_BYTES, length) };
    this.#store = NOTHING;
    this.#stored = 0;
    return frame;
  }

  #fill(wanted: number): boolean {
    const taken = Math.min(wanted - this.#stored, this.#chunk.length - this.#at);
    const after = this.#stored + taken;
    if (after > this.#store.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.max(after, Math.min(this.#maxBytes, FIRST_STORE + 2 * this.#store.length)),
      );
      this.#store.copy(grown, 0, 0, this.#stored);
      this.#store = grown;
    }
    this.#chunk.copy(this.#store, this.#stored, this.#at, this.#at + taken);
    this.#stored = after;
    this.#at += taken;
    return after === wanted;
  }

  #check(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || length > this.#maxBytes) {
      throw this.#break(`a frame of ${length} bytes, expected ${HEADER_BYTES} to ${this.#maxBytes}`);
    }
    if (bytes[at + 5] !== 0 || bytes[at + 6] !== 0 || bytes[at + 7] !== 0) {
      throw this.#break("flags or reserved bits of a frame are set, expected none in version 1");
    }
    return length;
  }

  #break(message: string): WireError {
    this.#broken = new WireError("frame", message);
    this.#chunk = NOTHING;
    this.#store = NOTHING;
    this.#stored = 0;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#at = 0;
    return this.#broken;
  }
}

/** Frames on their way out, one after the other, to be written at once. */
export class Output {
  #bytes = NOTHING;
  #length = 0;
  #usual = FIRST_STORE;

  get length(): number {
    return this.#length;
  }

  /** What is written to; anew after each `frame`, since it may have moved. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Begins a frame of this many body bytes, all of them zero, and says where its body begins. */
  frame(type: number, bodyBytes: number): number {
    const from = this.#length;
    const size = HEADER_BYTES + bodyBytes;
    if (size > MIN_FRAME_LIMIT) {
      throw new WireError("malformed", `a message of ${size} bytes, expected at most ${MIN_FRAME_LIMIT}`);
    }
    if (from + size > this.#bytes.length) this.#grow(from + size);
    const bytes = this.#bytes;
    bytes.writeUInt32LE(size, from);
    bytes[from + 4] = type;
    bytes.fill(0, from + 5, from + size);
    this.#length = from + size;
    return from + HEADER_BYTES;
  }

  /** A frame that was made elsewhere. */
  append(frame: Buffer): void {
    const from = this.#length;
    if (from + frame.length > this.#bytes.length) this.#grow(from + frame.length);
    this.#bytes.set(frame, from);
    this.#length = from + frame.length;
  }

  /** Takes back everything from here on: what `length` was before. */
  cut(length: number): void {
    this.#length = Math.min(length, this.#length);
  }

  /** All of it, for good: what is written from now on is in other memory. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    // The next will be about as much as this; the storage that was too large by far is not asked for again.
    this.#usual = Math.max(FIRST_STORE, Math.min(this.#length, MAX_FRAME_BYTES));
    this.#bytes = NOTHING;
    this.#length = 0;
    return taken;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafe(Math.max(this.#usual, needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** `u16 type | u16 length`; the type's high bit says that who does not know the field must refuse. */
export const FIELD_BYTES = 4;
export const CRITICAL = 0x8000;

/** Walks the fields that follow a message's fixed part: in ascending order of their numbers, so none is there twice. */
export class Fields {
  readonly #body: Buffer;
  #last = 0;
  /** The type as it stands there, with the critical bit. */
  type = 0;
  /** Where its value begins, and how long it is. */
  at: number;
  length = 0;

  constructor(body: Buffer, from: number) {
    this.#body = body;
    this.at = from;
  }

  /** @throws WireError `malformed` where a field is cut off, repeated or out of order */
  next(): boolean {
    const from = this.at + this.length;
    const left = this.#body.length - from;
    if (left === 0) return false;
    if (left < FIELD_BYTES) throw new WireError("malformed", `a field's header has ${left} bytes, expected 4`);
    this.type = this.#body.readUInt16LE(from);
    const number = this.type & ~CRITICAL;
    if (number <= this.#last) {
      throw new WireError("malformed", `field ${number} after field ${this.#last}: numbers ascend, each comes once`);
    }
    this.#last = number;
    this.at = from + FIELD_BYTES;
    this.length = this.#body.readUInt16LE(from + 2);
    if (this.length > left - FIELD_BYTES) {
      throw new WireError("malformed", `field ${number} has ${left - FIELD_BYTES} bytes, and says ${this.length}`);
    }
    return true;
  }

  /** @throws WireError `malformed` where the field has another length */
  expect(length: number): void {
    if (this.length !== length) {
      throw new WireError("malformed", `field ${this.#last} is ${this.length} bytes, expected ${length}`);
    }
  }

  bytes(length: number): Buffer {
    this.expect(length);
    return this.#body.subarray(this.at, this.at + length);
  }

  /** @throws WireError `malformed` where it is empty, too long, or no UTF-8 */
  text(maxBytes: number): string {
    if (this.length === 0 || this.length > maxBytes) {
      throw new WireError(
        "malformed",
        `field ${this.#last} is ${this.length} bytes of text, expected 1 to ${maxBytes}`,
      );
    }
    return textAt(this.#body, this.at, this.length);
  }

  /**
   * Skips a field that this message does not have, in version 1 with numbers up to `known`.
   * @throws WireError `critical` where it must not be skipped, `malformed` where it is known with the other critical bit
   */
  skip(known: number): void {
    if (this.#last <= known) {
      throw new WireError("malformed", `field ${this.#last} has the wrong critical bit`);
    }
    if (this.type >= CRITICAL) throw new WireError("critical", `field ${this.#last} is critical and unknown here`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws WireError `malformed` where the bytes are no UTF-8 */
export function textAt(body: Buffer, at: number, length: number): string {
  try {
    return utf8.decode(body.subarray(at, at + length));
  } catch {
    throw new WireError("malformed", "a text is no UTF-8");
  }
}

/** Writes a field's header and says where its value begins. */
export function putField(bytes: Buffer, at: number, type: number, length: number): number {
  bytes.writeUInt16LE(type, at);
  bytes.writeUInt16LE(length, at + 2);
  return at + FIELD_BYTES;
}

/** @throws WireError `malformed` where the body has not exactly this many bytes, or at least, where fields may follow */
export function expectBody(name: string, body: Buffer, bytes: number, fields: boolean): void {
  if (body.length === bytes || (fields && body.length > bytes)) return;
  throw new WireError(
    "malformed",
    `${name} has a body of ${body.length} bytes, expected ${fields ? "at least " : ""}${bytes}`,
  );
}

/** @throws WireError `malformed` where a byte that version 1 leaves at zero is not */
export function expectZero(name: string, body: Buffer, from: number, to: number): void {
  for (let at = from; at < to; at += 1) {
    if (body[at] !== 0) throw new WireError("malformed", `${name}: byte ${at} is reserved, expected 0`);
  }
}

const TWO_32 = 0x1_0000_0000;

/** A u64 that both sides keep below 2^53. @throws WireError `malformed` where it is not */
export function readCount(body: Buffer, at: number, name: string): number {
  const value = body.readUInt32LE(at) + body.readUInt32LE(at + 4) * TWO_32;
  if (value > Number.MAX_SAFE_INTEGER) throw new WireError("malformed", `${name} is above 2^53 - 1`);
  return value;
}

export function putCount(bytes: Buffer, at: number, value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new WireError("malformed", `${name} is ${value}, expected an integer of 0 to 2^53 - 1`);
  }
  bytes.writeUInt32LE(value % TWO_32, at);
  bytes.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
}
