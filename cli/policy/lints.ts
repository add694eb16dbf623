/**
 * What is good Rego and a bad launch policy: negations that take the unknown for a no, words taken for booleans, rules that
 * vanish, decisions that rest on what was merely not checked. Truth: the Launchgate contract, sections 2 and 4.
 */

import type { Finding } from "./findings.js";
import { isAlwaysTrue, mayBe, mayBeNull, mayBeUnknown, type Place } from "./places.js";
import { scalar } from "./references.js";
import type { Expression, Location, Module, Rule, Term } from "./rego-ast.js";
import { isList, type Look, operatorName, type Surroundings, walkModule } from "./scope.js";

type Lint = Pick<Finding, "severity" | "code" | "message">;

export function lint(module: Module, file: string, surroundings: Surroundings): readonly Finding[] {
  const findings: Finding[] = [];
  const report = (found: readonly Lint[], location: Location | undefined): void => {
    for (const one of found) findings.push({ ...one, file, line: location?.row ?? null });
  };
  walkModule(module, surroundings, {
    missing: () => undefined,
    expression: (expression, look, rule) => {
      report(alwaysTrue(expression, look), expression.location);
      if (!objects(rule)) report(takesUnknownForNo(expression, look), expression.location);
      report(trustsSignature(expression, look), expression.location);
    },
    rule: (rule, look) => {
      report(allowsByDefault(rule), rule.location);
      report(vanishes(rule, look), rule.location);
    },
  });
  return findings;
}

/** Of input alone, where every key is there; where data has a key, that says something. */
function isCertainlyThere({ text, throughNull }: Place): boolean {
  return text.startsWith("input") && !text.includes("[") && throughNull === null;
}

function alwaysTrue({ terms, negated }: Expression, look: Look): readonly Lint[] {
  const place = "type" in terms ? look(terms) : undefined;
  if (place === undefined || !isCertainlyThere(place) || !isAlwaysTrue(place)) return [];
  const instead = mayBeUnknown(place)
    ? `${place.text} == "on"`
    : mayBeNull(place)
      ? `${place.text} != null`
      : "a comparison";
  const message = `${place.text} is there and not false, whatever it is, so ${negated ? "not of it never holds" : "it always holds"}; write ${instead}`;
  return [{ severity: "error", code: "always_true", message }];
}

/** A rule that gives a reason: it may well object to what is not known. */
function objects({ head: { key } }: Rule): boolean {
  return key !== undefined && memberOf(key, "code") !== undefined;
}

const COMPARISONS: ReadonlySet<string> = new Set([
  "equal",
  "eq",
  "lt",
  "lte",
  "gt",
  "gte",
  "internal.member_2",
  "startswith",
  "endswith",
]);

function takesUnknownForNo({ terms, negated, with: replacing }: Expression, look: Look): readonly Lint[] {
  if (!negated || replacing !== undefined) return [];
  const compared = isList(terms);
  if (compared && !COMPARISONS.has(operatorName(terms[0]))) return [];
  const operands: readonly Term[] = compared ? terms.slice(1) : "type" in terms ? [terms] : [];
  const literals = operands.flatMap((operand) => [operand, ...children(operand)]).map(scalar);
  if (literals.some((value) => value === null || value === false || value === "off" || value === "unknown")) return [];
  return operands.flatMap((operand): readonly Lint[] => {
    const place = look(operand);
    if (place === undefined || !place.text.startsWith("input")) return [];
    const nullable = place.throughNull ?? (compared && mayBeNull(place) ? place.text : null);
    const state =
      compared && mayBeUnknown(place) ? `${place.text} is "unknown"` : nullable === null ? null : `${nullable} is null`;
    if (state === null) return [];
    const advice = mayBeUnknown(place) ? `; write ${place.text} == "off" for what is known to be off` : "";
    return [{ severity: "warning", code: "not_unknown", message: `the negation also holds where ${state}${advice}` }];
  });
}

const SIGNATURE = "input.sigstruct.signature";
const DECIDING: ReadonlySet<string> = new Set(["equal", "eq", "neq", "internal.member_2"]);

/**
 * Only a signature found invalid says anything: EINIT checks it in any case, and for its sake it may go unchecked. Signers,
 * whom no EINIT follows, never see it unchecked, and judge by it.
 */
