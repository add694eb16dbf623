/**
 * A report as JUnit XML. Truth: there is no standard; `junit-10.xsd` of Jenkins' xUnit plugin is the strictest schema in
 * use, and what GitLab, Azure DevOps and GitHub's test reporters read is within it.
 */

import { markup, oneLine } from "./escape.js";
import type { Report, ReportCase, ReportFinding, ReportSuite } from "./model.js";
import { counts, countsOf, exceptionSays, failuresOf, placeOf, rfc3339 } from "./summary.js";

export function junitReport(report: Report): string {
  const { cases, status } = countsOf(report);
  const attributes = {
    name: `launchgate ${report.command}`,
    tests: cases,
    failures: status.fail,
    errors: status.error,
    time: seconds(report.durationMs),
  };
  const suites = report.suites.map((suite, at) => suiteElement(suite, at, report));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element("testsuites", attributes, suites)}\n`;
}

function suiteElement(suite: ReportSuite, at: number, report: Report): string {
  const { cases, status } = countsOf({ suites: [suite] });
  const attributes = {
    id: at,
    name: suite.name,
    tests: cases,
    failures: status.fail,
    errors: status.error,
    skipped: status.skip,
    time: seconds(suite.cases.reduce((total, { durationMs }) => total + (durationMs ?? 0), 0)),
    timestamp: rfc3339(report.startedAt).slice(0, 19),
  };
  return element("testsuite", attributes, [
    element("properties", {}, propertiesOf(report)),
    ...suite.cases.map((one) => caseElement(one, suite.name)),
  ]);
}

function propertiesOf({ title, policies, facts }: Report): readonly string[] {
  const properties = [
    { name: "title", value: title },
    ...policies.map(({ name, revision, sha256 }) => ({
      name: `policy ${name}`,
      value: `${revision} sha256:${sha256}`,
    })),
    ...facts,
  ];
  return properties.map(({ name, value }) => element("property", { name, value }));
}

function caseElement(one: ReportCase, suite: string): string {
  const time = one.durationMs === null ? {} : { time: seconds(one.durationMs) };
  const output = outputOf(one);
  return element("testcase", { classname: suite, name: one.name, ...time }, [
    ...resultOf(one),
    ...(output === "" ? [] : [element("system-out", {}, output)]),
  ]);
}

/** One element, whatever the number of findings: readers show but the first. */
function resultOf(one: ReportCase): readonly string[] {
  switch (one.status) {
    case "pass":
    case "warn":
      return [];
    case "skip":
      return [element("skipped", { message: one.findings.map(({ message }) => message).join("; ") })];
    case "fail":
    case "error": {
      const failures = failuresOf(one);
      const place = placeOf(one);
      const attributes = {
        type: failures[0]?.code ?? one.status,
        message: failures.map(({ code, message }) => `${code}: ${message}`).join("; "),
      };
      const text = [...(place === null ? [] : [place]), ...failures.map(findingText)].join("\n\n");
      return [element(one.status === "fail" ? "failure" : "error", attributes, text)];
    }
    default:
      return one.status satisfies never;
  }
}

/** What does not make the case fail: warnings, notes, what exceptions lifted, changes and facts. */
function outputOf(one: ReportCase): string {
  const others = one.status === "skip" ? [] : one.findings.filter((each) => each.level !== "error" || !counts(each));
  const changes = one.changes.map(({ field, before, after, weight, meaning }) => {
    const said = [...(weight === "neutral" ? [] : [weight]), ...(meaning === null ? [] : [meaning])].join(": ");
    return `${field}: ${before ?? "absent"} -> ${after ?? "absent"}${said === "" ? "" : ` (${said})`}`;
  });
  const facts = one.facts.map(({ name, value }) => `${name}: ${value}`);
  return [...others.map(findingText), ...changes, ...facts].join("\n");
}

function findingText(finding: ReportFinding): string {
  const exception = exceptionSays(finding);
  return [
    `${finding.level} ${finding.code}: ${finding.message}`,
    ...(exception === null ? [] : [`  ${exception}`]),
    ...(finding.why === null ? [] : [`  why: ${finding.why}`]),
    ...(finding.fix === null ? [] : [`  fix: ${finding.fix}`]),
  ].join("\n");
}

/** An element; a string as content is text, an array holds elements. */
function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content: string | readonly string[] = [],
): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${markup(oneLine(String(value)))}"`);
  const inner = typeof content === "string" ? markup(content) : content.map((child) => `\n${child}`).join("");
  const close = typeof content === "string" || content.length === 0 ? "" : "\n";
  return inner === "" ? `<${name}${written.join("")}/>` : `<${name}${written.join("")}>${inner}${close}</${name}>`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}
