import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError } from "../../../engine/errors.js";
import {
  ALL_BITS,
  ATTRIBUTE_BITS,
  ATTRIBUTE_FLAGS,
  type AttributeBit,
  attributeBits,
  boundedBits,
  CET_ATTRIBUTE_BITS,
  cetBits,
  describeBits,
  hex8,
  hex32,
  hex64,
  knownBits,
  MISCSELECT_BITS,
  miscselectBits,
  parseHex64,
  RESERVED_FLAGS,
  RESERVED_XFRM,
  XFRM_FEATURES,
} from "../../../engine/sgx/attributes.js";

const NAMES = Object.keys(ATTRIBUTE_BITS) as AttributeBit[];
const u64 = fc.bigInt({ min: 0n, max: ALL_BITS });
const attributes = fc.record({ flags: u64, xfrm: u64 });

describe("the tables", () => {
  test("give each FLAGS bit the SDM's mask", () => {
    expect(ATTRIBUTE_BITS.init).toEqual({ word: "flags", mask: 0x1n });
    expect(ATTRIBUTE_BITS.debug).toEqual({ word: "flags", mask: 0x2n });
    expect(ATTRIBUTE_BITS.mode64bit).toEqual({ word: "flags", mask: 0x4n });
    expect(ATTRIBUTE_BITS.provisionkey).toEqual({ word: "flags", mask: 0x10n });
    expect(ATTRIBUTE_BITS.einittokenkey).toEqual({ word: "flags", mask: 0x20n });
    expect(ATTRIBUTE_BITS.cet).toEqual({ word: "flags", mask: 0x40n });
    expect(ATTRIBUTE_BITS.kss).toEqual({ word: "flags", mask: 0x80n });
    expect(ATTRIBUTE_BITS.aexnotify).toEqual({ word: "flags", mask: 0x400n });
    expect(RESERVED_FLAGS).toBe(0xffff_ffff_ffff_fb08n);
  });

  test("give the XFRM features XCR0's masks", () => {
    const mask = (...bits: AttributeBit[]) => bits.reduce((all, bit) => all | ATTRIBUTE_BITS[bit].mask, 0n);
    expect(mask("x87", "sse")).toBe(0x3n);
    expect(mask("avx")).toBe(0x4n);
    expect(mask("bndregs", "bndcsr")).toBe(0x18n);
    expect(mask("opmask", "zmm_hi256", "hi16_zmm")).toBe(0xe0n);
    expect(mask("pkru")).toBe(0x200n);
    expect(mask("xtilecfg", "xtiledata")).toBe(0x6_0000n);
    expect(RESERVED_XFRM).toBe(ALL_BITS & ~0x6_02ffn);
  });

  test("name every bit once across both words", () => {
    expect(NAMES.toSorted()).toEqual([...Object.keys(ATTRIBUTE_FLAGS), ...Object.keys(XFRM_FEATURES)].toSorted());
    expect(new Set(NAMES.map((name) => `${ATTRIBUTE_BITS[name].word} ${ATTRIBUTE_BITS[name].mask}`)).size).toBe(19);
  });
});

test.each(NAMES)("%s alone is on where only its bit is set", (name) => {
  const { word, mask } = ATTRIBUTE_BITS[name];
  const only = { flags: 0n, xfrm: 0n, [word]: mask };
  const on = Object.entries(attributeBits(only)).filter(([, set]) => set);
  expect(on).toEqual([[name, true]]);
  expect(describeBits(only)).toBe(name);
});

test("a bit is on or off where it is known, and unknown everywhere else", () => {
  fc.assert(
    fc.property(attributes, attributes, (value, known) => {
      const bits = knownBits(value, known);
      expect(Object.keys(bits)).toEqual(NAMES);
      for (const name of NAMES) {
        const covered = attributeBits(known)[name];
        expect(bits[name]).toBe(covered ? (attributeBits(value)[name] ? "on" : "off") : "unknown");
      }
    }),
  );
});

test("a bit that is neither known nor allowed is off; known beats allowed", () => {
  fc.assert(
    fc.property(attributes, attributes, attributes, (value, known, allowed) => {
      const bits = boundedBits(value, known, allowed);
      const unbounded = knownBits(value, known);
      for (const name of NAMES) {
        const expected = unbounded[name] === "unknown" && !attributeBits(allowed)[name] ? "off" : unbounded[name];
        expect(bits[name]).toBe(expected);
      }
      expect(boundedBits(value, known, null)).toEqual(unbounded);
    }),
  );
});

test("MISCSELECT and CET_ATTRIBUTES bits are read by position", () => {
  expect(MISCSELECT_BITS).toEqual({ exinfo: 0, cpinfo: 1 });
  expect(miscselectBits(0b01)).toEqual({ exinfo: true, cpinfo: false });
  expect(miscselectBits(0xffff_fffe)).toEqual({ exinfo: false, cpinfo: true });
  Object.entries(CET_ATTRIBUTE_BITS).forEach(([name, bit]) => {
    const on = Object.entries(cetBits(1 << bit)).filter(([, set]) => set);
    expect(on).toEqual([[name, true]]);
  });
  expect(Object.values(CET_ATTRIBUTE_BITS)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("bits without a name are described as a mask of their word", () => {
  expect(describeBits({ flags: 0x8000_0000_0000_0002n, xfrm: 0x100n })).toBe(
    "debug, flags 0x8000000000000000, xfrm 0x0000000000000100",
  );
  expect(describeBits({ flags: 0n, xfrm: 0n })).toBe("");
});

describe("hex text", () => {
  test("has a fixed number of lower-case digits", () => {
    expect(hex64(0n)).toBe("0x0000000000000000");
    expect(hex64(0xff00_ffff_ffff_fffdn)).toBe("0xff00fffffffffffd");
    expect(hex32(0xabcdef)).toBe("0x00abcdef");
    expect(hex8(0xa)).toBe("0x0a");
  });

  test("is read back as the same value", () => {
    fc.assert(fc.property(u64, (value) => parseHex64(hex64(value)) === value));
    expect(parseHex64("0x5")).toBe(5n);
  });

  const refused = ["", "0x", "5", "0X5", "0xA", "0x00000000000000000", "0x5 ", "0x5\n", "-0x5", "0x-5", "0x5n"];
  test.each(refused)("refuses %j", (text) => {
    expect(() => parseHex64(text)).toThrow(expect.objectContaining({ name: "DecodeError", code: "encoding" }));
  });

  const misfits: readonly (readonly [string, () => string])[] = [
    ["hex64 of 2^64", () => hex64(2n ** 64n)],
    ["hex64 of -1", () => hex64(-1n)],
    ["hex32 of 2^32", () => hex32(2 ** 32)],
    ["hex32 of -1", () => hex32(-1)],
    ["hex8 of 256", () => hex8(256)],
    ["hex8 of a fraction", () => hex8(0.5)],
  ];
  test.each(misfits)("refuses %s", (_, act) => {
    expect(act).toThrow(DecodeError);
    expect(act).toThrow(expect.objectContaining({ code: "field" }));
  });
});
