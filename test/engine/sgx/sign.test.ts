import { constants, createHash, createPublicKey, generateKeyPairSync, privateEncrypt, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../engine/errors.js";
import { hex, mrsignerOf } from "../../../engine/sgx/identity.js";
import {
  generateSigningKey,
  modulusOf,
  type SigningFields,
  sealSigstruct,
  signSigstruct,
} from "../../../engine/sgx/sign.js";
import { cubeOf, integerOf, verifySignature } from "../../../engine/sgx/signature.js";
import { decodeSigstruct, encodeSigstruct, type Sigstruct, signedBytes } from "../../../engine/sgx/sigstruct.js";
import { makeSigstruct, testKey, testSigner } from "../../support/sigstructs.js";

const ALL_VALID = { signature_valid: true, q1_valid: true, q2_valid: true };
const NONE_VALID = { signature_valid: false, q1_valid: false, q2_valid: false };
const BYTES = makeSigstruct();
const SOUND = decodeSigstruct(BYTES);

/** Node's own verification, with a key built from the structure alone: the independent judge. */
function nodeVerifies(bytes: Uint8Array): boolean {
  const { modulus, signature } = decodeSigstruct(bytes);
  const n = Buffer.from(modulus).reverse().toString("base64url");
  const key = createPublicKey({ key: { kty: "RSA", n, e: "Aw" }, format: "jwk" });
  return verify("sha256", signedBytes(bytes), key, Buffer.from(signature).reverse());
}

const PREFIX = BigInt(`0x0001${"ff".repeat(330)}003031300d060960864801650304020105000420`);

function sha256(bytes: Uint8Array): bigint {
  return BigInt(`0x${createHash("sha256").update(bytes).digest("hex")}`);
}

/** The greatest integer whose cube is not above `value`. */
function cubeRoot(value: bigint): bigint {
  let root = 0n;
  for (let bit = 1n << 1024n; bit > 0n; bit >>= 1n) if ((root | bit) ** 3n <= value) root |= bit;
  return root;
}

function littleEndian(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(768, "0"), "hex")).reverse();
}

describe("signing", () => {
  test("what is signed verifies here, and by node:crypto", () => {
    expect(verifySignature(BYTES)).toEqual(ALL_VALID);
    expect(verifySignature(SOUND)).toEqual(ALL_VALID);
    expect(nodeVerifies(BYTES)).toBe(true);
  });

  test("any fields verify, by both, with several keys", () => {
    const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const u16 = fc.nat({ max: 0xffff });
    const fields = fc.record({
      enclavehash: bytesOf(32),
      isvprodid: u16,
      isvsvn: u16,
      date: fc.nat(),
      header: bytesOf(16),
    });
    fc.assert(
      fc.property(fields, fc.constantFrom("one", "two"), (chosen, key) => {
        const bytes = makeSigstruct(chosen, key);
        expect(verifySignature(bytes)).toEqual(ALL_VALID);
        expect(nodeVerifies(bytes)).toBe(true);
        expect(decodeSigstruct(bytes)).toMatchObject(chosen);
      }),
      { numRuns: 20 },
    );
  });

  test("the defaults enforce every bit, DEBUG included", () => {
    const all = 0xffff_ffff_ffff_ffffn;
    const bytes = signSigstruct({
      privateKey: testKey(),
      fields: { date: "2024-08-11", enclavehash: new Uint8Array(32).fill(7) },
    });
    const { modulus, signature, q1, q2, ...rest } = decodeSigstruct(bytes);
    expect(rest).toEqual({
      header: new Uint8Array(Buffer.from("06000000e10000000000010000000000", "hex")),
      vendor: 0,
      date: 0x20240811,
      header2: new Uint8Array(Buffer.from("01010000600000006000000001000000", "hex")),
      swdefined: 0,
      reserved1: new Uint8Array(84),
      exponent: 3,
      miscselect: 0,
      miscmask: 0xffff_ffff,
      cet_attributes: 0,
      cet_attributes_mask: 0,
      reserved2: new Uint8Array(2),
      isvfamilyid: new Uint8Array(16),
      attributes: { flags: 4n, xfrm: 3n },
      attributemask: { flags: all, xfrm: all },
      enclavehash: new Uint8Array(32).fill(7),
      reserved3: new Uint8Array(16),
      isvextprodid: new Uint8Array(16),
      isvprodid: 0,
      isvsvn: 0,
      reserved4: new Uint8Array(12),
    });
    expect(mrsignerOf(modulus)).toBe(testSigner());
    expect(verifySignature(bytes)).toEqual(ALL_VALID);
    expect([signature, q1, q2].map((field) => field.length)).toEqual([384, 384, 384]);
    expect(hex(bytes.subarray(20, 24))).toBe("11082420");
  });

  test("every field given arrives", () => {
    const fields: SigningFields = {
      date: 0x0f0507e7,
      enclavehash: new Uint8Array(32).fill(1),
      vendor: 0x8086,
      swdefined: 2,
      miscselect: 3,
      miscmask: 4,
      cet_attributes: 5,
      cet_attributes_mask: 6,
      isvfamilyid: new Uint8Array(16).fill(7),
      attributes: { flags: 8n, xfrm: 9n },
      attributemask: { flags: 10n, xfrm: 11n },
      isvextprodid: new Uint8Array(16).fill(12),
      isvprodid: 13,
      isvsvn: 14,
    };
    expect(decodeSigstruct(signSigstruct({ privateKey: testKey(), fields }))).toMatchObject(fields);
  });

  test("a key is taken as PEM too", () => {
    const pem = testKey().export({ type: "pkcs8", format: "pem" }).toString();
    const fields: SigningFields = { date: "2024-08-11", enclavehash: new Uint8Array(32) };
    expect(signSigstruct({ privateKey: pem, fields })).toEqual(signSigstruct({ privateKey: testKey(), fields }));
  });

  const dates = ["2024-02-30", "2024-13-01", "20240811", "2024-8-11", "", "0000-00-00", "2024-08-11T00:00:00Z"];
  test.each(dates)("%j is refused as a date", (date) => {
    const fields: SigningFields = { date, enclavehash: new Uint8Array(32) };
    expect(() => signSigstruct({ privateKey: testKey(), fields })).toThrow(
      expect.objectContaining({ name: "ConfigError", code: "option" }),
    );
  });

  test("a field that does not fit is named", () => {
    const act = () => signSigstruct({ privateKey: testKey(), fields: { date: 0, enclavehash: new Uint8Array(31) } });
    expect(act).toThrow(
      expect.objectContaining({ code: "field", message: "SIGSTRUCT.enclavehash is 31 bytes, expected 32" }),
    );
  });
});

