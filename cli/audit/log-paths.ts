/** Which files of an audit log the user means: a whole directory, or files of their own choice. */

import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileNumber, listFiles } from "../../hooks/audit/files.js";
import { CommandError } from "../io.js";

export interface LogPaths {
  /** In the order of the log. */
  readonly files: readonly string[];
  /** Null where single files were named. */
  readonly directory: string | null;
}

/** @throws CommandError exit 1 where there is nothing to read */
export function logPaths(paths: readonly string[]): LogPaths {
  const [first = ""] = paths;
  const kinds = paths.map((path) => isDirectory(path));
  if (!kinds.includes(true)) return { files: inOrder(paths), directory: null };
  if (paths.length > 1) throw new CommandError(1, "name either one directory, or files of one log");
  const files = orCannotRead(first, () => listFiles(first)).map(({ name }) => join(first, name));
  if (files.length === 0) throw new CommandError(1, `there is no audit log in ${first}: no file audit-*.jsonl`);
  return { files, directory: first };
}

/** By the numbers in their names where all have one, else as they were named. */
function inOrder(paths: readonly string[]): readonly string[] {
  const numbered = paths.map((path) => ({ path, number: fileNumber(basename(path)) }));
  if (numbered.some(({ number }) => number === null)) return paths;
  return numbered.toSorted((a, b) => (a.number ?? 0) - (b.number ?? 0)).map(({ path }) => path);
}

function isDirectory(path: string): boolean {
  return orCannotRead(path, () => statSync(path).isDirectory());
}

/** @throws CommandError exit 1 */
export function orCannotRead<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CommandError(1, `cannot read ${path}: ${code === "ENOENT" ? "there is no such file" : message}`);
  }
}
