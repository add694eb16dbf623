/** Signed executables, written by the tests themselves: what lies in them is found, and what is wrong with them is said. */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { findStructures } from "../../../engine/sgx/carriers.js";
import {
  counting,
  elf,
  genData,
  OE_LAYOUTS,
  oeInfo,
  oldWindowsBlock,
  pe,
  type SectionOf,
  sdkBlock,
  sdkNote,
  type Written,
} from "../../support/carriers.js";
import { makeSigstruct } from "../../support/sigstructs.js";

const SIGSTRUCT = makeSigstruct();
const OTHER = makeSigstruct({ isvsvn: 2 });
const UNSIGNED = new Uint8Array(1808);
const BITS = [32, 64] as const;

/** What linkers put around the section that matters. A SIGSTRUCT in the code is data, and no signature. */
const TEXT: SectionOf = { name: ".text", content: Buffer.concat([Buffer.alloc(333, 0x90), SIGSTRUCT]) };
const BSS: SectionOf = { name: ".bss", content: new Uint8Array(), type: 8 };

const sdk = (content: Uint8Array): SectionOf => ({ name: ".note.sgxmeta", content });
const oe = (content: Uint8Array): SectionOf => ({ name: ".oeinfo", content });
const windows = (content: Uint8Array): SectionOf => ({ name: "sgxmeta", content });

const at = ({ at: places }: Written, name: string) => places[name] ?? Number.NaN;
const sigstruct = (offset: number, bytes = SIGSTRUCT) => ({ kind: "sigstruct", offset, bytes });

/** A copy of the file with numbers overwritten: little-endian, of 2, 4 or 8 bytes. */
function patched(
  { bytes }: Written,
  ...changes: readonly (readonly [offset: number, size: 2 | 4 | 8, value: bigint])[]
) {
  const copy = Buffer.from(bytes);
  for (const [offset, size, value] of changes) {
    if (size === 8) copy.writeBigUInt64LE(value, offset);
    else copy.writeUIntLE(Number(value), offset, size);
  }
  return copy;
}

function problemOf(bytes: Uint8Array): { readonly carrier: string | null; readonly problem: string | null } {
  const { structures, ...rest } = findStructures(bytes);
  expect(structures).toEqual([]);
  return rest;
}

