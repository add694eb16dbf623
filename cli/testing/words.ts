/** Bits and words as suites write them, to numbers and to the words of a LaunchEvent. */

import {
  ALL_BITS,
  ATTRIBUTE_BITS,
  type AttributeBit,
  type Attributes,
  type AttributesJson,
  hex64,
} from "../../hooks/index.js";
import type { MaskText, Word32, WordsText } from "./suite.js";

// INVARIANT: the suite schema has passed every text that comes here.

export function attributesOf(text: WordsText): Attributes {
  return typeof text === "string" ? parsed(text) : bitsOf(text);
}

export function maskOf(text: MaskText): Attributes {
  if (typeof text === "string") return parsed(text);
  const { flags, xfrm } = bitsOf(text.free);
  return { flags: ALL_BITS & ~flags, xfrm: ALL_BITS & ~xfrm };
}

export function numberOf(word: Word32): number {
  return Number(word);
}

export function wordsJson({ flags, xfrm }: Attributes): AttributesJson {
  return { flags: hex64(flags), xfrm: hex64(xfrm) };
}

export function bytesOf(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, "hex"));
}

function parsed(text: string): Attributes {
  const [flags = 0n, xfrm = 0n] = text.split(":").map((word) => BigInt(`0x${word.replace(/^0x/, "")}`));
  return { flags, xfrm };
}

function bitsOf(names: readonly AttributeBit[]): Attributes {
  let [flags, xfrm] = [0n, 0n];
  for (const name of names) {
    const { word, mask } = ATTRIBUTE_BITS[name];
    if (word === "flags") flags |= mask;
    else xfrm |= mask;
  }
  return { flags, xfrm };
}
