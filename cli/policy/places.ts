/**
 * Where a reference leads: a step-by-step walk through JSON Schemas (draft 7: properties, patternProperties,
 * additionalProperties, items, anyOf, oneOf, enum, const, type, and $ref inside the document).
 */

import type { JsonObject, JsonValue } from "../../engine/json.js";

/** A schema that is none of anyOf, oneOf and $ref, and the document in which its own references are looked up. */
interface Alternative {
  readonly schema: JsonObject;
  readonly document: JsonObject;
}

export interface Place {
  /** As a person would write it: `input.enclave.mrsigner`. */
  readonly text: string;
  readonly alternatives: readonly Alternative[];
  /** The first place on the way here (not this one) that may be null, as a person would write it. */
  readonly throughNull: string | null;
}

/** What a reference asks for next: a key, an index, or something only known at run time. */
export type Step = { readonly key: string } | { readonly index: number } | "dynamic";

export type Stepped =
  | { readonly place: Place }
  /** What there is instead; null where there is nothing below at all. */
  | { readonly missing: string; readonly expected: readonly string[] | null };

export function placeOf(text: string, schemas: readonly JsonObject[]): Place {
  const alternatives = schemas.flatMap((schema) => flatten({ schema, document: schema }));
  return { text, alternatives, throughNull: null };
}

function flatten({ schema, document }: Alternative): readonly Alternative[] {
  const reference = schema["$ref"];
  if (typeof reference === "string") return flatten({ schema: lookUp(reference, document), document });
  const branches = schema["anyOf"] ?? schema["oneOf"];
  if (!Array.isArray(branches)) return [{ schema, document }];
  return branches.flatMap((branch) => flatten({ schema: branch as JsonObject, document }));
}

