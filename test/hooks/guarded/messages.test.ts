import { describe, expect, test } from "vitest";
import { EvaluationError } from "../../../engine/index.js";
import { readOutcome, readStarted } from "../../../hooks/guarded/messages.js";

const ALLOW = { allow: true, deny: [], warn: [] };

const GARBAGE: readonly (readonly [string, unknown])[] = [
  ["nothing", undefined],
  ["null", null],
  ["true", true],
  ["the word allow", "allow"],
  ["a bare answer", ALLOW],
  ["no id", { answer: ALLOW }],
  ["the id of the question before", { id: 6, answer: ALLOW }],
  ["the id as text", { id: "7", answer: ALLOW }],
  ["no answer", { id: 7 }],
  ["an answer that is true", { id: 7, answer: true }],
  ["an answer without deny", { id: 7, answer: { allow: true, warn: [] } }],
  ["an answer with something more", { id: 7, answer: { ...ALLOW, ok: true } }],
  ["an answer that says allow in a string", { id: 7, answer: { ...ALLOW, allow: "true" } }],
  ["a reason that is none", { id: 7, answer: { ...ALLOW, deny: ["no"] } }],
  ["a code that no evaluation comes to", { id: 7, code: "deadline", message: "m" }],
  ["a code from the prototype", { id: 7, code: "constructor", message: "m" }],
  ["a code that is null", { id: 7, code: null, message: "m", answer: ALLOW }],
  ["a code without a message", { id: 7, code: "policy_trap" }],
];

describe("what a thread says", () => {
  test("is the answer to the question that it was put, frozen", () => {
    const outcome = readOutcome({ id: 7, answer: structuredClone(ALLOW) }, 7);
    expect(outcome).toEqual(ALLOW);
    expect([outcome, ALLOW.deny].map((part) => Object.isFrozen(part))).toEqual([true, false]);
  });

  test.each(["policy_undefined", "policy_result", "policy_trap", "policy_memory", "policy_input"])(
    "is why the evaluation failed: %s",
    (code) => {
      const outcome = readOutcome({ id: 7, code, message: "why", answer: ALLOW }, 7);
      expect(outcome).toBeInstanceOf(EvaluationError);
      expect(outcome).toMatchObject({ code, message: "why" });
    },
  );

  test.each(GARBAGE)("is no answer where it is %s", (_, message) => {
    expect(readOutcome(message, 7)).toBeNull();
  });

  test("first is that it has started, and nothing else counts as that", () => {
    expect(readStarted({ started: true })).toBeNull();
    expect(readStarted({ started: false, code: "wasm_abi", message: "m" })).toMatchObject({ code: "wasm_abi" });
    for (const message of [undefined, null, true, {}, { started: "true" }, { started: 1 }, { id: 1, answer: ALLOW }]) {
      expect(readStarted(message)).toBeInstanceOf(Error);
    }
  });
});
