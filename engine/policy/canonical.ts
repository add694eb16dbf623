/** Canonical JSON and the digests over it. Truth: RFC 8785 (JSON Canonicalization Scheme), FIPS 180-4. */

import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { JsonValue } from "../json.js";

/**
 * The one text that RFC 8785 gives a value: keys sorted by UTF-16 code units, no space, numbers as ECMAScript writes them.
 * Throws on what has none: a lone surrogate, NaN, an infinity, a cycle.
 */
export function canonicalJson(value: JsonValue): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("not a JSON value");
  return text;
}

/** SHA-256 as 64 lower-case hex digits; a string is hashed as UTF-8. */
export function sha256Hex(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}
