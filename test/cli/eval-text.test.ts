/** What `launchgate eval` and `inspect` show to people: explanations, colours, and no text that a terminal would obey. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Decision } from "../../engine/index.js";
import { shippedPolicy } from "../../engine/index.js";
import { has, launchgate, MAIN, run } from "../support/cli.js";
import { evalFiles } from "./eval-files.js";
import { emptyFolder, folderOf } from "./policy/folder.js";

const FOLDER = evalFiles();
const ESCAPE = "\u001b";

const evaluate = (...args: readonly string[]) => launchgate(["eval", ...args], { cwd: FOLDER });

describe("--explain", () => {
  const rules = shippedPolicy().rules.filter(({ entrypoints }) => entrypoints.includes("launch/decision"));
  const marksOf = (stdout: string) =>
    [...stdout.matchAll(/^ {4}(silent|objects|warns) +(\S+) +(.*) \[(data\..*)\]$/gm)].map(
      ([, mark = "", code = "", title = "", path = ""]) => ({ mark, code, title, path }),
    );

  test("lists every rule of the policy, and marks the one that objects", () => {
    const { code, stdout } = evaluate("--sigstruct", "release", "--explain");
    expect(code).toBe(2);
    const marks = marksOf(stdout);
    expect(rules.length).toBeGreaterThan(40);
    expect(marks).toEqual(
      rules.map(({ code, title, path }) => ({
        mark: code === "signer_not_listed" ? "objects" : "silent",
        code,
        title,
        path,
      })),
    );
  });

  test("marks every rule that objects, and those that only warn", () => {
    const objecting = evaluate("--sigstruct", "may-debug", "--explain");
    expect(
      marksOf(objecting.stdout)
        .filter(({ mark }) => mark !== "silent")
        .map(({ mark, code }) => [mark, code]),
    ).toEqual([
      ["objects", "debug_unknown"],
      ["objects", "signer_not_listed"],
    ]);
    const warning = evaluate("--sigstruct", "may-debug", "--explain", "--profile", "open");
    expect(warning.code).toBe(0);
    expect(
      marksOf(warning.stdout)
        .filter(({ mark }) => mark !== "silent")
        .map(({ mark, code }) => [mark, code]),
    ).toEqual([
      ["warns", "debug_unknown"],
      ["warns", "signer_not_listed"],
    ]);
  });

  test.each<[string, readonly string[], readonly string[]]>([
    [
      "an allow",
      ["--data", "listed.json"],
      ["architecture: pass", "capability: pass", "policy: allow", "lockdown: pass"],
    ],
    [
      "a denial by the policy",
      [],
      ["architecture: pass", "capability: pass", "policy: deny", "lockdown: not asked: the walk had ended"],
    ],
    [
      "a denial that counts for nothing",
      ["--permissive"],
      ["architecture: pass", "capability: pass", "policy: deny (permissive)", "lockdown: pass"],
    ],
  ])("shows the walk through the modules: %s", (_, args, walk) => {
    const { stdout } = evaluate("--sigstruct", "release", "--explain", ...args);
    expect(stdout.match(/^ {2}(architecture|capability|policy|lockdown): .*$/gm)).toEqual(
      walk.map((line) => `  ${line}`),
    );
  });

  test("shows that nobody was asked about a structure that does not decode", () => {
    const { stdout } = evaluate("--sigstruct", "short", "--explain");
    expect(stdout.match(/: not asked: the walk had ended$/gm)).toHaveLength(4);
  });
});

/** What a terminal would obey: controls but the line's end, and what turns the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const HOSTILE = `${ESCAPE}[2J${ESCAPE}]0;gone\u0007\u009b31m\u202eallow\u2066`;

/** A string as Rego and YAML write it, in ASCII. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

describe("hostile text is shown, not obeyed", () => {
  const policy = folderOf({
    "launch/decision.rego": `package launch

# METADATA
# entrypoint: true
decision := {"allow": false, "deny": deny, "warn": warn}

# METADATA
# title: ${quoted(HOSTILE)}
# custom:
#   code: hostile
deny contains {"code": "hostile", "message": ${quoted(`${HOSTILE}\nallow enclave_init`)}}

warn contains {"code": "hostile_too", "message": ${quoted(`\r${HOSTILE}`)}}
`,
  });
  const file = join(emptyFolder(), `${HOSTILE}.sigstruct`);
  const missing = join(emptyFolder(), HOSTILE);
  writeFileSync(file, readFileSync(join(FOLDER, "release")));
  const bundle = join(emptyFolder(), "hostile.tar.gz");

  test("of a policy's messages and titles", () => {
    const args = ["--sigstruct", "release", "--policy", policy];
    const { reasons } = JSON.parse(evaluate(...args, "--format", "json").stdout) as Decision;
    expect(reasons.map(({ message }) => message)).toEqual([`${HOSTILE}\nallow enclave_init`]);
    const { stdout, stderr } = evaluate(...args, "--explain");
    expect(stdout).not.toMatch(OBEYED);
    expect(stdout).not.toMatch(/^allow/m);
    expect(stdout).toContain("objects  hostile");
    expect(stderr).toBe("");
  });

  test("of a bundle's revision", () => {
    expect(launchgate(["build", policy, "-o", bundle, "--revision", HOSTILE, "--no-check"]).code).toBe(0);
    const { stdout } = evaluate("--sigstruct", "release", "--policy", bundle);
    expect(stdout).toContain("]0;gone");
    expect(stdout).not.toMatch(OBEYED);
  });

  test("of a policy folder's paths and text, by check", () => {
    const folder = folderOf({ [`${HOSTILE}.rego`]: `package other\n\nfound := input[${quoted(HOSTILE)}]\n` });
    const { code, stdout, stderr } = launchgate(["check", folder]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/gone.*\.rego:3: input\[.*gone.* does not exist/);
    expect(stdout + stderr).not.toMatch(OBEYED);
  });

  test.each<[string, readonly string[]]>([
    ["a file that is there", ["inspect", "--format", "text", file]],
    ["a file that is not", ["inspect", "--format", "text", missing]],
    ["a SIGSTRUCT that is not there", ["eval", "--sigstruct", missing]],
    ["a policy that is not there", ["eval", "--sigstruct", file, "--policy", missing]],
    ["data that is not there", ["eval", "--sigstruct", file, "--data", missing]],
    ["an event that is none", ["eval", "--event", file]],
    ["a value that is none", ["eval", "--sigstruct", file, "--attributes", HOSTILE]],
    ["a command that is none", [HOSTILE]],
    ["an option's value that is no choice", ["eval", "--origin", HOSTILE]],
  ])("of the name of %s", (_, args) => {
    const { stdout, stderr } = launchgate(args);
    expect(stdout + stderr).toContain("gone");
    expect(stdout + stderr).not.toMatch(OBEYED);
  });
});

describe("colours", () => {
  const args = ["eval", "--sigstruct", "release", "--explain"];
  /** On a terminal of its own. */
  const onTerminal = (command: readonly string[], env = {}) =>
    run("script", ["-qec", [process.execPath, MAIN, ...command].join(" "), "/dev/null"], {
      cwd: FOLDER,
      env: { TERM: "xterm", ...env },
    });

  test.each<[string, Readonly<Record<string, string>>]>([
    ["a pipe", {}],
    ["a pipe, though forced", { FORCE_COLOR: "1" }],
    ["a pipe in CI", { CI: "true" }],
  ])("do not go into %s", (_, env) => {
    const { stdout, stderr } = launchgate(args, { cwd: FOLDER, env: { TERM: "xterm", ...env } });
    expect(stdout + stderr).not.toContain(ESCAPE);
    expect(stdout).toMatch(/^deny/);
  });

  const terminal = test.skipIf(!has("script"));

  terminal("mark the verdict on a terminal (SKIPPED where there is no script(1))", () => {
    const { stdout } = onTerminal(args);
    expect(stdout).toContain(`${ESCAPE}[31m${ESCAPE}[1mdeny${ESCAPE}[22m${ESCAPE}[39m enclave_init`);
    expect(onTerminal([...args, "--data", "listed.json"]).stdout).toContain(`${ESCAPE}[32m${ESCAPE}[1mallow`);
  });

  terminal("stay away with NO_COLOR, on a dumb terminal, and from JSON (SKIPPED where there is no script(1))", () => {
    for (const [command, env] of [
      [args, { NO_COLOR: "1" }],
      [args, { TERM: "dumb" }],
      [[...args, "--format", "json"], {}],
    ] as const) {
      const { stdout } = onTerminal(command, env);
      expect(stdout).toContain("signer_not_listed");
      expect(stdout).not.toContain(ESCAPE);
    }
  });

  terminal("inspect shows text on a terminal, JSON in a pipe (SKIPPED where there is no script(1))", () => {
    expect(onTerminal(["inspect", "release"]).stdout).toContain("release: sigstruct at offset 0");
    expect(JSON.parse(launchgate(["inspect", "release"], { cwd: FOLDER }).stdout)).toHaveLength(1);
  });
});
