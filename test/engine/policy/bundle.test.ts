import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PolicyError } from "../../../engine/errors.js";
import { makeBundle, packBundle, readBundle, withData } from "../../../engine/policy/bundle.js";
import { canonicalJson } from "../../../engine/policy/canonical.js";
import { createPolicy } from "../../../engine/policy/evaluate.js";
import { codeOf } from "../../support/codes.js";
import { AGREE, OPA, opaBuild, policyOf } from "../../support/policies.js";
import { type TarEntry, tarGz } from "../../support/tar.js";
import { tinyOpaModule } from "../../support/wasm.js";

const sha256 = (content: Uint8Array | string) => createHash("sha256").update(content).digest("hex");
const utf8 = (text: string) => new TextEncoder().encode(text);

const WASM = tinyOpaModule();
const REGO = "package launch\n";
const MANIFEST = { revision: "r1", roots: [""], wasm: [{ entrypoint: "launch/decision", module: "/policy.wasm" }] };
const OWN = {
  contract: 1,
  name: "fleet",
  entrypoints: ["launch/decision"],
  opa: "0.70.0",
  sources_sha256: { "launch/decision.rego": sha256(REGO) },
  wasm_sha256: sha256(WASM),
  data_sha256: sha256(canonicalJson({ word: "yes" })),
  reads: { "launch/decision": [["enclave", "mrsigner"], ["origin"]] },
};

type Content = string | Uint8Array | object | boolean | null;

/** A whole bundle of Launchgate's, with what a test changes in it; null takes a file away. */
function bundle(changes: Readonly<Record<string, Content>> = {}): Uint8Array {
  const files: Record<string, Content> = {
    ".manifest": { ...MANIFEST, metadata: { launchgate: OWN } },
    "policy.wasm": WASM,
    "data.json": { word: "yes" },
    "launch/decision.rego": REGO,
    ...changes,
  };
  return packBundle(
    Object.entries(files).flatMap(([path, content]) => {
      if (content === null) return [];
      if (content instanceof Uint8Array) return [{ path, bytes: content }];
      return [{ path, bytes: utf8(typeof content === "string" ? content : JSON.stringify(content)) }];
    }),
  );
}
const foreign = (changes: Readonly<Record<string, Content>> = {}) => bundle({ ".manifest": MANIFEST, ...changes });
const own = (changes: object) => ({ ".manifest": { ...MANIFEST, metadata: { launchgate: { ...OWN, ...changes } } } });

