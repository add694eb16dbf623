/** The package as others get it: packed, installed into an empty folder, used; and the shipped bundle built over again. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { readBundle, shippedPolicy } from "../hooks/index.js";
import { emptyFolder } from "./cli/policy/folder.js";
import { ROOT } from "./support/cli.js";
import { OPA } from "./support/policies.js";
import { makeSigstruct } from "./support/sigstructs.js";

/** The shipped bundle as the build has left it, base64. */
const shipped = readFileSync(join(ROOT, "dist/policy.tar.gz")).toString("base64");

/** With this process's environment, so that npm finds its cache and registry; npm's own variables are left out. */
function run(program: string, args: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$|^NODE/i.test(name));
  const env = { ...Object.fromEntries(inherited), ...more };
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return { code: status, stdout, stderr };
}

/** The same where it must succeed. */
function output(...args: Parameters<typeof run>): string {
  const { code, stdout, stderr } = run(...args);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

describe("npm pack, installed into an empty folder", () => {
  const folder = emptyFolder();
  const installed = join(folder, "node_modules/launchgate");

  beforeAll(() => {
    // The build has just been done; doing it again here would pull dist/ away from under the other tests.
    const [packed] = JSON.parse(
      output("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], ROOT),
    );
    const tarball = `file:${packed.filename}`;
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ private: true, type: "module", dependencies: { launchgate: tarball } }),
    );
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lockFor(tarball)));
    output("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], folder);
    writeFileSync(join(folder, "enclave.sigstruct"), makeSigstruct());
  });

  test("holds what it needs, no tests, and nothing of the machine it was built on", () => {
    const files = readdirSync(installed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1)).sort();
    expect(names).toEqual(
      expect.arrayContaining(["LICENSE", "README.md", "SECURITY.md", "dist/cli/main.js", "policies/capabilities.json"]),
    );
    expect(
      names.filter((name) => /_test\.rego$|\.test\.|(^|\/)test\/|^node_modules|\.tsbuildinfo$/.test(name)),
    ).toEqual([]);
    const places = [ROOT, realpathSync(ROOT), process.env["HOME"] ?? ROOT].filter((place) => place.length > 5);
    const telling = names.filter((name) => places.some((place) => readFileSync(join(installed, name)).includes(place)));
    expect(telling).toEqual([]);
    const bundle = gunzipSync(Buffer.from(shipped, "base64"));
    expect(places.filter((place) => bundle.includes(place))).toEqual([]);
  });

  test("says its version and decides from the command line", () => {
    expect(output("npx", ["launchgate", "version"], folder)).toMatch(
      /^launchgate +\d+\.\d+\.\d+\ncontract +1\npolicy /,
    );
    const args = ["launchgate", "eval", "--sigstruct", "enclave.sigstruct", "--format", "json"];
    const denied = run("npx", args, folder);
    expect({ code: denied.code, reasons: JSON.parse(denied.stdout).reasons }).toMatchObject({
      code: 2,
      reasons: [{ code: "signer_not_listed" }],
    });
    expect(JSON.parse(output("npx", [...args, "--profile", "baseline"], folder)).decision).toBe("allow");
  });

  test("makes, checks, builds and uses a policy of one's own", () => {
    output("npx", ["launchgate", "init", "mine"], folder);
    output("npx", ["launchgate", "check", "mine"], folder);
    output("npx", ["launchgate", "build", "mine", "-o", "mine.tar.gz"], folder);
    for (const policy of ["mine", "mine.tar.gz"])
      expect(
        run("npx", ["launchgate", "eval", "--sigstruct", "enclave.sigstruct", "--policy", policy], folder).code,
      ).toBe(2);
  });

  test("decides from a script that imports it by its name", () => {
    writeFileSync(
      join(folder, "script.js"),
      `import { readFileSync } from "node:fs";
import { createGate } from "launchgate";
const { decision, reasons } = createGate().decide({
  v: 1, hook: "enclave_init", id: null, time: 1795300000,
  origin: { kind: "native", enforcement: "library", process: null, vm: null, guest: null },
  platform: { flc: null, lepubkeyhash: null },
  grants: { provisionkey: { granted: false, how: null } },
  sigstruct: readFileSync("enclave.sigstruct").toString("base64"), token: null, secs: null,
  deadline_ms: null, synthetic: true,
});
console.log(decision, ...reasons.map(({ code }) => code));
`,
    );
    expect(output(process.execPath, ["script.js"], folder)).toBe("deny signer_not_listed\n");
  });

  test("decides with a deadline, in threads of its own, from a script", () => {
    writeFileSync(
      join(folder, "guarded.js"),
      `import { readFileSync } from "node:fs";
import { createGuardedGate } from "launchgate";
const gate = await createGuardedGate({ deadlineMs: 10_000 });
const { decision, reasons } = await gate.decide({
  v: 1, hook: "enclave_init", id: null, time: 1795300000,
  origin: { kind: "native", enforcement: "library", process: null, vm: null, guest: null },
  platform: { flc: null, lepubkeyhash: null },
  grants: { provisionkey: { granted: false, how: null } },
  sigstruct: readFileSync("enclave.sigstruct"), token: null, secs: null,
  deadline_ms: null, synthetic: true,
});
console.log(decision, ...reasons.map(({ code }) => code), gate.stats().evaluated);
await gate.close();
`,
    );
    expect(output(process.execPath, ["guarded.js"], folder)).toBe("deny signer_not_listed 1\n");
  });

  test.each(["nodenext", "bundler"])("has types that resolve with moduleResolution %s", (moduleResolution) => {
    const source = join(folder, `${moduleResolution}.ts`);
    writeFileSync(
      source,
      `import { createGate, type Decision, type LaunchEvent, type LaunchModule } from "launchgate";
export const module: LaunchModule = { name: "mine", hooks: { enclave_init: () => ({ answer: "pass" }) } };
export const decide = (event: LaunchEvent): Decision => createGate({ profile: "baseline", modules: [module] }).decide(event);
// @ts-expect-error there is no such profile
createGate({ profile: 1 });
`,
    );
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const types = join(ROOT, "node_modules/@types");
    const options = ["--noEmit", "--strict", "--target", "es2023", "--typeRoots", types, "--types", "node"];
    const kind = [
      "--module",
      moduleResolution === "nodenext" ? "nodenext" : "esnext",
      "--moduleResolution",
      moduleResolution,
    ];
    expect(run(process.execPath, [tsc, ...options, ...kind, source], folder)).toMatchObject({ code: 0, stdout: "" });
  });
});

