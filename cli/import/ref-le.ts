/**
 * The white list of Intel's reference launch enclave, as it is signed, and as the table that its generator reads. Truth:
 * Intel's SGX SDK, psw/ae/ref_le (ref_le.h, ref_le.cpp, ref_wl_gen.cpp). Every integer of the list is big-endian, and its
 * two hashes are stored byte-reversed; the table has them in natural order.
 */

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { DecodeError, hex, mrsignerOf } from "../../engine/index.js";
import { CommandError } from "../io.js";
import { type Imported, type Listing, listingName, signerName } from "./model.js";

const HEADER_SIZE = 396;
const MODULUS_OFFSET = 8;
const EXPONENT_OFFSET = 392;
const ENTRY_SIZE = 72;
const SIGNATURE_SIZE = 384;

/** As many as the launch enclave takes. */
const MAX_ENTRIES = 512;

const DEBUG_FACT = "the reference launch enclave lets listed signers launch with DEBUG=1 as well, this does not";

interface Entry {
  readonly provisionkey: boolean;
  readonly mrsigner: string;
  /** Null: any enclave of the signer. */
  readonly mrenclave: string | null;
  readonly comment: string;
}

/** Whether the bytes begin as a list does: version 1, and a wl_version above 0. */
export function looksLikeRefLe(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_SIZE + SIGNATURE_SIZE || bytes[0] !== 0 || bytes[1] !== 1) return false;
  return bytes.subarray(2, 6).some((byte) => byte !== 0);
}

/**
 * A signed list. Its signature says that it is whole; who made it is told by the signer's hash, which has to be the MRSIGNER
 * of the launch enclave.
 * @throws DecodeError where it is no such list; CommandError exit 1 where its signature does not verify
 */
