import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { auditRecord, createGate } from "../../hooks/index.js";
import { makeEvent } from "../support/events.js";
import { makeSigstruct, testSigner } from "../support/sigstructs.js";

const validate = new Ajv({ strict: false }).compile(
  JSON.parse(readFileSync("policies/schema/audit.schema.json", "utf8")),
);
const gate = createGate({ data: [{ version: 1, signers: { [testSigner()]: { name: "the tests' author" } } }] });
const forged = () => {
  const bytes = makeSigstruct({}, "stranger");
  bytes[600] = (bytes[600] as number) ^ 1;
  return makeEvent({ sigstruct: bytes });
};

describe("the audit record", () => {
  test.each([
    ["an allow", makeEvent()],
    ["a denial", makeEvent({ sigstruct: makeSigstruct({}, "stranger") })],
    ["a malformed structure", makeEvent({ sigstruct: new Uint8Array(7) })],
    ["no event at all", 42],
    ["another hook", makeEvent({ hook: "enclave_create", sigstruct: null })],
  ])("of %s fits its schema", (_, event) => {
    validate(JSON.parse(JSON.stringify(auditRecord(gate.judge(event)))));
    expect(validate.errors).toBeNull();
  });

  test("holds all that it takes to decide again", () => {
    const { input, result } = auditRecord(gate.judge(makeEvent({ id: "again" })));
    const again = gate.decide(JSON.parse(JSON.stringify(input))).toJSON();
    expect({ ...again, decision_id: "" }).toEqual({ ...result, decision_id: "" });
  });

  test("of a denial says whether the signature behind it holds; of an allow that is left to EINIT", () => {
    const signature = (event: unknown, options = {}) => auditRecord(gate.judge(event), options).identity.signature;
    expect(signature(makeEvent({ sigstruct: makeSigstruct({}, "stranger") }))).toBe("valid");
    expect(signature(forged())).toBe("invalid");
    expect(signature(forged(), { signatureCheck: "never" })).toBe("unchecked");
    expect(signature(makeEvent())).toBe("unchecked");
  });

  test("names who was judged, by which policy, and which module denied", () => {
    const denied = auditRecord(gate.judge(makeEvent({ sigstruct: makeSigstruct({}, "stranger") })), {
      metrics: { timer_ns: 7 },
    });
    expect(denied).toMatchObject({
      timestamp: "2026-11-21T22:26:40.000Z",
      path: "launch/decision",
      identity: { mrsigner: testSigner("stranger"), mrenclave: "aa".repeat(32), isvprodid: 1, isvsvn: 1 },
      module: "policy",
      mode: "enforcing",
      metrics: { timer_ns: 7 },
      bundles: { launchgate: { sha256: gate.policy[0]?.sha256 } },
    });
    expect(auditRecord(gate.judge(makeEvent())).module).toBeNull();
  });

  test("says that a module was permissive where it would have denied", () => {
    const lenient = createGate({ permissive: ["policy"] });
    expect(auditRecord(lenient.judge(makeEvent())).mode).toBe("permissive");
  });
});
