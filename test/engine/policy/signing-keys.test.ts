import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { SIGNATURE_ALGORITHMS, signingKey, verificationKeys } from "../../../engine/policy/signing-keys.js";
import { codeOf } from "../../support/codes.js";
import { ecPair, ed25519Pair, rsaPair } from "../../support/signing.js";

const RSA = rsaPair();
const EC = ecPair();
const jwk = (pem: string, more: object = {}) => ({ ...createPublicKey(pem).export({ format: "jwk" }), ...more });
const idsOf = (text: object, options = {}) =>
  verificationKeys(JSON.stringify(text), options).map(({ id, algorithm }) => [id, algorithm]);

describe("a key is for one algorithm, settled before any signature is seen", () => {
  test.each([
    ["RSA", RSA, "RS256"],
    ["P-256", EC, "ES256"],
    ["P-384", ecPair("P-384"), "ES384"],
    ["P-521", ecPair("P-521"), "ES512"],
    ["Ed25519", ed25519Pair(), "EdDSA"],
  ])("%s", (_, { privatePem, publicPem }, algorithm) => {
    expect(verificationKeys(publicPem)).toMatchObject([{ id: null, algorithm }]);
    expect(signingKey(privatePem, { keyId: "k" })).toMatchObject({ id: "k", algorithm });
    expect(idsOf(jwk(publicPem, { kid: "k" }))).toEqual([["k", algorithm]]);
  });

  test("an RSA key also for those that are asked for", () => {
    const taken = SIGNATURE_ALGORITHMS.filter((algorithm) => {
      return codeOf(() => verificationKeys(RSA.publicPem, { algorithm })) === "";
    });
    expect(taken).toEqual(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
    expect(idsOf(jwk(RSA.publicPem, { alg: "PS256" }))).toEqual([[null, "PS256"]]);
  });

  test("older PEMs too", () => {
    const pkcs1 = createPublicKey(RSA.publicPem).export({ type: "pkcs1", format: "pem" }).toString();
    const sec1 = createPrivateKey(EC.privatePem).export({ type: "sec1", format: "pem" }).toString();
    expect(verificationKeys(pkcs1)[0]?.algorithm).toBe("RS256");
    expect(signingKey(sec1).algorithm).toBe("ES256");
  });
});

describe("a JWK Set", () => {
  const set = { keys: [jwk(RSA.publicPem, { kid: "a" }), jwk(EC.publicPem, { kid: "b" })] };

  test("gives its keys, without those for encryption", () => {
    expect(idsOf(set)).toEqual([
      ["a", "RS256"],
      ["b", "ES256"],
    ]);
    expect(idsOf({ keys: [...set.keys, jwk(RSA.publicPem, { kid: "c", use: "enc" })] })).toHaveLength(2);
  });

  test("gives the one that is meant", () => {
    expect(idsOf(set, { keyId: "b" })).toEqual([["b", "ES256"]]);
    expect(idsOf(jwk(EC.publicPem), { keyId: "b" })).toEqual([["b", "ES256"]]);
    expect(codeOf(() => idsOf(set, { keyId: "c" }))).toBe("key");
  });
});

describe("refuses, for people, without a word of the key", () => {
  const weak = rsaPair(1024);
  const pss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "pem" });
  const encrypted = createPrivateKey(RSA.privatePem)
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
    .toString();
  const privateJwk = createPrivateKey(EC.privatePem).export({ format: "jwk" });

  test.each<[string, string, RegExp]>([
    ["nothing", "", /holds no PEM, expected one PUBLIC KEY/],
    ["a private key", RSA.privatePem, /private key, which no verifier should have/],
    ["a private and a public key", RSA.publicPem + RSA.privatePem, /private key/],
    ["two public keys", RSA.publicPem + EC.publicPem, /holds PUBLIC KEY, PUBLIC KEY, expected one/],
    ["a damaged key", RSA.publicPem.replace(/MII/, "AAA"), /cannot be read/],
    ["a short RSA key", weak.publicPem, /1024 bits, expected at least 2048/],
    ["an RSA-PSS key", pss.toString(), /type rsa-pss, expected/],
    ["a curve of no algorithm", ecPair("secp256k1").publicPem, /type ec secp256k1, expected/],
    ["a shared key", '{"kty":"oct","k":"c2VjcmV0"}', /private or shared/],
    ["a private JWK", JSON.stringify(privateJwk), /private or shared/],
    ["a JWK of HS256", JSON.stringify(jwk(RSA.publicPem, { alg: "HS256" })), /is for "HS256", expected one of RS256/],
    ["a JWK of none", JSON.stringify(jwk(RSA.publicPem, { alg: "none" })), /is for "none"/],
    ["a JWK for another type", JSON.stringify(jwk(EC.publicPem, { alg: "RS256" })), /not for RS256; expected ES256/],
    ["an empty set", '{"keys":[]}', /has no key/],
    ["a set of no keys", '{"keys":[1]}', /neither a JWK nor a JWK Set/],
    ["JSON cut short", '{"keys":', /no JSON/],
    [
      "one id twice",
      JSON.stringify({ keys: [jwk(RSA.publicPem, { kid: "a" }), jwk(EC.publicPem, { kid: "a" })] }),
      /same id/,
    ],
    ["an id that is none", JSON.stringify(jwk(RSA.publicPem, { kid: 7 })), /kid is no text/],
  ])("%s", (_, text, message) => {
    expect(() => verificationKeys(text)).toThrow(message);
    expect(codeOf(() => verificationKeys(text))).toBe("key");
  });

  test.each<[string, string, RegExp]>([
    ["an encrypted key", encrypted, /is encrypted/],
    ["a public key", RSA.publicPem, /no private key/],
    ["a short one", weak.privatePem, /1024 bits/],
  ])("to sign with %s", (_, text, message) => {
    expect(() => signingKey(text)).toThrow(message);
    expect(codeOf(() => signingKey(text))).toBe("key");
  });

  test("an algorithm that the key is not for", () => {
    expect(() => signingKey(EC.privatePem, { algorithm: "RS256" })).toThrow(/prime256v1, which is not for RS256/);
    expect(codeOf(() => idsOf(jwk(RSA.publicPem, { alg: "RS256" }), { algorithm: "PS256" }))).toBe("key");
  });
});
