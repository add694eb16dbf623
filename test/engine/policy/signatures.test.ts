/** Signed bundles: OPA's by us, ours by OPA, and what forgers try. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { LaunchError } from "../../../engine/errors.js";
import { readArchive } from "../../../engine/policy/archive.js";
import { readBundle } from "../../../engine/policy/bundle.js";
import { signBundle, type VerifyOptions, verifyBundle } from "../../../engine/policy/signatures.js";
import { SIGNATURE_ALGORITHMS, signingKey, verificationKeys } from "../../../engine/policy/signing-keys.js";
import { signedDigest } from "../../../engine/policy/structured-hash.js";
import { AGREE, OPA } from "../../support/policies.js";
import { ecPair, ed25519Pair, jws, keysOf, type Pair, pack, rsaPair, tinyFiles, utf8 } from "../../support/signing.js";

const RSA = rsaPair();
const OTHER = rsaPair();
const EC = ecPair();
const PAIRS: Readonly<Record<string, Pair>> = {
  RS: RSA,
  PS: RSA,
  ES256: EC,
  ES384: ecPair("P-384"),
  ES512: ecPair("P-521"),
  EdDSA: ed25519Pair(),
};
const pairFor = (algorithm: string): Pair => PAIRS[algorithm] ?? PAIRS[algorithm.slice(0, 2)] ?? RSA;
const TIME = 1_795_300_000;
const MAX = 64 * 1024 * 1024;

/** What a verification ends with: "" where the bundle is verified, else the code. */
async function outcome(bytes: Uint8Array, options: Partial<VerifyOptions> = {}): Promise<string> {
  try {
    await verifyBundle(bytes, { keys: verificationKeys(RSA.publicPem), time: TIME, ...options });
    return "";
  } catch (error) {
    if (error instanceof LaunchError) return error.code;
    throw error;
  }
}

