/** References that lead nowhere and comparisons that can never hold: what a misspelling turns into. All of them refuse. */

import type { Finding, FindingCode } from "./findings.js";
import { holdsType, typeNames, whyNever } from "./places.js";
import type { Expression, Location, Module, Term } from "./rego-ast.js";
import { isList, type Look, operatorName, type Root, type Surroundings, walkModule } from "./scope.js";
import { nearest } from "./suggest.js";

/** `file` is what the module's findings are to name. */
export function checkReferences(module: Module, file: string, surroundings: Surroundings): readonly Finding[] {
  const findings: Finding[] = [];
  const report = (code: FindingCode, location: Location | undefined, message: string): void => {
    findings.push({ severity: "error", code, file, line: location?.row ?? null, message });
  };
  walkModule(module, surroundings, {
    missing: ({ missing, expected }, root, location) => {
      const isField =
        root === "input" || missing.startsWith("data.launchgate.") || missing.startsWith("data.launchgate[");
      report(isField ? "unknown_field" : "unknown_package", location, missingText(missing, expected, root));
    },
    expression: (expression, look) => {
      for (const message of impossible(expression, look)) report("impossible_comparison", expression.location, message);
    },
    rule: () => undefined,
  });
  return findings;
}

function missingText(missing: string, expected: readonly string[] | null, root: Root): string {
  if (expected === null)
    return `${missing} does not exist; there is nothing below ${missing.replace(/(\.\w+|\[[^\]]*\])$/, "")}`;
  const last = /(?:\.(\w+)|\["(.*)"\])$/.exec(missing);
  const meant = nearest(last?.[1] ?? last?.[2] ?? "", expected);
  if (meant !== undefined) return `${missing} does not exist; did you mean ${meant}?`;
  const what = root === "data" && !missing.startsWith("data.launchgate") ? "compiled in are" : "expected one of";
  return `${missing} does not exist; ${what} ${expected.join(", ")}`;
}

const EQUALITIES: ReadonlySet<string> = new Set(["equal", "eq", "neq"]);
const ORDERS: ReadonlySet<string> = new Set(["lt", "lte", "gt", "gte"]);

function impossible({ terms }: Expression, look: Look): readonly string[] {
  if (!isList(terms)) return [];
  const [operator, left, right] = terms;
  const name = operatorName(operator);
  if (left === undefined || right === undefined) return [];
  if (EQUALITIES.has(name)) return [...neverEqual(left, right, look), ...neverEqual(right, left, look)];
  if (ORDERS.has(name)) return [...neverOrdered(left, right, look), ...neverOrdered(right, left, look)];
  if (name !== "internal.member_2" || (right.type !== "set" && right.type !== "array")) return [];
  return right.value.flatMap((item) => neverEqual(left, item, look));
}

function neverEqual(reference: Term, literal: Term, look: Look): readonly string[] {
  const value = scalar(literal);
  const place = look(reference);
  if (value === undefined || place === undefined) return [];
  const why = whyNever(place, value);
  return why === null ? [] : [why];
}

function neverOrdered(reference: Term, literal: Term, look: Look): readonly string[] {
  const value = scalar(literal);
  const place = look(reference);
  if (value === undefined || place === undefined) return [];
  const type = value === null ? "null" : typeof value;
  if (holdsType(place, type)) return [];
  return [`${place.text} is ${typeNames(place)}, and is ordered against ${JSON.stringify(value)}, a ${type}`];
}

/** A literal's value; undefined for what is none. */
export function scalar(term: Term): string | number | boolean | null | undefined {
  if (term.type === "null") return null;
  return term.type === "string" || term.type === "number" || term.type === "boolean" ? term.value : undefined;
}
