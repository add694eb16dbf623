/** The README says what is so: its first command prints what it shows, its data document is valid, its links lead somewhere. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { COMMANDS } from "../cli/commands.js";
import { effectiveData, REASONS, shippedData } from "../engine/index.js";
import { launchgate, ROOT, run } from "./support/cli.js";

const readme = readFileSync(join(ROOT, "README.md"), "utf8");

function block(language: string, containing: string): string {
  const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  const found = blocks.find(([, kind, text = ""]) => kind === language && text.includes(containing));
  if (found?.[2] === undefined) throw new Error(`the README has no ${language} block with ${containing}`);
  return found[2];
}

/** Signers and digests differ each time. */
const anonymous = (text: string) =>
  text.replaceAll(/[0-9a-f]{64}/g, "<hash>").replaceAll(/sha256:[0-9a-f]{16}…/g, "<digest>");

describe("the README", () => {
  test("shows what its first command prints", () => {
    const command = block("sh", "launchgate eval --sigstruct -");
    expect(command).toBe("npm ci && node examples/sign.mjs debug | npx launchgate eval --sigstruct -\n");
    const signed = run(process.execPath, ["examples/sign.mjs", "debug"], { cwd: ROOT }).stdout;
    const { code, stdout } = launchgate(["eval", "--sigstruct", "-"], { input: signed });
    expect([code, anonymous(stdout)]).toEqual([2, anonymous(block("", "deny enclave_init"))]);
  });

  test("names the test command that CI runs", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(block("sh", "npm test")).toBe("npm ci && npm test\n");
    expect(readFileSync(join(ROOT, ".ci/run"), "utf8")).toMatch(/^npm ci .*$[\s\S]*\bnpm test;/m);
    for (const [, script = ""] of readme.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(script);
  });

  test("has a data document that is valid", () => {
    expect(effectiveData([parse(block("yaml", "signers:"))], shippedData)).toMatchObject({ profile: "strict" });
  });

  test("names no command that there is not, and no file", () => {
    for (const [, command = ""] of readme.matchAll(/npx launchgate (\w+)/g)) {
      expect(COMMANDS.map(({ name }) => name)).toContain(command);
    }
    for (const [, path = ""] of readme.matchAll(/\]\((?!http)([^)#]+)[^)]*\)/g))
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
  });

  test("and the table of reason codes has a sentence for each", () => {
    for (const [code, sentence] of Object.entries(REASONS))
      expect([code, sentence]).toEqual([code, expect.stringMatching(/^[A-Z].*\.$/)]);
  });
});
