/**
 * A walk over a module that knows what each name stands for: imports, rules that only name a part of the input or data,
 * and local variables bound to one. What it cannot follow it takes for anything; nothing is reported on a guess.
 */

import type { JsonObject } from "../../engine/json.js";
import { type Place, placeOf, type Step, type Stepped, stepInto } from "./places.js";
import type { Body, Every, Expression, Location, Module, Rule, Term } from "./rego-ast.js";

export interface Visitor {
  /** A step that leads nowhere. */
  readonly missing: (found: Extract<Stepped, { missing: string }>, root: Root, location: Location | undefined) => void;
  /** An expression, with how to look its terms up. */
  readonly expression: (expression: Expression, look: Look, rule: Rule) => void;
  /** A rule, with how to look up the terms of its head. */
  readonly rule: (rule: Rule, look: Look) => void;
}

export type Root = "input" | "data";

/** The place that a term stands for, as far as it can be followed. */
export type Look = (term: Term) => Place | undefined;

/** A name's place; null: a name of its own, standing for anything. */
type Names = ReadonlyMap<string, Place | null>;

export interface Surroundings {
  readonly inputs: readonly JsonObject[];
  readonly data: JsonObject;
}

interface Walk {
  readonly visitor: Visitor;
  readonly roots: Names;
}

export function walkModule(module: Module, { inputs, data }: Surroundings, visitor: Visitor): void {
  const roots = new Map<string, Place | null>([
    ["input", placeOf("input", inputs)],
    ["data", placeOf("data", [data])],
  ]);
  const walk: Walk = { visitor, roots };
  const names = new Map(roots);
  for (const { path, alias } of module.imports) {
    const name = alias ?? lastKey(path);
    if (name === undefined || isLanguageImport(path)) continue;
    visitTerm(walk, path, roots);
    names.set(name, resolve(path, roots) ?? null);
  }
  for (const { head } of module.rules.filter((rule) => isName(rule, module))) {
    const [name] = head.ref;
    if (name?.type === "var" && head.value !== undefined) names.set(name.value, resolve(head.value, names) ?? null);
  }
  for (const rule of module.rules) visitRule(walk, rule, names);
}

function lastKey(path: Term): string | undefined {
  const last = path.type === "ref" ? path.value.at(-1) : path;
  return last?.type === "string" || last?.type === "var" ? last.value : undefined;
}

function isLanguageImport(path: Term): boolean {
  const [head] = path.type === "ref" ? path.value : [];
  return head?.type === "var" && (head.value === "rego" || head.value === "future");
}

/** `e := input.enclave`: one name for a part of the input, said once and without a condition. */
function isName({ head, body, default: isDefault, else: otherwise }: Rule, module: Module): boolean {
  const [name] = head.ref;
  const plain = name?.type === "var" && head.ref.length === 1 && head.args === undefined && head.key === undefined;
  if (!plain || isDefault || otherwise || body.length !== 1 || !isTrue(body[0]?.terms)) return false;
  const sameName = module.rules.filter(
    ({
      head: {
        ref: [first],
      },
    }) => first?.type === "var" && first.value === name.value,
  );
  return sameName.length === 1;
}

function isTrue(terms: Expression["terms"] | undefined): boolean {
  return terms !== undefined && "type" in terms && terms.type === "boolean" && terms.value;
}

function visitRule(walk: Walk, rule: Rule, outer: Names): void {
  const names = new Map(outer);
  for (const name of (rule.head.args ?? []).flatMap(variablesIn)) names.set(name, null);
  const inside = visitBody(walk, rule.body, names, rule);
  const heads = [...rule.head.ref.slice(1), rule.head.key, rule.head.value, ...(rule.head.args ?? [])];
  for (const term of heads) if (term !== undefined) visitTerm(walk, term, inside, rule);
  walk.visitor.rule(rule, (term) => resolve(term, inside));
  if (rule.else !== undefined) visitRule(walk, rule.else, names);
}

