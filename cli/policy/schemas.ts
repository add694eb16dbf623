/**
 * The JSON Schemas that a policy is checked against: `input` by package, and `data` as this policy will find it. Truth:
 * policies/schema/input.schema.json and data.schema.json, and the modules that are compiled in.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "../../engine/json.js";
import { inputsOf } from "./entrypoints.js";
import { type Module, ruleName } from "./rego-ast.js";

export interface Schemas {
  /** The inputs that a package can see. */
  readonly inputs: (packagePath: readonly string[]) => readonly JsonObject[];
  readonly data: JsonObject;
  /** `data.launchgate` alone, effective. */
  readonly launchgate: JsonObject;
}

export function readSchemas(policies: string, modules: readonly Module[], otherData: JsonObject): Schemas {
  const read = (name: string): JsonObject =>
    JSON.parse(readFileSync(join(policies, "schema", `${name}.schema.json`), "utf8")) as JsonObject;
  const definitions = read("input")["definitions"] as JsonObject;
  const launchgate = effectiveSchema(read("data"));
  return {
    inputs: (packagePath) =>
      inputsOf(packagePath).map((name) => ({ ...(definitions[name] as JsonObject), definitions })),
    data: dataSchema(modules, otherData, launchgate),
    launchgate,
  };
}

const DATES: ReadonlySet<string> = new Set(["not_before", "not_after", "expires"]);

/** As Rego finds the document: dates are integers, `include` is gone, and every top-level key is there. */
function effectiveSchema(schema: JsonObject): JsonObject {
  const { include: _, ...properties } = withIntegerDates(schema["properties"] as JsonObject) as JsonObject;
  return { ...schema, properties, required: Object.keys(properties) };
}

function withIntegerDates(value: JsonValue, key?: string): JsonValue {
  if (key !== undefined && DATES.has(key)) return { type: "integer", description: "Unix seconds" };
  if (Array.isArray(value)) return value.map((item) => withIntegerDates(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withIntegerDates(item, name)]));
}

interface Tree {
  [key: string]: Tree | "anything";
}

/** An object of packages by name, of rules in them, of the other data roots, and of the data document. */
function dataSchema(modules: readonly Module[], otherData: JsonObject, launchgate: JsonObject): JsonObject {
  const tree: Tree = {};
  for (const key of Object.keys(otherData)) tree[key] = "anything";
  for (const module of modules) {
    for (const rule of module.rules) plant(tree, [...module.package, ...ruleName(rule).slice(0, 1)]);
    plant(tree, module.package, true);
  }
  const { properties } = treeSchema(tree) as { properties: JsonObject };
  return { type: "object", additionalProperties: false, properties: { ...properties, launchgate } };
}

function plant(tree: Tree, path: readonly string[], isPackage = false): void {
  let at = tree;
  for (const [index, key] of path.entries()) {
    if (index === path.length - 1 && !isPackage) {
      at[key] ??= "anything";
      return;
    }
    const there = at[key];
    if (there === "anything") return;
    at[key] = there ?? {};
    at = at[key] as Tree;
  }
}

function treeSchema(tree: Tree): JsonObject {
  const properties = Object.entries(tree).map(([key, below]): [string, JsonObject] => [
    key,
    below === "anything" ? {} : treeSchema(below),
  ]);
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}

/** A schema as OPA's type checker takes it in: it knows no patternProperties. */
export function forOpa(schema: JsonValue): JsonValue {
  if (Array.isArray(schema)) return schema.map(forOpa);
  if (typeof schema !== "object" || schema === null) return schema;
  const { patternProperties, ...rest } = schema as JsonObject;
  const plain = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, forOpa(value)]));
  const [child, ...more] = Object.values((patternProperties ?? {}) as JsonObject);
  if (child === undefined) return plain;
  return { ...plain, additionalProperties: more.length === 0 ? forOpa(child) : true };
}
