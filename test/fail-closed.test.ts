/**
 * The fail-closed suite: a row per way of going wrong, each denied with its own code. Whoever adds a dependency to the
 * decision path adds its rows here.
 */

import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import {
  createGate,
  createGuardedGate,
  type GuardedGate,
  type GuardedGateOptions,
  type HookCall,
  type LaunchModule,
  Registry,
  sha256Hex,
  shippedPolicy,
  withData,
} from "../hooks/index.js";
import { guardedPolicy } from "../hooks/modules/policy.js";
import { makeEvent, makeSecs } from "./support/events.js";
import { policyOf } from "./support/policies.js";
import { GLUTTON, LOOPER, launchOf } from "./support/runaways.js";
import { makeSigstruct, testSigner } from "./support/sigstructs.js";
import { THREADS_BUILT, watchThreads } from "./support/threads.js";

const listed = { version: 1, signers: { [testSigner()]: { name: "the tests' author" } } };
const gate = createGate({ data: [listed] });
const sigstruct = makeSigstruct();

/** `sigstruct` with one byte changed. */
function withByte(at: number): Uint8Array {
  const bytes = new Uint8Array(sigstruct);
  bytes[at] = (bytes[at] ?? 0) ^ 0x80;
  return bytes;
}

const cyclic: Record<string, unknown> = { ...makeEvent() };
cyclic["origin"] = cyclic;

/** Shows an allow-listed SIGSTRUCT when first read, another afterwards. */
function lyingEvent(): unknown {
  let reads = 0;
  return {
    ...makeEvent(),
    get sigstruct() {
      reads += 1;
      return reads === 1 ? makeSigstruct({}, "stranger") : sigstruct;
    },
  };
}

/** Has everything that an event has, behind getters of its class. */
class ClassEvent {
  readonly #event = makeEvent();
  get hook() {
    return this.#event.hook;
  }
}

