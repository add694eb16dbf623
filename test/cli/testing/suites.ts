/** Suites for tests, from YAML text, and what loading them says. */

import { join } from "node:path";
import type { LaunchCase } from "../../../cli/testing/case.js";
import { loadSuites } from "../../../cli/testing/load.js";
import { folderOf } from "../policy/folder.js";

/** A suite of one key's enclave, and these cases. */
export function suiteOf(cases: string, more = ""): string {
  return `version: 1\nsuite: s\n${more}enclaves:\n  app: {}\ncases:\n${cases}`;
}

export function casesOf(text: string, files: Readonly<Record<string, string>> = {}): Promise<readonly LaunchCase[]> {
  return loadSuites(folderOf({ ...files, "a_test.yaml": text })).then(({ cases }) => cases);
}

/** The lines that refuse it, without the folder; and the exit code. */
export async function refusalOf(
  text: string,
  name = "a_test.yaml",
): Promise<{ exitCode: number; lines: readonly string[] }> {
  const dir = folderOf({ [name]: text });
  try {
    await loadSuites(dir);
  } catch (error) {
    const { exitCode, message } = error as { exitCode: number; message: string };
    const lines = message.split("\n  ").map((line) => line.replaceAll(join(dir, "/"), ""));
    return { exitCode, lines: lines[0] === "the test suites are refused:" ? lines.slice(1) : lines };
  }
  return { exitCode: 0, lines: [] };
}
