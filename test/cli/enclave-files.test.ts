/** The enclaves in the files that users name: every carrier, one of several, and what is told where there is none. */

import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type EnclaveFile, enclavesIn, measuredIn } from "../../cli/enclave-files.js";
import { unsignedSigstruct } from "../../engine/index.js";
import { elf, genData, oeInfo, pe, sdkBlock, sdkNote, sgxsPage, sgxsRecord } from "../support/carriers.js";
import { has, MAIN, run } from "../support/cli.js";
import { makeSigstruct, makeToken } from "../support/sigstructs.js";
import { emptyFolder } from "./policy/folder.js";

const FOLDER = emptyFolder();
const SIGSTRUCT = makeSigstruct();
const OTHER = makeSigstruct({ isvsvn: 2 });

function written(name: string, bytes: Uint8Array | string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, bytes);
  return path;
}

const sdk = (...blocks: readonly Uint8Array[]) =>
  elf(64, [{ name: ".note.sgxmeta", content: sdkNote(blocks.map((one) => sdkBlock(one))) }]);
const one = sdk(SIGSTRUCT, SIGSTRUCT);
const two = sdk(SIGSTRUCT, OTHER, SIGSTRUCT);
const AT = (two.at[".note.sgxmeta"] ?? 0) + 89;
const stream = Buffer.concat([sgxsRecord("ECREATE", [8, 1], [12, 0x4000]), sgxsPage(0, 0x203, new Uint8Array(4096))]);

const enclave = (file: string, more: Partial<EnclaveFile> = {}): EnclaveFile => ({
  file,
  name: file,
  offset: 0,
  carrier: "SIGSTRUCT",
  sigstruct: SIGSTRUCT,
  signed: true,
  ...more,
});

const RAW = written("a.sig", SIGSTRUCT);
const HEX = written("a.hex", Buffer.from(SIGSTRUCT).toString("hex"));
const ONE = written("one.so", one.bytes);
const TWO = written("two.so", two.bytes);
const OE = written("oe.so", elf(64, [{ name: ".oeinfo", content: oeInfo(SIGSTRUCT) }]).bytes);
const PE = written("a.dll", pe(32, [{ name: "sgxmeta", content: sdkBlock(SIGSTRUCT) }]).bytes);
const MATERIAL = written("a.dat", genData(SIGSTRUCT));
const STREAM = written("a.sgxs", stream);

describe("the enclaves in", () => {
  test.each([
    ["a SIGSTRUCT", [enclave(RAW)]],
    ["hex", [enclave(HEX, { carrier: "SIGSTRUCT as text" })]],
    [
      "an SDK enclave whose blocks have the same SIGSTRUCT are one",
      [enclave(ONE, { carrier: "Intel SDK signed ELF", offset: AT })],
    ],
    [
      "an SDK enclave whose blocks differ are told apart by offset",
      [
        enclave(TWO, { carrier: "Intel SDK signed ELF", name: `${TWO}@${AT}`, offset: AT }),
        enclave(TWO, {
          carrier: "Intel SDK signed ELF",
          name: `${TWO}@${AT + 1952}`,
          offset: AT + 1952,
          sigstruct: OTHER,
        }),
      ],
    ],
    ["an Open Enclave image", [enclave(OE, { carrier: "Open Enclave ELF", offset: 64 + 144 })]],
    ["a DLL", [enclave(PE, { carrier: "Intel SDK signed PE", offset: 512 + 64 })]],
    [
      "signing material are not signed",
      [
        enclave(MATERIAL, {
          carrier: "sgx_sign gendata material",
          sigstruct: unsignedSigstruct(genData(SIGSTRUCT)),
          signed: false,
        }),
      ],
    ],
  ])("%s", (_, expected) => {
    expect(enclavesIn(expected[0]?.file ?? "")).toEqual(expected);
  });

  test("FILE@OFFSET are the one that lies there", () => {
    const named = `${TWO}@${AT + 1952}`;
    const wanted = { carrier: "Intel SDK signed ELF", name: named, offset: AT + 1952, sigstruct: OTHER };
    expect(enclavesIn(named)).toEqual([enclave(TWO, wanted)]);
    expect(enclavesIn(`${RAW}@0`)).toEqual([enclave(RAW, { name: `${RAW}@0` })]);
  });

  test("a file that is really called FILE@OFFSET are its own", () => {
    const named = written(`two.so@${AT}`, OTHER);
    expect(enclavesIn(named)).toEqual([enclave(named, { sigstruct: OTHER })]);
  });
});

