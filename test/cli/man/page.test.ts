/** The manual page: what the build has made of the commands' help, and what text may do to it. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, expect, test } from "vitest";
import { COMMANDS } from "../../../cli/commands.js";
import { manPage } from "../../../cli/man/page.js";
import { has, launchgate, ROOT, run } from "../../support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-man-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BUILT = join(ROOT, "dist/man/launchgate.1");

test("every command has its part, with every option that its help has", () => {
  const page = readFileSync(BUILT, "utf8").replaceAll("\\-", "-");
  for (const { name } of COMMANDS) {
    expect(page).toContain(`\n.SS launchgate ${name} `);
    const { stdout } = launchgate([name, "--help"]);
    for (const [option] of stdout.matchAll(/^ {2}.*?(--[a-z-]+)/gm)) {
      expect(page).toContain(/--[a-z-]+/.exec(option)?.[0] ?? option);
    }
  }
});

test("text is no request and no escape to roff, whatever is in it", () => {
  const command = new Command("odd").description(".so /etc/passwd").option("--x <y>", "'br \\fB -1\n.TH … 🔒");
  const lines = manPage({ version: "1", commands: [command] }).split("\n");
  expect(lines).toContain("\\&.so /etc/passwd");
  expect(lines).toContain("\\&'br \\efB \\-1 .TH \\[u2026] \\[u1F512]");
});

test.skipIf(!has("groff"))("groff has nothing to say against it (skipped without groff)", () => {
  const copy = join(folder, "launchgate.1");
  writeFileSync(copy, readFileSync(BUILT));
  const { code, stderr } = run("groff", ["-man", "-Tutf8", "-ww", "-z", copy]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});
