/** What comes out at the writer's end of the compact form is what `auditRecord` says, whatever was judged. */

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Packer } from "../../engine/audit-pack.js";
import { MAX_RECORD_BYTES, Unpacker } from "../../engine/audit-unpack.js";
import { canonicalJson } from "../../engine/policy/canonical.js";
import { auditRecord, createGate, type Judged, type SignatureCheck } from "../../hooks/index.js";
import { DOCUMENTS, launchEvents } from "../support/arbitrary.js";
import { makeEvent } from "../support/events.js";
import { makeSigstruct, makeToken, testSigner } from "../support/sigstructs.js";

/** Packs and unpacks with one pair of ends, in batches as small as they come. */
function pair(signatureCheck?: SignatureCheck, batchBytes = 4096) {
  const unpacker = new Unpacker(signatureCheck);
  const texts: string[] = [];
  const packer = new Packer({
    take: (size) => new ArrayBuffer(Math.max(size, batchBytes)),
    full: (batch, length) => {
      // As after a transfer to another thread: nothing of the sender's can be seen any more.
      unpacker.unpack(structuredClone(batch, { transfer: [batch] }), length, ({ write }) => {
        texts.push(scratch.toString("utf8", 7, write(scratch, 7)));
      });
    },
  });
  return {
    packer,
    take: () => {
      packer.flush();
      return texts.splice(0).map((text) => JSON.parse(`${text}}`));
    },
  };
}

const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));
const recordOf = (judged: Judged, options = {}) => ({ kind: "decision", ...asJson(auditRecord(judged, options)) });
const gate = createGate({ data: [{ version: 1, signers: { [testSigner()]: { name: "the tests' author" } } }] });

const scratch = Buffer.alloc(MAX_RECORD_BYTES + 4096);

describe("records come out of the compact form as they are:", () => {
  const { packer, take } = pair();
  const process = { pid: 7, tid: 8, uid: 0, gid: 0, comm: 'a"b\\\n', exe: "/ü/\ud800", cgroup: null };
  const native = makeEvent().origin;
  const events: readonly (readonly [string, unknown])[] = [
    ["an allow", makeEvent()],
    ["the same once more", makeEvent({ id: null, time: 0 })],
    ["a denial with a verified signature", makeEvent({ sigstruct: makeSigstruct({}, "stranger") })],
    ["a malformed SIGSTRUCT", makeEvent({ sigstruct: new Uint8Array(7) })],
    ["a huge SIGSTRUCT", makeEvent({ sigstruct: new Uint8Array(65_536) })],
    ["no event at all", 42],
    ["a hook without SIGSTRUCT", makeEvent({ hook: "enclave_create", sigstruct: null, secs: null })],
    ["a token", makeEvent({ token: makeToken() })],
    ["a malformed token", makeEvent({ token: new Uint8Array(0) })],
    ["a process with an odd name", makeEvent({ id: "\u2028\ud800é", origin: { ...native, process } })],
    ["another of the same pid", makeEvent({ origin: { ...native, process: { ...process, uid: 1 } } })],
    ["a guest", makeEvent({ origin: { ...native, kind: "kvm", vm: { id: "vm", name: null }, guest: null } })],
    ["a deadline", makeEvent({ deadline_ms: 5, synthetic: false })],
  ];

  test.each(events)("%s", (_, event) => {
    const judged = gate.judge(event);
    packer.decision(judged);
    expect(take()).toEqual([recordOf(judged)]);
  });

  test("metrics, those that are no numbers too", () => {
    const judged = gate.judge(makeEvent());
    const metrics = { timer_ns: 12.5, 'od"d': Number.NaN };
    packer.decision(judged, metrics);
    expect(take()).toEqual([recordOf(judged, { metrics })]);
  });

  test("notes, among decisions and in their order", () => {
    const judged = gate.judge(makeEvent());
    packer.note('{"kind":"started","who":"é"');
    packer.decision(judged);
    packer.note('{"kind":"stopped"');
    expect(take()).toEqual([{ kind: "started", who: "é" }, recordOf(judged), { kind: "stopped" }]);
  });

  test("reasons too long for a record without what makes them long", () => {
    const reasons = [{ code: "talkative", message: "m".repeat(1000), module: "policy", more: "x".repeat(300_000) }];
    const judged = gate.judge(makeEvent());
    const decision = Object.create(judged.decision, { reasons: { value: Object.freeze(reasons) } });
    for (const shortened of [decision, Object.create(decision, { reasons: { value: [] } })]) {
      Object.defineProperty(shortened, "decision", { value: "deny" });
      for (const name of ["policy", "generation", "decision_id", "warnings", "would_deny"] as const)
        Object.defineProperty(shortened, name, { value: judged.decision[name] });
      packer.decision({ ...judged, decision: shortened });
    }
    const [long, short] = take();
    expect(long).toMatchObject({
      shortened: true,
      result: { reasons: [{ code: "talkative", message: "m".repeat(64), module: "policy" }] },
    });
    expect(Object.keys(short)).not.toContain("shortened");
  });
});

