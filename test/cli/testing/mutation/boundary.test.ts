import { describe, expect, test } from "vitest";
import { type BoundaryCase, type BoundaryReport, boundaryOf } from "../../../../cli/testing/mutation/boundary.js";
import { limitsIn } from "../../../../cli/testing/mutation/limits.js";
import {
  boundaryFacts,
  boundarySuite,
  MUTATION_RULES,
  mutantSuite,
  mutationFacts,
} from "../../../../cli/testing/mutation/report.js";
import type { MutationResult } from "../../../../cli/testing/mutation/run.js";
import { createGate, type JsonObject, type LaunchEvent } from "../../../../hooks/index.js";
import { makeEvent } from "../../../support/events.js";
import { makeSigstruct, testSigner } from "../../../support/sigstructs.js";

const MRENCLAVE = "aa".repeat(32);

function named(name: string, event: LaunchEvent): BoundaryCase {
  return { suite: "launches", name, file: "suite.yaml", line: 3, event };
}

function reportOf(data: JsonObject, cases: readonly BoundaryCase[]): BoundaryReport {
  const gate = createGate({ data: [{ version: 1, ...data }], signatureCheck: "never" });
  return boundaryOf(
    cases,
    () => gate,
    () => ({ limits: limitsIn(data) }),
  );
}

function survivorsOf({ results }: BoundaryReport): readonly string[] {
  return results.flatMap(({ survivors }) => survivors.map(({ id }) => id));
}

const RELEASE = named("the release", makeEvent({ sigstruct: makeSigstruct({ isvsvn: 2 }) }));

describe("of a launch that the shipped policy allows", () => {
  test("nothing weaker is allowed where the data draws every line", () => {
    const data = { signers: { [testSigner()]: { name: "us", products: { 1: { min_isvsvn: 2 } } } } };
    const report = reportOf(data, [RELEASE]);
    expect(survivorsOf(report)).toEqual([]);
    expect(report.score).toBe(100);
    const [result] = report.results;
    const codes = Object.fromEntries(result?.variants.map(({ id, codes }) => [id, codes]) ?? []);
    expect(codes).toMatchObject({
      "sigstruct.attributes.bits.debug:on": ["debug_on"],
      "sigstruct.attributes.bits.provisionkey:on": ["provisionkey_not_granted"],
      "sigstruct.attributes.bits.provisionkey:granted": ["provisionkey_not_listed"],
      "sigstruct.isvsvn:0": ["isvsvn_too_low"],
      "sigstruct.isvsvn:1": ["isvsvn_too_low"],
      "sigstruct.isvsvn:3": [],
      "sigstruct.mrsigner:other": ["signer_not_listed"],
      "sigstruct.isvprodid:2": ["product_not_listed"],
    });
  });

  test("nobody knows a guest's bits: what its mask lets go is denied as well", () => {
    const origin = { ...RELEASE.event.origin, kind: "kvm", vm: { id: "a", name: null } } as const;
    const guest = named("in a VM", { ...RELEASE.event, secs: null, origin });
    const report = reportOf({ signers: { [testSigner()]: { name: "us", products: { 1: { min_isvsvn: 2 } } } } }, [
      guest,
    ]);
    const masks = report.results[0]?.variants.filter(({ id }) => /attributemask.bits.(debug|prov|einit)/.test(id));
    expect(masks?.map(({ direction, codes }) => [direction, codes])).toEqual([
      ["weaker", ["debug_unknown"]],
      ["weaker", ["provisionkey_not_granted"]],
      ["weaker", ["einittokenkey_unknown"]],
    ]);
  });

  test("whatever no line stands against survives", () => {
    const report = reportOf({ mrenclaves: { [MRENCLAVE]: { name: "pinned", debug: true } } }, [RELEASE]);
    expect(survivorsOf(report)).toEqual([
      "sigstruct.attributes.bits.debug:on",
      "sigstruct.isvsvn:1",
      "sigstruct.isvsvn:0",
      "sigstruct.mrsigner:other",
    ]);
    const { weaker } = report.counts;
    expect(weaker.allowed).toBe(4);
    expect(report.score).toBeCloseTo((100 * weaker.denied) / (weaker.allowed + weaker.denied));
  });
});

