/** The same enclave gets the same answer as native and as guest, unless the policy has asked for the origin. */

import { describe, expect, test } from "vitest";
import { gatesOf, type LaunchCase } from "../../../cli/testing/case.js";
import { checkConformance } from "../../../cli/testing/conformance.js";
import { createGate, makeBundle, type PolicyBundle, shippedPolicy } from "../../../hooks/index.js";
import { makeEvent } from "../../support/events.js";
import { policyOf } from "../../support/policies.js";

const BY_ORIGIN = policyOf(
  'package launch\n\ndecision := {"allow": count(deny) == 0, "deny": deny, "warn": []}\n\ndeny contains {"code": "no_guests", "message": "guests launch nothing"} if input.origin.kind == "kvm"\n',
);

function caseOf(overrides: Partial<LaunchCase> = {}): LaunchCase {
  return {
    suite: "s",
    file: "a_test.yaml",
    line: 3,
    name: "a",
    event: makeEvent(),
    expect: { decision: "allow" },
    documents: [],
    signatureCheck: "always",
    enclave: "app",
    key: null,
    ...overrides,
  };
}

function check(policies: readonly PolicyBundle[], cases: readonly LaunchCase[], strict = false) {
  const found = checkConformance(cases, { policies, gateOf: gatesOf(policies), strict });
  return found.map(({ name, status, message }) => ({ name, status, message }));
}

const DIFFER = "native allow, guest deny (no_guests)";

describe("conformance", () => {
  test("holds for the shipped policies under every profile", () => {
    for (const profile of ["strict", "baseline", "open"]) {
      expect(check([shippedPolicy({ profile })], [caseOf()], true)).toEqual([
        { name: "s: a", status: "pass", message: null },
      ]);
    }
  });

  test("lets a policy answer by the origin that it names, and says so; strictly only where a case expects it", () => {
    const message = `${DIFFER}: the policy reads input.origin.kind`;
    expect(check([BY_ORIGIN], [caseOf()])).toEqual([{ name: "s: a", status: "pass", message }]);
    expect(check([BY_ORIGIN], [caseOf()], true)).toEqual([{ name: "s: a", status: "fail", message }]);
    const expecting = [caseOf({ name: "a [native]" }), caseOf({ name: "a [kvm]", expect: { decision: "deny" } })];
    const asExpected = `${DIFFER}, as the case expects: the policy reads input.origin.kind`;
    expect(check([BY_ORIGIN], expecting, true)).toEqual([
      { name: "s: a [native]", status: "pass", message: asExpected },
    ]);
  });

  test("fails where, by its read set, no policy can have seen the origin", () => {
    const { name, wasm, data, entrypoints } = BY_ORIGIN;
    const liar = makeBundle({ name, wasm, data, entrypoints, reads: { "launch/decision": [["enclave"]] } });
    expect(check([liar], [caseOf()])).toEqual([
      { name: "s: a", status: "fail", message: `${DIFFER}: by its read set, no policy can see the origin` },
    ]);
  });

  test("fails where another module than a policy answers by the origin", () => {
    const policies = [shippedPolicy({ profile: "open" })];
    const gate = createGate({
      policies,
      modules: [
        {
          name: "no-guests",
          hooks: {
            enclave_init: ({ input }) =>
              input.origin.kind === "kvm"
                ? { answer: "deny", reasons: [{ code: "no_guests", message: "none" }] }
                : { answer: "pass" },
          },
        },
      ],
    });
    const [found] = checkConformance([caseOf()], { policies, gateOf: () => gate, strict: false });
    expect(found?.status).toBe("fail");
    expect(found?.message).toMatch(/: module no-guests, which is no policy, answers by the origin$/);
  });

  test("asks once for each launch, whatever origins describe it, and of no other hook", () => {
    const event = makeEvent();
    const guest = { ...event, origin: { ...event.origin, kind: "kvm" as const } };
    const create = makeEvent({ hook: "enclave_create", sigstruct: null });
    const cases = [
      caseOf({ name: "n", event }),
      caseOf({ name: "g", event: guest }),
      caseOf({ name: "c", event: create }),
    ];
    expect(check([BY_ORIGIN], cases).map(({ name }) => name)).toEqual(["s: n"]);
  });
});
