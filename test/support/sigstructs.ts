/**
 * SIGSTRUCTs, tokens and keys for tests: generated anew in each process, never stored, so that no private key and no
 * other people's data lies in the repository.
 */

import type { KeyObject } from "node:crypto";
import { type Einittoken, encodeEinittoken } from "../../engine/sgx/einittoken.js";
import { mrsignerOf } from "../../engine/sgx/identity.js";
import { generateSigningKey, modulusOf, sealSigstruct, signSigstruct } from "../../engine/sgx/sign.js";
import { decodeSigstruct, type Sigstruct } from "../../engine/sgx/sigstruct.js";

const keys = new Map<string, KeyObject>();

/** An RSA-3072 key of exponent 3; the same name gives the same key as long as the process lives. */
export function testKey(name = "author"): KeyObject {
  const key = keys.get(name) ?? generateSigningKey();
  keys.set(name, key);
  return key;
}

/** MRSIGNER of the key of that name. */
export function testSigner(name = "author"): string {
  return mrsignerOf(modulusOf(testKey(name)));
}

/**
 * The 1808 bytes of a signed SIGSTRUCT. Any field but what the key makes of it may be given, wrong ones too: whatever is
 * given is signed as it stands.
 */
export function makeSigstruct(
  fields: Partial<Omit<Sigstruct, "modulus" | "signature" | "q1" | "q2">> = {},
  keyName = "author",
): Uint8Array {
  const base = decodeSigstruct(
    signSigstruct({
      privateKey: testKey(keyName),
      fields: { date: "2026-01-15", enclavehash: new Uint8Array(32).fill(0xaa), isvprodid: 1, isvsvn: 1 },
    }),
  );
  return sealSigstruct(testKey(keyName), { ...base, ...fields });
}

/** The 304 bytes of a token with VALID=1 that fits `makeSigstruct()` as signed by the key of that name. */
export function makeToken(fields: Partial<Einittoken> = {}, keyName = "author"): Uint8Array {
  return encodeEinittoken({
    valid: 1,
    reserved1: new Uint8Array(44),
    attributes: { flags: 0x4n, xfrm: 0x3n },
    mrenclave: new Uint8Array(32).fill(0xaa),
    reserved2: new Uint8Array(32),
    mrsigner: Buffer.from(testSigner(keyName), "hex"),
    reserved3: new Uint8Array(32),
    cpusvnle: new Uint8Array(16).fill(0x02),
    isvprodidle: 0x20,
    isvsvnle: 1,
    reserved4: new Uint8Array(24),
    maskedmiscselectle: 0,
    maskedattributesle: { flags: 0x20n, xfrm: 0n },
    keyid: new Uint8Array(32).fill(0x5a),
    mac: new Uint8Array(16).fill(0xc3),
    ...fields,
  });
}
