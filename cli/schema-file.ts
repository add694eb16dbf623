/**
 * Files that people write: YAML 1.2, core schema, or JSON, checked against one of the JSON Schemas in policies/schema.
 * Everything that is wrong is said at once, each with file, line and column, what was found and what was expected.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { policiesDir } from "./policy/shipped.js";
import { nearest } from "./policy/suggest.js";

/** Keys and indices from the top of the file. */
export type FilePath = readonly (string | number)[];

export interface Fault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** What a file says, and where it says it. */
export interface SchemaFile<Value> {
  readonly value: Value;
  /** The fault of what stands at a path. */
  readonly faultAt: (path: FilePath, message: string) => Fault;
}

export interface SchemaFileOptions {
  /** `suite` for policies/schema/suite.schema.json. */
  readonly schema: string;
  /** What the file as a whole is called: `the suite`. */
  readonly whole: string;
  readonly maxBytes: number;
}

/** How many faults are told of at once. */
const MAX_FAULTS = 50;

/** The faults as people read them, the most of them, one a line, below a headline. */
export function faultsText(headline: string, faults: readonly Fault[]): string {
  const told = faults
    .slice(0, MAX_FAULTS)
    .map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
  const more = faults.length > MAX_FAULTS ? [`and ${faults.length - MAX_FAULTS} more`] : [];
  return [headline, ...told, ...more].join("\n  ");
}

/** One file, or what is wrong with it. `Value` is what its schema describes. */
export function parseSchemaFile<Value>(
  file: string,
  bytes: Uint8Array,
  { schema, whole, maxBytes }: SchemaFileOptions,
): SchemaFile<Value> | { readonly faults: readonly Fault[] } {
  const at = (line: number, column: number, message: string): Fault => ({ file, line, column, message });
  if (bytes.length > maxBytes)
    return { faults: [at(1, 1, `it is ${bytes.length} bytes, expected at most ${maxBytes}`)] };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { faults: [at(1, 1, "it is not UTF-8")] };
  }
  const lines = new LineCounter();
  const placed = (offset: number, message: string): Fault => {
    const { line, col } = lines.linePos(offset);
    return at(Math.max(line, 1), Math.max(col, 1), message);
  };
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    uniqueKeys: true,
    stringKeys: true,
    prettyErrors: false,
    lineCounter: lines,
  });
  const unparsed = [...document.errors, ...document.warnings];
  if (unparsed.length > 0) return { faults: unparsed.map(({ pos, message }) => placed(pos[0], message)) };
  if (file.endsWith(".json")) {
    const fault = jsonFault(text);
    if (fault !== null) return { faults: [at(1, 1, fault)] };
  }
  const faultAt = (path: FilePath, message: string): Fault => placed(offsetOf(document, path), message);
  const value = toJs(document);
  if (value instanceof Error) return { faults: [at(1, 1, value.message)] };
  const validate = validatorOf(schema);
  if (!validate(value)) return { faults: faultsOf(validate.errors ?? [], whole, document, placed) };
  // INVARIANT: just validated against the schema.
  return { value: value as Value, faultAt };
}

function jsonFault(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return `it is no JSON: ${(error as Error).message}`;
  }
}

function toJs(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const compiled = new Map<string, ValidateFunction>();

function validatorOf(schema: string): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, strictTypes: false, allowUnionTypes: true });
  const validate = ajv.compile(
    JSON.parse(readFileSync(join(policiesDir(), "schema", `${schema}.schema.json`), "utf8")) as object,
  );
  compiled.set(schema, validate);
  return validate;
}

/** Where the value at a path begins, or the nearest value around it that has a place of its own. */
function offsetOf(document: Document, path: FilePath): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as Node | undefined;
    if (length === 0) return document.contents?.range?.[0] ?? 0;
    if (node?.range) return node.range[0];
  }
  return 0;
}

/** Where a key stands that the object at a path has. */
function keyOffset(document: Document, path: FilePath, key: string): number {
  const map = path.length === 0 ? document.contents : document.getIn(path, true);
  const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  return (isScalar(pair?.key) ? pair.key.range?.[0] : undefined) ?? offsetOf(document, path);
}

function faultsOf(
  errors: readonly ErrorObject[],
  whole: string,
  document: Document,
  placed: (offset: number, message: string) => Fault,
): readonly Fault[] {
  const faults = errors.flatMap((error): readonly Fault[] => {
    const path = pathOf(error.instancePath, document);
    const where = path.length === 0 ? whole : pathText(path);
    switch (error.keyword) {
      case "additionalProperties": {
        const key = String(error.params["additionalProperty"]);
        return [
          placed(keyOffset(document, path, key), `${pathText([...path, key])} is an unknown key; ${known(key, error)}`),
        ];
      }
      case "required":
        return [placed(offsetOf(document, path), `${where} lacks the key ${String(error.params["missingProperty"])}`)];
      case "propertyNames": {
        const key = String(error.params["propertyName"]);
        return [
          placed(
            keyOffset(document, path, key),
            `${JSON.stringify(key)} in ${where} is no name, expected letters, digits, _, . and -`,
          ),
        ];
      }
      default: {
        // What is wrong with a name is said by the error of propertyNames.
        if (error.propertyName !== undefined) return [];
        const expected = (error.parentSchema as { readonly description?: string } | undefined)?.description;
        return [
          placed(offsetOf(document, path), `${where} is ${shown(error.data)}, expected ${expected ?? error.message}`),
        ];
      }
    }
  });
  const unique = new Map(faults.map((fault) => [JSON.stringify(fault), fault]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

function known(key: string, { parentSchema }: ErrorObject): string {
  const names = Object.keys((parentSchema as { readonly properties?: object } | undefined)?.properties ?? {});
  const meant = nearest(key.slice(0, 64), names);
  return meant === undefined ? `expected one of ${names.join(", ")}` : `did you mean ${meant}?`;
}

/** A JSON pointer (RFC 6901) with indices of lists as numbers. */
function pathOf(pointer: string, document: Document): FilePath {
  const path: (string | number)[] = [];
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const around = path.length === 0 ? document.contents : document.getIn(path, true);
    path.push(!isMap(around) && /^\d+$/.test(key) ? Number(key) : key);
  }
  return path;
}

function pathText(path: FilePath): string {
  return path
    .map((part, at) => {
      if (typeof part === "number") return `[${part}]`;
      if (/^[\w-]+$/.test(part)) return at === 0 ? part : `.${part}`;
      return `[${JSON.stringify(part.slice(0, 80))}]`;
    })
    .join("");
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null)
    return Object.keys(value).length === 0 ? "an empty object" : "an object";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
