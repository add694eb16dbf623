/**
 * A suggestion as the data document that `--data` takes, in YAML whose comments name what justifies each line, and as the
 * explanation beside it. Every text that comes from a log is printed harmless, in comments as on a terminal.
 */

import { Document, isMap, isScalar, isSeq, type Node } from "yaml";
import { printable } from "../output/table.js";
import { dateText, exampleText, placeText, plural, spanText } from "../replay/words.js";
import type { Justification, LeftOutGroup } from "./proposal.js";
import type { AffectedGroup, Suggestion } from "./run.js";

export function suggestionYaml(found: Suggestion): string {
  const document = new Document(found.document, { version: "1.2", schema: "core" });
  document.commentBefore = comment(headLines(found));
  for (const justification of found.justification) commentOn(document, justification);
  return document.toString({ lineWidth: 0 });
}

function headLines({ counts, summary, justification }: Suggestion): readonly string[] {
  const many = `Proposed by launchgate suggest from ${plural(counts.denials, "denial")} among ${plural(summary.records, "record")}.`;
  if (justification.length === 0) return [many, "There is nothing to propose."];
  return [
    many,
    `It would let in ${plural(counts.newly_allowed, "launch", "launches")} of the log. Read what else each entry allows before you use it.`,
  ];
}

/** A space before each line, as people write comments. */
function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${printable(line)}`).join("\n");
}

function commentOn(document: Document, justification: Justification): void {
  const node = nodeAt(document, justification.path);
  if (node === null) throw new Error(`the document says nothing at ${justification.path.join(".")}`);
  node.commentBefore = comment(whyLines(justification));
}

/** The key of a map, or the item of a list, that a path leads to. */
function nodeAt(document: Document, path: readonly string[]): Node | null {
  let at: unknown = document.contents;
  let key: unknown = null;
  for (const name of path) {
    if (isSeq(at)) key = at.items.find((item) => isScalar(item) && item.value === name) ?? null;
    else if (isMap(at)) {
      const pair = at.items.find((item) => (isScalar(item.key) ? item.key.value : item.key) === name);
      key = pair?.key ?? null;
      at = pair?.value ?? null;
    } else return null;
  }
  return isScalar(key) ? key : null;
}

function whyLines(justification: Justification): readonly string[] {
  const { allows, lifts, events, first, last, origins, mrenclaves, examples } = justification;
  const from = Object.entries(origins).map(([kind, count]) => `${count} ${kind}`);
  return [
    `allows: ${allows}`,
    `because of ${plural(events, "event")} (${from.join(", ")}), ${spanText(first, last)}: ${lifts.join(", ")}`,
    ...(mrenclaves.length === 0
      ? []
      : [`measurements: ${mrenclaves.join(", ")}${mrenclaves.length === 5 ? " …" : ""}`]),
    ...(examples.length === 0 ? [] : [`e.g. ${examples.map(exampleText).join(", ")}`]),
  ];
}

/** What is to be known beside the document: for stderr. */
export function suggestionNotes(found: Suggestion): string {
  const { counts, left_out, newly_allowed, newly_denied, still_denied, summary } = found;
  const facts: readonly (readonly [number, string])[] = [
    [counts.allowed_already, "recorded as denied, and allowed by this policy already"],
    [counts.denied_now, "recorded as allowed, denied by this policy and not considered: --all considers them"],
    [counts.without_event, "denials of what was no event: nothing can be said of them"],
    [summary.filtered, "filtered out"],
    [summary.others, "lines that are no decision"],
  ];
  const lines = [
    `${plural(counts.denials, "denial")} considered: ${counts.justified} justify the proposal, ${counts.denials - counts.justified} are left out`,
    ...facts.filter(([count]) => count > 0).map(([count, what]) => `${count.toLocaleString("en")} ${what}`),
    ...section("newly allowed, verified by replaying the log", newly_allowed.map(affectedText)),
    ...section("left out", left_out.map(leftOutText)),
    ...section("newly DENIED: do not use this proposal as it is", newly_denied.map(affectedText)),
    ...section("still denied although proposed", still_denied.map(affectedText)),
    ...section(
      plural(summary.broken, "broken line"),
      summary.shown.map((line) => `${placeText(line)}: ${printable(line.why)}`),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

const MAX_ROWS = 20;

function section(title: string, rows: readonly string[]): readonly string[] {
  if (rows.length === 0) return [];
  const rest = rows.length - MAX_ROWS;
  return [
    "",
    title,
    ...rows.slice(0, MAX_ROWS).map((row) => `  ${row}`),
    ...(rest > 0 ? [`  … and ${rest} more`] : []),
  ];
}

function affectedText({ hook, origin, mrsigner, isvprodid, codes, events, examples }: AffectedGroup): string {
  const who = mrsigner === null ? "" : `signer ${mrsigner.slice(0, 16)}…, product ${isvprodid ?? "unknown"}, `;
  return `${events.toLocaleString("en")}  ${who}${hook} from ${origin}: ${codes.join(", ")}${eg(examples)}`;
}

function leftOutText({ codes, why, events, mrsigners, examples }: LeftOutGroup): string {
  const who = mrsigners.length === 0 ? "" : ` [signers ${mrsigners.map((name) => `${name.slice(0, 16)}…`).join(", ")}]`;
  return `${events.toLocaleString("en")}  ${codes.join(", ") || "others"}: ${printable(why)}${who}${eg(examples)}`;
}

function eg(examples: AffectedGroup["examples"]): string {
  return examples.length === 0 ? "" : `; e.g. ${examples.map(exampleText).join(", ")}`;
}

/** What `--format json` prints: times in RFC 3339 as people and other programs read them. */
export function suggestionJson(found: Suggestion): string {
  const justification = found.justification.map(({ first, last, ...rest }) => ({
    ...rest,
    first: first === null ? null : dateText(first),
    last: last === null ? null : dateText(last),
  }));
  return `${JSON.stringify({ ...found, justification }, null, 2)}\n`;
}
