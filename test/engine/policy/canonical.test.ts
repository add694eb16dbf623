import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../engine/json.js";
import { canonicalJson, isCanonical, sha256Hex } from "../../../engine/policy/canonical.js";

describe("canonicalJson", () => {
  test("RFC 8785, section 3.2.2 and 3.2.3: the example", () => {
    const value = JSON.parse(
      String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
    );
    expect(canonicalJson(value)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test("RFC 8785, section 3.2.3: keys are sorted by UTF-16 code units", () => {
    const value = JSON.parse(
      String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
    );
    expect(Object.values(JSON.parse(canonicalJson(value).replace('"1":"One"', '"one":"One"')))).toEqual([
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
  });

  test.each([["\ud800"], [Number.NaN], [Number.NEGATIVE_INFINITY]])("has no text for %j", (value) => {
    expect(() => canonicalJson({ value })).toThrow();
  });
});

describe("isCanonical", () => {
  test("is true of no text but the one that canonicalJson writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        const canonical = canonicalJson(value as JsonValue);
        const plain = JSON.stringify(value);
        if (isCanonical(plain, JSON.parse(plain))) expect(plain).toBe(canonical);
        const keys = JSON.stringify(JSON.parse(canonical)) === canonical;
        expect(isCanonical(canonical, JSON.parse(canonical))).toBe(keys && !canonical.includes("\\ud"));
      }),
    );
  });

  test.each([
    ["space", '{"a": 1}', false],
    ["a number written otherwise", '{"a":1.0}', false],
    ["keys out of order", '{"b":1,"a":2}', false],
    ["keys out of order, deep inside", '{"a":[{"b":1,"a":2}]}', false],
    ["a key that stands twice", '{"a":1,"a":1}', false],
    ["an escape that is not needed", String.raw`{"a":"\u0041"}`, false],
    ["a lone surrogate, which has no canonical text", String.raw`{"a":"\ud800"}`, false],
    ["nothing of all that", '{"a":[1,{"b":null,"c":"\\n"}],"d":{}}', true],
  ])("%s", (_, text, canonical) => {
    expect(isCanonical(text, JSON.parse(text))).toBe(canonical);
  });
});

test("FIPS 180-4: SHA-256 of abc, as text and as bytes", () => {
  const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(sha256Hex("abc")).toBe(expected);
  expect(sha256Hex(Uint8Array.of(0x61, 0x62, 0x63))).toBe(expected);
});