const EVENTS: readonly (readonly [string, () => unknown, string])[] = [
  ["undefined", () => undefined, "bad_event"],
  ["null", () => null, "bad_event"],
  ["false", () => false, "bad_event"],
  ["zero", () => 0, "bad_event"],
  ["an empty string", () => "", "bad_event"],
  ["a JSON text instead of an object", () => JSON.stringify({ v: 1 }), "bad_event"],
  ["an empty object", () => ({}), "bad_event"],
  ["an array", () => [makeEvent()], "bad_event"],
  ["a function", () => () => makeEvent(), "bad_event"],
  ["a promise", () => Promise.resolve(makeEvent()), "bad_event"],
  ["an instance of a class that has its data behind getters", () => new ClassEvent(), "bad_event"],
  ["a cyclic object", () => cyclic, "bad_event"],
  [
    "a proxy that throws",
    () =>
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw "no";
          },
        },
      ),
    "internal",
  ],
  [
    "a getter that throws",
    () => ({
      ...makeEvent(),
      get time() {
        throw new Error("secret");
      },
    }),
    "internal",
  ],
  ["a getter that lies the second time", lyingEvent, "signer_not_listed"],
  [
    "a thousand unknown keys",
    () => ({ ...makeEvent(), ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i])) }),
    "bad_event",
  ],
  ["an unknown key", () => ({ ...makeEvent(), mood: "good" }), "bad_event"],
  ["a forged derived field", () => ({ ...makeEvent(), mrsigner: testSigner() }), "bad_event"],
  ["a forged enclave", () => ({ ...makeEvent(), enclave: { debug: "off" } }), "bad_event"],
  ["a forged signature verdict", () => ({ ...makeEvent(), signature: "valid" }), "bad_event"],
  [
    "an own __proto__ key",
    () => JSON.parse(JSON.stringify(makeEvent({ sigstruct: "" })).replace("{", '{"__proto__":{"v":1},')),
    "bad_event",
  ],
  ["another contract version", () => ({ ...makeEvent(), v: 2 }), "bad_event"],
  ["an unknown hook", () => ({ ...makeEvent(), hook: "enclave_load" }), "bad_event"],
  ["a hook from the prototype", () => ({ ...makeEvent(), hook: "constructor" }), "bad_event"],
  [
    "no time",
    () => {
      const { time: _, ...rest } = makeEvent();
      return rest;
    },
    "bad_event",
  ],
  ["NaN for time", () => makeEvent({ time: Number.NaN }), "bad_event"],
  ["a fraction for time", () => makeEvent({ time: 1.5 }), "bad_event"],
  ["time before 1970", () => makeEvent({ time: -1 }), "bad_event"],
  ["a date for time", () => ({ ...makeEvent(), time: new Date() }), "bad_event"],
  ["a BigInt", () => ({ ...makeEvent(), time: 1n }), "bad_event"],
  ["an unknown origin", () => ({ ...makeEvent(), origin: { ...makeEvent().origin, kind: "cloud" } }), "bad_event"],
  [
    "granted as a string",
    () => ({ ...makeEvent(), grants: { provisionkey: { granted: "true", how: null } } }),
    "bad_event",
  ],
  [
    "attributes as numbers",
    () => ({ ...makeEvent(), secs: { ...makeSecs(), attributes: { flags: 4, xfrm: 3 } } }),
    "bad_event",
  ],
  [
    "attributes in upper case",
    () => makeEvent({ secs: makeSecs({ attributes: { flags: "0xA", xfrm: "0x3" } }) }),
    "bad_event",
  ],
  [
    "attributes of 65 bits",
    () => makeEvent({ secs: makeSecs({ attributes: { flags: "0x10000000000000004", xfrm: "0x3" } }) }),
    "bad_event",
  ],
  [
    "SECS without the mask of what is known",
    () => {
      const { attributes_known: _, ...rest } = makeSecs();
      return { ...makeEvent(), secs: rest };
    },
    "bad_event",
  ],
  ["an LE hash of 63 digits", () => makeEvent({ platform: { flc: null, lepubkeyhash: "a".repeat(63) } }), "bad_event"],
  ["no SIGSTRUCT for enclave_init", () => makeEvent({ sigstruct: null }), "bad_event"],
  ["a SIGSTRUCT for enclave_create", () => makeEvent({ hook: "enclave_create" }), "bad_event"],
  ["a SIGSTRUCT as an array of numbers", () => ({ ...makeEvent(), sigstruct: [...sigstruct] }), "bad_event"],
  ["a SIGSTRUCT as Uint16Array", () => ({ ...makeEvent(), sigstruct: new Uint16Array(904) }), "bad_event"],
  ["a SIGSTRUCT as ArrayBuffer", () => ({ ...makeEvent(), sigstruct: new ArrayBuffer(1808) }), "bad_event"],
  ["an empty SIGSTRUCT", () => makeEvent({ sigstruct: new Uint8Array(0) }), "malformed"],
  ["an empty SIGSTRUCT as text", () => makeEvent({ sigstruct: "" }), "malformed"],
  ["a SIGSTRUCT one byte short", () => makeEvent({ sigstruct: sigstruct.subarray(0, 1807) }), "malformed"],
  ["a SIGSTRUCT one byte long", () => makeEvent({ sigstruct: new Uint8Array(1809) }), "malformed"],
  [
    "a SIGSTRUCT of a gigabyte that was never touched",
    () => makeEvent({ sigstruct: new Uint8Array(1 << 30) }),
    "malformed",
  ],
  [
    "a SIGSTRUCT in base64url",
    () => makeEvent({ sigstruct: Buffer.from(sigstruct).toString("base64url") }),
    "malformed",
  ],
  [
    "a SIGSTRUCT in base64 with a line break",
    () => makeEvent({ sigstruct: `${Buffer.from(sigstruct).toString("base64")}\n` }),
    "malformed",
  ],
  [
    "a subclass that lies about its length",
    () => {
      const bytes = new Uint8Array(1807);
      Object.defineProperty(bytes, "length", { value: 1808 });
      return makeEvent({ sigstruct: bytes });
    },
    "malformed",
  ],
  ["a token one byte short", () => makeEvent({ token: new Uint8Array(303) }), "malformed"],
  [
    "a whole launch token of 1024 bytes where the 304 belong",
    () => makeEvent({ token: new Uint8Array(1024) }),
    "malformed",
  ],
  ["a bad exponent", () => makeEvent({ sigstruct: withByte(512) }), "SGX_INVALID_SIG_STRUCT"],
  ["a vendor of its own", () => makeEvent({ sigstruct: withByte(19) }), "SGX_INVALID_SIG_STRUCT"],
  ["a reserved byte that is not signed", () => makeEvent({ sigstruct: withByte(1039) }), "SGX_INVALID_SIG_STRUCT"],
  [
    "SECS that the SIGSTRUCT forbids",
    () => makeEvent({ secs: makeSecs({ attributes: { flags: "0x6", xfrm: "0x3" } }) }),
    "SGX_INVALID_ATTRIBUTE",
  ],
  [
    "a signature that does not hold, where no EINIT follows",
    () => makeEvent({ sigstruct: withByte(520), origin: { ...makeEvent().origin, kind: "file" } }),
    "SGX_INVALID_SIGNATURE",
  ],
  ["a modulus that is not the listed signer's", () => makeEvent({ sigstruct: withByte(200) }), "signer_not_listed"],
  [
    "DEBUG on",
    () =>
      makeEvent({
        sigstruct: makeSigstruct({ attributes: { flags: 6n, xfrm: 3n } }),
        secs: makeSecs({ attributes: { flags: "0x6", xfrm: "0x3" } }),
      }),
    "debug_on",
  ],
  [
    "DEBUG unknown",
    () =>
      makeEvent({ sigstruct: makeSigstruct({ attributemask: { flags: 0xfffffffffffffffdn, xfrm: 3n } }), secs: null }),
    "debug_unknown",
  ],
  [
    "PROVISIONKEY on without a grant",
    () =>
      makeEvent({
        sigstruct: makeSigstruct({ attributes: { flags: 0x14n, xfrm: 3n } }),
        secs: makeSecs({ attributes: { flags: "0x14", xfrm: "0x3" } }),
      }),
    "provisionkey_not_granted",
  ],
  [
    "nothing pinned and nothing known",
    () => makeEvent({ sigstruct: makeSigstruct({ attributemask: { flags: 0n, xfrm: 0n } }), secs: null }),
    "provisionkey_not_granted",
  ],
];

