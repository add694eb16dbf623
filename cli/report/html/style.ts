/** The look of the HTML report: light and dark, wide and narrow, on screen and on paper. Truth: CSS, and WCAG 2.2 on contrast. */

import { SIGNS, STATUSES } from "../summary.js";

const LIGHT = `
  color-scheme: light;
  --ground: #f4f6f9; --surface: #ffffff; --raised: #f8f9fb; --line: #d8dee7; --line-strong: #b9c3d0;
  --text: #171c24; --soft: #4e5a6b; --accent: #1f5fbf; --focus: #1f5fbf; --shadow: 0 1px 2px rgb(20 30 50 / .07);
  --pass: #17693d; --pass-tint: #e2f4e9; --warn: #7d4e00; --warn-tint: #fdf0d2; --fail: #b01e26; --fail-tint: #fde7e7;
  --error: #7b1f86; --error-tint: #f7e6f9; --skip: #43566d; --skip-tint: #e8edf3;`;

const DARK = `
  color-scheme: dark;
  --ground: #0e1217; --surface: #161b22; --raised: #1b222b; --line: #2a333f; --line-strong: #435063;
  --text: #e7ecf2; --soft: #a3afbf; --accent: #82b4ff; --focus: #82b4ff; --shadow: 0 1px 2px rgb(0 0 0 / .4);
  --pass: #5fd39a; --pass-tint: #12301f; --warn: #f0bd5b; --warn-tint: #35280c; --fail: #ff8a86; --fail-tint: #3b1719;
  --error: #e59af0; --error-tint: #34163a; --skip: #a3bad6; --skip-tint: #202b39;`;

