import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareRevisions, isOrdered } from "../../../hooks/policies/revision.js";

describe("revisions", () => {
  test.each([
    ["1", "2"],
    ["9", "10"],
    ["1.9", "1.10"],
    ["1.4", "1.4.1"],
    ["0", "0.0.1"],
    ["1.4.2", "2"],
    ["2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z"],
    ["2026-11-22T12:00:00Z", "2026-11-22T12:00:00.001Z"],
    ["2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"],
  ])("%s is older than %s", (older, newer) => {
    expect(compareRevisions(older, newer)).toBeLessThan(0);
    expect(compareRevisions(newer, older)).toBeGreaterThan(0);
  });

  test.each([
    ["1.4", "1.4.0"],
    ["7", "7"],
    ["2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000Z"],
  ])("%s is the same as %s", (a, b) => {
    expect(compareRevisions(a, b)).toBe(0);
  });

  test.each([
    "",
    " 1",
    "1\n",
    "-1",
    "+1",
    "01",
    "1.02",
    "1.",
    ".1",
    "1..2",
    "1e3",
    "0x10",
    "v1",
    "1.4-rc.1",
    "1.4+build",
    "1.2.3.4.5.6.7.8.9",
    "9999999999999999",
    "4f2a9c1",
    "2026-11-22",
    "2026-02-31T00:00:00Z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T12:00:00+01:00",
    "2026-11-22T12:00:00",
    "2026-11-22t12:00:00z",
    "١",
  ])("%j has no order", (text) => {
    expect(isOrdered(text)).toBe(false);
    expect(compareRevisions(text, "1")).toBeNull();
    expect(compareRevisions("1", text)).toBeNull();
  });

  test("numbers and times do not compare", () => {
    expect(compareRevisions("20261122", "2026-11-22T12:00:00Z")).toBeNull();
  });

  test("the order is total among each form", () => {
    const numbers = fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }).map((list) => list.join("."));
    const times = fc
      .date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
      .map((date) => date.toISOString());
    for (const revision of [numbers, times]) {
      fc.assert(
        fc.property(revision, revision, revision, (a, b, c) => {
          const [ab, bc, ac] = [compareRevisions(a, b), compareRevisions(b, c), compareRevisions(a, c)];
          expect(Math.sign(ab ?? Number.NaN) + Math.sign(compareRevisions(b, a) ?? Number.NaN)).toBe(0);
          if ((ab ?? 0) <= 0 && (bc ?? 0) <= 0) expect(ac).toBeLessThanOrEqual(0);
        }),
      );
    }
  });
});
