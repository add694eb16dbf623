/**
 * The quick ways answer as the plain ones do: taking an event over, the checks of EINIT, and what a policy answered before.
 * Each is held against the plain way on tens of thousands of generated events.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventToJson, takeEvent } from "../engine/event.js";
import { createPolicy } from "../engine/policy/evaluate.js";
import { takeQuickly } from "../engine/quick-event.js";
import { isPlain, Recent } from "../engine/recent.js";
import {
  type Answer,
  checkEinit,
  createGate,
  decodeLaunch,
  decodeSigstruct,
  encodeSigstruct,
  inputOf,
  isUnremarkable,
  type JsonObject,
  type LaunchEvent,
  makeBundle,
  shippedPolicy,
  sigstructFindings,
} from "../hooks/index.js";
import { DOCUMENTS, launchEvents, MRENCLAVES, NOW } from "./support/arbitrary.js";
import { makeEvent, makeSecs } from "./support/events.js";
import { policyOf } from "./support/policies.js";
import { makeSigstruct, makeToken, testSigner } from "./support/sigstructs.js";

describe("an event taken over quickly is the event taken over thoroughly", () => {
  test("for events of every kind", () => {
    const recent = new Recent();
    let quick = 0;
    fc.assert(
      fc.property(launchEvents, (event) => {
        const taken = takeQuickly(event, recent);
        if (taken === null) return;
        quick += 1;
        expect(eventToJson(taken)).toEqual(eventToJson(takeEvent(event)));
      }),
      { numRuns: 5000 },
    );
    expect(quick).toBeGreaterThan(4000);
  });

  /** Values that some field or other takes, and some that none does. */
  const odd = fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 32,
    Number.NaN,
    "",
    "native",
    "0x4",
    "0xG",
    "0x12345678901234567",
    "a".repeat(64),
    "a".repeat(300),
    [],
    {},
    { flags: "0x1", xfrm: "0x3" },
    new Uint8Array(304),
    new Uint8Array(1808),
    new Uint8Array(1807),
    1n,
    Symbol("x"),
  );

  /** All paths of an event. */
  const paths = (value: unknown, at: readonly string[] = []): readonly (readonly string[])[] =>
    typeof value === "object" && value !== null && !ArrayBuffer.isView(value)
      ? Object.entries(value).flatMap(([key, inner]) => [[...at, key], ...paths(inner, [...at, key])])
      : [];

  const whole = makeEvent({
    token: makeToken(),
    secs: makeSecs({ attributes_allowed: { flags: "0x6", xfrm: "0x7" }, configid: "00".repeat(64), configsvn: 1 }),
    origin: {
      kind: "native",
      enforcement: "kernel",
      process: { pid: 1, tid: 1, uid: 0, gid: 0, comm: "x", exe: "/x", cgroup: null },
      vm: { id: "vm1", name: "one" },
      guest: null,
    },
  });
  const places = paths(whole);

  function changed(
    event: unknown,
    [key = "", ...rest]: readonly string[],
    how: (object: Record<string, unknown>, key: string) => void,
  ): unknown {
    const copy = { ...(event as Record<string, unknown>) };
    if (rest.length === 0) how(copy, key);
    else copy[key] = changed(copy[key], rest, how);
    return copy;
  }

  test("or is left to it, whatever one changes, leaves out or adds", () => {
    const recent = new Recent();
    const taken = (take: () => unknown): unknown => {
      try {
        return take();
      } catch {
        return "refused";
      }
    };
    for (const place of places) {
      const variants = [
        changed(whole, place, (object, key) => delete object[key]),
        changed(whole, place, (object, key) => Object.assign(object, { [`${key}x`]: 1 })),
        ...fc
          .sample(odd, { numRuns: 60, seed: 7 })
          .map((value) => changed(whole, place, (object, key) => Object.assign(object, { [key]: value }))),
      ];
      for (const variant of variants) {
        const quick = taken(() => takeQuickly(variant, recent));
        if (quick === null || quick === "refused") continue;
        const thorough = taken(() => eventToJson(takeEvent(variant)));
        expect([place, eventToJson(quick as ReturnType<typeof takeEvent>)]).toEqual([place, thorough]);
      }
    }
    expect(takeQuickly(whole, recent)).not.toBeNull();
  });

  test("reads each property once", () => {
    const reads = new Map<string, number>();
    const watch = (value: unknown, path: string): unknown =>
      typeof value === "object" && value !== null && !ArrayBuffer.isView(value)
        ? new Proxy(value, {
            get: (target, key) => {
              reads.set(`${path}.${String(key)}`, (reads.get(`${path}.${String(key)}`) ?? 0) + 1);
              return watch(Reflect.get(target, key), `${path}.${String(key)}`);
            },
          })
        : value;
    expect(takeQuickly(watch(whole, "event"), new Recent())).not.toBeNull();
    expect([...reads.values()].every((count) => count === 1)).toBe(true);
    expect(reads.size).toBe(places.length);
  });
});

