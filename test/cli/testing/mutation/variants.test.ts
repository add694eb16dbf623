import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limitsIn } from "../../../../cli/testing/mutation/limits.js";
import type { Variant } from "../../../../cli/testing/mutation/variant.js";
import { variantsOf } from "../../../../cli/testing/mutation/variants.js";
import {
  ATTRIBUTE_FLAGS,
  createGate,
  decodeLaunch,
  decodeSigstruct,
  HOOKS,
  inputOf,
  type JsonObject,
  type LaunchEvent,
  mrsignerOf,
  type Sigstruct,
  sealSigstruct,
  takeEvent,
  verifySignature,
  XFRM_FEATURES,
} from "../../../../hooks/index.js";
import { launchEvents } from "../../../support/arbitrary.js";
import { makeEvent, makeSecs } from "../../../support/events.js";
import { makeSigstruct, makeToken, testKey, testSigner } from "../../../support/sigstructs.js";

const LIMITS = { times: [1_795_300_000, 1_900_000_000], isvsvns: [0, 2, 65_535] };

function idsOf(event: LaunchEvent, limits = { times: [], isvsvns: [] } as typeof LIMITS): readonly string[] {
  return variantsOf(event, { limits }).map(({ id }) => id);
}

function variantOf(event: LaunchEvent, id: string): Variant {
  const found = variantsOf(event, { limits: LIMITS }).find((variant) => variant.id === id);
  if (found === undefined) throw new Error(`there is no variant ${id}`);
  return found;
}

/** The Input document, which has every field under the name that variants use. */
function documentOf(event: LaunchEvent): JsonObject {
  return inputOf(decodeLaunch(takeEvent(event), "never")) as unknown as JsonObject;
}

function at(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key] ?? null, document);
}

/** Where the Input document does not say it by the same name. */
const SAID_AS: Readonly<Record<string, string>> = {
  "sigstruct.miscselect.exinfo": "sigstruct.miscselect",
  "sigstruct.miscselect.cpinfo": "sigstruct.miscselect",
  "sigstruct.miscmask.exinfo": "sigstruct.miscmask",
  "sigstruct.miscmask.cpinfo": "sigstruct.miscmask",
};