describe("keys that cannot sign a SIGSTRUCT", () => {
  const rsa = (modulusLength: number, publicExponent: number) =>
    generateKeyPairSync("rsa", { modulusLength, publicExponent }).privateKey;
  const cases = [
    ["RSA-2048", () => rsa(2048, 3), "signing key is RSA-2048 with exponent 3, expected RSA-3072 with exponent 3"],
    [
      "exponent 65537",
      () => rsa(3072, 65537),
      "signing key is RSA-3072 with exponent 65537, expected RSA-3072 with exponent 3",
    ],
    [
      "P-256",
      () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
      "signing key is ec private, expected rsa private",
    ],
    ["a public key", () => createPublicKey(testKey()), "signing key is rsa public, expected rsa private"],
    ["text", () => "no key", "signing key cannot be read, expected a private key in PEM without passphrase"],
  ] as const;
  test.each(cases)("%s", (_, make, message) => {
    const key = make();
    const act = () => sealSigstruct(key, SOUND);
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(expect.objectContaining({ code: "option", message }));
  });

  test("a generated key is none of them", () => {
    expect(generateSigningKey().asymmetricKeyDetails).toEqual({ modulusLength: 3072, publicExponent: 3n });
    expect(modulusOf(testKey())).toEqual(SOUND.modulus);
  });
});

