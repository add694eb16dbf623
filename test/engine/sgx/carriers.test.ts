import { describe, expect, test } from "vitest";
import { findStructures } from "../../../engine/sgx/carriers.js";
import { decodeSigstruct, unsignedSigstruct } from "../../../engine/sgx/sigstruct.js";
import { genData } from "../../support/carriers.js";
import { makeSigstruct, makeToken } from "../../support/sigstructs.js";

const SIGSTRUCT = makeSigstruct();
const TOKEN = makeToken();
const SECS = Uint8Array.from({ length: 4096 }, (_, index) => (index === 1 ? 0x40 : 0));

const found = (bytes: Uint8Array) => findStructures(bytes).structures;
const material = genData(SIGSTRUCT);
const lines = (text: string, width: number) => text.replace(new RegExp(`.{${width}}`, "g"), "$&\n");
const ascii = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const padded = (bytes: Uint8Array, size: number, offset = 0) => {
  const file = new Uint8Array(size);
  file.set(bytes, offset);
  return file;
};

describe("raw structures are known by their size", () => {
  test("1808 bytes are a SIGSTRUCT, whatever the header", () => {
    expect(findStructures(SIGSTRUCT)).toEqual({
      carrier: "SIGSTRUCT",
      structures: [{ kind: "sigstruct", offset: 0, bytes: SIGSTRUCT }],
      problem: null,
    });
    const wild = new Uint8Array(1808).fill(0x61);
    expect(found(wild)).toEqual([{ kind: "sigstruct", offset: 0, bytes: wild }]);
  });

  test("304 bytes are a token, and so are the first 304 of Intel's 1024", () => {
    expect(found(TOKEN)).toEqual([{ kind: "einittoken", offset: 0, bytes: TOKEN }]);
    expect(found(padded(TOKEN, 1024))).toEqual([{ kind: "einittoken", offset: 0, bytes: TOKEN }]);
  });

  test("4096 bytes are a SECS", () => {
    expect(found(SECS)).toEqual([{ kind: "secs", offset: 0, bytes: SECS }]);
  });

  test("of a page with a SIGSTRUCT and of text the carrier is told", () => {
    expect(findStructures(padded(SIGSTRUCT, 4096)).carrier).toBe("page with a SIGSTRUCT");
    expect(findStructures(padded(TOKEN, 1024)).carrier).toBe("Intel launch token");
    expect(findStructures(ascii(Buffer.from(TOKEN).toString("hex"))).carrier).toBe("EINITTOKEN as text");
  });

  test.each([0, 16, 2288])("a page with a SIGSTRUCT at %i is no SECS", (offset) => {
    const file = padded(SIGSTRUCT, 4096, offset);
    expect(found(file)).toEqual([{ kind: "sigstruct", offset, bytes: SIGSTRUCT }]);
  });

  test("a page with a header and no room for its SIGSTRUCT is a SECS", () => {
    const file = padded(SIGSTRUCT.subarray(0, 1807), 4096, 2289);
    expect(found(file)).toEqual([{ kind: "secs", offset: 0, bytes: file }]);
  });

  test("HEADER without HEADER2 makes no SIGSTRUCT of a page", () => {
    const file = padded(SIGSTRUCT.subarray(0, 16), 4096, 100);
    expect(found(file)[0]?.kind).toBe("secs");
    file.set(SIGSTRUCT.subarray(24, 40), 100 + 25);
    expect(found(file)[0]?.kind).toBe("secs");
    file.set(SIGSTRUCT.subarray(24, 40), 100 + 24);
    expect(found(file)[0]?.kind).toBe("sigstruct");
  });
});