/** What `npm ci` has installed here, so that npm finds the same in its cache and needs no network. */
function lockFor(tarball: string): object {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const { name: _, devDependencies: __, hasInstallScript: ___, ...own } = packages[""];
  const theirs = Object.entries<{ dev?: true }>(packages).filter(([path, { dev }]) => path !== "" && dev !== true);
  return {
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": { dependencies: { launchgate: tarball } },
      "node_modules/launchgate": { ...own, resolved: tarball },
      ...Object.fromEntries(theirs),
    },
  };
}

describe("the shipped bundle", () => {
  const digest = (base64: string) => createHash("sha256").update(base64, "base64").digest("hex");

  /** The base64 of a bundle built anew by the program under `root`. */
  function rebuild(root: string, more: NodeJS.ProcessEnv = {}, umask = "022"): string {
    const code = `const { buildShipped } = await import(${JSON.stringify(`${root}/dist/cli/policy/shipped.js`)});
process.stdout.write((await buildShipped()).bundle);`;
    const shell = ["-c", `umask ${umask}; exec "$0" "$@"`, process.execPath, "--input-type=module", "-e", code];
    return output("sh", shell, root, more);
  }

  test("is the policy that the engine embeds", () => {
    const { wasm, readsTrusted: _, ...bundle } = readBundle(Buffer.from(shipped, "base64"));
    const { wasm: embedded, readsTrusted: trusted, ...policy } = shippedPolicy();
    expect(policy).toEqual(bundle);
    expect([Buffer.from(embedded).equals(wasm), trusted]).toEqual([true, true]);
  });

  test("comes out the same, byte for byte, when it is built again", () => {
    expect(digest(rebuild(ROOT))).toBe(digest(shipped));
  });

  test("comes out the same from another folder, in another time zone and locale, under another umask", () => {
    const copy = join(emptyFolder(), "some where", "else");
    mkdirSync(copy, { recursive: true });
    for (const part of ["dist", "policies", "package.json"])
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    const elsewhere = { TZ: "Pacific/Chatham", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8", HOME: copy };
    expect(digest(rebuild(copy, elsewhere, "077"))).toBe(digest(shipped));
  });

  test("is one that opa inspect understands", () => {
    const file = join(emptyFolder(), "shipped.tar.gz");
    writeFileSync(file, Buffer.from(shipped, "base64"));
    const { manifest, namespaces } = JSON.parse(output(OPA, ["inspect", "--format", "json", file], ROOT));
    expect(manifest.metadata.launchgate).toMatchObject({ contract: 1, name: "launchgate", opa: "0.70.0" });
    expect(manifest.wasm.map(({ entrypoint }: { readonly entrypoint: string }) => entrypoint)).toEqual(
      expect.arrayContaining(["launch/decision", "enclave/create", "enclave/provision", "vm/epc", "vm/provision"]),
    );
    expect(Object.keys(namespaces)).toEqual(
      expect.arrayContaining(["data.launch", "data.launch.standard", "data.lib.profile"]),
    );
  });
});
