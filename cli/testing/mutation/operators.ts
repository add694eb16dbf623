/**
 * What a mutation does to a policy: the operators, and the tables of what turns into what. Truth for Rego's operators:
 * OPA's documentation, "Policy Reference", Built-in Functions: comparison, numbers, sets.
 */

/** Every operator with what it does; the code ends a mutant's id. */
export const MUTATION_OPERATORS = {
  "drop-rule": "a rule never applies",
  "drop-else": "an else branch is dropped",
  "drop-expression": "a condition is dropped",
  "drop-element": "an element of a set or an object is dropped",
  negate: "a condition is negated, or is so no longer",
  "turn-eq": "a comparison becomes ==",
  "turn-neq": "a comparison becomes !=",
  "turn-lt": "a comparison becomes <",
  "turn-lte": "a comparison becomes <=",
  "turn-gt": "a comparison becomes >",
  "turn-gte": "a comparison becomes >=",
  "swap-operator": "an operator becomes its opposite: + and -, * and /, | and &",
  "integer-up": "an integer is one more",
  "integer-down": "an integer is one less",
  string: "a string becomes another",
  boolean: "true becomes false, or false true",
  "default-true": "what holds by default where no rule says so becomes true",
  "every-to-some": "what must hold for every element must hold for some",
  "some-to-every": "what must hold for some element must hold for every",
} as const;

export type MutationOperator = keyof typeof MUTATION_OPERATORS;

interface Turn {
  readonly operator: MutationOperator;
  readonly sign: string;
}

const SIGNS = { eq: "==", neq: "!=", lt: "<", lte: "<=", gt: ">", gte: ">=" } as const;

function to(...names: readonly (keyof typeof SIGNS)[]): readonly Turn[] {
  return names.map((name) => ({ operator: `turn-${name}`, sign: SIGNS[name] }));
}

function swapped(sign: string): readonly Turn[] {
  return [{ operator: "swap-operator", sign }];
}

/** By OPA's name of an infix operator: its sign, and what it turns into. An order moves its bound, and is turned round. */
export const TURNS: Readonly<Record<string, { readonly sign: string; readonly turns: readonly Turn[] }>> = {
  equal: { sign: "==", turns: to("neq") },
  neq: { sign: "!=", turns: to("eq") },
  lt: { sign: "<", turns: to("lte", "gte") },
  lte: { sign: "<=", turns: to("lt", "gt") },
  gt: { sign: ">", turns: to("gte", "lte") },
  gte: { sign: ">=", turns: to("gt", "lt") },
  plus: { sign: "+", turns: swapped("-") },
  minus: { sign: "-", turns: swapped("+") },
  mul: { sign: "*", turns: swapped("/") },
  div: { sign: "/", turns: swapped("*") },
  or: { sign: "|", turns: swapped("&") },
  and: { sign: "&", turns: swapped("|") },
};
