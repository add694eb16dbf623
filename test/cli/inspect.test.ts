/** `launchgate inspect`: the shapes of the Launchgate contract, and what it reads in other people's files. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { debugLaunchable, decodeSigstruct, type SigstructInput, sigstructFields } from "../../engine/index.js";
import { elf, genData, oeInfo, sdkBlock, sdkNote, sgxsPage, sgxsRecord } from "../support/carriers.js";
import { launchgate, ROOT } from "../support/cli.js";
import { makeSigstruct, testSigner } from "../support/sigstructs.js";
import { evalFiles, MRENCLAVE } from "./eval-files.js";

type Element = Readonly<Record<string, unknown>> & { readonly file: string };

const FOLDER = evalFiles();

function inspect(files: readonly string[], options: { readonly input?: Uint8Array; readonly cwd?: string } = {}) {
  const { code, stdout, stderr } = launchgate(["inspect", ...files, "--format", "json"], { cwd: FOLDER, ...options });
  expect(stderr).toBe("");
  return { code, elements: JSON.parse(stdout) as readonly Element[] };
}

function one(file: string): Element {
  const { code, elements } = inspect([file]);
  expect({ code, count: elements.length }).toEqual({ code: 0, count: 1 });
  return elements[0] as Element;
}

const HASH = expect.stringMatching(/^[0-9a-f]{64}$/);
const WORDS = { flags: expect.stringMatching(/^0x[0-9a-f]{16}$/), xfrm: expect.stringMatching(/^0x[0-9a-f]{16}$/) };
const BITS = { ...WORDS, bits: expect.objectContaining({ debug: false, mode64bit: true }) };

describe("an element", () => {
  test("of a SIGSTRUCT", () => {
    const element = one("release");
    const signer = testSigner();
    expect(element).toEqual({
      file: "release",
      kind: "sigstruct",
      offset: 0,
      sigstruct: expect.objectContaining({
        isvprodid: 1,
        isvsvn: 1,
        attributes: BITS,
        sha256: HASH,
        mrsigner: signer,
        signature: "valid",
        findings: [],
      }),
      mrsigner: signer,
      mrenclave: MRENCLAVE,
      signature_valid: true,
      q1_valid: true,
      q2_valid: true,
      debug_launchable: false,
      findings: [],
      signer: null,
    });
  });

  test("has the same fields for every SIGSTRUCT, and says what is wrong with this one", () => {
    expect(one("may-debug")).toMatchObject({ debug_launchable: true, signature_valid: true });
    expect(one("forged")).toMatchObject({ signature_valid: false, sigstruct: { signature: "invalid" } });
    expect(Object.keys(one("forged"))).toEqual(Object.keys(one("release")));
  });

  test("tells findings that EINIT refuses from those that are odd", () => {
    writeFileSync(join(FOLDER, "odd"), makeSigstruct({ header: new Uint8Array(16), date: 0 }));
    expect(one("odd")["findings"]).toEqual([
      { code: "header_invalid", message: expect.stringMatching(/SGX_INVALID_SIG_STRUCT/), einit_error: 1 },
      { code: "date_zero", message: expect.any(String), einit_error: null },
    ]);
  });

  test.each(["token", "token.launch"])("of an EINITTOKEN, in %s", (file) => {
    expect(one(file)).toEqual({
      file,
      kind: "einittoken",
      offset: 0,
      einittoken: expect.objectContaining({ valid: true, mrenclave: MRENCLAVE, mrsigner: testSigner(), sha256: HASH }),
      findings: [],
    });
  });

  test.each(["secs", "secs.hex"])("of a SECS, in %s", (file) => {
    expect(one(file)).toEqual({
      file,
      kind: "secs",
      offset: 0,
      secs: {
        size: "0x0000000000010000",
        baseaddr: "0x0000000000000000",
        ssaframesize: 0,
        miscselect: "0x00000000",
        cet_leg_bitmap_offset: "0x0000000000000000",
        cet_attributes: "0x00",
        attributes: BITS,
        configid: "00".repeat(64),
        configsvn: 0,
      },
      findings: [],
    });
  });

  test("of a page around a SIGSTRUCT says where in the page it lies", () => {
    const page = new Uint8Array(4096);
    page.set(readFileSync(join(FOLDER, "release")), 512);
    writeFileSync(join(FOLDER, "page"), page);
    expect(one("page")).toMatchObject({ kind: "sigstruct", offset: 512, signature_valid: true });
  });

  test("is the same for raw bytes, hex, base64 and stdin", () => {
    const { file: _, ...release } = one("release");
    for (const file of ["release.hex", "release.base64"]) expect(one(file)).toEqual({ file, ...release });
    const { elements } = inspect(["-"], { input: readFileSync(join(FOLDER, "release")) });
    expect(elements).toEqual([{ file: "-", ...release }]);
  });
});

describe("several files", () => {
  test("come in the order in which they were named, repeated ones too", () => {
    const files = ["secs", "release", "token", "release"];
    const { code, elements } = inspect(files);
    expect({ code, order: elements.map(({ file, kind }) => [file, kind]) }).toEqual({
      code: 0,
      order: [
        ["secs", "secs"],
        ["release", "sigstruct"],
        ["token", "einittoken"],
        ["release", "sigstruct"],
      ],
    });
  });

  test("are all shown though some hold nothing or cannot be read, with exit 1", () => {
    const { code, elements } = inspect(["short", "release", "nowhere", ".", "empty", "token"]);
    const expected =
      "expected a SIGSTRUCT (1808 bytes), an EINITTOKEN (304, or 1024 as launch token), a SECS (4096), signing material " +
      "(256), hex or base64 of these, a signed ELF or PE enclave, or an SGXS stream";
    expect(code).toBe(1);
    expect(elements).toEqual([
      { file: "short", error: `no structure found in 1807 bytes, ${expected}` },
      expect.objectContaining({ file: "release", kind: "sigstruct" }),
      { file: "nowhere", error: "cannot read nowhere: there is no such file" },
      { file: ".", error: "cannot read .: it is a folder" },
      { file: "empty", error: `no structure found in 0 bytes, ${expected}` },
      expect.objectContaining({ file: "token", kind: "einittoken" }),
    ]);
  });

  test("read the same as text", () => {
    const { code, stdout } = launchgate(["inspect", "release", "short", "--format", "text"], { cwd: FOLDER });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^release: sigstruct at offset 0\n {2}mrenclave +a{64}\n {2}mrsigner +[0-9a-f]{64}\n/);
    expect(stdout).toMatch(/signature +valid, q1 valid, q2 valid\n/);
    expect(stdout).toMatch(/\n\nshort\n {2}no structure found in 1807 bytes, /);
  });
});

describe("a carrier", () => {
  const other = makeSigstruct({ isvsvn: 2 });
  const note = sdkNote([sdkBlock(readFileSync(join(FOLDER, "release"))), sdkBlock(other)]);
  const sdk = elf(64, [{ name: ".note.sgxmeta", content: note }]);
  const stream = Buffer.concat([sgxsRecord("ECREATE", [8, 1], [12, 0x4000]), sgxsPage(0, 0x203, new Uint8Array(4096))]);
  const mrenclave = "cebd92eb5da1132775ab465a3960d76ba935869b7d6462b37284f89a1b796099";
  const named = makeSigstruct({ enclavehash: Buffer.from(mrenclave, "hex") });
  const files: Readonly<Record<string, Uint8Array>> = {
    "sdk.so": sdk.bytes,
    "oe.so": elf(64, [{ name: ".oeinfo", content: oeInfo(named) }]).bytes,
    "unsigned.so": elf(64, [{ name: ".oeinfo", content: oeInfo(new Uint8Array(1808)) }]).bytes,
    "a.dat": genData(named),
    "a.sgxs": stream,
    "open.sgxs": Buffer.concat([sgxsRecord("UNSIZED"), stream.subarray(64)]),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(FOLDER, name), content);
  const at = (sdk.at[".note.sgxmeta"] ?? 0) + 89;

  test("of several SIGSTRUCTs has an element for each, of the same shape as one alone", () => {
    const { code, elements } = inspect(["sdk.so"]);
    const { offset: _, file: __, ...release } = one("release");
    expect({ code, elements }).toEqual({
      code: 0,
      elements: [
        { file: "sdk.so", offset: at, ...release },
        expect.objectContaining({ file: "sdk.so", offset: at + 1952, kind: "sigstruct", signature_valid: true }),
      ],
    });
    const single = inspect([`sdk.so@${at}`]).elements;
    expect(single).toEqual([{ file: `sdk.so@${at}`, offset: at, ...release }]);
  });

  test("of signing material says what a signer would sign, and nothing of a key", () => {
    const { exponent: _, ...fields } = sigstructFields(decodeSigstruct(named));
    expect(one("a.dat")).toEqual({
      file: "a.dat",
      kind: "signing_material",
      offset: 0,
      sigstruct: fields,
      mrenclave,
      sha256: HASH,
      debug_launchable: debugLaunchable(decodeSigstruct(named)),
      findings: [],
    });
  });

  test("of an SGXS stream is measured, and compared with what is given along with it", () => {
    const element = {
      file: "a.sgxs",
      kind: "sgxs",
      offset: 0,
      mrenclave,
      size: "0x0000000000004000",
      ssaframesize: 1,
      pages: 1,
      measured_bytes: 4096,
      unmeasured_bytes: 0,
      canonical: true,
      matches: [],
      findings: [],
    };
    expect(one("a.sgxs")).toEqual(element);
    const { elements } = inspect(["a.sgxs", "release", "a.dat", "oe.so"]);
    expect(elements[0]).toEqual({ ...element, matches: ["a.dat", "oe.so@208"] });
  });

  test("that is broken or unsigned says so, with exit 1", () => {
    const { code, elements } = inspect(["unsigned.so", "open.sgxs", "sdk.so@7"]);
    expect({ code, elements }).toEqual({
      code: 1,
      elements: [
        { file: "unsigned.so", error: expect.stringMatching(/^the Open Enclave image is not signed.*oesign sign`$/) },
        { file: "open.sgxs", error: expect.stringMatching(/^the record at 0 is UNSIZED: /) },
        {
          file: "sdk.so@7",
          error: `sdk.so holds no structure at offset 7, expected sdk.so@${at}, sdk.so@${at + 1952}`,
        },
      ],
    });
  });

  test("reads the same as text, and is named", () => {
    const { code, stdout } = launchgate(["inspect", "sdk.so", "a.dat", "a.sgxs", "--format", "text"], { cwd: FOLDER });
    expect(code).toBe(0);
    expect(stdout).toMatch(`sdk.so: sigstruct at offset ${at}, in Intel SDK signed ELF\n`);
    expect(stdout).toMatch(
      /a\.dat: signing_material at offset 0\n[\s\S]* {2}signature +none: this is what remains to be signed\n/,
    );
    expect(stdout).toMatch(/a\.sgxs: sgxs at offset 0\n {2}mrenclave +cebd92eb[\s\S]* {2}matches +a\.dat\n$/);
  });

  test("from stdin is one as any other, named twice too", () => {
    const { elements } = inspect(["-", "-"], { input: sdk.bytes });
    expect(elements.map(({ file, offset }) => [file, offset])).toEqual(
      [at, at + 1952, at, at + 1952].map((o) => ["-", o]),
    );
  });
});

const CORPUS = resolve(process.env["LAUNCHGATE_CORPUS"] ?? join(ROOT, "../shared/corpus"));
const PRESENT = existsSync(join(CORPUS, "index.json"));
const MISSING = PRESENT ? "" : `, SKIPPED: no corpus at ${CORPUS}, set LAUNCHGATE_CORPUS to it`;

interface Entry {
  readonly file: string;
  readonly [field: string]: string | number | boolean;
}

function load(name: string): readonly Entry[] {
  return PRESENT ? (JSON.parse(readFileSync(join(CORPUS, name), "utf8")) as Entry[]) : [];
}

describe.skipIf(!PRESENT)(`other people's files${MISSING}`, () => {
  test("read in one go as independent implementations read them", () => {
    const entries = load("index.json");
    const { code, elements } = inspect(
      entries.map(({ file }) => file),
      { cwd: CORPUS },
    );
    expect({ code, count: elements.length }).toEqual({ code: 0, count: entries.length });
    expect(elements.map(asIndexed)).toEqual(
      entries.map(({ source: _, licence: __, container: ___, ...entry }) => entry),
    );
  });

  test("tokens too", () => {
    const entries = load("tokens.json");
    const { code, elements } = inspect(
      entries.map(({ file }) => file),
      { cwd: CORPUS },
    );
    expect({ code, files: elements.map(({ file, kind }) => [file, kind]) }).toEqual({
      code: 0,
      files: entries.map(({ file }) => [file, "einittoken"]),
    });
  });
});

/** An element, which is of a SIGSTRUCT, in the names of the corpus's index. */
function asIndexed(element: Element) {
  const s = element["sigstruct"] as SigstructInput;
  const hex32 = (value: number) => `0x${value.toString(16).padStart(8, "0")}`;
  const digits = (word: string) => word.slice(2);
  return {
    file: element.file,
    sigstruct_sha256: s.sha256,
    signature_valid: element["signature_valid"],
    q1_ok: element["q1_valid"],
    q2_ok: element["q2_valid"],
    header1: s.header,
    header2: s.header2,
    exponent: s.exponent,
    mrsigner: element["mrsigner"],
    mrenclave: element["mrenclave"],
    vendor: hex32(s.vendor),
    date: s.date,
    date_is_bcd: s.date_unix !== null,
    swdefined: hex32(s.swdefined),
    flags: digits(s.attributes.flags),
    flags_mask: digits(s.attributemask.flags),
    xfrm: digits(s.attributes.xfrm),
    xfrm_mask: digits(s.attributemask.xfrm),
    miscselect: digits(s.miscselect),
    miscmask: digits(s.miscmask),
    cet_attributes: Number(s.cet_attributes),
    cet_attributes_mask: Number(s.cet_attributes_mask),
    isvfamilyid: s.isvfamilyid,
    isvextprodid: s.isvextprodid,
    isvprodid: s.isvprodid,
    isvsvn: s.isvsvn,
    debug_attribute_set: s.attributes.bits.debug,
    debug_masked: s.attributemask.bits.debug,
    debug_allowed: element["debug_launchable"],
  };
}
