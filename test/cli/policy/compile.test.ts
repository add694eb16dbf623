/** Compiling a policy folder: what is in the bundle, what replaces what, and that nothing but the content matters. */

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileCached } from "../../../cli/policy/cache.js";
import { compilePolicy } from "../../../cli/policy/compile.js";
import { effectiveFolderData } from "../../../cli/policy/effective.js";
import { opaErrors, runOpa } from "../../../cli/policy/opa.js";
import { policiesDir } from "../../../cli/policy/shipped.js";
import type { JsonObject } from "../../../engine/json.js";
import { readArchive } from "../../../engine/policy/archive.js";
import { type PolicyBundle, readBundle } from "../../../engine/policy/bundle.js";
import { canonicalJson, sha256Hex } from "../../../engine/policy/canonical.js";
import { decisionRego, emptyFolder, folderOf, opa } from "./folder.js";

const FILES = {
  "launch/decision.rego": decisionRego(
    'allow if data.launch.standard.allow\n\ndeny contains "x" if input.origin.vm.id == data.fleet.vm',
  ),
  "launch/decision_test.rego": "package launch_test\n\ntest_a if data.launch.decision\n",
  "fleet/data.json": '{"vm": "v1"}',
  "launchgate/data.yaml": "version: 1\nprofile: baseline\n",
  "README.md": "read me",
  ".launchgate/cache.rego": "not Rego",
};

async function compile(dir: string, name?: string): Promise<Uint8Array> {
  const options = {
    dir,
    opa,
    policies: policiesDir(),
    data: effectiveFolderData([]),
    ...(name === undefined ? {} : { name }),
  };
  return (await compilePolicy(options)).bundle;
}

function filesOf(bundle: Uint8Array): ReadonlyMap<string, Uint8Array> {
  return readArchive(bundle, 2 ** 26);
}

function jsonIn(bundle: Uint8Array, path: string): JsonObject {
  return JSON.parse(new TextDecoder().decode(filesOf(bundle).get(path))) as JsonObject;
}

