/** `launchgate diff`: what it prints, its exit codes, and the report that other formats are drawn from. */

import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { pairsOf } from "../../cli/diff/pairs.js";
import { type DiffDocument, diffDocument, diffReport } from "../../cli/diff/report.js";
import { elf, genData, sdkBlock, sdkNote } from "../support/carriers.js";
import { launchgate, ROOT } from "../support/cli.js";
import { makeSigstruct, testSigner } from "../support/sigstructs.js";
import { evalFiles, MRENCLAVE } from "./eval-files.js";

const FOLDER = evalFiles();
const RUN = { startedAt: 1_795_300_000_000, durationMs: 5 };

function diff(...args: readonly string[]) {
  return launchgate(["diff", ...args], { cwd: FOLDER });
}

const steady = (text: string): string => text.replace(/\(\d+ ms\)$/m, "(<n> ms)");

describe("the text", () => {
  test("names what changed, from what to what, and what it means", () => {
    const { code, stdout, stderr } = diff("release", "may-debug");
    expect([code, stderr]).toEqual([0, ""]);
    expect(steady(stdout)).toBe(
      `launchgate diff  release → may-debug: different

  warn   release → may-debug
         enclave_weaker  warning: guards less than before: attributemask.bits.debug enforced → free, debug_launchable false → true
           why  what was refused at launch, or kept from an enclave, is not any more
           fix  sign with what the signature before had, unless the change is meant
         attributemask.bits.debug  enforced  →  free  weaker
           the launcher chooses DEBUG: with it, the enclave's memory can be read and written from outside
         debug_launchable          false     →  true  weaker
           a launch with DEBUG=1 satisfies this SIGSTRUCT
         result     different
         mrenclave  ${MRENCLAVE}
         mrsigner   ${testSigner()}
         isvprodid  1
         isvsvn     1
         carrier    SIGSTRUCT

  changes  2 weaker

warn   1 case: 1 with warnings (<n> ms)
`,
    );
  });

  test("has long values below each other", () => {
    writeFileSync(join(FOLDER, "other-signer"), makeSigstruct({}, "other"));
    const { stdout } = diff("release", "other-signer");
    expect(steady(stdout)).toBe(
      `launchgate diff  release → other-signer: the same enclave, signed otherwise

  pass   release → other-signer
         mrsigner
           - ${testSigner()}
           + ${testSigner("other")}
           another signer: lists of signers need the new one, and what was sealed to the old one is out of reach
         result     the same enclave, signed otherwise
         mrenclave  ${MRENCLAVE}
         mrsigner   ${testSigner("other")}
         isvprodid  1
         isvsvn     1
         carrier    SIGSTRUCT

  changes  1 neutral

pass   1 case: 1 pass (<n> ms)
`,
    );
  });

  test("shows what a file name holds, and does not obey it", () => {
    const name = "evil\u001b[2Jname";
    writeFileSync(join(FOLDER, name), makeSigstruct());
    const { stdout } = diff("release", name);
    expect(steady(stdout)).toBe(
      `launchgate diff  release → evil�[2Jname: identical

  pass   release → evil�[2Jname

  changes  none

pass   1 case: 1 pass (<n> ms)
`,
    );
  });
});

