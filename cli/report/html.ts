/**
 * A report as one HTML page that needs nothing else: no network, no other file, and no script but its own. Truth: the HTML
 * Standard, and Content Security Policy Level 3, which holds the page to that.
 */

import { createHash } from "node:crypto";
import { packageVersion } from "../policy/shipped.js";
import { markup, oneLine } from "./escape.js";
import { caseItem, factList, type Item, inPieces, matrixBlock, ruleCard, text } from "./html/parts.js";
import { SCRIPT } from "./html/script.js";
import { STYLE } from "./html/style.js";
import type { CaseStatus, Report } from "./model.js";
import {
  type Counts,
  countsOf,
  duration,
  grouped,
  plural,
  rfc3339,
  SIGNS,
  STATUSES,
  sentence,
  verdictOf,
} from "./summary.js";

/** No more cases than these that fail are unfolded from the start. */
const MAX_OPEN = 5;

/** What a release manager wants to know first. */
function headline({ cases, status }: Counts, verdict: CaseStatus | null): string {
  const of = (count: number): string => `${grouped(count)} of ${plural(cases, "case")}`;
  switch (verdict) {
    case null:
      return "Nothing was judged";
    case "error":
      return `${of(status.error)} could not be judged${status.fail > 0 ? `, ${grouped(status.fail)} fail` : ""}`;
    case "fail":
      return `${of(status.fail)} fail`;
    case "warn":
      return `No case fails, ${grouped(status.warn)} with warnings`;
    case "skip":
      return status.pass === 0 ? "Every case was skipped" : `No case fails, ${grouped(status.skip)} skipped`;
    case "pass":
      return cases === 1 ? "The case passes" : `All ${plural(cases, "case")} pass`;
    default:
      return verdict satisfies never;
  }
}

export function htmlReport(report: Report): string {
  const counts = countsOf(report);
  const title = `launchgate ${report.command}: ${report.title}`;
  const policy = `default-src 'none'; style-src '${hashOf(STYLE)}'; script-src '${hashOf(SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${markup(oneLine(title))}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="jump" href="#cases">Go to the cases</a>
<header class="top"><div class="brand">launchgate <span>${report.command}</span></div>
<button type="button" class="button" id="theme" hidden>Theme</button></header>
<main>
${hero(report, counts)}
${report.matrices.map((matrix, at) => matrixBlock(matrix, `matrix-${at}`)).join("\n")}
${casesSection(report, counts)}
${rulesSection(report)}
${aboutSection(report)}
</main>
<footer>Made by launchgate ${markup(packageVersion())}. This page is complete in itself and loads nothing.</footer>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

/** As Content Security Policy names a script or style that stands in the page. */
function hashOf(source: string): string {
  return `sha256-${createHash("sha256").update(source).digest("base64")}`;
}

function hero(report: Report, counts: Counts): string {
  const verdict = verdictOf(counts);
  const { status, exceptions } = counts;
  const present = STATUSES.filter((one) => status[one] > 0);
  const apart = (["used", "expired"] as const).filter((state) => exceptions[state] > 0);
  const tiles = [
    ...present.map((one) => tile(status[one], one, `s-${one}`)),
    ...apart.map((state) => tile(exceptions[state], `exceptions ${state}`, state === "expired" ? "s-warn" : "s-skip")),
  ];
  return `<section class="hero card s-${verdict ?? "skip"}">
<h1 class="verdict"><span class="mark s-${verdict ?? "skip"}" aria-hidden="true">${verdict === null ? "–" : SIGNS[verdict]}</span>${headline(counts, verdict)}</h1>
<p class="title">${text(report.title)}</p>
<p class="meta">${markup(sentence(counts))}<br>${rfc3339(report.startedAt).slice(0, 19).replace("T", " ")} UTC, ${duration(report.durationMs)}</p>
${counts.cases === 0 ? "" : bar(counts)}
${tiles.length === 0 ? "" : `<ul class="tiles">${tiles.join("")}</ul>`}
</section>`;
}

function tile(count: number, name: string, kind: string): string {
  return `<li class="tile ${kind}"><b>${grouped(count)}</b><span>${name}</span></li>`;
}

/** Drawn with attributes: the page's policy allows no style of an element's own. */
function bar({ cases, status }: Counts): string {
  const parts: string[] = [];
  let from = 0;
  for (const one of STATUSES.toReversed()) {
    const width = (status[one] / cases) * 1000;
    if (width > 0)
      parts.push(`<rect class="s-${one}" x="${from.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="10"/>`);
    from += width;
  }
  return `<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">${parts.join("")}</svg>`;
}