describe("a compiled policy", () => {
  const compiled = compile(folderOf(FILES), "fleet");

  test("holds its sources and the library's, not its tests, nor what is no part of a policy", async () => {
    const paths = [...filesOf(await compiled).keys()];
    expect(paths).toEqual(
      expect.arrayContaining([
        ".manifest",
        "data.json",
        "policy.wasm",
        "launch/decision.rego",
        "launch/standard.rego",
        "lib/text.rego",
      ]),
    );
    expect(
      paths.filter((path) => /_test\.rego$|README|launchgate|^enclave\/create\.rego$|^vm\/epc\.rego$/.test(path)),
    ).toEqual([]);
  });

  test("has the folder's own package in place of the shipped one", async () => {
    const source = filesOf(await compiled).get("launch/decision.rego");
    expect(new TextDecoder().decode(source)).toBe(FILES["launch/decision.rego"]);
  });

  test("is read back with its name, entrypoints and effective data", async () => {
    const policy = readBundle(await compiled);
    expect(policy).toMatchObject({ name: "fleet", revision: "", entrypoints: ["launch/decision"], opa: opa.version });
    expect(policy.data).toMatchObject({
      fleet: { vm: "v1" },
      launchgate: { version: 1, profile: "baseline", signers: {}, revoked: { products: {} } },
    });
  });

  test("says in its manifest what it was made of, by digest", async () => {
    const bundle = await compiled;
    const files = filesOf(bundle);
    const { metadata, ...manifest } = jsonIn(bundle, ".manifest");
    expect(manifest).toEqual({
      revision: "",
      roots: [""],
      rego_version: 1,
      wasm: [{ entrypoint: "launch/decision", module: "/policy.wasm" }],
    });
    const own = (metadata as JsonObject)["launchgate"] as JsonObject;
    const sources = [...files]
      .filter(([path]) => path.endsWith(".rego"))
      .map(([path, bytes]) => [path, sha256Hex(bytes)]);
    expect(own).toMatchObject({
      contract: 1,
      sources_sha256: Object.fromEntries(sources) as JsonObject,
      wasm_sha256: sha256Hex(files.get("policy.wasm") ?? ""),
      data_sha256: sha256Hex(canonicalJson(jsonIn(bundle, "data.json"))),
    });
  });

  test("says what it reads, whatever it is built on", async () => {
    const reads = readBundle(await compiled).reads["launch/decision"] ?? [];
    const first = new Set(reads.map(([key]) => key));
    expect(reads).toContainEqual(["token", "valid"]);
    expect(first.has("enclave") && first.has("origin") && first.has("time")).toBe(true);
    expect(first.has("sigstruct") || first.has("secs") || first.has("id")).toBe(false);
  });

  test("is understood by OPA", async () => {
    const dir = emptyFolder();
    writeFileSync(join(dir, "b.tar.gz"), await compiled);
    const { code, stdout } = await runOpa(opa, ["inspect", "-f", "json", "b.tar.gz"], { cwd: dir });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      manifest: { rego_version: 1 },
      wasm_modules: [{ entrypoints: ["data.launch.decision"] }],
    });
  });

  test("is the same from any folder, umask, locale, time zone, and at any time", async () => {
    const dir = join(emptyFolder(), "a deeper", "fólder");
    mkdirSync(dir, { recursive: true });
    cpSync(folderOf(FILES), dir, { recursive: true });
    utimesSync(join(dir, "launch", "decision.rego"), 1, 1);
    chmodSync(join(dir, "fleet", "data.json"), 0o600);
    const before = { umask: process.umask(0o077), lang: process.env["LC_ALL"], tz: process.env["TZ"] };
    process.env["LC_ALL"] = "tr_TR.UTF-8";
    process.env["TZ"] = "Pacific/Apia";
    try {
      expect(sha256Hex(await compile(dir, "fleet"))).toBe(sha256Hex(await compiled));
    } finally {
      process.umask(before.umask);
      if (before.lang === undefined) delete process.env["LC_ALL"];
      else process.env["LC_ALL"] = before.lang;
      if (before.tz === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before.tz;
    }
  });

  test("of the shipped policies needs no library", async () => {
    const { bundle, entrypoints } = await compilePolicy({ dir: policiesDir(), opa, data: effectiveFolderData([]) });
    expect(entrypoints).toEqual(["enclave/create", "enclave/provision", "launch/decision", "vm/epc", "vm/provision"]);
    expect(Object.values(readBundle(bundle).reads)).not.toContain(null);
  });
});

describe("what is not compiled", () => {
  const TABLE: readonly (readonly [fact: string, files: Readonly<Record<string, string>>, error: string | RegExp])[] = [
    [
      "Rego that does not parse, at its line",
      { "a/b.rego": "package a\n\nx := {\n" },
      /does not parse:\n {2}a\/b\.rego:4: /,
    ],
    ["a folder without an entrypoint", { "a.rego": "package a\n\nx := 1\n" }, /no rule is marked "# entrypoint: true"/],
    [
      "a builtin that the WASM would lack, with advice",
      { "d.rego": decisionRego("deny contains 1 if time.now_ns() > 1") },
      /d\.rego:9: time\.now_ns does not work in a compiled policy; use input\.time/,
    ],
    [
      "a file that hides a shipped one",
      { "launch/signer.rego": "package mine\n\nx := 1\n", "d.rego": decisionRego("deny := []") },
      /launch\/signer\.rego has the path of a shipped file, but not its package launch\.signer/,
    ],
    [
      "data that does not fit the schema",
      { "d.rego": decisionRego("deny := []"), "launchgate/data.json": '{"version": 2}' },
      /data\.launchgate\.version must be 1/,
    ],
    [
      "the data document anywhere else",
      { "d.rego": decisionRego("deny := []"), "data.json": '{"launchgate": {"version": 1}}' },
      /the data document is launchgate\/data\.yaml/,
    ],
    [
      "two data documents",
      {
        "d.rego": decisionRego("deny := []"),
        "launchgate/data.json": '{"version": 1}',
        "launchgate/data.yaml": "version: 1",
      },
      /there is another data document beside it/,
    ],
    [
      "data with a key twice",
      { "d.rego": decisionRego("deny := []"), "x/data.json": '{"a": 1, "a": 2}' },
      /x\/data\.json: Map keys must be unique/,
    ],
  ];

  test.each(TABLE)("%s", async (_fact, files, error) => {
    await expect(compile(folderOf(files))).rejects.toThrow(error);
  });

  test("a link that leaves the folder", async () => {
    const dir = folderOf({ "d.rego": decisionRego("deny := []") });
    symlinkSync(join(folderOf({ "x.rego": "package x\n" }), "x.rego"), join(dir, "x.rego"));
    await expect(compile(dir)).rejects.toThrow("x.rego is a link that leaves the policy folder");
  });

  test("a folder that is not there", async () => {
    await expect(compile("/nonexistent/policy")).rejects.toMatchObject({ exitCode: 1 });
  });
});

