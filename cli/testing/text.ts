/** A run of tests as text for people: a line for each suite, and whatever is not as it should be. */

import type { Io } from "../io.js";
import { printable } from "../output/table.js";
import type { CaseStatus, Report, ReportCase } from "../report/model.js";

export function testText(report: Report, { colours }: Pick<Io, "colours">): string {
  const mark: Readonly<Record<CaseStatus, string>> = {
    pass: colours.green("pass"),
    warn: colours.yellow("warn"),
    fail: colours.red("FAIL"),
    error: colours.red("ERROR"),
    skip: colours.dim("skip"),
  };
  const lines: string[] = [];
  for (const { name, cases } of report.suites) {
    const passed = cases.filter(({ status }) => status === "pass").length;
    lines.push(`${colours.bold(printable(name))}: ${passed} of ${cases.length} pass`);
    for (const one of cases) lines.push(...caseLines(one, mark, colours));
  }
  const facts = report.facts.map(({ name, value }) => `${value} ${name}`);
  lines.push("", facts.length === 0 ? "nothing was tested" : facts.join(", "));
  return `${lines.join("\n")}\n`;
}

function caseLines(
  { name, file, line, status, findings }: ReportCase,
  mark: Readonly<Record<CaseStatus, string>>,
  colours: Io["colours"],
): readonly string[] {
  if (status === "pass") return [];
  const where = file === null ? "" : ` ${colours.dim(`(${printable(file)}${line === null ? "" : `:${line}`})`)}`;
  return [
    `  ${mark[status]} ${printable(name)}${where}`,
    ...findings.map(({ message }) => `    ${printable(message)}`),
  ];
}