export const STYLE = `
:root {${LIGHT}
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) {${DARK}
} }
:root[data-theme="dark"] {${DARK}
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { scroll-padding-top: 5rem; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 74rem; margin: 0 auto; padding: 0 1.25rem 3rem; }
code { font-family: var(--mono); font-size: .92em; }
bdi, code, .message, dd, .matrix li { overflow-wrap: anywhere; }
h1, h2, h3, p, ul, dl, dd { margin: 0; padding: 0; }
ul { list-style: none; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; }
button, input, select { font: inherit; color: inherit; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.jump { position: absolute; left: -99rem; }
.jump:focus { left: 1rem; top: .5rem; background: var(--surface); padding: .4rem .8rem; z-index: 9; }
.soft { color: var(--soft); }
.top { max-width: 74rem; margin: 0 auto; padding: .9rem 1.25rem; display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 3.6rem; }
.brand { font-weight: 650; letter-spacing: .01em; }
.brand span { color: var(--soft); font-weight: 450; }
.button { background: var(--surface); border: 1px solid var(--line-strong); border-radius: 7px; padding: .3rem .75rem; cursor: pointer; }
.button:hover { background: var(--raised); border-color: var(--soft); }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }

.hero { padding: 1.5rem 1.6rem; border-left: 6px solid var(--skip); }
.hero.s-pass { border-left-color: var(--pass); } .hero.s-warn { border-left-color: var(--warn); }
.hero.s-fail { border-left-color: var(--fail); } .hero.s-error { border-left-color: var(--error); }
.verdict { display: flex; align-items: center; gap: .7rem; font-size: 1.65rem; line-height: 1.2; font-weight: 680; }
.verdict .mark { width: 2.1rem; height: 2.1rem; border-radius: 50%; font-size: 1.15rem; flex: none; }
.mark { display: inline-grid; place-items: center; font-weight: 750; line-height: 1; }
.title { margin-top: .55rem; font-size: 1.05rem; }
.meta { margin-top: .2rem; color: var(--soft); font-size: .92rem; }
.bar { display: block; width: 100%; height: 10px; margin: 1.2rem 0 1rem; border-radius: 5px; background: var(--skip-tint); overflow: hidden; }
.bar .s-pass { fill: var(--pass); } .bar .s-warn { fill: var(--warn); } .bar .s-fail { fill: var(--fail); }
.bar .s-error { fill: var(--error); } .bar .s-skip { fill: var(--skip); }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; }
.tile { min-width: 7.2rem; padding: .5rem .85rem; border-radius: 9px; background: var(--raised); border: 1px solid var(--line); }
.tile b { display: block; font-size: 1.35rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { font-size: .88rem; color: var(--soft); }
.tile.s-fail b { color: var(--fail); } .tile.s-error b { color: var(--error); } .tile.s-warn b { color: var(--warn); }
.tile.s-pass b { color: var(--pass); } .tile.s-skip b { color: var(--skip); }

.chip { display: inline-flex; align-items: center; gap: .35em; padding: .08rem .55rem; border-radius: 99px; font-size: .84rem; font-weight: 620; white-space: nowrap; max-width: 100%; }
.chip bdi { white-space: normal; }
.chip.s-pass, .mark.s-pass { background: var(--pass-tint); color: var(--pass); }
.chip.s-warn, .mark.s-warn, .chip.l-warning { background: var(--warn-tint); color: var(--warn); }
.chip.s-fail, .mark.s-fail, .chip.l-error { background: var(--fail-tint); color: var(--fail); }
.chip.s-error, .mark.s-error { background: var(--error-tint); color: var(--error); }
.chip.s-skip, .mark.s-skip, .chip.l-note, .chip.lifted { background: var(--skip-tint); color: var(--skip); }

.tools { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; padding: .7rem; margin-bottom: .7rem; }
.tools.sticky { position: sticky; top: 0; z-index: 3; }
.tools input[type="search"] { flex: 1 1 14rem; min-width: 0; }
.tools .toggles { flex-basis: 100%; }
.tools input[type="search"], .tools select { background: var(--ground); border: 1px solid var(--line-strong); border-radius: 7px; padding: .35rem .6rem; max-width: 100%; }
.tools select { max-width: 15rem; }
.toggles { display: flex; flex-wrap: wrap; gap: .35rem; }
.toggle { border: 1px solid var(--line-strong); background: transparent; border-radius: 99px; padding: .18rem .7rem; font-size: .9rem; cursor: pointer; color: var(--soft); }
.toggle[aria-pressed="true"] { background: var(--text); border-color: var(--text); color: var(--surface); font-weight: 600; }
.check { display: inline-flex; gap: .4rem; align-items: center; }
.shown { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; justify-content: space-between; margin: .2rem 0 .6rem; color: var(--soft); font-size: .92rem; }
.link { background: none; border: 0; padding: 0; color: var(--accent); cursor: pointer; text-decoration: underline; text-underline-offset: 2px; }
.shown .link { margin-left: .9rem; }

.cases > li + li { margin-top: .4rem; }
.case > summary { display: flex; flex-wrap: wrap; gap: .25rem .7rem; align-items: center; padding: .55rem .9rem; cursor: pointer; border-radius: 12px; list-style: none; }
.case > summary::-webkit-details-marker { display: none; }
.case > summary::before { content: "▸"; color: var(--soft); width: .8em; transition: transform .12s; }
.case[open] > summary::before { transform: rotate(90deg); }
.case > summary:hover { background: var(--raised); }
.case > summary > .chip { min-width: 4.6rem; justify-content: center; }
.case .name { font-weight: 560; overflow-wrap: anywhere; min-width: 0; flex: 1 1 16rem; }
.case .codes { display: flex; min-width: 0; flex-wrap: wrap; gap: .3rem; color: var(--soft); font-size: .9rem; }
.case .body { padding: .2rem 1.1rem 1.1rem 2.35rem; border-top: 1px solid var(--line); }
.case .body > * { margin-top: .8rem; }
.finding { border-left: 3px solid var(--skip); padding: .1rem 0 .1rem .85rem; }
.finding.l-error { border-left-color: var(--fail); } .finding.l-warning { border-left-color: var(--warn); }
.finding.lifted { border-left-style: dashed; border-left-color: var(--line-strong); }
.finding + .finding { margin-top: .9rem; }
.finding .message { margin: .15rem 0 .2rem; font-weight: 540; }
.finding.lifted .message { font-weight: 400; }
.advice { display: grid; grid-template-columns: 2.6rem minmax(0, 1fr); gap: .1rem .5rem; font-size: .95rem; }
.advice dt, .facts dt { color: var(--soft); }
.facts dd { font-family: var(--mono); font-size: .92em; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: fit-content(16rem) minmax(0, 1fr); gap: .1rem 1rem; font-size: .93rem; }

table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .94rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
.diff { border: 1px solid var(--line); border-radius: 8px; table-layout: fixed; }
.diff th:nth-child(1) { width: 17%; } .diff th:nth-child(4) { width: 24%; }
.diff tr:last-child td { border-bottom: 0; }
.diff thead th { background: var(--raised); color: var(--soft); font-size: .86rem; }
.diff .before, .diff .after { font-family: var(--mono); font-size: .84rem; overflow-wrap: anywhere; }
.diff .before, .diff .after { position: relative; padding-left: 1.7rem; }
.diff .before::before, .diff .after::before { content: "−"; position: absolute; left: .75rem; }
.diff .after::before { content: "+"; }
.diff .before { color: var(--soft); }
.diff .absent { font-style: italic; }
.diff tr.weaker .after { background: var(--fail-tint); color: var(--fail); font-weight: 600; }
.diff tr.stronger .after { background: var(--pass-tint); color: var(--pass); font-weight: 600; }
.weight { font-weight: 650; white-space: nowrap; }
.weaker .weight { color: var(--fail); } .stronger .weight { color: var(--pass); }

.scroll { overflow: auto; max-height: 75vh; }
.matrix th, .matrix td { border-right: 1px solid var(--line); min-width: 7.5rem; }
.matrix th:last-child, .matrix td:last-child { border-right: 0; }
.matrix thead th { position: sticky; top: 0; z-index: 2; background: var(--raised); border-bottom: 2px solid var(--line-strong); overflow-wrap: anywhere; }
.matrix thead small { display: block; font-weight: 450; color: var(--soft); }
.matrix th:first-child { position: sticky; left: 0; z-index: 1; background: var(--raised); min-width: 11rem; max-width: 22rem; overflow-wrap: anywhere; font-weight: 540; }
.matrix thead th:first-child { z-index: 3; }
.matrix tbody tr:last-child > * { border-bottom: 0; }
.matrix td.s-fail { background: var(--fail-tint); color: var(--fail); } .matrix td.s-error { background: var(--error-tint); color: var(--error); }
.matrix td.s-warn { background: var(--warn-tint); color: var(--warn); } .matrix td.s-pass { color: var(--pass); } .matrix td.s-skip { color: var(--skip); }
.matrix td { font-weight: 580; overflow-wrap: anywhere; }
${STATUSES.map((status) => `.matrix td.s-${status} > bdi::before, .matrix td.s-${status} summary bdi::before { content: "${SIGNS[status]} "; }`).join("\n")}
.matrix summary { cursor: pointer; }
.matrix details ul { margin-top: .3rem; font-weight: 400; color: var(--text); font-size: .92rem; }
.matrix details li + li { margin-top: .25rem; }
.more { display: block; margin: .8rem auto 0; }

.rules { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); gap: .7rem; align-items: start; }
.rule { padding: .85rem 1.1rem; }
.rule h3 { font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
.rule .soft { margin: .1rem 0 .45rem; font-size: .9rem; }
.about { padding: 1rem 1.2rem; }
#rules > .about { margin-top: .7rem; padding: 0; } #rules > .about > .facts { padding: .3rem 1.1rem 1rem 2.35rem; }
.nothing { padding: 1.4rem; text-align: center; color: var(--soft); }
footer { max-width: 74rem; margin: 0 auto; padding: 0 1.25rem 2rem; color: var(--soft); font-size: .88rem; }

@media (max-width: 42rem) {
  main, .top, footer { padding-left: .8rem; padding-right: .8rem; }
  .hero { padding: 1.1rem 1rem; }
  .verdict { font-size: 1.3rem; }
  .tiles { display: grid; grid-template-columns: repeat(3, 1fr); }
  .tile { min-width: 0; padding: .4rem .6rem; }
  .tools.sticky { position: static; }
  .tools select { flex: 1 1 9rem; max-width: 100%; min-width: 0; }
  .case .body { padding-left: 1rem; padding-right: .8rem; }
  .facts { grid-template-columns: minmax(0, 1fr); }
  .facts dd { margin-bottom: .35rem; }
  .matrix th:first-child { min-width: 8rem; max-width: 9.5rem; }
  .diff thead { display: none; }
  .diff, .diff tbody, .diff tr, .diff td { display: block; }
  .diff tr { padding: .5rem .7rem; border-bottom: 1px solid var(--line); }
  .diff tr:last-child { border-bottom: 0; }
  .diff td { border: 0; padding: .1rem .3rem; border-radius: 4px; }
  .diff .before, .diff .after { padding-left: 1.2rem; }
  .diff .before::before, .diff .after::before { left: .3rem; }
  .diff td:empty { display: none; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media print {
  :root, :root[data-theme="dark"], :root:not([data-theme="light"]) {${LIGHT}
    --ground: #fff; --shadow: none; }
  body { font-size: 11px; }
  .tools, .shown, .more, #theme, .jump { display: none !important; }
  .scroll { max-height: none; overflow: visible; }
  .matrix th { position: static !important; }
  .card { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
