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

function starter(): string {
  const dir = join(emptyFolder(), "policy");
  expect(launchgate(["init", dir]).code).toBe(0);
  return dir;
}

describe("passes, exit 0,", () => {
  test("the policy that init writes", () => {
    const dir = starter();
    const { code, stdout, stderr } = testing([dir, "--coverage-threshold", "100"]);
    expect({ code, stderr, stdout: stdout.replaceAll(dir, "DIR") }).toEqual({
      code: 0,
      stderr: "",
      stdout:
        "Rego DIR/launch/decision_test.rego: 3 of 3 pass\nlaunches: 8 of 8 pass\nconformance: 5 of 5 pass\ncoverage: 1 of 1 pass\n\n17 pass, 100 % Rego coverage\n",
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
    expect({ code, stdout: stdout.replaceAll(dir, "DIR").replaceAll(/[0-9a-f]{64}/g, "<hash>") }).toEqual({
      code: 2,
      stdout:
        "launches: 8 of 9 pass\n  FAIL wrong (DIR/launch/decision_test.yaml:46)\n    expected allow, found deny: signer_not_listed (signer <hash> is not listed)\n\n8 pass, 1 fail\n",
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
    expect(stdout).toContain("FAIL launch_test.test_big");
    expect(stdout).toContain("interpreter and WebAssembly differ: it passes in opa test, and traps");
  });

  test("where coverage is below the threshold, naming the lines", () => {
    const dir = starter();
    writeFileSync(join(dir, "launch/decision_test.rego"), "package launch_test\n\ntest_a if true\n");
    const { code, stdout } = testing([dir, "--only", "rego", "--coverage-threshold", "90"]);
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /0 % of the lines are covered, expected at least 90 %\n.*decision\.rego:\d+(-\d+)? is reached by no test/,
    );
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
      said: /ERROR launch_test\.test_s .*\n.*it calls sprintf, which compiled policies do not have/.test(stdout),
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
  expect(out).toContain("2 of 2 pass");
  appendFileSync(join(dir, "a_test.yaml"), "  - { name: y, enclave: a, origin: native, expect: allow }\n");
  await expect.poll(runs, { timeout: 20_000 }).toBe(2);
  expect(out).toContain("FAIL y");
  child.kill("SIGINT");
  expect(await ended).toBe(2);
});