const folder = mkdtempSync(join(tmpdir(), "launchgate-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function keyFile(name: string, pem: string): string {
  const path = join(folder, name);
  writeFileSync(path, pem);
  return path;
}

/** Data that shows how JSON is hashed: numbers, escapes, order of keys, files in folders. */
const DATA =
  '{"word":"yes","n":1.0,"e":1e2,"neg":-0,"s":"\\u2028\\b\\f\\u0001<>&\\u007f\\u00e9\\ud83d\\ude00","\\uffff":1,"\\ud83d\\ude00":2}';

/** A folder of sources, for OPA to build. */
const sources = join(folder, "src");
mkdirSync(join(sources, "a"), { recursive: true });
for (const [path, text] of Object.entries({ "p.rego": AGREE, "data.json": DATA, "a/data.json": '{ "x": 1 }' })) {
  writeFileSync(join(sources, path), text);
}

function opaBuild(args: readonly string[], cwd = sources): Uint8Array {
  const output = join(folder, "built.tar.gz");
  execFileSync(OPA, ["build", "--v1-compatible", "-t", "wasm", "-e", "launch/decision", "-o", output, ...args], {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
  return new Uint8Array(readFileSync(output));
}

/** Whether OPA verifies a bundle: "", or what it says. It builds it anew, for which it must have its key. */
function opaVerifies(bytes: Uint8Array, pair: Pair, algorithm: string, more: readonly string[] = []): string {
  const given = join(folder, "given.tar.gz");
  writeFileSync(given, bytes);
  const verify = ["--verification-key", keyFile("opa.pub", pair.publicPem), ...more];
  const sign = ["--signing-key", keyFile("opa.pem", pair.privatePem), "--signing-alg", algorithm];
  const args = ["build", "--v1-compatible", ...verify, ...sign, "-o", join(folder, "again.tar.gz"), "-b", given];
  const { status, stdout, stderr } = spawnSync(OPA, args, { encoding: "utf8", timeout: 30_000 });
  return status === 0 ? "" : stdout + stderr;
}

describe("OPA and Launchgate verify each other's signatures", () => {
  const shared = SIGNATURE_ALGORITHMS.filter((name) => name !== "EdDSA");

  test.each(shared.filter((name) => !name.startsWith("PS")))("%s by opa build", async (algorithm) => {
    const pair = pairFor(algorithm);
    const key = keyFile("opa.pem", pair.privatePem);
    const bytes = opaBuild(["--signing-key", key, "--signing-alg", algorithm, "-r", "7", "-b", "."]);
    const keys = verificationKeys(pair.publicPem, { algorithm });
    const { bundle, signature } = await verifyBundle(bytes, { keys, time: TIME });
    expect({ ...signature, files: signature.files.map(({ path }) => path).sort() }).toEqual({
      keyId: "default",
      algorithm,
      scope: null,
      expires: null,
      files: [".manifest", "data.json", "p.rego", "policy.wasm"],
    });
    expect(bundle).toMatchObject({ revision: "7", readsTrusted: true, data: { word: "yes", n: 1, a: { x: 1 } } });
  });

  test("PS256 by opa build is not RFC 7518's, whose salt is as long as the hash, and is refused", async () => {
    const bytes = opaBuild(["--signing-key", keyFile("opa.pem", RSA.privatePem), "--signing-alg", "PS256", "-b", "."]);
    expect(await outcome(bytes, { keys: verificationKeys(RSA.publicPem, { algorithm: "PS256" }) })).toBe(
      "signature_invalid",
    );
  });

  test("by opa sign, of a folder that tar packs", async () => {
    const tree = join(folder, "tree");
    mkdirSync(tree, { recursive: true });
    const unsigned = readArchive(opaBuild(["-b", "."]), MAX);
    for (const [path, bytes] of unsigned) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), bytes);
    }
    // Packed as people may write it: other space and order than OPA has hashed.
    writeFileSync(join(tree, "data.json"), `${DATA.replace("{", '{ "a": {"x":1},\n')}\n`);
    const key = keyFile("opa.pem", EC.privatePem);
    execFileSync(OPA, ["sign", "--signing-key", key, "--signing-alg", "ES256", "-b", ".", "-o", "."], { cwd: tree });
    const packed = execFileSync("tar", ["cz", "--format=ustar", "."], { cwd: tree });
    expect(await outcome(packed, { keys: verificationKeys(EC.publicPem) })).toBe("");
    writeFileSync(join(tree, "data.json"), DATA.replace("yes", "no"));
    const other = execFileSync("tar", ["cz", "--format=ustar", "."], { cwd: tree });
    expect(await outcome(other, { keys: verificationKeys(EC.publicPem) })).toBe("signature_digest");
  });

  test("by opa build with claims of its own", async () => {
    const claims = join(folder, "claims.json");
    writeFileSync(claims, JSON.stringify({ keyid: "fleet", scope: "launch", exp: TIME + 10, iss: "somebody" }));
    const key = keyFile("opa.pem", RSA.privatePem);
    const bytes = opaBuild([
      "--signing-key",
      key,
      "--claims-file",
      claims,
      "--verification-key-id",
      "fleet",
      "-b",
      ".",
    ]);
    const keys = verificationKeys(RSA.publicPem, { keyId: "fleet" });
    expect(await outcome(bytes, { keys, scope: "launch" })).toBe("");
    expect(await outcome(bytes, { keys })).toBe("signature_scope");
    expect(await outcome(bytes, { keys, scope: "other" })).toBe("signature_scope");
    expect(await outcome(bytes, { keys, scope: "launch", time: TIME + 10 })).toBe("signature_expired");
  });

  test.each(shared)("%s by Launchgate", async (algorithm) => {
    const { signing, verifying } = keysOf(pairFor(algorithm), { algorithm, keyId: "default" });
    const bytes = await signBundle(opaBuild(["-r", "7", "-b", "."]), signing);
    expect(opaVerifies(bytes, pairFor(algorithm), algorithm)).toBe("");
    expect(await outcome(bytes, { keys: verifying })).toBe("");
    const files = Object.fromEntries(readArchive(bytes, MAX));
    const changed = pack({ ...files, "data.json": utf8('{"word":"no"}') });
    expect(opaVerifies(changed, pairFor(algorithm), algorithm)).toMatch(/data\.json: digest mismatch/);
    expect(await outcome(changed, { keys: verifying })).toBe("signature_digest");
  });

  test("by Launchgate with a scope, an id and an end", async () => {
    const key = signingKey(RSA.privatePem, { keyId: "fleet" });
    const bytes = await signBundle(opaBuild(["-b", "."]), key, { scope: "launch", expires: TIME + 10 });
    const named = ["--verification-key-id", "fleet", "--scope"];
    expect(opaVerifies(bytes, RSA, "RS256", [...named, "launch"])).toBe("");
    expect(opaVerifies(bytes, RSA, "RS256", [...named, "other"])).toMatch(/scope mismatch/);
    expect(opaVerifies(bytes, OTHER, "RS256", [...named, "launch"])).toMatch(/failed to verify/);
  });

  test("on any JSON, also as our data never has it", async () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.constantFrom("1.0", "-0", "1E+2"),
    );
    const { value } = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
        number,
        fc.constantFrom("true", "null", '"\u2028\\u0008"'),
        fc.array(tie("value")).map((items) => `[${items.join(" , ")}]`),
        fc.dictionary(fc.string({ unit: "binary" }), tie("value")).map(
          (object) =>
            `{${Object.entries(object)
              .map(([key, text]) => `${JSON.stringify(key)}:${text}`)
              .join(",")}}`,
        ),
      ),
    }));
    const documents = fc.sample(value, { numRuns: 60, seed: 7 }).flatMap((text, at) => {
      const path = `d${at}/data.json`;
      const bytes = utf8(text);
      try {
        return [{ path, bytes, digest: signedDigest(path, bytes, "sha256") }];
      } catch {
        return []; // what documents may not say here, such as a key of JavaScript's own
      }
    });
    expect(documents.length).toBeGreaterThan(40);
    const tree = mkdtempSync(join(folder, "json-"));
    for (const { path, bytes } of documents) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), bytes);
    }
    execFileSync(OPA, ["sign", "--signing-key", keyFile("opa.pem", RSA.privatePem), "-b", ".", "-o", folder], {
      cwd: tree,
    });
    const { signatures } = JSON.parse(readFileSync(join(folder, ".signatures.json"), "utf8"));
    const { files } = JSON.parse(Buffer.from(signatures[0].split(".")[1], "base64url").toString());
    const byOpa = new Map(files.map(({ name, hash }: { name: string; hash: string }) => [name, hash]));
    expect(documents.map(({ path, digest }) => [path, digest])).toEqual(
      documents.map(({ path }) => [path, byOpa.get(path)]),
    );
  });
});

