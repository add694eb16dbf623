/** What the shipped rules decide of a launch, as WASM: a row per question, under each of the three profiles. */

import { describe, expect, test } from "vitest";
import {
  codesOf,
  decide,
  ENCLAVE,
  EVENT,
  enclave,
  expected,
  guest,
  isInput,
  type Json,
  MRENCLAVE,
  MRSIGNER,
  NOW,
  OTHER,
  over,
  PROFILES,
  signer,
  TOKEN,
  underProfile,
  why,
} from "./inputs.js";

const measured = (listing: Json) => ({ mrenclaves: { [MRENCLAVE]: { name: "app", ...listing } } });
const granted = { grants: { provisionkey: { granted: true, how: "fd" } } };
const passing = (token: Json, lepubkeyhash: string | null) => ({
  origin: guest.origin,
  token: { ...TOKEN, ...token },
  platform: { lepubkeyhash },
});
const excepting = (rule: string, match: Json, expires = NOW + 1) => ({
  exceptions: { x: { rule, match, reason: "for a while", expires } },
});
const publicKey = enclave({ signer: { name: "Intel SDK sample key", key_is_public: true } });
const revoked = (kind: string, key: string, entry: Json = why) => ({ revoked: { [kind]: { [key]: entry } } });

type Row = readonly [about: string, site: Json, event: Json, strict: string, baseline?: string];

const LAUNCHES: readonly Row[] = [
  ["nothing is listed", {}, {}, "+signer_not_listed", ""],
  ["the signer is listed", signer({}), {}, ""],
  ["the measurement is listed", measured({ mrsigner: MRSIGNER, isvprodid: 7, min_isvsvn: 3 }), {}, ""],
  ["another product is listed", signer({ products: { 8: {} } }), {}, "+product_not_listed"],
  ["a higher ISVSVN is listed", signer({ products: { 7: { min_isvsvn: 4 } } }), {}, "+isvsvn_too_low"],
  ["the listing has expired", signer({ not_after: NOW - 1 }), {}, "+signer_expired"],
  [
    "the listing has expired, but the measurement's holds",
    { ...signer({ not_after: NOW - 1 }), ...measured({}) },
    {},
    "",
  ],
  [
    "the measurement is pinned to another signer",
    measured({ mrsigner: OTHER }),
    {},
    "+mrenclave_signer_mismatch +signer_not_listed",
    "+mrenclave_signer_mismatch ~signer_not_listed",
  ],
  ["the signer's key is public", signer({}), publicKey, "+signer_key_public"],
  ["the signer's key is public, the measurement listed", measured({}), publicKey, "+signer_key_public"],
  ["the measurement is revoked", over(signer({}), revoked("mrenclaves", MRENCLAVE)), {}, "+mrenclave_revoked"],
  ["the signer is revoked", over(signer({}), revoked("mrsigners", MRSIGNER)), {}, "+mrsigner_revoked"],
  [
    "the product is revoked up to this ISVSVN",
    over(signer({}), revoked("products", MRSIGNER, { 7: { ...why, max_isvsvn: 3 } })),
    {},
    "+product_revoked",
  ],
  [
    "the product is revoked up to a lower ISVSVN",
    over(signer({}), revoked("products", MRSIGNER, { 7: { ...why, max_isvsvn: 2 } })),
    {},
    "",
  ],
  ["DEBUG is on", signer({}), enclave({ debug: "on" }), "+debug_on"],
  ["DEBUG is on and listed", signer({ debug: true }), enclave({ debug: "on" }), ""],
  ["DEBUG is unknown", signer({}), enclave({ debug: "unknown" }), "+debug_unknown"],
  ["DEBUG is off but free", signer({}), enclave({ debug_launchable: true }), "~debug_launchable"],
  [
    "PROVISIONKEY is neither listed nor granted",
    signer({}),
    enclave({ provisionkey: "on" }),
    "+provisionkey_not_granted +provisionkey_not_listed",
  ],
  [
    "PROVISIONKEY is listed, but not granted",
    signer({ provisionkey: true }),
    enclave({ provisionkey: "on" }),
    "+provisionkey_not_granted",
  ],
  [
    "PROVISIONKEY is unknown",
    signer({}),
    { ...enclave({ provisionkey: "unknown" }), ...granted },
    "+provisionkey_unknown",
  ],
  [
    "PROVISIONKEY is listed and granted",
    signer({ provisionkey: true }),
    { ...enclave({ provisionkey: "on" }), ...granted },
    "",
  ],
  ["EINITTOKENKEY is on", signer({}), enclave({ einittokenkey: "on" }), "+einittokenkey_not_listed"],
  ["EINITTOKENKEY is unknown", signer({}), enclave({ einittokenkey: "unknown" }), "+einittokenkey_unknown"],
  ["EINITTOKENKEY is listed", signer({ einittokenkey: true }), enclave({ einittokenkey: "on" }), ""],
  ["a forbidden bit is on", over(signer({}), { attributes: { forbid: { x87: why } } }), {}, "+attribute_forbidden"],
  [
    "a forbidden bit of FLAGS is unknown",
    over(signer({}), { attributes: { forbid: { kss: why } } }),
    enclave({ bits: { kss: "unknown" } }),
    "+attribute_forbidden_unknown",
  ],
  [
    "a forbidden bit of XFRM is unknown",
    over(signer({}), { attributes: { forbid: { xtiledata: why } } }),
    {},
    "+attribute_forbidden_unknown",
  ],
  ["a required bit is off", over(signer({}), { attributes: { require: { pkru: why } } }), {}, "+attribute_required"],
  [
    "a required bit of XFRM is unknown",
    over(signer({}), { attributes: { require: { avx: why } } }),
    {},
    "+attribute_required_unknown",
  ],
  [
    "the valid token is for another enclave",
    over(signer({}), { lepubkeyhashes: { [OTHER]: {} } }),
    passing({ mismatches: ["mrenclave"] }, OTHER),
    "+token_mismatch",
  ],
  ["the token is not valid", signer({}), passing({ valid: false, mismatches: ["mrenclave"] }, null), ""],
  [
    "a guest's launch enclave hash is unknown",
    signer({}),
    passing({}, null),
    "+lepubkeyhash_unknown",
    "~lepubkeyhash_unknown",
  ],
  [
    "no launch enclave hash is listed",
    signer({}),
    passing({}, OTHER),
    "+lepubkeyhash_none_listed",
    "~lepubkeyhash_none_listed",
  ],
  [
    "another launch enclave hash is listed",
    over(signer({}), { lepubkeyhashes: { [MRSIGNER]: {} } }),
    passing({}, OTHER),
    "+lepubkeyhash_not_listed",
  ],
  ["the origin is closed", over(signer({}), { origins: { native: { enabled: false } } }), {}, "+origin_disabled"],
  ["another origin is closed", over(signer({}), { origins: { kvm: { enabled: false } } }), {}, ""],
  [
    "the VM forbids DEBUG that is listed",
    over(signer({ debug: true }), { vms: { "vm-1": { debug: false } } }),
    { ...guest, ...enclave({ debug: "on" }) },
    "+vm_debug",
  ],
  [
    "the VM lists other signers",
    over(signer({}), { vms: { "vm-1": { mrsigners: { [OTHER]: {} } } } }),
    guest,
    "+vm_signer_not_listed",
  ],
  [
    "an exception lifts the denial",
    over(signer({}), excepting("debug_on", { mrenclave: MRENCLAVE })),
    enclave({ debug: "on" }),
    "~exception_used",
  ],
  [
    "the exception has expired",
    over(signer({}), excepting("debug_on", { mrenclave: MRENCLAVE }, NOW)),
    enclave({ debug: "on" }),
    "+debug_on ~exception_expired",
  ],
  [
    "an exception admits a signer that is not listed",
    excepting("signer_not_listed", { mrsigner: MRSIGNER }),
    {},
    "~exception_used",
    "",
  ],
  [
    "no exception lifts a revocation",
    over(over(signer({}), revoked("mrsigners", MRSIGNER)), excepting("mrsigner_revoked", { mrsigner: MRSIGNER })),
    {},
    "+mrsigner_revoked",
  ],
];

