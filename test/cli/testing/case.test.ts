/** When a case passes: the decision and the codes are those expected, and nothing failed that was not expected to. */

import { describe, expect, test } from "vitest";
import { gatesOf, judgeCase } from "../../../cli/testing/case.js";
import { createGate, shippedPolicy } from "../../../hooks/index.js";
import { makeEvent } from "../../support/events.js";
import { policyOf } from "../../support/policies.js";
import { testSigner } from "../../support/sigstructs.js";

const strict = createGate({});
const open = createGate({ profile: "open" });
const denial = `signer_not_listed (signer ${testSigner()} is not listed)`;

describe("against strict, which denies, and open, which warns,", () => {
  test.each([
    ["deny", strict, { decision: "deny" }, []],
    ["all reasons", strict, { decision: "deny", reasons: ["signer_not_listed"] }, []],
    [
      "other reasons",
      strict,
      { decision: "deny", reasons: ["debug_on"] },
      ["expected reasons debug_on, found signer_not_listed"],
    ],
    [
      "too many reasons",
      strict,
      { decision: "deny", reasons: ["signer_not_listed", "debug_on"] },
      ["expected reasons debug_on, signer_not_listed, found signer_not_listed"],
    ],
    ["some reasons", strict, { decision: "deny", includes: ["signer_not_listed"] }, []],
    [
      "some other reasons",
      strict,
      { decision: "deny", includes: ["debug_on"] },
      ["expected reasons with debug_on, found signer_not_listed"],
    ],
    ["allow", strict, { decision: "allow" }, [`expected allow, found deny: ${denial}`]],
    ["deny of open", open, { decision: "deny", reasons: ["x"] }, ["expected deny, found allow"]],
    ["no warnings", open, { decision: "allow", warnings: [] }, ["expected warnings none, found signer_not_listed"]],
    ["its warnings", open, { decision: "allow", warnings: ["signer_not_listed"] }, []],
  ] as const)("%s", (_, gate, expected, differences) => {
    const outcome = judgeCase(gate, { event: makeEvent(), expect: expected });
    expect({ passed: outcome.passed, differences: outcome.differences }).toEqual({
      passed: differences.length === 0,
      differences,
    });
  });
});

describe("a denial because something failed", () => {
  const trap = policyOf(
    'package launch\n\ndecision := {"allow": true, "deny": [], "warn": [{"code": "x", "message": format_int(input.time * 2, 10)}]}\n',
  );
  const gate = createGate({ policies: [trap] });

  test("does not satisfy a case that expects a denial", () => {
    const { passed, differences } = judgeCase(gate, { event: makeEvent(), expect: { decision: "deny" } });
    expect(passed).toBe(false);
    expect(differences[0]).toMatch(/^deciding failed with policy_trap, which passes only where it is named: /);
  });

  test.each([{ reasons: ["policy_trap"] }, { includes: ["policy_trap"] }])("does where its code is named", (named) => {
    expect(judgeCase(gate, { event: makeEvent(), expect: { decision: "deny", ...named } }).passed).toBe(true);
  });
});

describe("the gate of a case", () => {
  const gateOf = gatesOf([
    shippedPolicy({ profile: "strict", data: [{ version: 1, signers: { [testSigner()]: { name: "listed" } } }] }),
  ]);
  const decided = (documents: Parameters<typeof gateOf>[0]["documents"]) => {
    const { decision } = gateOf({ documents, signatureCheck: "always" }).judge(makeEvent());
    return [decision.decision, decision.reasons.map(({ code }) => code)];
  };

  test("is the policy's own where the case has no data, and one for all that change it alike", () => {
    expect(decided([])).toEqual(["allow", []]);
    const one = gateOf({ documents: [{ version: 1, profile: "open" }], signatureCheck: "always" });
    expect(gateOf({ documents: [{ version: 1, profile: "open" }], signatureCheck: "always" })).toBe(one);
    expect(gateOf({ documents: [], signatureCheck: "always" })).not.toBe(one);
  });

  test("has what the case's data says in place of what the policy's said, and the rest of the policy's", () => {
    const reason = { reason: "stolen" };
    expect(decided([{ version: 1, revoked: { mrsigners: { [testSigner()]: reason } } }])).toEqual([
      "deny",
      ["mrsigner_revoked"],
    ]);
    const product = { products: { 9: { name: "another" } } };
    expect(decided([{ version: 1, signers: { [testSigner()]: { name: "renamed", ...product } } }])).toEqual([
      "deny",
      [expect.stringMatching(/product/)],
    ]);
  });

  test("is refused for data that does not fit", () => {
    expect(() => decided([{ version: 1, signres: {} }])).toThrow('data.launchgate has the unknown key "signres"');
  });
});
