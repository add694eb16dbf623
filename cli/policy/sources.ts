/**
 * Reading a policy folder: which files count, under which names. Truth: OPA's bundle layout
 * (openpolicyagent.org/docs/latest/management-bundles, "Bundle File Format").
 *
 * Files that end in `.rego` are sources, those in `_test.rego` tests, those in `_test.yaml`, `_test.yml` or `_test.json`
 * suites of tests, `data.json` and `data.yaml` data at the path of their folder. All else, and every name that begins with
 * a dot, is passed over. Nothing is read that lies outside the folder.
 */

import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { CommandError } from "../io.js";

const MAX_FILES = 10_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 32;

export interface SourceFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface PolicyFolder {
  readonly dir: string;
  readonly sources: readonly SourceFile[];
  readonly tests: readonly SourceFile[];
  readonly data: readonly SourceFile[];
  /** Neither Rego nor data: for `launchgate test` alone. */
  readonly suites: readonly SourceFile[];
}

/** Reads DIR, sorted by path. Throws CommandError (1) where it cannot be read, (3) where it holds what it must not. */
export function readPolicyFolder(dir: string): PolicyFolder {
  const root = realFolder(dir);
  const files = walk(root, "", root, 0).sort(byPath);
  if (files.length > MAX_FILES)
    throw new CommandError(3, `${dir} holds ${files.length} files, expected ${MAX_FILES} at most`);
  return {
    dir,
    sources: files.filter(({ path }) => isRego(path) && !isTest(path)),
    tests: files.filter(({ path }) => isTest(path)),
    data: files.filter(({ path }) => isData(path)),
    suites: files.filter(({ path }) => isSuite(path)),
  };
}

/** By code unit, which no locale changes. */
export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function realFolder(dir: string): string {
  try {
    const root = realpathSync(dir);
    if (statSync(root).isDirectory()) return root;
  } catch {
    throw new CommandError(1, `${dir} cannot be read as a folder`);
  }
  throw new CommandError(1, `${dir} is not a folder`);
}

function walk(root: string, below: string, folder: string, depth: number): SourceFile[] {
  if (depth > MAX_DEPTH) throw new CommandError(3, `${below} lies deeper than ${MAX_DEPTH} folders`);
  return readdirSync(folder)
    .filter((name) => !name.startsWith(".") && name !== "node_modules")
    .flatMap((name) => {
      const path = below === "" ? name : `${below}/${name}`;
      const full = join(folder, name);
      const kind = lstatSync(full);
      if (kind.isDirectory()) return walk(root, path, full, depth + 1);
      if (!isRego(path) && !isData(path) && !isSuite(path)) return [];
      return [{ path, bytes: readInside(root, path, full) }];
    });
}

function readInside(root: string, path: string, full: string): Uint8Array {
  const real = realTarget(path, full);
  if (!real.startsWith(root + sep)) throw new CommandError(3, `${path} is a link that leaves the policy folder`);
  const { size } = statSync(real);
  if (!statSync(real).isFile()) throw new CommandError(3, `${path} is not a regular file`);
  if (size > MAX_FILE_BYTES) throw new CommandError(3, `${path} is ${size} bytes, expected ${MAX_FILE_BYTES} at most`);
  return new Uint8Array(readFileSync(real));
}

function realTarget(path: string, full: string): string {
  try {
    return realpathSync(full);
  } catch {
    throw new CommandError(3, `${path} is a link that leads nowhere`);
  }
}

function isRego(path: string): boolean {
  return path.endsWith(".rego");
}

function isTest(path: string): boolean {
  return path.endsWith("_test.rego");
}

function isData(path: string): boolean {
  return /(^|\/)data\.(json|yaml|yml)$/.test(path);
}

function isSuite(path: string): boolean {
  return /_test\.(yaml|yml|json)$/.test(path);
}