describe.each(PROFILES)("under %s, where", (profile) => {
  for (const [about, site, changes, strict, baseline] of LAUNCHES) {
    test(about, () => {
      const event = over(EVENT, changes);
      expect(isInput(event), JSON.stringify(isInput.errors)).toBe(true);
      const answer = codesOf(decide("launch/decision", profile, site, event));
      expect(answer).toEqual(expected(underProfile(profile, strict, baseline)));
    });
  }
});

test("nothing is allowed where a fact is missing from the event, not even a listed enclave", () => {
  const keys = Object.keys(ENCLAVE).filter((key) => !["kss", "signer", "debug_launchable"].includes(key));
  for (const key of keys) {
    const rest = Object.fromEntries(Object.entries(ENCLAVE).filter(([name]) => name !== key));
    for (const profile of ["strict", "baseline"]) {
      expect(decide("launch/decision", profile, signer({}), { ...EVENT, enclave: rest }).allow, key).toBe(false);
    }
  }
});

test("a guest's launch gets the host's answer where the data names neither origins nor VMs", () => {
  for (const [, site, changes] of LAUNCHES.filter(([, site, event]) => !("vms" in site || "origin" in event))) {
    if ("origins" in site) continue;
    for (const profile of ["strict", "baseline", "open"]) {
      const event = over(EVENT, changes);
      const native = decide("launch/decision", profile, site, event);
      expect(decide("launch/decision", profile, site, over(event, guest))).toEqual(native);
    }
  }
});
