import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type LaunchModule, type ModuleAnswer, Registry } from "../../hooks/index.js";
import { makeEvent } from "../support/events.js";

const event = makeEvent();

const ALLOW: ModuleAnswer = { answer: "allow" };
const PASS: ModuleAnswer = { answer: "pass" };
const DENY: ModuleAnswer = { answer: "deny", reasons: [{ code: "no", message: "no" }] };

function module(name: string, answer: ModuleAnswer, asked?: string[]): LaunchModule {
  return {
    name,
    mayAllow: true,
    hooks: {
      enclave_init: () => {
        asked?.push(name);
        return answer;
      },
    },
  };
}

function gateOf(answers: readonly ModuleAnswer[], permissive: readonly number[] = [], asked?: string[]) {
  const registry = new Registry();
  for (const [at, answer] of answers.entries()) registry.register(module(`m${at}`, answer, asked));
  return registry.seal({ order: answers.map((_, at) => `m${at}`), permissive: permissive.map((at) => `m${at}`) });
}

describe("the walk", () => {
  test("asks in the configured order, not in that of registration", () => {
    const asked: string[] = [];
    const registry = new Registry().register(module("a", PASS, asked)).register(module("b", ALLOW, asked));
    registry.seal({ order: ["b", "a"] }).decide(event);
    expect(asked).toEqual(["b", "a"]);
  });

  test("ends at the first denial", () => {
    const asked: string[] = [];
    gateOf([PASS, DENY, ALLOW], [], asked).decide(event);
    expect(asked).toEqual(["m0", "m1"]);
  });

  test("goes on after a permissive denial, which is recorded and counts as pass", () => {
    const decision = gateOf([DENY, ALLOW], [0]).decide(event);
    expect(decision).toMatchObject({ decision: "allow", reasons: [], would_deny: [{ code: "no", module: "m0" }] });
  });

  const answers = fc.array(fc.constantFrom(ALLOW, PASS, DENY), { minLength: 1, maxLength: 8 });

  test("one deny beats any number of allows, wherever it stands", () => {
    fc.assert(
      fc.property(answers, fc.nat(), (others, at) => {
        const whole = [...others.slice(0, at % 8), DENY, ...others.slice(at % 8)];
        expect(gateOf(whole).decide(event).decision).toBe("deny");
      }),
    );
  });

  test("allows exactly where somebody allows and nobody denies", () => {
    fc.assert(
      fc.property(answers, (given) => {
        const expected = given.includes(ALLOW) && !given.includes(DENY) ? "allow" : "deny";
        expect(gateOf(given).decide(event).decision).toBe(expected);
      }),
    );
  });

  test("adding a deny never turns deny into allow", () => {
    fc.assert(
      fc.property(answers, fc.nat(8), (given, at) => {
        const before = gateOf(given).decide(event).decision;
        const after = gateOf([...given.slice(0, at), DENY, ...given.slice(at)]).decide(event).decision;
        expect([before, after]).not.toEqual(["deny", "allow"]);
      }),
    );
  });

  test("making a module permissive never adds an allow of that module", () => {
    expect(gateOf([DENY], [0]).decide(event)).toMatchObject({ decision: "deny", reasons: [{ code: "no_policy" }] });
  });

  test("asks a module only on the hooks that it has", () => {
    const decision = gateOf([ALLOW]).decide(makeEvent({ hook: "enclave_create", sigstruct: null }));
    expect(decision).toMatchObject({ decision: "deny", hook: "enclave_create", reasons: [{ code: "no_policy" }] });
  });
});

const REGISTRATIONS: readonly (readonly [string, () => unknown, string])[] = [
  ["a name that is none", () => new Registry().register(module("no spaces", PASS)), "module_name"],
  [
    "the same name twice",
    () => new Registry().register(module("a", PASS)).register(module("a", PASS)),
    "module_duplicate",
  ],
  [
    "a handler that is no function",
    () => new Registry().register({ name: "a", hooks: { enclave_init: true } } as never),
    "module_shape",
  ],
  [
    "a hook that there is not",
    () => new Registry().register({ name: "a", hooks: { enclave_load: () => PASS } } as never),
    "module_shape",
  ],
  [
    "mayAllow as a string",
    () => new Registry().register({ name: "a", mayAllow: "true", hooks: {} } as never),
    "module_shape",
  ],
  ["an empty order", () => new Registry().seal({ order: [] }), "empty_stack"],
  [
    "an order with a name twice",
    () => new Registry().register(module("a", PASS)).seal({ order: ["a", "a"] }),
    "module_duplicate",
  ],
  [
    "an order with a stranger",
    () => new Registry().register(module("a", PASS)).seal({ order: ["a", "b"] }),
    "module_unknown",
  ],
  [
    "an order that leaves one out",
    () =>
      new Registry()
        .register(module("a", PASS))
        .register(module("b", PASS))
        .seal({ order: ["a"] }),
    "order_incomplete",
  ],
  [
    "a permissive stranger",
    () => new Registry().register(module("a", PASS)).seal({ order: ["a"], permissive: ["b"] }),
    "module_unknown",
  ],
];

describe("the registry refuses, in front of the operator,", () => {
  test.each(REGISTRATIONS)("%s", (_, attempt, code) => {
    expect(attempt).toThrow(expect.objectContaining({ name: "ConfigError", code }));
  });

  test("whatever comes after sealing", () => {
    const registry = new Registry().register(module("a", PASS));
    registry.seal({ order: ["a"] });
    const sealed = expect.objectContaining({ code: "sealed" });
    expect(() => registry.register(module("b", PASS))).toThrow(sealed);
    expect(() => registry.seal({ order: ["a"] })).toThrow(sealed);
  });

  test("and a module that is swapped after registration does not reach into the stack", () => {
    const hooks = { enclave_init: (): ModuleAnswer => DENY };
    const gate = new Registry().register({ name: "a", mayAllow: true, hooks }).seal({ order: ["a"] });
    hooks.enclave_init = () => ALLOW;
    expect(gate.decide(event).decision).toBe("deny");
  });
});