function casesSection(report: Report, counts: Counts): string {
  if (counts.cases === 0) return `<section id="cases"><h2>Cases</h2><p class="card nothing">No cases.</p></section>`;
  const codes = codesOf(report);
  const { first, rest } = inPieces(caseItems(report, codes), "case-rest");
  const options = [...codes].map(([code, { index, cases }]) =>
    option(String(index), `${oneLine(code)} (${grouped(cases)})`),
  );
  const suites = report.suites.map(({ name }, at) => option(String(at), oneLine(name)));
  const toggles = STATUSES.filter((one) => counts.status[one] > 0).map((one) => toggle(one, one));
  const excepted =
    counts.exceptions.used + counts.exceptions.expired > 0 ? [toggle("excepted", "with exceptions")] : [];
  return `<section id="cases"><h2>Cases</h2>
<div class="tools sticky card" hidden>
<input type="search" id="search" aria-label="Filter the cases" placeholder="Filter the cases ( / )" aria-keyshortcuts="/">
<select id="code" aria-label="Code"${codes.size === 0 ? " hidden" : ""}>${option("", "Any code")}${options.join("")}</select>
<select id="suite" aria-label="Suite"${report.suites.length < 2 ? " hidden" : ""}>${option("", "Any suite")}${suites.join("")}</select>
<select id="sort" aria-label="Order">${option("severity", "Worst first")}${option("order", "In the order of the run")}${option("name", "By name")}${option("time", "Slowest first")}</select>
<div class="toggles" role="group" aria-label="Only those that">${[...toggles, ...excepted].join("")}</div>
</div>
<div class="shown" hidden><span id="shown" role="status"></span><span><button type="button" class="link" id="reset" hidden>Show all again</button>
<button type="button" class="link" id="expand">Unfold</button><button type="button" class="link" id="collapse">Fold</button></span></div>
<ul class="cases" id="case-list">
${first}
</ul>
<button type="button" class="button more" hidden>Show more</button>
${rest === "" ? "" : `<noscript><p class="nothing">These are the worst. Only a script shows all ${grouped(counts.cases)} cases.</p></noscript>${rest}`}
</section>`;
}

function option(value: string, said: string): string {
  return `<option value="${markup(value)}">${markup(said)}</option>`;
}

function toggle(status: string, said: string): string {
  return `<button type="button" class="toggle" data-status="${status}" aria-pressed="false">${said}</button>`;
}

type Codes = ReadonlyMap<string, { readonly index: number; readonly cases: number }>;

/** Every code found, with a number that the page knows it by and in how many cases it is. */
function codesOf({ suites }: Report): Codes {
  const found = new Map<string, { readonly index: number; readonly cases: number }>();
  for (const one of suites.flatMap(({ cases }) => cases)) {
    for (const code of new Set(one.findings.map((finding) => finding.code))) {
      const { index, cases } = found.get(code) ?? { index: found.size, cases: 0 };
      found.set(code, { index, cases: cases + 1 });
    }
  }
  return new Map([...found].sort(([, one], [, other]) => other.cases - one.cases));
}

/** The worst first; within a status in the order of the run. */
function caseItems({ suites }: Report, codes: Codes): readonly Item[] {
  const all = suites.flatMap(({ name, cases }, suite) => cases.map((one) => ({ name, suite, one })));
  const ordered = all.map((each, order) => ({ ...each, order }));
  const sorted = STATUSES.flatMap((status) => ordered.filter(({ one }) => one.status === status));
  return sorted.map(({ name, suite, one, order }, at) => {
    const bad = one.status === "fail" || one.status === "error";
    const open = (bad && at < MAX_OPEN) || sorted.length === 1;
    const suiteName = suites.length > 1 ? name : null;
    return caseItem(one, { order, suite, suiteName, open }, (code) => codes.get(code)?.index ?? -1);
  });
}

function rulesSection(report: Report): string {
  const codes = codesOf(report);
  if (codes.size === 0 && report.rules.length === 0) return "";
  const catalogue = new Map(report.rules.map((rule) => [rule.code, rule]));
  const findings = new Map(
    report.suites.flatMap(({ cases }) =>
      cases.flatMap((one) => one.findings.map((finding) => [finding.code, finding])),
    ),
  );
  const fired = [...codes].map(([code, { index, cases }]) => {
    const { why = null, fix = null } = catalogue.get(code) ?? findings.get(code) ?? {};
    return ruleCard({ code, title: catalogue.get(code)?.title ?? code, why, fix, cases, index });
  });
  const silent = report.rules.filter(({ code }) => !codes.has(code));
  const others = silent.map(({ code, title }) => ({ name: code, value: title }));
  return `<section id="rules"><h2>Rules that had something to say</h2>
${fired.length === 0 ? `<p class="card nothing">None.</p>` : `<ul class="rules">${fired.join("\n")}</ul>`}
${silent.length === 0 ? "" : `<details class="case card about"><summary>${plural(silent.length, "rule")} had nothing to say</summary>${factList(others)}</details>`}
</section>`;
}

function aboutSection({ facts, policies }: Report): string {
  const judges = policies.map(({ name, revision, sha256 }) => ({
    name: `${name}${revision === "" ? "" : ` ${revision}`}`,
    value: `sha256:${sha256}`,
  }));
  const cards = [
    ...(facts.length === 0 ? [] : [`<h2>About this run</h2><div class="card about">${factList(facts)}</div>`]),
    ...(judges.length === 0 ? [] : [`<h2>Policies that judged</h2><div class="card about">${factList(judges)}</div>`]),
  ];
  return cards.length === 0 ? "" : `<section id="about">${cards.join("")}</section>`;
}