describe("a launch that is unremarkable", () => {
  test("is one that the table of EINIT's checks does not refuse, and in which there is nothing to find", () => {
    let unremarkable = 0;
    fc.assert(
      fc.property(launchEvents, fc.boolean(), (event, flc) => {
        const launch = decodeLaunch(takeEvent(event), "never");
        const lepubkeyhash = flc ? null : event.platform.lepubkeyhash;
        if (!isUnremarkable(launch, lepubkeyhash)) return;
        unremarkable += 1;
        const { sigstruct, token, secs, mrsigner, signature } = launch;
        if (sigstruct === null || mrsigner === null) throw new Error("no SIGSTRUCT");
        expect(sigstructFindings(sigstruct)).toEqual([]);
        const { refusal } = checkEinit({
          sigstruct,
          token,
          attributes: secs?.attributes ?? null,
          attributes_known: secs?.attributes_known ?? null,
          attributes_allowed: secs?.attributes_allowed ?? null,
          miscselect: secs?.miscselect ?? null,
          miscselect_known: secs?.miscselect_known ?? null,
          cet_attributes: secs?.cet_attributes ?? null,
          lepubkeyhash,
          mrsigner,
          signature,
        });
        expect(refusal).toBeNull();
      }),
      { numRuns: 20_000 },
    );
    expect(unremarkable).toBeGreaterThan(300);
  });

  test("has a SIGSTRUCT without findings, whichever of its bits is turned", () => {
    const bytes = makeSigstruct();
    const words = (changed: Uint8Array) => new Uint32Array(changed.buffer);
    expect(isPlain(words(new Uint8Array(bytes)))).toBe(true);
    for (let bit = 0; bit < 1808 * 8; bit += 1) {
      const turned = new Uint8Array(bytes);
      turned[bit >> 3] = (turned[bit >> 3] as number) ^ (1 << (bit & 7));
      if (isPlain(words(turned))) expect([bit, sigstructFindings(decodeSigstruct(turned))]).toEqual([bit, []]);
    }
  });

  test("has a DATE that is a day, for every month and day", () => {
    const base = decodeSigstruct(makeSigstruct());
    for (let date = 0x2026_0000; date < 0x2026_1400; date += 1) {
      const bytes = encodeSigstruct({ ...base, date });
      if (isPlain(new Uint32Array(bytes.buffer))) expect(sigstructFindings(decodeSigstruct(bytes))).toEqual([]);
    }
  });
});

const listed = { version: 1, signers: { [testSigner()]: { name: "the tests' author" } } };

