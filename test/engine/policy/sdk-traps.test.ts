/** The 24 known limits of the WASM SDK that bite a launch gate, one by one, and that each is closed or said. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { EvaluationError } from "../../../engine/errors.js";
import type { JsonObject } from "../../../engine/json.js";
import { makeBundle, withData } from "../../../engine/policy/bundle.js";
import { createPolicy } from "../../../engine/policy/evaluate.js";
import { loadOpaWasm } from "../../../engine/policy/opa-wasm.js";
import { codeOf } from "../../support/codes.js";
import { AGREE, bundleOf, ECHO, OPA, policyOf } from "../../support/policies.js";
import { type TinyOptions, tinyOpaModule } from "../../support/wasm.js";

const ENTRY = "launch/decision";
const agree = policyOf(AGREE, { data: { word: "yes" } });
const tiny = (options: TinyOptions) => createPolicy(bundleOf(tinyOpaModule(options)));
const thrownBy = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

/** Eats memory where the input asks for it, and otherwise decides by a word. */
const EATER = policyOf(`package launch

default decision := {"allow": false, "deny": [{"code": "no", "message": "no"}], "warn": []}

decision := {"allow": true, "deny": [], "warn": []} if {
	input.word == "yes"
}

decision := {"allow": true, "deny": [], "warn": []} if {
	input.eat == true
	count([n | some n in numbers.range(1, 100000000)]) > 0
}
`);

