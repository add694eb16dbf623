/** Deadlines that hold, with real threads and real policies that run away. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createGate,
  createGuardedGate,
  type Decision,
  type GuardedGate,
  type GuardedGateOptions,
  type Judged,
  makeBundle,
  Recent,
  shippedPolicy,
  withData,
} from "../../../hooks/index.js";
import { makeEvent } from "../../support/events.js";
import { bundleOf, policyOf } from "../../support/policies.js";
import { GLUTTON, LOOPER, launchOf, SLOW } from "../../support/runaways.js";
import { makeSigstruct, testSigner } from "../../support/sigstructs.js";
import { sleep, type ThreadWatch, until, watchThreads } from "../../support/threads.js";
import { tinyOpaModule } from "../../support/wasm.js";

const QUICK = launchOf(1);
const RUNAWAY = launchOf(40_000);
/** Of `SLOW`: long enough to be late for a deadline of milliseconds, and over long before a thread is given up. */
const SLUGGISH = launchOf(100);

/** How late an answer may be where other processes take the processors away; the loops themselves take minutes. */
const LATE_MS = 1500;

const codes = ({ reasons }: Decision): readonly string[] => reasons.map(({ code }) => code);

let threads: ThreadWatch;
let gates: GuardedGate[] = [];

beforeEach(() => {
  threads = watchThreads();
});

afterEach(async () => {
  await Promise.all(gates.map((gate) => gate.close()));
  gates = [];
  expect(threads.alive()).toBe(0);
  threads.stop();
});

async function gateOf(options: GuardedGateOptions): Promise<GuardedGate> {
  const gate = await createGuardedGate(options);
  gates.push(gate);
  return gate;
}

/** A decision, and after how many milliseconds it came. */
async function timed(decide: () => Promise<Decision>): Promise<readonly [Decision, number]> {
  const start = performance.now();
  return [await decide(), performance.now() - start];
}

/** Launches that no memory answers, since this reads everything and each has an id of its own. */
let ids = 0;
const another = (event = QUICK) => ({ ...event, id: `n${ids++}` });

describe("a policy that loops", () => {
  test("is denied at its deadline, while others are answered in time", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 1000, evaluators: 2 });
    const late = timed(() => gate.decide(RUNAWAY));
    const others: (readonly [Decision, number])[] = [];
    for (let i = 0; i < 200; i += 1) others.push(await timed(() => gate.decide(another())));
    const [decision, ms] = await late;
    expect(decision.toJSON()).toMatchObject({ decision: "deny", errno: 13, einit_error: 16 });
    expect(decision.reasons).toMatchObject([{ code: "deadline", module: "policy" }]);
    expect(ms).toBeGreaterThan(999);
    expect(ms).toBeLessThan(1000 + LATE_MS);
    for (const [other, took] of others) expect([other.decision, took < 1000]).toEqual(["allow", true]);
    expect(gate.stats()).toMatchObject({ evaluated: 200, deadline: 1, replaced: 1, queued: 0, running: 0 });
  });

  test("in all threads at once: those who wait are denied in time, and then all are replaced", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 300, evaluators: 2 });
    const all = [RUNAWAY, RUNAWAY, QUICK, QUICK].map((event) => timed(() => gate.decide(another(event))));
    for (const [decision, ms] of await Promise.all(all)) {
      expect(codes(decision)).toEqual(["deadline"]);
      expect(ms).toBeLessThan(300 + LATE_MS);
    }
    expect((await gate.decide(another())).decision).toBe("allow");
    await until("all threads are there again", () => gate.stats().threads === 3);
  });

  test("is asked again each time: nothing of such a denial is remembered", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 100, evaluators: 1 });
    for (let round = 1; round <= 3; round += 1) {
      expect(codes(await gate.decide(RUNAWAY))).toEqual(["deadline"]);
      expect(gate.stats()).toMatchObject({ deadline: round, remembered: 0, evaluated: 0 });
    }
  });

  test("and is on trial is a would-deny, and what the others say counts, at the deadline", async () => {
    const gate = await gateOf({
      policies: [LOOPER, shippedPolicy({ profile: "open" })],
      order: ["policy:launchgate", "architecture", "capability", "policy:policy", "lockdown"],
      permissive: ["policy:policy"],
      deadlineMs: 200,
    });
    const [decision, ms] = await timed(() => gate.decide(RUNAWAY));
    expect(decision.decision).toBe("allow");
    expect(decision.would_deny).toMatchObject([{ code: "deadline", module: "policy:policy" }]);
    expect(ms).toBeLessThan(200 + LATE_MS);
  });

  test("and is on trial leaves no time for those that come after it", async () => {
    const gate = await gateOf({
      policies: [LOOPER, shippedPolicy({ profile: "open" })],
      permissive: ["policy:policy"],
      deadlineMs: 200,
    });
    const decision = await gate.decide(RUNAWAY);
    expect(decision.reasons).toMatchObject([{ code: "deadline", module: "policy:launchgate" }]);
    expect(decision.would_deny).toMatchObject([{ code: "deadline", module: "policy:policy" }]);
  });

  test("keeps nobody waiting whom a module before it denies, or whom it has answered before", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 300, evaluators: 1 });
    await gate.decide(QUICK);
    const late = gate.decide(RUNAWAY);
    const refused = makeEvent({ sigstruct: makeSigstruct({ attributes: { flags: 6n, xfrm: 3n } }) });
    for (const [event, expected] of [
      [refused, "SGX_INVALID_ATTRIBUTE"],
      [{}, "bad_event"],
      [QUICK, undefined],
    ] as const) {
      let judged: Judged | null = null;
      gate.judgeWith(event, null, (given) => {
        judged = given;
      });
      // Before the call returned.
      expect((judged as Judged | null)?.decision.reasons[0]?.code).toBe(expected);
    }
    expect(gate.stats()).toMatchObject({ running: 1, remembered: 1 });
    await late;
  });
});

