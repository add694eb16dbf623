/**
 * Reading suite files, checked against the suite schema (policies/schema/suite.schema.json). Everything that is wrong is
 * said at once, each with file, line and column.
 *
 * What the names in a suite lead to (enclaves, keys, files) is not looked at here.
 */

import { CommandError } from "../io.js";
import { type Fault, type FilePath, faultsText, parseSchemaFile } from "../schema-file.js";
import type { SuiteText } from "./suite.js";

export const MAX_SUITE_BYTES = 1024 * 1024;

export interface SuiteFile {
  /** As the user would name it. */
  readonly file: string;
  /** The folder that paths in it start from. */
  readonly folder: string;
  readonly suite: SuiteText;
  /** The fault of what stands at a path. */
  readonly faultAt: (path: FilePath, message: string) => Fault;
  readonly lineOf: (path: FilePath) => number;
}

/** What to throw where suites are at fault: exit 3, a line for each. */
export function refusedSuites(faults: readonly Fault[]): CommandError {
  return new CommandError(3, faultsText("the test suites are refused:", faults));
}

/** One suite file, or what is wrong with it. */
export function parseSuite(
  file: string,
  folder: string,
  bytes: Uint8Array,
): SuiteFile | { readonly faults: readonly Fault[] } {
  const options = { schema: "suite", whole: "the suite", maxBytes: MAX_SUITE_BYTES };
  const parsed = parseSchemaFile<SuiteText>(file, bytes, options);
  if ("faults" in parsed) return parsed;
  const { value: suite, faultAt } = parsed;
  return { file, folder, suite, faultAt, lineOf: (path) => faultAt(path, "").line };
}
