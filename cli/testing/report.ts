/** A run of tests as the report that all formats are made of. */

import { join } from "node:path";
import type { JsonObject, JsonValue } from "../../engine/json.js";
import type {
  CaseStatus,
  Report,
  ReportCase,
  ReportFact,
  ReportFinding,
  ReportRule,
  ReportSuite,
} from "../report/model.js";
import type { Answered, Expectation } from "./case.js";
import type { ConformanceResult } from "./conformance.js";
import type { Coverage } from "./coverage.js";
import { boundaryFacts, MUTATION_RULES, mutationFacts } from "./mutation/report.js";
import type { RegoTest } from "./rego-tests.js";
import { type CaseResult, deeperSuites, type TestRun } from "./run.js";

/** Every code that a finding of a test run has. */
const RULES = {
  rego_test: { title: "A Rego test does not pass", fix: "run `opa test -v` on it, or correct what it expects" },
  wasm_difference: {
    title: "A Rego test comes out another way as WebAssembly than in opa test",
    fix: "decide by what WebAssembly can do: integers below 2^31 in format_int, no builtin of a host",
  },
  not_judged: { title: "A test could not be judged", fix: "remove what keeps it from being run" },
  expectation: {
    title: "A launch is decided in another way than expected",
    fix: "correct the policy, its data or the expectation",
  },
  conformance: {
    title: "The same enclave gets another answer as guest than as native",
    fix: "judge by input.enclave, which means the same for both, or expect the difference in a case",
  },
  origin_dependent: { title: "The policy answers by the origin", fix: null },
  coverage: { title: "The Rego tests reach too little of the policy", fix: "test the lines that are named" },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly fix: string | null }>>;

type Code = keyof typeof RULES;

const CATALOGUE: readonly ReportRule[] = Object.entries(RULES).map(([code, { title, fix }]) => ({
  code,
  title,
  why: null,
  fix,
}));

export function testReport(run: TestRun): Report {
  const suites = [
    ...regoSuites(run),
    ...caseSuites(run.cases),
    ...conformanceSuites(run),
    ...coverageSuites(run),
    ...deeperSuites(run),
  ];
  return {
    command: "test",
    title: titleOf(run, suites),
    startedAt: run.startedAt,
    durationMs: run.durationMs,
    policies: run.policies,
    suites,
    matrices: [],
    facts: factsOf(run),
    rules: [...CATALOGUE, ...MUTATION_RULES],
    document: documentOf(run, suites),
  };
}

function titleOf({ policies }: TestRun, suites: readonly ReportSuite[]): string {
  const count = suites.reduce((sum, { cases }) => sum + cases.length, 0);
  const names = policies.map(({ name, revision }) => `${name}${revision === "" ? "" : ` ${revision}`}`);
  return `${count} test${count === 1 ? "" : "s"} of launch policy ${names.join(", ")}`;
}

function regoSuites({ rego, dir }: TestRun): readonly ReportSuite[] {
  const files = [...new Set(rego.map(({ file }) => file))];
  return files.map((file) => ({
    name: `Rego ${join(dir, file)}`,
    cases: rego.filter((test) => test.file === file).map((test) => regoCase(test, join(dir, file))),
  }));
}

function regoCase(test: RegoTest, file: string): ReportCase {
  const { name, line, status, interpreted, compiled, message, durationMs } = test;
  const differs = compiled !== null && (interpreted === "pass") !== (compiled === "pass");
  const code: Code = status === "error" ? "not_judged" : differs ? "wasm_difference" : "rego_test";
  const findings = message === null ? [] : [finding(code, status === "skip" ? "note" : "error", message)];
  const facts = [
    { name: "opa test", value: interpreted },
    ...(compiled === null ? [] : [{ name: "WebAssembly", value: compiled }]),
  ];
  return { name, file, line, status, findings, facts, changes: [], durationMs };
}

function caseSuites(cases: readonly CaseResult[]): readonly ReportSuite[] {
  const names = [...new Set(cases.map(({ one }) => one.suite))];
  return names.map((name) => ({
    name,
    cases: cases.filter(({ one }) => one.suite === name).map(launchCase),
  }));
}

function launchCase({ one, outcome, durationMs }: CaseResult): ReportCase {
  return {
    name: one.name,
    file: one.file,
    line: one.line,
    status: outcome.passed ? "pass" : "fail",
    findings: outcome.differences.map((message) => finding("expectation", "error", message)),
    facts: [
      { name: "decision", value: outcome.found.decision },
      ...(outcome.found.reasons.length === 0 ? [] : [{ name: "reasons", value: outcome.found.reasons.join(", ") }]),
      ...(outcome.found.warnings.length === 0 ? [] : [{ name: "warnings", value: outcome.found.warnings.join(", ") }]),
    ],
    changes: [],
    durationMs,
  };
}

function conformanceSuites({ conformance }: TestRun): readonly ReportSuite[] {
  if (conformance.length === 0) return [];
  return [{ name: "conformance", cases: conformance.map(conformanceCase) }];
}

