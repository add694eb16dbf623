/** A report as TAP. Truth: testanything.org, TAP specification version 14; version 13 readers understand it too. */

import { json, oneLine, severalLines } from "./escape.js";
import type { Report, ReportCase, ReportFinding } from "./model.js";
import { counts, countsOf, exceptionSays, placeOf, sentence } from "./summary.js";

export function tapReport(report: Report): string {
  const tests = report.suites.flatMap((suite) => suite.cases.map((one) => ({ suite: suite.name, one })));
  const lines = [
    "TAP version 14",
    tests.length === 0 ? "1..0 # SKIP no cases: nothing was judged" : `1..${tests.length}`,
    ...tests.flatMap(({ suite, one }, at) => testLines(one, suite, at + 1)),
    `# ${sentence(countsOf(report))}`,
  ];
  return `${lines.join("\n")}\n`;
}

function testLines(one: ReportCase, suite: string, number: number): readonly string[] {
  const ok = one.status !== "fail" && one.status !== "error";
  const why = one.status === "skip" ? ` # SKIP ${description(one.findings[0]?.message ?? "")}`.trimEnd() : "";
  return [
    `${ok ? "ok" : "not ok"} ${number} - ${description(suite)} > ${description(one.name)}${why}`,
    ...(isPlain(one) ? [] : ["  ---", ...diagnostics(one), "  ..."]),
  ];
}

function isPlain({ status, findings, changes }: ReportCase): boolean {
  return (status === "pass" || status === "skip") && findings.length === 0 && changes.length === 0;
}

/** `#` begins a directive, and `\` escapes it. */
function description(text: string): string {
  return oneLine(text).replaceAll(/[\\#]/g, "\\$&");
}

/** YAML in the form that it shares with JSON, so that nothing in a value can end it. */
function diagnostics(one: ReportCase): readonly string[] {
  const place = placeOf(one);
  const { findings, facts, changes } = one;
  return [
    `  severity: ${scalar(one.status)}`,
    ...(place === null ? [] : [`  at: ${scalar(place)}`]),
    ...list("findings", findings.map(findingEntry)),
    ...list(
      "changes",
      changes.map(({ field, before, after, weight, meaning }) => ({ field, before, after, weight, meaning })),
    ),
    ...list(
      "facts",
      facts.map(({ name, value }) => ({ name, value })),
    ),
  ];
}

type Entry = Readonly<Record<string, string | boolean | null>>;

function findingEntry(finding: ReportFinding): Entry {
  const { code, level, message, why, fix } = finding;
  return { code, level, message, why, fix, exception: exceptionSays(finding), counts: counts(finding) };
}

function list(name: string, entries: readonly Entry[]): readonly string[] {
  if (entries.length === 0) return [];
  return [
    `  ${name}:`,
    ...entries.flatMap((entry) =>
      Object.entries(entry)
        .filter(([, value]) => value !== null)
        .map(([key, value], at) => `    ${at === 0 ? "-" : " "} ${key}: ${scalar(value)}`),
    ),
  ];
}

function scalar(value: Entry[string]): string {
  return json(typeof value === "string" ? severalLines(value) : value);
}
