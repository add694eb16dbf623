/** Bytes that somebody else holds: in memory, or in a file too large to load. The engine only asks for pieces. */

import { DecodeError } from "../../errors.js";

/**
 * Where bytes come from. `read` answers a copy of `length` bytes at `offset`, shorter only where the end comes first;
 * it may throw where reading itself fails, which passes through the engine untouched.
 */
export type ByteSource = {
  readonly sizeBytes: number;
  readonly read: (offset: number, length: number) => Uint8Array;
};

/** Bytes in memory as a source. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  };
}

/**
 * Exactly `size` bytes at `offset`, which may be any numbers a file came up with. `what` names them in the error.
 *
 * @throws DecodeError `length` where the source has fewer
 */
export function readExactly(source: ByteSource, offset: number, size: number, what: string): Uint8Array {
  // INVARIANT: both are checked against the size before they are added, so that no sum can lose a digit.
  if (offset <= source.sizeBytes && size <= source.sizeBytes - offset) {
    const bytes = source.read(offset, size);
    if (bytes.length === size) return bytes;
  }
  const end = `expected ${size} bytes at offset ${offset}, but the file has ${source.sizeBytes}`;
  throw new DecodeError("length", `${what} lies outside the file: ${end}`);
}

/** A view of bytes that nobody else holds. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
