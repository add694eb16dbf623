/**
 * What was recently seen, so that it need not be looked at again: SIGSTRUCTs under equality of all 1808 bytes, signers under
 * equality of all 384 bytes of the modulus. Truth about the offsets: Intel SDM vol. 3D, SIGSTRUCT.
 *
 * INVARIANT: only what follows from those bytes alone is kept here. What depends on SECS, token, platform or policy is not.
 * Memory is bounded: a table entry is replaced by the next that falls on it, so no source can fill it, only slow itself.
 */

import { createHash } from "node:crypto";
import { hex, mrsignerOf } from "./sgx/identity.js";
import { type KnownSigner, knownSigner } from "./sgx/known-signers.js";
import { verifySignature } from "./sgx/signature.js";
import {
  decodeSigstruct,
  SIGSTRUCT_HEADER,
  SIGSTRUCT_HEADER2,
  SIGSTRUCT_SIZE,
  type Sigstruct,
} from "./sgx/sigstruct.js";

/** Bytewise, in native code; taken once, since the global is a getter. */
const { compare } = Buffer;

const SIGSTRUCTS = 1024;
const SIGNERS = 256;
/** SIGSTRUCTs are copied into slabs of so many: one allocation for all of them, and few bytes held by one that lives on. */
const SLAB_SIGSTRUCTS = 9;

const WORDS = SIGSTRUCT_SIZE / 4;
const MODULUS = 128;
const MODULUS_SIZE = 384;
const ENCLAVEHASH = 960;

/** Word positions in SIGSTRUCT, four bytes each. */
export const WORD = {
  date: 5,
  exponent: 128,
  miscselect: 225,
  miscmask: 226,
  cet: 227,
  isvfamilyid: 228,
  attributes: 232,
  attributemask: 236,
  enclavehash: 240,
  isvextprodid: 252,
  isv: 256,
} as const;

/** The platform is little-endian: so is SIGSTRUCT, and its words are read as they lie. */
if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1)
  throw new Error("Launchgate runs on little-endian machines only");

export interface SeenSigner {
  readonly modulus: Uint8Array;
  readonly mrsigner: string;
  readonly known: KnownSigner | null;
}

/** One SIGSTRUCT, and what was found in it so far. Its bytes are private: nobody outside the engine gets hold of them. */
export class SeenSigstruct {
  readonly bytes: Uint8Array;
  /** The same bytes as 452 words. */
  readonly words: Uint32Array;
  readonly signer: SeenSigner;
  #sha256: string | undefined;
  #mrenclave: string | undefined;
  #plain: boolean | undefined;
  #signature: "valid" | "invalid" | undefined;

  constructor(bytes: Uint8Array, words: Uint32Array, signer: SeenSigner) {
    this.bytes = bytes;
    this.words = words;
    this.signer = signer;
  }

  /** A decoded copy of its own for each who asks. */
  decode(): Sigstruct {
    return decodeSigstruct(this.bytes);
  }

  get sha256(): string {
    this.#sha256 ??= createHash("sha256").update(this.bytes).digest("hex");
    return this.#sha256;
  }

  get mrenclave(): string {
    this.#mrenclave ??= hex(this.bytes.subarray(ENCLAVEHASH, ENCLAVEHASH + 32));
    return this.#mrenclave;
  }

  get signature(): "valid" | "invalid" {
    if (this.#signature === undefined) {
      const { signature_valid, q1_valid, q2_valid } = verifySignature(this.bytes);
      this.#signature = signature_valid && q1_valid && q2_valid ? "valid" : "invalid";
    }
    return this.#signature;
  }

  /** Whether there is certainly nothing to find in the structure itself: see `isPlain`. */
  get plain(): boolean {
    this.#plain ??= isPlain(this.words);
    return this.#plain;
  }
}

export class Recent {
  readonly #sigstructs: (SeenSigstruct | undefined)[] = new Array(SIGSTRUCTS).fill(undefined);
  readonly #signers: (SeenSigner | undefined)[] = new Array(SIGNERS).fill(undefined);
  #slab = new ArrayBuffer(0);
  #used = SLAB_SIGSTRUCTS;

