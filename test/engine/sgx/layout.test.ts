import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecodeError } from "../../../engine/errors.js";
import { EINITTOKEN_LAYOUT } from "../../../engine/sgx/einittoken.js";
import { type Decoded, decode, encode, FIXED_SIZES, type Layout } from "../../../engine/sgx/layout.js";
import { SECS_LAYOUT } from "../../../engine/sgx/secs.js";
import { SIGSTRUCT_LAYOUT } from "../../../engine/sgx/sigstruct.js";

const LAYOUTS: readonly (readonly [string, Layout, number])[] = [
  ["SIGSTRUCT", SIGSTRUCT_LAYOUT, 1808],
  ["EINITTOKEN", EINITTOKEN_LAYOUT, 304],
  ["SECS", SECS_LAYOUT, 4096],
];

/** A layout with one row of each type. */
const SAMPLE = {
  structure: "SAMPLE",
  size: 34,
  rows: [
    { name: "a", offset: 0, size: 1, type: "u8" },
    { name: "b", offset: 1, size: 2, type: "u16" },
    { name: "c", offset: 3, size: 4, type: "u32" },
    { name: "d", offset: 7, size: 8, type: "u64" },
    { name: "e", offset: 15, size: 3, type: "bytes" },
    { name: "f", offset: 18, size: 16, type: "attributes" },
  ],
} as const satisfies Layout;

const COUNTING = Uint8Array.from({ length: 34 }, (_, index) => index + 1);

function codeOf(act: () => unknown): readonly [string, string] {
  try {
    act();
  } catch (error) {
    if (error instanceof DecodeError) return [error.code, error.message];
    throw error;
  }
  return ["nothing", "was thrown"];
}

describe.each(LAYOUTS)("the layout of %s", (structure, layout, size) => {
  test("tiles the structure without gap or overlap", () => {
    let end = 0;
    for (const row of layout.rows) {
      expect([row.name, row.offset]).toEqual([row.name, end]);
      end = row.offset + row.size;
    }
    expect([layout.structure, layout.size, end]).toEqual([structure, size, size]);
  });

  test("names each field once, in lower case", () => {
    const names = layout.rows.map((row) => row.name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
  });

  test("gives each type its size", () => {
    for (const row of layout.rows) {
      if (row.type !== "bytes") expect([row.name, row.size]).toEqual([row.name, FIXED_SIZES[row.type]]);
    }
  });

  test("decodes any bytes of its size, and encodes them back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (bytes) => {
        const record = decode(layout, bytes);
        expect(Object.keys(record)).toEqual(layout.rows.map((row) => row.name));
        expect(encode(layout, record)).toEqual(new Uint8Array(bytes));
      }),
      { numRuns: 50 },
    );
  });

  test("refuses any other length, by name and number", () => {
    fc.assert(
      fc.property(fc.nat({ max: size + 50 }), (length) => {
        fc.pre(length !== size);
        expect(codeOf(() => decode(layout, new Uint8Array(length)))).toEqual([
          "length",
          `${structure} is ${length} bytes, expected ${size}`,
        ]);
      }),
    );
    for (const length of [0, size - 1, size + 1])
      expect(codeOf(() => decode(layout, new Uint8Array(length)))[0]).toBe("length");
  });
});

test("integers are little-endian, FLAGS lies before XFRM", () => {
  expect(decode(SAMPLE, COUNTING)).toEqual({
    a: 0x01,
    b: 0x0302,
    c: 0x07060504,
    d: 0x0f0e0d0c0b0a0908n,
    e: Uint8Array.of(16, 17, 18),
    f: { flags: 0x1a19181716151413n, xfrm: 0x2221201f1e1d1c1bn },
  });
});

test("all ones decode to the greatest unsigned value of each type", () => {
  const max = 0xffff_ffff_ffff_ffffn;
  expect(decode(SAMPLE, new Uint8Array(34).fill(0xff))).toEqual({
    a: 0xff,
    b: 0xffff,
    c: 0xffff_ffff,
    d: max,
    e: Uint8Array.of(255, 255, 255),
    f: { flags: max, xfrm: max },
  });
});

test("the record is frozen, and so are its attributes", () => {
  const record = decode(SAMPLE, COUNTING);
  expect(Object.isFrozen(record)).toBe(true);
  expect(Object.isFrozen(record.f)).toBe(true);
});

const VIEWS: readonly (readonly [string, () => Uint8Array])[] = [
  ["a plain array", () => new Uint8Array(34)],
  ["a view into the middle of a larger buffer", () => new Uint8Array(100).subarray(33, 67)],
  ["a pooled Buffer", () => Buffer.from(COUNTING)],
  ["a slice of a Buffer", () => Buffer.alloc(80).subarray(11, 45)],
  ["a view of shared memory", () => new Uint8Array(new SharedArrayBuffer(64), 7, 34)],
];

test.each(VIEWS)("%s can change after decoding without changing the record", (_, make) => {
  const source = make();
  source.set(COUNTING);
  const record = decode(SAMPLE, source);
  source.fill(0xee);
  expect(record).toEqual(decode(SAMPLE, COUNTING));
});

test("decoding and encoding write to nothing they were given", () => {
  const source = new Uint8Array(COUNTING);
  const record = decode(SAMPLE, source);
  const bytes = encode(SAMPLE, record);
  bytes.fill(0);
  expect(source).toEqual(COUNTING);
  expect(record).toEqual(decode(SAMPLE, COUNTING));
});

const MISFITS: readonly (readonly [string, unknown, string])[] = [
  ["a", 256, "SAMPLE.a is 256, expected an integer from 0 to 255"],
  ["a", -1, "SAMPLE.a is -1, expected an integer from 0 to 255"],
  ["a", 1.5, "SAMPLE.a is 1.5, expected an integer from 0 to 255"],
  ["a", Number.NaN, "SAMPLE.a is NaN, expected an integer from 0 to 255"],
  ["a", 1n, "SAMPLE.a is 1, expected an integer from 0 to 255"],
  ["b", 0x10000, "SAMPLE.b is 65536, expected an integer from 0 to 65535"],
  ["c", 2 ** 32, "SAMPLE.c is 4294967296, expected an integer from 0 to 4294967295"],
  ["d", 2n ** 64n, "SAMPLE.d is 18446744073709551616, expected a bigint of at most 64 bits"],
  ["d", -1n, "SAMPLE.d is -1, expected a bigint of at most 64 bits"],
  ["d", 7, "SAMPLE.d is 7, expected a bigint of at most 64 bits"],
  ["e", new Uint8Array(2), "SAMPLE.e is 2 bytes, expected 3"],
  ["e", new Uint8Array(4), "SAMPLE.e is 4 bytes, expected 3"],
  ["e", [1, 2, 3], "SAMPLE.e is a value of type object, expected 3 bytes"],
  ["f", { flags: 2n ** 64n, xfrm: 0n }, "SAMPLE.f.flags is 18446744073709551616, expected a bigint of at most 64 bits"],
  ["f", { flags: 0n, xfrm: -1n }, "SAMPLE.f.xfrm is -1, expected a bigint of at most 64 bits"],
  ["f", null, "SAMPLE.f.flags is a value of type undefined, expected a bigint of at most 64 bits"],
  ["c", undefined, "SAMPLE.c is a value of type undefined, expected an integer from 0 to 4294967295"],
];

test.each(MISFITS)("field %s refuses %s by its path", (field, value, message) => {
  const record = { ...decode(SAMPLE, COUNTING), [field]: value } as Decoded<typeof SAMPLE>;
  expect(codeOf(() => encode(SAMPLE, record))).toEqual(["field", message]);
});
