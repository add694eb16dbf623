/**
 * The digests that a bundle's signature has of its files. Truth: OPA's documentation, "Bundles", "Signing", and what
 * OPA does: JSON files are hashed by what they say (keys sorted, no space, numbers as they are written), others as they
 * are.
 */

import { createHash } from "node:crypto";
import { isLosslessNumber, parse } from "lossless-json";
import { PolicyError } from "../errors.js";
import { parseFrozenJson } from "../json.js";

/** The algorithms believed in, by OPA's names. OPA writes the first; its MD5, SHA-1 and short ones are refused. */
export const FILE_HASHES: Readonly<Record<string, string>> = {
  "SHA-256": "sha256",
  "SHA-384": "sha384",
  "SHA-512": "sha512",
};

export type FileHash = (typeof FILE_HASHES)[string];

/**
 * The digest of a file as OPA signs it, lower-case hex. Throws PolicyError `bundle_format` where a file that should be JSON
 * is none, is deeper than documents are here, or has a key twice.
 */
export function signedDigest(path: string, bytes: Uint8Array, hash: FileHash): string {
  return digestOf(isStructured(path) ? structuredText(path, bytes) : bytes, hash);
}

/** Whether `digest`, lower-case hex, is the file's. Throws as `signedDigest` does. */
export function hasSignedDigest(path: string, bytes: Uint8Array, hash: FileHash, digest: string): boolean {
  // A text that is written as OPA hashes it needs no reading: whatever has this digest is what was signed.
  return digestOf(bytes, hash) === digest || (isStructured(path) && signedDigest(path, bytes, hash) === digest);
}

function digestOf(content: Uint8Array | string, hash: FileHash): string {
  return createHash(hash).update(content).digest("hex");
}

/** YAML, which OPA would read too, is in no bundle that can be used here. */
function isStructured(path: string): boolean {
  return /(?:^|\/)(?:data\.json|\.manifest)$/.test(path);
}

function structuredText(path: string, bytes: Uint8Array): string {
  const refuse = (fault: string): PolicyError => malformed(path, fault);
  try {
    const text = UTF_8.decode(bytes);
    // INVARIANT: only what has passed here is read again: JSON, of bounded depth, without keys of JavaScript's own.
    parseFrozenJson(text, refuse);
    return write(parse(text), refuse);
  } catch (cause) {
    throw cause instanceof PolicyError ? cause : malformed(path, "is no JSON, or has a key twice", cause);
  }
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function write(value: unknown, refuse: (fault: string) => Error): string {
  if (typeof value === "string") return quote(value, refuse);
  if (isLosslessNumber(value)) return value.value;
  if (Array.isArray(value)) return `[${value.map((item) => write(item, refuse)).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${members.map(([key, member]) => `${quote(key, refuse)}:${write(member, refuse)}`).join(",")}}`;
  }
  return String(value);
}

/** As Go writes it, which escapes two line ends that ECMAScript leaves alone. */
function quote(text: string, refuse: (fault: string) => Error): string {
  if (/\p{Surrogate}/u.test(text)) throw refuse("has a string that is no Unicode text");
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

function malformed(path: string, fault: string, cause?: unknown): PolicyError {
  return new PolicyError("bundle_format", `the bundle cannot be used: /${path} ${fault}`, { cause });
}
