/** Fortanix's SGXS streams: what they measure, in the plain and in the enhanced form. */

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { findStructures } from "../../../engine/sgx/carriers.js";
import { counting, sgxsPage, sgxsRecord } from "../../support/carriers.js";

const ZEROS = new Uint8Array(4096);
const COUNTING = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);
const ECREATE = sgxsRecord("ECREATE", [8, 1], [12, 0x4000]);

/** The pages of the known-answer vector: code, data and a TCS, and one that is added and not measured. */
const PAGES = [
  sgxsPage(0, 0x203, ZEROS),
  sgxsPage(0x1000, 0x205, COUNTING),
  sgxsPage(0x2000, 0x100, ZEROS),
  sgxsPage(0x3000, 0x203, null),
];
const STREAM = Buffer.concat([ECREATE, ...PAGES]);
const MRENCLAVE = "fb17ed2d106d28a644924f20fb597afa3b4cdddbca595a31fc7c578d8fe80690";

const whole = {
  kind: "sgxs",
  offset: 0,
  mrenclave: MRENCLAVE,
  size: 0x4000n,
  ssaframesize: 1,
  pages: 4,
  measuredBytes: 3 * 4096,
  unmeasuredBytes: 0,
  canonical: true,
};

test("a stream is measured as the CPU would measure its loading", () => {
  expect(findStructures(STREAM)).toEqual({ carrier: "SGXS stream", structures: [whole], problem: null });
});

test("UNMEASRD records load and are not measured: the enhanced form has the MRENCLAVE of the plain one", () => {
  const enhanced = Buffer.concat([ECREATE, ...PAGES.slice(0, 3), sgxsPage(0x3000, 0x203, COUNTING, "UNMEASRD")]);
  expect(findStructures(enhanced)).toEqual({
    carrier: "SGXS stream",
    structures: [{ ...whole, unmeasuredBytes: 4096 }],
    problem: null,
  });
});

test("UNMEASRD between measured chunks leaves only itself out", () => {
  const chunk = (tag: string, offset: number) =>
    Buffer.concat([sgxsRecord(tag, [8, offset]), COUNTING.subarray(0, 256)]);
  const before = Buffer.concat([ECREATE, sgxsRecord("EADD", [16, 0x203]), chunk("EEXTEND", 0)]);
  const after = chunk("EEXTEND", 512);
  const { structures } = findStructures(Buffer.concat([before, chunk("UNMEASRD", 256), after]));
  expect(structures).toEqual([
    {
      ...whole,
      mrenclave: createHash("sha256").update(before).update(after).digest("hex"),
      pages: 1,
      measuredBytes: 512,
      unmeasuredBytes: 256,
    },
  ]);
});

describe("the order that Fortanix's tools keep is told from others, which measure all the same", () => {
  const chunk = (offset: number) => Buffer.concat([sgxsRecord("EEXTEND", [8, offset]), ZEROS.subarray(0, 256)]);
  test.each([
    ["pages that descend", [PAGES[1], PAGES[0]], false],
    ["a page twice", [PAGES[1], PAGES[1]], false],
    ["a chunk twice", [sgxsPage(0, 0x203, null), chunk(256), chunk(256)], false],
    ["a chunk of another page", [sgxsPage(0, 0x203, null), chunk(0x1000)], false],
    ["a chunk before its page", [chunk(0)], false],
    ["chunks of one page in any order", [sgxsPage(0, 0x203, null), chunk(512), chunk(0)], true],
    ["pages beyond 4 GiB", [sgxsRecord("EADD", [8, 0x1000], [12, 7], [16, 0x203])], true],
  ] as const)("%s", (_, parts, canonical) => {
    const bytes = Buffer.concat([ECREATE, ...parts.map((part) => part ?? Buffer.alloc(0))]);
    expect(findStructures(bytes).structures).toMatchObject([
      { canonical, mrenclave: createHash("sha256").update(bytes).digest("hex") },
    ]);
  });
});

describe("what is no stream that can be measured is a problem that is named", () => {
  const unsized = sgxsRecord("UNSIZED", [8, 1], [12, 0x1000]);
  const EADD = sgxsRecord("EADD", [16, 0x203]);
  test.each([
    ["one whose size is open", Buffer.concat([unsized, ...PAGES]), /is UNSIZED: .* it has no MRENCLAVE/],
    ["half a record", STREAM.subarray(0, 40), /has 40 bytes left at 0, expected 64/],
    ["one cut inside a record", STREAM.subarray(0, 64 + 32), /has 32 bytes left at 64, expected 64/],
    ["one cut inside a chunk", STREAM.subarray(0, 64 + 64 + 64 + 255), /has 255 bytes left at 192, expected 256/],
    ["one with a byte left over", Buffer.concat([STREAM, Buffer.alloc(1)]), /has 1 bytes left at 15680/],
    ["one with zeros after it", Buffer.concat([STREAM, Buffer.alloc(64)]), /the record at 15680 is of no known kind/],
    [
      "ECREATE twice",
      Buffer.concat([ECREATE, ECREATE]),
      /the record at 64 is ECREATE, expected ECREATE first and once/,
    ],
    ["UNSIZED behind ECREATE", Buffer.concat([ECREATE, unsized]), /the record at 64 is UNSIZED/],
    ["a record that goes on", Buffer.concat([ECREATE, EADD.with(63, 1)]), /EADD record at 64 does not end in zeros/],
    ["part of a page", Buffer.concat([ECREATE, sgxsRecord("EADD", [8, 0x800])]), /EADD at 64 is not of a whole page/],
    [
      "part of a chunk",
      Buffer.concat([ECREATE, EADD, sgxsRecord("EEXTEND", [8, 128]), Buffer.alloc(256)]),
      /the chunk at 128 is not of 256 whole bytes/,
    ],
  ])("%s", (_, bytes, problem) => {
    expect(findStructures(bytes)).toEqual({
      carrier: "SGXS stream",
      structures: [],
      problem: expect.stringMatching(problem),
    });
  });

  test("one longer than 4 GiB, of which nothing but the head is read", () => {
    const asked: number[] = [];
    const read = (offset: number, length: number) => {
      asked.push(length);
      return new Uint8Array(STREAM.subarray(offset, offset + length));
    };
    expect(findStructures({ sizeBytes: 2 ** 32 + 64, read }).problem).toMatch(/expected at most 4294967296/);
    expect(asked).toEqual([64]);
  });
});

test("a long stream is read once, 256 KiB at a time, wherever its records lie in them", () => {
  const pages = Array.from({ length: 600 }, (_, index) =>
    sgxsPage(index * 4096, 0x203, index % 3 === 0 ? null : COUNTING, index % 7 === 0 ? "UNMEASRD" : "EEXTEND"),
  );
  const bytes = Buffer.concat([ECREATE, ...pages]);
  const measured = [ECREATE, ...pages.map((page, index) => (index % 7 === 0 ? page.subarray(0, 64) : page))];
  const source = counting(bytes);
  expect(findStructures(source).structures).toMatchObject([
    { mrenclave: createHash("sha256").update(Buffer.concat(measured)).digest("hex"), pages: 600, canonical: true },
  ]);
  expect(bytes.length).toBeGreaterThan(2_000_000);
  expect(source.asked.largest).toBe(262_144);
  expect(source.asked.bytes).toBeLessThan(bytes.length + 320 * source.asked.reads);
});
