/**
 * Mutants of a Rego module: for each place that OPA's parser names, the edits of the text that change just that place.
 * Truth: OPA's syntax tree (package v1/ast) with locations.
 *
 * Line breaks stay where they are, so that every other rule keeps its lines. Whether a mutant compiles, or means anything
 * else than the original, is not known here.
 */

import type { Module, Rule, Term } from "../../policy/rego-ast.js";
import { isList } from "../../policy/scope.js";
import { bodyEdits, breaksOf, type Edit, expressionEdits, termEdits } from "./edits.js";
import type { MutationOperator } from "./operators.js";
import { type SourceText, type Span, sourceText } from "./source-text.js";

export interface Mutant extends Span {
  /** `file:line:column:operator`; unique, and the same in every run. */
  readonly id: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly operator: MutationOperator;
  readonly replacement: string;
  /** The lines changed, as one line, for people: as they are, and as they would be. */
  readonly before: string;
  readonly after: string;
}

/** The mutants of a module by place, then operator. `text` is what was parsed. */
export function mutantsOf(module: Module, text: string): readonly Mutant[] {
  const source = sourceText(text);
  return module.rules
    .flatMap((rule) => ruleEdits(source, rule))
    .sort((a, b) => placeOf(a) - placeOf(b) || (a.operator < b.operator ? -1 : 1))
    .map((edit) => mutantOf(module.file, text, edit));
}

/** The text with the mutant in it. */
export function applyMutant(text: string, { start, end, replacement }: Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function placeOf({ at, start }: Edit): number {
  return at ?? start;
}

function mutantOf(file: string, text: string, edit: Edit): Mutant {
  const { operator, start, end, replacement } = edit;
  const at = placeOf(edit);
  const line = text.slice(0, at).split("\n").length;
  const lineStart = text.lastIndexOf("\n", at - 1) + 1;
  const lineEnd = text.indexOf("\n", end);
  const rest = text.slice(end, lineEnd < 0 ? text.length : lineEnd);
  return {
    id: `${file}:${line}:${[...text.slice(lineStart, at)].length + 1}:${operator}`,
    file,
    line,
    operator,
    start,
    end,
    replacement,
    // From `at` on: what is dropped before it are comments.
    before: oneLine(text.slice(lineStart, end) + rest),
    after: oneLine(text.slice(lineStart, start) + replacement + rest),
  };
}

const SHOWN = 160;

function oneLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  const joined = lines.filter((line) => line !== "").join(" ");
  return joined.length <= SHOWN ? joined : `${joined.slice(0, SHOWN - 1)}…`;
}

function ruleEdits(source: SourceText, rule: Rule): readonly Edit[] {
  if (rule.default === true) return [...dropDefault(source, rule), ...defaultEdits(source, rule.head.value)];
  return [...dropRule(source, rule), ...branchEdits(source, rule)];
}

/** A rule that can never apply; gone for good, it would be missed by whoever refers to the last one of its name. */
function dropRule(source: SourceText, rule: Rule): readonly Edit[] {
  const whole = source.spanOf(rule.location);
  const head = source.spanOf(rule.head.location);
  if (whole === null || head === null) return [];
  const at = whole.start;
  if (isMadeUp(source, rule)) {
    const end = rule.else === undefined ? whole.end : head.end;
    return [{ operator: "drop-rule", start: end, end, at, replacement: " if false" }];
  }
  const first = source.spanOf(rule.body[0]?.location);
  if (first === null) return [];
  const before = source.textOf({ start: head.end, end: first.start }).replace(/#.*/g, "");
  return before.trimEnd().endsWith("{")
    ? [{ operator: "drop-rule", start: first.start, end: first.start, at, replacement: "false; " }]
    : [{ operator: "drop-rule", ...first, at, replacement: `{ false; ${source.textOf(first)} }` }];
}

/** The location of a default is its first word alone. */
function dropDefault(source: SourceText, rule: Rule): readonly Edit[] {
  const word = source.spanOf(rule.location);
  const head = source.spanOf(rule.head.location);
  if (word === null || head === null) return [];
  const span = { start: commentsAbove(source, word.start), end: head.end };
  return [{ operator: "drop-rule", ...span, at: word.start, replacement: breaksOf(source.textOf(span)) }];
}

/** Where the comments right above a rule begin: its annotations would otherwise become the next rule's. */
function commentsAbove({ text }: SourceText, rule: number): number {
  let start = text.lastIndexOf("\n", rule - 1) + 1;
  if (text.slice(start, rule).trim() !== "") return rule;
  while (start > 0) {
    const above = text.lastIndexOf("\n", start - 2) + 1;
    if (!text.slice(above, start).trimStart().startsWith("#")) break;
    start = above;
  }
  return start;
}

function defaultEdits(source: SourceText, value: Term | undefined): readonly Edit[] {
  if (value === undefined) return [];
  const span = source.spanOf(value.location);
  if (value.type !== "boolean" || value.value || span === null) return termEdits(source, value);
  return [{ operator: "default-true", ...span, replacement: "true" }];
}

function branchEdits(source: SourceText, rule: Rule): readonly Edit[] {
  const { args = [], key, value } = rule.head;
  const head = [...args, key, value].filter((term) => term !== undefined);
  const next = rule.else;
  return [
    ...head.flatMap((term) => termEdits(source, term)),
    ...(isMadeUp(source, rule) ? [] : ownBodyEdits(source, rule)),
    ...(next === undefined ? [] : [...dropElse(source, next), ...branchEdits(source, next)]),
  ];
}

/** For the one expression of `else := x if y`, OPA names the place of the `else`. */
function ownBodyEdits(source: SourceText, rule: Rule): readonly Edit[] {
  const [only] = rule.body;
  const branch = source.spanOf(rule.location);
  const start = source.spanOf(only?.location)?.start;
  if (only === undefined || branch === null || start !== branch.start) return bodyEdits(source, rule.body);
  return expressionEdits(source, only, afterIf(source, rule, branch));
}

/** What stands between the `if` and the end of the branch; null where a comment may be in it. */
function afterIf(source: SourceText, rule: Rule, branch: Span): Span | null {
  const head = source.spanOf(rule.head.location);
  if (head === null) return null;
  const end = source.spanOf(rule.else?.location)?.start ?? branch.end;
  const [, introduced = "", body = ""] = /^(\s*if\s+)([^#]*)$/.exec(source.textOf({ start: head.end, end })) ?? [];
  const start = head.end + introduced.length;
  return body.trim() === "" ? null : { start, end: start + body.trimEnd().length };
}

/** A rule without a body has the body `true`, which nobody wrote. */
function isMadeUp(source: SourceText, { head, body }: Rule): boolean {
  const [only] = body;
  if (body.length !== 1 || only === undefined || isList(only.terms) || !("type" in only.terms)) return false;
  if (only.terms.type !== "boolean") return false;
  const span = source.spanOf(only.location);
  return span === null || span.start === source.spanOf(head.value?.location)?.start || source.textOf(span) !== "true";
}

/** The location of a branch goes on to the end of the last one. */
function dropElse(source: SourceText, branch: Rule): readonly Edit[] {
  const span = source.spanOf(branch.location);
  if (span === null) return [];
  const end = source.spanOf(branch.else?.location)?.start ?? span.end;
  const dropped = { start: span.start, end };
  return [{ operator: "drop-else", ...dropped, replacement: breaksOf(source.textOf(dropped)) }];
}