describe("verification", () => {
  const modulus = integerOf(SOUND.modulus);
  const signature = integerOf(SOUND.signature);
  const even = new Uint8Array(SOUND.modulus);
  even[0] = (even[0] ?? 0) & 0xfe;
  const cases: readonly (readonly [string, Partial<Sigstruct>, Partial<typeof ALL_VALID>])[] = [
    ["modulus 0", { modulus: new Uint8Array(384) }, NONE_VALID],
    ["an even modulus", { modulus: even }, { signature_valid: false }],
    ["modulus 1", { modulus: littleEndian(1n) }, { signature_valid: false }],
    ["exponent 65537", { exponent: 65537 }, { signature_valid: false, q1_valid: true, q2_valid: true }],
    ["signature 0", { signature: new Uint8Array(384) }, NONE_VALID],
    ["signature equal to the modulus", { signature: SOUND.modulus }, { signature_valid: false }],
    ["signature of all ones", { signature: new Uint8Array(384).fill(0xff) }, { signature_valid: false }],
    ["the negated signature", { signature: littleEndian(modulus - signature) }, { signature_valid: false }],
    ["another signer's modulus", { modulus: modulusOf(testKey("two")) }, { signature_valid: false }],
    ["q1 zero", { q1: new Uint8Array(384) }, { signature_valid: true, q1_valid: false, q2_valid: true }],
    ["q2 zero", { q2: new Uint8Array(384) }, { signature_valid: true, q1_valid: true, q2_valid: false }],
    [
      "q1 and q2 exchanged",
      { q1: SOUND.q2, q2: SOUND.q1 },
      { signature_valid: true, q1_valid: false, q2_valid: false },
    ],
    ["another unsigned reserved byte", { reserved4: new Uint8Array(12).fill(1) }, ALL_VALID],
  ];
  test.each(cases)("%s", (_, fields, expected) => {
    expect(verifySignature({ ...SOUND, ...fields })).toMatchObject(expected);
  });

  test("a signature above the modulus is refused though its cube is right", () => {
    const modulusOne = integerOf(modulusOf(testKey("one")));
    for (let isvsvn = 0; isvsvn < 1000; isvsvn++) {
      const signed = decodeSigstruct(makeSigstruct({ isvsvn }, "one"));
      const above = integerOf(signed.signature) + modulusOne;
      if (above >= 1n << 3072n) continue;
      expect(cubeOf(above, modulusOne).cube).toBe(cubeOf(above - modulusOne, modulusOne).cube);
      expect(verifySignature({ ...signed, signature: littleEndian(above) }).signature_valid).toBe(false);
      return;
    }
    expect.unreachable("a thousand signatures, and none leaves room for the modulus above it");
  });

  test.each([
    ["odd", 1n, true],
    ["even", 0n, false],
  ] as const)("of two moduli made to fit, the %s one (lowest bit %i) passes: %s", (_, parity, expected) => {
    // With N = s^3 - em, s^3 mod N is em: anybody can do this, and becomes nobody but a new signer by it.
    const message = (PREFIX << 256n) | sha256(signedBytes(BYTES));
    const root = (1n << 1023n) | ((message & 1n) ^ parity);
    const made = { ...SOUND, modulus: littleEndian(root ** 3n - message), signature: littleEndian(root) };
    expect(verifySignature(made).signature_valid).toBe(expected);
  });

  test("it answers on any 1808 bytes, and never says valid", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1808, maxLength: 1808, size: "max" }), (bytes) => {
        expect(verifySignature(bytes).signature_valid).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  test("the division helpers satisfy the SDM's equations", () => {
    const big = fc.bigInt({ min: 1n, max: 2n ** 3072n - 1n });
    fc.assert(
      fc.property(big, big, (s, n) => {
        const { q1, q2, cube } = cubeOf(s, n);
        expect(q1).toBe((s * s) / n);
        expect(q2).toBe((s ** 3n - q1 * s * n) / n);
        expect(cube).toBe(s ** 3n % n);
      }),
    );
  });

  test("every bit of the signature counts", () => {
    for (let bit = 0; bit < 3072; bit++) {
      const bytes = new Uint8Array(BYTES);
      const at = 516 + (bit >> 3);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      expect(verifySignature(bytes).signature_valid).toBe(false);
    }
  });

  const paddings: readonly (readonly [string, bigint, boolean])[] = [
    ["the exact encoded message", 0n, true],
    ["one bit of the hash", 2n, false],
    ["one bit of DigestInfo", 1n << 260n, false],
    ["one bit of the zero before it", 1n << 408n, false],
    ["one bit of the FFs", 1n << 900n, false],
    ["the last of the FFs", 1n << 416n, false],
    ["one bit of the leading 00 01", 1n << 3057n, false],
  ];
  test.each(paddings)("signed by the true key: %s, flipped by %s, is valid: %s", (_, flip, expected) => {
    const message = ((PREFIX << 256n) | sha256(signedBytes(BYTES))) ^ flip;
    const block = Buffer.from(message.toString(16).padStart(768, "0"), "hex");
    const raw = privateEncrypt({ key: testKey(), padding: constants.RSA_NO_PADDING }, block);
    const forged = { ...SOUND, signature: new Uint8Array(raw).reverse() };
    expect(verifySignature(forged).signature_valid).toBe(expected);
  });

  test("a cube root of short padding with rubbish behind the hash is no signature", () => {
    const start = BigInt(`0x0001${"ff".repeat(8)}003031300d060960864801650304020105000420`);
    const wanted = ((start << 256n) | sha256(signedBytes(BYTES))) << BigInt(8 * (384 - 62));
    const root = cubeRoot(wanted) + 1n;
    expect((root ** 3n) >> BigInt(8 * (384 - 62))).toBe(wanted >> BigInt(8 * (384 - 62)));
    expect(verifySignature({ ...SOUND, signature: littleEndian(root) }).signature_valid).toBe(false);
  });

  test("decoding and encoding a signed SIGSTRUCT keeps it signed", () => {
    expect(verifySignature(encodeSigstruct(decodeSigstruct(BYTES)))).toEqual(ALL_VALID);
  });
});