describe("readBundle", () => {
  test("reads a bundle of launchgate build, with its name, read sets and digest", () => {
    const read = readBundle(bundle());
    expect({ ...read, wasm: sha256(read.wasm) }).toEqual({
      name: "fleet",
      revision: "r1",
      wasm: sha256(WASM),
      data: { word: "yes" },
      entrypoints: ["launch/decision"],
      reads: { "launch/decision": [["enclave", "mrsigner"], ["origin"]] },
      sha256: sha256(`launchgate-policy-v1\n${sha256(WASM)}\n${OWN.data_sha256}\n`),
      opa: "0.70.0",
      rules: [],
      opaque: { "launch/decision": [] },
      readsTrusted: false,
    });
  });

  test("reads a bundle of plain opa build, which reads everything", () => {
    const read = policyOf(AGREE, { data: { word: "yes" }, args: ["--revision", "7"] });
    expect(read).toMatchObject({ name: "policy", revision: "7", data: { word: "yes" }, opa: null });
    expect(read.reads).toEqual({ "launch/decision": null });
    expect(createPolicy(read).evaluate("launch/decision", { word: "yes" }).allow).toBe(true);
  });

  test("reads what tar makes of the same files", () => {
    const folder = mkdtempSync(join(tmpdir(), "launchgate-test-"));
    try {
      writeFileSync(join(folder, "b.tar.gz"), opaBuild(AGREE, { data: { word: "yes" } }));
      execFileSync("tar", ["xzf", "b.tar.gz"], { cwd: folder, stdio: "ignore" });
      for (const how of ["ustar", "gnu", "v7"]) {
        const packed = execFileSync("tar", ["cz", `--format=${how}`, "--exclude=*.gz", "."], { cwd: folder });
        expect(readBundle(packed).sha256).toBe(policyOf(AGREE, { data: { word: "yes" } }).sha256);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("takes another name where it is given one", () => {
    expect(readBundle(bundle(), { name: "site-2" }).name).toBe("site-2");
    expect(codeOf(() => readBundle(bundle(), { name: "../x" }))).toBe("option");
  });

  test("merges data files where their folders say, as OPA does", () => {
    const read = readBundle(
      foreign({
        "data.json": { a: { x: 1 } },
        "a/data.json": { y: [2] },
        "a/b/data.json": true,
        "a/other.json": { no: "data" },
      }),
    );
    expect(read.data).toEqual({ a: { x: 1, y: [2], b: true } });
    expect(readBundle(foreign({ "data.json": null })).data).toEqual({});
  });

  test.each<[string, string, Uint8Array]>([
    ["nothing", "bundle_format", new Uint8Array()],
    ["no gzip", "bundle_format", utf8("no gzip at all")],
    ["gzip cut short", "bundle_format", bundle().subarray(0, 900)],
    ["gzip of no tar", "bundle_format", gzipSync("x".repeat(2000))],
    ["an empty tar", "bundle_format", packBundle([])],
    ["no manifest", "bundle_format", bundle({ ".manifest": null })],
    ["a manifest that is no JSON", "bundle_format", bundle({ ".manifest": "{" })],
    ["a manifest that is no object", "bundle_format", bundle({ ".manifest": [] })],
    ["a manifest that is no UTF-8", "bundle_format", bundle({ ".manifest": Uint8Array.of(0x22, 0xff, 0x22) })],
    ["a second manifest", "bundle_format", bundle({ "a/.manifest": MANIFEST })],
    ["a delta bundle", "bundle_format", bundle({ "patch.json": {} })],
    ["no list of wasm modules", "bundle_format", foreign({ ".manifest": { roots: [""] } })],
    ["an empty one", "bundle_format", foreign({ ".manifest": { wasm: [] } })],
    ["a module without entrypoint", "bundle_format", foreign({ ".manifest": { wasm: [{ module: "/policy.wasm" }] } })],
    [
      "a module elsewhere",
      "bundle_format",
      foreign({ ".manifest": { wasm: [{ entrypoint: "a/b", module: "/a/policy.wasm" }] } }),
    ],
    [
      "an entrypoint named twice",
      "bundle_format",
      foreign({ ".manifest": { wasm: [MANIFEST.wasm[0], MANIFEST.wasm[0]] } }),
    ],
    [
      "an entrypoint that is none",
      "bundle_format",
      foreign({ ".manifest": { wasm: [{ entrypoint: "a b", module: "/policy.wasm" }] } }),
    ],
    ["no wasm", "bundle_format", bundle({ "policy.wasm": null })],
    ["data that is no JSON", "bundle_format", foreign({ "data.json": "{'a':1}" })],
    ["data that is no object", "bundle_format", foreign({ "data.json": [1] })],
    ["data as YAML", "bundle_format", foreign({ "a/data.yaml": "a: 1" })],
    ["data with a key of JavaScript's own", "bundle_format", foreign({ "data.json": '{"__proto__":{"allow":true}}' })],
    ["data in a folder of JavaScript's own", "bundle_format", foreign({ "__proto__/data.json": "{}" })],
    [
      "data with an integer that a double rounds",
      "bundle_format",
      foreign({ "data.json": '{"flags":18446744073709551615}' }),
    ],
    ["data with half a character", "bundle_format", foreign({ "data.json": '{"a":"\\ud800"}' })],
    [
      "data a million levels deep",
      "bundle_format",
      foreign({ "data.json": `{"a":${"[".repeat(1e6)}${"]".repeat(1e6)}}` }),
    ],
    ["data files that contradict", "data_conflict", foreign({ "data.json": { a: 1 }, "a/data.json": { b: 1 } })],
    [
      "data files that say the same leaf twice",
      "data_conflict",
      foreign({ "data.json": { a: { b: 1 } }, "a/data.json": { b: 1 } }),
    ],
    ["another version of the contract", "bundle_contract", bundle(own({ contract: 2 }))],
    ["no version of the contract", "bundle_contract", bundle(own({ contract: "1" }))],
    [
      "metadata that is no object",
      "bundle_contract",
      bundle({ ".manifest": { ...MANIFEST, metadata: { launchgate: 1 } } }),
    ],
    ["metadata with an unknown key", "bundle_format", bundle(own({ signed: true }))],
    ["read sets of no entrypoint", "bundle_format", bundle(own({ reads: { "vm/epc": null } }))],
    ["wasm other than recorded", "bundle_digest", bundle({ "policy.wasm": tinyOpaModule({ abi: [1, 2] }) })],
    ["data other than recorded", "bundle_digest", bundle({ "data.json": { word: "no" } })],
    ["more data than recorded", "bundle_digest", bundle({ "launchgate/data.json": { version: 1 } })],
    [
      "a source other than recorded",
      "bundle_digest",
      bundle({ "launch/decision.rego": "package launch\n# changed\n" }),
    ],
    ["a source that is recorded and not there", "bundle_digest", bundle({ "launch/decision.rego": null })],
    ["a source that is there and not recorded", "bundle_digest", bundle({ "launch/more.rego": REGO })],
    ["entrypoints other than recorded", "bundle_digest", bundle(own({ entrypoints: ["launch/decision", "vm/epc"] }))],
  ])("refuses %s: %s", (_, code, bytes) => {
    expect(codeOf(() => readBundle(bytes))).toBe(code);
  });

  const FILE: TarEntry = { name: "/data.json", content: utf8("{}") };
  test.each<[string, readonly TarEntry[]]>([
    ["a hard link", [FILE, { name: "/policy.wasm", type: "1", link: "/data.json" }]],
    ["a symbolic link", [FILE, { name: "/policy.wasm", type: "2", link: "/etc/passwd" }]],
    ["a device", [FILE, { name: "/dev", type: "3" }]],
    ["a pax header that renames", [{ name: "x", type: "x", content: utf8("22 path=/policy.wasm\n\n") }, FILE]],
    ["a global pax header", [{ name: "g", type: "g", content: utf8("22 path=/policy.wasm\n\n") }, FILE]],
    ["a GNU long name", [{ name: "L", type: "L", content: utf8("policy.wasm\0") }, FILE]],
    ["a type that nobody knows", [{ ...FILE, type: "Z" }]],
    ["a folder with content", [{ ...FILE, type: "5" }]],
    ["a name that is there twice", [FILE, FILE]],
    ["a name that is there twice, written differently", [FILE, { ...FILE, name: "./data.json" }]],
    ["a name that leaves the archive", [{ ...FILE, name: "/../data.json" }]],
    ["a name that leaves a folder", [{ ...FILE, name: "a/../data.json" }]],
    ["a name with an empty part", [{ ...FILE, name: "a//data.json" }]],
    ["a name with a backslash", [{ ...FILE, name: "a\\data.json" }]],
    ["a name with a line feed", [{ ...FILE, name: "a\ndata.json" }]],
    ["no name", [{ ...FILE, name: "" }]],
    ["a size that is no number", [{ ...FILE, size: "zzzzzzzzzzz" }]],
    ["a negative size", [{ ...FILE, size: "-0000000001" }]],
    ["a size in base 256", [{ ...FILE, size: "\u0080\0\0\0\0\0\0\0\0\0\0\u0002" }]],
    ["a size beyond the archive", [{ ...FILE, size: "77777777777" }]],
    ["a checksum that does not fit", [{ ...FILE, checksum: "000000" }]],
  ])("refuses a tar with %s", (_, entries) => {
    expect(codeOf(() => readBundle(tarGz(entries)))).toBe("bundle_format");
    expect(() => readBundle(tarGz(entries))).toThrow(/the bundle is not readable/);
  });

  test("refuses a tar that goes on after its end", () => {
    const tar = gunzipSync(bundle());
    expect(() => readBundle(gzipSync(Buffer.concat([tar, tar])))).toThrow("something follows the end of the tar");
    expect(readBundle(gzipSync(Buffer.concat([tar, new Uint8Array(4096)]))).name).toBe("fleet");
  });

  test("refuses a gzip bomb before it is unpacked", () => {
    const bomb = gzipSync(new Uint8Array(80 * 1024 * 1024));
    expect(() => readBundle(bomb)).toThrow("unpacks to more than 67108864 bytes");
    expect(() => readBundle(bundle(), { maxBytes: 2048 })).toThrow("unpacks to more than 2048 bytes");
    expect(codeOf(() => readBundle(bundle(), { maxBytes: 0 }))).toBe("option");
  });

  test("any damage to a bundle's tar is refused or changes nothing that decides", () => {
    const tar = gunzipSync(bundle());
    const { sha256: digest } = readBundle(bundle());
    fc.assert(
      fc.property(fc.nat(tar.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Uint8Array.from(tar);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        try {
          expect(readBundle(gzipSync(damaged, { level: 0 })).sha256).toBe(digest);
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a bundle cut anywhere is refused", () => {
    const tar = gunzipSync(bundle());
    for (let length = 0; length < tar.length - 1024; length += 97) {
      expect(codeOf(() => readBundle(gzipSync(tar.subarray(0, length), { level: 0 })))).toMatch(
        /^bundle_(format|digest)$/,
      );
    }
  });
});

describe("a PolicyBundle", () => {
  const data = { list: [{ a: 1 }] };
  const parts = { name: "p", wasm: WASM.slice(), data, entrypoints: ["launch/decision"] };

  test("shares nothing with what it was made from, and gives nothing away that could change it", () => {
    const made = makeBundle(parts);
    const before = sha256(made.wasm);
    parts.wasm.fill(0);
    data.list.push({ a: 2 });
    made.wasm.fill(0);
    expect(made.data).toEqual({ list: [{ a: 1 }] });
    expect(sha256(made.wasm)).toBe(before);
    expect(Object.isFrozen(made) && Object.isFrozen(made.entrypoints) && Object.isFrozen(made.reads)).toBe(true);
    expect(() => Object.assign(made.data, { more: 1 })).toThrow(TypeError);
  });

  test("has a digest that covers WASM and data, and neither name, revision nor the order of keys", () => {
    const of = (changes: object) =>
      makeBundle({ name: "p", wasm: WASM, data: { a: 1, b: 2 }, entrypoints: ["launch/decision"], ...changes }).sha256;
    expect(of({ name: "q", revision: "2", data: { b: 2, a: 1 } })).toBe(of({}));
    expect(of({ data: { a: 1, b: 3 } })).not.toBe(of({}));
    expect(of({ wasm: tinyOpaModule({ abi: [1, 2] }) })).not.toBe(of({}));
  });

  test("with other data is the same policy with another digest", () => {
    const first = readBundle(bundle());
    const second = withData(first, { word: "no" });
    expect({ ...second, sha256: "", data: {} }).toEqual({ ...first, sha256: "", data: {} });
    expect(second.sha256).not.toBe(first.sha256);
    expect(withData(second, { word: "yes" }).sha256).toBe(first.sha256);
  });
});

describe("packBundle", () => {
  const files = [
    { path: "b/data.json", bytes: utf8("{}") },
    { path: ".manifest", bytes: utf8('{"roots":["b"]}') },
    { path: `${"folder/".repeat(20)}x.rego`, bytes: utf8("package x\n") },
    { path: "empty.txt", bytes: new Uint8Array() },
    { path: "large.bin", bytes: new Uint8Array(200_000).fill(7) },
  ];

  test("gives the same bytes for the same files, in whatever order, on every Node", () => {
    const packed = packBundle(files);
    expect(packBundle([...files].reverse())).toEqual(packed);
    // computed once under Node 20, 22 and 24; stored blocks, so that no zlib has a say
    expect(sha256(packed)).toBe("874f502ba0e2a8d68144c5bedd4c7056e859adddd40a59732d5b63e6468f60d7");
  });

  test("writes what GNU tar lists", () => {
    const listed = execFileSync("tar", ["tvzf", "-", "--full-time", "--numeric-owner", "-P"], {
      input: packBundle(files),
      env: { TZ: "UTC", PATH: process.env["PATH"] },
    });
    const rows = listed
      .toString()
      .trim()
      .split("\n")
      .map((row) => row.split(/ +/));
    expect(rows.map(([mode, owner, size, date, , path]) => [mode, owner, size, date, path])).toEqual(
      ["/.manifest 15", "/b/data.json 2", "/empty.txt 0", `/${"folder/".repeat(20)}x.rego 10`, "/large.bin 200000"].map(
        (row) => {
          const [path, size] = row.split(" ");
          return ["-rw-------", "0/0", size, "1970-01-01", path];
        },
      ),
    );
  });

  test("writes what OPA reads", () => {
    const folder = mkdtempSync(join(tmpdir(), "launchgate-test-"));
    try {
      const path = join(folder, "bundle.tar.gz");
      writeFileSync(path, bundle({ "launch/decision.rego": AGREE }));
      const inspected = JSON.parse(execFileSync(OPA, ["inspect", "-f", "json", "--v1-compatible", path]).toString());
      expect(inspected.manifest).toMatchObject({ revision: "r1", metadata: { launchgate: OWN } });
      expect(inspected.namespaces).toMatchObject({ "data.launch": ["/launch/decision.rego"] });
      // this OPA cannot evaluate WASM: read the data back from a bundle without
      writeFileSync(path, bundle({ "policy.wasm": null, ".manifest": { roots: [""] } }));
      const query = ["eval", "--v1-compatible", "-b", path, "-f", "raw", "data.word"];
      expect(execFileSync(OPA, query).toString().trim()).toBe("yes");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each([["/a"], ["./a"], ["a/../b"], ["a//b"], [""], ["a\\b"], [`${"x".repeat(101)}`], ["y/".repeat(140)]])(
    "refuses the path %j",
    (path) => {
      expect(codeOf(() => packBundle([{ path, bytes: new Uint8Array() }]))).toBe("bundle_format");
    },
  );

  test("refuses a path that is there twice", () => {
    const file = { path: "a", bytes: new Uint8Array() };
    expect(codeOf(() => packBundle([file, file]))).toBe("bundle_format");
  });
});