export function readRefLe(bytes: Uint8Array, { unverified }: { readonly unverified: boolean }): Imported {
  if (bytes.length < HEADER_SIZE + ENTRY_SIZE + SIGNATURE_SIZE) {
    const least = HEADER_SIZE + ENTRY_SIZE + SIGNATURE_SIZE;
    throw new DecodeError("length", `ref_le list is ${bytes.length} bytes, expected at least ${least}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint16(0);
  if (version !== 1) throw new DecodeError("field", `ref_le list: version is ${version}, expected 1`);
  const count = view.getUint16(6);
  if (count < 1 || count > MAX_ENTRIES) {
    throw new DecodeError("field", `ref_le list: entries_count is ${count}, expected 1 to ${MAX_ENTRIES}`);
  }
  const size = HEADER_SIZE + count * ENTRY_SIZE + SIGNATURE_SIZE;
  if (bytes.length !== size) {
    throw new DecodeError("length", `ref_le list of ${count} entries is ${bytes.length} bytes, expected ${size}`);
  }
  const fault = signatureFault(bytes, view.getUint32(EXPONENT_OFFSET));
  if (fault !== null && !unverified) {
    throw new CommandError(1, `${fault}: nothing in it can be relied on (--unverified takes it all the same)`);
  }
  const signer = mrsignerOf(new Uint8Array(bytes.subarray(MODULUS_OFFSET, EXPONENT_OFFSET)).reverse());
  const compare = `signed by ${signer}: compare it with the MRSIGNER of the launch enclave that took this list`;
  return {
    facts: [
      `ref_le white list, wl_version ${view.getUint32(2)}, ${count} entries`,
      fault === null ? "its signature verified" : `NOT VERIFIED: ${fault}`,
      compare,
      DEBUG_FACT,
    ],
    listings: Array.from({ length: count }, (_, index) => listingOf(binaryEntry(bytes, index), index)),
    notes: [fault === null ? compare : `NOT VERIFIED: ${fault}`],
  };
}

function binaryEntry(bytes: Uint8Array, index: number): Entry {
  const entry = bytes.subarray(HEADER_SIZE + index * ENTRY_SIZE, HEADER_SIZE + (index + 1) * ENTRY_SIZE);
  const natural = (offset: number) => hex(new Uint8Array(entry.subarray(offset, offset + 32)).reverse());
  return {
    provisionkey: entry[0] !== 0,
    mrsigner: natural(8),
    mrenclave: entry[1] === 0 ? null : natural(40),
    comment: "",
  };
}

/** What does not verify; null where the signature does. */
function signatureFault(bytes: Uint8Array, exponent: number): string | null {
  // The launch enclave's key is one that signs enclaves. With an exponent of 1 anybody could sign for anybody.
  if (exponent !== 3) return `the exponent of the list's signer is ${exponent}, expected 3`;
  const end = bytes.length - SIGNATURE_SIZE;
  const key = rsaKey(bytes.subarray(MODULUS_OFFSET, EXPONENT_OFFSET));
  const holds = key !== null && verify("sha256", bytes.subarray(0, end), key, bytes.subarray(end));
  return holds ? null : "the list's signature does not verify";
}

/** An RSA key of exponent 3; null where the modulus has not 3072 bits, or is none. */
function rsaKey(modulus: Uint8Array): KeyObject | null {
  try {
    const n = Buffer.from(modulus).toString("base64url");
    const key = createPublicKey({ key: { kty: "RSA", n, e: "Aw" }, format: "jwk" });
    return key.asymmetricKeyDetails?.modulusLength === 3072 ? key : null;
  } catch {
    return null;
  }
}

/** How the files that a table names are read: to the MRSIGNER of a key, and the MRENCLAVE of a SIGSTRUCT. */
export interface NamedFiles {
  readonly mrsigner: (path: string) => string;
  readonly mrenclave: (path: string) => string;
}

/** Whether the first line that is not empty begins as the generator's table does. */
export function looksLikeRefLeCsv(text: string): boolean {
  return /^\s*(true|false)\s*,/.test(text);
}

/**
 * The table that the generator makes a list of: `provision, match mr_enclave, mr_signer, its key file, mr_enclave, its
 * SIGSTRUCT file, comment`. Nobody has signed it.
 * @throws DecodeError naming the line
 */
export function readRefLeCsv(text: string, files: NamedFiles): Imported {
  const lines = text.split("\n").map((line, index) => ({ line, number: index + 1 }));
  const rows = lines.filter(({ line }) => line.trim() !== "");
  if (rows.length < 1 || rows.length > MAX_ENTRIES) {
    throw new DecodeError("length", `ref_le table has ${rows.length} entries, expected 1 to ${MAX_ENTRIES}`);
  }
  return {
    facts: [`table of the ref_le list generator, ${rows.length} entries`, "nobody has signed it", DEBUG_FACT],
    listings: rows.map(({ line, number }, index) => listingOf(csvEntry(line, number, files), index)),
    notes: [],
  };
}

function csvEntry(line: string, number: number, files: NamedFiles): Entry {
  const [provision = "", match = "", signerHash = "", signerFile = "", hash = "", file = "", ...comment] = line
    .split(",")
    .map((field) => field.trim());
  const provisionkey = flag(provision, number, "allow provision");
  const matches = flag(match, number, "mr_enclave valid");
  return {
    provisionkey,
    mrsigner: hashOf(signerHash, signerFile, files.mrsigner, `line ${number}: mr_signer`),
    mrenclave: matches ? hashOf(hash, file, files.mrenclave, `line ${number}: mr_enclave`) : null,
    comment: comment.join(", "),
  };
}

function flag(text: string, number: number, column: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new DecodeError(
    "field",
    `line ${number}: ${column} is ${JSON.stringify(text.slice(0, 64))}, expected true or false`,
  );
}

/** 32 bytes of hex digits, with or without spaces, or what the file holds. */
function hashOf(text: string, file: string, read: (path: string) => string, where: string): string {
  if (text === "" && file !== "") return read(file);
  const digits = text.replaceAll(/\s/g, "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  const found = text === "" ? "neither hash nor file" : JSON.stringify(text.slice(0, 128));
  throw new DecodeError("encoding", `${where} is ${found}, expected 64 hex digits, or a file in the next column`);
}

function listingOf({ provisionkey, mrsigner, mrenclave, comment }: Entry, index: number): Listing {
  const source = `entry ${index}${comment === "" ? "" : `, ${listingName(comment, "")}`}`;
  const name = listingName(comment, `ref_le list entry ${index}`);
  const granted = { debug: false, provisionkey, source };
  return mrenclave === null
    ? { kind: "signer", mrsigner, name: signerName(mrsigner, name), products: null, ...granted }
    : { kind: "enclave", mrenclave, name, mrsigner, isvprodid: null, min_isvsvn: null, ...granted };
}
