/**
 * A report as Markdown for a job summary or a merge request. Truth: GitHub Flavored Markdown Spec; the size that GitHub
 * takes, "Workflow commands", adding a job summary: 1 MiB for each step.
 */

import { oneLine } from "./escape.js";
import type { CaseStatus, Report, ReportCase, ReportFact, ReportFinding, ReportMatrix } from "./model.js";
import {
  countsOf,
  duration,
  exceptionSays,
  grouped,
  placeOf,
  plural,
  rfc3339,
  STATUSES,
  sentence,
  verdictOf,
} from "./summary.js";

/** Below GitHub's 1 MiB, with room for what other steps' tools add. */
const MAX_BYTES = 1_000_000;
/** For what is said of that which is left out. */
const RESERVED_BYTES = 2_000;
/** All matrices together, so that a huge one leaves room for what fails. */
const MATRIX_BYTES = 400_000;
/** For what is said of the run. */
const FACTS_BYTES = 20_000;
/** Of one text from a file or a policy. */
const MAX_TEXT = 2_000;

const MARKS: Readonly<Record<CaseStatus, string>> = { error: "⛔", fail: "❌", warn: "⚠️", skip: "⏭️", pass: "✅" };

export function markdownReport(report: Report): string {
  const page = pageOf(MAX_BYTES - RESERVED_BYTES, FACTS_BYTES);
  const counts = countsOf(report);
  const verdict = verdictOf(counts);
  page.add(
    `## ${verdict === null ? "" : `${MARKS[verdict]} `}launchgate ${report.command}: ${escaped(report.title)}\n\n`,
  );
  page.add(`${sentence(counts)} (${duration(report.durationMs)}, ${rfc3339(report.startedAt).slice(0, 19)}Z)\n\n`);
  if (counts.cases > 0) page.add(summaryTable(report));
  const matrices = pageOf(MATRIX_BYTES);
  const unshown = report.matrices.map((matrix) => addMatrix(matrix, matrices));
  page.add(matrices.text());
  const leftOut = [
    ...unshown,
    addCases(report, page),
    addFacts([...report.facts, ...policyFacts(report)], page),
  ].filter((said) => said !== "");
  const end = leftOut.length === 0 ? "" : `> Left out for want of space: ${leftOut.join("; ")}.\n`;
  return `${page.text()}${end}`;
}

interface Page {
  /** False where there is no room for it any more. */
  readonly add: (block: string, last?: "last") => boolean;
  /** In bytes. */
  readonly room: (last?: "last") => number;
  readonly text: () => string;
}

/** `kept` bytes are for what comes last. */
function pageOf(maxBytes: number, kept = 0): Page {
  const blocks: string[] = [];
  let left = maxBytes;
  const room: Page["room"] = (last) => (last === undefined ? left - kept : left);
  return {
    add: (block, last) => {
      const size = Buffer.byteLength(block);
      if (size > room(last)) return false;
      left -= size;
      blocks.push(block);
      return true;
    },
    room,
    text: () => blocks.join(""),
  };
}

function summaryTable({ suites }: Report): string {
  const rows = suites.slice(0, 100).map((suite) => {
    const { status } = countsOf({ suites: [suite] });
    return [escaped(suite.name), ...STATUSES.map((one) => (status[one] === 0 ? "" : grouped(status[one])))];
  });
  const more = suites.length > rows.length ? `\n${plural(suites.length - rows.length, "more suite")}.\n` : "";
  return `${tableText(["", ...STATUSES.map((one) => `${MARKS[one]} ${one}`)], rows)}${more}\n`;
}

function addMatrix({ title, columns, rows }: ReportMatrix, page: Page): string {
  const head = `### ${escaped(title)}\n\n${tableText(["", ...columns.map(escaped)], [])}`;
  if (!page.add(head)) return `the matrix ${escaped(title)}`;
  const reasons = rows.flatMap(({ name, cells }) =>
    cells.flatMap(({ status, details }, at) =>
      status === "pass" || details.length === 0
        ? []
        : [`- ${escaped(name)} × ${escaped(columns[at] ?? "")}: ${details.map(escaped).join("; ")}\n`],
    ),
  );
  const lines = rows.map(({ name, cells }) => ({
    line: rowText([escaped(name), ...cells.map(({ status, text }) => `${MARKS[status]} ${escaped(text)}`)]),
    problem: cells.some(({ status }) => status !== "pass" && status !== "skip"),
  }));
  const shown = fitting(lines, page.room() / 2);
  page.add(shown.map(({ line }) => line).join(""));
  const left = rows.length - shown.length;
  page.add("\n");
  const unsaid = addDetails("Why", reasons, page);
  return [
    ...(left === 0 ? [] : [`${plural(left, "row")} of the matrix ${escaped(title)}`]),
    ...(unsaid === 0 ? [] : [`${plural(unsaid, "reason")} of the matrix ${escaped(title)}`]),
  ].join("; ");
}

/** In their order, and those with problems before the others where not all fit. */
function fitting<Line extends { readonly line: string; readonly problem: boolean }>(
  lines: readonly Line[],
  maxBytes: number,
): readonly Line[] {
  const kept = new Set<Line>();
  let room = maxBytes;
  for (const line of [...lines.filter(({ problem }) => problem), ...lines.filter(({ problem }) => !problem)]) {
    room -= Buffer.byteLength(line.line);
    if (room < 0) break;
    kept.add(line);
  }
  return lines.filter((line) => kept.has(line));
}

