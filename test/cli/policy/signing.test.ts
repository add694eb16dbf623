/** build --sign, verify, and --verify-key of the commands that take policies, as processes. */

import { execFileSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readBundle, sha256Hex, shippedPolicy } from "../../../hooks/index.js";
import { launchgate, type Run } from "../../support/cli.js";
import { OPA } from "../../support/policies.js";
import { ecPair, rsaPair } from "../../support/signing.js";
import { makeSigstruct } from "../../support/sigstructs.js";
import { decisionRego, folderOf } from "./folder.js";

const EC = ecPair();
const RSA = rsaPair();
const folder = folderOf({
  "ec.pem": EC.privatePem,
  "ec.pub": EC.publicPem,
  "rsa.pem": RSA.privatePem,
  "rsa.pub": RSA.publicPem,
  "set.json": JSON.stringify({
    keys: [
      { ...createPublicKey(RSA.publicPem).export({ format: "jwk" }), kid: "old" },
      { ...createPublicKey(EC.publicPem).export({ format: "jwk" }), kid: "fleet-1", alg: "ES256" },
    ],
  }),
  "policy/d.rego": decisionRego('deny := []\n\nallow if input.hook == "enclave_init"'),
});
const at = (name: string) => join(folder, name);
const OPTIONS = { env: { LAUNCHGATE_OPA: OPA } };
const build = (...args: readonly string[]): Run =>
  launchgate(["build", at("policy"), "--name", "fleet", "--revision", "7", ...args], OPTIONS);

beforeAll(() => {
  const signing = [
    "--sign",
    at("ec.pem"),
    "--key-id",
    "fleet-1",
    "--scope",
    "launch",
    "--expires",
    "2100-01-01T00:00:00Z",
  ];
  expect(build("-o", at("signed.tar.gz"), ...signing)).toMatchObject({ code: 0 });
  expect(build("-o", at("plain.tar.gz"))).toMatchObject({ code: 0 });
  writeFileSync(at("sigstruct.bin"), makeSigstruct());
});

describe("build --sign", () => {
  test("says by which key, and writes the same policy as without", () => {
    const { code, stdout, stderr } = build("-o", at("again.tar.gz"), "--sign", at("rsa.pem"), "--format", "json");
    const bytes = readFileSync(at("again.tar.gz"));
    const { sha256 } = readBundle(readFileSync(at("plain.tar.gz")));
    expect(JSON.parse(stdout)).toEqual({
      name: "fleet",
      revision: "7",
      sha256,
      entrypoints: ["launch/decision"],
      output: at("again.tar.gz"),
      size_bytes: bytes.length,
      signature: { key_id: null, algorithm: "RS256" },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("signed: RS256, a key without id\n") });
    build("-o", at("twice.tar.gz"), "--sign", at("rsa.pem"));
    expect(readFileSync(at("twice.tar.gz"))).toEqual(bytes);
  });

  test("is verified by OPA", () => {
    const verify = ["--verification-key", at("ec.pub"), "--verification-key-id", "fleet-1", "--scope", "launch"];
    const sign = ["--signing-key", at("ec.pem"), "--signing-alg", "ES256"];
    const args = ["build", "--v1-compatible", ...verify, ...sign, "-o", at("opa.tar.gz"), "-b", at("signed.tar.gz")];
    expect(() => execFileSync(OPA, args, { stdio: "pipe" })).not.toThrow();
    expect(() => execFileSync(OPA, [...args, "--scope", "x"], { stdio: "pipe" })).toThrow();
  });

  test.each<[string, readonly string[], number, string]>([
    ["no key file", ["--sign", "nowhere.pem"], 1, "cannot read nowhere.pem: there is no such file"],
    ["a public key", ["--sign", at("ec.pub")], 1, "holds no private key in PEM"],
    [
      "an algorithm of another key",
      ["--sign", at("ec.pem"), "--sign-alg", "RS256"],
      1,
      "which is not for RS256; expected ES256",
    ],
    ["HS256", ["--sign", at("ec.pem"), "--sign-alg", "HS256"], 1, "Allowed choices are RS256,"],
    ["a key id without a key", ["--key-id", "a"], 1, "say more of --sign KEY"],
    [
      "an end that is none",
      ["--sign", at("ec.pem"), "--expires", "tomorrow"],
      1,
      '--expires is "tomorrow", expected RFC 3339',
    ],
    ["an end in the past", ["--sign", at("ec.pem"), "--expires", "2020-01-01T00:00:00Z"], 3, "it ended at 1577836800"],
  ])("refuses %s, and writes nothing", (_, args, exit, message) => {
    writeFileSync(at("kept.tar.gz"), "kept");
    const { code, stdout, stderr } = build("-o", at("kept.tar.gz"), ...args);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toContain(message);
    expect(readFileSync(at("kept.tar.gz"), "utf8")).toBe("kept");
  });
});

