/** `launchgate import`: what it prints and writes, and that what it prints is what `launchgate eval` decides by. */

import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { INTEL_ROOT_KEY } from "../../cli/import/intel-whitelist.js";
import { launchgate } from "../support/cli.js";
import { makeRefLe, makeWhitelist, publicPem, ROOT_KEY } from "../support/lists.js";
import { testKey, testSigner } from "../support/sigstructs.js";
import { evalFiles, MRENCLAVE } from "./eval-files.js";

const FOLDER = evalFiles();
const SIGNER = testSigner();
const OTHER = "bb".repeat(32);

const whitelist = makeWhitelist({ mrsigners: [SIGNER, OTHER] });
const EGO = { exe: "hello", productID: 1, securityVersion: 1 };

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  "root.pem": publicPem(ROOT_KEY.publicKey),
  "p384.pem": publicPem(generateKeyPairSync("ec", { namedCurve: "secp384r1" }).publicKey),
  "wl.bin": whitelist,
  "forged.bin": new Uint8Array(whitelist).with(160, (whitelist[160] ?? 0) ^ 1),
  "refle.bin": makeRefLe([{ mrsigner: SIGNER, provisionkey: true }]),
  "author.pem": publicPem(testKey()),
  "wl_cfg.csv": "false, true, , author.pem, , release, ours\n",
  "stdin.csv": "false, false, , -, , , x\n",
  "pipe.csv": "false, false, , /dev/zero, , , x\n",
  "manifest.json": JSON.stringify({
    Packages: { ours: { SignerID: SIGNER, ProductID: 1, SecurityVersion: 1 }, anybody: { Debug: true } },
  }),
  "anybody.json": JSON.stringify({ Packages: { anybody: { Debug: true } } }),
  "evil.json": JSON.stringify({ Packages: { "a\u001b[2J\n# b: {": { UniqueID: MRENCLAVE } } }),
  "digits.json": JSON.stringify({
    Packages: { a: { UniqueID: "1".repeat(64) }, e: { UniqueID: `${"1".repeat(31)}e${"2".repeat(32)}` } },
  }),
  "enclave.json": JSON.stringify(EGO),
  "enclave2.json": JSON.stringify({ ...EGO, securityVersion: 2 }),
  "readme.txt": "Hello\n",
};
for (const [name, content] of Object.entries(FILES)) writeFileSync(join(FOLDER, name), content);

function run(args: readonly string[], input: Uint8Array | string = "") {
  return launchgate(["import", ...args], { cwd: FOLDER, input });
}

