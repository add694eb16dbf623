/**
 * The edits that turn a body of Rego, and the terms in it, into mutants. Truth: OPA's syntax tree (package v1/ast) with
 * locations.
 *
 * Texts for people, under the key `message`, are left alone: they decide nothing.
 */

import type { Body, Every, Expression, Term } from "../../policy/rego-ast.js";
import { isList, operatorName } from "../../policy/scope.js";
import { type MutationOperator, TURNS } from "./operators.js";
import type { SourceText, Span } from "./source-text.js";

export interface Edit extends Span {
  readonly operator: MutationOperator;
  /** What stands in place of the stretch. */
  readonly replacement: string;
  /** Where the mutant is said to be; default: where it begins. */
  readonly at?: number;
}

type Edits = readonly Edit[];

const NONE: Edits = [];

/** As many line breaks as a text has, so that the lines after it keep their numbers. */
export function breaksOf(text: string): string {
  return text.replace(/[^\r\n]/g, "");
}

export function bodyEdits(source: SourceText, body: Body): Edits {
  return body.flatMap((expression, at) => [
    ...expressionEdits(source, expression, source.spanOf(expression.location)),
    ...someToEvery(source, expression, body.slice(at + 1)),
  ]);
}

/** `span` is where the expression stands. */
export function expressionEdits(source: SourceText, expression: Expression, span: Span | null): Edits {
  const overrides = (expression.with ?? []).flatMap(({ value }) => termEdits(source, value));
  const inner = [...innerEdits(source, expression, span), ...overrides];
  if (span === null || declares(expression)) return inner;
  const drop: Edits = isTrue(expression)
    ? NONE
    : [{ operator: "drop-expression", ...span, replacement: `true${breaksOf(source.textOf(span))}` }];
  return [...drop, ...negations(source, expression, span), ...inner];
}

function innerEdits(source: SourceText, { terms }: Expression, span: Span | null): Edits {
  if (isList(terms)) return callEdits(source, terms);
  if ("symbols" in terms) return terms.symbols.flatMap((symbol) => termEdits(source, symbol));
  if (!("domain" in terms)) return termEdits(source, terms);
  return [
    ...termEdits(source, terms.domain),
    ...bodyEdits(source, terms.body),
    ...(span === null ? NONE : everyToSome(source, terms, span)),
  ];
}

/** `some x`, which says nothing but that x is a variable. */
function declares({ terms }: Expression): boolean {
  return !isList(terms) && "symbols" in terms && terms.symbols.every(({ type }) => type === "var");
}

function isTrue({ terms, negated }: Expression): boolean {
  return negated !== true && !isList(terms) && "type" in terms && terms.type === "boolean" && terms.value;
}

/** Rego has no negation of `some`, `every` and `:=`. */
function negations(source: SourceText, { terms, negated }: Expression, span: Span): Edits {
  if (negated === true) {
    const not = /^not\s+/.exec(source.textOf(span))?.[0];
    return not === undefined
      ? NONE
      : [{ operator: "negate", start: span.start, end: span.start + not.length, replacement: breaksOf(not) }];
  }
  const negatable = isList(terms) ? operatorName(terms[0]) !== "assign" : "type" in terms;
  return negatable ? [{ operator: "negate", start: span.start, end: span.start, replacement: "not " }] : NONE;
}

/** Calls of functions, infix operators among them. */
function callEdits(source: SourceText, [operator, ...operands]: readonly Term[]): Edits {
  const name = operatorName(operator);
  const turn = Object.hasOwn(TURNS, name) ? TURNS[name] : undefined;
  const span = source.spanOf(operator?.location);
  const turned =
    turn === undefined || span === null || source.textOf(span) !== turn.sign
      ? NONE
      : turn.turns.map(({ operator: code, sign }) => ({ operator: code, ...span, replacement: sign }));
  return [...turned, ...operands.flatMap((operand) => termEdits(source, operand))];
}

/** `every x in xs { body }` to `some x in xs; body`; not where a comment stands between the brace and the body. */
function everyToSome({ text, spanOf }: SourceText, { body }: Every, span: Span): Edits {
  const first = spanOf(body[0]?.location);
  if (first === null || !text.startsWith("every", span.start) || text[span.end - 1] !== "}") return NONE;
  const brace = text.slice(0, first.start).trimEnd().length - 1;
  if (text[brace] !== "{") return NONE;
  const head = text.slice(span.start + "every".length, brace).trimEnd();
  const inner = text.slice(brace + 1, span.end - 1);
  return [{ operator: "every-to-some", ...span, replacement: `some${head};${inner}` }];
}