/** The worst first, so that they are not what is left out. */
function addCases({ suites }: Report, page: Page): string {
  const all = suites.flatMap(({ name, cases }) => cases.map((one) => ({ suite: name, one })));
  const left: string[] = [];
  for (const status of STATUSES) {
    const some = all.filter(({ one }) => one.status === status);
    const [plain, telling] = [some.filter(({ one }) => isPlain(one)), some.filter(({ one }) => !isPlain(one))];
    const unsaid = telling.filter(({ suite, one }) => !page.add(caseBlock(one, suite))).length;
    const unlisted = addDetails(
      `${MARKS[status]} ${plural(plain.length, "case")}: ${status}`,
      plain.map(({ suite, one }) => `- ${escaped(suite)}: ${escaped(one.name)}\n`),
      page,
    );
    if (unsaid + unlisted > 0) left.push(`${plural(unsaid + unlisted, "case")}: ${status}`);
  }
  return left.join("; ");
}

/** Items folded away under a heading. The number of those for which there was no room. */
function addDetails(summary: string, items: readonly string[], page: Page, last?: "last"): number {
  const [open, close] = [`<details><summary>${summary}</summary>\n\n`, "\n</details>\n\n"];
  if (items.length === 0) return 0;
  // Both at once, so that what is opened is closed.
  let inner = "";
  let size = Buffer.byteLength(open + close);
  let left = 0;
  for (const item of items) {
    const more = Buffer.byteLength(item);
    if (size + more > page.room(last)) left += 1;
    else {
      inner += item;
      size += more;
    }
  }
  return inner !== "" && page.add(`${open}${inner}${close}`, last) ? left : items.length;
}

function isPlain({ status, findings, changes }: ReportCase): boolean {
  return (status === "pass" || status === "skip") && findings.length === 0 && changes.length === 0;
}

function caseBlock(one: ReportCase, suite: string): string {
  const place = placeOf(one);
  const where = place === null || place === one.name ? "" : ` ${code(place)}`;
  const open = one.status === "fail" || one.status === "error" ? " open" : "";
  const changes = one.changes.map(({ field, before, after, weight, meaning }) => [
    code(field),
    before === null ? "absent" : code(before),
    after === null ? "absent" : code(after),
    `${weight === "neutral" ? "" : `<strong>${weight}</strong> `}${meaning === null ? "" : escaped(meaning)}`,
  ]);
  const facts = one.facts.map(({ name, value }) => `${escaped(name)} ${code(value)}`).join(" · ");
  return [
    `<details${open}><summary>${MARKS[one.status]} <strong>${escaped(one.name)}</strong>`,
    `${suite === "" ? "" : ` (${escaped(suite)})`}${where}</summary>\n\n`,
    ...one.findings.map(findingItem),
    one.findings.length === 0 ? "" : "\n",
    changes.length === 0 ? "" : `${tableText(["field", "before", "after", "what it means"], changes)}\n`,
    facts === "" ? "" : `${facts}\n\n`,
    "</details>\n\n",
  ].join("");
}

function findingItem(finding: ReportFinding): string {
  const exception = exceptionSays(finding);
  const mark = finding.exception?.state === "used" ? "➖" : { error: "❌", warning: "⚠️", note: "ℹ️" }[finding.level];
  return [
    `- ${mark} ${code(finding.code)} ${escaped(finding.message)}`,
    ...(exception === null ? [] : [`<em>${escaped(exception)}</em>`]),
    ...(finding.why === null ? [] : [`<strong>Why</strong> ${escaped(finding.why)}`]),
    ...(finding.fix === null ? [] : [`<strong>Fix</strong> ${escaped(finding.fix)}`]),
  ]
    .join("<br>")
    .concat("\n");
}

function policyFacts({ policies }: Report): readonly ReportFact[] {
  return policies.map(({ name, revision, sha256 }) => ({
    name: `policy ${name}${revision === "" ? "" : ` ${revision}`}`,
    value: `sha256:${sha256}`,
  }));
}

function addFacts(facts: readonly ReportFact[], page: Page): string {
  const left = addDetails(
    "About this run",
    facts.map(({ name, value }) => `- ${escaped(name)}: ${code(value)}\n`),
    page,
    "last",
  );
  return left === 0 ? "" : plural(left, "fact");
}

function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [rowText(head), rowText(head.map(() => "---")), ...rows.map(rowText)].join("");
}

function rowText(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

function code(text: string): string {
  return `<code>${escaped(text)}</code>`;
}

/**
 * Text that Markdown takes for nothing else: every character that could begin markup, HTML, a link, a mention or a table
 * cell is written as an entity, which CommonMark never takes for structure.
 */
function escaped(text: string): string {
  const said = oneLine(text.replaceAll(/\s*\n\s*/g, " ")).trim();
  const cut =
    said.length > MAX_TEXT
      ? `${oneLine(said.slice(0, MAX_TEXT))}… (${plural(said.length - MAX_TEXT, "more character")})`
      : said;
  return cut.replaceAll(
    /[&<>"'`*[\]{}()#+!|~@:\\=$^]|(?<![A-Za-z0-9])[_.-]|_(?![A-Za-z0-9])|(?<=^\d{1,9})\.(?= |$)|(?<=www)\./gi,
    (character) => [...character].map((one) => `&#${one.codePointAt(0)};`).join(""),
  );
}
