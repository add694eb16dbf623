/** Real SIGSTRUCTs through every command that takes one: what was independently verified of them comes out of each. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { launchgate, ROOT } from "../support/cli.js";

const CORPUS = resolve(process.env["LAUNCHGATE_CORPUS"] ?? join(ROOT, "../shared/corpus"));
const PRESENT = existsSync(join(CORPUS, "index.json"));
const MISSING = PRESENT ? "" : ` (SKIPPED: no corpus at ${CORPUS}, set LAUNCHGATE_CORPUS to it)`;

interface Entry {
  readonly file: string;
  readonly mrsigner: string;
  readonly mrenclave: string;
  readonly isvprodid: number;
  readonly isvsvn: number;
  readonly debug_allowed: boolean;
}

const ENTRIES: readonly Entry[] = PRESENT ? JSON.parse(readFileSync(join(CORPUS, "index.json"), "utf8")) : [];
const FILES = ENTRIES.map(({ file }) => join(CORPUS, file));
const folder = mkdtempSync(join(tmpdir(), "launchgate-corpus-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** A listing of all of them by measurement, as their index has it. */
const listed = () =>
  write(
    "listed.json",
    JSON.stringify({
      version: 1,
      mrenclaves: Object.fromEntries(ENTRIES.map(({ mrenclave, file }) => [mrenclave, { name: file, debug: true }])),
    }),
  );

/** One decision of each, as audit records. */
function log(): string {
  const records = FILES.map((file) => launchgate(["eval", "--sigstruct", file, "--format", "audit"]).stdout);
  return write("audit.jsonl", records.join(""));
}

describe.skipIf(!PRESENT)(`real SIGSTRUCTs${MISSING}`, () => {
  test("inspect reads who signed what", () => {
    const { code, stdout } = launchgate(["inspect", ...FILES, "--format", "json"]);
    const found = (JSON.parse(stdout) as Entry[]).map(({ mrsigner, mrenclave }) => ({ mrsigner, mrenclave }));
    expect([code, found]).toEqual([0, ENTRIES.map(({ mrsigner, mrenclave }) => ({ mrsigner, mrenclave }))]);
  });

  test("vet judges every one, and finds what can be launched with DEBUG=1", () => {
    const { code, stdout } = launchgate(["vet", join(CORPUS, "sigstructs"), "--format", "json"]);
    const { enclaves } = JSON.parse(stdout) as {
      enclaves: (Entry & { readonly deny: readonly { readonly code: string }[] })[];
    };
    const found = enclaves.map(({ mrsigner, mrenclave, isvprodid, isvsvn, deny }) => ({
      ...{ mrsigner, mrenclave, isvprodid, isvsvn },
      debug_allowed: deny.some((one) => one.code === "debug_launchable"),
    }));
    const known = ENTRIES.map(({ mrsigner, mrenclave, isvprodid, isvsvn, debug_allowed }) => ({
      ...{ mrsigner, mrenclave, isvprodid, isvsvn, debug_allowed },
    }));
    expect([code, found]).toEqual([2, known]);
  });

  test("diff finds each the same as itself, and no two the same", () => {
    for (const [at, file] of FILES.entries()) {
      if (at % 7 !== 0) continue;
      expect(launchgate(["diff", file, file, "--exit-code"]).code).toBe(0);
      expect(launchgate(["diff", file, FILES[at + 1] ?? "", "--exit-code"]).code).toBe(2);
    }
  });

  test("replay decides the log of them as it was decided, and shows what a listing changes", () => {
    const records = log();
    const same = JSON.parse(launchgate(["replay", records, "--format", "json"]).stdout);
    expect(same.counts).toMatchObject({ same: ENTRIES.length, allow_to_deny: 0, deny_to_allow: 0 });
    const { code, stdout } = launchgate([
      "replay",
      records,
      "--data",
      listed(),
      "--fail-on",
      "any",
      "--format",
      "json",
    ]);
    const { counts } = JSON.parse(stdout);
    const { same: unchanged, allow_to_deny, deny_to_allow, reasons_changed } = counts;
    expect([code, allow_to_deny, unchanged + deny_to_allow + reasons_changed]).toEqual([2, 0, ENTRIES.length]);
    expect(deny_to_allow).toBeGreaterThan(10);
  });

  test("suggest proposes a document that eval takes, and launches what justifies it", () => {
    const { code, stdout } = launchgate(["suggest", log(), "--by", "mrenclave", "--allow-debug"]);
    const data = write("proposed.yaml", stdout);
    const decided = FILES.map((file) => launchgate(["eval", "--sigstruct", file, "--data", data]).code);
    expect([code, new Set(decided)]).toEqual([0, new Set([0, 2])]);
    for (const [at, { mrenclave }] of ENTRIES.entries()) {
      if (stdout.includes(mrenclave)) expect([at, decided[at]]).toEqual([at, 0]);
    }
  });

  test("test puts them to a policy as native and as guest", () => {
    const enclaves = ENTRIES.map((_, at) => `  e${at}: { file: ${JSON.stringify(FILES[at])} }\n`).join("");
    write(
      "corpus_test.yaml",
      `version: 1\nsuite: corpus\nenclaves:\n${enclaves}cases:\n  - name: a stranger\n    enclave: [${ENTRIES.map((_, at) => `e${at}`).join(", ")}]\n    expect: deny\n`,
    );
    const { code, stdout, stderr } = launchgate(["test", folder, "--only", "suites", "--format", "json"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout).summary).toMatchObject({ pass: 2 * ENTRIES.length, fail: 0 });
  });
});
