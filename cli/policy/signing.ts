/** Keys for bundles on the command line: the options, the files behind them, and bundles read as they demand. */

import { createPublicKey } from "node:crypto";
import { type Command, Option } from "commander";
import {
  type BundleSignature,
  type BundleSigningKey,
  ConfigError,
  type KeyOptions,
  type PolicyBundle,
  readBundle,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  signBundle,
  signingKey,
  type VerificationKey,
  type VerifiedBundle,
  verificationKeys,
  verifyBundle,
} from "../../engine/index.js";
import { unixSeconds } from "../event-options.js";
import { readBytes } from "../files.js";
import { CommandError } from "../io.js";

export interface VerifyOptions {
  readonly verifyKey?: string;
  readonly verifyAlg?: SignatureAlgorithm;
  readonly verifyKeyId?: string;
  readonly verifyScope?: string;
}

export interface SignOptions {
  readonly sign?: string;
  readonly signAlg?: SignatureAlgorithm;
  readonly keyId?: string;
  readonly scope?: string;
  readonly expires?: string;
}

/** What a bundle's signature must satisfy. */
interface Verification {
  readonly keys: readonly VerificationKey[];
  readonly scope?: string;
}

/** The options of every command that takes `--policy`. */
export function addVerifyOptions(command: Command): Command {
  return command
    .option("--verify-key <file>", "public key, PEM or JWK Set: only bundles that it verifies are used")
    .addOption(algorithmOption("--verify-alg <alg>", "algorithm of that key, where it does not say"))
    .option("--verify-key-id <id>", "id of that key, which the signature then must name, if it names one")
    .option("--verify-scope <text>", "scope that the signature must have");
}

/** The options of `build`. */
export function addSignOptions(command: Command): Command {
  return command
    .option("--sign <key>", "sign the bundle with this private key, PEM")
    .addOption(algorithmOption("--sign-alg <alg>", "default: RS256, ES256, ES384, ES512 or EdDSA, as the key is"))
    .option("--key-id <id>", "what the signature names the key")
    .option("--scope <text>", "what the signature is for; whoever verifies must expect it")
    .option("--expires <rfc3339>", "when the signature ends");
}

export function algorithmOption(flags: string, description: string): Option {
  return new Option(flags, description).choices([...SIGNATURE_ALGORITHMS]);
}

/** What `--verify-key` and the options beside it demand; null: nothing. @throws CommandError exit 1 */
export function verificationOf(options: VerifyOptions): Verification | null {
  const { verifyKey, verifyAlg, verifyKeyId, verifyScope } = options;
  if (verifyKey === undefined) {
    if (verifyAlg === undefined && verifyKeyId === undefined && verifyScope === undefined) return null;
    throw new CommandError(1, "--verify-alg, --verify-key-id and --verify-scope say more of --verify-key FILE");
  }
  const keys = readVerificationKeys(verifyKey, keyOptions(verifyAlg, verifyKeyId));
  return { keys, ...(verifyScope === undefined ? {} : { scope: verifyScope }) };
}

/** @throws CommandError exit 1 where the file cannot be read, or is no public key */
export function readVerificationKeys(path: string, options: KeyOptions): readonly VerificationKey[] {
  return orUnusable(path, () => verificationKeys(readText(path), options));
}

export function keyOptions(algorithm: SignatureAlgorithm | undefined, keyId: string | undefined): KeyOptions {
  return { ...(algorithm === undefined ? {} : { algorithm }), ...(keyId === undefined ? {} : { keyId }) };
}

/**
 * A bundle from a file, its read sets trusted where its signature was demanded and verified.
 * @throws CommandError exit 1 unreadable; PolicyError where it is no bundle, or the signature does not vouch for it
 */
export async function readBundleFile(path: string, verification: Verification | null): Promise<PolicyBundle> {
  const bytes = readBytes(path);
  if (verification === null) return readBundle(bytes);
  const { bundle } = await verifyBundle(bytes, { ...verification, time: now() });
  return bundle;
}

export interface Signed extends VerifiedBundle {
  readonly bytes: Uint8Array;
}

/** What `--sign` and the options beside it ask for; null: nothing. @throws CommandError exit 1 */
export function signerOf(options: SignOptions): ((bundle: Uint8Array) => Promise<Signed>) | null {
  const { sign, signAlg, keyId, scope, expires } = options;
  if (sign === undefined) {
    if (signAlg === undefined && keyId === undefined && scope === undefined && expires === undefined) return null;
    throw new CommandError(1, "--sign-alg, --key-id, --scope and --expires say more of --sign KEY");
  }
  const end = expires === undefined ? undefined : unixSeconds("--expires", expires);
  const key = orUnusable(sign, () => signingKey(readText(sign), keyOptions(signAlg, keyId)));
  const scoped = scope === undefined ? {} : { scope };
  return async (bundle) => {
    const bytes = await signBundle(bundle, key, { ...scoped, ...(end === undefined ? {} : { expires: end }) });
    // Verified as a host will, before anybody relies on it.
    const verified = await verifyBundle(bytes, { keys: [publicPart(key)], ...scoped, time: now() });
    return { ...verified, bytes };
  };
}

/** For people: the key and its algorithm. */
export function signatureText({ keyId, algorithm }: BundleSignature): string {
  return `${algorithm}, ${keyId === null ? "a key without id" : `key ${keyId}`}`;
}

/** Unix seconds. */
export function now(): number {
  return Math.floor(Date.now() / 1000);
}

function publicPart({ id, algorithm, key }: BundleSigningKey): VerificationKey {
  return { id, algorithm, key: createPublicKey(key) };
}

function readText(path: string): string {
  return new TextDecoder().decode(readBytes(path));
}

function orUnusable<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandError(1, `${path}: ${error.message}`);
    throw error;
  }
}
