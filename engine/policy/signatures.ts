/**
 * Signed bundles: who vouches for which bytes. Truth: OPA's documentation, "Bundles", "Signing" (`.signatures.json`), RFC
 * 7515 (JWS) and RFC 7519 (`exp`, `nbf`).
 *
 * What the signature says is believed only after it has verified with a key that was configured, by the algorithm that
 * this key is for. The token's own algorithm decides nothing. What then vouches for the bundle is its list of files: each
 * must be there as it was signed, and no other.
 */

import { ConfigError, PolicyError, type SignatureErrorCode } from "../errors.js";
import { isJsonObject, type JsonObject, parseFrozenJson } from "../json.js";
import { type PolicyBundle, packBundle, type ReadBundleOptions, readBundleFiles, unpackBundle } from "./bundle.js";
import { canonicalJson } from "./canonical.js";
import type { SignatureAlgorithm, SigningKey, VerificationKey } from "./signing-keys.js";
import { FILE_HASHES, hasSignedDigest, signedDigest } from "./structured-hash.js";

const SIGNATURES_PATH = ".signatures.json";

/** Some 20,000 files; nothing longer is even parsed. */
const MAX_SIGNATURES_BYTES = 4 * 1024 * 1024;

const SIGNED_WITH = "SHA-256";

export interface VerifyOptions extends Omit<ReadBundleOptions, "trustReads"> {
  readonly keys: readonly VerificationKey[];
  /** What the signature must be for, exactly; default: nothing in particular. */
  readonly scope?: string;
  /** Now, in Unix seconds, for signatures that end or have yet to begin. */
  readonly time: number;
}

export interface SignedFile {
  readonly path: string;
  /** `SHA-256`, `SHA-384` or `SHA-512`. */
  readonly algorithm: string;
  /** Lower-case hex; of JSON files over what they say, so not always what sha256sum prints. */
  readonly digest: string;
}

/** What was verified. */
export interface BundleSignature {
  /** The configured key's id, else what the signature names it, else null. */
  readonly keyId: string | null;
  readonly algorithm: SignatureAlgorithm;
  readonly scope: string | null;
  /** Unix seconds; null: it does not end. */
  readonly expires: number | null;
  readonly files: readonly SignedFile[];
}

export interface VerifiedBundle {
  /** Its read sets are trusted. */
  readonly bundle: PolicyBundle;
  readonly signature: BundleSignature;
}

/**
 * Verifies a bundle and reads it, from the same bytes.
 *
 * Throws PolicyError: one of SignatureErrorCode where the signature does not vouch for it, else as `readBundle` does;
 * ConfigError `key` where there are no keys, or two of one id, `option` for options.
 */
export async function verifyBundle(bytes: Uint8Array, options: VerifyOptions): Promise<VerifiedBundle> {
  checkOptions(options);
  const files = unpackBundle(bytes, options);
  const token = readToken(files);
  const claimed = await peek(token);
  const key = chooseKey(claimed.keyId, options.keys);
  if (claimed.algorithm !== key.algorithm) {
    throw refusal("signature_algorithm", `it is by ${show(claimed.algorithm)}, the key is for ${key.algorithm}`);
  }
  const payload = await verifyToken(token, key);
  checkScope(payload, options.scope);
  const expires = checkTime(payload, options.time);
  const signed = readFileList(payload);
  checkFiles(files, signed);
  const bundle = readBundleFiles(files, { ...options, trustReads: true });
  return Object.freeze({
    bundle,
    signature: Object.freeze({
      keyId: key.id ?? claimed.keyId,
      algorithm: key.algorithm,
      scope: options.scope ?? null,
      expires,
      files: signed,
    }),
  });
}

export interface SignOptions {
  readonly scope?: string;
  /** Unix seconds. Launchgate holds to it; OPA does not look. */
  readonly expires?: number;
  readonly maxBytes?: number;
}

/**
 * The same bundle, signed; a signature that it had is replaced. The same bytes each time for RS256 and EdDSA, whose
 * signatures are; what the others make is different each time in the signature alone.
 *
 * Throws as `readBundle` does: what could not be used is not signed. ConfigError `option` for options.
 */
