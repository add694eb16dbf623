/**
 * Intel's white list certificate chain: the signers whose production enclaves Intel's launch enclave gives a token.
 * Truth: Intel's SGX PSW, the launch enclave's sources (launch_enclave.cpp, wl_pub.hh). Every integer is big-endian.
 *
 * A provider certificate of 136 bytes, signed by Intel's root; then the list, 80 bytes and 32 for each MRSIGNER, signed by
 * the provider. Both signatures are ECDSA over P-256 and SHA-256.
 */

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { DecodeError, hex } from "../../engine/index.js";
import { CommandError } from "../io.js";
import { type Imported, type Listing, signerName } from "./model.js";

const CERTIFICATE_SIZE = 136;
const LIST_HEADER_SIZE = 16;
const ENTRY_SIZE = 32;
const SIGNATURE_SIZE = 64;
const EMPTY_SIZE = CERTIFICATE_SIZE + LIST_HEADER_SIZE + SIGNATURE_SIZE;

/** As many as the launch enclave takes. */
const MAX_ENTRIES = 2048;

/** ISVPRODID of the launch enclave that a list is for, on Linux. */
const LE_PRODID = 0x20;

/** The public key that Intel's launch enclave holds the provider's certificate against: X and Y, big-endian. */
export const INTEL_ROOT_KEY =
  "a9365c4531676d18c2169c60751c0cee8c5fc98fc891173cebd686cb9b1e3929" +
  "b67e11ca81cf287a24444fc98499055e93cce2fee65497ede4da22e10d83095f";

export interface WhitelistOptions {
  /** P-256, instead of Intel's. */
  readonly rootKey: KeyObject | null;
  /** Take the list though its signatures do not verify. */
  readonly unverified: boolean;
}

/** Whether the bytes begin as a provider certificate does: version 1, and type, provider and root 0. */
export function looksLikeWhitelist(bytes: Uint8Array): boolean {
  return bytes.length >= EMPTY_SIZE && hex(bytes.subarray(0, 8)) === "0001000000000000";
}

/**
 * The signers of a list. That a newer list has been issued since is not known here: compare its version.
 * @throws DecodeError where it is no such chain; CommandError exit 1 where a signature does not verify, or the list allows
 * everybody
 */
export function readWhitelist(bytes: Uint8Array, { rootKey, unverified }: WhitelistOptions): Imported {
  if (bytes.length < EMPTY_SIZE) {
    throw new DecodeError("length", `white list is ${bytes.length} bytes, expected at least ${EMPTY_SIZE}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [name, offset, expected] of HEADER_FIELDS) {
    const found = view.getUint16(offset);
    if (found !== expected) throw new DecodeError("field", `white list: ${name} is ${found}, expected ${expected}`);
  }
  const count = view.getUint32(CERTIFICATE_SIZE + 12);
  if (count < 1 || count > MAX_ENTRIES) {
    throw new DecodeError("field", `white list: entry_number is ${count}, expected 1 to ${MAX_ENTRIES}`);
  }
  const size = EMPTY_SIZE + count * ENTRY_SIZE;
  if (bytes.length !== size) {
    throw new DecodeError("length", `white list of ${count} entries is ${bytes.length} bytes, expected ${size}`);
  }
  const fault = signatureFault(bytes, rootKey ?? pointKey(Buffer.from(INTEL_ROOT_KEY, "hex")));
  if (fault !== null && !unverified) {
    throw new CommandError(1, `${fault}: nothing in it can be relied on (--unverified takes it all the same)`);
  }
  const root = rootKey === null ? "Intel's root key" : "the root key given";
  const { listings, notes } = entriesOf(bytes, count);
  const product = view.getUint16(CERTIFICATE_SIZE + 6);
  return {
    facts: [
      `Intel white list certificate, wl_version ${view.getUint32(CERTIFICATE_SIZE + 8)}, ${count} entries`,
      fault === null ? `both signatures verified, up to ${root}` : `NOT VERIFIED: ${fault}`,
      "it lists signers of production enclaves; Intel's launch enclave lets everybody launch with DEBUG=1, this does not",
      "it grants no PROVISIONKEY: for Intel's attestation enclaves, include intel-dcap",
    ],
    listings,
    notes: [
      ...(fault === null ? [] : [`NOT VERIFIED: ${fault}`]),
      ...(product === LE_PRODID
        ? []
        : [`it is for a launch enclave of ISVPRODID ${product}, Linux's has ${LE_PRODID}`]),
      ...notes,
    ],
  };
}

/** Fields of two bytes that can only be this: name, offset, value. */
const HEADER_FIELDS = [
  ["version of the certificate", 0, 1],
  ["cert_type of the certificate", 2, 0],
  ["provider_id of the certificate", 4, 0],
  ["root_id of the certificate", 6, 0],
  ["version of the list", CERTIFICATE_SIZE, 1],
  ["cert_type of the list", CERTIFICATE_SIZE + 2, 1],
  ["provider_id of the list", CERTIFICATE_SIZE + 4, 0],
] as const;

function entriesOf(bytes: Uint8Array, count: number): Pick<Imported, "listings" | "notes"> {
  const listings: Listing[] = [];
  const notes: string[] = [];
  for (let index = 0; index < count; index++) {
    const at = CERTIFICATE_SIZE + LIST_HEADER_SIZE + index * ENTRY_SIZE;
    const mrsigner = hex(bytes.subarray(at, at + ENTRY_SIZE));
    if (/^0+$/.test(mrsigner)) {
      if (count === 1) {
        throw new CommandError(
          1,
          "the list's one entry is all zeros: any signer may launch. Use profile baseline for that",
        );
      }
      notes.push(`entry ${index} is all zeros, which no signer's hash is: left out`);
      continue;
    }
    listings.push({
      kind: "signer",
      mrsigner,
      name: signerName(mrsigner, `Intel white list entry ${index}`),
      products: null,
      debug: false,
      provisionkey: false,
      source: `entry ${index}`,
    });
  }
  return { listings, notes };
}

/** What does not verify; null where both signatures do. */
function signatureFault(bytes: Uint8Array, rootKey: KeyObject | null): string | null {
  const signed = CERTIFICATE_SIZE - SIGNATURE_SIZE;
  const end = bytes.length - SIGNATURE_SIZE;
  if (!verifies(bytes.subarray(0, signed), rootKey, bytes.subarray(signed, CERTIFICATE_SIZE))) {
    return "the signature of the root over the provider's certificate does not verify";
  }
  const provider = pointKey(bytes.subarray(8, 8 + SIGNATURE_SIZE));
  if (!verifies(bytes.subarray(CERTIFICATE_SIZE, end), provider, bytes.subarray(end))) {
    return "the signature of the provider over the list does not verify";
  }
  return null;
}

function verifies(message: Uint8Array, key: KeyObject | null, signature: Uint8Array): boolean {
  return key !== null && verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** A public key of its two coordinates, 32 bytes each; null where that is no point of the curve. */
function pointKey(point: Uint8Array): KeyObject | null {
  const coordinate = (from: number) => Buffer.from(point.subarray(from, from + 32)).toString("base64url");
  try {
    return createPublicKey({ key: { kty: "EC", crv: "P-256", x: coordinate(0), y: coordinate(32) }, format: "jwk" });
  } catch {
    return null;
  }
}