test("a hash of digits alone stays one in YAML", async () => {
  const mrsigner = `12e4${"5".repeat(60)}`;
  const dir = folderOf({ ...FILES, "launchgate/data.yaml": `version: 1\nsigners:\n  ${mrsigner}: { name: x }\n` });
  expect(readBundle(await compile(dir)).data["launchgate"]).toMatchObject({ signers: { [mrsigner]: { name: "x" } } });
});

describe("the cache of compiled folders", () => {
  const env = (cache: string): Record<string, string> => ({ LAUNCHGATE_OPA: opa.path, XDG_CACHE_HOME: cache });
  const cached = (dir: string, cache: string): Promise<PolicyBundle> => compileCached({ dir }, { env: env(cache) });
  const kept = (cache: string): readonly string[] =>
    execFileSync("ls", [join(cache, "launchgate")], { encoding: "utf8" })
      .split("\n")
      .filter(Boolean);

  test("keeps one bundle per content, in a folder of its owner's alone", async () => {
    const cache = emptyFolder();
    const dir = folderOf(FILES);
    const first = await cached(dir, cache);
    expect(statSync(join(cache, "launchgate")).mode & 0o777).toBe(0o700);
    expect((await cached(dir, cache)).sha256).toBe(first.sha256);
    expect(kept(cache)).toHaveLength(1);
    writeFileSync(join(dir, "fleet", "data.json"), '{"vm": "v2"}');
    expect((await cached(dir, cache)).sha256).not.toBe(first.sha256);
    expect(kept(cache)).toHaveLength(2);
  });

  test("a spoiled entry is compiled anew", async () => {
    const cache = emptyFolder();
    const dir = folderOf(FILES);
    const first = await cached(dir, cache);
    writeFileSync(join(cache, "launchgate", kept(cache)[0] ?? ""), "spoiled");
    expect((await cached(dir, cache)).sha256).toBe(first.sha256);
  });

  test("a folder that others may write to is not used, and the command goes on", async () => {
    const cache = emptyFolder();
    mkdirSync(join(cache, "launchgate"));
    chmodSync(join(cache, "launchgate"), 0o777);
    await cached(folderOf(FILES), cache);
    expect(kept(cache)).toEqual([]);
  });

  test("no folder for it is no obstacle", async () => {
    const cache = join(emptyFolder(), "file");
    writeFileSync(cache, "");
    expect((await cached(folderOf(FILES), cache)).entrypoints).toEqual(["launch/decision"]);
  });
});

test("OPA's plain errors are understood with their places", () => {
  const stderr =
    "error: 2 errors occurred:\na.rego:3: rego_type_error: undefined function f\nb/c.rego:9: rego_compile_error: x\n";
  expect(
    opaErrors({ code: 1, stdout: "", stderr }).map(({ file, row, code, message }) => [file, row, code, message]),
  ).toEqual([
    ["a.rego", 3, "rego_type_error", "undefined function f"],
    ["b/c.rego", 9, "rego_compile_error", "x"],
  ]);
});

test("staging leaves nothing behind", async () => {
  const tmp = emptyFolder();
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = tmp;
  try {
    await compile(folderOf(FILES)).finally(() => undefined);
    expect(
      execFileSync("ls", [tmp], { encoding: "utf8" })
        .split("\n")
        .filter((name) => /^launchgate-(?!test)/.test(name)),
    ).toEqual([]);
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    rmSync(tmp, { recursive: true, force: true });
  }
});