describe("an event that is wrong is denied with its own code:", () => {
  test("(the event that all rows are made from is allowed)", () => {
    expect(gate.decide(makeEvent())).toMatchObject({ decision: "allow", reasons: [], errno: 0, einit_error: 0 });
  });

  test.each(EVENTS)("%s", (_, make, code) => {
    const decision = gate.decide(make()).toJSON();
    expect(decision).toMatchObject({ decision: "deny", errno: 13, einit_error: 16 });
    expect(decision.reasons.map((reason) => reason.code)).toContain(code);
    expect(JSON.stringify(decision)).not.toContain("secret");
  });

  test("each byte of HEADER and HEADER2 is refused with SGX_INVALID_SIG_STRUCT", () => {
    for (const at of [...Array(16).keys(), ...Array.from({ length: 16 }, (_, i) => 24 + i)]) {
      const { reasons } = gate.decide(makeEvent({ sigstruct: withByte(at) }));
      expect([at, reasons[0]?.code]).toEqual([at, "SGX_INVALID_SIG_STRUCT"]);
    }
  });

  test("an event from another realm is judged like one of this realm", () => {
    const foreign = runInNewContext("JSON.parse(text)", {
      text: JSON.stringify(makeEvent({ sigstruct: Buffer.from(sigstruct).toString("base64") })),
    });
    expect(gate.decide(foreign).decision).toBe("allow");
    expect(gate.decide({ ...foreign, sigstruct: runInNewContext("new Uint8Array(1808)") }).decision).toBe("deny");
  });

  test("what is no key of JSON is no part of an event", () => {
    const event = Object.defineProperty({ ...makeEvent(), [Symbol("mrsigner")]: 1 }, "forged", { value: 1 });
    expect(gate.decide(event).decision).toBe("allow");
  });

  test("bytes changed after the call change nothing", () => {
    const bytes = new Uint8Array(sigstruct);
    const judged = gate.judge(makeEvent({ sigstruct: bytes }));
    bytes.fill(0);
    expect(judged.event?.sigstruct).toEqual(sigstruct);
  });
});

