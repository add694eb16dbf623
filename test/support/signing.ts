/** Keys and signed bundles for tests, made on the fly. */

import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { packBundle } from "../../engine/policy/bundle.js";
import { canonicalJson } from "../../engine/policy/canonical.js";
import {
  type SigningKey,
  signingKey,
  type VerificationKey,
  verificationKeys,
} from "../../engine/policy/signing-keys.js";
import { tinyOpaModule } from "./wasm.js";

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface Pair {
  readonly privatePem: string;
  readonly publicPem: string;
}

export function rsaPair(modulusLength = 2048): Pair {
  return pemPair(generateKeyPairSync("rsa", { modulusLength }));
}

export function ecPair(namedCurve = "P-256"): Pair {
  return pemPair(generateKeyPairSync("ec", { namedCurve }));
}

export function ed25519Pair(): Pair {
  return pemPair(generateKeyPairSync("ed25519"));
}

function pemPair({ privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }): Pair {
  return {
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

export function keysOf(
  pair: Pair,
  options: Parameters<typeof signingKey>[1] = {},
): { readonly signing: SigningKey; readonly verifying: readonly VerificationKey[] } {
  return { signing: signingKey(pair.privatePem, options), verifying: verificationKeys(pair.publicPem, options) };
}

/** The WASM of every `tinyBundle`: loads, and allows all. */
const WASM = tinyOpaModule();

export interface TinyBundle {
  readonly revision?: string;
  /** What makes its digest another. */
  readonly data?: object;
  readonly wasm?: Uint8Array;
}

/** The files of a bundle of hand-made WASM. */
export function tinyFiles({ revision = "1", data = {}, wasm = WASM }: TinyBundle = {}): Record<string, Uint8Array> {
  const manifest = { revision, roots: [""], wasm: [{ entrypoint: "launch/decision", module: "/policy.wasm" }] };
  return {
    ".manifest": utf8(canonicalJson(manifest)),
    "data.json": utf8(JSON.stringify(data)),
    "policy.wasm": wasm,
    "launch/decision.rego": utf8("package launch\n"),
  };
}

export function pack(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return packBundle(Object.entries(files).map(([path, bytes]) => ({ path, bytes })));
}

/** A compact JWS by node:crypto alone, RS256 or HS256, with whatever header and payload. */
export function jws(header: object, payload: object | Uint8Array, key: string | null): string {
  const parts = [utf8(JSON.stringify(header)), payload instanceof Uint8Array ? payload : utf8(JSON.stringify(payload))];
  const signed = parts.map((part) => Buffer.from(part).toString("base64url")).join(".");
  const { alg } = header as { readonly alg?: unknown };
  if (key === null) return `${signed}.`;
  const signature =
    alg === "HS256" ? createHmac("sha256", key).update(signed).digest() : sign("sha256", Buffer.from(signed), key);
  return `${signed}.${signature.toString("base64url")}`;
}