describe("a deadline", () => {
  test.each<[string, number | null, number | null]>([
    ["of the event", null, 60],
    ["of the call", 60, null],
    ["of the call, where the event has more time", 60, 5000],
    ["of the event, where the call has more time", 5000, 60],
  ])("is the least of all: %s", async (_, deadlineMs, deadline_ms) => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 3000 });
    const [decision, ms] = await timed(() => gate.decide({ ...RUNAWAY, deadline_ms }, { deadlineMs }));
    expect(codes(decision)).toEqual(["deadline"]);
    expect(ms).toBeGreaterThan(59);
    expect(ms).toBeLessThan(60 + LATE_MS);
  });

  test("of the gate counts where the event has more time", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 60 });
    const [decision, ms] = await timed(() => gate.decide({ ...RUNAWAY, deadline_ms: 5000 }, { deadlineMs: 5000 }));
    expect([codes(decision), ms < 60 + LATE_MS]).toEqual([["deadline"], true]);
  });

  test.each([0, -1, Number.NaN, Number.NEGATIVE_INFINITY, "100", {}])(
    "of %s leaves no time: what has to be evaluated is denied, what was answered before is not",
    async (deadlineMs) => {
      const gate = await gateOf({ policies: [LOOPER] });
      const options = { deadlineMs: deadlineMs as number };
      expect(codes(await gate.decide(QUICK, options))).toEqual(["deadline"]);
      await gate.decide(QUICK);
      expect(codes(await gate.decide(QUICK, options))).toEqual([]);
    },
  );

  test("that is very short is no reason to end a thread; what it answers later is remembered", async () => {
    const gate = await gateOf({ policies: [SLOW], evaluators: 1 });
    expect(codes(await gate.decide(SLUGGISH, { deadlineMs: 5 }))).toEqual(["deadline"]);
    await until("the answer has come", () => gate.stats().evaluated === 1);
    expect(codes(await gate.decide(SLUGGISH, { deadlineMs: 5 }))).toEqual([]);
    expect(gate.stats()).toMatchObject({ deadline: 1, remembered: 1, replaced: 0 });
  });

  test("that is very short ends a thread that goes on and on", async () => {
    const gate = await gateOf({ policies: [LOOPER], evaluators: 1 });
    expect(codes(await gate.decide(RUNAWAY, { deadlineMs: 5 }))).toEqual(["deadline"]);
    expect(gate.stats().replaced).toBe(0);
    await until("the thread is replaced", () => gate.stats().replaced === 1);
  });

  test("that passes while the process itself is busy is a denial, and no thread's fault", async () => {
    const gate = await gateOf({ policies: [LOOPER], evaluators: 2 });
    await gate.decide(another());
    const late = gate.decide(another(), { deadlineMs: 100 });
    for (const end = performance.now() + 600; performance.now() < end; );
    expect(codes(await late)).toEqual(["deadline"]);
    expect(gate.stats()).toMatchObject({ evaluated: 2, deadline: 1, replaced: 0 });
  });
});