describe("signing material", () => {
  test("is 256 bytes that begin as a SIGSTRUCT does", () => {
    expect(findStructures(material)).toEqual({
      carrier: "sgx_sign gendata material",
      structures: [{ kind: "signing_material", offset: 0, bytes: new Uint8Array(material) }],
      problem: null,
    });
  });

  test("may have TYPE set, the word that some signers change", () => {
    expect(found(material.with(15, 0x80))[0]?.kind).toBe("signing_material");
  });

  test.each([0, 11, 24, 39])("is nothing where byte %i is another: many things have 256 bytes", (at) => {
    expect(found(material.with(at, 0xff))).toEqual([]);
  });

  test("put into its places is the SIGSTRUCT, but for what the key makes of it", () => {
    const { modulus, exponent, signature, q1, q2, ...signed } = decodeSigstruct(SIGSTRUCT);
    const zero = new Uint8Array(384);
    expect(decodeSigstruct(unsignedSigstruct(material))).toEqual({
      ...signed,
      modulus: zero,
      exponent: 0,
      signature: zero,
      q1: zero,
      q2: zero,
    });
    expect(() => unsignedSigstruct(material.subarray(1))).toThrow(expect.objectContaining({ code: "length" }));
  });
});

describe("text", () => {
  const forms: readonly (readonly [string, (bytes: Uint8Array) => string])[] = [
    ["hex", (bytes) => Buffer.from(bytes).toString("hex")],
    ["upper-case hex", (bytes) => Buffer.from(bytes).toString("hex").toUpperCase()],
    ["hex in lines", (bytes) => lines(Buffer.from(bytes).toString("hex"), 64)],
    ["hex in pairs", (bytes) => lines(Buffer.from(bytes).toString("hex"), 2).replaceAll("\n", " ")],
    ["base64", (bytes) => Buffer.from(bytes).toString("base64")],
    ["base64 in lines with CR", (bytes) => lines(Buffer.from(bytes).toString("base64"), 76).replaceAll("\n", "\r\n")],
  ];
  const kinds = [
    ["sigstruct", SIGSTRUCT],
    ["einittoken", TOKEN],
    ["secs", SECS],
    ["signing_material", new Uint8Array(material)],
  ] as const;
  const cases = forms.flatMap(([form, write]) => kinds.map(([kind, bytes]) => [form, kind, bytes, write] as const));

  test.each(cases)("%s of a %s is that structure", (_, kind, bytes, write) => {
    expect(found(ascii(write(bytes)))).toEqual([{ kind, offset: 0, bytes }]);
  });

  const nothing: readonly (readonly [string, Uint8Array])[] = [
    ["an empty file", new Uint8Array(0)],
    ["1807 bytes", SIGSTRUCT.subarray(0, 1807)],
    ["1809 bytes", padded(SIGSTRUCT, 1809)],
    ["hex of 1807 bytes", ascii(Buffer.from(SIGSTRUCT.subarray(0, 1807)).toString("hex"))],
    ["hex with a stray letter", ascii(`${Buffer.from(SIGSTRUCT).toString("hex").slice(1)}g`)],
    ["base64 without its padding", ascii(Buffer.from(SIGSTRUCT).toString("base64").replaceAll("=", ""))],
    ["base64 behind a prefix", ascii(`sigstruct: ${Buffer.from(SIGSTRUCT).toString("base64")}`)],
    ["hex of hex", ascii(Buffer.from(Buffer.from(TOKEN).toString("hex")).toString("hex"))],
    ["hex behind very much white space", ascii(Buffer.from(TOKEN).toString("hex").padStart(70_000))],
  ];
  test.each(nothing)("%s holds nothing", (_, bytes) => {
    expect(findStructures(bytes)).toEqual({
      carrier: null,
      structures: [],
      problem: expect.stringMatching(new RegExp(`^no structure found in ${bytes.length} bytes, expected a SIGSTRUCT`)),
    });
  });
});

test("what is found does not change with the file it was found in", () => {
  const file = Buffer.from(SIGSTRUCT);
  const before = found(file);
  file.fill(0);
  expect(before).toEqual([{ kind: "sigstruct", offset: 0, bytes: SIGSTRUCT }]);
});
