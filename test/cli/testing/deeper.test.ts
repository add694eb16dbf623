/** Boundary and mutation testing from the command line, on the example policy and on what goes wrong. */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchgate, ROOT } from "../../support/cli.js";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "launchgate-deeper-"));
  cpSync(join(ROOT, "examples/own-policy"), join(folder, "policy"), { recursive: true });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Document {
  readonly boundary: { readonly score: number; readonly threshold: number | null } | null;
  readonly mutation: {
    readonly found: number;
    readonly tried: number;
    readonly score: number;
    readonly mutants: readonly { readonly id: string; readonly state: string }[];
  } | null;
}

function tested(...more: readonly string[]): { readonly code: number | null; readonly document: Document } {
  const { code, stdout } = launchgate(["test", join(folder, "policy"), "--format", "json", ...more]);
  return { code, document: JSON.parse(stdout) as Document };
}

describe("launchgate test", () => {
  test("does not look deeper where nobody asks", () => {
    expect(tested().document).toMatchObject({ boundary: null, mutation: null });
  });

  test("gates on the weaker launches that are denied", () => {
    expect(tested("--boundary-threshold", "50")).toMatchObject({ code: 0, document: { boundary: { threshold: 50 } } });
    expect(tested("--boundary-threshold", "100").code).toBe(2);
  });

  test("gates on the mutants that are killed, and names those that are not", () => {
    const { code, document } = tested("--mutation-threshold", "100");
    const survived = document.mutation?.mutants.filter(({ state }) => state === "survived").map(({ id }) => id);
    expect([code, document.mutation?.tried]).toEqual([2, document.mutation?.found]);
    expect(survived).toContain("launch/decision.rego:24:2:drop-expression");
    expect(document.mutation?.score).toBeGreaterThan(90);
    expect(tested("--mutants", "5", "--mutation-threshold", "50").code).toBe(0);
  });

  test("tries the same sample each time, and says of how many", () => {
    const [one, other] = [tested("--mutants", "5"), tested("--mutants", "5", "--jobs", "1")];
    expect(one.document.mutation?.tried).toBe(5);
    expect(one.document.mutation?.found).toBeGreaterThan(5);
    expect(one.document.mutation?.mutants).toEqual(other.document.mutation?.mutants);
  });

  test("changes no policy that fails its tests as it is", () => {
    const suite = join(folder, "policy/launch/decision_test.yaml");
    const good = readFileSync(suite, "utf8");
    writeFileSync(suite, good.replace(/expect: allow/, "expect: deny"));
    const { code, document } = tested("--mutants");
    writeFileSync(suite, good);
    expect([code, document.mutation]).toEqual([2, null]);
  });

  test("cannot change a bundle", () => {
    const bundle = join(folder, "policy.tar.gz");
    expect(launchgate(["build", join(folder, "policy"), "-o", bundle]).code).toBe(0);
    const { code, stderr } = launchgate(["test", join(folder, "policy"), "--policy", bundle, "--mutants"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("expected one policy folder")]);
  });
});
