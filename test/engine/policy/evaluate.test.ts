import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../engine/json.js";
import { makeBundle } from "../../../engine/policy/bundle.js";
import { createPolicy } from "../../../engine/policy/evaluate.js";
import { codeOf } from "../../support/codes.js";
import { AGREE, bundleOf, ECHO, policyOf } from "../../support/policies.js";
import { tinyOpaModule } from "../../support/wasm.js";

const echo = createPolicy(policyOf(ECHO));
const answerTo = (answer: unknown) => echo.evaluate("launch/decision", { answer } as JsonObject);
const reason = { code: "x", message: "no" };
const inside = (levels: number): unknown => (levels === 0 ? 1 : { a: inside(levels - 1) });

describe("an answer", () => {
  test.each<[string, unknown]>([
    ["allows", { allow: true, deny: [], warn: [] }],
    ["denies with a reason", { allow: false, deny: [reason], warn: [] }],
    ["allows and denies, which is for others to judge", { allow: true, deny: [reason], warn: [reason] }],
    [
      "says more in a reason",
      { allow: false, deny: [{ ...reason, listing: { ids: [1, null, "a"], ok: true } }], warn: [] },
    ],
    ["has an empty message", { allow: false, deny: [{ code: "x", message: "" }], warn: [] }],
    ["has a code of 64 characters", { allow: false, deny: [{ code: "C".repeat(64), message: "" }], warn: [] }],
    ["has a message of 1024 characters", { allow: false, deny: [{ code: "x", message: "é".repeat(1024) }], warn: [] }],
    [
      "has 1024 characters of two units each",
      { allow: false, deny: [{ code: "x", message: "😀".repeat(1024) }], warn: [] },
    ],
    ["has 256 reasons", { allow: false, deny: Array(256).fill(reason), warn: Array(256).fill(reason) }],
  ])("that %s is taken as it is", (_, answer) => {
    expect(answerTo(answer)).toEqual(answer);
  });

  test.each<[string, unknown]>([
    ["is a boolean", true],
    ["is null", null],
    ["is a list", [{ allow: true, deny: [], warn: [] }]],
    ["is empty", {}],
    ["lacks allow", { deny: [], warn: [] }],
    ["lacks deny", { allow: true, warn: [] }],
    ["lacks warn", { allow: true, deny: [] }],
    ["has another key", { allow: true, deny: [], warn: [], info: [] }],
    ["has another key in place of one", { allow: true, deny: [], warning: [] }],
    ["says allow in a string", { allow: "true", deny: [], warn: [] }],
    ["says allow in a number", { allow: 1, deny: [], warn: [] }],
    ["says allow as null", { allow: null, deny: [], warn: [] }],
    ["has deny as object", { allow: true, deny: {}, warn: [] }],
    ["has deny as null", { allow: true, deny: null, warn: [] }],
    ["has warn as string", { allow: true, deny: [], warn: "" }],
    ["has a reason that is text", { allow: true, deny: ["no"], warn: [] }],
    ["has a reason that is null", { allow: true, deny: [null], warn: [] }],
    ["has a reason that is a list", { allow: true, deny: [[]], warn: [] }],
    ["has a reason without code", { allow: false, deny: [{ message: "no" }], warn: [] }],
    ["has a reason without message", { allow: false, deny: [{ code: "x" }], warn: [] }],
    ["has a code that is a number", { allow: false, deny: [{ code: 1, message: "" }], warn: [] }],
    ["has an empty code", { allow: false, deny: [{ code: "", message: "" }], warn: [] }],
    ["has a code with a dash", { allow: false, deny: [{ code: "a-b", message: "" }], warn: [] }],
    ["has a code that begins with a digit", { allow: false, deny: [{ code: "1a", message: "" }], warn: [] }],
    ["has a code with a line feed", { allow: false, deny: [{ code: "a\n", message: "" }], warn: [] }],
    ["has a code of 65 characters", { allow: false, deny: [{ code: "C".repeat(65), message: "" }], warn: [] }],
    ["has a message that is a list", { allow: false, deny: [{ code: "x", message: [] }], warn: [] }],
    ["has a message of 1025 characters", { allow: false, deny: [{ code: "x", message: "é".repeat(1025) }], warn: [] }],
    ["has 257 reasons", { allow: false, deny: Array(257).fill(reason), warn: [] }],
    ["has 257 warnings", { allow: true, deny: [], warn: Array(257).fill(reason) }],
    ["has a reason with the key constructor", { allow: false, deny: [{ ...reason, constructor: 1 }], warn: [] }],
    [
      "has a reason with the key __proto__",
      JSON.parse('{"allow":true,"deny":[],"warn":[{"code":"x","message":"","__proto__":{"a":1}}]}'),
    ],
    [
      "has __proto__ deep in a reason",
      JSON.parse('{"allow":true,"deny":[],"warn":[{"code":"x","message":"","a":[{"__proto__":1}]}]}'),
    ],
    ["has the key __proto__ itself", JSON.parse('{"allow":true,"deny":[],"warn":[],"__proto__":{}}')],
    ["has __proto__ in place of warn", JSON.parse('{"allow":true,"deny":[],"__proto__":{"warn":[]}}')],
    ["has a reason nested past any use", { allow: true, deny: [], warn: [{ ...reason, a: inside(40) }] }],
  ])("that %s is none: policy_result", (_, answer) => {
    expect(codeOf(() => answerTo(answer))).toBe("policy_result");
  });

  test("that is undefined is policy_undefined", () => {
    expect(codeOf(() => echo.evaluate("launch/decision", {}))).toBe("policy_undefined");
  });

  test.each([
    ["{}", "policy_result"],
    ["null", "policy_result"],
    ["true", "policy_result"],
    ["[]", "policy_undefined"],
    ["[true]", "policy_result"],
    ["[[]]", "policy_result"],
    ["[{}]", "policy_result"],
    ['[{"x":{"allow":true,"deny":[],"warn":[]}}]', "policy_result"],
    ['[{"result":{"allow":true,"deny":[],"warn":[]},"x":1}]', "policy_result"],
    ['[{"result":{"allow":true,"deny":[],"warn":[]}},{"result":{"allow":true,"deny":[],"warn":[]}}]', "policy_result"],
    [
      '[{"result":{"allow":true,"deny":[],"warn":[{"code":"x","message":"","flags":18446744073709551615}]}}]',
      "policy_result",
    ],
    ['[{"result":{"allow":true,"deny":[],"warn":[]}}]', ""],
  ])("in the result set %s: %s", (result, code) => {
    const policy = createPolicy(bundleOf(tinyOpaModule({ result })));
    expect(codeOf(() => policy.evaluate("launch/decision", {}))).toBe(code);
  });

  test("may be made of sets, which WASM gives in no order: reasons are sorted by code and message", () => {
    const policy = createPolicy(
      policyOf(`package launch

deny contains {"code": code, "message": message} if {
	some code in ["b", "a", "c"]
	some message in ["2", "1"]
}

decision := {"allow": count(deny) == 0, "deny": deny, "warn": set()}
`),
    );
    expect(policy.evaluate("launch/decision", {})).toEqual({
      allow: false,
      deny: ["a", "b", "c"].flatMap((code) => ["1", "2"].map((message) => ({ code, message }))),
      warn: [],
    });
  });

  test("is frozen to the ground", () => {
    const answer = answerTo({ allow: false, deny: [{ ...reason, a: { b: [1] } }], warn: [] });
    JSON.stringify(answer, (_, part) => {
      expect(Object.isFrozen(part)).toBe(true);
      return part;
    });
  });

  test("is what the policy said, or an error, for any JSON at all", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom("allow", "deny", "warn", null), (value, key) => {
        fc.pre(!JSON.stringify(value).includes("__proto__"));
        const answer = key === null ? value : { allow: false, deny: [], warn: [], [key]: value };
        let got: unknown;
        const code = codeOf(() => {
          got = answerTo(answer);
        });
        if (code === "") expect(JSON.stringify(got)).toBe(JSON.stringify(answer));
        else expect(["policy_result", "policy_trap"]).toContain(code);
      }),
      { numRuns: 300 },
    );
  });
});

