/**
 * What files, policies and their authors say, made harmless for whoever reads a report: terminals, parsers, and the CI
 * runners that watch a job's output for commands. Truth: XML 1.0 section 2.2 (which characters there are), GitHub's
 * "Workflow commands", Azure Pipelines' "Logging commands".
 */

import { printable, printableLines } from "../output/table.js";

/** Text in one line: control characters, line breaks and halves of characters are shown, not obeyed. */
export function oneLine(text: string): string {
  return printable(wellFormed(text));
}

/** The same for text of several lines; tabs become spaces. */
export function severalLines(text: string): string {
  return printableLines(wellFormed(text).replaceAll("\r\n", "\n").replaceAll("\t", "  "));
}

/** XML has neither halves of surrogate pairs nor U+FFFE and U+FFFF; UTF-8 has no halves. */
function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}|[\ufffe\uffff]/gu, "\ufffd");
}

/** Text as HTML and XML have it, in content and in quoted attributes. No line holds a runner's command. */
export function markup(text: string): string {
  return severalLines(text).replaceAll(/[&<>"']|#(?=#)|:(?=:)/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * A line that no CI runner takes for a command: GitHub's agent obeys `::name::` at the start of a line, after any blanks,
 * and `##[name]` anywhere; Azure's obeys `##vso[name]` and `##[name]`.
 */
export function noCommand(line: string): string {
  return line.replace(/^(\s*:)(?=:)/, "$1 ").replaceAll(/#(?=#)/g, "# ");
}

/** JSON in which no runner finds a command and no terminal an order; what it says stays the same. */
export function json(value: unknown, indent?: number): string {
  // These stand in JSON only inside of strings; it escapes other control characters and halves by itself.
  return JSON.stringify(value, null, indent)
    .replaceAll(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, unicodeEscape)
    .replaceAll("##", "#\\u0023");
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