export async function signBundle(bytes: Uint8Array, key: SigningKey, options: SignOptions = {}): Promise<Uint8Array> {
  const { scope, expires } = options;
  if (expires !== undefined && !isTime(expires)) throw new ConfigError("option", "expires must be Unix seconds");
  const files = new Map(unpackBundle(bytes, options));
  files.delete(SIGNATURES_PATH);
  readBundleFiles(files);
  const list = [...files.keys()].sort().map((name) => ({
    name,
    hash: signedDigest(name, files.get(name) as Uint8Array, FILE_HASHES[SIGNED_WITH] as string),
    algorithm: SIGNED_WITH,
  }));
  const payload = canonicalJson({
    files: list,
    ...(key.id === null ? {} : { keyid: key.id }),
    ...(scope === undefined ? {} : { scope }),
    ...(expires === undefined ? {} : { exp: expires }),
  });
  const { CompactSign } = await import("jose");
  const token = await new CompactSign(utf8(payload))
    .setProtectedHeader({ alg: key.algorithm, ...(key.id === null ? {} : { kid: key.id }) })
    .sign(key.key);
  return packBundle([
    ...[...files].map(([path, content]) => ({ path, bytes: content })),
    { path: SIGNATURES_PATH, bytes: utf8(canonicalJson({ signatures: [token] })) },
  ]);
}

function checkOptions({ keys, time }: VerifyOptions): void {
  if (keys.length === 0) throw new ConfigError("key", "there is no key to verify bundles with");
  if (
    new Set(keys.map(({ id }) => id)).size !== keys.length ||
    (keys.length > 1 && keys.some(({ id }) => id === null))
  ) {
    throw new ConfigError("key", "several keys to verify bundles with need an id of its own each");
  }
  if (!isTime(time)) throw new ConfigError("option", "time must be Unix seconds");
}

/** The one token of `.signatures.json`. */
function readToken(files: ReadonlyMap<string, Uint8Array>): string {
  const elsewhere = [...files.keys()].find((path) => path.endsWith(SIGNATURES_PATH) && path !== SIGNATURES_PATH);
  if (elsewhere !== undefined) throw refusal("signature_format", `it has /${elsewhere} beside /${SIGNATURES_PATH}`);
  const bytes = files.get(SIGNATURES_PATH);
  if (bytes === undefined) {
    throw new PolicyError(
      "signature_missing",
      `the bundle is not signed: it has no /${SIGNATURES_PATH}; sign it with launchgate build --sign KEY`,
    );
  }
  if (bytes.length > MAX_SIGNATURES_BYTES) {
    throw refusal("signature_format", `/${SIGNATURES_PATH} has more than ${MAX_SIGNATURES_BYTES} bytes`);
  }
  const { signatures, plugin = "_default", ...others } = readObject(bytes, `/${SIGNATURES_PATH}`);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw refusal("signature_format", `/${SIGNATURES_PATH} has the unknown key ${show(unknown)}`);
  if (plugin !== "_default") throw refusal("signature_format", `it is for OPA's plugin ${show(plugin)}`);
  if (!Array.isArray(signatures) || signatures.length !== 1 || typeof signatures[0] !== "string") {
    const found = Array.isArray(signatures) ? `${signatures.length} signatures` : "no list of signatures";
    throw refusal("signature_format", `/${SIGNATURES_PATH} has ${found}, expected exactly one, as text`);
  }
  return signatures[0];
}

/** What the token says of itself, to choose the key by and for nothing else: nothing of it is verified yet. */
async function peek(token: string): Promise<{ readonly keyId: string | null; readonly algorithm: unknown }> {
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) {
    throw refusal("signature_format", "it is no JWS of three parts in base64url");
  }
  const [header, payload] = parts
    .slice(0, 2)
    .map((part, at) => readObject(Buffer.from(part, "base64url"), at === 0 ? "the JWS header" : "the JWS payload"));
  if (header === undefined || payload === undefined) throw refusal("signature_format", "it is no JWS");
  if ("crit" in header || "b64" in header) {
    throw refusal("signature_format", "its header demands extensions that are not known here");
  }
  const [kid, keyid] = [header["kid"], payload["keyid"]].map((id) => (id === undefined || id === "" ? null : id));
  if ((kid !== null && typeof kid !== "string") || (keyid !== null && typeof keyid !== "string")) {
    throw refusal("signature_format", "the id of its key is no text");
  }
  if (kid != null && keyid != null && kid !== keyid) {
    throw refusal("signature_format", `its header names the key ${show(kid)}, its payload ${show(keyid)}`);
  }
  return { keyId: kid ?? keyid ?? null, algorithm: header["alg"] };
}