describe("too many launches", () => {
  test("are denied at once, beyond those that may wait", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 500, evaluators: 1, maxQueued: 3 });
    const late = gate.decide(RUNAWAY);
    const answers: string[] = [];
    const ask = (event: unknown) => gate.judgeWith(event, null, ({ decision }) => answers.push(codes(decision).join()));
    for (let i = 0; i < 3; i += 1) ask(another());
    expect([answers, gate.stats().queued]).toEqual([[], 3]);
    for (let i = 0; i < 5; i += 1) ask(another());
    expect(answers).toEqual(Array(5).fill("overloaded"));
    await late;
    await until("the others have been answered", () => answers.length === 8);
    expect(gate.stats()).toMatchObject({ overloaded: 5, queued: 0, running: 0 });
  });

  test("that are alike are evaluated once, as soon as one has been answered", async () => {
    const gate = await gateOf({ policies: [SLOW], evaluators: 1 });
    const decisions = await Promise.all(Array.from({ length: 50 }, () => gate.decide(SLUGGISH)));
    expect(decisions.map(({ decision }) => decision)).toEqual(Array(50).fill("allow"));
    expect(gate.stats().evaluated).toBe(1);
  });
});

describe("a policy that eats memory", () => {
  test("is stopped at its own limit, as in a plain gate", async () => {
    const body =
      'decision := {"allow": count([x | some x in numbers.range(1, 100000000)]) > 0, "deny": [], "warn": []}';
    const policies = [policyOf(`package launch\n# METADATA\n# entrypoint: true\n${body}\n`)];
    const gate = await gateOf({ policies, limits: { maxMemoryPages: 64 } });
    const decision = await gate.decide(QUICK);
    expect(decision.reasons).toEqual(createGate({ policies, limits: { maxMemoryPages: 64 } }).decide(QUICK).reasons);
    expect(codes(decision)).toEqual(["policy_memory"]);
    expect(gate.stats().replaced).toBe(0);
  });

  test("of the thread that reads its answer ends that thread alone", async () => {
    const gate = await gateOf({ policies: [GLUTTON], evaluatorHeapMb: 16, evaluators: 1, deadlineMs: 30_000 });
    const decision = await gate.decide(RUNAWAY);
    expect(decision.reasons).toMatchObject([{ code: "evaluator_failed", message: "an evaluator ran out of memory" }]);
    expect((await gate.decide(QUICK)).decision).toBe("allow");
    expect(gate.stats()).toMatchObject({ failed: 1, replaced: 1 });
  });

  test("with an answer of megabytes gives none, in a plain gate too", async () => {
    const body =
      'decision := {"allow": true, "deny": [], "warn": [concat("", [s | some x in numbers.range(1, 50000); s := concat("", ["0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", format_int(x, 10)])])]}';
    const policies = [policyOf(`package launch\n# METADATA\n# entrypoint: true\n${body}\n`)];
    const { reasons } = await (await gateOf({ policies })).decide(QUICK);
    expect(reasons).toMatchObject([
      { code: "policy_result", message: expect.stringContaining("expected at most 4194304") },
    ]);
    expect(createGate({ policies }).decide(QUICK).reasons).toEqual(reasons);
  });
});

describe("a thread that dies", () => {
  test("denies the launch that it had, no other, and is replaced", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 20_000, evaluators: 1 });
    const lost = gate.decide(RUNAWAY);
    const waiting = gate.decide(another());
    // The one that was ready last is asked first.
    await threads.started[1]?.terminate();
    expect((await lost).reasons).toMatchObject([{ code: "evaluator_failed", message: "an evaluator ended by itself" }]);
    expect((await waiting).decision).toBe("allow");
    await until("all are there again", () => gate.stats().threads === 2);
    expect(gate.stats()).toMatchObject({ replaced: 1, failed: 1 });
  });

  test("again and again is replaced ever more slowly, and meanwhile everything is denied at once", async () => {
    const gate = await gateOf({ policies: [LOOPER], evaluators: 1 });
    threads.onStart((worker) => void worker.terminate());
    for (const worker of [...threads.started]) await worker.terminate();
    await until("nobody is left", () => gate.stats().threads === 0);
    const [decision, ms] = await timed(() => gate.decide(another()));
    expect(decision.reasons).toMatchObject([
      { code: "evaluator_failed", message: expect.stringContaining("replaced") },
    ]);
    expect(ms).toBeLessThan(50);
    const before = threads.started.length;
    await sleep(1000);
    expect(threads.started.length - before).toBeLessThan(12);
    threads.onStart(() => undefined);
    await until("somebody evaluates again", () => gate.stats().threads > 0);
    expect((await gate.decide(another())).decision).toBe("allow");
  });

  test("while it is idle is noticed before anybody asks", async () => {
    const gate = await gateOf({ policies: [LOOPER], evaluators: 1 });
    await threads.started[1]?.terminate();
    await until("it is replaced", () => gate.stats().replaced === 1);
    for (let i = 0; i < 20; i += 1) expect((await gate.decide(another())).decision).toBe("allow");
  });
});

