/**
 * The names that something knows: every run of 64 hex digits in it, which is how a measurement or a signer is written.
 *
 * Of each only the first 32 bits are kept, as they lie in memory. So a fresh name may be taken for a known one, which costs
 * time and nothing else; a known one is never taken for fresh.
 */

import type { JsonObject, JsonValue } from "../json.js";

const NAME_LENGTH = 64;

/** Names that are known, as their first words. */
export class Names {
  readonly #words = new Set<number>();
  /** One bit for some of the words each: most questions end here, in memory that stays in the processor's cache. */
  #filter = new Uint32Array(MIN_FILTER_BITS / 32);

  /** All names in the keys and strings of documents, in whatever text they stand. */
  constructor(...documents: readonly JsonValue[]) {
    for (const document of documents) collect(document, this.#words);
    let bits = MIN_FILTER_BITS;
    while (bits < this.#words.size * 16) bits *= 2;
    this.#filter = new Uint32Array(bits / 32);
    for (const word of this.#words) {
      const at = spread(word) & (bits - 1);
      this.#filter[at >>> 5] = (this.#filter[at >>> 5] as number) | (1 << (at & 31));
    }
  }

  /** Whether a name that begins with this word is known. */
  has(word: number): boolean {
    const at = spread(word) & (this.#filter.length * 32 - 1);
    return ((this.#filter[at >>> 5] as number) & (1 << (at & 31))) !== 0 && this.#words.has(word);
  }
}

const MIN_FILTER_BITS = 4096;

/** Names need not be as evenly spread as hashes are. */
function spread(word: number): number {
  const mixed = Math.imul(word, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}

function collect(value: JsonValue, names: Set<number>): void {
  if (typeof value === "string") collectFrom(value, names);
  else if (Array.isArray(value)) for (const item of value) collect(item, names);
  else if (typeof value === "object" && value !== null) {
    for (const key of Object.keys(value)) {
      collectFrom(key, names);
      collect((value as JsonObject)[key] as JsonValue, names);
    }
  }
}

/** The usual case: nothing but a name. */
const NAME = /^[0-9a-fA-F]{64}$/;

function collectFrom(text: string, names: Set<number>): void {
  if (text.length < NAME_LENGTH) return;
  if (NAME.test(text)) {
    names.add(firstWord(text.slice(0, 8)));
    return;
  }
  for (const [run] of text.matchAll(/[0-9a-fA-F]{64,}/g)) {
    for (let at = 0; at + NAME_LENGTH <= run.length; at += 1) names.add(firstWord(run.slice(at, at + 8)));
  }
}

/** Eight hex digits as the 32-bit word that their four bytes are in memory. */
function firstWord(digits: string): number {
  const big = Number.parseInt(digits, 16);
  return (((big & 0xff) << 24) | ((big & 0xff00) << 8) | ((big >>> 8) & 0xff00) | (big >>> 24)) >>> 0;
}