/** A gate of one module that may allow, and of nothing else. */
function gateOf(module: LaunchModule | LaunchModule["hooks"]["enclave_init"]) {
  const whole =
    typeof module === "function" ? { name: "odd", mayAllow: true, hooks: { enclave_init: module } } : module;
  return new Registry().register(whole as LaunchModule).seal({ order: [(whole as LaunchModule).name] });
}

const ANSWERS: readonly (readonly [string, () => unknown, string])[] = [
  [
    "throws an error",
    () => {
      throw new Error("secret");
    },
    "module_error",
  ],
  [
    "throws a string",
    () => {
      throw "secret";
    },
    "module_error",
  ],
  [
    "throws undefined",
    () => {
      throw undefined;
    },
    "module_error",
  ],
  [
    "overflows the stack",
    () => {
      const again = (): unknown => [again()];
      return again();
    },
    "module_error",
  ],
  ["answers nothing", () => undefined, "module_result"],
  ["answers null", () => null, "module_result"],
  ["answers true", () => true, "module_result"],
  ["answers the word allow", () => "allow", "module_result"],
  ["answers a promise of allow", () => Promise.resolve({ answer: "allow" }), "module_result"],
  ["answers allow: true", () => ({ allow: true }), "module_result"],
  ["answers ALLOW", () => ({ answer: "ALLOW" }), "module_result"],
  [
    "answers allow with reasons to deny",
    () => ({ answer: "allow", reasons: [{ code: "x", message: "y" }] }),
    "module_result",
  ],
  ["answers allow and something more", () => ({ answer: "allow", sure: true }), "module_result"],
  ["denies without a reason", () => ({ answer: "deny", reasons: [] }), "module_result"],
  [
    "denies with reasons that are no list",
    () => ({ answer: "deny", reasons: { code: "x", message: "y" } }),
    "module_result",
  ],
  ["denies with a reason without a message", () => ({ answer: "deny", reasons: [{ code: "x" }] }), "module_result"],
  ["denies with a hole for a reason", () => ({ answer: "deny", reasons: Array(1) }), "module_result"],
  [
    "denies with a code that is a sentence",
    () => ({ answer: "deny", reasons: [{ code: "not a code", message: "y" }] }),
    "module_result",
  ],
  [
    "denies with a function in a reason",
    () => ({ answer: "deny", reasons: [{ code: "x", message: "y", f: () => 1 }] }),
    "module_result",
  ],
  [
    "denies with ten thousand reasons",
    () => ({ answer: "deny", reasons: Array(10_000).fill({ code: "x", message: "y" }) }),
    "module_result",
  ],
  ["warns of something that is no warning", () => ({ answer: "allow", warnings: ["beware"] }), "module_result"],
  [
    "has a getter that throws",
    () => ({
      get answer() {
        throw new Error("secret");
      },
    }),
    "module_error",
  ],
  [
    "has a getter that says allow the second time",
    () => {
      let n = 0;
      return {
        get answer() {
          n += 1;
          return n === 1 ? "maybe" : "allow";
        },
      };
    },
    "module_result",
  ],
  [
    "tries to write the input",
    () => {
      throw "unreachable";
    },
    "module_error",
  ],
];

