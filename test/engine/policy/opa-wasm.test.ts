import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PolicyError } from "../../../engine/errors.js";
import { loadOpaWasm } from "../../../engine/policy/opa-wasm.js";
import { codeOf } from "../../support/codes.js";
import { AGREE, policyOf } from "../../support/policies.js";
import { type TinyOptions, tinyOpaModule } from "../../support/wasm.js";

const LIMITS = { maxMemoryPages: 64 };
const load = (wasm: Uint8Array) => loadOpaWasm(wasm, {}, LIMITS);
const json = (text: string) => new TextEncoder().encode(text);
const real = policyOf(AGREE, { data: { word: "yes" } });

describe("a module is refused at load", () => {
  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["text", json("package launch")],
    ["the magic alone", real.wasm.subarray(0, 4)],
    ["another version of WASM", Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)],
    ["the magic and junk", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 9, 9, 9, 9)],
    ["half of a policy", real.wasm.subarray(0, real.wasm.length / 2)],
  ])("where it is %s", (_, wasm) => {
    expect(codeOf(() => load(wasm))).toBe("wasm_invalid");
  });

  test("where it is a policy with any one byte of its code damaged, or it is another policy that loads", () => {
    const bytes = real.wasm;
    fc.assert(
      fc.property(fc.nat(5000), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        try {
          load(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyError);
        }
      }),
      { numRuns: 60 },
    );
  });

  test.each<[string, string, TinyOptions]>([
    ["imports from elsewhere than env", "wasm_invalid", { imports: [["wasi_snapshot_preview1", "fd_write"]] }],
    ["imports a function of env that OPA does not", "wasm_invalid", { imports: [["env", "exec"]] }],
    ["imports a property of every object", "wasm_invalid", { imports: [["env", "constructor"]] }],
    ["imports a function named memory", "wasm_invalid", { imports: [["env", "memory"]] }],
    ["brings its own memory", "wasm_invalid", { ownMemory: true }],
    ["shares its memory", "wasm_invalid", { sharedMemory: true, maximumPages: 16 }],
    ["needs more memory than the limit", "memory_limit", { minimumPages: 65 }],
    ["says it is ABI 2.3", "wasm_abi", { abi: [2, 3] }],
    ["says it is ABI 0.2", "wasm_abi", { abi: [0, 2] }],
    ["says it is ABI 1.1", "wasm_abi", { abi: [1, 1] }],
    ["says it is ABI 1.4", "wasm_abi", { abi: [1, 4] }],
    ["says no ABI version", "wasm_abi", { without: ["opa_wasm_abi_version"] }],
    ["says no minor ABI version", "wasm_abi", { without: ["opa_wasm_abi_minor_version"] }],
    ["cannot be evaluated", "wasm_abi", { without: ["opa_eval"] }],
    ["does not list its builtins", "wasm_abi", { builtins: "null" }],
    ["lists its builtins in no JSON", "wasm_invalid", { builtins: "{" }],
    ["does not list its entrypoints", "wasm_abi", { entrypoints: "null" }],
    ["lists an entrypoint without a number", "wasm_abi", { entrypoints: '{"launch/decision":"0"}' }],
    ["needs sprintf", "wasm_builtin", { builtins: '{"sprintf":0}' }],
  ])("where it %s: %s", (_, code, options) => {
    expect(codeOf(() => load(tinyOpaModule(options)))).toBe(code);
  });

  test.each([
    "opa_malloc",
    "opa_json_parse",
    "opa_json_dump",
    "opa_heap_ptr_get",
    "opa_heap_ptr_set",
    "builtins",
    "entrypoints",
  ])("where it does not export %s", (name) => {
    expect(codeOf(() => load(tinyOpaModule({ without: [name] })))).toBe("wasm_abi");
  });

  test("and not where it is of ABI 1.2 or 1.3, with memory bounds of its own or none", () => {
    for (const minor of [2, 3]) expect(codeOf(() => load(tinyOpaModule({ abi: [1, minor] })))).toBe("");
    expect(codeOf(() => load(tinyOpaModule({ maximumPages: 3 })))).toBe("");
    expect(codeOf(() => load(tinyOpaModule({ minimumPages: 64, maximumPages: 65_536 })))).toBe("");
  });

  test.each([0, 1.5, Number.NaN, 32_769])(
    "with a memory limit of %d pages, by the operator's fault",
    (maxMemoryPages) => {
      expect(codeOf(() => loadOpaWasm(tinyOpaModule(), {}, { maxMemoryPages }))).toBe("option");
    },
  );
});

