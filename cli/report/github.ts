/**
 * A report as annotations of a GitHub Actions job. Truth: GitHub's "Workflow commands for GitHub Actions", and the escaping
 * in `command.ts` of its package `@actions/core`.
 */

import { oneLine, severalLines } from "./escape.js";
import type { Report, ReportCase, ReportFinding } from "./model.js";
import { annotationText, counts, countsOf, failuresOf, sentence } from "./summary.js";

type Command = "error" | "warning" | "notice";

/** The worst first: of each kind, GitHub shows the first ten of a step. */
const COMMANDS: readonly Command[] = ["error", "warning", "notice"];

export function githubReport(report: Report): string {
  const annotations = report.suites.flatMap(({ cases }) => cases.flatMap(annotationsOf));
  const lines = COMMANDS.flatMap((command) => annotations.filter((one) => one.command === command));
  return `${[...lines.map(({ line }) => line), sentence(countsOf(report))].join("\n")}\n`;
}

function annotationsOf(one: ReportCase): readonly { readonly command: Command; readonly line: string }[] {
  const failures = failuresOf(one);
  const others = one.findings.filter((finding) => !failures.includes(finding));
  return [...failures, ...others].map((finding) => {
    const command = commandOf(finding);
    return { command, line: `::${command} ${propertiesOf(one, finding)}::${data(annotationText(one, finding))}` };
  });
}

function commandOf(finding: ReportFinding): Command {
  if (!counts(finding)) return "notice";
  return finding.level === "note" ? "notice" : finding.level;
}

function propertiesOf({ file, line }: ReportCase, { code }: ReportFinding): string {
  const properties = {
    ...(file === null || file === "" || file === "-" ? {} : { file }),
    ...(file === null || line === null ? {} : { line: String(line) }),
    title: code,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${property(value)}`)
    .join(",");
}

function data(text: string): string {
  return severalLines(text).replaceAll("%", "%25").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(oneLine(text)).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
