/** `launchgate test` as its users run it: the real program, with real OPA, on real folders. */

import { spawn } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { launchgate, MAIN, ROOT } from "../../support/cli.js";
import { makeSigstruct, testSigner } from "../../support/sigstructs.js";
import { emptyFolder, folderOf, opa } from "../policy/folder.js";

const env = { LAUNCHGATE_OPA: opa.path };
const testing = (args: readonly string[], cwd = ROOT) => launchgate(["test", ...args], { env, cwd });

const steady = (text: string, dir: string): string =>
  text
    .replaceAll(dir, "DIR")
    .replaceAll(/[0-9a-f]{64}/g, "<hash>")
    .replaceAll(/ {2}\d+ ms$/gm, "")
    .replaceAll(/\([\d.]+ m?s\)$/gm, "(<time>)");

function starter(): string {
  const dir = join(emptyFolder(), "policy");
  expect(launchgate(["init", dir]).code).toBe(0);
  return dir;
}

describe("passes, exit 0,", () => {
  test("the policy that init writes", () => {
    const dir = starter();
    const { code, stdout, stderr } = testing([dir, "--coverage-threshold", "100"]);
    expect({ code, stderr, stdout: steady(stdout, dir) }).toEqual({
      code: 0,
      stderr: "",
      stdout: `launchgate test  17 tests of launch policy policy

Rego DIR/launch/decision_test.rego
  pass   launch_test.test_a_listed_signer_launches
  pass   launch_test.test_an_unlisted_signer_does_not_launch
  pass   launch_test.test_isvsvn_0_does_not_launch

launches
  pass   a listed signer's enclave launches [native]
  pass   a listed signer's enclave launches [kvm]
  pass   an unlisted signer's does not [native]
  pass   an unlisted signer's does not [kvm]
  pass   one with ISVSVN 0 does not [native]
  pass   one with ISVSVN 0 does not [kvm]
  pass   one that may be debugged launches only where nobody does [native]
  pass   one that may be debugged launches only where nobody does [kvm]

conformance
  pass   launches: a listed signer's enclave launches [native]
  pass   launches: an unlisted signer's does not [native]
  pass   launches: one with ISVSVN 0 does not [native]
  pass   launches: one that may be debugged launches only where nobody does [native]
  pass   launches: one that may be debugged launches only where nobody does [kvm]

coverage
  pass   at least 100 %

  Rego coverage  100 %
  policy         policy sha256:<hash>

pass   17 cases: 17 pass (<time>)
`,
    });
  });

  test("the shipped policies' own tests", () => {
    const { code, stdout } = testing(["policies", "--only", "rego", "--coverage-threshold", "100", "--format", "json"]);
    const { summary, coverage } = JSON.parse(stdout);
    expect({ code, ...summary, percent: coverage.percent }).toMatchObject({
      code: 0,
      fail: 0,
      error: 0,
      skip: 0,
      percent: 100,
    });
    expect(summary.pass).toBeGreaterThan(100);
  });

  test("the bundle that hosts run, and the current folder where none is named", () => {
    const dir = starter();
    const bundle = join(dir, "policy.tar.gz");
    expect(launchgate(["build", dir, "-o", bundle, "--name", "mine"], { env }).code).toBe(0);
    const { code, stdout } = testing(["--policy", bundle, "--format", "json", "--coverage-threshold", "100"], dir);
    const { policy, summary } = JSON.parse(stdout);
    expect({ code, name: policy[0].name, summary }).toEqual({
      code: 0,
      name: "mine",
      summary: { pass: 17, warn: 0, fail: 0, error: 0, skip: 0 },
    });
  });

  test("the built-in policy with the data document of a folder that has no Rego", () => {
    const dir = folderOf({
      "launchgate/data.yaml": `version: 1\nsigners: { "${testSigner("theirs")}": { name: theirs } }\n`,
      "real.sig": Buffer.from(makeSigstruct({}, "theirs")).toString("hex"),
      "a_test.yaml":
        "version: 1\nenclaves: { real: { file: real.sig }, other: {} }\ncases:\n  - { name: listed, enclave: real, expect: allow }\n  - { name: not, enclave: other, expect: { deny: [signer_not_listed] } }\n",
    });
    expect(testing([dir]).code).toBe(0);
    expect(
      testing([
        dir,
        "--data",
        join(
          folderOf({ "d.yaml": `version: 1\nrevoked: { mrsigners: { "${testSigner("theirs")}": { reason: x } } }\n` }),
          "d.yaml",
        ),
      ]).code,
    ).toBe(2);
  });
});

