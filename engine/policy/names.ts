/**
 * The names that something knows: every run of 64 hex digits in it, which is how a measurement or a signer is written.
 *
 * Of each only the first 32 bits are kept, as they lie in memory. So a fresh name may be taken for a known one, which costs
 * time and nothing else; a known one is never taken for fresh.
 */

import type { JsonValue } from "../json.js";

const NAME_LENGTH = 64;

export type Names = ReadonlySet<number>;

/** All names in the keys and strings of a document, in whatever text they stand. */
export function namesIn(...documents: readonly (JsonValue | undefined)[]): Names {
  const names = new Set<number>();
  for (const document of documents) if (document !== undefined) collect(document, names);
  return names;
}

function collect(value: JsonValue, names: Set<number>): void {
  if (typeof value === "string") collectFrom(value, names);
  else if (Array.isArray(value)) for (const item of value) collect(item, names);
  else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      collectFrom(key, names);
      collect(item, names);
    }
  }
}

function collectFrom(text: string, names: Set<number>): void {
  if (text.length < NAME_LENGTH) return;
  for (const [run] of text.matchAll(/[0-9a-fA-F]{64,}/g)) {
    for (let at = 0; at + NAME_LENGTH <= run.length; at += 1) names.add(firstWord(run.slice(at, at + 8)));
  }
}

/** Eight hex digits as the 32-bit word that their four bytes are in memory. */
function firstWord(digits: string): number {
  const big = Number.parseInt(digits, 16);
  return (((big & 0xff) << 24) | ((big & 0xff00) << 8) | ((big >>> 8) & 0xff00) | (big >>> 24)) >>> 0;
}
