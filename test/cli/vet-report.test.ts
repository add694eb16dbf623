/** What vet makes of its findings for every format: the report, and the document in it. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { enclavesIn } from "../../cli/enclave-files.js";
import { countsOf } from "../../cli/report/summary.js";
import type { Fleet } from "../../cli/vet/fleets.js";
import { askFleets } from "../../cli/vet/fleets.js";
import { vetReport } from "../../cli/vet/report.js";
import { type VetQuestion, vetFile } from "../../cli/vet/run.js";
import {
  createGate,
  createPolicy,
  effectiveData,
  shippedData,
  shippedPolicy,
  shippedSigningPolicy,
  withData,
} from "../../hooks/index.js";
import { unsigned, VETTED_AT } from "../support/signing-cases.js";
import { makeSigstruct, testSigner } from "../support/sigstructs.js";
import { emptyFolder } from "./policy/folder.js";

const folder = emptyFolder();
function file(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

const release = file("release", makeSigstruct());
const worse = file(
  "worse",
  makeSigstruct({
    isvsvn: 0,
    attributemask: { flags: 0xffff_ffff_ffff_fffdn, xfrm: 0xffff_ffff_ffff_ffffn },
    enclavehash: new Uint8Array(32).fill(0xbb),
  }),
);
const nothing = file("nothing", "nothing");

const exceptions = {
  "x-1": {
    rule: "debug_launchable",
    match: { mrsigner: testSigner() },
    reason: "trial",
    expires: "2030-01-01T00:00:00Z",
  },
};
const policies = [
  withData(await shippedSigningPolicy(), { launchgate: effectiveData([{ version: 1, exceptions }], shippedData) }),
];
const strict = shippedPolicy();
const fleets: readonly Fleet[] = [
  { name: "prod", policy: strict, gate: createGate({ policies: [strict], signatureCheck: "always" }) },
];
const question: VetQuestion = {
  policies: policies.map((policy) => createPolicy(policy)),
  fleets,
  requireLaunch: [],
  baselines: () => null,
  comparing: false,
  time: VETTED_AT,
};
const target = (path: string) => ({ file: path, key: path });

describe("the report", () => {
  const compared = { ...question, comparing: true, baselines: () => enclavesIn(release) };
  const results = [
    ...vetFile(target(release), question),
    ...vetFile(target(worse), compared),
    ...vetFile(target(nothing), question),
  ];
  const report = vetReport({ policies, fleets, results, startedAt: 1_000, durationMs: 5 });

  test("has a case for each enclave, and for each file without one", () => {
    expect(report.suites).toMatchObject([
      {
        name: "vet",
        cases: [
          { name: release, file: release, line: null, status: "pass", findings: [], changes: [] },
          { name: worse, status: "fail" },
          {
            name: nothing,
            file: nothing,
            status: "error",
            findings: [{ code: "unreadable", level: "error" }],
            facts: [],
          },
        ],
      },
    ]);
  });

  test("says of each finding why it matters and what to do, and tells exceptions apart", () => {
    const findings = report.suites[0]?.cases[1]?.findings ?? [];
    expect(findings.map(({ code, level, exception }) => [code, level, exception])).toEqual([
      ["isvsvn_decreased", "error", null],
      ["mask_weakened", "error", null],
      ["isvsvn_zero", "warning", null],
      ["debug_launchable", "note", { id: "x-1", state: "used" }],
    ]);
    for (const { why, fix } of findings) expect([why, fix]).toEqual([expect.any(String), expect.any(String)]);
    const known = new Set(report.rules.map(({ code }) => code));
    expect(findings.filter(({ code }) => !known.has(code))).toEqual([]);
    expect(report.rules.filter(({ title, why, fix }) => !title || !why || !fix)).toEqual([]);
    expect(new Set(report.rules.map(({ code }) => code)).size).toBe(report.rules.length);
  });

  test("compares field by field with the baseline", () => {
    const changes = report.suites[0]?.cases[1]?.changes ?? [];
    expect(changes.map(({ field, before, after, weight }) => [field, before, after, weight])).toEqual([
      ["mrenclave", "aa".repeat(32), "bb".repeat(32), "neutral"],
      ["isvsvn", "1", "0", "weaker"],
      ["attributemask.flags", "0xffffffffffffffff", "0xfffffffffffffffd", "weaker"],
    ]);
  });

  test("draws the fleets as a matrix", () => {
    expect(report.matrices).toEqual([
      {
        title: "Would it launch there?",
        columns: ["prod native", "prod kvm"],
        rows: [release, worse].map((name) => ({
          name,
          cells: ["native", "kvm"].map((origin) => ({
            status: "fail",
            text: "deny",
            details: [
              ...(name === worse && origin === "kvm" ? [expect.stringMatching(/^debug_unknown: /)] : []),
              expect.stringMatching(/^signer_not_listed: /),
            ],
          })),
        })),
      },
    ]);
  });

  test("counts, and names what judged", () => {
    expect(report).toMatchObject({
      command: "vet",
      title: "2 enclaves against signing policy launchgate-signing",
      startedAt: 1_000,
      durationMs: 5,
      policies: [{ name: "launchgate-signing", sha256: policies[0]?.sha256 }],
      document: {
        passed: false,
        counts: { enclaves: 2, pass: 1, warn: 0, fail: 1, error: 1 },
        exceptions: { used: 1, expired: 0 },
        enclaves: [{ verdict: "pass" }, { verdict: "fail", baseline: { unmasked: ["debug"] } }, { verdict: "error" }],
        fleets: [{ fleet: "prod", sha256: strict.sha256 }],
      },
    });
    expect([report.facts, countsOf(report)]).toEqual([
      [],
      {
        cases: 3,
        status: { pass: 1, warn: 0, fail: 1, error: 1, skip: 0 },
        exceptions: { used: 1, expired: 0 },
      },
    ]);
  });

  test("of nothing has not passed anything by being empty", () => {
    expect(vetReport({ policies, fleets: [], results: [], startedAt: 0, durationMs: 0 })).toMatchObject({
      title: "0 enclaves against signing policy launchgate-signing",
      matrices: [],
      document: { passed: false, enclaves: [] },
    });
  });
});

test("a file and a baseline of different numbers of enclaves cannot be judged", () => {
  const two = [...enclavesIn(release), ...enclavesIn(worse)];
  expect(vetFile(target(release), { ...question, baselines: () => two })).toEqual([
    { file: release, error: expect.stringMatching(/holds 1 enclaves, its baseline 2/) },
  ]);
});

test("without a policy nothing passes", () => {
  expect(vetFile(target(release), { ...question, policies: [] })).toMatchObject([{ verdict: "fail" }]);
});

test("nobody knows where it would launch before it is signed", () => {
  const { sigstruct } = unsigned();
  const enclave = { file: "e", name: "e", offset: 0, carrier: "signing material", sigstruct, signed: false };
  expect(askFleets(fleets, enclave, VETTED_AT)).toEqual([{ fleet: "prod", native: null, kvm: null }]);
});
