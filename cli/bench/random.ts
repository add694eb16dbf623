/**
 * Numbers that look random and are the same in each run: SplitMix, with the finalizer of MurmurHash3 in 32 bits. For input
 * to benchmarks, never for keys.
 */

/** Fills with the next words of the sequence, and gives the state after them. */
export function fillWords(words: Uint32Array, from: number, to: number, state: number): number {
  let next = state;
  for (let at = from; at < to; at += 1) {
    next = (next + 0x9e37_79b9) | 0;
    let word = next;
    word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
    words[at] = word ^ (word >>> 16);
  }
  return next;
}

/** `size` bytes, a multiple of four, that belong to a seed. */
export function seededBytes(size: number, seed: number): Uint8Array {
  const words = new Uint32Array(size / 4);
  fillWords(words, 0, words.length, seed);
  return new Uint8Array(words.buffer);
}