describe("fails, exit 2,", () => {
  test("with what was expected and what was found", () => {
    const dir = starter();
    appendFileSync(
      join(dir, "launch/decision_test.yaml"),
      "\n  - { name: wrong, enclave: stranger, origin: kvm, expect: allow }\n",
    );
    const { code, stdout } = testing([dir, "--only", "suites"]);
    expect({ code, stdout: steady(stdout, dir) }).toEqual({
      code: 2,
      stdout: `launchgate test  9 tests of launch policy policy

launches
  pass   a listed signer's enclave launches [native]
  pass   a listed signer's enclave launches [kvm]
  pass   an unlisted signer's does not [native]
  pass   an unlisted signer's does not [kvm]
  pass   one with ISVSVN 0 does not [native]
  pass   one with ISVSVN 0 does not [kvm]
  pass   one that may be debugged launches only where nobody does [native]
  pass   one that may be debugged launches only where nobody does [kvm]
  fail   wrong  DIR/launch/decision_test.yaml:46
         expectation  expected allow, found deny: signer_not_listed (signer <hash> is not listed)
           fix  correct the policy, its data or the expectation
         decision  deny
         reasons   signer_not_listed

  policy  policy sha256:<hash>

fail   9 cases: 1 fail, 8 pass (<time>)
`,
    });
  });

  test("where the interpreter passes what hosts would not", () => {
    const dir = starter();
    appendFileSync(
      join(dir, "launch/decision_test.rego"),
      '\ntest_big if format_int(2147483648, 10) == "2147483648"\n',
    );
    const { code, stdout } = testing([dir, "--only", "rego"]);
    expect(code).toBe(2);
    expect(steady(stdout, dir)).toContain(`
  fail   launch_test.test_big  DIR/launch/decision_test.rego:65
         wasm_difference  interpreter and WebAssembly differ: it passes in opa test, and traps (the policy aborted: strings: get uint failed) compiled, as hosts run it
           fix  decide by what WebAssembly can do: integers below 2^31 in format_int, no builtin of a host
         opa test     pass
         WebAssembly  trap
`);
  });

  test("where coverage is below the threshold, naming the lines", () => {
    const dir = starter();
    writeFileSync(join(dir, "launch/decision_test.rego"), "package launch_test\n\ntest_a if true\n");
    const { code, stdout } = testing([dir, "--only", "rego", "--coverage-threshold", "90"]);
    expect(code).toBe(2);
    expect(steady(stdout, dir)).toContain(`
coverage
  fail   at least 90 %
         coverage  0 % of the lines are covered, expected at least 90 %
           fix  test the lines that are named
         coverage  note: DIR/launch/decision.rego:13 is reached by no test
         coverage  note: DIR/launch/decision.rego:19 is reached by no test
         coverage  note: DIR/launch/decision.rego:21-23 is reached by no test
         coverage  note: DIR/launch/decision.rego:26 is reached by no test
         coverage  note: DIR/launch/decision.rego:33 is reached by no test
         coverage  note: DIR/launch/decision.rego:37 is reached by no test

  Rego coverage  0 %
`);
  });
});

