/**
 * A report as issues of an Azure Pipelines job. Truth: Azure Pipelines' "Logging commands", and the escaping in
 * `taskcommand.ts` of its package `azure-pipelines-task-lib`.
 */

import { noCommand, oneLine, severalLines } from "./escape.js";
import type { Report, ReportCase, ReportFinding } from "./model.js";
import { annotationText, counts, countsOf, failuresOf, sentence } from "./summary.js";

export function azureReport(report: Report): string {
  const cases = report.suites.flatMap((suite) => suite.cases);
  return `${[...cases.flatMap(caseLines), sentence(countsOf(report))].join("\n")}\n`;
}

function caseLines(one: ReportCase): readonly string[] {
  const failures = failuresOf(one);
  const others = one.findings.filter((finding) => !failures.includes(finding));
  return [...failures, ...others].map((finding) => findingLine(one, finding));
}

/** Azure knows errors and warnings; what is neither is a line of the log. */
function findingLine(one: ReportCase, finding: ReportFinding): string {
  const text = annotationText(one, finding);
  if (!counts(finding) || finding.level === "note")
    return noCommand(oneLine(`note: ${finding.code}: ${text.replaceAll("\n", " ")}`));
  const { file, line } = one;
  const properties = {
    type: finding.level,
    ...(file === null || file === "" || file === "-" ? {} : { sourcepath: file }),
    ...(file === null || line === null ? {} : { linenumber: String(line) }),
    code: finding.code,
  };
  const written = Object.entries(properties).map(([name, value]) => `${name}=${property(value)};`);
  return `##vso[task.logissue ${written.join("")}]${data(text)}`;
}

function data(text: string): string {
  const escaped = severalLines(text).replaceAll("%", "%AZP25").replaceAll("\n", "%0A");
  return escaped.replaceAll(/#(?=#)/g, "# ");
}

function property(text: string): string {
  return data(oneLine(text)).replaceAll("]", "%5D").replaceAll(";", "%3B");
}
