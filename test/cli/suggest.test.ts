/** `launchgate suggest` as its users run it: which records count, what it prints, and what it says of its own proposal. */

import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Suggestion } from "../../cli/suggest/run.js";
import { effectiveData, shippedData } from "../../hooks/index.js";
import { launchgate, type RunOptions } from "../support/cli.js";
import { makeSigstruct } from "../support/sigstructs.js";
import { AUTHOR, at, FOLDER, file, filled, json, LISTED, lines, OTHER, recorded } from "./replay-logs.js";
import { bare, flags, MRENCLAVE, NAME, suggestFor } from "./suggest-for.js";

describe("which records count", () => {
  const strict = recorded(at(0));
  const open = recorded(at(1), { profile: "open" });
  const other = { name: "other", mayAllow: true, hooks: { enclave_init: () => ({ answer: "allow" as const }) } };
  const permissive = recorded(at(2), { permissive: ["policy"], modules: [other] });

  test("denials, would-be denials and bare events; what was allowed only where all are asked for", async () => {
    const records = [strict, open, permissive, bare(at(3))];
    expect((await suggestFor(records)).counts).toMatchObject({
      denials: 3,
      denied_now: 1,
      justified: 3,
      newly_allowed: 4,
    });
    expect((await suggestFor(records, { all: true })).counts).toMatchObject({
      denials: 4,
      denied_now: 0,
      justified: 4,
    });
  });

  test("what the policy allows already needs nothing", async () => {
    const found = await suggestFor([strict], { data: [LISTED] });
    expect([found.document, found.counts.allowed_already]).toEqual([{ version: 1 }, 1]);
  });

  test("each entry names its own events, and what else they let in is told", async () => {
    const outdated = at(9, { sigstruct: makeSigstruct({ isvsvn: 5, enclavehash: filled(0xbb) }) });
    const unasked = recorded(at(5, { sigstruct: makeSigstruct({ enclavehash: filled(0xcc) }) }), { profile: "open" });
    const found = await suggestFor([strict, recorded(outdated), unasked]);
    expect(found.justification).toEqual([
      {
        path: ["signers", AUTHOR, "products", "1"],
        allows: "every enclave that this signer signs as product 1 with ISVSVN 1 or higher",
        lifts: ["signer_not_listed"],
        ...{ events: 2, first: 1_795_300_000, last: 1_795_300_009, origins: { native: 2 } },
        mrenclaves: [MRENCLAVE, "bb".repeat(32)],
        examples: [1, 2].map((line) => ({ file: "log", line, decision_id: expect.any(String) })),
      },
    ]);
    expect(found.newly_allowed).toMatchObject([{ mrsigner: AUTHOR, isvprodid: 1, events: 3 }]);
    expect(found.counts).toMatchObject({ justified: 2, newly_allowed: 3 });
  });

  test("a proposal that denies what was allowed is told, and exits 2", async () => {
    // Under baseline everybody may launch who is not listed: listing one measurement for its first build denies an older one.
    const listed = at(0, flags(0x2n));
    const older = at(1, { sigstruct: makeSigstruct({ isvsvn: 0 }) });
    file("narrowing.jsonl", lines([bare(listed), recorded(older, { profile: "baseline" })]));
    const { code, stderr } = run("narrowing.jsonl --profile baseline --allow-debug");
    expect([code, stderr]).toEqual([2, expect.stringContaining("newly DENIED")]);
    expect(stderr).toContain("mrenclave_isvsvn_too_low");
  });
});

function run(args: string, options: RunOptions = {}) {
  return launchgate(["suggest", ...args.split(" ").filter((arg) => arg !== "")], { cwd: FOLDER, ...options });
}

describe("the command", () => {
  const hostile = at(3, { sigstruct: makeSigstruct({}, "other") });
  const records = [recorded(at(0)), { ...(recorded(hostile) as object) }];
  (records[1] as { result: { decision_id: string } }).result.decision_id = "x\n  debug: true # \u001b[2J";
  file("log.jsonl", lines(records));

  test("prints a data document that the policies take, with comments that no text from the log can leave", () => {
    const { code, stdout, stderr } = run("log.jsonl");
    expect(code).toBe(0);
    expect(`${stdout}${stderr}`).not.toContain("\u001b");
    file("proposal.yaml", stdout);
    const document = parse(stdout);
    expect(document).toEqual({
      version: 1,
      signers: Object.fromEntries(
        [AUTHOR, OTHER]
          .sort()
          .map((name) => [name, { name: `signer ${name.slice(0, 16)}`, products: { 1: { min_isvsvn: 1 } } }]),
      ),
    });
    expect(effectiveData([document], shippedData)["signers"]).toEqual(document.signers);
    const after = launchgate(["replay", "log.jsonl", "--data", "proposal.yaml", "--format", "json"], { cwd: FOLDER });
    expect(JSON.parse(after.stdout).counts).toMatchObject({ deny_to_allow: 2, same: 0 });
    expect(stdout).toMatch(/^# Proposed by launchgate suggest from 2 denials among 2 records\.\n/);
    expect(stdout).toContain("# because of 1 event (1 native), 2026-11-21T22:26:40Z: signer_not_listed\n");
    expect(stderr).toMatch(/^2 denials considered: 2 justify the proposal, 0 are left out\n/);
  });

  test("prints JSON with the document, its justification, what is newly allowed and what is left out", () => {
    const { code, stdout } = run("log.jsonl --format json --by signer");
    const found = JSON.parse(stdout) as Suggestion;
    expect([code, Object.keys(found)]).toEqual([
      0,
      [
        "schema",
        "document",
        "justification",
        "left_out",
        "newly_allowed",
        "newly_denied",
        "still_denied",
        "counts",
        "summary",
      ],
    ]);
    expect(found.justification).toMatchObject(
      [AUTHOR, OTHER].sort().map((name) => ({ path: ["signers", name], events: 1 })),
    );
    expect(found.document["signers"]).toMatchObject({ [AUTHOR]: { name: NAME } });
  });

  test("reads stdin twice by a private copy, which it takes away", () => {
    const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("launchgate-log-"));
    const before = copies();
    const { code, stdout } = run("-", { input: lines(records) });
    expect([code, Object.keys(parse(stdout).signers).length]).toEqual([0, 2]);
    expect(copies()).toEqual(before);
  });

  test("with nothing to propose it says so, and exits 0", () => {
    json("both.json", { version: 1, signers: { [AUTHOR]: { name: "a" }, [OTHER]: { name: "b" } } });
    const { code, stdout, stderr } = run("log.jsonl --data both.json");
    expect([code, parse(stdout)]).toEqual([0, { version: 1 }]);
    expect(stderr).toContain("2 recorded as denied, and allowed by this policy already");
  });

  test.each([
    ["no-such.jsonl", 1, /there is no such file/],
    ["broken.jsonl", 1, /1 line is broken/],
    ["empty.jsonl", 1, /holds no record/],
    ["broken.jsonl --skip-invalid 1", 0, /broken.jsonl:2: it is no JSON/],
    ["log.jsonl --by vendor", 1, /Allowed choices/],
    ["log.jsonl --data bad.json", 3, /unknown key/],
  ])("%s: exit %d", (args, code, message) => {
    file("broken.jsonl", `${JSON.stringify(records[0])}\n{\n`);
    file("empty.jsonl", "");
    json("bad.json", { version: 1, signer: {} });
    expect(run(args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});
