/** One run of all tests of a folder: Rego unit tests, suites of launches, conformance. What it prints is not made here. */

import type { PolicyIdentity } from "../../hooks/index.js";
import { CommandError, type ExitCode, type Io } from "../io.js";
import { findOpa } from "../policy/opa.js";
import type { ReportSuite } from "../report/model.js";
import { type CaseOutcome, gatesOf, judgeCase, type LaunchCase } from "./case.js";
import { type ConformanceResult, checkConformance } from "./conformance.js";
import type { Coverage } from "./coverage.js";
import { type BoundaryWish, boundariesOf, type MutationWish, mutantsKilled } from "./deeper.js";
import { loadSuites } from "./load.js";
import type { BoundaryReport } from "./mutation/boundary.js";
import { boundarySuite, mutantSuite } from "./mutation/report.js";
import type { MutationResult } from "./mutation/run.js";
import { listRegoTests, type RegoTest, runRegoTests } from "./rego-tests.js";
import { type Subject, type SubjectOptions, subjectOf } from "./subject.js";

export const PARTS = ["rego", "suites", "conformance"] as const;
export type Part = (typeof PARTS)[number];

export interface TestOptions extends SubjectOptions {
  /** Of `suite: case` and of `package.test`; null: all. */
  readonly filter: RegExp | null;
  readonly parts: readonly Part[];
  /** Keys and OPA processes made side by side. */
  readonly jobs: number;
  /** In percent; null: none is demanded. */
  readonly coverageThreshold: number | null;
  readonly strictConformance: boolean;
  /** Null: not asked for. */
  readonly boundary: BoundaryWish | null;
  readonly mutation: MutationWish | null;
}

export interface CaseResult {
  readonly one: LaunchCase;
  readonly outcome: CaseOutcome;
  readonly durationMs: number;
}

/** `error`: nobody could measure it. */
interface CoverageVerdict {
  readonly threshold: number;
  readonly status: "pass" | "fail" | "error";
  readonly message: string;
}

export interface TestRun {
  readonly dir: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly policies: readonly PolicyIdentity[];
  readonly rego: readonly RegoTest[];
  readonly cases: readonly CaseResult[];
  readonly conformance: readonly ConformanceResult[];
  /** Null: not measured. */
  readonly coverage: Coverage | null;
  /** Null: no threshold was given. */
  readonly coverageVerdict: CoverageVerdict | null;
  /** Null: not asked for. */
  readonly boundary: { readonly report: BoundaryReport; readonly threshold: number | null } | null;
  /** Null: not asked for; without a result where something fails before, so that every mutant would. */
  readonly mutation: { readonly result: MutationResult | null; readonly threshold: number | null } | null;
}

/** @throws CommandError exit 1 where there is nothing to test, exit 3 where suites are refused; and as `subjectOf` does */
export async function runTests(options: TestOptions, io: Io): Promise<TestRun> {
  const startedAt = Date.now();
  const began = performance.now();
  const show = progressOn(io);
  try {
    const { subject, wanted } = await gather(options, io, show);
    const gateOf = gatesOf(subject.policies);
    const cases = wanted.map((one, at): CaseResult => {
      if (at % 100 === 0) show(`cases ${at}/${wanted.length}`);
      const start = performance.now();
      const outcome = judgeCase(gateOf(one), one);
      return { one, outcome, durationMs: performance.now() - start };
    });
    const conformance = options.parts.includes("conformance")
      ? checkConformance(wanted, { policies: subject.policies, gateOf, strict: options.strictConformance })
      : [];
    const rego =
      subject.rego === null
        ? { tests: [], coverage: null }
        : await runRegoTests(subject.rego, {
            opa: findOpa(io),
            jobs: options.jobs,
            wanted: (name) => matches(options, name),
            progress: show,
          });
    const coverage = options.filter === null ? rego.coverage : null;
    const judged: Omit<TestRun, "durationMs" | "boundary" | "mutation"> = {
      dir: options.dir,
      startedAt,
      policies: subject.policies.map(({ name, sha256, revision }) => ({ name, sha256, revision })),
      rego: rego.tests,
      cases: options.parts.includes("suites") ? cases : [],
      conformance,
      coverage,
      coverageVerdict: coverageVerdict(options, coverage, rego.tests),
    };
    const passed = cases.filter(({ outcome }) => outcome.passed).map(({ one }) => one);
    const boundary =
      options.boundary === null
        ? null
        : { report: boundariesOf(subject.policies, passed), threshold: options.boundary.threshold };
    const mutation = options.mutation && {
      result:
        exitCodeOf({ ...judged, boundary: null, mutation: null }) === 2
          ? null
          : await mutantsKilled(
              options,
              options.mutation,
              { cases: passed, rego: subject.rego, jobs: options.jobs, show },
              io,
            ),
      threshold: options.mutation.threshold,
    };
    return { ...judged, boundary, mutation, durationMs: performance.now() - began };
  } finally {
    show("");
  }
}

