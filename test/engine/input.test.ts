import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createGate, decodeLaunch, inputOf, type LaunchEvent, launchBits, takeEvent } from "../../hooks/index.js";
import { DOCUMENTS, launchEvents } from "../support/arbitrary.js";
import { makeEvent, makeSecs } from "../support/events.js";
import { makeSigstruct, makeToken, testSigner } from "../support/sigstructs.js";

function schema(name: string) {
  const ajv = new Ajv({ strict: false, allErrors: true });
  return ajv.compile(JSON.parse(readFileSync(`policies/schema/${name}.schema.json`, "utf8")));
}
const inputSchema = schema("input");
const inputFor = (event: LaunchEvent) => inputOf(decodeLaunch(takeEvent(event)));

describe("Input", () => {
  test("fits its schema for every event, with every key present", () => {
    fc.assert(
      fc.property(launchEvents, (event) => {
        inputSchema(inputFor(event));
        expect(inputSchema.errors).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    makeEvent({ hook: "enclave_create", sigstruct: null }),
    makeEvent({ hook: "enclave_provision", sigstruct: null, secs: null }),
    makeEvent({
      hook: "vm_epc",
      sigstruct: null,
      secs: null,
      origin: { ...makeEvent().origin, vm: { id: "vm1", name: null } },
    }),
    makeEvent({
      hook: "vm_provision",
      sigstruct: null,
      secs: null,
      origin: { ...makeEvent().origin, vm: { id: "vm1", name: null } },
    }),
  ])("fits its schema for hook $hook", (event) => {
    inputSchema(inputFor(event));
    expect(inputSchema.errors).toBeNull();
  });

  test("has integers within 53 bits, and no bit as a number", () => {
    const numbers: number[] = [];
    JSON.stringify(inputFor(makeEvent({ token: makeToken() })), (_, value) => {
      if (typeof value === "number") numbers.push(value);
      return value;
    });
    expect(numbers.length).toBeGreaterThan(5);
    expect(numbers.every(Number.isSafeInteger)).toBe(true);
  });

  test("says who signed, by MRSIGNER", () => {
    expect(inputFor(makeEvent()).enclave?.mrsigner).toBe(testSigner());
  });
});

const PINNED = 0xffff_ffff_ffff_ffffn;
const BUT_DEBUG = 0xffff_ffff_ffff_fffdn;
const free = (flags: bigint) =>
  makeSigstruct({ attributes: { flags, xfrm: 3n }, attributemask: { flags: BUT_DEBUG, xfrm: PINNED } });

describe("debug is", () => {
  test.each([
    [
      "on where the SECS says so",
      makeEvent({ sigstruct: free(4n), secs: makeSecs({ attributes: { flags: "0x6", xfrm: "0x3" } }) }),
      "on",
    ],
    ["off where the SECS says so", makeEvent({ sigstruct: free(6n) }), "off"],
    ["unknown where neither SECS nor mask tells", makeEvent({ sigstruct: free(4n), secs: null }), "unknown"],
    [
      "unknown where the SIGSTRUCT has it set but not in its mask",
      makeEvent({ sigstruct: free(6n), secs: null }),
      "unknown",
    ],
    ["off where the mask pins it off", makeEvent({ secs: null }), "off"],
    [
      "on where the mask pins it on",
      makeEvent({ sigstruct: makeSigstruct({ attributes: { flags: 6n, xfrm: 3n } }), secs: null }),
      "on",
    ],
    ["off where a valid token says so", makeEvent({ sigstruct: free(4n), secs: null, token: makeToken() }), "off"],
    [
      "unknown where the token is not valid",
      makeEvent({ sigstruct: free(4n), secs: null, token: makeToken({ valid: 0 }) }),
      "unknown",
    ],
    [
      "off where the platform cannot grant it",
      makeEvent({
        sigstruct: free(4n),
        secs: makeSecs({
          attributes_known: { flags: "0x0", xfrm: "0x0" },
          attributes_allowed: { flags: "0x4", xfrm: "0x3" },
        }),
      }),
      "off",
    ],
    [
      "unknown where the platform can grant it",
      makeEvent({
        sigstruct: free(4n),
        secs: makeSecs({
          attributes_known: { flags: "0x0", xfrm: "0x0" },
          attributes_allowed: { flags: "0x6", xfrm: "0x3" },
        }),
      }),
      "unknown",
    ],
  ] as const)("%s", (_, event, expected) => {
    expect(inputFor(event).enclave?.debug).toBe(expected);
  });
});

describe("knowing less", () => {
  /** The event without the SECS bits outside `keep`. */
  const forget = (event: LaunchEvent, keep: bigint): LaunchEvent => {
    if (event.secs === null) return event;
    const known = event.secs.attributes_known;
    const less = (word: string) => `0x${(BigInt(word) & keep).toString(16)}`;
    return {
      ...event,
      secs: { ...event.secs, attributes_known: { flags: less(known.flags), xfrm: less(known.xfrm) } },
    };
  };

  test("turns bits to unknown, or leaves what mask, token or bounds tell; never from on to off where EINIT can succeed", () => {
    fc.assert(
      fc.property(launchEvents, fc.bigInt(0n, PINNED), (event, keep) => {
        const before = decodeLaunch(takeEvent(event), "never");
        const after = launchBits(decodeLaunch(takeEvent(forget(event, keep)), "never"));
        if (
          createGate({ policies: [] })
            .decide(event)
            .reasons.some(({ code }) => code.startsWith("SGX_"))
        )
          return;
        const allowed = before.secs?.attributes_allowed;
        if (allowed !== null && allowed !== undefined) return; // bounds that contradict the SECS prove nothing
        for (const [bit, value] of Object.entries(launchBits(before))) {
          expect([value, "unknown"]).toContain(after[bit as keyof typeof after]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("never turns deny into allow, under any profile, where EINIT could succeed", () => {
    const gates = ["strict", "baseline", "open"].flatMap((profile) =>
      DOCUMENTS.map((document) => createGate({ profile, data: [document] })),
    );
    let compared = 0;
    fc.assert(
      fc.property(launchEvents, fc.bigInt(0n, PINNED), fc.nat(gates.length - 1), (event, keep, at) => {
        const gate = gates[at] as (typeof gates)[number];
        const before = gate.decide({ ...event, secs: event.secs && { ...event.secs, attributes_allowed: null } });
        // Where the known bits contradict the SIGSTRUCT, EINIT refuses: forgetting them hides that from us, not from the CPU.
        if (before.reasons.some(({ code }) => code.startsWith("SGX_"))) return;
        const after = gate.decide(
          forget({ ...event, secs: event.secs && { ...event.secs, attributes_allowed: null } }, keep),
        );
        compared += 1;
        expect([before.decision, after.decision]).not.toEqual(["deny", "allow"]);
      }),
      { numRuns: 6000 },
    );
    expect(compared).toBeGreaterThan(300);
  });
});