function conformanceCase({ name, file, line, status, message }: ConformanceResult): ReportCase {
  const findings =
    message === null
      ? []
      : [status === "fail" ? finding("conformance", "error", message) : finding("origin_dependent", "note", message)];
  return { name, file, line, status, findings, facts: [], changes: [], durationMs: null };
}

function coverageSuites({ coverageVerdict: verdict, coverage, dir }: TestRun): readonly ReportSuite[] {
  if (verdict === null) return [];
  const missed = (coverage?.files ?? []).flatMap(({ file, missed: ranges }) =>
    ranges.map(([first, last]) => `${join(dir, file)}:${first}${last > first ? `-${last}` : ""} is reached by no test`),
  );
  const findings =
    verdict.status === "pass"
      ? []
      : [
          finding(verdict.status === "fail" ? "coverage" : "not_judged", "error", verdict.message),
          ...missed.map((message) => finding("coverage", "note", message)),
        ];
  const one: ReportCase = {
    name: `at least ${verdict.threshold} %`,
    file: null,
    line: null,
    status: verdict.status,
    findings,
    // What fails says it as its finding.
    facts: verdict.status === "pass" ? [{ name: "coverage", value: verdict.message }] : [],
    changes: [],
    durationMs: null,
  };
  return [{ name: "coverage", cases: [one] }];
}

function finding(code: Code, level: ReportFinding["level"], message: string): ReportFinding {
  return { code, level, message, why: null, fix: level === "error" ? RULES[code].fix : null, exception: null };
}

function countsOf(suites: readonly ReportSuite[]): Readonly<Record<CaseStatus, number>> {
  const cases = suites.flatMap((suite) => suite.cases);
  const count = (status: string) => cases.filter((one) => one.status === status).length;
  return { pass: count("pass"), warn: count("warn"), fail: count("fail"), error: count("error"), skip: count("skip") };
}

function factsOf(run: TestRun): readonly ReportFact[] {
  const depends = run.conformance.filter(({ status, message }) => status === "pass" && message !== null).length;
  return [
    ...(run.coverage === null ? [] : [{ name: "Rego coverage", value: percentText(run.coverage) }]),
    ...(depends === 0 ? [] : [{ name: "answered by origin", value: String(depends) }]),
    ...(run.boundary === null ? [] : boundaryFacts(run.boundary.report)),
    ...mutationFactsOf(run),
  ];
}

function mutationFactsOf({ mutation }: TestRun): readonly ReportFact[] {
  if (mutation === null) return [];
  if (mutation.result !== null) return mutationFacts(mutation.result);
  return [{ name: "mutants", value: "not tried: what fails now would kill every one" }];
}

/** Rounded down, so that 100 % is all of it. */
function percentText({ percent }: Coverage): string {
  return `${Math.floor(percent * 10) / 10} %`;
}

function documentOf(run: TestRun, suites: readonly ReportSuite[]): JsonObject {
  return {
    version: 1,
    policy: run.policies.map(({ name, sha256, revision }) => ({ name, sha256, revision })),
    summary: { ...countsOf(suites) },
    coverage:
      run.coverage === null
        ? null
        : {
            percent: run.coverage.percent,
            threshold: run.coverageVerdict?.threshold ?? null,
            files: run.coverage.files.map(({ file, covered, lines, missed }) => ({
              file,
              covered,
              lines,
              missed: missed.map((range) => [...range]),
            })),
          },
    coverage_status:
      run.coverageVerdict === null
        ? null
        : { status: run.coverageVerdict.status, message: run.coverageVerdict.message },
    rego: run.rego.map(({ name, file, line, status, interpreted, compiled, message }) => ({
      name,
      file: join(run.dir, file),
      line,
      status,
      interpreted,
      compiled,
      message,
    })),
    cases: run.cases.map(({ one, outcome }) => ({
      suite: one.suite,
      name: one.name,
      file: one.file,
      line: one.line,
      status: outcome.passed ? "pass" : "fail",
      expected: expectedJson(one.expect),
      found: answeredJson(outcome.found),
      differences: [...outcome.differences],
    })),
    conformance: run.conformance.map(({ name, file, line, status, native, guest, message }) => ({
      name,
      file,
      line,
      status,
      native: answeredJson(native),
      guest: answeredJson(guest),
      message,
    })),
    boundary: run.boundary === null ? null : plain({ ...run.boundary.report, threshold: run.boundary.threshold }),
    mutation: run.mutation?.result ? plain({ ...run.mutation.result, threshold: run.mutation.threshold }) : null,
  };
}

/** What is data already, as JSON has it. */
function plain(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

function answeredJson({ decision, reasons, warnings }: Answered): JsonValue {
  return { decision, reasons, warnings };
}

function expectedJson({ decision, reasons, includes, warnings }: Expectation): JsonValue {
  return {
    decision,
    ...(reasons === undefined ? {} : { reasons }),
    ...(includes === undefined ? {} : { includes }),
    ...(warnings === undefined ? {} : { warnings }),
  };
}