describe("a guarded gate is not made, and leaves no thread, where", () => {
  const { wasm } = shippedPolicy();
  const builtin = policyOf(
    'package launch\n# METADATA\n# entrypoint: true\ndecision := {"allow": time.now_ns() > 0, "deny": [], "warn": []}\n',
  );
  test.each<[string, GuardedGateOptions, string]>([
    ["the WASM is none", { policies: [bundleOf(new Uint8Array(8))] }, "wasm_invalid"],
    ["the WASM is not OPA's", { policies: [bundleOf(tinyOpaModule({ without: ["opa_eval"] }))] }, "wasm_abi"],
    ["the ABI is another", { policies: [bundleOf(tinyOpaModule({ abi: [2, 0] }))] }, "wasm_abi"],
    ["it calls the host", { policies: [builtin] }, "wasm_builtin"],
    ["the manifest names others", { policies: [bundleOf(wasm, ["launch/decision"])] }, "wasm_entrypoint"],
    ["it does not fit", { policies: [shippedPolicy()], limits: { maxMemoryPages: 2 } }, "memory_limit"],
    ["one of two is wrong", { policies: [LOOPER, bundleOf(tinyOpaModule({ builtins: "1" }))] }, "wasm_abi"],
    [
      "loading does not end",
      { policies: [bundleOf(tinyOpaModule({ endless: "builtins" }))], loadMs: 300 },
      "wasm_invalid",
    ],
    ["the profile is none", { profile: "lax" }, "data_schema"],
    ["pages are none", { limits: { maxMemoryPages: 0 } }, "option"],
    ["the order names a stranger", { order: ["stranger"] }, "module_unknown"],
    ["evaluators is 0", { evaluators: 0 }, "option"],
    ["evaluators is 65", { evaluators: 65 }, "option"],
    ["deadlineMs is 0", { deadlineMs: 0 }, "option"],
    ["deadlineMs is NaN", { deadlineMs: Number.NaN }, "option"],
    ["deadlineMs is more than an hour", { deadlineMs: 3_600_001 }, "option"],
    ["maxQueued is -1", { maxQueued: -1 }, "option"],
    ["maxQueued is a fraction", { maxQueued: 1.5 }, "option"],
    ["the heap is 1 MiB", { evaluatorHeapMb: 1 }, "option"],
    ["loadMs is endless", { loadMs: Number.POSITIVE_INFINITY }, "option"],
  ])("%s", async (_, options, code) => {
    await expect(createGuardedGate(options)).rejects.toMatchObject({ code });
    await until("no thread is left", () => threads.alive() === 0);
  });
});

describe("closing", () => {
  test("lets what has begun come to its end, denies what comes after, and leaves no thread", async () => {
    const gate = await gateOf({ policies: [SLOW], evaluators: 1, generation: 7 });
    const begun = Array.from({ length: 5 }, () => gate.decide(another(SLUGGISH)));
    const closed = gate.close();
    const judged = await gate.judge(QUICK);
    expect(judged.decision.toJSON()).toMatchObject({
      decision: "deny",
      reasons: [{ code: "shutting_down" }],
      generation: 7,
      policy: gate.policy,
    });
    expect(judged.event?.sigstruct).toEqual(QUICK.sigstruct);
    expect((await Promise.all(begun)).map(({ decision }) => decision)).toEqual(Array(5).fill("allow"));
    await closed;
    expect([threads.alive(), gate.stats().threads]).toEqual([0, 0]);
    await gate.close();
  });

  test("does not wait longer than for the deadline of what has begun", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 300 });
    const begun = gate.decide(RUNAWAY);
    const start = performance.now();
    await gate.close();
    expect(performance.now() - start).toBeLessThan(300 + LATE_MS);
    expect(codes(await begun)).toEqual(["deadline"]);
  });
});

