/** A report as text for people: what fails and why first to be seen, what passes in a line each, and a summary last. */

import wrapAnsi from "wrap-ansi";
import type { Io } from "../io.js";
import { table } from "../output/table.js";
import { noCommand, oneLine } from "./escape.js";
import type {
  CaseStatus,
  Report,
  ReportCase,
  ReportCell,
  ReportChange,
  ReportFinding,
  ReportMatrix,
  ReportSuite,
} from "./model.js";
import { countsOf, duration, exceptionSays, placeOf, plural, SIGNS, sentence, verdictOf } from "./summary.js";

/** More cases than these that pass with nothing to say are counted, not listed. */
const MAX_PASSES = 50;
/** Tests faster than that do not tell their time. */
const SLOW_MS = 100;
const NARROWEST = 40;
const LABEL_WIDTH = 5;

type View = Pick<Io, "colours" | "terminal" | "columns">;
type Paint = (text: string) => string;

export function textReport(report: Report, view: View): string {
  const counts = countsOf(report);
  const brief = counts.status.pass > MAX_PASSES;
  const quiet = brief ? report.suites.filter(isQuiet) : [];
  const loud = report.suites.filter((suite) => !quiet.includes(suite));
  const verdict = verdictOf(counts);
  const { colours } = view;
  const command = `launchgate ${report.command}  `;
  const end = `${sentence(counts)} (${duration(report.durationMs)})`;
  const blocks = [
    hanging(report.title, colours.bold(command), command.length, view),
    ...loud.map((suite) => suiteLines(suite, { brief, named: !isOnly(suite, report) }, view)),
    quiet.map((suite) => quietLine(suite, { named: !isOnly(suite, report) }, view)),
    ...report.matrices.map((matrix) => matrixLines(matrix, view)),
    factLines([...report.facts, ...policyFacts(report)], "  ", view),
    verdict === null ? [end] : hanging(end, `${label(verdict, view)}  `, LABEL_WIDTH + 2, view),
  ];
  const lines = blocks.filter((block) => block.length > 0).flatMap((block, at) => (at === 0 ? block : ["", ...block]));
  return `${lines
    .flatMap((line) => line.split("\n"))
    .map(noCommand)
    .join("\n")}\n`;
}

/** Whether its name says no more than the first line does. */
function isOnly({ name }: ReportSuite, { command, suites }: Report): boolean {
  return suites.length === 1 && name === command;
}

function suiteLines(
  { name, cases }: ReportSuite,
  { brief, named }: { readonly brief: boolean; readonly named: boolean },
  view: View,
): readonly string[] {
  const listed = brief ? cases.filter((one) => !isPlainPass(one)) : cases;
  const passed = cases.length - listed.length;
  return [
    ...(named ? [view.colours.bold(oneLine(name))] : []),
    ...(cases.length === 0 ? ["  no cases"] : []),
    ...listed.flatMap((one) => caseLines(one, view)),
    ...(passed === 0 ? [] : [`  ${label("pass", view)}  ${unlisted(passed)}`]),
  ];
}

function isQuiet({ cases }: ReportSuite): boolean {
  return cases.length > 0 && cases.every(isPlainPass);
}

function quietLine({ name, cases }: ReportSuite, { named }: { readonly named: boolean }, view: View): string {
  return `  ${label("pass", view)}  ${named ? `${oneLine(name)}: ` : ""}${unlisted(cases.length)}`;
}

function unlisted(passed: number): string {
  return `${plural(passed, "case")} with nothing to say, not listed`;
}

function isPlainPass({ status, findings, changes }: ReportCase): boolean {
  return status === "pass" && findings.length === 0 && changes.length === 0;
}

function caseLines(one: ReportCase, view: View): readonly string[] {
  const { colours } = view;
  const took = one.durationMs !== null && one.durationMs >= SLOW_MS ? `  ${duration(one.durationMs)}` : "";
  const head = `  ${label(one.status, view)}  `;
  if (isPlainPass(one)) return [`${head}${oneLine(one.name)}${colours.dim(took)}`];
  return [
    `${head}${colours.bold(oneLine(one.name))}${colours.dim(whereOf(one) + took)}`,
    ...one.findings.flatMap((finding, at) => findingLines(finding, one.findings[at + 1], view)),
    ...changeLines(one.changes, view),
    ...factLines(one.facts, "         ", view),
  ];
}

/** The place to open, unless the name ends with it, or with an offset in it. Nobody opens what passes. */
function whereOf(one: ReportCase): string {
  const place = placeOf(one);
  return place === null || ` ${one.name}@`.includes(` ${place}@`) ? "" : `  ${oneLine(place)}`;
}

/** Advice that the next finding gives as well is left to that one. */
function findingLines(finding: ReportFinding, next: ReportFinding | undefined, view: View): readonly string[] {
  const { colours } = view;
  const indent = " ".repeat(9);
  const exception = finding.message.startsWith(`exception ${finding.exception?.id} `) ? null : exceptionSays(finding);
  const lifted = finding.exception?.state === "used";
  const paint = lifted ? colours.dim : levelPaint(finding.level, view);
  const level = finding.level === "error" || lifted ? "" : `${finding.level}: `;
  const advice = (name: string, text: string | null): readonly string[] =>
    text === null ? [] : hanging(text, `${indent}  ${colours.dim(name.padEnd(4))} `, indent.length + 7, view);
  const isSame = next?.code === finding.code && next.why === finding.why && next.fix === finding.fix;
  return [
    ...hanging(
      `${level}${finding.message}`,
      `${indent}${paint(oneLine(finding.code))}  `,
      indent.length + oneLine(finding.code).length + 2,
      view,
    ),
    ...(exception === null ? [] : [`${indent}  ${colours.magenta(oneLine(exception))}`]),
    ...(isSame ? [] : [...advice("why", finding.why), ...advice("fix", finding.fix)]),
  ];
}