describe("signBundle", () => {
  const bundle = pack(tinyFiles());

  test.each(SIGNATURE_ALGORITHMS)("%s, which verifies", async (algorithm) => {
    const { signing, verifying } = keysOf(pairFor(algorithm), { algorithm });
    const { signature } = await verifyBundle(await signBundle(bundle, signing), { keys: verifying, time: TIME });
    expect(signature).toMatchObject({ keyId: null, algorithm });
  });

  test("changes nothing but the signature, and is the same each time where its algorithm is", async () => {
    const key = signingKey(RSA.privatePem);
    const signed = await signBundle(bundle, key);
    const { ".signatures.json": signature, ...files } = Object.fromEntries(readArchive(signed, MAX));
    expect(signature?.length).toBeGreaterThan(0);
    expect(pack(files)).toEqual(bundle);
    expect(await signBundle(signed, key)).toEqual(signed);
    const ec = signingKey(EC.privatePem);
    const [one, two] = [await signBundle(bundle, ec), await signBundle(bundle, ec)];
    const parts = [one, two].map((bytes) => {
      const { signatures } = JSON.parse(new TextDecoder().decode(readArchive(bytes, MAX).get(".signatures.json")));
      return signatures[0].split(".") as string[];
    });
    expect(parts[0]?.slice(0, 2)).toEqual(parts[1]?.slice(0, 2));
    expect(parts[0]?.[2]).not.toBe(parts[1]?.[2]);
  });

  test("signs nothing that could not be used", async () => {
    const { "policy.wasm": _, ...without } = tinyFiles();
    await expect(signBundle(pack(without), signingKey(RSA.privatePem))).rejects.toMatchObject({
      code: "bundle_format",
    });
    await expect(signBundle(bundle, signingKey(RSA.privatePem), { expires: 1.5 })).rejects.toMatchObject({
      code: "option",
    });
  });
});

