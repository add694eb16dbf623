/**
 * The keys that bundles are signed and verified with. Truth: RFC 7468 (PEM), RFC 7517 (JWK and JWK Set), RFC 7518 and
 * RFC 8037 (which key an algorithm takes).
 *
 * A key is for one algorithm, which is settled here, before any signature is looked at. There are no shared secrets.
 */

import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { ConfigError } from "../errors.js";

/** By algorithm, the key it takes: its type, and the curve of an elliptic one by OpenSSL's name. */
const KEYS = {
  RS256: { type: "rsa" },
  RS384: { type: "rsa" },
  RS512: { type: "rsa" },
  PS256: { type: "rsa" },
  PS384: { type: "rsa" },
  PS512: { type: "rsa" },
  ES256: { type: "ec", curve: "prime256v1" },
  ES384: { type: "ec", curve: "secp384r1" },
  ES512: { type: "ec", curve: "secp521r1" },
  EdDSA: { type: "ed25519" },
} as const satisfies Record<string, { readonly type: string; readonly curve?: string }>;

/**
 * By OPA's names. RS* and ES* go both ways between OPA and Launchgate. PS* only from here to OPA: what OPA signs with it has
 * a longer salt than RFC 7518 allows. EdDSA is not known to every OPA.
 */
export type SignatureAlgorithm = keyof typeof KEYS;

export const SIGNATURE_ALGORITHMS = Object.keys(KEYS) as readonly SignatureAlgorithm[];

const MIN_RSA_BITS = 2048;

/** A public key that bundles are believed by. */
export interface VerificationKey {
  /** What signatures name it; null: this key is for any that names whatever it likes. */
  readonly id: string | null;
  readonly algorithm: SignatureAlgorithm;
  readonly key: KeyObject;
}

export interface SigningKey {
  /** What the signature names the key; null: nothing. */
  readonly id: string | null;
  readonly algorithm: SignatureAlgorithm;
  readonly key: KeyObject;
}

export interface KeyOptions {
  /** The id of a key in PEM; of several keys, the one that is meant. */
  readonly keyId?: string;
  /** Default: what the JWK says; else RS256, ES256, ES384, ES512 or EdDSA, as the key is. */
  readonly algorithm?: SignatureAlgorithm;
}

/**
 * The keys in a text: a public key in PEM, a JWK, or a JWK Set, whose keys for encryption are passed over.
 * Throws ConfigError `key` for anything else: a private or shared key, several keys of one id, RSA below 2048 bits, a key
 * that the algorithm does not take.
 */
export function verificationKeys(text: string, options: KeyOptions = {}): readonly VerificationKey[] {
  if (!text.trimStart().startsWith("{")) {
    return [Object.freeze({ id: options.keyId ?? null, ...settle(publicKeyOf(text), options.algorithm) })];
  }
  const given = jwksOf(text).filter(({ use }) => use !== "enc");
  const keys = given.map((jwk) => keyOfJwk(jwk, options.algorithm));
  const meant = keys.filter(({ id }) => options.keyId === undefined || id === options.keyId || id === null);
  if (meant.length === 0) {
    throw fault(options.keyId === undefined ? "the JWK Set has no key" : `there is no key ${show(options.keyId)}`);
  }
  if (new Set(meant.map(({ id }) => id)).size !== meant.length) {
    throw fault("several keys have the same id, or none; expected a kid of its own for each");
  }
  const { keyId } = options;
  return meant.map((key) => Object.freeze(keyId === undefined ? key : { ...key, id: keyId }));
}

/** A private key in PEM, not encrypted. Throws ConfigError `key`. */
export function signingKey(pem: string, options: KeyOptions = {}): SigningKey {
  if (/^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw fault(
      "the key is encrypted; decrypt it with openssl pkey, into memory or onto a file that only you can read",
    );
  }
  const key = attempt("it holds no private key in PEM", () => createPrivateKey(pem));
  return Object.freeze({ id: options.keyId ?? null, ...settle(key, options.algorithm) });
}

