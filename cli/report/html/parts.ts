/** The pieces of the HTML report: a case, a matrix, a rule. What files and policies say is escaped here and nowhere later. */

import { json, markup, oneLine } from "../escape.js";
import type {
  CaseStatus,
  ReportCase,
  ReportCell,
  ReportChange,
  ReportFact,
  ReportFinding,
  ReportMatrix,
} from "../model.js";
import { counts, duration, exceptionSays, grouped, placeOf, SIGNS, STATUSES } from "../summary.js";

/** What the page's script filters and sorts by; keys are short since every case has them. */
type Meta = Readonly<Record<string, unknown>>;

/** One item of a list that the page shows in pieces. */
export interface Item {
  readonly meta: Meta;
  /** Without the meta attribute; begins with its tag. */
  readonly html: string;
}

/** As many stand in the page from the start, and are what is shown where no script runs. */
const FIRST = 100;

/** The items: the first as markup, the rest as data for the script. */
export function inPieces(items: readonly Item[], id: string): { readonly first: string; readonly rest: string } {
  const first = items
    .slice(0, FIRST)
    .map(({ meta, html }) => html.replace(/^<(\w+)/, (tag) => `${tag} data-meta='${quoted(JSON.stringify(meta))}'`));
  const rest = items.slice(FIRST).map(({ meta, html }) => [meta, html]);
  return { first: first.join("\n"), rest: rest.length === 0 ? "" : dataBlock(id, rest) };
}