function chooseKey(named: string | null, keys: readonly VerificationKey[]): VerificationKey {
  const [only] = keys;
  if (keys.length === 1 && only !== undefined && (only.id === null || named === null)) return only;
  const key = keys.find(({ id }) => id !== null && id === named);
  if (key !== undefined) return key;
  const known = keys.map(({ id }) => show(id)).join(", ");
  throw refusal(
    "signature_key",
    `it names ${named === null ? "no key" : `the key ${show(named)}`}, configured: ${known}`,
  );
}

async function verifyToken(token: string, { key, algorithm }: VerificationKey): Promise<JsonObject> {
  const { compactVerify } = await import("jose");
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(token, key, { algorithms: [algorithm] }));
  } catch (cause) {
    throw new PolicyError("signature_invalid", "the bundle's signature was not made with the configured key", {
      cause,
    });
  }
  return readObject(payload, "the JWS payload");
}

function checkScope(payload: JsonObject, expected = ""): void {
  const scope = payload["scope"] ?? "";
  if (scope === expected) return;
  const [found, wanted] = [scope, expected].map((text) => (text === "" ? "no scope" : `the scope ${show(text)}`));
  throw refusal("signature_scope", `it has ${found}, expected ${wanted}`);
}

function checkTime({ exp, nbf }: JsonObject, time: number): number | null {
  for (const [claim, at] of Object.entries({ exp, nbf })) {
    if (at !== undefined && (typeof at !== "number" || !Number.isFinite(at))) {
      throw refusal("signature_format", `its ${claim} is no time in Unix seconds`);
    }
  }
  if (typeof exp === "number" && time >= exp) throw refusal("signature_expired", `it ended at ${exp}, now is ${time}`);
  if (typeof nbf === "number" && time < nbf) throw refusal("signature_early", `it begins at ${nbf}, now is ${time}`);
  return typeof exp === "number" ? exp : null;
}

function readFileList({ files }: JsonObject): readonly SignedFile[] {
  if (!Array.isArray(files)) throw refusal("signature_format", "its payload lists no files");
  const seen = new Set<string>();
  const list = files.map((item): SignedFile => {
    const { name, hash, algorithm, ...others } = isJsonObject(item) ? item : {};
    if (typeof name !== "string" || typeof hash !== "string" || Object.keys(others).length > 0) {
      throw refusal("signature_format", "a file in its list is not name, hash and algorithm");
    }
    if (typeof algorithm !== "string" || !Object.hasOwn(FILE_HASHES, algorithm)) {
      const known = Object.keys(FILE_HASHES).join(", ");
      throw refusal("signature_format", `/${name} is hashed by ${show(algorithm)}, expected one of ${known}`);
    }
    if (seen.has(name)) throw refusal("signature_format", `its list has /${name} twice`);
    seen.add(name);
    return Object.freeze({ path: name, algorithm, digest: hash.toLowerCase() });
  });
  return Object.freeze(list);
}

/** INVARIANT: paths are unique on both sides: by the list's reading above, and by the archive's. */
function checkFiles(files: ReadonlyMap<string, Uint8Array>, signed: readonly SignedFile[]): void {
  const listed = new Set(signed.map(({ path }) => path));
  const extra = [...files.keys()].find((path) => path !== SIGNATURES_PATH && !listed.has(path));
  if (extra !== undefined) throw refusal("signature_file_extra", `it does not cover /${extra}`);
  for (const { path, algorithm, digest } of signed) {
    const bytes = path === SIGNATURES_PATH ? undefined : files.get(path);
    if (bytes === undefined) throw refusal("signature_file_missing", `it covers /${path}, which is not there`);
    if (!hasSignedDigest(path, bytes, FILE_HASHES[algorithm] as string, digest)) {
      throw refusal("signature_digest", `/${path} is not what was signed`);
    }
  }
}

function readObject(bytes: Uint8Array, what: string): JsonObject {
  try {
    const value = parseFrozenJson(UTF_8.decode(bytes), (fault) => refusal("signature_format", `${what} ${fault}`));
    if (isJsonObject(value)) return value;
  } catch (cause) {
    if (cause instanceof PolicyError) throw cause;
  }
  throw refusal("signature_format", `${what} is no JSON object`);
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isTime(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 100);
}

function refusal(code: SignatureErrorCode, what: string): PolicyError {
  return new PolicyError(code, `the bundle's signature does not count: ${what}`);
}
