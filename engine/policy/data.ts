/**
 * The data document, `data.launchgate`: from what people write to what Rego reads. Truth: the data schema
 * (policies/schema/data.schema.json).
 *
 * Validated, merged over a profile key by key (a conflict is an error: no document silently wins), shipped fragments
 * included, dates turned to Unix seconds, and every top-level key present.
 */

import { PolicyError } from "../errors.js";
import { validate } from "../generated/validate-data.js";
import type { JsonObject, JsonValue } from "../json.js";
import { type ErrorObject, explainSchemaErrors } from "../schema-errors.js";

/** What comes with the package: data documents by name. */
export interface ShippedData {
  readonly profiles: Readonly<Record<string, JsonObject>>;
  readonly fragments: Readonly<Record<string, JsonObject>>;
}

const DEFAULT_PROFILE = "strict";

/** Present in every effective document, so that a rule can look in without asking whether it is there. */
const EMPTY: JsonObject = {
  signers: {},
  mrenclaves: {},
  revoked: { mrenclaves: {}, mrsigners: {}, products: {} },
  attributes: { forbid: {}, require: {} },
  lepubkeyhashes: {},
  origins: {},
  vms: {},
  exceptions: {},
  signing: { rules: {}, mrsigners: {}, require: {} },
};

/**
 * The effective document of the given ones, merged over their profile (`strict` where none names one), or over `base`,
 * a document that is effective already, such as a bundle's.
 * @throws PolicyError `data_schema`, `data_conflict`, `data_unknown_profile`, `data_unknown_fragment`
 */
export function effectiveData(documents: readonly JsonObject[], shipped: ShippedData, base?: JsonObject): JsonObject {
  for (const document of documents) validateDocument(document);
  const merged = base ?? profileOf(documents, shipped);
  const fragments = [...new Set([merged, ...documents].flatMap(included))].map((name) => fragmentOf(name, shipped));
  const parts = [...fragments, ...documents].map((part) => withUnixDates(part) as JsonObject);
  const whole = parts.reduce((into, part) => merge(into, part, "data.launchgate"), withUnixDates(merged) as JsonObject);
  const { include: _, ...effective } = whole;
  return fillIn(effective, EMPTY);
}

/** @throws PolicyError `data_schema`, saying where and what was expected */
function validateDocument(document: JsonObject): void {
  if (!validate(document)) {
    throw new PolicyError("data_schema", explainSchemaErrors("data.launchgate", validate.errors as ErrorObject[]));
  }
}

function profileOf(documents: readonly JsonObject[], shipped: ShippedData): JsonObject {
  const named = documents.find(({ profile }) => profile !== undefined)?.["profile"];
  const name = String(named ?? DEFAULT_PROFILE);
  const profile = Object.hasOwn(shipped.profiles, name) ? shipped.profiles[name] : undefined;
  if (profile === undefined) {
    const known = Object.keys(shipped.profiles).join(", ");
    throw new PolicyError(
      "data_unknown_profile",
      `there is no profile ${JSON.stringify(name)}, expected one of ${known}`,
    );
  }
  return profile;
}

function fragmentOf(name: string, shipped: ShippedData): JsonObject {
  const fragment = Object.hasOwn(shipped.fragments, name) ? shipped.fragments[name] : undefined;
  if (fragment === undefined) {
    const known = Object.keys(shipped.fragments).join(", ");
    throw new PolicyError(
      "data_unknown_fragment",
      `there is no fragment ${JSON.stringify(name)}, expected one of ${known}`,
    );
  }
  return fragment;
}

function included({ include }: JsonObject): readonly string[] {
  return Array.isArray(include) ? include.map(String) : [];
}

function merge(into: JsonObject, from: JsonObject, path: string): JsonObject {
  const merged: Record<string, JsonValue> = { ...into };
  for (const [key, value] of Object.entries(from)) {
    const there = Object.hasOwn(into, key) ? into[key] : undefined;
    const at = `${path}.${key}`;
    if (key === "include" && path === "data.launchgate") continue;
    if (there === undefined) merged[key] = value;
    else if (isObject(there) && isObject(value)) merged[key] = merge(there, value, at);
    else if (there !== value) {
      throw new PolicyError(
        "data_conflict",
        `${at} is ${JSON.stringify(there)} and ${JSON.stringify(value)}: say it once`,
      );
    }
  }
  return merged;
}

const DATES: ReadonlySet<string> = new Set(["not_before", "not_after", "expires"]);

/** RFC 3339 in the keys that hold dates to Unix seconds; integers there are seconds already. */
function withUnixDates(value: JsonValue, key?: string): JsonValue {
  if (key !== undefined && DATES.has(key) && typeof value === "string") return unixOf(value);
  if (Array.isArray(value)) return value;
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withUnixDates(item, name)]));
}

function unixOf(date: string): number {
  const milliseconds = Date.parse(date);
  // Date.parse takes 31 February for 3 March; such a day must not move a limit.
  const day = date.slice(0, 10);
  if (Number.isNaN(milliseconds) || !new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)) {
    throw new PolicyError("data_schema", `${JSON.stringify(date)} is no day of the calendar`);
  }
  return Math.floor(milliseconds / 1000);
}

function fillIn(document: JsonObject, empty: JsonObject): JsonObject {
  const filled: Record<string, JsonValue> = { ...document };
  for (const [key, value] of Object.entries(empty)) {
    const there = filled[key];
    filled[key] = isObject(there) && isObject(value) ? fillIn(there, value) : (there ?? value);
  }
  return filled;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