/** The names of all that would run, in the order of running, without running it. */
export async function listTests(
  options: TestOptions,
  io: Io,
): Promise<readonly { readonly name: string; readonly file: string; readonly line: number }[]> {
  const { subject, wanted } = await gather(options, io, () => undefined);
  const rego = subject.rego === null ? [] : await listRegoTests(subject.rego, findOpa(io));
  const suites = options.parts.includes("suites") ? wanted : [];
  return [
    ...rego.filter(({ name }) => matches(options, name)),
    ...suites.map(({ suite, name, file, line }) => ({ name: `${suite}: ${name}`, file, line })),
  ];
}

async function gather(
  options: TestOptions,
  io: Io,
  show: (text: string) => void,
): Promise<{ readonly subject: Subject; readonly wanted: readonly LaunchCase[] }> {
  const { dir, jobs, parts } = options;
  const needsSuites = parts.includes("suites") || parts.includes("conformance");
  const progress = (done: number, of: number) => show(`keys ${done}/${of}`);
  const loaded = needsSuites ? await loadSuites(dir, { jobs, progress }) : { files: [], cases: [] };
  show("compiling the policy");
  const subject = await subjectOf(options, parts.includes("rego"), io);
  const wanted = loaded.cases.filter(({ suite, name }) => matches(options, `${suite}: ${name}`));
  if (subject.rego === null && loaded.cases.length === 0)
    throw new CommandError(
      1,
      `${dir} has no tests: expected files that end in _test.rego, _test.yaml, _test.yml or _test.json`,
    );
  return { subject, wanted };
}

function matches({ filter }: TestOptions, name: string): boolean {
  return filter === null || filter.test(name);
}

function coverageVerdict(
  { coverageThreshold: threshold, filter, parts }: TestOptions,
  coverage: Coverage | null,
  rego: readonly RegoTest[],
): CoverageVerdict | null {
  if (threshold === null) return null;
  const expected = `expected at least ${threshold} %`;
  const not = (why: string): CoverageVerdict => ({
    threshold,
    status: "error",
    message: `coverage was not measured: ${why}`,
  });
  if (!parts.includes("rego")) return not("the Rego tests were left out");
  if (filter !== null) return not("--filter leaves tests out");
  if (rego.length === 0) return { threshold, status: "fail", message: `there are no Rego tests, ${expected} coverage` };
  if (coverage === null) return not("opa measures it only where every test passes");
  const percent = Math.floor(coverage.percent * 100) / 100;
  const status = coverage.percent >= threshold ? "pass" : "fail";
  return { threshold, status, message: `${percent} % of the lines are covered, ${expected}` };
}

/**
 * 0 where all pass; 2 where something fails; 1 where nothing fails but something could not be judged, or nothing was there
 * to be judged.
 */
export function exitCodeOf(run: Omit<TestRun, "durationMs">): ExitCode {
  const statuses = [
    ...run.rego.map(({ status }) => status),
    ...run.cases.map(({ outcome }) => (outcome.passed ? "pass" : "fail")),
    ...run.conformance.map(({ status }) => status),
    ...(run.coverageVerdict === null ? [] : [run.coverageVerdict.status]),
    ...deeperSuites(run).flatMap(({ cases }) => cases.map(({ status }) => status)),
  ];
  if (statuses.includes("fail")) return 2;
  if (statuses.includes("error")) return 1;
  return statuses.includes("pass") ? 0 : 1;
}

/** What boundary and mutation testing found, as suites of a report. */
export function deeperSuites({ boundary, mutation }: Pick<TestRun, "boundary" | "mutation">): readonly ReportSuite[] {
  return [
    ...(boundary === null ? [] : [boundarySuite(boundary.report, boundary)]),
    ...(mutation === null || mutation.result === null ? [] : [mutantSuite(mutation.result, mutation)]),
  ];
}

/** A line on stderr that is written over, where a person looks on; "" clears it. */
function progressOn({ progress, err }: Io): (text: string) => void {
  return progress ? (text) => err(`\r\u001b[K${text === "" ? "" : `test: ${text}`}`) : () => undefined;
}