describe("verify", () => {
  const verify = (bundle: string, ...args: readonly string[]): Run => launchgate(["verify", at(bundle), ...args]);

  test("says what was verified", () => {
    const bytes = readFileSync(at("signed.tar.gz"));
    const { sha256 } = readBundle(bytes);
    const { code, stdout, stderr } = verify("signed.tar.gz", "--key", at("ec.pub"), "--scope", "launch");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^verified\n/);
    for (const row of [
      /^ {2}name +fleet$/m,
      /^ {2}revision +7$/m,
      new RegExp(`^ {2}policy +sha256:${sha256}$`, "m"),
      new RegExp(`^ {2}bundle file +sha256:${sha256Hex(bytes)}$`, "m"),
      /^ {2}entrypoints +launch\/decision$/m,
      /^ {2}signature +ES256, key fleet-1$/m,
      /^ {2}scope +launch$/m,
      /^ {2}expires +2100-01-01T00:00:00.000Z$/m,
    ]) {
      expect(stdout).toMatch(row);
    }
  });

  test("prints one JSON document, by a JWK Set", () => {
    const { code, stdout } = verify("signed.tar.gz", "--key", at("set.json"), "--scope", "launch", "--format", "json");
    const { files, ...result } = JSON.parse(stdout);
    expect({ code, result }).toEqual({
      code: 0,
      result: {
        verified: true,
        name: "fleet",
        revision: "7",
        sha256: readBundle(readFileSync(at("signed.tar.gz"))).sha256,
        file_sha256: sha256Hex(readFileSync(at("signed.tar.gz"))),
        entrypoints: ["launch/decision"],
        key_id: "fleet-1",
        algorithm: "ES256",
        scope: "launch",
        expires: Date.parse("2100-01-01T00:00:00Z") / 1000,
      },
    });
    const wasm = readBundle(readFileSync(at("signed.tar.gz"))).wasm;
    expect(files).toContainEqual({ path: "policy.wasm", algorithm: "SHA-256", digest: sha256Hex(wasm) });
  });

  test.each<[string, string, readonly string[], string]>([
    ["no signature", "plain.tar.gz", ["--key", at("ec.pub")], "signature_missing"],
    ["no scope asked for", "signed.tar.gz", ["--key", at("ec.pub")], "signature_scope"],
    ["another scope", "signed.tar.gz", ["--key", at("ec.pub"), "--scope", "x"], "signature_scope"],
    ["another kind of key", "signed.tar.gz", ["--key", at("rsa.pub"), "--scope", "launch"], "signature_algorithm"],
    ["another key id", "signed.tar.gz", ["--key", at("ec.pub"), "--key-id", "b", "--scope", "launch"], "signature_key"],
    ["no bundle", "ec.pub", ["--key", at("ec.pub")], "bundle_format"],
  ])("exits 2 for %s", (_, bundle, args, reason) => {
    const json = verify(bundle, ...args, "--format", "json");
    expect({ code: json.code, result: JSON.parse(json.stdout) }).toEqual({
      code: 2,
      result: { verified: false, code: reason, message: expect.any(String) },
    });
    expect(verify(bundle, ...args)).toMatchObject({
      code: 2,
      stdout: expect.stringMatching(`^not verified: .* \\[${reason}\\]\n$`),
    });
  });

  test.each<[string, string, readonly string[], string]>([
    ["no file", "nowhere.tar.gz", ["--key", at("ec.pub")], "there is no such file"],
    ["no key file", "signed.tar.gz", ["--key", "nowhere.pub"], "cannot read nowhere.pub"],
    ["a private key", "signed.tar.gz", ["--key", at("ec.pem")], "no verifier should have"],
    ["no key of that id", "signed.tar.gz", ["--key", at("set.json"), "--key-id", "x"], 'there is no key "x"'],
    ["no key named", "signed.tar.gz", [], "required option '--key <file>' not specified"],
  ])("exits 1 for %s", (_, bundle, args, message) => {
    const { code, stdout, stderr } = verify(bundle, ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
  });
});

describe("eval --verify-key", () => {
  const evaluate = (...args: readonly string[]): Run =>
    launchgate(["eval", "--sigstruct", at("sigstruct.bin"), "--format", "json", ...args], OPTIONS);
  const key = ["--verify-key", at("ec.pub"), "--verify-scope", "launch"];

  test("decides by what is verified, as without", () => {
    const { code, stdout } = evaluate("--policy", at("signed.tar.gz"), ...key, "--verify-key-id", "fleet-1");
    expect({ code, decision: JSON.parse(stdout).decision }).toEqual({ code: 0, decision: "allow" });
    expect(evaluate("--policy", at("plain.tar.gz"))).toMatchObject({ code: 0 });
    expect(JSON.parse(evaluate().stdout).policy[0].sha256).toBe(shippedPolicy().sha256);
  });

  test.each<[string, readonly string[], number, string]>([
    ["an unsigned bundle", ["--policy", at("plain.tar.gz"), ...key], 3, "the bundle is not signed"],
    [
      "one of several that is not signed",
      ["--policy", at("signed.tar.gz"), "--policy", at("plain.tar.gz"), ...key],
      3,
      "not signed",
    ],
    ["another key", ["--policy", at("signed.tar.gz"), "--verify-key", at("rsa.pub")], 3, "the key is for RS256"],
    ["a folder", ["--policy", at("policy"), ...key], 1, "is a folder, which no key can verify"],
    ["nothing to verify", key, 1, "--verify-key is for --policy BUNDLE"],
    ["an id without a key", ["--policy", at("signed.tar.gz"), "--verify-key-id", "a"], 1, "say more of --verify-key"],
    ["a key that is none", ["--policy", at("signed.tar.gz"), "--verify-key", at("sigstruct.bin")], 1, "holds no PEM"],
  ])("refuses %s", (_, args, exit, message) => {
    const { code, stdout, stderr } = evaluate(...args);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toContain(message);
  });
});
