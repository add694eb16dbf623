/**
 * The stream of records that MRENCLAVE is the hash of, as files keep it: what ECREATE, EADD and EEXTEND append, 64 bytes
 * each, EEXTEND's followed by the 256 bytes it measures. Truth: Intel SDM vol. 3D, the pages of these instructions;
 * about the enhanced form, which adds UNSIZED and UNMEASRD: Fortanix, doc/SGXS.md in rust-sgx.
 *
 * Whether the loads make a sensible enclave (pages inside SIZE, none twice) is not checked here: the CPU measures what
 * it is told. `canonical` says whether they are in the order that Fortanix's tools keep.
 */

import { createHash } from "node:crypto";
import { DecodeError } from "../errors.js";
import { type ByteSource, readExactly, viewOf } from "./carriers/source.js";

/** Bytes of one record; EEXTEND's is followed by the bytes it measures. */
export const RECORD_SIZE = 64;
export const CHUNK_SIZE = 256;

/** The first eight bytes of each record, as the little-endian number the SDM gives. */
export const TAGS = {
  ecreate: 0x0045544145524345n,
  eadd: 0x0000000044444145n,
  eextend: 0x00444e4554584545n,
} as const;

/** The tags of the enhanced form: `UNSIZED` with a NUL, and `UNMEASRD`. */
const ENHANCED_TAGS = { unsized: 0x0044455a49534e55n, unmeasrd: 0x44525341454d4e55n } as const;

type RecordKind = keyof typeof TAGS | keyof typeof ENHANCED_TAGS;

/** Where the last meaningful byte of each record ends; what follows must be zero. */
const FIELDS_END = { ecreate: 28, unsized: 28, eadd: 24, eextend: 16, unmeasrd: 16 } as const;

/** Of the stream, this many bytes are in memory at a time. */
const WINDOW_SIZE = 262_144;

/** More than any enclave: of longer streams nothing is said, so that none can keep a reader busy for hours. */
const MAX_STREAM_SIZE = 4_294_967_296;

/** What a stream measures. */
export type MeasuredStream = {
  /** 64 hex digits. */
  readonly mrenclave: string;
  /** SECS.SIZE in bytes, and SECS.SSAFRAMESIZE in pages, as ECREATE's record has them. */
  readonly size: bigint;
  readonly ssaframesize: number;
  /** Pages added, and of their content how many bytes are measured, and how many loaded but not. */
  readonly pages: number;
  readonly measuredBytes: number;
  readonly unmeasuredBytes: number;
  /** Whether pages ascend, and every chunk belongs to the page added last and comes once. */
  readonly canonical: boolean;
};

/** Whether a file that begins like this is a stream, sized or not. */
export function beginsStream(head: Uint8Array): boolean {
  if (head.length < 8) return false;
  const tag = viewOf(head).getBigUint64(0, true);
  return tag === TAGS.ecreate || tag === ENHANCED_TAGS.unsized;
}

/**
 * Measures a stream: ECREATE first and once, then EADD and EEXTEND records, and UNMEASRD where the `enhanced` form is
 * welcome, nothing else and nothing left over. Reads every byte once, 256 KiB at a time.
 *
 * @throws DecodeError `length` where the stream ends inside a record or is longer than 4 GiB, `field` on a record no
 * CPU would write there
 */