/** The key with the algorithm it is for. */
function settle(
  key: KeyObject,
  asked?: SignatureAlgorithm,
): { readonly algorithm: SignatureAlgorithm; readonly key: KeyObject } {
  const { namedCurve: curve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const what = `${key.asymmetricKeyType ?? "shared"}${curve === undefined ? "" : ` ${curve}`}`;
  const fitting = SIGNATURE_ALGORITHMS.filter((name) => {
    const { type, curve: expected }: { readonly type: string; readonly curve?: string } = KEYS[name];
    return key.asymmetricKeyType === type && (expected === undefined || curve === expected);
  });
  const algorithm = asked ?? fitting[0];
  if (algorithm === undefined || !fitting.includes(algorithm)) {
    const expected = fitting.length === 0 ? "an RSA, P-256, P-384, P-521 or Ed25519 key" : fitting.join(" or ");
    throw fault(
      asked === undefined || fitting.length === 0
        ? `the key is of type ${what}, expected ${expected}`
        : `the key is of type ${what}, which is not for ${asked}; expected ${expected}`,
    );
  }
  if (key.asymmetricKeyType === "rsa" && modulusLength < MIN_RSA_BITS) {
    throw fault(`the RSA key has ${modulusLength} bits, expected at least ${MIN_RSA_BITS}`);
  }
  return { algorithm, key };
}

function publicKeyOf(text: string): KeyObject {
  const labels = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----/gm)].map(([, label = ""]) => label);
  if (labels.some((label) => label.endsWith("PRIVATE KEY"))) {
    throw fault("it holds a private key, which no verifier should have; make the public one with openssl pkey -pubout");
  }
  if (labels.length !== 1 || !labels[0]?.endsWith("PUBLIC KEY")) {
    throw fault(`it holds ${labels.join(", ") || "no PEM"}, expected one PUBLIC KEY, or a JWK Set`);
  }
  return attempt("its PUBLIC KEY cannot be read", () => createPublicKey(text));
}

interface Jwk {
  readonly [name: string]: unknown;
}

function jwksOf(text: string): readonly Jwk[] {
  const document: unknown = attempt("it is no JSON", () => JSON.parse(text));
  const { keys = [document] } = document as { readonly keys?: unknown };
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === "object" && key !== null && !Array.isArray(key))) {
    throw fault("it is neither a JWK nor a JWK Set");
  }
  return keys as readonly Jwk[];
}

function keyOfJwk(jwk: Jwk, asked?: SignatureAlgorithm): VerificationKey {
  const { kid, alg, kty } = jwk;
  if (kty === "oct" || "d" in jwk || "k" in jwk) {
    throw fault(`the JWK ${show(kid)} is a private or shared key, which no verifier should have`);
  }
  if (kid !== undefined && (typeof kid !== "string" || kid === "")) throw fault("a JWK's kid is no text");
  const said = alg === undefined ? undefined : SIGNATURE_ALGORITHMS.find((name) => name === alg);
  if (alg !== undefined && said === undefined) {
    throw fault(`the JWK ${show(kid)} is for ${show(alg)}, expected one of ${SIGNATURE_ALGORITHMS.join(", ")}`);
  }
  if (said !== undefined && asked !== undefined && said !== asked) {
    throw fault(`the JWK ${show(kid)} is for ${said}, not for ${asked}`);
  }
  const key = attempt(`the JWK ${show(kid)} cannot be read`, () => createPublicKey({ key: { ...jwk }, format: "jwk" }));
  return { id: kid ?? null, ...settle(key, said ?? asked) };
}

function attempt<Value>(otherwise: string, action: () => Value): Value {
  try {
    return action();
  } catch (cause) {
    // What OpenSSL says may hold parts of the key.
    throw cause instanceof ConfigError ? cause : fault(otherwise);
  }
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "without kid").slice(0, 100);
}

function fault(what: string): ConfigError {
  return new ConfigError("key", `the key cannot be used: ${what}`);
}
