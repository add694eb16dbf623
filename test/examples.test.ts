/** The examples print what they say: each program, and every command of the README of the policy example. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MAIN, ROOT, run } from "./support/cli.js";
import { OPA } from "./support/policies.js";

const EXAMPLES = join(ROOT, "examples");

/** Whole outputs; `<hash>` stands for 64 hex digits, since every run makes its own key. */
const PRINTED: Readonly<Record<string, string | RegExp>> = {
  "launcher.mjs": `current release: allow
old release: deny
  isvsvn_too_low: ISVSVN 2 is below 3 for product 1 of signer our build farm
debug build: deny
  debug_on: the enclave runs with DEBUG=1
somebody else's: deny
  signer_not_listed: signer <hash> is not listed
`,
  "custom-module.mjs": `asked in this order: architecture, capability, policy, office-hours, lockdown
2026-11-23T10:00:00Z: allow
2026-11-23T22:00:00Z: deny out_of_hours [office-hours]
`,
  "sign.mjs": /^[A-Za-z0-9+/]{2411}=\n$/,
};

describe("the examples", () => {
  test("are all run here", () => {
    const programs = readdirSync(EXAMPLES).filter((name) => name.endsWith(".mjs"));
    expect(programs.sort()).toEqual(Object.keys(PRINTED).sort());
  });

  test.each(Object.entries(PRINTED))("%s prints what it shows", (name, printed) => {
    const { code, stdout, stderr } = run(process.execPath, [join(EXAMPLES, name)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    if (typeof printed === "string") expect(stdout.replaceAll(/[0-9a-f]{64}/g, "<hash>")).toBe(printed);
    else expect(stdout).toMatch(printed);
  });
});

/** The README's shell blocks, each with the block of output that follows it. */
const README = readFileSync(join(EXAMPLES, "own-policy/README.md"), "utf8");
const BLOCKS = [...README.matchAll(/```sh\n([^`]+)```\n\n```\n([^`]+)```/g)].map(([, command = "", output = ""]) => ({
  command: command.trim(),
  output: output.trim().split("\n"),
}));

describe("examples/own-policy", () => {
  // What the README calls the root of a clone, without writing into this one.
  const clone = mkdtempSync(join(tmpdir(), "launchgate-test-"));
  beforeAll(() => {
    mkdirSync(join(clone, "node_modules/.bin"), { recursive: true });
    symlinkSync(MAIN, join(clone, "node_modules/.bin/launchgate"));
    symlinkSync(EXAMPLES, join(clone, "examples"));
  });
  afterAll(() => rmSync(clone, { recursive: true, force: true }));

  test("shows an output for every command", () => {
    expect(BLOCKS).toHaveLength(README.split("```sh").length - 1);
    expect(BLOCKS.length).toBeGreaterThan(5);
  });

  test.each(BLOCKS)("$command", ({ command, output }) => {
    const path = `${dirname(OPA)}:${process.env["PATH"]}`;
    const { stdout } = run("sh", ["-c", command], { cwd: clone, env: { PATH: path } });
    let rest = stdout.split("\n");
    for (const [at, line] of output.entries()) {
      const found = rest.findIndex((printed) => printed.startsWith(line));
      expect({ line, found: at === 0 ? found === 0 : found >= 0, stdout }).toEqual({ line, found: true, stdout });
      rest = rest.slice(found + 1);
    }
  });
});
