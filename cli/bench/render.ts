/** The sections of a report as Markdown (CommonMark with GitHub's tables), or as text for a terminal. */

import { printable, table } from "../output/table.js";
import type { BenchReport } from "./report.js";
import { type Section, sectionsOf } from "./sections.js";

export function markdown(report: BenchReport): string {
  const sections = sectionsOf(report).map(({ title, text, table: rows }) =>
    [`## ${title}`, ...text.map(cell), ...(hasRows(rows) ? [markdownTable(rows)] : [])].join("\n\n"),
  );
  return `# Benchmark of Launchgate ${report.launchgate}\n\n${sections.join("\n\n")}\n`;
}

function markdownTable([header = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** What others say, a name of a policy or a message of OPA's, must not become markup. */
function cell(text: string): string {
  return printable(text).replaceAll(/[\\|<>*_`[\]]/g, "\\$&");
}

export function text(report: BenchReport): string {
  return sectionsOf(report)
    .map(({ title, text: lines, table: rows }) =>
      [title, ...lines.map((line) => `  ${printable(line)}`), ...(hasRows(rows) ? [textTable(rows)] : [])].join("\n"),
    )
    .join("\n\n")
    .concat("\n");
}

function textTable(rows: readonly (readonly string[])[]): string {
  return table(
    rows.map((cells) => cells.map(printable)),
    "  ",
  );
}

function hasRows(rows: Section["table"]): rows is readonly (readonly string[])[] {
  return rows !== undefined && rows.length > 1;
}
