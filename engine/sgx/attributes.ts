/**
 * The bits of ATTRIBUTES, XFRM, MISCSELECT and CET_ATTRIBUTES by name, and the text form of 64-bit values.
 * Truth: Intel SDM vol. 3D, "SECS.ATTRIBUTES", "SECS.MISCSELECT" and "SECS.CET_ATTRIBUTES Field"; XFRM has the
 * format of XCR0 (vol. 1, "Enabling the XSAVE Feature Set").
 */

import { DecodeError } from "../errors.js";

/** ATTRIBUTES as the SDM lays it out: FLAGS in the low eight bytes, XFRM in the high eight. */
export type Attributes = { readonly flags: bigint; readonly xfrm: bigint };

/** Named bits of ATTRIBUTES.FLAGS, by position. */
export const ATTRIBUTE_FLAGS = {
  init: 0,
  debug: 1,
  mode64bit: 2,
  provisionkey: 4,
  einittokenkey: 5,
  cet: 6,
  kss: 7,
  aexnotify: 10,
} as const;

/** Named bits of ATTRIBUTES.XFRM, by position: the user-state components of XCR0. */
export const XFRM_FEATURES = {
  x87: 0,
  sse: 1,
  avx: 2,
  bndregs: 3,
  bndcsr: 4,
  opmask: 5,
  zmm_hi256: 6,
  hi16_zmm: 7,
  pkru: 9,
  xtilecfg: 17,
  xtiledata: 18,
} as const;

/** Named bits of MISCSELECT, by position. */
export const MISCSELECT_BITS = { exinfo: 0, cpinfo: 1 } as const;

/**
 * Named bits of CET_ATTRIBUTES, by position, as in the low byte of IA32_U_CET. That the SDM gives the byte the MSR's
 * format is verified; that each single bit bears the MSR's name is read from that, not stated there.
 */
export const CET_ATTRIBUTE_BITS = {
  sh_stk_en: 0,
  wr_shstk_en: 1,
  endbr_en: 2,
  leg_iw_en: 3,
  no_track_en: 4,
  suppress_dis: 5,
} as const;

export type AttributeBit = keyof typeof ATTRIBUTE_FLAGS | keyof typeof XFRM_FEATURES;
export type MiscselectBit = keyof typeof MISCSELECT_BITS;
export type CetAttributeBit = keyof typeof CET_ATTRIBUTE_BITS;
export type Tristate = "on" | "off" | "unknown";

type BitPlace = { readonly word: "flags" | "xfrm"; readonly mask: bigint };

/** Every named bit of ATTRIBUTES: the word it stands in, and its mask there. */
export const ATTRIBUTE_BITS = Object.freeze(
  Object.fromEntries([...places("flags", ATTRIBUTE_FLAGS), ...places("xfrm", XFRM_FEATURES)]),
) as Readonly<Record<AttributeBit, BitPlace>>;

const BIT_ROWS = Object.entries(ATTRIBUTE_BITS) as readonly (readonly [AttributeBit, BitPlace])[];

/** All 64 bits. */
export const ALL_BITS = 0xffff_ffff_ffff_ffffn;

/** Bits of FLAGS that have no name here. A later CPU may give them one, so being set is no error by itself. */
export const RESERVED_FLAGS = ALL_BITS & ~maskOf(ATTRIBUTE_FLAGS);

/** Bits of XFRM that have no name here: undefined, or supervisor components, which XCR0 does not hold. */
export const RESERVED_XFRM = ALL_BITS & ~maskOf(XFRM_FEATURES);

/** Every named bit of ATTRIBUTES as a boolean. */
export function attributeBits(attributes: Attributes): Readonly<Record<AttributeBit, boolean>> {
  return record(BIT_ROWS, ({ word, mask }) => (attributes[word] & mask) !== 0n);
}

/** Every named bit that `known` covers as `on` or `off`, all others `unknown`. */
export function knownBits(attributes: Attributes, known: Attributes): Readonly<Record<AttributeBit, Tristate>> {
  return boundedBits(attributes, known, null);
}