describe("an input", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["false", false],
    ["zero", 0],
    ["empty text", ""],
    ["a list", [{}]],
    ["a bigint inside", { flags: 1n }],
    ["a cycle", cyclic],
    ["something that says it is text", { toJSON: () => "{}" }],
    ["something that says it is nothing", { toJSON: () => undefined }],
    [
      "something that throws",
      {
        toJSON: () => {
          throw "no";
        },
      },
    ],
    ["more than the limit", { pad: "x".repeat(1024 * 1024) }],
  ])("that is %s is policy_input, and the next one is judged", (_, input) => {
    expect(codeOf(() => echo.evaluate("launch/decision", input as JsonObject))).toBe("policy_input");
    expect(answerTo({ allow: true, deny: [], warn: [] }).allow).toBe(true);
  });

  test("that has half a character is refused by OPA's parser, not judged without it", () => {
    expect(codeOf(() => answerTo({ allow: true, deny: [], warn: [{ code: "x", message: "\ud800" }] }))).toBe(
      "policy_trap",
    );
  });

  test("is bounded in bytes, not characters", () => {
    const policy = createPolicy(policyOf(ECHO), { maxInputBytes: 100 });
    expect(codeOf(() => policy.evaluate("launch/decision", { pad: "€".repeat(40) }))).toBe("policy_input");
    expect(codeOf(() => policy.evaluate("launch/decision", { pad: "x".repeat(40) }))).toBe("policy_undefined");
    expect(codeOf(() => createPolicy(policyOf(ECHO), { maxInputBytes: 0 }))).toBe("option");
  });
});