test("no record is longer than a line may be, whatever a policy says and a source claims", () => {
  const { packer, take } = pair("never", 65_536);
  const wide = "\u0001\u20ac".repeat(2048);
  const process = { pid: 1, tid: 1, uid: 0, gid: 0, comm: wide.slice(0, 64), exe: wide, cgroup: wide };
  const origin = { ...makeEvent().origin, process, vm: { id: wide.slice(0, 256), name: wide.slice(0, 256) } };
  const structures = { sigstruct: new Uint8Array(65_536), token: new Uint8Array(65_536) };
  const judged = gate.judge(makeEvent({ ...structures, origin, id: wide.slice(0, 256) }));
  const reasons = Array.from({ length: 256 }, () => ({
    code: "c".repeat(64),
    message: "\u0001".repeat(1024),
    module: "m".repeat(64),
  }));
  const within = [{ code: "c", message: "\u20ac".repeat(74_000), module: "m" }];
  const policies = Array.from({ length: 64 }, (_, n) => ({ name: `p${n}`, sha256: "0".repeat(64), revision: wide }));
  for (const said of [reasons, within]) {
    const { decision_id, generation } = judged.decision;
    const fields = {
      decision: "deny",
      decision_id,
      generation,
      policy: policies,
      reasons: said,
      warnings: said,
      would_deny: said,
    };
    packer.decision({ ...judged, decision: fields as never });
  }
  for (const record of take()) {
    expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThan(MAX_RECORD_BYTES);
    expect(record).toMatchObject({ shortened: true, input: { origin: { process: { exe: wide } } } });
    expect(record.result.policy).toHaveLength(64);
  }
});

test("of whatever is judged, by whatever rules, in whatever order, with slots used again and again", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...DOCUMENTS),
      fc.array(launchEvents, { minLength: 1, maxLength: 40 }),
      fc.constantFrom<SignatureCheck[]>("before_logging_deny", "never"),
      fc.constantFrom(256, 65_536),
      (data, events, signatureCheck, batchBytes) => {
        const gate = createGate({ profile: "baseline", data: [data], signatureCheck });
        const { packer, take } = pair(signatureCheck, batchBytes);
        const judged = [...events, ...events].map((event) => gate.judge(event));
        for (const one of judged) packer.decision(one);
        expect(take()).toEqual(judged.map((one) => recordOf(one, { signatureCheck })));
      },
    ),
    { numRuns: 40 },
  );
});

test("more SIGSTRUCTs than there are slots", () => {
  const { packer, take } = pair("never", 65_536);
  const base = makeSigstruct();
  const events = Array.from({ length: 2500 }, (_, n) => {
    const sigstruct = base.slice();
    new DataView(sigstruct.buffer).setUint32(960, n % 1700);
    return makeEvent({ sigstruct });
  });
  const judged = events.map((event) => gate.judge(event));
  for (const one of judged) packer.decision(one);
  expect(take()).toEqual(judged.map((one) => recordOf(one, { signatureCheck: "never" })));
});

test("the digest of an event is that of its RFC 8785 form", () => {
  fc.assert(
    fc.property(launchEvents, (event) => {
      const { input, event_sha256 } = auditRecord(gate.judge(event));
      const canonical = canonicalJson(asJson(input));
      expect(event_sha256).toBe(createHash("sha256").update(canonical).digest("hex"));
    }),
    { numRuns: 200 },
  );
});
