/** A vet report for people, on a terminal. */

import type { Io } from "../io.js";
import { printable, table } from "../output/table.js";
import type { CaseStatus, Report, ReportCase, ReportFinding, ReportMatrix } from "../report/model.js";

/** A block for each enclave, the matrix of the fleets, and a line with the sums. */
export function vetText({ title, suites, matrices, facts }: Report, { colours }: Pick<Io, "colours">): string {
  const cases = suites.flatMap((suite) => suite.cases).map((one) => caseText(one, colours));
  const sums = facts.map(({ name, value }) => `${name} ${value}`).join(", ");
  return `${[...cases, ...matrices.map((matrix) => matrixText(matrix, colours)), `${title}: ${sums}`].join("\n")}\n`;
}

type Colours = Io["colours"];

function statusText(status: CaseStatus, colours: Colours): string {
  switch (status) {
    case "pass":
      return colours.green(status);
    case "warn":
      return colours.yellow(status);
    case "fail":
    case "error":
      return colours.red(status);
    case "skip":
      return colours.dim(status);
    default:
      return status satisfies never;
  }
}

function caseText({ name, status, facts, findings }: ReportCase, colours: Colours): string {
  const shown = facts.filter((fact) => SHOWN.has(fact.name)).map((fact) => `${fact.name} ${printable(fact.value)}`);
  const head = [statusText(status, colours), printable(name), colours.dim(shown.join(", "))].join("  ").trimEnd();
  const rows = findings.map((finding) => [
    "",
    levelText(finding, status, colours),
    printable(finding.code),
    said(finding),
  ]);
  const fixes = findings.flatMap(({ level, code, fix }) =>
    level === "error" && fix !== null ? [[code, fix] as const] : [],
  );
  const advice = [...new Map(fixes)].map(
    ([code, fix]) => `  ${colours.dim(`fix ${printable(code)}: ${printable(fix)}`)}`,
  );
  return [head, ...(rows.length === 0 ? [] : [table(rows)]), ...advice].join("\n");
}

const SHOWN: ReadonlySet<string> = new Set(["carrier", "isvprodid", "isvsvn"]);

function levelText({ level, exception }: ReportFinding, status: CaseStatus, colours: Colours): string {
  if (exception !== null) return colours.cyan("exception");
  if (status === "error") return colours.red(status);
  return level === "error" ? colours.red("deny") : level === "warning" ? colours.yellow("warn") : colours.dim("note");
}

function said({ message }: ReportFinding): string {
  return printable(message);
}

function matrixText({ title, columns, rows }: ReportMatrix, colours: Colours): string {
  const body = rows.map(({ name, cells }) => [
    printable(name),
    ...cells.map(({ status, text, details }) => {
      const why = details.map((detail) => detail.split(":", 1)[0] ?? "").join(" ");
      return `${status === "pass" ? colours.green(text) : colours.red(text)}${why === "" ? "" : ` ${printable(why)}`}`;
    }),
  ]);
  return table([[colours.bold(title), ...columns.map(printable)], ...body]);
}
