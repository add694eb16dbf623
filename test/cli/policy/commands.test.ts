/** The commands init, check and build: what they write, print and exit with. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import picocolors from "picocolors";
import { describe, expect, test } from "vitest";
import { command as build } from "../../../cli/commands/build.js";
import { command as check } from "../../../cli/commands/check.js";
import { command as init } from "../../../cli/commands/init.js";
import type { ExitCode, Io } from "../../../cli/io.js";
import { runOpa } from "../../../cli/policy/opa.js";
import { readBundle } from "../../../engine/policy/bundle.js";
import { decisionRego, emptyFolder, folderOf, opa } from "./folder.js";

interface Ran {
  readonly out: string;
  readonly err: string;
  readonly exit: ExitCode | undefined;
}

async function run(command: (io: Io) => Command, ...args: readonly string[]): Promise<Ran> {
  let [out, err] = ["", ""];
  let exit: ExitCode | undefined;
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    colours: picocolors.createColors(false),
    terminal: false,
    progress: false,
    env: { LAUNCHGATE_OPA: opa.path },
    exit: (code) => {
      exit = code;
    },
  };
  await command(io)
    .exitOverride()
    .configureOutput({ writeErr: io.err })
    .parseAsync([...args], { from: "user" });
  return { out, err, exit };
}

const BAD = { "d.rego": decisionRego('deny contains "x" if input.enclave.mrsignr == "a"') };
const GOOD = { "d.rego": decisionRego('deny contains "x" if false') };

describe("init", () => {
  test("writes a policy that is checked, built and tested without a complaint", async () => {
    const dir = join(emptyFolder(), "policy");
    const made = await run(init, dir);
    expect(made.exit).toBe(0);
    expect(made.out.split("\n").filter(Boolean)).toEqual(
      [
        "README.md",
        "launch/decision.rego",
        "launch/decision_test.rego",
        "launch/decision_test.yaml",
        "launchgate/data.yaml",
      ].map((path) => join(dir, path)),
    );
    expect(await run(check, dir)).toEqual({ out: "", err: `${dir}: 0 errors, 0 warnings\n`, exit: 0 });
    expect((await run(build, dir, "-o", join(dir, "policy.tar.gz"))).exit).toBe(0);
    const line = /^ {2}opa (test .*)$/m.exec(made.err)?.[1]?.split(" ") ?? [];
    const tested = await runOpa(opa, line, { cwd: dir });
    expect(tested).toMatchObject({ code: 0, stdout: "PASS: 3/3\n" });
    const formatted = await runOpa(opa, ["fmt", "--v1-compatible", "--list", join(dir, "launch")], { cwd: dir });
    expect(formatted).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("takes an empty folder, and touches no other", async () => {
    expect((await run(init, emptyFolder())).exit).toBe(0);
    const dir = folderOf({ "notes.txt": "mine" });
    await expect(run(init, dir)).rejects.toThrow(`${dir} is not empty (it has notes.txt)`);
    await expect(run(init, join(dir, "notes.txt"))).rejects.toThrow("is a file, expected a folder, or nothing");
  });
});

describe("check", () => {
  test("exits 3 with the finding where something is refused", async () => {
    const dir = folderOf(BAD);
    expect(await run(check, dir)).toEqual({
      out: "error d.rego:9: input.enclave.mrsignr does not exist; did you mean mrsigner? [unknown_field]\n",
      err: `${dir}: 1 error, 0 warnings\n`,
      exit: 3,
    });
  });

  test("prints one JSON document", async () => {
    const { out, err, exit } = await run(check, folderOf(BAD), "--format", "json");
    const message = "input.enclave.mrsignr does not exist; did you mean mrsigner?";
    expect(JSON.parse(out)).toEqual({
      errors: [{ code: "unknown_field", file: "d.rego", line: 9, message }],
      warnings: [],
    });
    expect({ err, exit }).toEqual({ err: "", exit: 3 });
  });

  test("exits 0 with warnings alone", async () => {
    const dir = folderOf({ "d.rego": decisionRego('deny := []\n\nallow if not input.enclave.debug == "on"') });
    const { out, exit } = await run(check, dir);
    expect(out).toContain("warning d.rego:11: the negation also holds");
    expect(exit).toBe(0);
  });

  test("judges the data documents that are named", async () => {
    const data = join(folderOf({ "d.yaml": "version: 1\nsignres: {}\n" }), "d.yaml");
    const { out, exit } = await run(check, folderOf(GOOD), "--data", data);
    expect(out).toContain('data.launchgate has the unknown key "signres"');
    expect(exit).toBe(3);
  });
});

describe("build", () => {
  test("writes the bundle and says its digest", async () => {
    const output = join(emptyFolder(), "b.tar.gz");
    const { out, err, exit } = await run(
      build,
      folderOf(GOOD),
      "-o",
      output,
      "--profile",
      "open",
      "--name",
      "mine",
      "--revision",
      "r1",
    );
    const policy = readBundle(readFileSync(output));
    expect(policy).toMatchObject({ name: "mine", revision: "r1", data: { launchgate: { profile: "open" } } });
    expect(out).toBe(`mine sha256:${policy.sha256} ${output}\n`);
    expect(err).toContain("entrypoints launch/decision");
    expect(exit).toBe(0);
  });

  test("prints one JSON document", async () => {
    const output = join(emptyFolder(), "b.tar.gz");
    const { out } = await run(build, folderOf(GOOD), "-o", output, "--format", "json");
    const bytes = readFileSync(output);
    const { sha256 } = readBundle(bytes);
    expect(JSON.parse(out)).toEqual({
      name: "policy",
      revision: "",
      sha256,
      entrypoints: ["launch/decision"],
      output,
      size_bytes: bytes.length,
    });
  });

  test("merges the data documents that are named, and refuses contradictions", async () => {
    const output = join(emptyFolder(), "b.tar.gz");
    const dir = folderOf({ ...GOOD, "launchgate/data.yaml": "version: 1\nprofile: strict\n" });
    const vms = join(folderOf({ "d.yaml": "version: 1\nvms: { a: { epc: true } }\n" }), "d.yaml");
    await run(build, dir, "-o", output, "--data", vms, "--no-check");
    expect(readBundle(readFileSync(output)).data).toMatchObject({
      launchgate: { profile: "strict", vms: { a: { epc: true } } },
    });
    await expect(run(build, dir, "-o", output, "--profile", "open", "--no-check")).rejects.toMatchObject({
      code: "data_conflict",
    });
  });

  test("writes nothing where check refuses, and leaves what was there", async () => {
    const output = join(emptyFolder(), "b.tar.gz");
    writeFileSync(output, "old");
    const dir = folderOf(BAD);
    await expect(run(build, dir, "-o", output)).rejects.toMatchObject({
      exitCode: 3,
      message: `${dir} is refused, no bundle was written`,
    });
    expect(readFileSync(output, "utf8")).toBe("old");
    await run(build, dir, "-o", output, "--no-check");
    expect(readBundle(readFileSync(output)).entrypoints).toEqual(["launch/decision"]);
  });

  test("refuses a name that could be none", async () => {
    const output = join(emptyFolder(), "b.tar.gz");
    await expect(run(build, folderOf(GOOD), "-o", output, "--name", "../x")).rejects.toMatchObject({ exitCode: 1 });
    expect(existsSync(output)).toBe(false);
  });
});