describe("of any launch", () => {
  test("every variant is a LaunchEvent with an id of its own, and says something else than its parent where it says so", () => {
    fc.assert(
      fc.property(launchEvents, (event) => {
        const parent = documentOf(event);
        const variants = variantsOf(event, { limits: LIMITS });
        expect(new Set(variants.map(({ id }) => id)).size).toBe(variants.length);
        for (const variant of variants) {
          const document = documentOf(variant.event);
          expect(document, variant.id).not.toEqual(parent);
          // Of a token, the Input document says most of the fields and the digest of all.
          const said = variant.field.startsWith("token") ? "token" : (SAID_AS[variant.field] ?? variant.field);
          const path = said.replace("attributes_allowed.bits", "attributes.bits").split(".");
          const bounds = variant.field.startsWith("secs.attributes_allowed");
          if (!bounds) expect(at(document, path), variant.id).not.toEqual(at(parent, path));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("a variant differs from its parent in nothing that does not follow", () => {
    const follows: Readonly<Record<string, readonly string[]>> = {
      sigstruct: ["enclave", "secs", "token", "platform", "grants"],
      secs: ["enclave", "token"],
      token: ["enclave"],
      origin: ["enclave", "secs", "token", "platform"],
      grants: [],
      platform: [],
      time: [],
    };
    fc.assert(
      fc.property(launchEvents, (event) => {
        const parent = documentOf(event);
        for (const { id, field, event: changed } of variantsOf(event, { limits: LIMITS })) {
          const root = field.split(".")[0] ?? "";
          const document = documentOf(changed);
          const different = Object.keys(parent).filter(
            (key) => JSON.stringify(parent[key]) !== JSON.stringify(document[key]),
          );
          expect([root, ...(follows[root] ?? [])], id).toEqual(expect.arrayContaining(different));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("the same event has the same variants, in the same order", () => {
    fc.assert(
      fc.property(launchEvents, (event) => {
        expect(variantsOf(event, { limits: LIMITS })).toEqual(variantsOf(event, { limits: LIMITS }));
      }),
      { numRuns: 5 },
    );
  });
});

test("every defined bit of ATTRIBUTES and of its mask has a variant", () => {
  const bits = [...Object.keys(ATTRIBUTE_FLAGS), ...Object.keys(XFRM_FEATURES)];
  const fields = new Set(variantsOf(makeEvent()).map(({ field }) => field));
  const expected = bits.flatMap((bit) => [`sigstruct.attributes.bits.${bit}`, `sigstruct.attributemask.bits.${bit}`]);
  expect(expected.filter((field) => !fields.has(field))).toEqual([]);
});

describe("a launch that gains something is weaker, one that loses something stronger", () => {
  const DEBUGGED = makeEvent({
    sigstruct: makeSigstruct({ attributes: { flags: 0x36n, xfrm: 3n }, attributemask: { flags: 0n, xfrm: 0n } }),
    secs: makeSecs({ attributes: { flags: "0x6", xfrm: "0x3" } }),
    grants: { provisionkey: { granted: true, how: "fd" } },
  });
  const DIRECTIONS: readonly (readonly [LaunchEvent, string, Variant["direction"]])[] = [
    [makeEvent(), "sigstruct.attributes.bits.debug:on", "weaker"],
    [makeEvent(), "sigstruct.attributes.bits.provisionkey:granted", "weaker"],
    [makeEvent(), "sigstruct.attributemask.bits.debug:off", "other"],
    [makeEvent({ secs: null }), "sigstruct.attributemask.bits.debug:off", "weaker"],
    [makeEvent(), "sigstruct.attributemask.bits.avx:off", "other"],
    [makeEvent(), "sigstruct.attributes.bits.mode64bit:off", "other"],
    [makeEvent(), "sigstruct.isvsvn:0", "weaker"],
    [makeEvent(), "sigstruct.isvsvn:2", "stronger"],
    [makeEvent(), "sigstruct.mrsigner:other", "weaker"],
    [makeEvent(), "sigstruct.isvprodid:0", "other"],
    [makeEvent(), "grants.provisionkey:granted", "other"],
    [makeEvent(), "origin.kind:kvm", "other"],
    [DEBUGGED, "sigstruct.attributes.bits.debug:off", "stronger"],
    [{ ...DEBUGGED, secs: null }, "sigstruct.attributemask.bits.debug:on", "stronger"],
    [DEBUGGED, "secs.attributes.bits.debug:off", "stronger"],
    [DEBUGGED, "secs.attributes.bits.provisionkey:on", "weaker"],
    [DEBUGGED, "grants.provisionkey:removed", "stronger"],
  ];
  test.each(DIRECTIONS)("%#: %s", (event, id, direction) => {
    expect(variantOf(event, id).direction).toBe(direction);
  });
});

test("what the launch must then have, it has, so that it is the policies that are asked and not the CPU", () => {
  const event = makeEvent({ token: makeToken(), origin: { ...makeEvent().origin, kind: "file" } });
  const gate = createGate({ profile: "open", signatureCheck: "never" });
  for (const id of ["sigstruct.attributes.bits.debug:on", "sigstruct.enclavehash:other", "sigstruct.mrsigner:other"]) {
    expect(gate.decide(variantOf(event, id).event).reasons, id).toEqual([]);
  }
  const { secs, token } = documentOf(variantOf(event, "sigstruct.attributes.bits.debug:on").event);
  expect(at(secs, ["attributes", "bits", "debug"])).toBe("on");
  expect(at(token, ["mismatches"])).toEqual([]);
});

test("a launch enclave hash that is the signer's stays the signer's", () => {
  const platform = { flc: true, lepubkeyhash: testSigner() };
  const { event } = variantOf(makeEvent({ platform }), "sigstruct.mrsigner:other");
  expect(event.platform.lepubkeyhash).toBe(
    mrsignerOf(decodeSigstruct(takeEvent(event).sigstruct as Uint8Array).modulus),
  );
});

test("a guest's launch has no SECS, a native one all of it and no token", () => {
  const guest = variantOf(makeEvent(), "origin.kind:kvm").event;
  expect(guest).toMatchObject({ origin: { kind: "kvm", vm: { id: "variant" } }, secs: null });
  const native = variantOf({ ...guest, token: makeToken() }, "origin.kind:native").event;
  expect(native).toMatchObject({ origin: { kind: "native", vm: null }, token: null });
  expect(native.secs).toMatchObject({ attributes: { flags: "0x0000000000000004", xfrm: "0x0000000000000003" } });
});

test("there are variants on both sides of every line that the data draws", () => {
  const data = {
    launchgate: {
      signers: { a: { products: { 1: { min_isvsvn: 3 } }, not_before: 1_800_000_000, not_after: 1_900_000_000 } },
      exceptions: { x: { expires: 1_850_000_000 } },
      revoked: { products: { a: { 1: { max_isvsvn: 5 } } } },
    },
    fleet: [{ min_isvsvn: 9 }, { min_isvsvn: "many", not_after: "2026-01-01T00:00:00Z" }],
  };
  const limits = limitsIn(data);
  expect(limits).toEqual({ times: [1_800_000_000, 1_850_000_000, 1_900_000_000], isvsvns: [3, 5, 9] });
  const ids = idsOf(makeEvent({ sigstruct: makeSigstruct({ isvsvn: 4 }) }), limits as typeof LIMITS);
  expect(ids.filter((id) => id.startsWith("sigstruct.isvsvn")).sort()).toEqual(
    [0, 10, 2, 3, 5, 6, 8, 9].map((isvsvn) => `sigstruct.isvsvn:${isvsvn}`).sort(),
  );
  expect(ids.filter((id) => /^time:1[78]/.test(id))).toEqual(
    [1_799_999_999, 1_800_000_000, 1_800_000_001, 1_849_999_999, 1_850_000_000, 1_850_000_001, 1_899_999_999].map(
      (time) => `time:${time}`,
    ),
  );
});

test("numbers stay within their fields", () => {
  const highest = makeEvent({
    sigstruct: makeSigstruct({ isvsvn: 65_535, isvprodid: 65_535 }),
    secs: makeSecs({ configsvn: 65_535 }),
  });
  const ids = idsOf(highest, LIMITS);
  expect(ids.filter((id) => /:(65536|-1)$/.test(id))).toEqual([]);
  expect(
    idsOf(makeEvent({ sigstruct: makeSigstruct({ isvsvn: 0, isvprodid: 0 }) })).filter((id) => /:-1$/.test(id)),
  ).toEqual([]);
});

test("every field of a token has a variant, and none where a launch has no token to pass", () => {
  const ids = idsOf(makeEvent({ token: makeToken() })).filter((id) => id.startsWith("token"));
  expect(ids).toEqual([
    "token:absent",
    "token.valid:off",
    "token.valid:upper",
    ...[
      "reserved1",
      "attributes",
      "mrenclave",
      "reserved2",
      "mrsigner",
      "reserved3",
      "cpusvnle",
      "isvprodidle",
      "isvsvnle",
      "reserved4",
      "maskedmiscselectle",
      "maskedattributesle",
      "keyid",
      "mac",
    ].map((name) => `token.${name}:other`),
  ]);
  expect(idsOf(makeEvent()).filter((id) => id.startsWith("token"))).toEqual([]);
  const guest = variantOf(makeEvent(), "origin.kind:kvm").event;
  expect(idsOf(guest).filter((id) => id.startsWith("token"))).toEqual(["token:present"]);
});

test("signed anew, a variant's signature holds, and another signer's is another's", () => {
  const resign = ({ modulus: _, signature: __, q1: ___, q2: ____, ...unsigned }: Sigstruct, signer: "own" | "other") =>
    sealSigstruct(testKey(signer === "own" ? "author" : "stranger"), unsigned);
  const variants = variantsOf(makeEvent(), { resign }).filter(({ field }) =>
    /^sigstruct\.(isvsvn|mrsigner)$/.test(field),
  );
  const signed = variants.map(({ id, event }) => {
    const bytes = takeEvent(event).sigstruct as Uint8Array;
    return [id, verifySignature(bytes), mrsignerOf(decodeSigstruct(bytes).modulus)];
  });
  expect(signed.map(([id, , signer]) => [id, signer])).toEqual([
    ["sigstruct.isvsvn:0", testSigner()],
    ["sigstruct.isvsvn:2", testSigner()],
    ["sigstruct.mrsigner:other", testSigner("stranger")],
  ]);
  expect(signed.map(([, verified]) => JSON.stringify(verified))).toEqual(
    signed.map(() => JSON.stringify(verifySignature(makeSigstruct()))),
  );
});

test("events of every hook have variants, and malformed structures none", () => {
  const vm = { ...makeEvent().origin, kind: "kvm", vm: { id: "a", name: null } } as const;
  for (const hook of HOOKS.filter((name) => name !== "enclave_init")) {
    const secs = hook.startsWith("vm") ? null : makeSecs();
    const event = makeEvent({ hook, sigstruct: null, secs, origin: vm });
    const variants = variantsOf(event);
    expect(
      variants.map(({ field }) => field),
      hook,
    ).toContain("grants.provisionkey");
    for (const variant of variants) expect(() => takeEvent(variant.event), `${hook} ${variant.id}`).not.toThrow();
  }
  const short = makeEvent({ sigstruct: new Uint8Array(1807), token: new Uint8Array(303) });
  expect(idsOf(short).filter((id) => /^(sigstruct|token)/.test(id))).toEqual([]);
  expect(() => variantsOf({ ...makeEvent(), time: -1 })).toThrow("time");
});