describe.each(BITS)("ELF%i", (bits) => {
  test("of Intel's SDK has its SIGSTRUCT 89 bytes into .note.sgxmeta", () => {
    const file = elf(bits, [TEXT, sdk(sdkNote([sdkBlock(SIGSTRUCT)])), BSS]);
    expect(findStructures(file.bytes)).toEqual({
      carrier: "Intel SDK signed ELF",
      structures: [sigstruct(at(file, ".note.sgxmeta") + 89)],
      problem: null,
    });
  });

  test("of Intel's SDK may hold several metadata blocks, each with its own", () => {
    const blocks = [sdkBlock(SIGSTRUCT, 64), sdkBlock(OTHER, 1000, 0x1_0000_0009n), sdkBlock(SIGSTRUCT, 0)];
    const file = elf(bits, [sdk(sdkNote(blocks))]);
    const first = at(file, ".note.sgxmeta") + 89;
    expect(findStructures(file.bytes).structures).toEqual([
      sigstruct(first),
      sigstruct(first + 1952, OTHER),
      sigstruct(first + 1952 + 2888),
    ]);
  });

  test.each(OE_LAYOUTS)("of Open Enclave, properties of $size bytes, has its SIGSTRUCT at $sigstructAt", (layout) => {
    const file = elf(bits, [TEXT, oe(oeInfo(SIGSTRUCT, layout)), BSS]);
    expect(findStructures(file.bytes)).toEqual({
      carrier: "Open Enclave ELF",
      structures: [sigstruct(at(file, ".oeinfo") + layout.sigstructAt)],
      problem: null,
    });
  });

  test("with the sections of both SDKs has the SIGSTRUCTs of both, by offset", () => {
    const file = elf(bits, [oe(oeInfo(OTHER)), sdk(sdkNote([sdkBlock(SIGSTRUCT)]))]);
    expect(findStructures(file.bytes)).toEqual({
      carrier: "ELF with both Intel SDK and Open Enclave signatures",
      structures: [sigstruct(at(file, ".oeinfo") + 144, OTHER), sigstruct(at(file, ".note.sgxmeta") + 89)],
      problem: null,
    });
  });

  const word = bits === 64 ? 8 : 4;
  const plain = elf(bits, [TEXT, sdk(sdkNote([sdkBlock(SIGSTRUCT)])), BSS]);
  const note = at(plain, ".note.sgxmeta");
  const header =
    bits === 64
      ? { shoff: 40, shentsize: 58, shnum: 60, shstrndx: 62 }
      : { shoff: 32, shentsize: 46, shnum: 48, shstrndx: 50 };
  const section = (index: number) => plain.table + index * plain.entry;
  const field = bits === 64 ? { offset: 24, size: 32 } : { offset: 16, size: 20 };
  const ALL_ONES = word === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;

  const hostile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["nothing but its first bytes", plain.bytes.subarray(0, 12), /the ELF identification lies outside the file/],
    ["half a header", plain.bytes.subarray(0, 40), /the ELF header lies outside the file/],
    [
      "no bytes after its contents",
      plain.bytes.subarray(0, plain.table),
      /the ELF section table lies outside the file/,
    ],
    ["a class of its own", plain.bytes.with(4, 3), /EI_CLASS of the ELF file is 3/],
    ["big-endian", plain.bytes.with(5, 2), /EI_DATA of the ELF file is 2/],
    ["no section table", patched(plain, [header.shoff, word, 0n]), /has no section table/],
    ["a section table beyond everything", patched(plain, [header.shoff, word, ALL_ONES]), /section table lies outside/],
    ["section headers of another size", patched(plain, [header.shentsize, 2, 1n]), /a section header .* is 1 bytes/],
    ["no sections", patched(plain, [header.shnum, 2, 0n]), /says it has 0 sections/],
    ["65535 sections", patched(plain, [header.shnum, 2, 0xffffn]), /says it has 65535 sections, expected 1 to 4096/],
    ["4096 sections in few bytes", patched(plain, [header.shnum, 2, 4096n]), /section table lies outside/],
    ["no section of names", patched(plain, [header.shstrndx, 2, 0n]), /section 0 of 5 is said to hold the names/],
    ["names in a section that is not", patched(plain, [header.shstrndx, 2, 5n]), /section 5 of 5 is said/],
    [
      "names of absurd size",
      patched(plain, [section(4) + field.size, word, ALL_ONES]),
      /the section names are \d+ bytes/,
    ],
    ["names beyond everything", patched(plain, [section(4) + field.offset, word, ALL_ONES]), /names lies outside/],
    ["names that say nothing", patched(plain, [section(2), 4, 0xffff_ffffn]), /has neither section/],
    ["a section beyond everything", patched(plain, [section(2) + field.offset, word, ALL_ONES]), /outside the file/],
    [
      "a section across the end",
      patched(plain, [section(2) + field.offset, word, BigInt(plain.bytes.length - 90)]),
      /overlaps/,
    ],
    [
      "a section over the code",
      patched(plain, [section(2) + field.offset, word, BigInt(at(plain, ".text"))]),
      /overlaps/,
    ],
    ["a section over the header", patched(plain, [section(2) + field.offset, word, 0n]), /overlaps another part/],
    [
      "another section over this one",
      patched(plain, [section(1) + field.size, word, ALL_ONES]),
      /overlaps another part/,
    ],
    ["a section of no bytes", patched(plain, [section(2) + field.size, word, 0n]), /is 0 bytes, expected at least 25/],
    ["a section that has no bytes in the file", patched(plain, [section(2) + 4, 4, 8n]), /SHT_NOBITS/],
    ["another note", patched(plain, [note + 12, 4, 0n]), /holds another note/],
    ["a note's name of another size", patched(plain, [note, 4, 14n]), /holds another note/],
    ["a note longer than its section", patched(plain, [note + 4, 4, 0xffff_ffffn]), /says it has 4294967295 bytes/],
    ["no metadata", patched(plain, [note + 25, 8, 0n]), /not signed: .* Sign it with `sgx_sign sign`/],
    ["metadata of no size", patched(plain, [note + 25 + 16, 4, 0n]), /says it is 0 bytes/],
    ["metadata of absurd size", patched(plain, [note + 25 + 16, 4, 0xffff_ffffn]), /says it is 4294967295 bytes/],
    ["metadata too short for a SIGSTRUCT", patched(plain, [note + 25 + 16, 4, 1887n]), /says it is 1887 bytes/],
  ];
  test.each(hostile)("with %s is a problem that is named", (_, bytes, problem) => {
    expect(problemOf(bytes)).toEqual({ carrier: "ELF", problem: expect.stringMatching(problem) });
  });

  const refused: readonly (readonly [string, readonly SectionOf[], RegExp])[] = [
    ["no section of either SDK", [TEXT], /neither section \.note\.sgxmeta \(Intel SDK\) nor \.oeinfo \(Open Enclave\)/],
    [
      "two sections of the name",
      [sdk(sdkNote([sdkBlock(SIGSTRUCT)])), sdk(sdkNote([sdkBlock(OTHER)]))],
      /two sections/,
    ],
    ["a name that only begins so", [{ name: ".oeinfo2", content: oeInfo(SIGSTRUCT) }], /neither section/],
    ["an unsigned SDK enclave", [sdk(sdkNote([]))], /not signed/],
    ["SDK metadata without signature", [sdk(sdkNote([sdkBlock(UNSIGNED)]))], /not signed: its SIGSTRUCT at \d+ is all/],
    [
      "17 metadata blocks",
      [
        sdk(
          sdkNote(
            Array.from({ length: 17 }, () => sdkBlock(SIGSTRUCT, 0)),
            0x10000,
          ),
        ),
      ],
      /than 16/,
    ],
    [
      "a second block that is cut",
      [sdk(sdkNote([sdkBlock(SIGSTRUCT), sdkBlock(OTHER).subarray(0, 1000)], 1952 + 1000))],
      /says it is 1952 bytes, expected 1876, or 1888 to the 1000 that are left/,
    ],
    [
      "an unsigned Open Enclave image",
      [oe(oeInfo(UNSIGNED))],
      /not signed: .*key that is public\. Sign it with `oesign/,
    ],
    ["properties of unknown size", [oe(Buffer.from(oeInfo(SIGSTRUCT).with(0, 0xa9)))], /say they are 1961 bytes/],
    ["properties larger than their section", [oe(oeInfo(SIGSTRUCT).subarray(0, 1959))], /at most the 1959/],
    ["properties of no size", [oe(new Uint8Array(4))], /is 4 bytes, expected at least 8/],
    ["an enclave of another type", [oe(Buffer.from(oeInfo(SIGSTRUCT).with(4, 1)))], /is of type 1, expected 2/],
    ["no end marker", [oe(Buffer.from(oeInfo(SIGSTRUCT).with(1952, 0)))], /end marker/],
    ["one SDK's part broken", [oe(oeInfo(UNSIGNED)), sdk(sdkNote([sdkBlock(SIGSTRUCT)]))], /not signed/],
  ];
  test.each(refused)("with %s is a problem that is named", (_, sections, problem) => {
    expect(problemOf(elf(bits, sections).bytes)).toEqual({ carrier: "ELF", problem: expect.stringMatching(problem) });
  });
});

describe.each(BITS)("PE of %i bits", (bits) => {
  test("of Intel's SDK has its SIGSTRUCT 64 bytes into each block of sgxmeta", () => {
    const file = pe(bits, [TEXT, windows(Buffer.concat([sdkBlock(SIGSTRUCT, 48), sdkBlock(OTHER)]))]);
    const first = at(file, "sgxmeta") + 64;
    expect(findStructures(file.bytes)).toEqual({
      carrier: "Intel SDK signed PE",
      structures: [sigstruct(first), sigstruct(first + 1936, OTHER)],
      problem: null,
    });
  });

  test("of the first SDK for Windows has it at 68", () => {
    const file = pe(bits, [TEXT, windows(oldWindowsBlock(SIGSTRUCT))]);
    expect(findStructures(file.bytes).structures).toEqual([sigstruct(at(file, "sgxmeta") + 68)]);
  });

  const plain = pe(bits, [TEXT, windows(sdkBlock(SIGSTRUCT))]);

  test("may have sections of a size but without bytes", () => {
    const bss = patched(plain, [plain.table + 16, 4, 0xffff_ffffn], [plain.table + 20, 4, 0n]);
    expect(findStructures(bss).structures).toEqual([sigstruct(at(plain, "sgxmeta") + 64)]);
  });

  const section = plain.table + plain.entry;
  const hostile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["half a header", plain.bytes.subarray(0, 140), /the PE header lies outside the file/],
    ["no section table", plain.bytes.subarray(0, plain.table + 40), /the PE section table lies outside the file/],
    ["another optional header", patched(plain, [128 + 24, 2, 0x107n]), /begins with 263, expected 267 \(PE32\) or 523/],
    ["no sections", patched(plain, [128 + 6, 2, 0n]), /says it has 0 sections/],
    ["65535 sections", patched(plain, [128 + 6, 2, 0xffffn]), /says it has 65535 sections, expected 1 to 96/],
    ["an optional header of absurd size", patched(plain, [128 + 20, 2, 0xffffn]), /section table lies outside/],
    ["no section of the name", patched(plain, [section, 4, 0n]), /no section sgxmeta/],
    ["a name that only begins so", patched(plain, [section + 7, 2, 0x32n]), /no section sgxmeta/],
    ["the section beyond everything", patched(plain, [section + 20, 4, 0xffff_ffffn]), /outside the file/],
    ["the section over the code", patched(plain, [section + 20, 4, BigInt(at(plain, ".text"))]), /overlaps/],
    ["the section over the headers", patched(plain, [section + 20, 4, 0n]), /overlaps/],
    ["a section of no size", patched(plain, [section + 16, 4, 0n]), /not signed/],
    ["no metadata", patched(plain, [at(plain, "sgxmeta"), 8, 0n]), /not signed/],
  ];
  test.each(hostile)("with %s is a problem that is named", (_, bytes, problem) => {
    expect(problemOf(bytes)).toEqual({ carrier: "PE", problem: expect.stringMatching(problem) });
  });

  test("with two sections of the name is a problem: loaders would take different ones", () => {
    const file = pe(bits, [windows(sdkBlock(SIGSTRUCT)), windows(sdkBlock(OTHER))]);
    expect(problemOf(file.bytes).problem).toMatch(/two sections are named sgxmeta/);
  });
});

describe("what only looks like an executable", () => {
  test("is judged by its size: MZ alone begins many things", () => {
    const secs = Buffer.alloc(4096);
    secs.write("MZ", "latin1");
    expect(findStructures(secs).carrier).toBe("SECS");
    secs.writeUInt32LE(0xffff_ffff, 60);
    expect(findStructures(secs).carrier).toBe("SECS");
    expect(findStructures(Buffer.from("MZ")).carrier).toBeNull();
  });

  test("is a SIGSTRUCT where it is 1808 bytes", () => {
    expect(findStructures(elf(64, [oe(new Uint8Array(8))]).bytes.subarray(0, 0)).carrier).toBeNull();
    const file = Buffer.alloc(1808);
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    expect(findStructures(file).carrier).toBe("SIGSTRUCT");
  });

  test("is read as an executable though it is as long as a SECS", () => {
    const { bytes } = elf(64, [oe(oeInfo(SIGSTRUCT).subarray(0, 1960))]);
    expect(bytes.length).toBeLessThan(4096);
    const file = Buffer.concat([bytes, Buffer.alloc(4096 - bytes.length)]);
    expect(findStructures(file).carrier).toBe("Open Enclave ELF");
  });
});

describe("how much is read", () => {
  const HUGE = 600 * 1024 * 1024;

  /** The file as if its section table were moved far behind, with nothing between. */
  function sparse(file: Written, bits: 32 | 64) {
    const head = Buffer.from(file.bytes);
    if (bits === 64) head.writeBigUInt64LE(BigInt(HUGE), 40);
    else head.writeUInt32LE(HUGE, 32);
    const table = file.bytes.subarray(file.table);
    const asked = { reads: 0, bytes: 0 };
    const read = (offset: number, length: number) => {
      const answer = new Uint8Array(Math.min(length, HUGE + table.length - offset));
      answer.set(head.subarray(offset, offset + length));
      if (offset >= HUGE) answer.set(table.subarray(offset - HUGE, offset - HUGE + length));
      asked.reads += 1;
      asked.bytes += answer.length;
      return answer;
    };
    return { asked, sizeBytes: HUGE + table.length, read };
  }

  test.each(BITS)("of 600 MB of ELF%i are a few KiB, though the tables lie at the end", (bits) => {
    const file = elf(bits, [TEXT, sdk(sdkNote([sdkBlock(SIGSTRUCT)]))]);
    const source = sparse(file, bits);
    expect(findStructures(source).structures).toEqual([sigstruct(at(file, ".note.sgxmeta") + 89)]);
    expect(source.asked.reads).toBeLessThan(12);
    expect(source.asked.bytes).toBeLessThan(8192);
  });

  test("of a file that makes the most of every bound is less than 2 MiB in less than 60 reads", () => {
    const many = Array.from({ length: 4093 }, (_, index) => ({
      name: `.${"x".repeat(240)}${index}`,
      content: new Uint8Array(),
    }));
    const blocks = Array.from({ length: 16 }, () => sdkBlock(SIGSTRUCT, 0));
    const file = counting(elf(64, [...many, sdk(sdkNote(blocks, 0x8000))]).bytes);
    expect(findStructures(file).structures).toHaveLength(16);
    expect(file.asked.bytes).toBeGreaterThan(1024 * 1024);
    expect(file.asked.bytes).toBeLessThan(2 * 1024 * 1024);
    expect(file.asked.reads).toBeLessThan(60);
  });

  test("of large files of no known form is their head", () => {
    const file = counting(new Uint8Array(10_000_000));
    expect(findStructures(file).carrier).toBeNull();
    expect(file.asked.bytes).toBe(64);
  });

  test("an error of reading comes out as it is: it is not the content's fault", () => {
    const failing = {
      sizeBytes: 5000,
      read: () => {
        throw new Error("the disk is gone");
      },
    };
    expect(() => findStructures(failing)).toThrow("the disk is gone");
  });

  test("a file that becomes shorter meanwhile is a problem", () => {
    const { bytes } = elf(64, [oe(oeInfo(SIGSTRUCT))]);
    const shrinking = {
      sizeBytes: bytes.length,
      read: (offset: number, length: number) => new Uint8Array(bytes.subarray(offset, Math.min(offset + length, 200))),
    };
    expect(findStructures(shrinking)).toMatchObject({
      carrier: "ELF",
      structures: [],
      problem: expect.stringMatching(/outside/),
    });
  });
});

const CORPUS = resolve(process.env["LAUNCHGATE_CORPUS"] ?? join(import.meta.dirname, "../../../../shared/corpus"));
const PRESENT = existsSync(join(CORPUS, "index.json"));
const ENTRIES = PRESENT
  ? (JSON.parse(readFileSync(join(CORPUS, "index.json"), "utf8")) as { readonly file: string }[])
  : [];
const MISSING = PRESENT ? "" : `, SKIPPED: no corpus at ${CORPUS}, set LAUNCHGATE_CORPUS to it`;

describe.skipIf(!PRESENT)(`real SIGSTRUCTs come out of every carrier as they went in${MISSING}`, () => {
  test.each(ENTRIES)("$file", ({ file }) => {
    const bytes = new Uint8Array(readFileSync(join(CORPUS, file)));
    const carriers: readonly Uint8Array[] = [
      bytes,
      Buffer.from(Buffer.from(bytes).toString("hex")),
      Buffer.from(Buffer.from(bytes).toString("base64")),
      Buffer.concat([bytes, Buffer.alloc(4096 - 1808)]),
      ...BITS.flatMap((bits) => [
        elf(bits, [TEXT, sdk(sdkNote([sdkBlock(bytes), sdkBlock(bytes)]))]).bytes,
        ...OE_LAYOUTS.map((layout) => elf(bits, [TEXT, oe(oeInfo(bytes, layout))]).bytes),
        pe(bits, [TEXT, windows(sdkBlock(bytes))]).bytes,
        pe(bits, [TEXT, windows(oldWindowsBlock(bytes))]).bytes,
      ]),
    ];
    const found = carriers.map((carrier) => findStructures(carrier).structures);
    expect(found.map((structures) => structures.length)).toEqual([1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1]);
    for (const structure of found.flat()) expect(structure).toMatchObject({ kind: "sigstruct", bytes });
    expect(findStructures(genData(bytes)).structures).toEqual([
      { kind: "signing_material", offset: 0, bytes: new Uint8Array(genData(bytes)) },
    ]);
  });
});