describe("the console stays silent", () => {
  const methods = ["log", "error", "warn", "info", "debug"] as const;
  let spies: readonly MockInstance[] = [];
  beforeEach(() => {
    spies = methods.map((method) => vi.spyOn(console, method));
  });
  afterEach(() => {
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  test("trap 3: opa_println goes nowhere", () => {
    expect(tiny({ evaluation: "println" }).evaluate(ENTRY, {}).allow).toBe(true);
  });

  test("trap 3: print() in Rego is erased by opa build", () => {
    const rego = 'package launch\n\ndecision := {"allow": true, "deny": [], "warn": []} if print("hello")\n';
    expect(codeOf(() => createPolicy(policyOf(rego)).evaluate(ENTRY, {}))).toBe("");
  });

  test("trap 4: a module without ABI version is refused, not logged", () => {
    expect(codeOf(() => tiny({ without: ["opa_wasm_abi_version"] }))).toBe("wasm_abi");
    expect(codeOf(() => tiny({ without: ["opa_wasm_abi_minor_version"] }))).toBe("wasm_abi");
  });
});

test("trap 1: an empty result set is policy_undefined, never an answer", () => {
  expect(codeOf(() => tiny({ result: "[]" }).evaluate(ENTRY, {}))).toBe("policy_undefined");
  expect(codeOf(() => tiny({ result: "[true]" }).evaluate(ENTRY, {}))).toBe("policy_result");
});

test("trap 2: what is thrown is an Error of ours, with what was thrown below as its cause", () => {
  const trap = thrownBy(() => tiny({ evaluation: "unreachable" }).evaluate(ENTRY, {}));
  expect(trap).toBeInstanceOf(EvaluationError);
  expect(trap).toMatchObject({
    code: "policy_trap",
    message: "the policy trapped: unreachable",
    cause: { name: "RuntimeError" },
  });
  expect(String((trap as Error).stack)).toContain("evaluate");
});

test("trap 5: falsy input is refused, and bytes of another realm arrive as they are", () => {
  const policy = createPolicy(policyOf(ECHO));
  for (const input of [0, false, "", null, undefined]) {
    expect(codeOf(() => policy.evaluate(ENTRY, input as unknown as JsonObject))).toBe("policy_input");
  }
  const text = '{"word":"yes"}';
  const foreign = runInNewContext(`Uint8Array.from(${JSON.stringify([...Buffer.from(text)])})`) as Uint8Array;
  expect(foreign.buffer).not.toBeInstanceOf(ArrayBuffer);
  for (const bytes of [foreign, Buffer.from(text), new TextEncoder().encode(`..${text}`).subarray(2)]) {
    const wasm = loadOpaWasm(agree.wasm, agree.data, { maxMemoryPages: 64 });
    expect(wasm.evaluate(ENTRY, bytes)).toMatchObject([{ result: { allow: true } }]);
  }
});

test("trap 7: one evaluation at a time", () => {
  const policy = createPolicy(agree);
  const input = { toJSON: () => policy.evaluate(ENTRY, {}) } as unknown as JsonObject;
  expect(codeOf(() => policy.evaluate(ENTRY, input))).toBe("policy_trap");
});

test("trap 8: memory ends where the limit says, and that is policy_memory", () => {
  for (const maxMemoryPages of [16, 64, 1024]) {
    expect(codeOf(() => createPolicy(EATER, { maxMemoryPages }).evaluate(ENTRY, { eat: true }))).toBe("policy_memory");
  }
});

test("trap 8: a policy with more constants than five pages loads", () => {
  const rules = Array.from({ length: 800 }, (_, index) => `table["key-${index}"] := "${"v".repeat(600)}${index}"`);
  const rego = `package launch\n\n${rules.join("\n")}\n\ndecision := {"allow": table[input.key] == input.value, "deny": [], "warn": []}\n`;
  const policy = createPolicy(policyOf(rego));
  expect(policy.evaluate(ENTRY, { key: "key-799", value: `${"v".repeat(600)}799` }).allow).toBe(true);
});

test("trap 9: twenty thousand evaluations fit in the memory of the first", () => {
  const fits = (maxMemoryPages: number) => codeOf(() => createPolicy(agree, { maxMemoryPages }).evaluate(ENTRY, input));
  const input = { word: "yes", pad: Array.from({ length: 200 }, (_, index) => ({ index, text: `item ${index}` })) };
  let pages = 2;
  while (fits(pages) !== "") pages++;
  const policy = createPolicy(agree, { maxMemoryPages: pages });
  for (let count = 0; count < 20_000; count++) {
    if (!policy.evaluate(ENTRY, input).allow) throw new Error(`evaluation ${count} denies`);
  }
  expect(pages).toBeLessThan(16);
});

test("trap 9: the leaking path of older ABIs is refused", () => {
  expect(codeOf(() => tiny({ abi: [1, 1] }))).toBe("wasm_abi");
});

test("trap 10: other data is another instance; the one before decides on as it did", () => {
  const before = createPolicy(agree);
  const after = createPolicy(withData(agree, { word: "no" }));
  expect([before, after].map((policy) => policy.evaluate(ENTRY, { word: "yes" }).allow)).toEqual([true, false]);
});

test("trap 11: 53 bits pass both ways, a 64-bit value passes as text, and anything between is refused", () => {
  const policy = createPolicy(policyOf(ECHO));
  const warn = [{ code: "x", message: "", integer: Number.MAX_SAFE_INTEGER, flags: "0xffffffffffffffff" }];
  expect(policy.evaluate(ENTRY, { answer: { allow: true, deny: [], warn } }).warn).toEqual(warn);
  expect(codeOf(() => withData(agree, { flags: 2 ** 63 }))).toBe("bundle_format");
  const large = policyOf(
    'package launch\n\ndecision := {"allow": true, "deny": [], "warn": [{"code": "x", "message": "", "n": 9007199254740993}]}\n',
  );
  expect(codeOf(() => createPolicy(large).evaluate(ENTRY, {}))).toBe("policy_result");
});

test("traps 12, 13, 14: no builtin of a host, neither the SDK's nor one never reached, passes the load", () => {
  for (const name of [
    "sprintf",
    "regex.split",
    "json.is_valid",
    "yaml.marshal",
    "yaml.unmarshal",
    "time.now_ns",
    "x.y",
  ]) {
    expect(codeOf(() => tiny({ builtins: JSON.stringify({ [name]: 0 }) }))).toBe("wasm_builtin");
  }
  const rare = "package launch\n\ndecision := 1 if not input.rare\n\ndecision := time.now_ns() if input.rare\n";
  expect(codeOf(() => createPolicy(policyOf(rare)))).toBe("wasm_builtin");
  expect(codeOf(() => tiny({ evaluation: "builtin" }).evaluate(ENTRY, {}))).toBe("policy_trap");
});

test("trap 15: the text of an abort is read as UTF-8, and said in ASCII", () => {
  const aborts = (result: string) => () => tiny({ evaluation: "abort", result }).evaluate(ENTRY, {});
  expect(aborts("größer\u001b[2J")).toThrow("the policy aborted: gr\\u{f6}\\u{df}er\\u{1b}[2J");
  expect(aborts("x".repeat(4000))).toThrow(/^the policy aborted: x{200}$/);
});

test("trap 16: after a throw the instance is gone, and the next decision is what a fresh one gives", () => {
  const used = createPolicy(EATER, { maxMemoryPages: 64 });
  for (const input of [{ word: "yes" }, { word: "no" }, {}]) {
    expect(codeOf(() => used.evaluate(ENTRY, { eat: true }))).toBe("policy_memory");
    expect(used.evaluate(ENTRY, input)).toEqual(createPolicy(EATER).evaluate(ENTRY, input));
  }
});

test("trap 16: a thousand throws in a row leave nothing behind", () => {
  const policy = createPolicy(EATER, { maxMemoryPages: 8 });
  for (let count = 0; count < 1000; count++)
    expect(codeOf(() => policy.evaluate(ENTRY, { eat: true }))).toBe("policy_memory");
  expect(policy.evaluate(ENTRY, { word: "yes" }).allow).toBe(true);
});

test("trap 17: WASM traces nothing: the reasons of a decision are in the answer", () => {
  expect(createPolicy(agree).evaluate(ENTRY, {}).deny).toEqual([
    { code: "disagree", message: "input.word is not data.word" },
  ]);
});

test("trap 18: WASM and OPA itself answer alike", () => {
  const rego = `package launch

warn contains {"code": "w", "message": concat(" ", [k, format_int(v, 16)])} if some k, v in input.numbers

deny contains {"code": "d", "message": upper(s)} if {
	some s in input.texts
	not startswith(s, "a")
}

decision := {"allow": count(deny) == 0, "deny": deny, "warn": warn}
`;
  const policy = createPolicy(policyOf(rego));
  const inputs = [
    {},
    { texts: ["abc", "é€😀", ""], numbers: { x: 255, y: 0 } },
    { texts: ["a"], numbers: { "\u0000": 1, large: 2 ** 31 - 1, negative: -1 } },
  ];
  const folder = mkdtempSync(join(tmpdir(), "launchgate-test-"));
  try {
    const file = join(folder, "policy.rego");
    writeFileSync(file, rego);
    for (const input of inputs) {
      const query = ["eval", "--v1-compatible", "-f", "json", "-I", "-d", file, "data.launch.decision"];
      const out = JSON.parse(execFileSync(OPA, query, { input: JSON.stringify(input) }).toString());
      expect(policy.evaluate(ENTRY, input)).toEqual(out.result[0].expressions[0].value);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("trap 18: where they differ, WASM throws: format_int takes 31 bits and a sign", () => {
  const rego =
    'package launch\n\ndecision := {"allow": true, "deny": [], "warn": [{"code": "x", "message": format_int(input.n, 10)}]}\n';
  const policy = createPolicy(policyOf(rego));
  expect(policy.evaluate(ENTRY, { n: 2 ** 31 - 1 }).warn[0]?.message).toBe("2147483647");
  expect(codeOf(() => policy.evaluate(ENTRY, { n: 2 ** 31 }))).toBe("policy_trap");
});

test("trap 19: this OPA evaluates no WASM, so that all tests of policies run on the WASM here", () => {
  expect(execFileSync(OPA, ["version"]).toString()).toContain("WebAssembly: unavailable");
});

test("trap 20: ten thousand listings cost a lookup, not a walk", () => {
  const rego = `package launch

default decision := {"allow": false, "deny": [{"code": "x", "message": ""}], "warn": []}

decision := {"allow": true, "deny": [], "warn": []} if data.signers[input.mrsigner]
`;
  const digits = (index: number) => index.toString(16).padStart(64, "0");
  const signers = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [digits(index), true]));
  const asked = (count: number) => {
    const policy = createPolicy(withData(policyOf(rego), { signers: signers(count) }));
    const started = performance.now();
    for (let time = 0; time < 2000; time++)
      expect(policy.evaluate(ENTRY, { mrsigner: digits(count - 1) }).allow).toBe(true);
    return performance.now() - started;
  };
  asked(10);
  expect(asked(10_000)).toBeLessThan(10 * asked(10));
});

test("trap 21: many packages and entrypoints load and answer", () => {
  const names = Array.from({ length: 40 }, (_, index) => `p${index}`);
  const sources = names.map((name, index) => [
    `${name}.rego`,
    `package ${name}\n\ndecision := {"allow": input.n == ${index}, "deny": [], "warn": []}\n`,
  ]);
  const policy = createPolicy(
    policyOf(Object.fromEntries(sources), { entrypoints: names.map((name) => `${name}/decision`) }),
  );
  for (const [index, name] of names.entries()) {
    expect(policy.evaluate(`${name}/decision`, { n: index }).allow).toBe(true);
    expect(policy.evaluate(`${name}/decision`, { n: index + 1 }).allow).toBe(false);
  }
});

test("trap 22: the digest of a policy covers its data", () => {
  const { wasm, entrypoints } = agree;
  const of = (data: JsonObject) => createPolicy(makeBundle({ name: "p", wasm, entrypoints, data })).sha256;
  expect(of({ word: "no" })).not.toBe(of({ word: "yes" }));
});

test("trap 24: no fetch API is needed", () => {
  vi.stubGlobal("Response", undefined);
  expect(createPolicy(agree).evaluate(ENTRY, { word: "yes" }).allow).toBe(true);
  vi.unstubAllGlobals();
});
