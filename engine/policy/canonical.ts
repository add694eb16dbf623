/** Canonical JSON and the digests over it. Truth: RFC 8785 (JSON Canonicalization Scheme), FIPS 180-4. */

import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { JsonObject, JsonValue } from "../json.js";

/**
 * The one text that RFC 8785 gives a value: keys sorted by UTF-16 code units, no space, numbers as ECMAScript writes them.
 * Throws on what has none: a lone surrogate, NaN, an infinity, a cycle.
 */
export function canonicalJson(value: JsonValue): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError("not a JSON value");
  return text;
}

/**
 * Whether a text is already the one that RFC 8785 gives the value that was parsed from it. False where that would take
 * longer to find out than to write it: for keys that ECMAScript puts in another order than RFC 8785 does.
 */
export function isCanonical(text: string, value: JsonValue): boolean {
  return hasSortedKeys(value) && JSON.stringify(value) === text && !text.includes(LONE_SURROGATE);
}

/** How JSON.stringify begins to write what RFC 8785 has no text for. */
const LONE_SURROGATE = "\\ud";

function hasSortedKeys(value: JsonValue): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(hasSortedKeys);
  const keys = Object.keys(value);
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at] as string;
    if (at > 0 && (keys[at - 1] as string) > key) return false;
    if (!hasSortedKeys((value as JsonObject)[key] as JsonValue)) return false;
  }
  return true;
}

/** SHA-256 as 64 lower-case hex digits; a string is hashed as UTF-8. */
export function sha256Hex(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}
