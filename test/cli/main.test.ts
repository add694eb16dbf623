/** The program around its commands: help, versions, and what it says to those who mistype. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../cli/commands.js";
import { launchgate, ROOT } from "../support/cli.js";

const PACKAGE = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

describe("help", () => {
  test("lists every command, on stdout", () => {
    const { code, stdout, stderr } = launchgate(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const { name, summary } of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} +${summary}$`, "m"));
  });

  test("without a command goes to stderr, since nothing was done", () => {
    const { code, stdout, stderr } = launchgate([]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(launchgate(["--help"]).stdout);
  });

  test.each(COMMANDS)("of $name is the same either way of asking", ({ name }) => {
    const asked = launchgate([name, "--help"]);
    expect({ code: asked.code, stderr: asked.stderr }).toEqual({ code: 0, stderr: "" });
    expect(asked.stdout).toMatch(new RegExp(`^Usage: launchgate ${name} .*\\n\\n.+`));
    expect(launchgate(["help", name]).stdout).toBe(asked.stdout);
  });
});

describe("version", () => {
  test("says all that has a say in a decision, as JSON", () => {
    const { code, stdout, stderr } = launchgate(["version", "--format", "json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      launchgate: PACKAGE.version,
      contract: "1",
      policy: expect.stringMatching(new RegExp(`^launchgate ${PACKAGE.version} sha256:[0-9a-f]{64}$`)),
      "policy built with OPA": "0.70.0",
      node: process.versions.node,
      opa: expect.stringMatching(/^\d+\.\d+\.\d+ \(\/.+\)$/),
    });
  });

  test("says the same as text", () => {
    const versions = JSON.parse(launchgate(["version", "--format", "json"]).stdout) as Record<string, string>;
    const rows = launchgate(["version"]).stdout.trimEnd().split("\n");
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual(Object.entries(versions));
  });

  test("says none of an OPA that is not there", () => {
    const { code, stdout } = launchgate(["version", "--format", "json"], { env: { LAUNCHGATE_OPA: "/nowhere/opa" } });
    expect({ code, opa: JSON.parse(stdout).opa }).toEqual({ code: 0, opa: null });
  });
});

describe("a mistake is exit 1 with advice on stderr", () => {
  test.each<[string, readonly string[], RegExp]>([
    ["an unknown command", ["decide"], /unknown command 'decide'\n\(launchgate --help lists the commands\)/],
    ["a misspelt command", ["evl"], /unknown command 'evl'\n\(Did you mean eval\?\)/],
    ["an unknown option", ["--verbose"], /unknown option '--verbose'/],
    ["a misspelt option", ["eval", "--sigstuct", "x"], /unknown option '--sigstuct'\n\(Did you mean --sigstruct\?\)/],
    ["an option without its value", ["eval", "--sigstruct"], /'--sigstruct <file>' argument missing/],
    ["a choice that is none", ["version", "--format", "xml"], /'xml' is invalid.*Allowed choices are text, json/],
    ["an argument too many", ["version", "now"], /too many arguments/],
    ["an argument too few", ["inspect"], /missing required argument 'file'/],
  ])("%s", (_, args, advice) => {
    const { code, stdout, stderr } = launchgate(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(advice);
  });
});