function trustsSignature({ terms, negated }: Expression, look: Look): readonly Lint[] {
  if (!isList(terms)) return [];
  const name = operatorName(terms[0]);
  const operands = terms.slice(1);
  const mayBeUnchecked = operands.map(look).some((place) => place?.text === SIGNATURE && mayBe(place, "unchecked"));
  if (!DECIDING.has(name) || !mayBeUnchecked) return [];
  const saysInvalid = operands.some((operand) => scalar(operand) === "invalid");
  if (saysInvalid && !negated && (name === "equal" || name === "eq")) return [];
  const message = `${SIGNATURE} may be "unchecked", since EINIT verifies it itself: do not allow for "valid", or deny for "unchecked"`;
  return [{ severity: "error", code: "trusts_signature", message }];
}

function allowsByDefault({ default: isDefault, head }: Rule): readonly Lint[] {
  const [name] = head.ref;
  if (isDefault !== true || head.value === undefined || name?.type !== "var") return [];
  const value = name.value === "allow" ? head.value : memberOf(head.value, "allow");
  if (value === undefined || scalar(value) !== true) return [];
  return [
    {
      severity: "error",
      code: "default_allow",
      message: `${name.value} allows by default; start from false, and say what must be true`,
    },
  ];
}

function memberOf(term: Term, key: string): Term | undefined {
  return term.type === "object" ? term.value.find(([name]) => scalar(name) === key)?.[1] : undefined;
}

/** Builtins that are undefined for null. */
const TEXT_BUILTINS: ReadonlySet<string> = new Set([
  "concat",
  "format_int",
  "lower",
  "replace",
  "split",
  "substring",
  "trim",
  "trim_left",
  "trim_prefix",
  "trim_right",
  "trim_space",
  "trim_suffix",
  "upper",
]);

/** A member of a set whose text needs a field that may be null: where it is, the rule, say a denial, is not there. */
function vanishes(rule: Rule, look: Look): readonly Lint[] {
  if (rule.head.key === undefined) return [];
  const texts = textTerms(rule.head.key, rule.body);
  const guards = rule.body.filter(({ terms }) => !isList(terms) || !texts.some((text) => terms.includes(text)));
  const guarded = guards.flatMap((guard) => placesIn(guard.terms, look));
  const needed = texts.flatMap((text) => needs(text, look, false));
  return [...new Set(needed)]
    .filter((place) => !guarded.some((there) => there === place || there.startsWith(`${place}.`)))
    .map((place) => ({
      severity: "warning",
      code: "vanishing_rule",
      message: `where ${place} is null this has no value, and the rule does not apply; test for it, or keep it out of the text`,
    }));
}

/** The head's own term, and those assigned in the body to a variable in it. */
function textTerms(key: Term, body: Rule["body"]): readonly Term[] {
  const terms: Term[] = [key];
  for (const term of terms) {
    for (const name of namesIn(term)) {
      for (const { terms: expression } of body) {
        if (!isList(expression) || operatorName(expression[0]) !== "assign") continue;
        const [, variable, value] = expression;
        if (variable?.type === "var" && variable.value === name && value?.type === "call" && !terms.includes(value))
          terms.push(value);
      }
    }
  }
  return terms;
}

function namesIn(term: Term): readonly string[] {
  return everyTerm(term).flatMap((inner) => (inner.type === "var" ? [inner.value] : []));
}

function needs(term: Term, look: Look, inText: boolean): readonly string[] {
  const place = look(term);
  if (place?.text.startsWith("input")) {
    const nullable = place.throughNull ?? (inText && mayBeNull(place) ? place.text : null);
    return nullable === null ? [] : [nullable];
  }
  if (term.type !== "call") return children(term).flatMap((child) => needs(child, look, inText));
  const text = TEXT_BUILTINS.has(operatorName(term.value[0]));
  return term.value.slice(1).flatMap((argument) => needs(argument, look, text));
}

function placesIn(terms: Expression["terms"], look: Look): readonly string[] {
  const roots: readonly Term[] = isList(terms)
    ? terms.slice(1)
    : "type" in terms
      ? [terms]
      : "domain" in terms
        ? [terms.domain]
        : terms.symbols;
  return roots.flatMap(everyTerm).flatMap((term) => look(term)?.text ?? []);
}

function everyTerm(term: Term): readonly Term[] {
  return [term, ...children(term).flatMap(everyTerm)];
}

/** The terms right below one; those of comprehensions, which stand for themselves, left out. */
function children(term: Term): readonly Term[] {
  if (term.type === "array" || term.type === "set" || term.type === "call" || term.type === "ref") return term.value;
  return term.type === "object" ? term.value.flat() : [];
}
