/** The report as TAP, held against a TAP parser. */

import fc from "fast-check";
import { Parser as TapParser } from "tap-parser";
import { describe, expect, test } from "vitest";
import type { Report } from "../../../cli/report/model.js";
import { tapReport } from "../../../cli/report/tap.js";
import { anyReport, EMPTY, HOSTILE_REPORT, RICH } from "../../support/reports.js";

const casesOf = ({ suites }: Report) => suites.flatMap(({ cases }) => cases);

describe("TAP", () => {
  const parse = (tap: string) => {
    const results: { ok: boolean; skip: boolean; todo: boolean; name: string }[] = [];
    const parser = new TapParser();
    const extra: string[] = [];
    parser.on("assert", ({ ok, skip, todo, name }) =>
      results.push({ ok, skip: Boolean(skip), todo: Boolean(todo), name }),
    );
    parser.on("extra", (line) => extra.push(line));
    parser.end(tap);
    return {
      results,
      extra,
      failures: parser.failures.filter(({ tapError }) => tapError !== null),
      bailed: parser.bailedOut,
    };
  };

  const outcomes = (one: Report) =>
    casesOf(one).map(({ status }) => ({ ok: status !== "fail" && status !== "error", skip: status === "skip" }));

  test.each([
    ["a rich report", RICH],
    ["an empty report", EMPTY],
    ["a hostile report", HOSTILE_REPORT],
  ])("of %s has a point for each case, and nothing that a reader does not understand", (_, one) => {
    const { results, ...rest } = parse(tapReport(one));
    expect(results.map(({ ok, skip }) => ({ ok, skip }))).toEqual(outcomes(one));
    expect(rest).toEqual({ extra: [], failures: [], bailed: false });
  });

  test("of any report has a point for each case", () => {
    fc.assert(
      fc.property(anyReport, (one) => {
        const { results, extra, failures, bailed } = parse(tapReport(one));
        expect(results.map(({ ok, skip }) => ({ ok, skip }))).toEqual(outcomes(one));
        expect([extra, failures, bailed, results.some(({ todo }) => todo)]).toEqual([[], [], false, false]);
      }),
    );
  });
});
