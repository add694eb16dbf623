/**
 * Who may kill a mutant: cases that are put to its WASM, and the policy's own Rego unit tests, run on its sources by
 * `opa test`. Truth for the latter: OPA's documentation, "Policy Testing".
 */

import type { JsonObject } from "../../../engine/json.js";
import type { PolicyBundle } from "../../../hooks/index.js";
import { CommandError } from "../../io.js";
import { type Opa, type OpaResult, opaErrors, runOpa } from "../../policy/opa.js";
import type { SourceFile } from "../../policy/sources.js";
import { withStaged } from "../../policy/staging.js";

/**
 * The name of what tells the policy from the one that is meant, or null where nothing does. `sources` are what it was
 * compiled from. PolicyError says that the policy cannot be loaded at all; any other error ends the run.
 */
export type Killer = (policy: PolicyBundle, sources: readonly SourceFile[]) => string | null | Promise<string | null>;

/** The first case, in their order, that the policy does not pass. `passes` is asked for the policy once. */
export function caseKiller<Case extends { readonly name: string }>(
  cases: readonly Case[],
  passes: (policy: PolicyBundle) => (one: Case) => boolean,
): Killer {
  return (policy) => {
    const judge = passes(policy);
    return cases.find((one) => !judge(one))?.name ?? null;
  };
}

export interface RegoTests {
  readonly opa: Opa;
  /** The `_test.rego` files. */
  readonly tests: readonly SourceFile[];
}

/**
 * Rego unit tests, over the policy's own data. Kills where a test fails, errs, or does not compile with the mutant any more.
 * OPA gives each test 5 s.
 */
export function regoKiller({ opa, tests }: RegoTests): Killer {
  return (policy, sources) =>
    withStaged([...sources, ...tests, dataFile(policy.data)], async ({ dir }) => {
      const result = await runOpa(opa, ["test", "--v1-compatible", "--format", "json", "."], { cwd: dir });
      const failed = failedTest(result);
      if (failed !== null || result.code === 0) return failed;
      const [error] = opaErrors(result);
      if (error?.code.startsWith("rego_") === true) return `opa test: ${error.message}`;
      throw new CommandError(1, `opa test failed: ${error?.message ?? `exit code ${result.code}`}`);
    });
}

function dataFile(data: JsonObject): SourceFile {
  return { path: "data.json", bytes: new TextEncoder().encode(JSON.stringify(data)) };
}

interface RegoTestResult {
  readonly package: string;
  readonly name: string;
  readonly fail?: boolean;
  readonly error?: unknown;
}

/** The first test that failed, by name; null where none did, or the answer is no list of tests. */
function failedTest({ stdout }: OpaResult): string | null {
  if (!stdout.trimStart().startsWith("[")) return null;
  const results = JSON.parse(stdout) as readonly RegoTestResult[];
  const names = results
    .filter(({ fail, error }) => fail === true || error !== undefined)
    .map((result) => `${result.package}.${result.name}`);
  return names.sort()[0] ?? null;
}
