/**
 * Carriers are other people's files: whatever they hold, there is an answer, it is bounded, and it is either sound or a
 * sentence that says why not.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Carried } from "../../../engine/sgx/carriers/carried.js";
import { findStructures } from "../../../engine/sgx/carriers.js";
import {
  counting,
  elf,
  genData,
  OE_LAYOUTS,
  oeInfo,
  oldWindowsBlock,
  pe,
  sdkBlock,
  sdkNote,
  sgxsPage,
  sgxsRecord,
} from "../../support/carriers.js";
import { makeSigstruct, makeToken } from "../../support/sigstructs.js";

const SIGSTRUCT = makeSigstruct();
const OTHER = makeSigstruct({ isvsvn: 9 });
const CODE = { name: ".text", content: new Uint8Array(700).fill(0x90) };

const note = sdkNote([sdkBlock(SIGSTRUCT), sdkBlock(OTHER, 200)], 0x1200);
const SEEDS: Readonly<Record<string, Uint8Array>> = {
  sigstruct: SIGSTRUCT,
  token: makeToken(),
  material: genData(SIGSTRUCT),
  hex: Buffer.from(Buffer.from(SIGSTRUCT).toString("hex")),
  base64: Buffer.from(Buffer.from(SIGSTRUCT).toString("base64")),
  sdk64: elf(64, [CODE, { name: ".note.sgxmeta", content: note }]).bytes,
  sdk32: elf(32, [CODE, { name: ".note.sgxmeta", content: note }]).bytes,
  oe64: elf(64, [CODE, { name: ".oeinfo", content: oeInfo(SIGSTRUCT) }]).bytes,
  both: elf(64, [
    { name: ".oeinfo", content: oeInfo(OTHER, OE_LAYOUTS[1]) },
    { name: ".note.sgxmeta", content: note },
  ]).bytes,
  pe64: pe(64, [CODE, { name: "sgxmeta", content: Buffer.concat([sdkBlock(SIGSTRUCT), sdkBlock(OTHER)]) }]).bytes,
  pe32: pe(32, [CODE, { name: "sgxmeta", content: oldWindowsBlock(SIGSTRUCT) }]).bytes,
  sgxs: Buffer.concat([
    sgxsRecord("ECREATE", [8, 1], [12, 0x4000]),
    sgxsPage(0, 0x203, new Uint8Array(4096)),
    sgxsPage(0x1000, 0x203, new Uint8Array(4096).fill(7), "UNMEASRD"),
  ]),
};

const SIZES = { sigstruct: 1808, einittoken: 304, secs: 4096, signing_material: 256 } as const;

/** What any answer must be, for any bytes. */
function holds(bytes: Uint8Array): Carried {
  const source = counting(bytes);
  const carried = findStructures(source);
  const { carrier, structures, problem } = carried;
  const faults: string[] = [];
  if ((problem === null) !== structures.length > 0) faults.push("neither found nor said why not, or both");
  if (problem === "") faults.push("a problem that says nothing");
  let before = -1;
  for (const structure of structures) {
    if (structure.offset <= before) faults.push("not by offset");
    before = structure.offset;
    if (structure.kind === "sgxs") continue;
    const size = SIZES[structure.kind];
    const there = bytes.subarray(structure.offset, structure.offset + size);
    const copied = Buffer.compare(structure.bytes, there) === 0;
    if (structure.bytes.length !== size) faults.push("not of its size");
    if (carrier?.endsWith(" as text") === true ? structure.offset !== 0 : !copied) faults.push("not what lies there");
  }
  const bound = carrier === "SGXS stream" ? bytes.length + 64 + 320 : 2 * 1024 * 1024;
  if (source.asked.bytes > bound || source.asked.reads >= 60) faults.push("more is read than is said");
  if (findStructures(bytes).problem !== problem) faults.push("another answer for bytes than for a source");
  expect(faults).toEqual([]);
  return carried;
}

const RUNS = { numRuns: 400 };

describe("there is a bounded answer", () => {
  test("to any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => void holds(bytes)),
      RUNS,
    );
  });

  test("to any text", () => {
    const text = fc.oneof(fc.string({ unit: "binary", maxLength: 4000 }), fc.base64String({ maxLength: 4000 }));
    fc.assert(
      fc.property(text, (one) => void holds(Buffer.from(one, "latin1"))),
      RUNS,
    );
  });

  test("to any bytes behind the first bytes of every form", () => {
    const heads = Object.values(SEEDS).map((seed) => seed.subarray(0, 64));
    fc.assert(
      fc.property(
        fc.constantFrom(...heads),
        fc.uint8Array({ maxLength: 5000 }),
        (head, rest) => void holds(Buffer.concat([head, rest])),
      ),
      RUNS,
    );
  });
});