describe("carriers", () => {
  const NOTE = ".note.sgxmeta";
  const [release, next] = [makeSigstruct(), makeSigstruct({ isvsvn: 2 })];
  const metadata = (...sigstructs: readonly Uint8Array[]) =>
    elf(64, [{ name: NOTE, content: sdkNote(sigstructs.map((one) => sdkBlock(one))) }]);
  const two = metadata(release, next);
  const [first, second] = [0, 1952].map((block) => (two.at[NOTE] ?? 0) + 89 + block) as [number, number];
  writeFileSync(join(FOLDER, "two.so"), two.bytes);
  writeFileSync(join(FOLDER, "turned.so"), metadata(next, release).bytes);
  writeFileSync(join(FOLDER, "material"), genData(release));

  /** Names of both sides, and the fields that differ. */
  const compared = (before: string, after: string) => {
    const { code, stdout, stderr } = diff(before, after, "--format", "json");
    expect([code, stderr]).toEqual([0, ""]);
    const { comparisons } = JSON.parse(stdout) as DiffDocument;
    return comparisons.map((one) => [
      one.before.name,
      one.after.name,
      one.result,
      ...one.changes.map(({ field, before, after }) => `${field} ${before} ${after}`),
    ]);
  };

  test("enclaves of an ELF with two metadata blocks are compared in their order", () => {
    expect(compared("two.so", "turned.so")).toEqual([
      [`two.so@${first}`, `turned.so@${first}`, "different", "isvsvn 1 2"],
      [`two.so@${second}`, `turned.so@${second}`, "different", "isvsvn 2 1"],
    ]);
    const { stdout } = diff("two.so", "turned.so");
    expect(stdout.split("\n")[0]).toBe("launchgate diff  2 enclaves in two.so → turned.so: different");
    expect(stdout).toMatch(/^ {2}changes {2}1 weaker, 1 stronger$/m);
  });

  test("FILE@OFFSET is one of them", () => {
    expect(compared(`two.so@${first}`, `two.so@${second}`)).toEqual([
      [`two.so@${first}`, `two.so@${second}`, "different", "isvsvn 1 2"],
    ]);
    writeFileSync(join(FOLDER, "release.sig"), release);
    expect(compared("release.sig", `turned.so@${second}`)).toEqual([
      ["release.sig", `turned.so@${second}`, "identical"],
    ]);
  });

  test("two and one are not paired by guessing", () => {
    expect(diff("two.so", "release")).toEqual({
      code: 1,
      stdout: "",
      stderr: `launchgate: two.so holds 2 enclaves and release holds 1 enclave: name one on each side, as FILE@OFFSET: two.so@${first}, two.so@${second}, release\n`,
    });
  });

  test("material that is yet to be signed has no signer, and differs by what the key makes of it", () => {
    expect(diff("material", "material", "--exit-code").code).toBe(0);
    writeFileSync(join(FOLDER, "material.signed"), release);
    expect(compared("material", "material.signed")).toEqual([
      [
        "material",
        "material.signed",
        "different",
        `mrsigner null ${testSigner()}`,
        "exponent 0 3",
        "signature absent valid",
        "q1 absent valid",
        "q2 absent valid",
        "findings exponent_invalid null",
      ],
    ]);
  });
});

describe("exit codes", () => {
  test.each([
    [["release", "release.hex"], 0],
    [["release", "release.base64", "--exit-code"], 0],
    [["release", "outdated"], 0],
    [["release", "outdated", "--exit-code"], 2],
    [["release", "forged", "--exit-code"], 2],
    [["release", "nowhere"], 1],
    [["release", "token"], 1],
    [["release", "short", "--exit-code"], 1],
    [["-", "-"], 1],
    [["release"], 1],
    [["release", "outdated", "--format", "xml"], 1],
    [["release", "release@7"], 1],
  ] as const)("%j: %d", (args, code) => {
    const run = diff(...args);
    expect([run.code, code === 1 ? run.stdout : ""]).toEqual([code, ""]);
    expect(run.stderr === "").toBe(code !== 1);
  });

  test("and what is wrong is said with what to do", () => {
    expect(diff("release", "release@7").stderr).toBe(
      "launchgate: release holds no SIGSTRUCT at offset 7, expected one of 0\n",
    );
    expect(diff("release@0", "release").code).toBe(0);
    expect(diff("-", "-").stderr).toBe("launchgate: both sides are -, expected stdin on one side only\n");
  });

  test("stdin is one side", () => {
    const { code } = launchgate(["diff", "-", "release", "--exit-code"], { cwd: FOLDER, input: makeSigstruct() });
    expect(code).toBe(0);
  });
});

