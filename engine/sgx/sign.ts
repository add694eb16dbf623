/**
 * Makes SIGSTRUCTs: fills in what software chooses, signs it with an RSA-3072 key of exponent 3, and computes Q1, Q2.
 * Truth: Intel SDM vol. 3D, "Enclave Signature Structure (SIGSTRUCT)".
 *
 * Whether anyone should sign this enclave is not asked here.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, KeyObject, sign } from "node:crypto";
import { ConfigError } from "../errors.js";
import { ALL_BITS, type Attributes } from "./attributes.js";
import { cubeOf, integerOf } from "./signature.js";
import {
  dateOf,
  encodeSigstruct,
  SIGSTRUCT_HEADER,
  SIGSTRUCT_HEADER2,
  type Sigstruct,
  signedBytes,
} from "./sigstruct.js";

/** What the author of an enclave chooses; everything but DATE and ENCLAVEHASH has a default. */
export type SigningFields = {
  /** `YYYY-MM-DD`, or the u32 as it will stand in the structure, which is then taken as it is. */
  readonly date: string | number;
  /** The 32 bytes of MRENCLAVE. */
  readonly enclavehash: Uint8Array;
  /** Default 0. */
  readonly vendor?: number;
  /** Default 0. */
  readonly swdefined?: number;
  /** Default 0. */
  readonly miscselect?: number;
  /** Default all ones: every bit is enforced. */
  readonly miscmask?: number;
  /** Default 0. */
  readonly cet_attributes?: number;
  /** Default 0, as on CPUs without CET. */
  readonly cet_attributes_mask?: number;
  /** 16 bytes, default zero; needs KSS. */
  readonly isvfamilyid?: Uint8Array;
  /** Default MODE64BIT, x87 and SSE. */
  readonly attributes?: Attributes;
  /** Default all ones, DEBUG included: a launch must have exactly `attributes`. */
  readonly attributemask?: Attributes;
  /** 16 bytes, default zero; means something only with KSS. */
  readonly isvextprodid?: Uint8Array;
  /** Default 0. */
  readonly isvprodid?: number;
  /** Default 0. */
  readonly isvsvn?: number;
};

/** Everything in a SIGSTRUCT but what the key makes of it. */
export type UnsignedSigstruct = Omit<Sigstruct, "modulus" | "signature" | "q1" | "q2">;

/** A private key, or its PEM. */
export type SigningKey = KeyObject | string;

const MODE64BIT_X87_SSE: Attributes = { flags: 0x4n, xfrm: 0x3n };
const ALL_ENFORCED: Attributes = { flags: ALL_BITS, xfrm: ALL_BITS };

/**
 * The 1808 bytes of a SIGSTRUCT with a valid signature, Q1 and Q2.
 *
 * @throws ConfigError `option` where the key is not RSA-3072 with exponent 3, or the date is no day
 * @throws DecodeError `field` where a value does not fit its field
 */
export function signSigstruct(request: {
  readonly privateKey: SigningKey;
  readonly fields: SigningFields;
}): Uint8Array {
  const { fields } = request;
  return sealSigstruct(request.privateKey, {
    header: Buffer.from(SIGSTRUCT_HEADER, "hex"),
    vendor: fields.vendor ?? 0,
    date: typeof fields.date === "number" ? fields.date : dateField(fields.date),
    header2: Buffer.from(SIGSTRUCT_HEADER2, "hex"),
    swdefined: fields.swdefined ?? 0,
    reserved1: new Uint8Array(84),
    exponent: 3,
    miscselect: fields.miscselect ?? 0,
    miscmask: fields.miscmask ?? 0xffff_ffff,
    cet_attributes: fields.cet_attributes ?? 0,
    cet_attributes_mask: fields.cet_attributes_mask ?? 0,
    reserved2: new Uint8Array(2),
    isvfamilyid: fields.isvfamilyid ?? new Uint8Array(16),
    attributes: fields.attributes ?? MODE64BIT_X87_SSE,
    attributemask: fields.attributemask ?? ALL_ENFORCED,
    enclavehash: fields.enclavehash,
    reserved3: new Uint8Array(16),
    isvextprodid: fields.isvextprodid ?? new Uint8Array(16),
    isvprodid: fields.isvprodid ?? 0,
    isvsvn: fields.isvsvn ?? 0,
    reserved4: new Uint8Array(12),
  });
}

/**
 * Signs a SIGSTRUCT as it stands, whatever EINIT may think of it: HEADER, reserved bytes and EXPONENT are not looked at.
 *
 * @throws ConfigError `option` where the key is not RSA-3072 with exponent 3
 * @throws DecodeError `field` where a value does not fit its field
 */
export function sealSigstruct(privateKey: SigningKey, unsigned: UnsignedSigstruct): Uint8Array {
  const key = keyOf(privateKey);
  const modulus = modulusOf(key);
  const zero = new Uint8Array(384);
  const message = signedBytes(encodeSigstruct({ ...unsigned, modulus, signature: zero, q1: zero, q2: zero }));
  const signature = new Uint8Array(sign("sha256", message, key)).reverse();
  const { q1, q2 } = cubeOf(integerOf(signature), integerOf(modulus));
  return encodeSigstruct({ ...unsigned, modulus, signature, q1: bytesOf(q1), q2: bytesOf(q2) });
}

/** A new RSA-3072 key of exponent 3, for tests and trials: where it is kept, and for how long, is the caller's care. */
export function generateSigningKey(): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength: 3072, publicExponent: 3 }).privateKey;
}

/** The public modulus as SIGSTRUCT stores it: 384 bytes, little-endian. */
export function modulusOf(privateKey: SigningKey): Uint8Array {
  const { n } = createPublicKey(keyOf(privateKey)).export({ format: "jwk" });
  return new Uint8Array(Buffer.from(n ?? "", "base64url")).reverse();
}

function keyOf(privateKey: SigningKey): KeyObject {
  const key = privateKey instanceof KeyObject ? privateKey : parseKey(privateKey);
  const details = key.asymmetricKeyDetails;
  if (key.type !== "private" || key.asymmetricKeyType !== "rsa") {
    throw new ConfigError("option", `signing key is ${key.asymmetricKeyType ?? ""} ${key.type}, expected rsa private`);
  }
  if (details?.modulusLength !== 3072 || details.publicExponent !== 3n) {
    const found = `RSA-${details?.modulusLength} with exponent ${details?.publicExponent}`;
    throw new ConfigError("option", `signing key is ${found}, expected RSA-3072 with exponent 3`);
  }
  return key;
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new ConfigError("option", "signing key cannot be read, expected a private key in PEM without passphrase");
  }
}

function dateField(iso: string): number {
  const date = /^\d{4}-\d{2}-\d{2}$/.test(iso) ? Number.parseInt(iso.replaceAll("-", ""), 16) : 0;
  if (dateOf(date) !== null) return date;
  throw new ConfigError("option", `date is ${JSON.stringify(iso)}, expected a day as YYYY-MM-DD`);
}

function bytesOf(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(768, "0"), "hex")).reverse();
}
