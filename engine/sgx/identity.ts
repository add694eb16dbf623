/**
 * Who an enclave is: MRSIGNER and MRENCLAVE as 64 lower-case hex digits in natural order, and MRSIGNER as the four
 * IA32_SGXLEPUBKEYHASH registers hold it. Truth: Intel SDM vol. 3D, EINIT, and vol. 4, MSRs 0x8C to 0x8F.
 */

import { createHash } from "node:crypto";
import { DecodeError } from "../errors.js";

const MODULUS_SIZE = 384;

/** Lower-case hex digits of the bytes, in the order they lie. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/**
 * MRSIGNER: SHA-256 over the 384 bytes of MODULUS exactly as SIGSTRUCT stores them, little-endian. EXPONENT is not
 * hashed. Before EINIT succeeded it proves nothing: anyone can put any modulus into a SIGSTRUCT.
 *
 * @throws DecodeError `length` where the modulus is not 384 bytes
 */
export function mrsignerOf(modulus: Uint8Array): string {
  if (modulus.length !== MODULUS_SIZE) {
    throw new DecodeError("length", `MODULUS is ${modulus.length} bytes, expected ${MODULUS_SIZE}`);
  }
  return createHash("sha256").update(modulus).digest("hex");
}

/** The MRENCLAVE that a SIGSTRUCT demands. Until EINIT succeeded it is the signer's claim about what was loaded. */
export function mrenclaveOf(sigstruct: { readonly enclavehash: Uint8Array }): string {
  return hex(sigstruct.enclavehash);
}

/** The four values that IA32_SGXLEPUBKEYHASH0..3 hold for a signer: each eight bytes of the hash, little-endian. */
export type LepubkeyhashMsrs = readonly [bigint, bigint, bigint, bigint];

/** MRSIGNER as the four registers hold it. @throws DecodeError `encoding` where it is not 64 lower-case hex digits */
export function lepubkeyhashMsrs(mrsigner: string): LepubkeyhashMsrs {
  if (!/^[0-9a-f]{64}$/.test(mrsigner)) {
    throw new DecodeError("encoding", `${JSON.stringify(mrsigner)} is no MRSIGNER, expected 64 lower-case hex digits`);
  }
  const bytes = Buffer.from(mrsigner, "hex");
  return [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(8), bytes.readBigUInt64LE(16), bytes.readBigUInt64LE(24)];
}

/** The hash that four registers hold, as 64 hex digits. @throws DecodeError `field` where one exceeds 64 bits */
export function lepubkeyhashOfMsrs(msrs: LepubkeyhashMsrs): string {
  const bytes = Buffer.alloc(32);
  for (const [index, value] of msrs.entries()) {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new DecodeError("field", `IA32_SGXLEPUBKEYHASH${index} is ${value}, expected at most 64 bits`);
    }
    bytes.writeBigUInt64LE(value, index * 8);
  }
  return bytes.toString("hex");
}
