/**
 * Data documents from files: JSON (RFC 8259) or YAML 1.2, core schema. Truth for their content: the data schema
 * (policies/schema/data.schema.json), which is applied by the engine, not here.
 *
 * Keys are strings as they stand, so that a hash of digits alone stays one. Duplicate keys, and what JSON cannot say, are
 * refused.
 */

import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import { PolicyError } from "../../engine/errors.js";
import { frozenJson, isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";
import { CommandError } from "../io.js";
import type { Module } from "./rego-ast.js";
import type { SourceFile } from "./sources.js";

const MAX_DATA_BYTES = 16 * 1024 * 1024;

/** A `--data` file. Throws CommandError (1) where it cannot be read, PolicyError `data_schema` where it is no document. */
export function readDataFile(path: string): JsonObject {
  return parseDataDocument(bytesOf(path), path);
}

function bytesOf(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path);
    if (bytes.length <= MAX_DATA_BYTES) return bytes;
  } catch (error) {
    throw new CommandError(1, `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new CommandError(1, `${path} is larger than ${MAX_DATA_BYTES} bytes`);
}

/** One object, from JSON where the name ends in `.json`, else from YAML. Throws PolicyError `data_schema`. */
function parseDataDocument(bytes: Uint8Array, name: string): JsonObject {
  const refuse = (fault: string): PolicyError => new PolicyError("data_schema", `${name}: ${fault}`);
  const text = utf8(bytes, refuse);
  if (name.endsWith(".json")) checkJson(text, refuse);
  const document = parseDocument(text, { version: "1.2", schema: "core", uniqueKeys: true, stringKeys: true });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) throw refuse(fault.message.split("\n", 1)[0]?.replace(/:$/, "") ?? "it does not parse");
  const value = frozenJson(
    plain(() => document.toJS({ maxAliasCount: 100 }), refuse),
    refuse,
  );
  if (!isJsonObject(value)) throw refuse("found no object at the top, expected one");
  return value;
}

function utf8(bytes: Uint8Array, refuse: (fault: string) => Error): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refuse("it is not UTF-8");
  }
}

function checkJson(text: string, refuse: (fault: string) => Error): void {
  try {
    JSON.parse(text);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}

function plain(toJs: () => unknown, refuse: (fault: string) => Error): unknown {
  try {
    return toJs();
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}

export interface FolderData {
  /** `launchgate/data.yaml` or `.json`; null: there is none. */
  readonly launchgate: JsonObject | null;
  /** All other roots, merged. */
  readonly others: JsonObject;
}

/** A folder's data as OPA would load it, apart from the data document. Throws PolicyError. */
export function folderData(files: readonly SourceFile[], modules: readonly Module[]): FolderData {
  let launchgate: JsonObject | null = null;
  let others: JsonObject = {};
  for (const { path, bytes } of files) {
    const at = path.split("/").slice(0, -1);
    const document = parseDataDocument(bytes, path);
    if (at.length === 1 && at[0] === "launchgate") {
      if (launchgate !== null)
        throw new PolicyError("data_conflict", `${path}: there is another data document beside it`);
      launchgate = document;
      continue;
    }
    checkRoots(path, at, document, modules);
    const nested = [...at].reverse().reduce<JsonObject>((inner, key) => ({ [key]: inner }), document);
    others = merge(others, nested, path);
  }
  return { launchgate, others };
}

/** Data must not lie where a package is, nor reach into the data document. */
function checkRoots(path: string, at: readonly string[], document: JsonObject, modules: readonly Module[]): void {
  const roots = at.length > 0 ? [at] : Object.keys(document).map((key) => [key]);
  for (const root of roots) {
    if (root[0] === "launchgate") {
      throw new PolicyError(
        "data_conflict",
        `${path} sets data.${root.join(".")}; the data document is launchgate/data.yaml, and all of it`,
      );
    }
    const taken = modules.find(({ package: name }) =>
      root.every((key, index) => name[index] === undefined || name[index] === key),
    );
    if (taken !== undefined) {
      throw new PolicyError(
        "data_conflict",
        `${path} sets data.${root.join(".")}, where the package ${taken.package.join(".")} is`,
      );
    }
  }
}

function merge(into: JsonObject, from: JsonObject, path: string): JsonObject {
  const merged: Record<string, JsonValue> = { ...into };
  for (const [key, value] of Object.entries(from)) {
    const there = Object.hasOwn(into, key) ? into[key] : undefined;
    if (there === undefined) merged[key] = value;
    else if (isJsonObject(there) && isJsonObject(value)) merged[key] = merge(there, value, path);
    else
      throw new PolicyError(
        "data_conflict",
        `${path} sets ${JSON.stringify(key)}, which another data file sets as well`,
      );
  }
  return merged;
}
