/** The report as SARIF, held against the standard's own schema. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Report } from "../../../cli/report/model.js";
import { sarifReport } from "../../../cli/report/sarif.js";
import { anyReport, EMPTY, finding, HOSTILE_REPORT, RICH, report, reportCase } from "../../support/reports.js";

describe("SARIF", () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  /** OASIS's own schema, as Microsoft's SARIF tools carry it. */
  const tools = dirname(fileURLToPath(import.meta.resolve("@microsoft/sarif-multitool-ts")));
  const schema = JSON.parse(readFileSync(join(tools, "../assets/sarif-2.1.0.schema.json"), "utf8"));
  const validate = ajv.compile(schema);

  const valid = (one: Report) => {
    const sarif = JSON.parse(sarifReport(one));
    validate(sarif);
    expect(validate.errors ?? []).toEqual([]);
    return sarif.runs[0];
  };

  test("of any report is valid by the schema, and every result's rule is the one of its index", () => {
    const holds = (one: Report): void => {
      const { results, tool } = valid(one);
      for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId);
    };
    fc.assert(fc.property(anyReport, holds));
    for (const one of [RICH, EMPTY, HOSTILE_REPORT]) holds(one);
  });

  test("says of a finding its rule, level, place and identity, and of an exception that it suppresses", () => {
    const { results, tool, invocations } = valid(RICH);
    expect(tool.driver.rules[0]).toMatchObject({
      id: "debug_launchable",
      help: { text: expect.stringMatching(/^Whoever launches[\s\S]*\n\nFix: Sign with DEBUG/) },
      defaultConfiguration: { level: "error" },
    });
    expect(results[0]).toMatchObject({
      ruleId: "debug_launchable",
      level: "error",
      locations: [{ physicalLocation: { artifactLocation: { uri: "build/payments.sig" }, region: { startLine: 1 } } }],
      suppressions: [],
    });
    const suppressions = results.map((result: { suppressions: readonly { status: string }[] }) =>
      result.suppressions.map(({ status }) => status),
    );
    expect(suppressions).toEqual([[], [], [], ["accepted"], [], [], ["rejected"], []]);
    expect(invocations[0].executionSuccessful).toBe(false);
  });

  test("identifies a finding by rule, file and case, whatever its message and line", () => {
    const prints = (one: Report): readonly string[] =>
      valid(one).results.map(
        (result: { partialFingerprints: Record<string, string> }) => result.partialFingerprints["launchgate/v1"],
      );
    const of = (message: string, line: number | null, name = "a") =>
      prints(
        report({
          suites: [
            {
              name: "s",
              cases: [
                reportCase({ name, line, status: "fail", findings: [finding({ message }), finding({ message })] }),
              ],
            },
          ],
        }),
      );
    expect(of("one", 1)).toEqual(of("other", 9));
    expect(new Set([...of("one", 1), ...of("one", 1, "b")]).size).toBe(4);
  });

  test.each([
    ["build/a b.sig", "build/a%20b.sig"],
    ["./build//x.sig", "build/x.sig"],
    ["/srv/x.sig", "file:///srv/x.sig"],
    ["//host/x.sig", "file:///host/x.sig"],
    ["C:\\out\\x.sig", "file:///C:/out/x.sig"],
    ["javascript:alert(1)", "javascript%3Aalert(1)"],
    ["a#b?c%41.sig", "a%23b%3Fc%2541.sig"],
  ])("names the file %s by %s", (file, uri) => {
    const one = report({
      suites: [{ name: "s", cases: [reportCase({ file, status: "fail", findings: [finding()] })] }],
    });
    expect(valid(one).results[0].locations[0].physicalLocation.artifactLocation.uri).toBe(uri);
  });

  test.each([["-"], [null]])("gives %s, which is no file, no physical location", (file) => {
    const one = report({ suites: [{ name: "s", cases: [reportCase({ file, status: "fail" })] }] });
    expect(Object.keys(valid(one).results[0].locations[0])).toEqual(["logicalLocations"]);
  });
});