describe("where there is none, the error says what was found and what to do", () => {
  const unsigned = new Uint8Array(1808);
  test.each([
    ["nowhere", "nowhere", /^cannot read nowhere: there is no such file$/],
    ["nowhere@5", "nowhere@5", /^cannot read nowhere: there is no such file$/],
    ["a token", written("a.token", makeToken()), /a\.token holds an EINITTOKEN, expected a SIGSTRUCT$/],
    ["an SGXS stream alone", STREAM, /a\.sgxs is an SGXS stream, which .*: give its SIGSTRUCT \(\.sig\) too$/],
    [
      "another offset",
      `${TWO}@5`,
      new RegExp(`holds no structure at offset 5, expected .*two\\.so@${AT}, .*two\\.so@`),
    ],
    ["a folder", FOLDER, /it is a folder$/],
    [
      "an unsigned SDK enclave",
      written("u.so", sdk(unsigned).bytes),
      /u\.so: the enclave is not signed: .*`sgx_sign sign`/,
    ],
    [
      "an unsigned Open Enclave image",
      written("u.oe", elf(64, [{ name: ".oeinfo", content: oeInfo(unsigned) }]).bytes),
      /u\.oe: the Open Enclave image is not signed: .*`oesign sign`$/,
    ],
    ["something else", written("a.txt", "hello"), /a\.txt: no structure found in 5 bytes, expected a SIGSTRUCT/],
  ])("%s", (_, file, message) => {
    expect(() => enclavesIn(file)).toThrow(
      expect.objectContaining({ name: "CommandError", exitCode: 1, message: expect.stringMatching(message) }),
    );
  });
});

test("a stream is measured, other files are not", () => {
  expect(measuredIn(STREAM)).toEqual({
    file: STREAM,
    mrenclave: "cebd92eb5da1132775ab465a3960d76ba935869b7d6462b37284f89a1b796099",
    size: 0x4000n,
    ssaframesize: 1,
    pages: 1,
    measuredBytes: 4096,
    unmeasuredBytes: 0,
    canonical: true,
  });
  expect([RAW, OE, MATERIAL].map(measuredIn)).toEqual([null, null, null]);
  expect(() => measuredIn(written("cut.sgxs", stream.subarray(0, 100)))).toThrow(/cut\.sgxs: the stream has 36 bytes/);
});

const TOOLS = has("gcc") && has("objcopy");

test.skipIf(!TOOLS)(
  `what a real linker and objcopy make is read${TOOLS ? "" : ", SKIPPED: no gcc or no objcopy"}`,
  () => {
    const [plain, withBoth] = [join(FOLDER, "plain.so"), join(FOLDER, "linked.so")];
    const build = run("gcc", ["-shared", "-nostdlib", "-x", "c", "/dev/null", "-o", plain]);
    expect(build).toMatchObject({ code: 0 });
    expect(() => enclavesIn(plain)).toThrow(/plain\.so: the ELF file has neither section/);
    const sections = [
      `.oeinfo=${written("oeinfo", oeInfo(OTHER))}`,
      `.note.sgxmeta=${written("sgxmeta", sdkNote([sdkBlock(SIGSTRUCT)]))}`,
    ];
    expect(run("objcopy", [...sections.flatMap((one) => ["--add-section", one]), plain, withBoth])).toMatchObject({
      code: 0,
    });
    // objcopy puts sections where it likes.
    expect(new Set(enclavesIn(withBoth).map(({ sigstruct }) => sigstruct))).toEqual(new Set([SIGSTRUCT, OTHER]));
  },
);

describe("large files are not loaded", () => {
  const HUGE = 600 * 1024 * 1024;

  /** The signed enclave with a hole of 600 MB before its section table. */
  function sparse(name: string): string {
    const path = join(FOLDER, name);
    const fd = openSync(path, "w");
    const head = Buffer.from(one.bytes);
    head.writeBigUInt64LE(BigInt(HUGE), 40);
    writeSync(fd, head, 0, head.length, 0);
    writeSync(fd, head, one.table, head.length - one.table, HUGE);
    closeSync(fd);
    return path;
  }

  /** What the program needs of memory at most, in bytes, to inspect these files. */
  function peak(files: readonly string[]): {
    readonly code: number | null;
    readonly stdout: string;
    readonly peak: number;
  } {
    const report = "process.on('exit', () => process.stderr.write(String(process.resourceUsage().maxRSS * 1024)))";
    const hook = written("peak.mjs", report);
    const { code, stdout, stderr } = run(process.execPath, [
      "--import",
      hook,
      MAIN,
      "inspect",
      "--format",
      "json",
      ...files,
    ]);
    return { code, stdout, peak: Number(stderr) };
  }

  test("600 MB of ELF, of zeros and of a stream cost less than 64 MB more than 6 KB do", () => {
    const zeros = join(FOLDER, "zeros");
    const fd = openSync(zeros, "w");
    ftruncateSync(fd, HUGE);
    closeSync(fd);
    const pages = Array.from({ length: 20_000 }, (_, index) => sgxsPage(index * 4096, 0x203, new Uint8Array(4096)));
    const long = written("long.sgxs", Buffer.concat([stream.subarray(0, 64), ...pages]));
    const small = peak([ONE]);
    const large = peak([sparse("huge.so"), long]);
    expect([small.code, large.code]).toEqual([0, 0]);
    expect((JSON.parse(large.stdout) as { kind: string }[]).map(({ kind }) => kind)).toEqual([
      "sigstruct",
      "sigstruct",
      "sgxs",
    ]);
    expect(peak([zeros])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/no structure found in 629145600 bytes/),
    });
    expect(large.peak - small.peak).toBeLessThan(64 * 1024 * 1024);
  });
});