test("a case that is denied counts for no score, and is told where something weaker is allowed", () => {
  const data = {
    mrenclaves: { [MRENCLAVE]: { name: "a" } },
    revoked: { mrsigners: { [testSigner()]: { reason: "old" } } },
  };
  const report = reportOf(data, [RELEASE]);
  expect(report).toMatchObject({ score: null, results: [{ decision: "deny" }] });
  expect(survivorsOf(report)).toEqual(["sigstruct.mrsigner:other"]);
  expect(boundarySuite(report, { threshold: null }).cases[1]).toMatchObject({
    name: "launches: the release",
    file: "suite.yaml",
    line: 3,
    status: "warn",
    findings: [
      { code: "boundary_survivor", level: "warning", message: expect.stringContaining("although the case is denied") },
    ],
  });
});

describe("a threshold", () => {
  const BOUNDARY = reportOf({ mrenclaves: { [MRENCLAVE]: { name: "pinned" } } }, [RELEASE]);
  const EMPTY = reportOf({}, []);
  const mutant = {
    id: "a.rego:1:1:negate",
    file: "a.rego",
    line: 1,
    operator: "negate",
    before: "a",
    after: "not a",
  } as const;
  const counts = { killed: 2, timeout: 1, survived: 1, invalid: 1, equivalent: 1 };
  const MUTATION: MutationResult = {
    found: 9,
    tried: 6,
    counts,
    score: 75,
    mutants: [
      { ...mutant, state: "killed", by: "a case" },
      { ...mutant, state: "survived", by: null },
      { ...mutant, state: "timeout", by: null },
      { ...mutant, state: "invalid", by: null },
      { ...mutant, state: "equivalent", by: null, after: "" },
    ],
  };
  const NOTHING: MutationResult = { ...MUTATION, mutants: [], score: null };

  const THRESHOLDS = [
    ["met", mutantSuite(MUTATION, { threshold: 75 }), ["pass", "pass", "warn", "pass", "skip", "skip"]],
    ["missed", mutantSuite(MUTATION, { threshold: 75.1 }), ["fail", "pass", "fail", "pass", "skip", "skip"]],
    ["of nobody", mutantSuite(MUTATION, { threshold: null }), ["pass", "pass", "warn", "pass", "skip", "skip"]],
    ["over nothing, missed", mutantSuite(NOTHING, { threshold: 0 }), ["fail"]],
    ["over nothing, of nobody", mutantSuite(NOTHING, { threshold: null }), ["skip"]],
    ["over boundaries, met", boundarySuite(BOUNDARY, { threshold: 1 }), ["pass", "warn"]],
    ["over boundaries, missed", boundarySuite(BOUNDARY, { threshold: 100 }), ["fail", "fail"]],
    ["over no boundaries, missed", boundarySuite(EMPTY, { threshold: 1 }), ["fail"]],
  ] as const;

  test.each(THRESHOLDS)("%s", (_, { cases }, statuses) => {
    expect(cases.map(({ status }) => status)).toEqual(statuses);
    for (const { status, findings } of cases) {
      const levels = new Set(findings.map(({ level }) => level));
      expect(levels.has("error")).toBe(status === "fail");
      for (const { code } of findings) expect(MUTATION_RULES.map((rule) => rule.code)).toContain(code);
    }
  });

  test("what survived says what it was and what it is, and how many were tried", () => {
    const { name, cases } = mutantSuite(MUTATION, { threshold: 80 });
    expect(name).toBe("mutants");
    expect(cases[0]?.findings).toMatchObject([
      { code: "mutation_score", message: "75 % of the mutants were killed, expected 80 %" },
    ]);
    expect(cases[0]?.facts).toEqual(mutationFacts(MUTATION));
    expect(mutationFacts(MUTATION)).toEqual([
      { name: "mutation score", value: "75 %" },
      { name: "mutants", value: "6 of 9" },
      { name: "mutants killed", value: "2" },
      { name: "mutants timeout", value: "1" },
      { name: "mutants survived", value: "1" },
      { name: "mutants invalid", value: "1" },
      { name: "mutants equivalent", value: "1" },
    ]);
    expect(cases[2]?.findings).toMatchObject([
      {
        code: "mutant_survived",
        level: "error",
        message: "a condition is negated, or is so no longer, and no test notices: a → not a",
      },
    ]);
    expect(cases[5]?.changes).toMatchObject([{ field: "a.rego:1", before: "a", after: null }]);
  });
});

test("a score is rounded down, so that only all is 100 %", () => {
  const almost = { ...reportOf({}, []), score: 99.99 };
  expect(boundaryFacts(almost)[0]).toEqual({ name: "boundary score", value: "99.9 %" });
});