describe("a module that fails is a module that denies: it", () => {
  test.each(ANSWERS)("%s", (_, answer, code) => {
    const decision = gateOf(answer as never)
      .decide(makeEvent())
      .toJSON();
    expect(decision.decision).toBe("deny");
    expect(decision.reasons).toMatchObject([{ code, module: "odd" }]);
    expect(JSON.stringify(decision)).not.toContain("secret");
  });

  test("writes to the input, which is frozen", () => {
    const decision = gateOf(({ input }) => {
      (input as { time: number }).time = 0;
      return { answer: "allow" };
    }).decide(makeEvent());
    expect(decision.reasons).toMatchObject([{ code: "module_error" }]);
  });

  test.each<[string, (call: HookCall) => void]>([
    ["the event", ({ launch }) => Object.assign(launch.event, { time: 0 })],
    ["who asks", ({ launch }) => Object.assign(launch.event.origin, { kind: "file" })],
    ["what was granted", ({ launch }) => Object.assign(launch.event.grants.provisionkey, { granted: true })],
    ["the SECS", ({ launch }) => Object.assign(launch.event.secs?.attributes ?? {}, { flags: "0x0" })],
    ["the launch", ({ launch }) => Object.assign(launch, { event: makeEvent() })],
    ["the call", (call) => Object.assign(call, { launch: null })],
  ])("writes to %s, which is frozen", (_, write) => {
    const decision = gateOf((call) => {
      write(call);
      return { answer: "allow" };
    }).decide(makeEvent());
    expect(decision.toJSON()).toMatchObject({ decision: "deny", reasons: [{ code: "module_error" }] });
  });

  test("writes to the bytes that it is shown, which are copies", () => {
    const event = makeEvent();
    const judged = gateOf(({ launch }) => {
      launch.event.sigstruct?.fill(0);
      launch.sigstruct?.modulus.fill(0);
      return { answer: "allow" };
    }).judge(event);
    expect(judged.event?.sigstruct).toEqual(event.sigstruct);
    expect(judged.decision.sigstruct_sha256).toBe(sha256Hex(event.sigstruct as Uint8Array));
    expect(gate.decide(event).decision).toBe("allow");
  });

  test("allows without being registered as able to", () => {
    const module: LaunchModule = { name: "bold", hooks: { enclave_init: () => ({ answer: "allow" }) } };
    expect(gateOf(module).decide(makeEvent()).reasons).toMatchObject([
      { code: "module_may_not_allow", module: "bold" },
    ]);
  });
});

describe("a stack that cannot decide denies:", () => {
  test("before it is sealed", () => {
    expect(new Registry().decide(makeEvent()).reasons).toMatchObject([{ code: "unsealed" }]);
  });

  test("without any policy", () => {
    expect(createGate({ policies: [] }).decide(makeEvent()).reasons).toMatchObject([{ code: "no_policy" }]);
  });

  test("where every module passes", () => {
    expect(gateOf(() => ({ answer: "pass" })).decide(makeEvent()).reasons).toMatchObject([{ code: "no_policy" }]);
  });

  test("where no policy has an entrypoint for the hook", () => {
    const bundle = policyOf(
      'package launch\n# METADATA\n# entrypoint: true\ndecision := {"allow": true, "deny": [], "warn": []}\n',
    );
    const decision = createGate({ policies: [bundle] }).decide(makeEvent({ hook: "enclave_create", sigstruct: null }));
    expect(decision.reasons).toMatchObject([{ code: "no_allow" }]);
  });

  test("where the policies only would deny", () => {
    const decision = createGate({ permissive: ["policy"] }).decide(makeEvent());
    expect(decision).toMatchObject({ decision: "deny", reasons: [{ code: "no_allow" }] });
    expect(decision.would_deny).toMatchObject([{ code: "signer_not_listed", module: "policy" }]);
  });
});

/** Rego whose launch/decision is `body`. */
const rego = (body: string) => `package launch\nimport rego.v1\n# METADATA\n# entrypoint: true\n${body}\n`;

const POLICIES: readonly (readonly [string, string, string])[] = [
  ["is undefined", 'decision := {"allow": true, "deny": [], "warn": []} if input.no_such', "policy_undefined"],
  ['says "true" for true', 'decision := {"allow": "true", "deny": [], "warn": []}', "policy_result"],
  ["says true alone", "decision := true", "policy_result"],
  ["says a bare allow", 'decision := {"allow": true}', "policy_result"],
  ["says something more", 'decision := {"allow": true, "deny": [], "warn": [], "ok": true}', "policy_result"],
  ["denies with words instead of reasons", 'decision := {"allow": true, "deny": ["no"], "warn": []}', "policy_result"],
  ["denies with an object", 'decision := {"allow": true, "deny": {"code": "x"}, "warn": []}', "policy_result"],
  ["allows and denies", 'decision := {"allow": true, "deny": [{"code": "mine", "message": "m"}], "warn": []}', "mine"],
  ["neither allows nor denies", 'decision := {"allow": false, "deny": [], "warn": []}', "not_allowed"],
  [
    "conflicts with itself",
    'decision := {"allow": x, "deny": [], "warn": []} if some x in [true, false]',
    "policy_trap",
  ],
  [
    "eats all memory",
    'decision := {"allow": count([x | some x in numbers.range(1, 100000000)]) > 0, "deny": [], "warn": []}',
    "policy_memory",
  ],
];