/**
 * As `knownBits`, but a bit that is not known and that the platform cannot grant (not in `allowed`) is `off`.
 * `allowed` null means that nothing bounds the unknown bits.
 */
export function boundedBits(
  attributes: Attributes,
  known: Attributes,
  allowed: Attributes | null,
): Readonly<Record<AttributeBit, Tristate>> {
  return record(BIT_ROWS, ({ word, mask }) => {
    if ((known[word] & mask) !== 0n) return (attributes[word] & mask) !== 0n ? "on" : "off";
    return allowed !== null && (allowed[word] & mask) === 0n ? "off" : "unknown";
  });
}

const MISCSELECT_ROWS = Object.entries(MISCSELECT_BITS) as readonly (readonly [MiscselectBit, number])[];
const CET_ROWS = Object.entries(CET_ATTRIBUTE_BITS) as readonly (readonly [CetAttributeBit, number])[];

/** Every named bit of MISCSELECT as a boolean. */
export function miscselectBits(miscselect: number): Readonly<Record<MiscselectBit, boolean>> {
  return record(MISCSELECT_ROWS, (bit) => ((miscselect >>> bit) & 1) === 1);
}

/** Every named bit of CET_ATTRIBUTES as a boolean. */
export function cetBits(cetAttributes: number): Readonly<Record<CetAttributeBit, boolean>> {
  return record(CET_ROWS, (bit) => ((cetAttributes >>> bit) & 1) === 1);
}

/** The set bits in words for a message: named bits by name, the others of each word as one mask. */
export function describeBits(attributes: Attributes): string {
  const words = BIT_ROWS.filter(([, { word, mask }]) => (attributes[word] & mask) !== 0n).map(
    ([name]) => name as string,
  );
  const flags = attributes.flags & RESERVED_FLAGS;
  const xfrm = attributes.xfrm & RESERVED_XFRM;
  if (flags !== 0n) words.push(`flags ${hex64(flags)}`);
  if (xfrm !== 0n) words.push(`xfrm ${hex64(xfrm)}`);
  return words.join(", ");
}

/** A 64-bit value as `0x` and 16 lower-case digits. @throws DecodeError `field` where it is not 0 to 2^64-1 */
export function hex64(value: bigint): string {
  if (value < 0n || value > ALL_BITS) throw new DecodeError("field", `${value} does not fit 64 bits`);
  return `0x${value.toString(16).padStart(16, "0")}`;
}

/** A 32-bit value as `0x` and 8 lower-case digits. @throws DecodeError `field` where it is not 0 to 2^32-1 */
export function hex32(value: number): string {
  return hexOf(value, 8);
}

/** An 8-bit value as `0x` and 2 lower-case digits. @throws DecodeError `field` where it is not 0 to 255 */
export function hex8(value: number): string {
  return hexOf(value, 2);
}

/** Reads `0x` and 1 to 16 lower-case hex digits. @throws DecodeError `encoding` on any other text */
export function parseHex64(text: string): bigint {
  if (!/^0x[0-9a-f]{1,16}$/.test(text)) {
    throw new DecodeError("encoding", `${JSON.stringify(text)} is no 64-bit value, expected 0x and 1 to 16 hex digits`);
  }
  return BigInt(text);
}

function hexOf(value: number, digits: number): string {
  if (!Number.isInteger(value) || value < 0 || value >= 16 ** digits) {
    throw new DecodeError("field", `${value} does not fit ${digits * 4} bits`);
  }
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

function places(word: BitPlace["word"], table: Readonly<Record<string, number>>): [string, BitPlace][] {
  return Object.entries(table).map(([name, bit]) => [name, Object.freeze({ word, mask: 1n << BigInt(bit) })]);
}

function maskOf(table: Readonly<Record<string, number>>): bigint {
  return Object.values(table).reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);
}

function record<Name extends string, From, To>(
  rows: readonly (readonly [Name, From])[],
  value: (from: From) => To,
): Readonly<Record<Name, To>> {
  const out: Partial<Record<Name, To>> = {};
  for (const [name, from] of rows) out[name] = value(from);
  return Object.freeze(out) as Readonly<Record<Name, To>>;
}
