/** A stack that stops at an open question and goes on with its answer; here without threads, each answer given by hand. */

import { describe, expect, test } from "vitest";
import { begin, Suspended } from "../../engine/launch.js";
import {
  createPolicy,
  decodeLaunch,
  EvaluationError,
  inputOf,
  type JsonObject,
  type Judge,
  type Judged,
  type LaunchModule,
  PASS,
  Registry,
  shippedPolicy,
  takeEvent,
} from "../../hooks/index.js";
import { guardedPolicy } from "../../hooks/modules/policy.js";
import { makeEvent } from "../support/events.js";

const open = shippedPolicy({ profile: "open" });
const strict = shippedPolicy();
const event = makeEvent();

const ALLOW = { allow: true, deny: [], warn: [] };
const WARN = { ...ALLOW, warn: [{ code: "odd", message: "m" }] };
const DENY = { allow: false, deny: [{ code: "no", message: "m" }], warn: [] };

let remembered = 0;
const policyOf = (name: string, number: number) =>
  guardedPolicy(number === 0 ? open : strict, name, number, () => {
    remembered += 1;
  });

function judgeOf(modules: readonly LaunchModule[], permissive: readonly string[] = []): Judge {
  const registry = new Registry();
  for (const module of modules) registry.register(module);
  return registry.sealJudge({ order: modules.map(({ name }) => name), permissive });
}

function suspended(judged: Judged | Suspended): Suspended {
  if (judged instanceof Suspended) return judged;
  throw new Error("it was decided at once");
}

function decided(judged: Judged | Suspended): Judged {
  if (judged instanceof Suspended) throw new Error("a question is open");
  return judged;
}

const spy = (name: string, asked: string[]): LaunchModule => ({
  name,
  hooks: {
    enclave_init: () => {
      asked.push(name);
      return PASS;
    },
  },
});

describe("a walk with open questions", () => {
  test("goes on behind the module that asked, and asks no module twice", () => {
    const asked: string[] = [];
    const judge = judgeOf([spy("a", asked), policyOf("p", 0), spy("b", asked), policyOf("q", 1), spy("c", asked)]);
    const first = suspended(begin(event, judge));
    expect([first.question.policy, first.question.entrypoint, asked]).toEqual([0, "launch/decision", ["a"]]);
    const second = suspended(first.resume(ALLOW));
    expect([second.question.policy, asked]).toEqual([1, ["a", "b"]]);
    const { decision, opinions } = decided(second.resume(ALLOW));
    expect(asked).toEqual(["a", "b", "c"]);
    expect(decision.toJSON()).toMatchObject({ decision: "allow", reasons: [], warnings: [] });
    expect(opinions.map(({ module, answer }) => `${module} ${answer}`)).toEqual([
      "a pass",
      "p allow",
      "b pass",
      "q allow",
      "c pass",
    ]);
  });

  test.each<[string, Parameters<Suspended["resume"]>[0], string, readonly string[]]>([
    ["allows", ALLOW, "allow", []],
    ["allows with a warning", WARN, "allow", []],
    ["denies", DENY, "deny", ["no"]],
    ["neither allows nor denies", { ...ALLOW, allow: false }, "deny", ["not_allowed"]],
    ["failed", new EvaluationError("deadline", "late"), "deny", ["deadline"]],
    ["is none", { allow: true } as never, "deny", ["module_error"]],
  ])("takes an answer that %s for what it says", (_, outcome, expected, codes) => {
    const { decision } = decided(suspended(begin(event, judgeOf([policyOf("p", 0)]))).resume(outcome));
    expect([decision.decision, decision.reasons.map(({ code }) => code)]).toEqual([expected, codes]);
    expect(decision.warnings).toEqual(outcome === WARN ? [{ ...WARN.warn[0], module: "p" }] : []);
  });

  test("ends at a denial: the questions behind it are never asked", () => {
    const asked: string[] = [];
    const judge = judgeOf([policyOf("p", 0), spy("b", asked), policyOf("q", 1)]);
    const { decision, opinions } = decided(suspended(begin(event, judge)).resume(DENY));
    expect([decision.decision, asked, opinions.length]).toEqual(["deny", [], 1]);
  });

  test("records what a module on trial failed at, and needs somebody else's allow", () => {
    const late = new EvaluationError("deadline", "late");
    const alone = decided(suspended(begin(event, judgeOf([policyOf("p", 0)], ["p"]))).resume(late));
    expect(alone.decision.toJSON()).toMatchObject({
      decision: "deny",
      reasons: [{ code: "no_allow" }],
      would_deny: [{ code: "deadline", module: "p" }],
    });
    const second = suspended(
      suspended(begin(event, judgeOf([policyOf("p", 0), policyOf("q", 1)], ["p"]))).resume(late),
    );
    expect(decided(second.resume(ALLOW)).decision.decision).toBe("allow");
  });
});

describe("an open question", () => {
  test("asks what the policy itself is asked, and is open no more once it is kept", () => {
    const judge = judgeOf([policyOf("p", 1)]);
    const { question } = suspended(begin(event, judge));
    expect(question.find()).toBeNull();
    const input = JSON.parse(question.inputJson()) as JsonObject;
    const policy = createPolicy(strict);
    const answer = policy.evaluate("launch/decision", input);
    const whole = inputOf(decodeLaunch(takeEvent(event))) as unknown as JsonObject;
    expect(answer).toEqual(policy.evaluate("launch/decision", whole));
    question.keep(answer);
    expect(question.find()).toBe(answer);
    const before = remembered;
    expect(decided(begin(event, judge)).decision.reasons).toMatchObject([{ code: "signer_not_listed" }]);
    expect(remembered).toBe(before + 1);
  });

  test("whose input nobody made keeps nothing", () => {
    const judge = judgeOf([policyOf("p", 1)]);
    const { question } = suspended(begin(event, judge));
    question.keep(ALLOW);
    expect(question.find()).toBeNull();
    suspended(begin(event, judge));
  });
});
