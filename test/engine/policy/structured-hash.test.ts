/** Digests as OPA signs them, against OPA itself in signatures.test.ts; here against texts that say what is hashed. */

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { hasSignedDigest, signedDigest } from "../../../engine/policy/structured-hash.js";
import { codeOf } from "../../support/codes.js";
import { utf8 } from "../../support/signing.js";

const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
const digest = (path: string, text: string) => signedDigest(path, utf8(text), "sha256");

describe("a JSON file is hashed by what it says", () => {
  test.each([
    ["space and order do not count", ' {"b" : [ 1 , true , null ],\n"a":{}}', '{"a":{},"b":[1,true,null]}'],
    ["numbers as they are written", "[1.0,1e2,-0,12.50]", "[1.0,1e2,-0,12.50]"],
    ["escapes that need not be are gone", '"\\u003c\\u0061\\/\\u00e9"', '"<a/é"'],
    ["control characters stay escaped", '"\\u0008\\f\\u0001\\u007f"', '"\\b\\f\\u0001\u007f"'],
    ["line ends of ECMAScript are escaped, as Go does", '"\u2028\\u2029"', '"\\u2028\\u2029"'],
    ["keys by their bytes, not by UTF-16", '{"\ud83d\ude00":1,"\uffff":2}', '{"\uffff":2,"\ud83d\ude00":1}'],
    ["numbers as keys are text", '{"10":1,"9":2}', '{"10":1,"9":2}'],
  ])("%s", (_, text, hashed) => {
    for (const path of ["data.json", "a/b/data.json", ".manifest"]) expect(digest(path, text)).toBe(sha256(hashed));
    expect(hasSignedDigest("data.json", utf8(text), "sha256", sha256(hashed))).toBe(true);
    expect(hasSignedDigest("data.json", utf8(hashed), "sha256", sha256(hashed))).toBe(true);
    expect(hasSignedDigest("data.json", utf8(text), "sha256", sha256("x"))).toBe(false);
  });

  test("another file by its bytes, also where its name looks like it", () => {
    for (const path of ["policy.wasm", "a.json", "xdata.json", "data.json.rego"]) {
      expect(digest(path, "[ 1 ]")).toBe(sha256("[ 1 ]"));
    }
  });

  test.each([
    ["no JSON", "{'a':1}"],
    ["two of them", "{}{}"],
    ["a byte order mark", "\ufeff{}"],
    ["a key twice", '{"a":1,"a":2}'],
    ["a key of JavaScript's own", '{"__proto__":{}}'],
    ["a lone surrogate", '"\\ud800"'],
    ["an integer that is not exact", "[9007199254740993]"],
    ["too deep", `${"[".repeat(200)}${"]".repeat(200)}`],
  ])("refuses %s", (_, text) => {
    expect(codeOf(() => digest("data.json", text))).toBe("bundle_format");
  });
});