describe("what a policy answered before is what it would answer now", () => {
  const cases = ["strict", "baseline", "open"].flatMap((profile) =>
    DOCUMENTS.map((document, at) => [profile, at, document] as const),
  );

  test.each(cases)("under %s with document %i, for thousands of events in any order", (profile, at, document) => {
    const bundle = shippedPolicy({ profile, data: [document] });
    expect(bundle.readsTrusted).toBe(true);
    const judge = createPolicy(bundle).judgeOf("launch/decision");
    const plain = createPolicy(makeBundle({ ...bundle, readsTrusted: false }));
    const recent = new Recent();
    const events = fc.sample(launchEvents, { numRuns: 600, seed: 1000 + at });
    // Each event with measurements of every kind, and all of them twice: the second time from memory.
    for (const event of [...events, ...events]) {
      for (const variant of [event, withName(event, 0x77), withName(event, 0x78), withName(event, 0x79)]) {
        const launch = decodeLaunch(takeEvent(variant, recent), "never");
        const remembered: Answer = judge(launch);
        if (variant !== event && Math.random() < 0.5) continue;
        expect(remembered).toEqual(plain.evaluate("launch/decision", inputOf(launch) as unknown as JsonObject));
      }
    }
  });

  test("and a name that the data knows is not taken for one that it does not", () => {
    const [known = ""] = MRENCLAVES;
    const gate = createGate({ data: [{ ...listed, revoked: { mrenclaves: { [known]: { reason: "leaked" } } } }] });
    for (let round = 0; round < 20; round += 1) {
      for (const byte of [0x77, 0x78, 0x79]) expect(gate.decide(named(byte)).decision).toBe("allow");
      const { decision, reasons } = gate.decide(named(0x11));
      expect([decision, reasons.map(({ code }) => code)]).toEqual(["deny", ["mrenclave_revoked"]]);
    }
  });

  test("names the enclave that was asked about, not the one that was asked about before", () => {
    const launchable = { flags: 0xffff_ffff_ffff_fffdn, xfrm: 0xffff_ffff_ffff_ffffn };
    const gate = createGate({ data: [listed] });
    for (const byte of [0x77, 0x78, 0x79, 0x7a, 0x7b]) {
      const sigstruct = makeSigstruct({ attributemask: launchable, enclavehash: new Uint8Array(32).fill(byte) });
      const [warning] = gate.decide(makeEvent({ sigstruct })).warnings;
      expect(warning?.message).toContain(byte.toString(16).repeat(32));
    }
  });

  test("and a measurement that is another name of the same event is a case of its own, and spoils nothing", () => {
    const signer = Buffer.from(testSigner("stranger"), "hex");
    const bundle = shippedPolicy({ profile: "baseline" });
    const judge = createPolicy(bundle).judgeOf("launch/decision");
    const plain = createPolicy(bundle);
    const launchable = { flags: 0xffff_ffff_ffff_fffdn, xfrm: 0xffff_ffff_ffff_ffffn };
    for (const enclavehash of [1, signer, 2, 3, signer, 4, 5].map((name) =>
      typeof name === "number" ? new Uint8Array(32).fill(0x70 + name) : new Uint8Array(name),
    )) {
      const sigstruct = makeSigstruct({ enclavehash, attributemask: launchable }, "stranger");
      const launch = decodeLaunch(takeEvent(makeEvent({ sigstruct })), "never");
      expect(judge(launch)).toEqual(plain.evaluate("launch/decision", inputOf(launch) as unknown as JsonObject));
    }
  });

  test("and time, grants, origin and SECS are asked about each time", () => {
    const dated = { version: 1, signers: { [testSigner()]: { name: "dated", not_after: "2026-11-22T12:00:00Z" } } };
    const gate = createGate({ data: [dated, { version: 1, origins: { kvm: { enabled: false } } }] });
    const until = Date.parse("2026-11-22T12:00:00Z") / 1000;
    const codes = (event: LaunchEvent) => gate.decide(event).reasons.map(({ code }) => code);
    const { origin } = makeEvent();
    for (let round = 0; round < 3; round += 1) {
      expect(codes(makeEvent({ time: until }))).toEqual([]);
      expect(codes(makeEvent({ time: until + 1 }))).toEqual(["signer_expired"]);
      expect(codes(makeEvent({ time: until, origin: { ...origin, kind: "kvm" }, secs: null }))).toEqual([
        "origin_disabled",
      ]);
    }
  });

  test("of an evaluation that failed nothing is kept", () => {
    const body =
      'decision := {"allow": true, "deny": [], "warn": []} if count(numbers.range(1, input.enclave.isvsvn * 1000)) > 0';
    const rego = `package launch\n# METADATA\n# entrypoint: true\n${body}\n`;
    const gate = createGate({ policies: [policyOf(rego)], limits: { maxMemoryPages: 64 } });
    const greedy = makeEvent({ sigstruct: makeSigstruct({ isvsvn: 65_535 }) });
    for (let round = 0; round < 3; round += 1) {
      expect(gate.decide(greedy).reasons).toMatchObject([{ code: "policy_memory" }]);
      expect(gate.decide(makeEvent()).decision).toBe("allow");
    }
  });

  test("a bundle whose read sets nobody vouches for is asked with everything", () => {
    const bundle = shippedPolicy({ data: [listed] });
    const gate = createGate({
      policies: [makeBundle({ ...bundle, reads: { ...bundle.reads, "launch/decision": [] }, readsTrusted: false })],
    });
    expect(gate.decide(named(0x77)).decision).toBe("allow");
    expect(gate.decide(makeEvent({ sigstruct: makeSigstruct({}, "stranger") })).decision).toBe("deny");
  });
});

/** A listed launch of the enclave whose measurement is this byte 32 times. */
function named(byte: number): LaunchEvent {
  return makeEvent({ time: NOW, sigstruct: makeSigstruct({ enclavehash: new Uint8Array(32).fill(byte) }) });
}

function withName(event: LaunchEvent, byte: number): LaunchEvent {
  const sigstruct = new Uint8Array(event.sigstruct as Uint8Array);
  sigstruct.fill(byte, 960, 992);
  return { ...event, sigstruct };
}

/** What is garbage must not count: when it is collected is the engine's choice, and differs between versions of Node. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

test("memory of what was seen does not grow with what is seen", async () => {
  const gate = createGate({ data: [listed] });
  const bytes = makeSigstruct();
  const event = makeEvent({ sigstruct: bytes });
  const held = async (times: number): Promise<number> => {
    for (let i = 0; i < times; i += 1) {
      new DataView(bytes.buffer).setUint32(960, i);
      new DataView(bytes.buffer).setUint32(516, i * 2_654_435_761);
      gate.decide(event);
    }
    // Buffers are let go of some time after the collector found them.
    const figures: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
      figures.push(process.memoryUsage().arrayBuffers);
    }
    return Math.min(...figures);
  };
  const before = await held(20_000);
  // Copies of all of them would be 108 MB.
  expect((await held(60_000)) - before).toBeLessThan(16 * 1024 * 1024);
});
