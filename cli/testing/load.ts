/** The suites of a folder: files that end in `_test.yaml`, `_test.yml` or `_test.json`, with all that they name, expanded. */

import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { LaunchError } from "../../hooks/index.js";
import { CommandError } from "../io.js";
import { readPolicyFolder } from "../policy/sources.js";
import type { Fault } from "../schema-file.js";
import type { LaunchCase, LoadedSuites } from "./case.js";
import { type Enclave, keyNames, makeEnclave, SuiteError } from "./enclaves.js";
import { expandSuite } from "./expand.js";
import { keysOf } from "./keys.js";
import { parseSuite, refusedSuites, type SuiteFile } from "./suite-file.js";

export interface LoadOptions {
  /** How many keys are made side by side; default: as many as there are processors. */
  readonly jobs?: number;
  /** Is told how many of the keys are made. */
  readonly progress?: (done: number, of: number) => void;
}

/** Each key takes up to seconds. */
const MAX_KEYS = 64;

/**
 * All suites below a folder, in the order of their paths.
 * @throws CommandError exit 3 with every fault in the files; exit 1 where the folder, or a file that a suite names, cannot
 *   be read
 */
export async function loadSuites(dir: string, options: LoadOptions = {}): Promise<LoadedSuites> {
  const found = readPolicyFolder(dir).suites;
  const faults: Fault[] = [];
  const files: SuiteFile[] = [];
  for (const { path, bytes } of found) {
    const file = join(dir, path);
    const parsed = parseSuite(file, dirname(file), bytes);
    if ("faults" in parsed) faults.push(...parsed.faults);
    else files.push(parsed);
  }
  if (faults.length > 0) throw refusedSuites(faults);
  const names = [...new Set(files.flatMap(keyNames))];
  if (names.length > MAX_KEYS)
    throw new CommandError(
      3,
      `the suites name ${names.length} keys, each of which is made anew; expected at most ${MAX_KEYS}`,
    );
  const keys = await keysOf(names, options.jobs ?? availableParallelism(), options.progress ?? (() => undefined));
  const cases: LaunchCase[] = [];
  for (const file of files) {
    const enclaves = new Map<string, Enclave>();
    for (const name of Object.keys(file.suite.enclaves ?? {})) {
      try {
        enclaves.set(name, makeEnclave(name, file, keys));
      } catch (error) {
        faults.push(faultOf(error, file, name));
      }
    }
    if (faults.length > 0) continue;
    const expanded = expandSuite(file, enclaves);
    faults.push(...expanded.faults);
    cases.push(...expanded.cases);
  }
  faults.push(...sameSuites(files));
  if (faults.length > 0) throw refusedSuites(faults);
  return { files: files.map(({ file }) => file), cases };
}

function faultOf(error: unknown, file: SuiteFile, name: string): Fault {
  const path = ["enclaves", name];
  if (error instanceof SuiteError || error instanceof LaunchError)
    return file.faultAt(path, `enclave ${name}: ${error.message}`);
  if (!(error instanceof CommandError)) throw error;
  const { line, column } = file.faultAt(path, "");
  throw new CommandError(error.exitCode, `${file.file}:${line}:${column}: enclave ${name}: ${error.message}`);
}

/** Cases are known by suite and name, so no two suites have one name. */
function sameSuites(files: readonly SuiteFile[]): readonly Fault[] {
  const seen = new Map<string, string>();
  return files.flatMap((file) => {
    const name = file.suite.suite ?? file.file;
    const other = seen.get(name);
    seen.set(name, other ?? file.file);
    return other === undefined
      ? []
      : [file.faultAt(["suite"], `the suite of ${other} is named ${JSON.stringify(name)} as well`)];
  });
}
