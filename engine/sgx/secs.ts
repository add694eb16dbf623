/**
 * SECS, the enclave's control structure, as its creator hands it to ECREATE: 4096 bytes.
 * Truth: Intel SDM vol. 3D, "SGX Enclave Control Structure (SECS)", and the ECREATE page.
 *
 * Software sees only this source copy: once ECREATE ran, the SECS in the EPC cannot be read. MRENCLAVE, MRSIGNER,
 * ISVPRODID and ISVSVN of a source SECS are the CPU's to fill and mean nothing here.
 */

import { DecodeError } from "../errors.js";
import { hex64 } from "./attributes.js";
import { type Finding, firstNonzero, odd } from "./findings.js";
import { type Decoded, decode, encode, type Layout } from "./layout.js";

export const SECS_SIZE = 4096;

/** Size in bytes of the architectural fields at the start; everything after them is reserved. */
export const SECS_FIELDS_SIZE = 262;

/** SIZE is in bytes, BASEADDR a linear address, SSAFRAMESIZE in pages of 4096 bytes. */
export const SECS_LAYOUT = {
  structure: "SECS",
  size: SECS_SIZE,
  rows: [
    { name: "size", offset: 0, size: 8, type: "u64" },
    { name: "baseaddr", offset: 8, size: 8, type: "u64" },
    { name: "ssaframesize", offset: 16, size: 4, type: "u32" },
    { name: "miscselect", offset: 20, size: 4, type: "u32" },
    { name: "cet_leg_bitmap_offset", offset: 24, size: 8, type: "u64" },
    { name: "cet_attributes", offset: 32, size: 1, type: "u8" },
    { name: "reserved1", offset: 33, size: 15, type: "bytes" },
    { name: "attributes", offset: 48, size: 16, type: "attributes" },
    { name: "mrenclave", offset: 64, size: 32, type: "bytes" },
    { name: "reserved2", offset: 96, size: 32, type: "bytes" },
    { name: "mrsigner", offset: 128, size: 32, type: "bytes" },
    { name: "reserved3", offset: 160, size: 32, type: "bytes" },
    { name: "configid", offset: 192, size: 64, type: "bytes" },
    { name: "isvprodid", offset: 256, size: 2, type: "u16" },
    { name: "isvsvn", offset: 258, size: 2, type: "u16" },
    { name: "configsvn", offset: 260, size: 2, type: "u16" },
    { name: "reserved4", offset: 262, size: 3834, type: "bytes" },
  ],
} as const satisfies Layout;

export type Secs = Decoded<typeof SECS_LAYOUT>;

/**
 * Reads a SECS, or its leading fields: any prefix of the 4096 bytes that holds at least the first 262. What is missing
 * reads as zero.
 *
 * @throws DecodeError `length` on fewer or more bytes
 */
export function decodeSecs(bytes: Uint8Array): Secs {
  if (bytes.length < SECS_FIELDS_SIZE || bytes.length > SECS_SIZE) {
    throw new DecodeError(
      "length",
      `SECS is ${bytes.length} bytes, expected ${SECS_SIZE}, or at least its leading ${SECS_FIELDS_SIZE}`,
    );
  }
  if (bytes.length === SECS_SIZE) return decode(SECS_LAYOUT, bytes);
  const whole = new Uint8Array(SECS_SIZE);
  whole.set(bytes);
  return decode(SECS_LAYOUT, whole);
}

/** The 4096 bytes that decode to this. @throws DecodeError `field` where a value does not fit its field */
export function encodeSecs(secs: Secs): Uint8Array {
  return encode(SECS_LAYOUT, secs);
}

/** What ECREATE would fault on. None carries an EINIT error: such an enclave never comes as far as EINIT. */
export function secsFindings(secs: Secs): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { name, offset } of RESERVED_ROWS) {
    const at = firstNonzero(secs[name]);
    if (at >= 0) findings.push(odd("secs_reserved_nonzero", `SECS reserved byte ${offset + at} is not 0`));
  }
  if (secs.size < 8192n || (secs.size & (secs.size - 1n)) !== 0n) {
    findings.push(odd("secs_size_invalid", `SIZE is ${secs.size} bytes, expected a power of two of at least 8192`));
  } else if ((secs.baseaddr & (secs.size - 1n)) !== 0n) {
    const what = `BASEADDR is ${hex64(secs.baseaddr)}, expected a multiple of SIZE (${hex64(secs.size)})`;
    findings.push(odd("secs_baseaddr_unaligned", what));
  }
  return findings;
}

const RESERVED_ROWS = SECS_LAYOUT.rows.filter((row) => row.name.startsWith("reserved")) as readonly {
  readonly name: "reserved1" | "reserved2" | "reserved3" | "reserved4";
  readonly offset: number;
}[];