function document(args: readonly string[]): unknown {
  const { code, stdout } = run([...args, "--format", "json"]);
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

test("the document says what it was made of, and where each entry comes from", () => {
  expect(run(["wl.bin", "--root-key", "root.pem"])).toEqual({
    code: 0,
    stdout: `# Imported from wl.bin:
# - Intel white list certificate, wl_version 30, 2 entries
# - both signatures verified, up to the root key given
# - it lists signers of production enclaves; Intel's launch enclave lets everybody launch with DEBUG=1, this does not
# - it grants no PROVISIONKEY: for Intel's attestation enclaves, include intel-dcap

version: 1
signers:
  # entry 0
  ${SIGNER}:
    name: Intel white list entry 0
  # entry 1
  ${OTHER}:
    name: Intel white list entry 1
`,
    stderr: "",
  });
});

describe("what is printed is what decides", () => {
  const decides = (file: string) =>
    launchgate(["eval", "--sigstruct", "release", "--data", file], { cwd: FOLDER }).code;

  test.each([
    ["a white list", ["wl.bin", "--root-key", "root.pem"]],
    ["a ref_le list", ["refle.bin"]],
    ["a ref_le table", ["wl_cfg.csv"]],
    ["a MarbleRun manifest", ["manifest.json"]],
    ["EGo's enclave.json with an enclave", ["enclave.json", "--sigstruct", "release"]],
    ["EGo's enclave.json with MRSIGNER", ["enclave.json", "--mrsigner", SIGNER.toUpperCase()]],
    ["several", ["wl_cfg.csv", "manifest.json", "refle.bin"]],
  ] as const)("of %s", (_, args) => {
    for (const [name, format] of [
      ["imported.yaml", "yaml"],
      ["imported.json", "json"],
    ]) {
      expect(run([...args, "--format", String(format), "--out", String(name)])).toMatchObject({ code: 0, stdout: "" });
      expect([name, decides(String(name))]).toEqual([name, 0]);
    }
    expect(parse(readFileSync(join(FOLDER, "imported.yaml"), "utf8"), { stringKeys: true })).toEqual(
      JSON.parse(readFileSync(join(FOLDER, "imported.json"), "utf8")),
    );
  });

  test("and without the list it does not launch", () => {
    expect(launchgate(["eval", "--sigstruct", "release"], { cwd: FOLDER }).code).toBe(2);
  });

  test("of hashes that YAML could take for numbers", () => {
    expect(run(["digits.json", "--out", "digits.yaml"]).code).toBe(0);
    const { code, stderr } = launchgate(["eval", "--sigstruct", "release", "--data", "digits.yaml"], { cwd: FOLDER });
    expect([code, stderr]).toEqual([2, ""]);
    expect(parse(readFileSync(join(FOLDER, "digits.yaml"), "utf8"))).toEqual(document(["digits.json"]));
  });
});

describe("what cannot be said, or was not checked", () => {
  test("stands on stderr and in the document", () => {
    const note = "anybody is left out: it has neither UniqueID nor SignerID, so that anybody's enclave would be listed";
    const { code, stdout, stderr } = run(["manifest.json"]);
    expect(code).toBe(0);
    expect(stderr).toContain(`note: manifest.json: package ${note}\n`);
    expect(stdout).toContain(`# - manifest.json: package ${note}\n`);
    expect(run(["manifest.json", "--format", "json"]).stderr).toBe(stderr);
  });

  test("a forged list is refused, and taken only where asked, saying so", () => {
    const why = "the signature of the provider over the list does not verify";
    const args = ["forged.bin", "--root-key", "root.pem"];
    expect(run(args)).toEqual({
      code: 1,
      stdout: "",
      stderr: `launchgate: forged.bin: ${why}: nothing in it can be relied on (--unverified takes it all the same)\n`,
    });
    const taken = run([...args, "--unverified"]);
    expect([taken.code, taken.stderr]).toEqual([0, `note: forged.bin: NOT VERIFIED: ${why}\n`]);
    expect(taken.stdout).toContain(`# - NOT VERIFIED: ${why}\n`);
  });

  test("a list under another root than Intel's is refused", () => {
    expect(run(["wl.bin"]).stderr).toContain("the root over the provider's certificate does not verify");
  });
});

test("names from files are shown, not obeyed, on stdout and in the document", () => {
  const { code, stdout } = run(["evil.json"]);
  expect(code).toBe(0);
  expect(stdout).not.toContain("\u001b");
  expect(parse(stdout)).toEqual({ version: 1, mrenclaves: { [MRENCLAVE]: { name: "a�[2J�# b: {" } } });
});

test("stdin can be imported", () => {
  expect(run(["-", "--format", "json"], JSON.stringify({ Packages: { p: { UniqueID: OTHER } } })).stdout).toContain(
    OTHER,
  );
});

describe("refused with exit 1, and nothing on stdout or in the file", () => {
  test.each([
    [["nowhere"], "cannot read nowhere: there is no such file"],
    [["readme.txt"], "readme.txt: found 6 bytes that begin with 48656c6c6f0a, expected Intel's white list certificate"],
    [["empty"], "empty: found 0 bytes that begin with nothing, expected"],
    [["wl.bin", "--from", "ref-le"], "wl.bin: ref_le list"],
    [["wl.bin", "--root-key", "p384.pem"], "p384.pem holds a key of secp384r1, expected P-256"],
    [["wl.bin", "--root-key", "readme.txt"], "readme.txt holds no key, expected one in PEM without passphrase"],
    [["manifest.json", "--root-key", "root.pem"], "--root-key is for intel-whitelist, found none"],
    [["manifest.json", "--mrsigner", SIGNER], "--mrsigner is for ego, found none"],
    [["anybody.json"], "nothing in anybody.json can be listed: no document was written"],
    [["enclave.json"], "expected --sigstruct with an enclave signed so, or --mrsigner"],
    [["enclave.json", "--mrsigner", "12"], '--mrsigner is "12", expected 64 hex digits'],
    [
      ["enclave2.json", "--sigstruct", "release"],
      "enclave.json has securityVersion 2, but the enclave given was signed with 1",
    ],
    [["enclave.json", "--sigstruct", "forged"], "forged: its signature does not verify"],
    [["stdin.csv"], "cannot read -: there is no such file"],
    [["pipe.csv"], "cannot read /dev/zero: there is no such file"],
    [["wl_cfg.csv", "--from", "docker"], "argument 'docker' is invalid"],
  ] as const)("%j", (args, message) => {
    const { code, stdout, stderr } = run([...args, "--out", "refused.yaml"]);
    expect([code, stdout, existsSync(join(FOLDER, "refused.yaml"))]).toEqual([1, "", false]);
    expect(stderr).toContain(message);
  });
});

test("an enclave that may be debugged, though enclave.json has debug off, is noted", () => {
  const { code, stderr } = run(["enclave.json", "--sigstruct", "may-debug"]);
  expect([code, stderr]).toEqual([
    0,
    "note: enclave.json: hello: enclave.json has debug off, but the enclave given may be launched with DEBUG=1\n",
  ]);
});

test("Intel's root key is the one of Intel's sources, and a point of the curve", () => {
  // As wl_pub.hh has it: two little-endian integers.
  const [x = "", y = ""] = [
    "29391e9bcb86d6eb3c1791c88fc95f8cee0c1c75609c16c2186d6731455c36a9",
    "5f09830de122dae4ed9754e6fee2cc935e059984c94f44247a28cf81ca117eb6",
  ].map((hex) => Buffer.from(hex, "hex").reverse().toString("hex"));
  expect(INTEL_ROOT_KEY).toBe(x + y);
  const word = (hex: string) => Buffer.from(hex, "hex").toString("base64url");
  const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: word(x), y: word(y) }, format: "jwk" });
  expect(key.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
});