/** For an attribute in single quotes: JSON is full of the double ones. */
function quoted(value: string): string {
  return value.replaceAll(/[&<>']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** JSON that nothing in it can end: it is markup of a script element, in which only `<` means anything. */
function dataBlock(id: string, value: unknown): string {
  return `<script type="application/json" id="${id}">${json(value).replaceAll("<", "\\u003c")}</script>`;
}

export function text(value: string): string {
  return `<bdi>${markup(oneLine(value))}</bdi>`;
}

function paragraphs(value: string): string {
  return markup(value).replaceAll("\n", "<br>");
}

function chip(status: CaseStatus, said: string = status): string {
  return `<span class="chip s-${status}"><span aria-hidden="true">${SIGNS[status]}</span>${said}</span>`;
}

export function caseItem(
  one: ReportCase,
  at: { readonly order: number; readonly suite: number; readonly suiteName: string | null; readonly open: boolean },
  codeIndex: (code: string) => number,
): Item {
  const codes = [...new Set(one.findings.map(({ code }) => code))];
  const said = codes.slice(0, 4).map((code) => `<code>${markup(oneLine(code))}</code>`);
  const more = codes.length > said.length ? [`<span>and ${codes.length - said.length} more</span>`] : [];
  const took = one.durationMs === null ? "" : `<span class="soft">${duration(one.durationMs)}</span>`;
  const suite = at.suiteName === null ? "" : `<span class="soft">${text(at.suiteName)}</span>`;
  const html = [
    `<li><details class="case card"${at.open ? " open" : ""}><summary>${chip(one.status)}`,
    `<span class="name">${text(one.name)}</span>`,
    `<span class="codes">${[...said, ...more].join("")}</span>${suite}${took}</summary>`,
    `<div class="body">${caseBody(one)}</div></details></li>`,
  ].join("");
  const meta = {
    s: one.status,
    c: codes.map(codeIndex),
    u: at.suite,
    n: oneLine(one.name),
    o: at.order,
    d: one.durationMs,
    e: one.findings.some(({ exception }) => exception !== null),
  };
  return { meta, html };
}

function caseBody(one: ReportCase): string {
  const place = placeOf(one);
  const where: readonly ReportFact[] =
    place === null || place === one.name ? [] : [{ name: one.line === null ? "file" : "file and line", value: place }];
  const parts = [
    one.findings.length === 0 ? "" : `<ul>${one.findings.map(findingItem).join("")}</ul>`,
    one.changes.length === 0 ? "" : changeTable(one.changes),
    factList([...where, ...one.facts]),
  ].filter((part) => part !== "");
  return parts.length === 0 ? `<p class="soft">Nothing more to say.</p>` : parts.join("");
}

function findingItem(finding: ReportFinding): string {
  const exception = exceptionSays(finding);
  const lifted = !counts(finding);
  const state =
    exception === null ? "" : ` <span class="chip ${lifted ? "lifted" : "s-warn"}">${text(exception)}</span>`;
  const advice = [
    ...(finding.why === null ? [] : [`<dt>Why</dt><dd>${paragraphs(finding.why)}</dd>`]),
    ...(finding.fix === null ? [] : [`<dt>Fix</dt><dd>${paragraphs(finding.fix)}</dd>`]),
  ];
  return [
    `<li class="finding l-${finding.level}${lifted ? " lifted" : ""}">`,
    `<span class="chip ${lifted ? "lifted" : `l-${finding.level}`}">${finding.level}</span> `,
    `<code>${markup(oneLine(finding.code))}</code>${state}`,
    `<p class="message">${paragraphs(finding.message)}</p>`,
    advice.length === 0 ? "" : `<dl class="advice">${advice.join("")}</dl>`,
    "</li>",
  ].join("");
}

const WEIGHTS: Readonly<Record<ReportChange["weight"], string>> = {
  weaker: "▼ weaker",
  stronger: "▲ stronger",
  neutral: "",
};

function changeTable(changes: readonly ReportChange[]): string {
  const side = (name: string, value: string | null): string =>
    value === null ? `<td class="${name} absent">absent</td>` : `<td class="${name}">${text(value)}</td>`;
  const rows = changes.map(({ field, before, after, weight, meaning }) => {
    const said = WEIGHTS[weight] === "" ? "" : `<span class="weight">${WEIGHTS[weight]}</span> `;
    const what = `${said}${meaning === null ? "" : `<span class="message">${markup(meaning)}</span>`}`;
    return `<tr class="${weight}"><td><code>${markup(oneLine(field)).replaceAll(".", ".<wbr>")}</code></td>${side("before", before)}${side("after", after)}<td>${what}</td></tr>`;
  });
  return `<table class="diff"><thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">After</th><th scope="col">What it means</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

export function factList(facts: readonly ReportFact[]): string {
  if (facts.length === 0) return "";
  const rows = facts.map(({ name, value }) => `<dt>${text(name)}</dt><dd>${text(value)}</dd>`);
  return `<dl class="facts">${rows.join("")}</dl>`;
}

/** A table of verdicts, one page of rows at a time. */
export function matrixBlock(matrix: ReportMatrix, id: string): string {
  const { title, columns, rows } = matrix;
  const items = rows.map(({ name, cells }) => ({
    meta: { p: cells.some(({ status }) => status !== "pass" && status !== "skip") },
    html: `<tr><th scope="row" tabindex="-1">${text(name)}</th>${cells.map(cellMarkup).join("")}</tr>`,
  }));
  const { first, rest } = inPieces(items, `${id}-rest`);
  const head = columns.map((column, at) => `<th scope="col">${text(column)}<small>${tally(matrix, at)}</small></th>`);
  return `<div class="matrix-block" id="${id}">
<h2 id="${id}-title">${text(title)}</h2>
<div class="tools card" hidden><input type="search" aria-label="Filter the rows" placeholder="Filter the rows">
<label class="check"><input type="checkbox"> only rows with problems</label></div>
<div class="scroll card" tabindex="0" role="region" aria-labelledby="${id}-title"><table class="matrix"><thead><tr><th scope="col">${grouped(rows.length)} in all</th>${head.join("")}</tr></thead>
<tbody>${first}</tbody></table></div>
<button type="button" class="button more" hidden>Show more</button>
<p class="shown" role="status">${rows.length > FIRST ? `The first ${FIRST} of ${grouped(rows.length)} rows: a script shows the others.` : ""}</p>
${rest}</div>`;
}

function tally({ rows }: ReportMatrix, column: number): string {
  const statuses = rows.flatMap(({ cells }) => cells[column]?.status ?? []);
  return STATUSES.toReversed()
    .map((status) => ({ status, count: statuses.filter((one) => one === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ status, count }) => `${grouped(count)} ${status}`)
    .join(", ");
}

function cellMarkup({ status, text: said, details }: ReportCell): string {
  // The sign before it is the style's: there are many cells.
  const short = text(said);
  const inner =
    details.length === 0
      ? short
      : `<details><summary>${short}</summary><ul>${details.map((detail) => `<li>${paragraphs(detail)}</li>`).join("")}</ul></details>`;
  return `<td class="s-${status}">${inner}</td>`;
}

/** Why a rule exists and what to do about it, with how often it fired. */
export function ruleCard(rule: {
  readonly code: string;
  readonly title: string;
  readonly why: string | null;
  readonly fix: string | null;
  readonly cases: number;
  readonly index: number;
}): string {
  const { code, title, why, fix, cases, index } = rule;
  const advice = [
    ...(why === null ? [] : [`<dt>Why</dt><dd>${paragraphs(why)}</dd>`]),
    ...(fix === null ? [] : [`<dt>Fix</dt><dd>${paragraphs(fix)}</dd>`]),
  ];
  return [
    `<li class="rule card"><h3>${title === code ? "" : `${text(title)} `}<code>${markup(oneLine(code))}</code></h3>`,
    `<p class="soft">in ${grouped(cases)} case${cases === 1 ? "" : "s"}`,
    ` <button type="button" class="link" data-code="${index}" hidden>show ${cases === 1 ? "it" : "them"}</button></p>`,
    advice.length === 0 ? "" : `<dl class="advice">${advice.join("")}</dl>`,
    "</li>",
  ].join("");
}