describe("a policy that fails is a policy that denies: it", () => {
  test.each(POLICIES)("%s", (_, body, code) => {
    const broken = createGate({ policies: [policyOf(rego(body))], limits: { maxMemoryPages: 64 } });
    const decision = broken.decide(makeEvent());
    expect(decision.decision).toBe("deny");
    expect(decision.reasons).toMatchObject([{ code, module: "policy" }]);
    // and again, since what failed once was replaced
    expect(broken.decide(makeEvent()).reasons).toEqual(decision.reasons);
  });

  test("has no data", () => {
    const bundle = withData(shippedPolicy({ profile: "open" }), {});
    expect(createGate({ policies: [bundle] }).decide(makeEvent()).decision).toBe("deny");
  });

  test("is one of two, and the other allows", () => {
    const open = shippedPolicy({ profile: "open" });
    const closed = policyOf(rego('decision := {"allow": false, "deny": [], "warn": []}'));
    for (const policies of [
      [open, closed],
      [closed, open],
    ]) {
      expect(createGate({ policies }).decide(makeEvent()).reasons).toMatchObject([{ code: "not_allowed" }]);
    }
  });
});

const runaway = launchOf(1000);

const GUARDED: readonly (readonly [string, GuardedGateOptions, (gate: GuardedGate) => unknown, string])[] = [
  ["the policy loops", { policies: [LOOPER], deadlineMs: 100 }, () => runaway, "deadline"],
  ["the event leaves no time for it", { policies: [LOOPER] }, () => ({ ...runaway, deadline_ms: 1 }), "deadline"],
  [
    "reading the answer takes all memory",
    { policies: [GLUTTON], evaluatorHeapMb: 16, deadlineMs: 30_000 },
    () => runaway,
    "evaluator_failed",
  ],
  [
    "others have taken all places",
    { policies: [LOOPER], evaluators: 1, maxQueued: 0, deadlineMs: 100 },
    (gate) => {
      gate.decide(runaway);
      return runaway;
    },
    "overloaded",
  ],
  [
    "it is being closed",
    { policies: [LOOPER] },
    (gate) => {
      gate.close();
      return makeEvent();
    },
    "shutting_down",
  ],
  [
    "a module before it denies",
    { policies: [LOOPER] },
    () => makeEvent({ sigstruct: withByte(19) }),
    "SGX_INVALID_SIG_STRUCT",
  ],
  ["what it is given is no event", { policies: [LOOPER] }, () => null, "bad_event"],
  ["there is no policy", { policies: [] }, () => makeEvent(), "no_policy"],
];

describe.skipIf(!THREADS_BUILT)("a guarded gate denies (its threads need npm run build) where", () => {
  test.each(GUARDED)("%s", async (_, options, make, code) => {
    const guarded = await createGuardedGate(options);
    const decision = (await guarded.decide(make(guarded))).toJSON();
    await guarded.close();
    expect(decision).toMatchObject({ decision: "deny", errno: 13, einit_error: 16, reasons: [{ code }] });
  });

  test("all its threads are killed", async () => {
    const threads = watchThreads();
    const guarded = await createGuardedGate({ policies: [LOOPER] });
    threads.onStart((worker) => void worker.terminate());
    const decision = guarded.decide(runaway);
    for (const worker of [...threads.started]) await worker.terminate();
    expect((await decision).toJSON()).toMatchObject({ decision: "deny", reasons: [{ code: "evaluator_failed" }] });
    expect((await guarded.decide(makeEvent())).reasons).toMatchObject([{ code: "evaluator_failed" }]);
    await guarded.close();
    threads.stop();
  });
});

test("a question that is left open where nobody waits for its answer is a denial", () => {
  const bundle = shippedPolicy({ profile: "open" });
  const open = guardedPolicy(bundle, "policy", 0, () => undefined);
  const decision = new Registry()
    .register(open)
    .seal({ order: ["policy"] })
    .decide(makeEvent());
  expect(decision.toJSON()).toMatchObject({
    decision: "deny",
    reasons: [{ code: "evaluator_failed", module: "policy" }],
  });
});
