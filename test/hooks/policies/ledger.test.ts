import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { enter, faultsOf, type Ledger, type PolicyState, type RuleOptions } from "../../../hooks/policies/ledger.js";
import { compareRevisions } from "../../../hooks/policies/revision.js";

const A = "a".repeat(64);
const B = "b".repeat(64);
const state = (name: string, revision: string, sha256 = A): PolicyState => ({ name, revision, sha256 });
const RISING: RuleOptions = { revisions: "rising" };
const codes = (found: readonly PolicyState[], ledger: Ledger, options = RISING, elsewhere: readonly string[] = []) =>
  faultsOf("/p", found, ledger, new Set(elsewhere), options).map(({ code }) => code);
const LEDGER = enter(new Map(), "/p", [state("fleet", "5")]);

describe("what may follow a policy", () => {
  test.each<[string, readonly PolicyState[], readonly string[]]>([
    ["the same", [state("fleet", "5")], []],
    ["a newer one", [state("fleet", "6", B)], []],
    ["a newer one that decides the same", [state("fleet", "6")], []],
    ["one more beside it", [state("fleet", "5"), state("site", "1")], []],
    ["an older one", [state("fleet", "4")], ["revision_rollback"]],
    ["another one of the same revision", [state("fleet", "5", B)], ["revision_reused"]],
    ["another one of the same revision in other words", [state("fleet", "5.0", B)], ["revision_reused"]],
    ["one without revision", [state("fleet", "")], ["revision_format"]],
    ["one of a revision without order", [state("fleet", "6-rc.1")], ["revision_format"]],
    ["one of a revision of another form", [state("fleet", "2026-11-22T12:00:00Z")], ["revision_form"]],
    ["one of another name", [state("site", "9")], ["policy_removed"]],
    ["nothing", [], ["policy_removed"]],
    ["two of one name", [state("fleet", "6"), state("fleet", "7")], ["policy_duplicate"]],
    [
      "everything wrong at once",
      [state("site", ""), state("site", "x")],
      ["revision_format", "policy_duplicate", "revision_format", "policy_removed"],
    ],
  ])("%s", (_, found, expected) => {
    expect(codes(found, LEDGER)).toEqual(expected);
  });

  test("not a policy that another source has", () => {
    expect(codes([state("fleet", "6")], LEDGER, RISING, ["fleet"])).toEqual(["policy_duplicate"]);
  });

  test("with the operator's leave, each thing by its own", () => {
    expect(codes([state("fleet", "4")], LEDGER, { ...RISING, allowRollback: true })).toEqual([]);
    expect(codes([state("fleet", "")], LEDGER, { ...RISING, allowRollback: true })).toEqual([]);
    expect(codes([state("fleet", "4")], LEDGER, { ...RISING, allowRemoval: true })).toEqual(["revision_rollback"]);
    expect(codes([state("site", "1")], LEDGER, { ...RISING, allowRemoval: true })).toEqual([]);
    expect(codes([], LEDGER, { ...RISING, allowRollback: true })).toEqual(["policy_removed"]);
    expect(codes([state("fleet", "4")], LEDGER, { revisions: "any" })).toEqual([]);
    expect(codes([], LEDGER, { revisions: "any" })).toEqual(["policy_removed"]);
  });

  test("a policy that was removed is remembered, so that it does not come back older", () => {
    const removed = enter(LEDGER, "/p", [state("site", "1")]);
    expect(removed.get("fleet")).toEqual({ revision: "5", sha256: A, source: null });
    expect(codes([state("site", "1"), state("fleet", "4")], removed)).toEqual(["revision_rollback"]);
    expect(codes([state("site", "1"), state("fleet", "5")], removed)).toEqual([]);
  });

  test("a policy that moved to another source is no more expected of the first", () => {
    const moved = enter(LEDGER, "/q", [state("fleet", "5")]);
    expect(codes([], moved)).toEqual([]);
    expect(faultsOf("/q", [state("fleet", "4")], moved, new Set(), RISING).map(({ code }) => code)).toEqual([
      "revision_rollback",
    ]);
  });

  test("whatever is offered, in whatever order, what holds never gets older, and one revision is one policy", () => {
    const offer = fc.record({
      name: fc.constantFrom("fleet", "site"),
      revision: fc.constantFrom("1", "2", "2.0", "3", "", "x", "2026-11-22T12:00:00Z"),
      sha256: fc.constantFrom(A, B),
    });
    fc.assert(
      fc.property(fc.array(fc.array(offer, { maxLength: 3 }), { maxLength: 12 }), (offers) => {
        let ledger: Ledger = new Map();
        for (const found of offers) {
          if (codes(found, ledger).length > 0) continue;
          const next = enter(ledger, "/p", found);
          for (const [name, before] of ledger) {
            const after = next.get(name);
            const order = compareRevisions(after?.revision ?? "", before.revision);
            expect(order).not.toBeNull();
            expect(order).toBeGreaterThanOrEqual(0);
            if (order === 0) expect(after?.sha256).toBe(before.sha256);
            expect(after?.source).toBe("/p");
          }
          ledger = next;
        }
      }),
    );
  });
});