test("who throws when told a decision takes nothing from the others", async () => {
  const gate = await gateOf({ policies: [LOOPER], evaluators: 1 });
  const uncaught: unknown[] = [];
  const others = process.rawListeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error));
  try {
    gate.judgeWith(another(), null, () => {
      throw new Error("mine");
    });
    expect((await gate.decide(another())).decision).toBe("allow");
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of others) process.on("uncaughtException", listener as (error: Error) => void);
  }
  expect(uncaught).toMatchObject([{ message: "mine" }]);
});

describe("thousands of launches of all kinds", () => {
  test("are each answered once, with what is right for it, while some loop and threads are killed", async () => {
    const gate = await gateOf({ policies: [LOOPER], deadlineMs: 1000, evaluators: 2, maxQueued: 10_000 });
    const kinds = [QUICK, QUICK, QUICK, {}, makeEvent({ sigstruct: new Uint8Array(1807) })] as const;
    const expected = ["", "", "", "bad_event", "malformed"] as const;
    const told = new Array<string[]>(4000);
    let answers = 0;
    for (let at = 0; at < told.length; at += 1) {
      const own: string[] = [];
      told[at] = own;
      const kind = at % kinds.length;
      const event = at % 2000 === 500 ? another(RUNAWAY) : kind < 3 ? another() : kinds[kind];
      gate.judgeWith(event, null, ({ decision }) => {
        answers += 1;
        own.push(codes(decision).join());
      });
      if (at % 100 === 0) await sleep(100);
      if (at % 2000 === 1900) void threads.started.at(-1)?.terminate();
    }
    await until("all are answered", () => answers === told.length);
    await sleep(50);
    const odd: string[] = [];
    for (const [at, own] of told.entries()) {
      expect([at, own.length]).toEqual([at, 1]);
      const [said = ""] = own;
      if (at % 2000 === 500) expect([at, said]).toEqual([at, "deadline"]);
      else if (said !== expected[at % kinds.length]) odd.push(said);
    }
    // Whoever was with a thread that was killed, and nobody else.
    expect([...new Set(odd)].filter((said) => said !== "evaluator_failed")).toEqual([]);
    expect(odd.length).toBeLessThanOrEqual(2);
    expect(gate.stats()).toMatchObject({ queued: 0, running: 0, deadline: 2 });
  });
});

describe("a reload", () => {
  const listed = { version: 1, signers: { [testSigner()]: { name: "the tests' author" } } };
  const bundles = [shippedPolicy({ data: [listed] }), shippedPolicy({ profile: "strict" })].map((bundle) =>
    makeBundle({ ...bundle, readsTrusted: false }),
  );

  test("in the middle: each launch is decided by exactly the generation that it began with, and none is lost", async () => {
    const recent = new Recent();
    const next = (generation: number) =>
      createGuardedGate({ policies: [bundles[generation % 2] ?? LOOPER], generation, recent, maxQueued: 10_000 });
    const asked: Promise<readonly [number, Decision]>[] = [];
    const closing: Promise<void>[] = [];
    let current = await next(0);
    for (let generation = 1; generation <= 8; generation += 1) {
      const coming = next(generation);
      for (let ready = false; !ready; ) {
        for (let i = 0; i < 20; i += 1) {
          const { generation: pinned } = current;
          asked.push(current.decide(another()).then((decision) => [pinned, decision] as const));
        }
        ready = await Promise.race([coming.then(() => true), sleep(5).then(() => false)]);
      }
      const old = current;
      current = await coming;
      closing.push(old.close());
      // One that cannot be made changes nothing.
      await expect(
        createGuardedGate({ policies: [withData(LOOPER, {}), bundleOf(new Uint8Array(8))] }),
      ).rejects.toThrow();
    }
    gates.push(current);
    await Promise.all(closing);
    const decisions = await Promise.all(asked);
    expect(decisions.length).toBeGreaterThan(150);
    for (const [pinned, decision] of decisions) {
      expect([decision.generation, decision.policy[0]?.sha256]).toEqual([pinned, bundles[pinned % 2]?.sha256]);
      expect(codes(decision)).toEqual(pinned % 2 === 0 ? [] : ["signer_not_listed"]);
    }
  });
});
