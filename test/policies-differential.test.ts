/** Policy decisions on WASM are those that OPA itself makes of the same Rego, on thousands of generated events. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Answer,
  createPolicy,
  decodeLaunch,
  inputOf,
  type JsonObject,
  shippedPolicy,
  takeEvent,
} from "../engine/index.js";
import { DOCUMENTS, launchEvents } from "./support/arbitrary.js";
import { OPA } from "./support/policies.js";

const EVENTS_PER_DOCUMENT = 300;
const PROFILES = ["strict", "baseline", "open"] as const;

/** What OPA's own evaluator answers, for all inputs in one process. */
function answersOfOpa(inputs: readonly JsonObject[], launchgate: JsonObject): readonly unknown[] {
  const work = mkdtempSync(join(tmpdir(), "launchgate-differential-"));
  try {
    const data = join(work, "data.json");
    writeFileSync(data, JSON.stringify({ launchgate, test_inputs: inputs }));
    const query = "[answer | some i, given in data.test_inputs; answer := data.launch.decision with input as given]";
    const folders = ["policies/launch", "policies/lib"].flatMap((dir) => ["--data", dir]);
    const args = [
      "eval",
      "--v1-compatible",
      "--format",
      "values",
      ...folders,
      "--data",
      data,
      "--ignore",
      "*_test.rego",
      query,
    ];
    const [answers] = JSON.parse(execFileSync(OPA, args, { encoding: "utf8", maxBuffer: 1 << 28 }));
    return answers;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const cases = PROFILES.flatMap((profile) => DOCUMENTS.map((document, at) => [profile, at, document] as const));

/** The items of a set have no order of their own. */
function inOrder({ allow, deny, warn }: Answer): unknown {
  const sorted = (items: Answer["deny"]) => items.map((item) => JSON.stringify(Object.entries(item).sort())).sort();
  return { allow, deny: sorted(deny), warn: sorted(warn) };
}

describe("WASM and OPA answer alike", () => {
  test.each(cases)("under %s with document %i", (profile, at, document) => {
    const bundle = shippedPolicy({ profile, data: [document] });
    const policy = createPolicy(bundle);
    const seed = PROFILES.indexOf(profile) * 100 + at;
    const inputs = fc
      .sample(launchEvents, { numRuns: EVENTS_PER_DOCUMENT, seed })
      .map((event) => inputOf(decodeLaunch(takeEvent(event), "never")) as unknown as JsonObject);
    const wasm = inputs.map((input) => policy.evaluate("launch/decision", input));
    const opa = answersOfOpa(inputs, bundle.data["launchgate"] as JsonObject);
    expect(opa.length).toBe(EVENTS_PER_DOCUMENT);
    expect(wasm.map(inOrder)).toEqual((opa as readonly Answer[]).map(inOrder));
  });
});
