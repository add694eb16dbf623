/**
 * Whether a SIGSTRUCT's signature and its two helpers Q1 and Q2 hold: RSA-3072 with exponent 3, RSASSA-PKCS1-v1_5
 * with SHA-256. Truth: Intel SDM vol. 3D, SIGSTRUCT and EINIT; the padding: RFC 8017, section 9.2.
 *
 * Done in BigInt rather than through a key object: S^3 mod N, Q1 and Q2 fall out of the same two divisions, and no
 * modulus, however absurd, can make an import throw. Nothing here is secret, so timing does not matter.
 */

import { createHash } from "node:crypto";
import { hex } from "./identity.js";
import { decodeSigstruct, encodeSigstruct, type Sigstruct, signedBytes } from "./sigstruct.js";

/** All three must hold for EINIT to accept: the CPU divides with the help of Q1 and Q2. */
export type SignatureCheck = {
  readonly signature_valid: boolean;
  readonly q1_valid: boolean;
  readonly q2_valid: boolean;
};

/** 00 01, 330 times FF, 00, then the DigestInfo of SHA-256; the 32 bytes of the hash follow. */
const ENCODED_PREFIX = BigInt(`0x0001${"ff".repeat(330)}003031300d060960864801650304020105000420`);

const NOTHING_VALID: SignatureCheck = Object.freeze({ signature_valid: false, q1_valid: false, q2_valid: false });

/**
 * Checks SIGNATURE over the 256 signed bytes with the embedded MODULUS, and Q1 and Q2 by recomputing them. Answers on
 * every SIGSTRUCT: a modulus of zero or an even one, an exponent other than 3, and a signature not below the modulus
 * are `signature_valid: false`. The whole 384-byte encoded message is compared, so loose padding does not pass.
 *
 * Who the signer is, and whether anyone should trust it, is not asked here.
 *
 * @throws DecodeError `length` where bytes are given and are not 1808
 */
export function verifySignature(sigstruct: Sigstruct | Uint8Array): SignatureCheck {
  const bytes = sigstruct instanceof Uint8Array ? new Uint8Array(sigstruct) : encodeSigstruct(sigstruct);
  const decoded = decodeSigstruct(bytes);
  const modulus = integerOf(decoded.modulus);
  if (modulus === 0n) return NOTHING_VALID;
  const signature = integerOf(decoded.signature);
  const { q1, q2, cube } = cubeOf(signature, modulus);
  const sound = decoded.exponent === 3 && (modulus & 1n) === 1n && signature < modulus;
  return {
    signature_valid: sound && cube === encodedMessage(signedBytes(bytes)),
    q1_valid: q1 === integerOf(decoded.q1),
    q2_valid: q2 === integerOf(decoded.q2),
  };
}

/** q1 = floor(S^2 / N), r = S^2 mod N, q2 = floor(S r / N); then S^3 mod N = S r - q2 N. N must not be 0. */
export function cubeOf(
  signature: bigint,
  modulus: bigint,
): { readonly q1: bigint; readonly q2: bigint; readonly cube: bigint } {
  const square = signature * signature;
  const q1 = square / modulus;
  const product = signature * (square - q1 * modulus);
  const q2 = product / modulus;
  return { q1, q2, cube: product - q2 * modulus };
}

/** A little-endian field as the number it is. */
export function integerOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(new Uint8Array(bytes).reverse())}`);
}

function encodedMessage(message: Uint8Array): bigint {
  return (ENCODED_PREFIX << 256n) | BigInt(`0x${createHash("sha256").update(message).digest("hex")}`);
}