/** The text behind its head, wrapped to the terminal, later lines under the first. Not wrapped where nobody looks. */
function hanging(text: string, head: string, headWidth: number, view: View): readonly string[] {
  const width = widthOf(view);
  const said = oneLine(text.replaceAll(/\s*\n\s*/g, " "));
  if (width === null) return [head + said];
  const indent = width - headWidth < NARROWEST / 2 ? Math.min(headWidth, 11) : headWidth;
  const lines = wrapAnsi(said, Math.max(width - indent, NARROWEST / 2), { hard: true }).split("\n");
  if (indent !== headWidth) return [head.trimEnd(), ...lines.map((line) => " ".repeat(indent) + line)];
  return lines.map((line, at) => (at === 0 ? head : " ".repeat(indent)) + line);
}

function widthOf({ terminal, columns = 80 }: View): number | null {
  return terminal ? Math.max(columns, NARROWEST) : null;
}

/** A value longer than that stands in a line of its own. */
const MAX_ALIGNED = 24;

/** Aligned before → after; hashes one under the other. */
function changeLines(changes: readonly ReportChange[], view: View): readonly string[] {
  const { colours } = view;
  const indent = " ".repeat(9);
  const shown = changes.map(({ field, before, after, weight, meaning }) => ({
    field: oneLine(field),
    before: before === null ? "absent" : oneLine(before),
    after: after === null ? "absent" : oneLine(after),
    weight: weight === "neutral" ? "" : weightPaint(weight, view)(weight),
    meaning: meaning === null ? [] : hanging(meaning, `${indent}  `, indent.length + 2, view),
  }));
  const isShort = ({ before, after }: (typeof shown)[number]): boolean =>
    Math.max(before.length, after.length) <= MAX_ALIGNED;
  const aligned = shown.filter(isShort);
  const rows = table(
    aligned.map(({ field, before, after, weight }) => [field, colours.dim(before), "→", after, weight]),
    indent,
  ).split("\n");
  return shown.flatMap((change) => {
    const { field, before, after, weight, meaning } = change;
    const lines = isShort(change)
      ? [rows[aligned.indexOf(change)]?.trimEnd() ?? ""]
      : [`${indent}${field}  ${weight}`.trimEnd(), `${indent}  ${colours.dim(`- ${before}`)}`, `${indent}  + ${after}`];
    return [...lines, ...meaning];
  });
}

function matrixLines({ title, columns, rows }: ReportMatrix, view: View): readonly string[] {
  const { colours } = view;
  const body = rows.map(({ name, cells }) => [
    oneLine(name),
    ...cells.map(({ status, text }) => statusPaint(status, view)(`${SIGNS[status]} ${oneLine(text)}`)),
  ]);
  const reasons = rows.flatMap(({ name, cells }) => reasonsIn(name, cells, columns, view));
  return [
    colours.bold(oneLine(title)),
    ...table([["", ...columns.map((column) => colours.dim(oneLine(column)))], ...body], "  ").split("\n"),
    ...(reasons.length === 0 ? [] : ["", ...reasons]),
  ];
}

/** Why the cells of a row are as they are; columns that say the same share it. */
function reasonsIn(
  name: string,
  cells: readonly ReportCell[],
  columns: readonly string[],
  view: View,
): readonly string[] {
  const said = new Map<string, { readonly details: readonly string[]; readonly where: string[] }>();
  for (const [at, { status, details }] of cells.entries()) {
    if (status === "pass" || details.length === 0) continue;
    const key = JSON.stringify(details);
    const entry = said.get(key) ?? { details, where: [] };
    entry.where.push(oneLine(columns[at] ?? ""));
    said.set(key, entry);
  }
  return [...said.values()].flatMap(({ details, where }) => [
    `  ${oneLine(name)} × ${where.join(", ")}`,
    ...details.flatMap((detail) => hanging(detail, "    ", 4, view)),
  ]);
}

function policyFacts({ policies }: Report): Report["facts"] {
  return policies.map(({ name, revision, sha256 }) => ({
    name: "policy",
    value: `${name}${revision === "" ? "" : ` ${revision}`} sha256:${sha256}`,
  }));
}

function factLines(facts: Report["facts"], indent: string, { colours }: View): readonly string[] {
  if (facts.length === 0) return [];
  return table(
    facts.map(({ name, value }) => [colours.dim(oneLine(name)), oneLine(value)]),
    indent,
  ).split("\n");
}

function label(status: CaseStatus, view: View): string {
  return statusPaint(status, view)(status.padEnd(LABEL_WIDTH));
}

function statusPaint(status: CaseStatus, { colours }: View): Paint {
  switch (status) {
    case "pass":
      return colours.green;
    case "warn":
      return colours.yellow;
    case "fail":
      return colours.red;
    case "error":
      return (text) => colours.red(colours.inverse(text));
    case "skip":
      return colours.cyan;
    default:
      return status satisfies never;
  }
}

function levelPaint(level: ReportFinding["level"], { colours }: View): Paint {
  return { error: colours.red, warning: colours.yellow, note: colours.cyan }[level];
}

function weightPaint(weight: ReportChange["weight"], { colours }: View): Paint {
  return { weaker: colours.red, stronger: colours.green, neutral: colours.dim }[weight];
}