export function measureStream(source: ByteSource, { enhanced }: { readonly enhanced: boolean }): MeasuredStream {
  if (source.sizeBytes > MAX_STREAM_SIZE) {
    throw new DecodeError("length", `the stream is ${source.sizeBytes} bytes, expected at most ${MAX_STREAM_SIZE}`);
  }
  const hash = createHash("sha256");
  const order = pageOrder();
  let created: { readonly size: bigint; readonly ssaframesize: number } | null = null;
  let pages = 0;
  let measuredBytes = 0;
  let unmeasuredBytes = 0;
  let windowOffset = 0;
  do {
    const window = readExactly(
      source,
      windowOffset,
      Math.min(WINDOW_SIZE, source.sizeBytes - windowOffset),
      "the next part of the stream",
    );
    const last = windowOffset + window.length === source.sizeBytes;
    const view = viewOf(window);
    let at = 0;
    // Where bytes begin that are measured and not hashed yet.
    let pending = 0;
    for (;;) {
      if (at === window.length) break;
      if (window.length - at < RECORD_SIZE + CHUNK_SIZE && !last) break;
      const offset = windowOffset + at;
      need(window.length - at, RECORD_SIZE, offset);
      const kind = kindOf(view.getBigUint64(at, true), offset, enhanced);
      checkRecord(kind, window.subarray(at, at + RECORD_SIZE), offset);
      if (kind === "ecreate") {
        created = { ssaframesize: view.getUint32(at + 8, true), size: view.getBigUint64(at + 12, true) };
        at += RECORD_SIZE;
      } else if (kind === "eadd") {
        order.page(view.getUint32(at + 8, true), view.getUint32(at + 12, true), offset);
        pages++;
        at += RECORD_SIZE;
      } else {
        need(window.length - at - RECORD_SIZE, CHUNK_SIZE, offset + RECORD_SIZE);
        order.chunk(view.getUint32(at + 8, true), view.getUint32(at + 12, true), offset);
        if (kind === "unmeasrd") {
          hash.update(window.subarray(pending, at));
          pending = at + RECORD_SIZE + CHUNK_SIZE;
          unmeasuredBytes += CHUNK_SIZE;
        } else measuredBytes += CHUNK_SIZE;
        at += RECORD_SIZE + CHUNK_SIZE;
      }
    }
    hash.update(window.subarray(pending, at));
    windowOffset += at;
  } while (windowOffset < source.sizeBytes);
  if (created === null) throw new DecodeError("length", `the stream is empty, expected at least ${RECORD_SIZE} bytes`);
  const mrenclave = hash.digest("hex");
  return { mrenclave, ...created, pages, measuredBytes, unmeasuredBytes, canonical: order.canonical() };
}

/** What only its place in the stream, or its tail, makes wrong about a record. */
function checkRecord(kind: Exclude<RecordKind, "unsized">, record: Uint8Array, offset: number): void {
  if ((kind === "ecreate") !== (offset === 0)) {
    throw new DecodeError("field", `the record at ${offset} is ${kind.toUpperCase()}, expected ECREATE first and once`);
  }
  for (let at = FIELDS_END[kind]; at < RECORD_SIZE; at++) {
    if (record[at] !== 0) {
      throw new DecodeError("field", `the ${kind.toUpperCase()} record at ${offset} does not end in zeros`);
    }
  }
}

function kindOf(tag: bigint, offset: number, enhanced: boolean): Exclude<RecordKind, "unsized"> {
  for (const kind of ["eextend", "eadd", "ecreate"] as const) if (TAGS[kind] === tag) return kind;
  if (enhanced && tag === ENHANCED_TAGS.unmeasrd) return "unmeasrd";
  if (enhanced && tag === ENHANCED_TAGS.unsized) {
    throw new DecodeError(
      "field",
      `the record at ${offset} is UNSIZED: as long as the enclave's size is open it has no MRENCLAVE. Give the stream ` +
        "that begins with ECREATE",
    );
  }
  throw new DecodeError("field", `the record at ${offset} is of no known kind, expected ECREATE, EADD or EEXTEND`);
}

function need(left: number, size: number, offset: number): void {
  if (left < size) {
    throw new DecodeError("length", `the stream has ${left} bytes left at ${offset}, expected ${size}`);
  }
}

/** Follows the offsets, given as the two halves of 64 bits. Page numbers have 52 bits, so that a number holds them. */
function pageOrder() {
  let canonical = true;
  let page = -1;
  let chunks = 0;
  return {
    page(low: number, high: number, offset: number): void {
      if ((low & 0xfff) !== 0) throw new DecodeError("field", `the EADD at ${offset} is not of a whole page`);
      const next = high * 0x10_0000 + (low >>> 12);
      if (next <= page) canonical = false;
      page = next;
      chunks = 0;
    },
    chunk(low: number, high: number, offset: number): void {
      if ((low & 0xff) !== 0) throw new DecodeError("field", `the chunk at ${offset} is not of 256 whole bytes`);
      const bit = 1 << ((low >>> 8) & 0xf);
      if (high * 0x10_0000 + (low >>> 12) !== page || (chunks & bit) !== 0) canonical = false;
      chunks |= bit;
    },
    canonical: () => canonical,
  };
}
