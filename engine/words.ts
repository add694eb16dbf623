/**
 * 64-bit words as two halves of 32 bits, which is what a processor of JavaScript is quick with. The text form is that of
 * the LaunchEvent schema: `0x` and 1 to 16 lower-case hex digits.
 */

/** Bits 0 to 31, and 32 to 63, both unsigned. */
export interface Word64 {
  readonly low: number;
  readonly high: number;
}

/** The word that a text says; null where it is none, or has more digits than these. */
export function word64(text: unknown, digits = 16): Word64 | null {
  if (typeof text !== "string" || text.length > digits + 2 || !/^0x[0-9a-f]+$/.test(text)) return null;
  const padded = text.slice(2).padStart(16, "0");
  return Object.freeze({ low: Number.parseInt(padded.slice(8), 16), high: Number.parseInt(padded.slice(0, 8), 16) });
}
