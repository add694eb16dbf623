/** What the shipped rules decide before EINIT, as WASM, and what holds for the entrypoints of all hooks. */

import { describe, expect, test } from "vitest";
import {
  answerWith,
  codesOf,
  decide,
  type Entrypoint,
  EVENT,
  enclave,
  expected,
  guest,
  isInput,
  type Json,
  over,
  PROFILES,
  SECS,
  SITE,
  signer,
  underProfile,
  why,
} from "./inputs.js";

const NOBODY = {
  mrenclave: null,
  mrsigner: null,
  isvprodid: null,
  isvsvn: null,
  isvfamilyid: null,
  isvextprodid: null,
};
const HOOKS = {
  "enclave/create": {
    ...over(EVENT, { hook: "enclave_create", enclave: { ...NOBODY, debug_launchable: null } }),
    sigstruct: null,
    secs: SECS,
  },
  "enclave/provision": { ...EVENT, hook: "enclave_provision", sigstruct: null, enclave: null },
  "vm/epc": { ...over(EVENT, guest), hook: "vm_epc", sigstruct: null, enclave: null },
  "vm/provision": { ...over(EVENT, guest), hook: "vm_provision", sigstruct: null, enclave: null },
} as const satisfies Partial<Record<Entrypoint, Json>>;

type Row = readonly [
  hook: keyof typeof HOOKS,
  about: string,
  site: Json,
  event: Json,
  strict: string,
  baseline?: string,
];

const OTHER_HOOKS: readonly Row[] = [
  ["enclave/create", "nothing is listed", {}, {}, ""],
  ["enclave/create", "DEBUG is on, which nobody may have", signer({}), enclave({ debug: "on" }), "+debug_on"],
  ["enclave/create", "DEBUG is on, which somebody may have", signer({ debug: true }), enclave({ debug: "on" }), ""],
  [
    "enclave/create",
    "PROVISIONKEY and EINITTOKENKEY are on, which nobody may have",
    {},
    enclave({ provisionkey: "on", einittokenkey: "on" }),
    "+einittokenkey_not_listed +provisionkey_not_listed",
  ],
  ["enclave/create", "a forbidden bit is on", { attributes: { forbid: { sse: why } } }, {}, "+attribute_forbidden"],
  ["enclave/provision", "nobody may have PROVISIONKEY", signer({}), {}, "+provisionkey_not_listed"],
  ["enclave/provision", "somebody may have PROVISIONKEY", signer({ provisionkey: true }), {}, ""],
  [
    "enclave/provision",
    "the origin forbids PROVISIONKEY",
    over(signer({ provisionkey: true }), { origins: { native: { provisionkey: false } } }),
    {},
    "+origin_provisionkey",
  ],
  ["vm/epc", "the VM is listed for EPC", { vms: { "vm-1": { epc: true } } }, {}, ""],
  ["vm/epc", "the VM is not listed", {}, {}, "+vm_epc_not_listed", "~vm_epc_not_listed"],
  ["vm/epc", "the VM is refused EPC", { vms: { "vm-1": { epc: false } } }, {}, "+vm_epc"],
  ["vm/epc", "the VM is unknown", {}, { origin: { vm: null } }, "+vm_unknown", "~vm_unknown"],
  ["vm/provision", "the VM is listed for PROVISIONKEY", { vms: { "vm-1": { provisionkey: true } } }, {}, ""],
  ["vm/provision", "the VM is not listed", {}, {}, "+vm_provisionkey_not_listed"],
  ["vm/provision", "the VM is unknown", {}, { origin: { vm: null } }, "+vm_provisionkey_not_listed"],
];

describe.each(PROFILES)("before EINIT under %s,", (profile) => {
  for (const [hook, about, site, changes, strict, baseline] of OTHER_HOOKS) {
    test(`${hook} where ${about}`, () => {
      const event = over(HOOKS[hook], changes);
      expect(isInput(event), JSON.stringify(isInput.errors)).toBe(true);
      expect(codesOf(decide(hook, profile, site, event))).toEqual(expected(underProfile(profile, strict, baseline)));
    });
  }
});

describe("nothing is allowed", () => {
  const events: readonly (readonly [Entrypoint, Json])[] = [
    ["launch/decision", EVENT],
    ...(Object.entries(HOOKS) as [Entrypoint, Json][]),
  ];
  const welcome = {
    ...signer({ debug: true, provisionkey: true, einittokenkey: true }),
    vms: { "vm-1": { epc: true, provisionkey: true } },
  };

  test.each(events)("by %s without data", (entrypoint, event) => {
    for (const data of [{}, { launchgate: {} }, { launchgate: null }]) {
      expect(answerWith(data, entrypoint, event).allow).toBe(false);
    }
  });

  test.each(events)("by %s where the data lacks a key or the profile is unknown", (entrypoint, event) => {
    expect(decide(entrypoint, "strict", welcome, event).allow).toBe(true);
    expect(decide(entrypoint, "lax", welcome, event).allow).toBe(false);
    for (const key of Object.keys(SITE)) {
      const lacking = Object.entries(over({ ...SITE, profile: "open" }, welcome)).filter(([name]) => name !== key);
      expect(answerWith({ launchgate: Object.fromEntries(lacking) }, entrypoint, event).allow, key).toBe(false);
    }
  });

  test.each(events)("by %s for another hook's event", (entrypoint, event) => {
    for (const [other, foreign] of events) {
      if (other !== entrypoint)
        expect(decide(entrypoint, "open", welcome, { ...event, hook: foreign["hook"] }).allow).toBe(false);
    }
  });
});