function lookUp(reference: string, document: JsonObject): JsonObject {
  const keys = reference.replace(/^#\//, "").split("/");
  return keys.reduce<JsonValue>((at, key) => (at as JsonObject)[key] ?? {}, document) as JsonObject;
}

/** One step below a place; missing where no alternative has it. */
export function stepInto(place: Place, step: Step): Stepped {
  const text = `${place.text}${stepText(step)}`;
  const alternatives = place.alternatives.flatMap((alternative) => childrenOf(alternative, step));
  if (alternatives.length === 0) return { missing: text, expected: keysBelow(place) };
  return { place: { text, alternatives, throughNull: place.throughNull ?? (mayBeNull(place) ? place.text : null) } };
}

function stepText(step: Step): string {
  if (step === "dynamic") return "[_]";
  if ("index" in step) return `[${step.index}]`;
  return /^[A-Za-z_]\w*$/.test(step.key) ? `.${step.key}` : `[${JSON.stringify(step.key)}]`;
}

function childrenOf(alternative: Alternative, step: Step): readonly Alternative[] {
  const { schema, document } = alternative;
  const types = typesOf(schema);
  if (types === null) return [ANYTHING];
  const found: Alternative[] = [];
  const add = (child: JsonValue | undefined): void => {
    if (child === true) found.push(ANYTHING);
    else if (typeof child === "object" && child !== null)
      found.push(...flatten({ schema: child as JsonObject, document }));
  };
  if (types.has("array") && (step === "dynamic" || "index" in step)) add(schema["items"] ?? true);
  if (!types.has("object")) return found;
  const properties = objectAt(schema, "properties");
  const patterns = objectAt(schema, "patternProperties");
  const others = schema["additionalProperties"] ?? true;
  if (step === "dynamic") {
    for (const child of [...Object.values(properties), ...Object.values(patterns), others]) add(child);
  } else if ("key" in step) {
    if (Object.hasOwn(properties, step.key)) add(properties[step.key]);
    else {
      const matching = Object.keys(patterns).filter((pattern) => new RegExp(pattern).test(step.key));
      for (const pattern of matching) add(patterns[pattern]);
      if (matching.length === 0) add(others);
    }
  }
  return found;
}

const ANYTHING: Alternative = { schema: {}, document: {} };

function objectAt(schema: JsonObject, key: string): JsonObject {
  return (schema[key] ?? {}) as JsonObject;
}

/** JSON types, `integer` as `number`; null: anything. */
function typesOf(schema: JsonObject): ReadonlySet<string> | null {
  const values = literalsOf(schema);
  if (values !== null) return new Set(values.map(typeOf));
  const type = schema["type"];
  if (type === undefined) return schema["properties"] === undefined ? null : new Set(["object"]);
  return new Set((Array.isArray(type) ? type : [type]).map((name) => (name === "integer" ? "number" : String(name))));
}

function typeOf(value: JsonValue): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function literalsOf(schema: JsonObject): readonly JsonValue[] | null {
  if (Array.isArray(schema["enum"])) return schema["enum"];
  return schema["const"] === undefined ? null : [schema["const"]];
}

/** The names that may stand below; null: none, or any. */
function keysBelow({ alternatives }: Place): readonly string[] | null {
  const keys = alternatives.flatMap(({ schema }) => [
    ...Object.keys(objectAt(schema, "properties")),
    ...Object.keys(objectAt(schema, "patternProperties")).map((pattern) => `/${pattern}/`),
  ]);
  return keys.length === 0 ? null : [...new Set(keys)].sort();
}

export function mayBeNull({ alternatives }: Place): boolean {
  return alternatives.some(({ schema }) => typesOf(schema)?.has("null") ?? false);
}

/** Whether the place holds one of a closed list of words, this one among them. */
export function mayBe({ alternatives }: Place, word: string): boolean {
  return alternatives.some(({ schema }) => literalsOf(schema)?.includes(word) ?? false);
}

/** Whether the place holds one of a closed list of words, `unknown` among them. */
export function mayBeUnknown(place: Place): boolean {
  return mayBe(place, "unknown");
}

/** Whether a bare condition on it can fail: only false does, and what is not there. */
export function isAlwaysTrue({ alternatives }: Place): boolean {
  return alternatives.every(({ schema }) => {
    const types = typesOf(schema);
    return types !== null && !types.has("boolean");
  });
}

/** Why the place can never equal the value, said for people; null where it can. */
export function whyNever({ text, alternatives }: Place, value: string | number | boolean | null): string | null {
  if (alternatives.some(({ schema }) => accepts(schema, value))) return null;
  const said = JSON.stringify(value);
  const words = [...new Set(alternatives.flatMap(({ schema }) => literalsOf(schema) ?? []))];
  const types = [...new Set(alternatives.flatMap(({ schema }) => [...(typesOf(schema) ?? [])]))].sort();
  if (words.length > 0)
    return `${text} is never ${said}; expected one of ${words.map((word) => JSON.stringify(word)).join(", ")}`;
  if (!types.includes(typeOf(value)))
    return `${text} is never ${said}, a ${typeOf(value)}; expected ${types.join(" or ")}`;
  const patterns = alternatives.flatMap(({ schema }) =>
    typeof schema["pattern"] === "string" ? [schema["pattern"]] : [],
  );
  return `${text} is never ${said}; expected ${patterns.length > 0 ? `what matches ${patterns.join(" or ")}` : "a value within its bounds"}`;
}

function accepts(schema: JsonObject, value: string | number | boolean | null): boolean {
  const types = typesOf(schema);
  if (types !== null && !types.has(typeOf(value))) return false;
  const literals = literalsOf(schema);
  if (literals !== null) return literals.includes(value);
  const { pattern, minimum, maximum } = schema;
  if (typeof value === "string" && typeof pattern === "string") return new RegExp(pattern).test(value);
  if (typeof value !== "number") return true;
  return !(typeof minimum === "number" && value < minimum) && !(typeof maximum === "number" && value > maximum);
}

/** Whether the place can hold a value that can be ordered against one of the given type. */
export function holdsType({ alternatives }: Place, type: string): boolean {
  return alternatives.some(({ schema }) => typesOf(schema)?.has(type) ?? true);
}

export function typeNames({ alternatives }: Place): string {
  return [...new Set(alternatives.flatMap(({ schema }) => [...(typesOf(schema) ?? ["anything"])]))].sort().join(" or ");
}
