/**
 * EINITTOKEN, a launch enclave's permission: 304 bytes, MACed with a key only launch enclaves can get.
 * Truth: Intel SDM vol. 3D, "EINIT Token Structure (EINITTOKEN)"; what is refused: the EINIT page there.
 *
 * Whether `mac` verifies is not checked here and cannot be: every field stays an unauthenticated claim until EINIT
 * returned 0. A token may be a reason to deny, never to allow.
 */

import { DecodeError } from "../errors.js";
import { hex32 } from "./attributes.js";
import { type Finding, firstNonzero, odd, refused } from "./findings.js";
import { type Decoded, decode, encode, type Layout } from "./layout.js";

export const EINITTOKEN_SIZE = 304;

/** Size in bytes of Intel's `sgx_launch_token_t`; the EINITTOKEN is its first 304. */
export const LAUNCH_TOKEN_SIZE = 1024;

/** MRENCLAVE and MRSIGNER are in natural byte order. The MAC covers bytes 0 to 191. */
export const EINITTOKEN_LAYOUT = {
  structure: "EINITTOKEN",
  size: EINITTOKEN_SIZE,
  rows: [
    { name: "valid", offset: 0, size: 4, type: "u32" },
    { name: "reserved1", offset: 4, size: 44, type: "bytes" },
    { name: "attributes", offset: 48, size: 16, type: "attributes" },
    { name: "mrenclave", offset: 64, size: 32, type: "bytes" },
    { name: "reserved2", offset: 96, size: 32, type: "bytes" },
    { name: "mrsigner", offset: 128, size: 32, type: "bytes" },
    { name: "reserved3", offset: 160, size: 32, type: "bytes" },
    { name: "cpusvnle", offset: 192, size: 16, type: "bytes" },
    { name: "isvprodidle", offset: 208, size: 2, type: "u16" },
    { name: "isvsvnle", offset: 210, size: 2, type: "u16" },
    { name: "reserved4", offset: 212, size: 24, type: "bytes" },
    { name: "maskedmiscselectle", offset: 236, size: 4, type: "u32" },
    { name: "maskedattributesle", offset: 240, size: 16, type: "attributes" },
    { name: "keyid", offset: 256, size: 32, type: "bytes" },
    { name: "mac", offset: 288, size: 16, type: "bytes" },
  ],
} as const satisfies Layout;

export type Einittoken = Decoded<typeof EINITTOKEN_LAYOUT>;

/**
 * Where CET_MASKED_ATTRIBUTES_LE is believed to lie on CPUs with CET; its position is not verified. A value there is
 * therefore told, but never called a refusal.
 */
const CET_MASKED_ATTRIBUTES_LE_OFFSET = 212;

/** Reads 304 bytes. @throws DecodeError `length` on any other number of them */
export function decodeEinittoken(bytes: Uint8Array): Einittoken {
  return decode(EINITTOKEN_LAYOUT, bytes);
}

/** The 304 bytes that decode to this. @throws DecodeError `field` where a value does not fit its field */
export function encodeEinittoken(token: Einittoken): Uint8Array {
  return encode(EINITTOKEN_LAYOUT, token);
}

/** Reads a token, bare or at the start of Intel's `sgx_launch_token_t`. @throws DecodeError `length` otherwise */
export function einittokenOf(bytes: Uint8Array): Einittoken {
  if (bytes.length === EINITTOKEN_SIZE) return decodeEinittoken(bytes);
  if (bytes.length === LAUNCH_TOKEN_SIZE) return decodeEinittoken(bytes.subarray(0, EINITTOKEN_SIZE));
  throw new DecodeError(
    "length",
    `EINITTOKEN is ${bytes.length} bytes, expected ${EINITTOKEN_SIZE}, or ${LAUNCH_TOKEN_SIZE} as sgx_launch_token_t`,
  );
}

/** Whether bit 0 of VALID is set. Where it is not, EINIT ignores the rest of the token, and so must everyone. */
export function tokenIsValid(token: Pick<Einittoken, "valid">): boolean {
  return (token.valid & 1) === 1;
}

/** What EINIT refuses about the token's own form. A token with VALID=0 has no findings: nobody reads the rest. */
export function einittokenFindings(token: Einittoken): readonly Finding[] {
  if (!tokenIsValid(token)) return [];
  const findings: Finding[] = [];
  if (token.valid !== 1) {
    const what = `VALID is ${hex32(token.valid)}, expected 0x00000000 or 0x00000001`;
    findings.push(refused("token_valid_upper_bits", what, "SGX_INVALID_EINITTOKEN"));
  }
  for (const { name, offset } of RESERVED_ROWS) findings.push(...reservedFindings(token[name], offset));
  return findings;
}

const RESERVED_ROWS = EINITTOKEN_LAYOUT.rows.filter((row) => row.name.startsWith("reserved")) as readonly {
  readonly name: "reserved1" | "reserved2" | "reserved3" | "reserved4";
  readonly offset: number;
}[];

function reservedFindings(bytes: Uint8Array, offset: number): readonly Finding[] {
  const findings: Finding[] = [];
  let rest = bytes;
  let restOffset = offset;
  if (offset === CET_MASKED_ATTRIBUTES_LE_OFFSET) {
    if (bytes[0] !== 0) {
      findings.push(odd("token_reserved_nonzero", `EINITTOKEN byte ${offset} is not 0: a CPU with CET may accept it`));
    }
    rest = bytes.subarray(1);
    restOffset = offset + 1;
  }
  const at = firstNonzero(rest);
  if (at >= 0) {
    const what = `EINITTOKEN reserved byte ${restOffset + at} is not 0`;
    findings.push(refused("token_reserved_nonzero", what, "SGX_INVALID_EINITTOKEN"));
  }
  return findings;
}