describe("which key", () => {
  const bundle = pack(tinyFiles());
  const signedAs = async (keyId?: string) =>
    signBundle(bundle, signingKey(RSA.privatePem, keyId === undefined ? {} : { keyId }));
  const rsa = (keyId: string) => verificationKeys(RSA.publicPem, { keyId });
  const other = (keyId: string) => verificationKeys(OTHER.publicPem, { keyId });

  test.each<[string, string | undefined, VerifyOptions["keys"], string]>([
    ["a key without id is for any signature", "a", verificationKeys(RSA.publicPem), ""],
    ["a signature without id is for the only key", undefined, rsa("a"), ""],
    ["the one that is named", "b", [...other("a"), ...rsa("b")], ""],
    ["another one under that name", "a", [...other("a"), ...rsa("b")], "signature_invalid"],
    ["none of that name", "c", rsa("a"), "signature_key"],
    ["none named of several", undefined, [...other("a"), ...rsa("b")], "signature_key"],
    ["another key", "a", verificationKeys(OTHER.publicPem), "signature_invalid"],
    ["no key at all", "a", [], "key"],
    ["two of one id", "a", [...rsa("a"), ...other("a")], "key"],
    ["one with an id and one without", "a", [...rsa("a"), ...verificationKeys(OTHER.publicPem)], "key"],
  ])("%s", async (_, keyId, keys, code) => {
    expect(await outcome(await signedAs(keyId), { keys })).toBe(code);
  });
});