/** `some x in xs; rest` to `every x in xs { rest }`. */
function someToEvery(source: SourceText, { terms, location }: Expression, rest: Body): Edits {
  if (isList(terms) || !("symbols" in terms) || terms.symbols.length !== 1 || terms.symbols[0]?.type !== "call")
    return NONE;
  const { text, spanOf } = source;
  const span = spanOf(location);
  const first = spanOf(rest[0]?.location);
  const last = spanOf(rest.at(-1)?.location);
  if (span === null || first === null || last === null || !text.startsWith("some", span.start)) return NONE;
  const head = text.slice(span.start + "some".length, span.end);
  const body = text.slice(span.end, last.end).replace(/^\s*;/, breaksOf);
  return [{ operator: "some-to-every", start: span.start, end: last.end, replacement: `every${head} {${body} }` }];
}

export function termEdits(source: SourceText, term: Term): Edits {
  switch (term.type) {
    case "null":
    case "var":
      return NONE;
    case "boolean":
    case "number":
    case "string":
      return constantEdits(source, term);
    case "ref":
      // A constant in brackets is one that somebody looks up; after a dot it is a name.
      return term.value
        .filter((part) => part.type !== "string" || isQuoted(source, part))
        .flatMap((part) => termEdits(source, part));
    case "call":
      return callEdits(source, term.value);
    case "array":
      return term.value.flatMap((item) => termEdits(source, item));
    case "set":
      return [
        ...elementEdits(source, term, term.value, "set()"),
        ...term.value.filter(({ type }) => type !== "string").flatMap((item) => termEdits(source, item)),
      ];
    case "object": {
      const keys = term.value.map(([key]) => key);
      const values = term.value.filter(([key]) => !isMessage(key)).map(([, value]) => value);
      return [...elementEdits(source, term, keys, "{}"), ...values.flatMap((value) => termEdits(source, value))];
    }
    case "arraycomprehension":
    case "setcomprehension":
      return [...termEdits(source, term.value.term), ...bodyEdits(source, term.value.body)];
    case "objectcomprehension":
      return [
        ...termEdits(source, term.value.key),
        ...termEdits(source, term.value.value),
        ...bodyEdits(source, term.value.body),
      ];
    default:
      return term satisfies never;
  }
}

function isMessage(key: Term): boolean {
  return key.type === "string" && key.value === "message";
}

function isQuoted(source: SourceText, { location }: Term): boolean {
  const span = source.spanOf(location);
  return span !== null && /^["`]/.test(source.textOf(span));
}

type Constant = Extract<Term, { readonly type: "boolean" | "number" | "string" }>;

function constantEdits(source: SourceText, constant: Constant): Edits {
  const span = source.spanOf(constant.location);
  if (span === null) return NONE;
  const { type, value } = constant;
  switch (type) {
    case "boolean":
      return source.textOf(span) === String(value)
        ? [{ operator: "boolean", ...span, replacement: String(!value) }]
        : NONE;
    case "number":
      return integerEdits(source, span, value);
    case "string": {
      const other = value === "" ? '"mutant"' : '""';
      return [{ operator: "string", ...span, replacement: other + breaksOf(source.textOf(span)) }];
    }
    default:
      return type satisfies never;
  }
}

/** The location of a negative number is its sign alone. */
function integerEdits({ text }: SourceText, { start }: Span, value: number): Edits {
  const digits = /^-?\d+(?![\d.eE])/.exec(text.slice(start, start + 40))?.[0];
  if (digits === undefined || Number(digits) !== value || !Number.isSafeInteger(value)) return NONE;
  const span = { start, end: start + digits.length };
  return [
    { operator: "integer-up", ...span, replacement: String(value + 1) },
    { operator: "integer-down", ...span, replacement: String(value - 1) },
  ];
}

/** From each element, or its key, up to the next; a comma after the last is allowed. OPA sorts them by what they say. */
function elementEdits(source: SourceText, container: Term, firsts: readonly Term[], empty: string): Edits {
  const whole = source.spanOf(container.location);
  if (whole === null || !/^\{.*\}$/s.test(source.textOf(whole))) return NONE;
  const places = firsts.map((first) => ({ first, start: source.spanOf(first.location)?.start ?? -1 }));
  if (places.some(({ start }) => start < 0)) return NONE;
  places.sort((a, b) => a.start - b.start);
  return places.flatMap(({ first, start }, at): Edits => {
    if (isMessage(first)) return NONE;
    const next = places[at + 1]?.start ?? whole.end - 1;
    const end = start + source.textOf({ start, end: next }).trimEnd().length;
    const [span, rest] = places.length === 1 ? [whole, empty] : [{ start, end }, ""];
    return [{ operator: "drop-element", ...span, at: start, replacement: rest + breaksOf(source.textOf(span)) }];
  });
}