test("the document has both sides and every change", () => {
  const { code, stdout, stderr } = diff("outdated", "release", "--format", "json");
  const side = { offset: 0, carrier: "SIGSTRUCT", signed: true, mrenclave: MRENCLAVE, mrsigner: testSigner() };
  const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect({ code, stderr, document: JSON.parse(stdout) }).toEqual({
    code: 0,
    stderr: "",
    document: {
      version: 1,
      result: "different",
      counts: { weaker: 0, stronger: 1, neutral: 0 },
      comparisons: [
        {
          before: { ...side, file: "outdated", name: "outdated", sha256, isvprodid: 1, isvsvn: 0 },
          after: { ...side, file: "release", name: "release", sha256, isvprodid: 1, isvsvn: 1 },
          result: "different",
          changes: [
            {
              field: "isvsvn",
              before: "0",
              after: "1",
              meaning: expect.stringMatching(/^ISVSVN went up/),
              weight: "stronger",
            },
          ],
        },
      ],
    },
  });
});

describe("the report", () => {
  const report = (before: string, after: string, mustBeSame: boolean) =>
    diffReport(diffDocument(pairsOf(join(FOLDER, before), join(FOLDER, after))), { ...RUN, mustBeSame });

  test.each([
    ["release", "release", false, "pass", []],
    ["outdated", "release", false, "pass", []],
    ["release", "outdated", false, "warn", ["enclave_weaker"]],
    ["release", "release", true, "pass", []],
    ["outdated", "release", true, "fail", ["enclave_differs"]],
    ["release", "outdated", true, "fail", ["enclave_differs", "enclave_weaker"]],
  ] as const)("of %s and %s, where they must be the same: %s, is %s", (before, after, mustBeSame, status, codes) => {
    const { suites, rules, command, document } = report(before, after, mustBeSame);
    const [only, ...more] = suites.flatMap(({ cases }) => cases);
    expect([command, more.length, only?.status, only?.findings.map(({ code }) => code)]).toEqual([
      "diff",
      0,
      status,
      codes,
    ]);
    for (const code of codes) expect(rules.map((rule) => rule.code)).toContain(code);
    expect(only?.changes).toEqual((document as { comparisons: { changes: unknown }[] }).comparisons[0]?.changes);
  });
});

const CORPUS = process.env["LAUNCHGATE_CORPUS"] ?? resolve(ROOT, "../shared/corpus");
const sigstructs = join(CORPUS, "sigstructs");

describe.skipIf(!existsSync(sigstructs))(`real SIGSTRUCTs (skipped where there is no ${CORPUS})`, () => {
  const files = existsSync(sigstructs) ? readdirSync(sigstructs).sort() : [];

  test("each is identical to itself and different from the next, and what is said of their identities is so", () => {
    for (const [at, file] of files.entries()) {
      const [here, next] = [join(sigstructs, file), join(sigstructs, files[(at + 1) % files.length] ?? "")];
      expect(diffDocument(pairsOf(here, here))).toMatchObject({ result: "identical", comparisons: [{ changes: [] }] });
      const { result, comparisons } = diffDocument(pairsOf(here, next));
      expect([file, result]).toEqual([file, "different"]);
      for (const { before, after, changes } of comparisons) {
        const fields = changes.map(({ field }) => field);
        expect([file, fields.includes("mrsigner")]).toEqual([file, before.mrsigner !== after.mrsigner]);
        expect([file, fields.includes("enclavehash")]).toEqual([file, before.mrenclave !== after.mrenclave]);
        expect([file, fields.includes("isvsvn")]).toEqual([file, before.isvsvn !== after.isvsvn]);
      }
    }
  });

  test("a signer whose private key is public is said to be weaker, and back stronger", () => {
    const [own, sample] = ["01", "05"].map((number) => join(sigstructs, files.find((f) => f.startsWith(number)) ?? ""));
    const weights = (before = "", after = "") =>
      diffDocument(pairsOf(before, after))
        .comparisons.flatMap(({ changes }) => changes)
        .filter(({ field }) => field === "mrsigner" || field === "signer")
        .map(({ weight }) => weight);
    expect([weights(own, sample), weights(sample, own)]).toEqual([
      ["weaker", "weaker"],
      ["stronger", "stronger"],
    ]);
  });
});