describe("builtins of the host are refused, with what to do instead", () => {
  test.each([
    ["sprintf", 'sprintf("%d", [input.n])', "make text with concat and format_int"],
    ["time.now_ns", "time.now_ns()", "take the time from input.time"],
    ["regex.split", 'regex.split("a", input.n)', "use split"],
    ["http.send", 'http.send({"method": "get", "url": input.n})', "put what it would fetch into data"],
    ["rand.intn", 'rand.intn("x", input.n)', "nothing but input and data"],
    ["yaml.unmarshal", "yaml.unmarshal(input.n)", "convert it to JSON"],
    ["opa.runtime", "opa.runtime()", "put settings into data"],
  ])("%s", (name, call, advice) => {
    const bundle = policyOf(`package launch\n\ndecision := ${call}\n`);
    expect(codeOf(() => load(bundle.wasm))).toBe("wasm_builtin");
    expect(() => load(bundle.wasm)).toThrow(`the policy calls ${name},`);
    expect(() => load(bundle.wasm)).toThrow(advice);
  });

  test("all of them by name", () => {
    const both = tinyOpaModule({ builtins: '{"time.now_ns":0,"hex.encode":1,"new\\u000aone":2}' });
    expect(() => load(both)).toThrow("hex.encode, new\\u{a}one, time.now_ns");
  });
});

describe("an evaluation", () => {
  const evaluate = (options: TinyOptions) => load(tinyOpaModule(options)).evaluate("launch/decision", json("{}"));

  test("gives the result set as it is, unjudged", () => {
    for (const result of ["[]", "null", "[1]", '[{"result":1},{"result":2}]']) {
      expect(evaluate({ result })).toEqual(JSON.parse(result));
    }
  });

  test.each<[string, TinyOptions, string]>([
    ["executes unreachable", { evaluation: "unreachable" }, "policy_trap"],
    ["never stops calling itself", { evaluation: "recurse" }, "policy_trap"],
    ["calls a builtin that it did not list", { evaluation: "builtin" }, "policy_trap"],
    ["aborts", { evaluation: "abort", result: "var assignment conflict" }, "policy_trap"],
    ["aborts for want of memory", { evaluation: "abort", result: "opa_malloc: failed" }, "policy_memory"],
    ["answers no JSON", { result: "[{" }, "policy_trap"],
    ["answers nothing", { result: "" }, "policy_trap"],
    ["answers at address 0", { result: { address: 0 } }, "policy_trap"],
    ["answers at a negative address", { result: { address: -4 } }, "policy_trap"],
    ["answers beyond its memory", { result: { address: 0x7fff_ffff } }, "policy_trap"],
    ["answers at the end of its memory", { result: { address: 2 * 65_536 } }, "policy_trap"],
  ])("that %s throws", (_, options, code) => {
    expect(codeOf(() => evaluate(options))).toBe(code);
  });

  test("of an entrypoint that there is not throws, whatever objects inherit", () => {
    for (const entrypoint of ["launch/other", "", "constructor", "__proto__", "0"]) {
      expect(codeOf(() => load(real.wasm).evaluate(entrypoint, json("{}")))).toBe("wasm_entrypoint");
    }
  });

  test("over input nested past the end of the stack throws, and the next one is right again", () => {
    const policy = loadOpaWasm(real.wasm, real.data, { maxMemoryPages: 1024 });
    const deep = 200_000;
    const input = json(`{"word":${"[".repeat(deep)}${"]".repeat(deep)}}`);
    expect(codeOf(() => policy.evaluate("launch/decision", input))).toBe("policy_trap");
    expect(policy.evaluate("launch/decision", json('{"word":"yes"}'))).toMatchObject([{ result: { allow: true } }]);
  });

  test("over input larger than all memory so far grows it, up to the limit", () => {
    const padded = (bytes: number) => json(`{"word":"yes","pad":"${"x".repeat(bytes)}"}`);
    const policy = loadOpaWasm(real.wasm, real.data, { maxMemoryPages: 256 });
    expect(policy.evaluate("launch/decision", padded(3_000_000))).toMatchObject([{ result: { allow: true } }]);
    expect(codeOf(() => policy.evaluate("launch/decision", padded(9_000_000)))).toBe("policy_memory");
    expect(codeOf(() => policy.evaluate("launch/decision", padded(20_000_000)))).toBe("policy_memory");
    expect(policy.evaluate("launch/decision", padded(10))).toMatchObject([{ result: { allow: true } }]);
  });
});

test("data that does not fit below the memory limit is refused at load", () => {
  const data = { list: Array.from({ length: 300_000 }, (_, index) => index) };
  expect(codeOf(() => loadOpaWasm(real.wasm, data, LIMITS))).toBe("memory_limit");
  expect(() => loadOpaWasm(real.wasm, data, LIMITS)).toThrow("do not fit in 64 pages");
  expect(codeOf(() => loadOpaWasm(real.wasm, { a: "x".repeat(5_000_000) }, LIMITS))).toBe("memory_limit");
});