describe("a policy", () => {
  const bundle = policyOf(AGREE, { data: { word: "yes" } });

  test("carries the name, revision, digest and entrypoints of its bundle", () => {
    const { name, revision, sha256, reads } = bundle;
    const { entrypoints, ...policy } = createPolicy(bundle);
    expect(policy).toMatchObject({ name, revision, sha256, reads });
    expect([...entrypoints]).toEqual(["launch/decision"]);
  });

  test("has the entrypoints that its manifest names, all and no other", () => {
    const { wasm, data, name } = bundle;
    for (const entrypoints of [["launch/other"], ["launch/decision", "vm/epc"]]) {
      expect(codeOf(() => createPolicy(makeBundle({ name, wasm, data, entrypoints })))).toBe("wasm_entrypoint");
    }
    const two = policyOf("package launch\n\ndecision := 1\n\nother := 2\n", {
      entrypoints: ["launch/decision", "launch/other"],
    });
    expect(codeOf(() => createPolicy(makeBundle({ name, wasm: two.wasm, data, entrypoints: ["launch/other"] })))).toBe(
      "wasm_entrypoint",
    );
    expect(codeOf(() => createPolicy(bundle).evaluate("launch/other", {}))).toBe("wasm_entrypoint");
  });

  test("is not changed by what happens to the data that its bundle was made from", () => {
    const data = { word: "yes" };
    const policy = createPolicy(makeBundle({ name: "p", wasm: bundle.wasm, entrypoints: ["launch/decision"], data }));
    data.word = "no";
    expect(policy.evaluate("launch/decision", { word: "yes" }).allow).toBe(true);
    expect(policy.evaluate("launch/decision", { word: "no" }).allow).toBe(false);
  });

  test("does not answer while it is answering", () => {
    const policy = createPolicy(bundle);
    const nested = { toJSON: () => policy.evaluate("launch/decision", { word: "yes" }) };
    expect(codeOf(() => policy.evaluate("launch/decision", nested as unknown as JsonObject))).toBe("policy_trap");
    expect(policy.evaluate("launch/decision", { word: "yes" }).allow).toBe(true);
  });

  test("gives any sequence of inputs the answers that a fresh one gives each", () => {
    const words = fc.array(fc.oneof(fc.constantFrom("yes", "no", ""), fc.string(), fc.jsonValue()), {
      minLength: 1,
      maxLength: 8,
    });
    const used = createPolicy(bundle);
    fc.assert(
      fc.property(words, (sequence) => {
        for (const word of sequence) {
          const ask = (policy: typeof used) => {
            try {
              return policy.evaluate("launch/decision", { word } as JsonObject);
            } catch (error) {
              return String(error);
            }
          };
          expect(ask(used)).toEqual(ask(createPolicy(bundle)));
        }
      }),
      { numRuns: 30 },
    );
  });
});