/** Visits every expression of a body, whose names hold all over it, whatever the order; returns them. */
function visitBody(walk: Walk, body: Body, outer: Names, rule: Rule): Names {
  const names = bind(body, outer);
  for (const expression of body) visitExpression(walk, expression, names, rule);
  return names;
}

function visitExpression(walk: Walk, expression: Expression, outer: Names, rule: Rule): void {
  const names = replaced(expression, outer);
  for (const { target, value } of expression.with ?? []) {
    visitTerm(walk, target, outer, rule);
    visitTerm(walk, value, outer, rule);
  }
  const { terms } = expression;
  if (isList(terms)) for (const term of terms.slice(1)) visitTerm(walk, term, names, rule);
  else if ("symbols" in terms) for (const symbol of terms.symbols) visitTerm(walk, symbol, names, rule);
  else if ("domain" in terms) {
    visitTerm(walk, terms.domain, names, rule);
    visitBody(walk, terms.body, bindEvery(terms, names), rule);
  } else visitTerm(walk, terms, names, rule);
  walk.visitor.expression(expression, (term) => resolve(term, names), rule);
}

/** Under `with input as …` the input is not the engine's; likewise data. */
function replaced(expression: Expression, names: Names): Names {
  const whole = (expression.with ?? []).flatMap(({ target }) => {
    const head = target.type === "ref" && target.value.length === 1 ? target.value[0] : target;
    return head?.type === "var" ? [head.value] : [];
  });
  if (whole.length === 0) return names;
  const places = [...names].map(([name, place]): [string, Place | null] => {
    const root = place?.text.split(/[.[]/, 1)[0];
    return [name, root !== undefined && whole.includes(root) ? null : place];
  });
  return new Map(places);
}

function visitTerm(walk: Walk, term: Term, names: Names, rule?: Rule): void {
  switch (term.type) {
    case "ref": {
      for (const part of term.value.slice(1)) visitTerm(walk, part, names, rule);
      const [head] = term.value;
      if (head !== undefined && head.type !== "var") visitTerm(walk, head, names, rule);
      const { missing, root } = follow(term.value, names);
      if (missing !== undefined && root !== undefined) walk.visitor.missing(missing, root, term.location);
      break;
    }
    case "array":
    case "set":
      for (const item of term.value) visitTerm(walk, item, names, rule);
      break;
    case "call": {
      for (const item of term.value.slice(1)) visitTerm(walk, item, names, rule);
      break;
    }
    case "object":
      for (const [key, value] of term.value) {
        visitTerm(walk, key, names, rule);
        visitTerm(walk, value, names, rule);
      }
      break;
    case "arraycomprehension":
    case "setcomprehension": {
      const inside = rule === undefined ? names : visitBody(walk, term.value.body, names, rule);
      visitTerm(walk, term.value.term, inside, rule);
      break;
    }
    case "objectcomprehension": {
      const inside = rule === undefined ? names : visitBody(walk, term.value.body, names, rule);
      visitTerm(walk, term.value.key, inside, rule);
      visitTerm(walk, term.value.value, inside, rule);
      break;
    }
    case "null":
    case "boolean":
    case "number":
    case "string":
    case "var":
      break;
    default:
      term satisfies never;
  }
}

function resolve(term: Term, names: Names): Place | undefined {
  if (term.type === "var") return names.get(term.value) ?? undefined;
  return term.type === "ref" ? follow(term.value, names).place : undefined;
}

interface Followed {
  readonly place?: Place;
  readonly missing?: Extract<Stepped, { missing: string }>;
  readonly root?: Root;
}

function follow([head, ...steps]: readonly Term[], names: Names): Followed {
  let place = head?.type === "var" ? names.get(head.value) : undefined;
  if (place === undefined || place === null) return {};
  const root = place.text.startsWith("input") ? "input" : "data";
  for (const term of steps) {
    const stepped = stepInto(place, stepOf(term));
    if ("missing" in stepped) return { missing: stepped, root };
    place = stepped.place;
  }
  return { place, root };
}

function stepOf(term: Term): Step {
  if (term.type === "string") return { key: term.value };
  return term.type === "number" ? { index: term.value } : "dynamic";
}

/** The names that a body declares, each with its place where it can be found. */
function bind(body: Body, outer: Names): Names {
  const declared = body.flatMap(declarations);
  const names = new Map<string, Place | null>(outer);
  for (const { name, certain } of declared) if (certain || !names.has(name)) names.set(name, null);
  // Bodies have no order: a name may rest on one that is declared below it.
  for (let found = true; found; ) {
    found = false;
    for (const { name, place } of declared) {
      const at = names.get(name) === null ? place(names) : undefined;
      if (at === undefined) continue;
      names.set(name, at);
      found = true;
    }
  }
  return names;
}

interface Declaration {
  readonly name: string;
  /** Whether it is a new name, and no other than that of the surroundings. */
  readonly certain: boolean;
  readonly place: (names: Names) => Place | undefined;
}

function declarations({ terms, with: replacing }: Expression): readonly Declaration[] {
  if (replacing !== undefined) return [];
  if (isList(terms)) return assignments(terms);
  if ("symbols" in terms) return terms.symbols.flatMap(someDeclarations);
  return [];
}

function assignments([operator, left, right]: readonly Term[]): readonly Declaration[] {
  const name = operatorName(operator);
  if (left === undefined || right === undefined || (name !== "assign" && name !== "eq")) return [];
  const certain = name === "assign";
  if (left.type === "var") return [{ name: left.value, certain, place: (names) => resolve(right, names) }];
  if (right.type === "var" && !certain) return [{ name: right.value, certain, place: (names) => resolve(left, names) }];
  return variablesIn(left).map((variable) => ({ name: variable, certain, place: () => undefined }));
}

/** `some x`, `some v in c`, `some k, v in c`. */
function someDeclarations(symbol: Term): readonly Declaration[] {
  if (symbol.type === "var") return [{ name: symbol.value, certain: true, place: () => undefined }];
  if (symbol.type !== "call") return [];
  const [, ...operands] = symbol.value;
  const collection = operands.at(-1);
  const value = operands.at(-2);
  return operands.slice(0, -1).flatMap((operand) =>
    variablesIn(operand).map((name) => ({
      name,
      certain: true,
      place: (names: Names) =>
        operand === value && operand.type === "var" && collection !== undefined
          ? itemsOf(collection, names)
          : undefined,
    })),
  );
}

function itemsOf(collection: Term, names: Names): Place | undefined {
  const place = resolve(collection, names);
  const stepped = place === undefined ? undefined : stepInto(place, "dynamic");
  return stepped !== undefined && "place" in stepped ? stepped.place : undefined;
}

function bindEvery({ key, value, domain }: Every, outer: Names): Names {
  const names = new Map(outer);
  for (const name of [...(key === null ? [] : variablesIn(key)), ...variablesIn(value)]) names.set(name, null);
  if (value.type === "var") names.set(value.value, itemsOf(domain, outer) ?? null);
  return names;
}

function variablesIn(term: Term): readonly string[] {
  if (term.type === "var") return [term.value];
  if (term.type === "array" || term.type === "set") return term.value.flatMap(variablesIn);
  return term.type === "object" ? term.value.flatMap(([, value]) => variablesIn(value)) : [];
}

export function isList(terms: Expression["terms"]): terms is readonly Term[] {
  return Array.isArray(terms);
}

/** `equal`, `object.get`; "" for what is no plain name. */
export function operatorName(term: Term | undefined): string {
  if (term?.type !== "ref") return "";
  return term.value.map((part) => (part.type === "var" || part.type === "string" ? part.value : "?")).join(".");
}