const extremes = fc.constantFrom(
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1f_ffff_ffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
);

type Mutation = (bytes: Buffer) => Buffer;

const spot = fc.nat(0xffff_ffff);
const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(spot, fc.integer({ min: 1, max: 255 })).map(([at, flip]) => (bytes: Buffer): Buffer => {
    if (bytes.length > 0) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
    return bytes;
  }),
  // Most of what can be said wrongly is said in the first bytes and the last.
  fc
    .tuple(fc.nat(1000), fc.boolean(), fc.constantFrom(2, 4, 8), extremes)
    .map(([at, fromEnd, size, value]) => (bytes: Buffer): Buffer => {
      const offset = fromEnd ? bytes.length - 8 - at : at;
      if (offset < 0 || offset + 8 > bytes.length) return bytes;
      const word = Buffer.from(BigUint64Array.of(value).buffer).subarray(0, size);
      bytes.set(word, offset);
      return bytes;
    }),
  spot.map(
    (at) =>
      (bytes: Buffer): Buffer =>
        bytes.subarray(0, at % (bytes.length + 1)),
  ),
  fc.tuple(spot, fc.nat(5000)).map(([at, size]) => (bytes: Buffer): Buffer => {
    const cut = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(size), bytes.subarray(cut)]);
  }),
  fc.tuple(spot, spot, fc.nat(3000)).map(([from, to, size]) => (bytes: Buffer): Buffer => {
    if (bytes.length === 0) return bytes;
    bytes.copy(bytes, to % bytes.length, from % bytes.length, (from % bytes.length) + size);
    return bytes;
  }),
);

describe.each(Object.entries(SEEDS))("a file that was %s and is mutated", (_, seed) => {
  test("has a bounded answer, and what is found in it lies in it", () => {
    fc.assert(
      fc.property(fc.array(mutations, { minLength: 1, maxLength: 4 }), (steps) => {
        holds(steps.reduce<Buffer>((bytes, step) => step(bytes), Buffer.from(seed)));
      }),
      RUNS,
    );
  });

  test("has an answer wherever it is cut", () => {
    const cuts = seed.length < 6000 ? 1 : 7;
    for (let size = 0; size < seed.length; size += cuts) holds(seed.subarray(0, size));
  });
});

describe("what a writer puts in comes out, whatever lies around it", () => {
  const sigstructs = fc.array(fc.uint8Array({ minLength: 1808, maxLength: 1808 }), { minLength: 1, maxLength: 12 });
  const around = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
  const bits = fc.constantFrom(32 as const, 64 as const);
  const signed = (all: readonly Uint8Array[]) => all.every((one) => one.some((byte) => byte !== 0));

  test("of an ELF or PE file of Intel's SDK", () => {
    fc.assert(
      fc.property(sigstructs, around, bits, fc.nat(600), (all, others, width, extra) => {
        fc.pre(signed(all));
        const blocks = all.map((one) => sdkBlock(one, extra));
        const rest = others.map((content, index) => ({ name: `.d${index}`, content }));
        const files = [
          elf(width, [...rest, { name: ".note.sgxmeta", content: sdkNote(blocks, 0x10000) }]),
          pe(width, [...rest, { name: "sgxmeta", content: Buffer.concat(blocks) }]),
        ];
        for (const { bytes } of files) {
          const found = holds(bytes).structures.map((one) =>
            one.kind === "sigstruct" ? Buffer.from(one.bytes) : null,
          );
          expect(found).toEqual(all.map((one) => Buffer.from(one)));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("of an ELF file of Open Enclave", () => {
    fc.assert(
      fc.property(
        sigstructs,
        around,
        bits,
        fc.constantFrom(...OE_LAYOUTS),
        ([one = SIGSTRUCT], others, width, layout) => {
          fc.pre(signed([one]));
          const rest = others.map((content, index) => ({ name: `.d${index}`, content }));
          const { bytes, at } = elf(width, [...rest, { name: ".oeinfo", content: oeInfo(one, layout) }]);
          expect(holds(bytes).structures).toEqual([
            { kind: "sigstruct", offset: (at[".oeinfo"] ?? 0) + layout.sigstructAt, bytes: new Uint8Array(one) },
          ]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