  /**
   * Takes over 1808 bytes: a private copy, or the one that was made of equal bytes before. Whether they are 1808 is for the
   * caller to have checked. Bytes that change meanwhile make no difference: what is returned is private, whole, and what
   * the decision will name.
   */
  see(given: Uint8Array): SeenSigstruct {
    // Any mixture does: it only chooses the table's entry, and equality of all bytes decides.
    const slot = mixture(given);
    const there = this.#sigstructs[slot];
    if (there !== undefined && compare(there.bytes, given) === 0) return there;
    const fresh = this.#keep(given);
    this.#sigstructs[slot] = fresh;
    return fresh;
  }

  #keep(given: Uint8Array): SeenSigstruct {
    if (this.#used === SLAB_SIGSTRUCTS) {
      this.#slab = new ArrayBuffer(SLAB_SIGSTRUCTS * SIGSTRUCT_SIZE);
      this.#used = 0;
    }
    const offset = this.#used * SIGSTRUCT_SIZE;
    this.#used += 1;
    const bytes = new Uint8Array(this.#slab, offset, SIGSTRUCT_SIZE);
    bytes.set(given);
    return new SeenSigstruct(bytes, new Uint32Array(this.#slab, offset, WORDS), this.#signerOf(bytes));
  }

  #signerOf(sigstruct: Uint8Array): SeenSigner {
    const modulus = sigstruct.subarray(MODULUS, MODULUS + MODULUS_SIZE);
    const slot = (modulus[1] as number) ^ (modulus[100] as number) ^ (modulus[200] as number);
    const there = this.#signers[slot];
    if (there !== undefined && compare(there.modulus, modulus) === 0) return there;
    const own = modulus.slice();
    const mrsigner = mrsignerOf(own);
    const fresh: SeenSigner = Object.freeze({ modulus: own, mrsigner, known: knownSigner(mrsigner) });
    this.#signers[slot] = fresh;
    return fresh;
  }
}

/** From bytes of ENCLAVEHASH, of the signature and of the ids. */
function mixture(bytes: Uint8Array): number {
  const at = (index: number): number => bytes[index] as number;
  const low = at(ENCLAVEHASH) ^ at(520) ^ at(1026);
  const high = at(ENCLAVEHASH + 1) ^ at(521) ^ at(1024);
  return ((high << 8) | low) & (SIGSTRUCTS - 1);
}

const HEADER = wordsOf(SIGSTRUCT_HEADER);
const HEADER2 = wordsOf(SIGSTRUCT_HEADER2);

function wordsOf(text: string): readonly number[] {
  return [...new Uint32Array(new Uint8Array(Buffer.from(text, "hex")).buffer)];
}

/**
 * Whether a SIGSTRUCT is of the plain kind about which there is nothing to say: form as the SDM prescribes, no KSS ids, no
 * CET, a DATE that is a day in BCD, no demand for INIT nor for XFRM without x87 and SSE. Where this is true,
 * `sigstructFindings` finds nothing; where it is false, that has to be asked.
 */
export function isPlain(words: Uint32Array): boolean {
  const at = (index: number): number => words[index] as number;
  for (let i = 0; i < 4; i += 1) if (at(i) !== HEADER[i] || at(6 + i) !== HEADER2[i]) return false;
  if (at(4) !== 0 && at(4) !== 0x8086) return false;
  if (at(WORD.exponent) !== 3) return false;
  if (!zero(words, 11, 32) || !zero(words, WORD.cet, 232) || !zero(words, 248, 256) || !zero(words, 257, 260))
    return false;
  const demandedInit = at(WORD.attributes) & at(WORD.attributemask) & 1;
  const refusedLegacy = ~at(WORD.attributes + 2) & at(WORD.attributemask + 2) & 3;
  return demandedInit === 0 && refusedLegacy === 0 && isDay(at(WORD.date));
}

function zero(words: Uint32Array, from: number, to: number): boolean {
  let any = 0;
  for (let i = from; i < to; i += 1) any |= words[i] as number;
  return any === 0;
}

/** A day that every month of every year has, in BCD; the other days are for the calendar to tell. */
function isDay(date: number): boolean {
  // A digit is above 9 where its bit 3 is set, and bit 2 or bit 1.
  const digitsAbove9 = date & (((date & 0x44444444) << 1) | ((date & 0x22222222) << 2)) & 0x88888888;
  if (digitsAbove9 !== 0) return false;
  const year = date >>> 16;
  const month = (date >>> 8) & 0xff;
  const day = date & 0xff;
  return year >= 0x1970 && month >= 0x01 && month <= 0x12 && day >= 0x01 && day <= 0x28;
}