describe("could not, exit 1,", () => {
  test.each([
    [
      "a folder without tests",
      { "a.txt": "" },
      [],
      "has no tests: expected files that end in _test.rego, _test.yaml, _test.yml or _test.json",
    ],
    [
      "a filter that nothing matches",
      { "a_test.yaml": "version: 1\nenclaves: { a: {} }\ncases: [{ name: x, enclave: a, expect: deny }]\n" },
      ["--filter", "zzz"],
      "matches",
    ],
    ["a filter that is none", { "a.txt": "" }, ["--filter", "("], "it is no regular expression"],
    ["a threshold that is none", { "a.txt": "" }, ["--coverage-threshold", "101"], "expected a number from 0 to 100"],
  ])("%s", (_, files, args, message) => {
    const { code, stderr } = testing([folderOf(files), ...args]);
    expect({ code, said: stderr.includes(message), stderr }).toEqual({ code: 1, said: true, stderr });
  });

  test("where a Rego test cannot run as WebAssembly, or coverage cannot be measured", () => {
    const dir = starter();
    appendFileSync(join(dir, "launch/decision_test.rego"), '\ntest_s if sprintf("%d", [1]) == "1"\n');
    const { code, stdout } = testing([dir]);
    expect({
      code,
      said: /^ {2}error {2}launch_test\.test_s {2}\S+decision_test\.rego:65\n +not_judged {2}it cannot be run as WebAssembly: it calls sprintf, which compiled policies do not have/m.test(
        stdout,
      ),
    }).toEqual({ code: 1, said: true });
    expect(testing([dir, "--filter", "isvsvn", "--coverage-threshold", "1"]).stdout).toContain(
      "coverage was not measured: --filter leaves tests out",
    );
  });
});

describe("invalid, exit 3,", () => {
  test("a suite with an unknown key, and escape sequences in it stay harmless", () => {
    const dir = folderOf({
      "a_test.yaml": 'version: 1\ncases:\n  - { name: x, "\\e[31mexpec": allow, expect: allow }\n',
    });
    const { code, stderr } = testing([dir]);
    expect(code).toBe(3);
    expect(stderr).toContain("a_test.yaml:3:16: ");
    expect(stderr).not.toContain("\u001b");
  });

  test("a policy that does not compile", () => {
    const dir = starter();
    appendFileSync(join(dir, "launch/decision.rego"), "\nallow if nothing_of_that_name\n");
    expect(testing([dir])).toMatchObject({ code: 3, stdout: "" });
  });
});

test("lists what would run, filtered", () => {
  const dir = starter();
  const { code, stdout } = testing([dir, "--list", "--filter", "isvsvn|ISVSVN", "--format", "json"]);
  const names = JSON.parse(stdout).map(({ name }: { name: string }) => name);
  expect({ code, names }).toEqual({
    code: 0,
    names: [
      "launch_test.test_isvsvn_0_does_not_launch",
      "launches: one with ISVSVN 0 does not [native]",
      "launches: one with ISVSVN 0 does not [kvm]",
    ],
  });
});

test("watches: runs again after a change, and ends on SIGINT with the last run's exit code", async () => {
  const dir = folderOf({
    "a_test.yaml": "version: 1\nenclaves: { a: {} }\ncases:\n  - { name: x, enclave: a, expect: deny }\n",
  });
  const child = spawn(process.execPath, [MAIN, "test", dir, "--watch"], { env: { PATH: process.env["PATH"], ...env } });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let [out, err] = ["", ""];
  child.stdout.on("data", (text) => {
    out += text;
  });
  child.stderr.on("data", (text) => {
    err += text;
  });
  const runs = () => err.split("waiting for changes").length - 1;
  await expect.poll(runs, { timeout: 20_000 }).toBe(1);
  const last = () => out.trim().split("\n").at(-1)?.replace(/ \(.*/, "");
  expect(last()).toBe("pass   3 cases: 3 pass");
  appendFileSync(join(dir, "a_test.yaml"), "  - { name: y, enclave: a, origin: native, expect: allow }\n");
  await expect.poll(runs, { timeout: 20_000 }).toBe(2);
  expect(out).toContain(`\n  fail   y  ${join(dir, "a_test.yaml")}:5\n`);
  expect(last()).toBe("fail   4 cases: 1 fail, 3 pass");
  child.kill("SIGINT");
  expect(await ended).toBe(2);
});