describe("what does not count, each by its own code", () => {
  const FILES = tinyFiles();
  const LIST = Object.entries(FILES).map(([name, bytes]) => ({
    name,
    hash: signedDigest(name, bytes, "sha256"),
    algorithm: "SHA-256",
  }));
  const HEADER = { alg: "RS256" };
  const [FIRST] = LIST;

  /** A bundle whose `.signatures.json` is that content, or one token of these parts. */
  const withFile = (content: object | string | Uint8Array, files = FILES): Uint8Array =>
    pack({
      ...files,
      ".signatures.json":
        content instanceof Uint8Array ? content : utf8(typeof content === "string" ? content : JSON.stringify(content)),
    });
  const withToken = (
    payload: object | Uint8Array,
    header: object = HEADER,
    key: string | null = RSA.privatePem,
  ): Uint8Array => withFile({ signatures: [jws(header, payload, key)] });
  const good = jws(HEADER, { files: LIST }, RSA.privatePem);
  const [head = "", body = "", tail = ""] = good.split(".");
  const listed = (change: object) => withToken({ files: [{ ...FIRST, ...change }, ...LIST.slice(1)] });

  test("the same that is not touched does", async () => {
    expect(await outcome(withFile({ signatures: [good] }))).toBe("");
    expect(await outcome(withFile({ signatures: [good], plugin: "_default" }))).toBe("");
    expect(await outcome(listed({ hash: FIRST?.hash.toUpperCase() }))).toBe("");
    const hash = signedDigest(".manifest", FILES[".manifest"] ?? new Uint8Array(), "sha512");
    expect(await outcome(listed({ algorithm: "SHA-512", hash }))).toBe("");
  });

  test.each<[string, string, Uint8Array]>([
    ["no signature", "signature_missing", pack(FILES)],
    ["no JSON", "signature_format", withFile("{")],
    ["no UTF-8", "signature_format", withFile(Uint8Array.of(0x22, 0xff, 0x22))],
    ["no object", "signature_format", withFile([])],
    ["no list", "signature_format", withFile({ signatures: good })],
    ["an empty list", "signature_format", withFile({ signatures: [] })],
    ["two signatures", "signature_format", withFile({ signatures: [good, good] })],
    [
      "one of them of somebody else",
      "signature_format",
      withFile({ signatures: [good, jws(HEADER, { files: [] }, OTHER.privatePem)] }),
    ],
    [
      "another's before it",
      "signature_format",
      withFile({ signatures: [jws(HEADER, { files: [] }, OTHER.privatePem), good] }),
    ],
    ["more than signatures", "signature_format", withFile({ signatures: [good], more: 1 })],
    ["a plugin's", "signature_format", withFile({ signatures: [good], plugin: "mine" })],
    ["no token", "signature_format", withFile({ signatures: [7] })],
    ["an empty token", "signature_format", withFile({ signatures: [""] })],
    ["a token of two parts", "signature_format", withFile({ signatures: [`${head}.${body}`] })],
    [
      "a token in JSON",
      "signature_format",
      withFile({ signatures: [JSON.stringify({ payload: body, signature: tail })] }),
    ],
    ["a token that is no base64url", "signature_format", withFile({ signatures: [`${head}.${body}=.${tail}`] })],
    ["a header that is no JSON", "signature_format", withFile({ signatures: [`AAAA.${body}.${tail}`] })],
    ["a payload that is no JSON", "signature_format", withToken(utf8("files"))],
    ["more than 4 MiB", "signature_format", withFile(" ".repeat(4 * 1024 * 1024 + 1))],
    ["deep nesting", "signature_format", withFile(`{"signatures":${"[".repeat(100_000)}`)],
    ["a critical header", "signature_format", withToken({ files: LIST }, { ...HEADER, crit: ["exp"], exp: 1 })],
    ["a payload outside", "signature_format", withToken({ files: LIST }, { ...HEADER, b64: false, crit: ["b64"] })],
    [
      "a second .signatures.json",
      "signature_format",
      withFile({ signatures: [good] }, { ...FILES, "a/.signatures.json": utf8("{}") }),
    ],
    ["an id that is no text", "signature_format", withToken({ files: LIST }, { ...HEADER, kid: 7 })],
    ["two ids", "signature_format", withToken({ files: LIST, keyid: "b" }, { ...HEADER, kid: "a" })],

    ["alg none with no signature", "signature_format", withToken({ files: LIST }, { alg: "none" }, null)],
    ["alg none with one", "signature_algorithm", withFile({ signatures: [`${b64({ alg: "none" })}.${body}.${tail}`] })],
    ["alg None", "signature_algorithm", withFile({ signatures: [`${b64({ alg: "None" })}.${body}.${tail}`] })],
    ["no alg", "signature_algorithm", withFile({ signatures: [`${b64({})}.${body}.${tail}`] })],
    [
      "HS256 with the public key as secret",
      "signature_algorithm",
      withToken({ files: LIST }, { alg: "HS256" }, RSA.publicPem),
    ],
    [
      "RS512 where the key is for RS256",
      "signature_algorithm",
      withFile({ signatures: [`${b64({ alg: "RS512" })}.${body}.${tail}`] }),
    ],
    [
      "ES256 where it is for RS256",
      "signature_algorithm",
      withFile({ signatures: [`${b64({ alg: "ES256" })}.${body}.${tail}`] }),
    ],
    [
      "a key that it brings itself",
      "signature_invalid",
      withToken({ files: LIST }, { ...HEADER, jwk: { kty: "RSA" }, jku: "http://x" }, OTHER.privatePem),
    ],

    ["another key's signature", "signature_invalid", withToken({ files: LIST }, HEADER, OTHER.privatePem)],
    ["another payload's", "signature_invalid", withFile({ signatures: [`${head}.${b64({ files: [] })}.${tail}`] })],
    [
      "another header's",
      "signature_invalid",
      withFile({ signatures: [`${b64({ alg: "RS256", typ: "JWT" })}.${body}.${tail}`] }),
    ],
    ["a signature cut short", "signature_invalid", withFile({ signatures: [`${head}.${body}.${tail.slice(0, -4)}`] })],

    ["a scope that nobody asked for", "signature_scope", withToken({ files: LIST, scope: "launch" })],
    ["a scope that is no text", "signature_scope", withToken({ files: LIST, scope: ["launch"] })],
    ["one that has ended", "signature_expired", withToken({ files: LIST, exp: TIME })],
    ["one that has yet to begin", "signature_early", withToken({ files: LIST, nbf: TIME + 1 })],
    ["an end that is no time", "signature_format", withToken({ files: LIST, exp: "2030" })],

    ["no list of files", "signature_format", withToken({})],
    ["a list that is none", "signature_format", withToken({ files: { "data.json": "x" } })],
    ["a file that is none", "signature_format", withToken({ files: [...LIST, null] })],
    ["a file without hash", "signature_format", listed({ hash: 7 })],
    ["a file with more than that", "signature_format", listed({ size: 7 })],
    ["a file twice", "signature_format", withToken({ files: [...LIST, FIRST] })],
    ["a file twice, with two hashes", "signature_format", withToken({ files: [...LIST, { ...FIRST, hash: "00" }] })],
    ["MD5", "signature_format", listed({ algorithm: "MD5" })],
    ["SHA-1", "signature_format", listed({ algorithm: "SHA-1" })],
    ["no hash algorithm", "signature_format", listed({ algorithm: "" })],
    ["one of JavaScript's own", "signature_format", listed({ algorithm: "constructor" })],
    ["another hash", "signature_digest", listed({ hash: "00".repeat(32) })],
    ["a hash cut short", "signature_digest", listed({ hash: FIRST?.hash.slice(0, 8) })],
    ["an empty hash", "signature_digest", listed({ hash: "" })],
    [
      "a file that is not there",
      "signature_file_missing",
      withToken({ files: [...LIST, { ...FIRST, name: "more.rego" }] }),
    ],
    [
      "the signature itself",
      "signature_file_missing",
      withToken({ files: [...LIST, { ...FIRST, name: ".signatures.json" }] }),
    ],
    ["a file by another path", "signature_file_extra", listed({ name: "/.manifest" })],
    ["a file that is not listed", "signature_file_extra", withToken({ files: LIST.slice(1) })],
    ["no file listed", "signature_file_extra", withToken({ files: [] })],
    [
      "a file more",
      "signature_file_extra",
      withFile({ signatures: [good] }, { ...FILES, "more.rego": utf8("package more") }),
    ],
    [
      "a file that ends like it",
      "signature_format",
      withFile({ signatures: [good] }, { ...FILES, "x.signatures.json": utf8("{}") }),
    ],
    [
      "another file",
      "signature_digest",
      withFile({ signatures: [good] }, { ...FILES, "launch/decision.rego": utf8("package l\n") }),
    ],
    ["other data", "signature_digest", withFile({ signatures: [good] }, { ...FILES, "data.json": utf8('{"a":1}') })],
    ["data that is no JSON", "bundle_format", withFile({ signatures: [good] }, { ...FILES, "data.json": utf8("{") })],
    ["no gzip", "bundle_format", utf8("no gzip")],
  ])("%s: %s", async (_, code, bytes) => {
    expect(await outcome(bytes)).toBe(code);
  });

  test("data and manifest that say the same in other words are what was signed", async () => {
    const spaced = Object.fromEntries(
      Object.entries(FILES).map(([path, bytes]) => {
        const text = new TextDecoder().decode(bytes);
        return /\.(json|manifest)$/.test(path) ? [path, utf8(` ${text} \n`)] : [path, bytes];
      }),
    );
    expect(await outcome(withFile({ signatures: [good] }, spaced))).toBe("");
  });

  test("what verifies and cannot be used is still refused", async () => {
    const broken = { ...tinyFiles(), ".manifest": utf8('{"roots":[""]}') };
    const list = Object.entries(broken).map(([name, bytes]) => ({
      name,
      hash: signedDigest(name, bytes, "sha256"),
      algorithm: "SHA-256",
    }));
    expect(await outcome(withFile({ signatures: [jws(HEADER, { files: list }, RSA.privatePem)] }, broken))).toBe(
      "bundle_format",
    );
  });

  test("no byte of a signed bundle can be another without it being refused, or saying the same", async () => {
    const bytes = await signBundle(pack(tinyFiles()), signingKey(EC.privatePem));
    const keys = verificationKeys(EC.publicPem);
    const { bundle } = await verifyBundle(bytes, { keys, time: TIME });
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ flip;
        if ((await outcome(changed, { keys })) !== "") return;
        const read = readBundle(changed);
        expect({ sha256: read.sha256, revision: read.revision }).toEqual({
          sha256: bundle.sha256,
          revision: bundle.revision,
        });
      }),
      { numRuns: 300 },
    );
  });

  test("options that are none", async () => {
    expect(await outcome(withFile({ signatures: [good] }), { time: Number.NaN })).toBe("option");
    expect(await outcome(withFile({ signatures: [good] }), { time: 1.5 })).toBe("option");
    expect(await outcome(withFile({ signatures: [good] }), { maxBytes: 100 })).toBe("bundle_format");
  });
});

function b64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
