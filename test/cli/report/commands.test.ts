/** Every command that reports writes each report that is asked for into its file, from the real program. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { SaxesParser } from "saxes";
import { Parser as TapParser } from "tap-parser";
import { beforeAll, describe, expect, test } from "vitest";
import { launchgate } from "../../support/cli.js";
import { OPA } from "../../support/policies.js";
import { makeSigstruct } from "../../support/sigstructs.js";
import { emptyFolder } from "../policy/folder.js";
import { at, file, json, LISTED, FOLDER as LOGS, lines, OTHER, recorded } from "../replay-logs.js";

const ALL = 0xffff_ffff_ffff_ffffn;
const FOLDER = emptyFolder();

beforeAll(() => {
  writeFileSync(join(FOLDER, "old.sig"), makeSigstruct());
  writeFileSync(join(FOLDER, "new.sig"), makeSigstruct({ attributemask: { flags: ALL & ~2n, xfrm: ALL } }));
  const env = { LAUNCHGATE_OPA: OPA };
  expect(launchgate(["init", "policy"], { cwd: FOLDER, env }).code).toBe(0);
  const suite = readFileSync(join(FOLDER, "policy/launch/decision_test.yaml"), "utf8");
  const wrong = "\n  - { name: wrong, enclave: stranger, origin: kvm, expect: allow }\n";
  writeFileSync(join(FOLDER, "policy/launch/decision_test.yaml"), suite + wrong);
  file("log.jsonl", lines([recorded(at(0), { data: [LISTED] })]));
  json("listed.json", LISTED);
  json("other.json", { version: 1, signers: { [OTHER]: { name: "somebody else" } } });
});

const tools = dirname(fileURLToPath(import.meta.resolve("@microsoft/sarif-multitool-ts")));
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
const isSarif = ajv.compile(JSON.parse(readFileSync(join(tools, "../assets/sarif-2.1.0.schema.json"), "utf8")));

/** Whether a report of that format says that something failed, each asked by a reader of its format where there is one. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  junit: (xml) => {
    const failed: string[] = [];
    const parser = new SaxesParser();
    parser.on("error", (error) => {
      throw error;
    });
    parser.on("opentag", ({ name }) => {
      if (name === "failure" || name === "error") failed.push(name);
    });
    parser.write(xml).close();
    return failed.length > 0;
  },
  sarif: (text) => {
    const sarif = JSON.parse(text);
    isSarif(sarif);
    expect(isSarif.errors ?? []).toEqual([]);
    return sarif.runs[0].results.some(({ level }: { readonly level: string }) => level === "error");
  },
  html: (page) => {
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toMatch(/<\/html>\s*$/);
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
    return page.includes('<h1 class="verdict"><span class="mark s-fail"');
  },
  tap: (text) => {
    const parser = new TapParser();
    const ok: boolean[] = [];
    parser.on("assert", (result) => ok.push(result.ok));
    parser.end(text);
    expect(parser.failures.filter(({ tapError }) => tapError !== null)).toEqual([]);
    return ok.includes(false);
  },
  markdown: (text) => text.startsWith("## ❌ launchgate "),
  azure: (text) => /^##vso\[task\.logissue type=error;/m.test(text),
  github: (text) => /^::error /m.test(text),
};
const FORMATS = ["junit", "sarif", "html", "tap", "markdown", "azure", "github"] as const;

describe("all of them beside the text, of what fails and of what passes, from", () => {
  test.each<[string, string, readonly string[], readonly string[]]>([
    ["vet", FOLDER, ["old.sig", "new.sig"], ["old.sig"]],
    ["test", FOLDER, ["policy", "--only", "suites"], ["policy", "--only", "suites", "--filter", "listed"]],
    ["diff", FOLDER, ["old.sig", "new.sig", "--exit-code"], ["old.sig", "old.sig", "--exit-code"]],
    [
      "replay",
      LOGS,
      ["log.jsonl", "--data", "other.json", "--fail-on", "any"],
      ["log.jsonl", "--data", "listed.json", "--fail-on", "any"],
    ],
  ])("%s", (command, cwd, failing, passing) => {
    for (const [args, fails] of [[failing, true] as const, [passing, false] as const]) {
      const out = emptyFolder();
      const reports = FORMATS.flatMap((format) => ["--report", `${format}=${join(out, format)}`]);
      const { code, stdout } = launchgate([command, ...args, ...reports], { cwd, env: { LAUNCHGATE_OPA: OPA } });
      expect([code, stdout.split("  ")[0]]).toEqual([fails ? 2 : 0, `launchgate ${command}`]);
      expect(readdirSync(out).sort()).toEqual([...FORMATS].sort());
      const read = FORMATS.map((format) => [format, READERS[format]?.(readFileSync(join(out, format), "utf8"))]);
      expect(read).toEqual(FORMATS.map((format) => [format, fails]));
    }
  });
});
