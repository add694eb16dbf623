/** Policy folders for tests: made in a temporary place from a table of paths and texts, removed when the test file ends. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { findOpa } from "../../../cli/policy/opa.js";

/** The OPA that the shipped bundle is built with. */
export const opa = findOpa({ env: {}, only: "package" });

const made: string[] = [];

afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "launchgate-test-"));
  made.push(folder);
  return folder;
}

export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = emptyFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** A launch/decision entrypoint that allows what the given body says. */
export function decisionRego(rules: string): string {
  return `package launch

# METADATA
# entrypoint: true
decision := {"allow": allow, "deny": deny, "warn": []}

default allow := false

${rules}
`;
}
