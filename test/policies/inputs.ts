/** Inputs and data for the tests of the shipped rules, and the rules themselves as WASM, through the SDK alone. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as sdk from "@open-policy-agent/opa-wasm";
import { Ajv } from "ajv";
import { buildLibrary, type ENTRYPOINTS, POLICIES } from "./library.js";

export type Entrypoint = (typeof ENTRYPOINTS)[number];
export type Json = Readonly<Record<string, unknown>>;
interface Item {
  readonly code: string;
  readonly message: string;
}
interface Answer {
  readonly allow: boolean;
  readonly deny: readonly Item[];
  readonly warn: readonly Item[];
}

const { loadPolicySync } = (sdk as unknown as { readonly default: Pick<typeof sdk, "loadPolicySync"> }).default;
const policy = loadPolicySync(buildLibrary(), { initial: 16 });
const schema = (name: string) => JSON.parse(readFileSync(join(POLICIES, "schema", `${name}.schema.json`), "utf8"));
const ajv = new Ajv({ strict: false });
const isAnswer = ajv.compile(schema("answer"));

/** Whether the Input schema admits an event. */
export const isInput = ajv.compile(schema("input"));

/** What one entrypoint answers with `data` as the whole data document. */
export function answerWith(data: Json, entrypoint: Entrypoint, event: Json): Answer {
  policy.setData(data);
  const result: unknown = policy.evaluate(event, entrypoint)[0].result;
  if (!isAnswer(result)) throw new Error(`no answer by the schema: ${JSON.stringify(result)}`);
  return result as unknown as Answer;
}

export const MRSIGNER = "a".repeat(64);
export const MRENCLAVE = "e".repeat(64);
export const OTHER = "0".repeat(64);
export const NOW = 1_795_300_000;
const ZERO_ID = "0".repeat(32);

export const SITE = {
  version: 1,
  signers: {},
  mrenclaves: {},
  revoked: { mrenclaves: {}, mrsigners: {}, products: {} },
  attributes: { forbid: {}, require: {} },
  lepubkeyhashes: {},
  origins: {},
  vms: {},
  exceptions: {},
};

const OFF = [
  "init",
  "debug",
  "provisionkey",
  "einittokenkey",
  "cet",
  "kss",
  "aexnotify",
  "bndregs",
  "bndcsr",
  "opmask",
];
const BITS = {
  ...Object.fromEntries([...OFF, "zmm_hi256", "hi16_zmm", "pkru", "xtilecfg"].map((bit) => [bit, "off"])),
  ...{ mode64bit: "on", x87: "on", sse: "on", avx: "unknown", xtiledata: "unknown" },
};

const words = { flags: "0x0000000000000004", xfrm: "0x0000000000000003" };
const bits = Object.fromEntries(Object.entries(BITS).map(([bit, state]) => [bit, state === "on"]));
const SIGSTRUCT = {
  header: ZERO_ID,
  header2: ZERO_ID,
  vendor: 0,
  date: "20260101",
  date_unix: 1_767_225_600,
  swdefined: 0,
  exponent: 3,
  miscselect: "0x00000000",
  miscmask: "0xffffffff",
  cet_attributes: "0x00",
  cet_attributes_mask: "0x00",
  isvfamilyid: ZERO_ID,
  isvextprodid: ZERO_ID,
  attributes: { ...words, bits },
  attributemask: { ...words, bits },
  enclavehash: MRENCLAVE,
  isvprodid: 7,
  isvsvn: 3,
  sha256: OTHER,
  mrsigner: MRSIGNER,
  signature: "unchecked",
  findings: [],
};
export const ENCLAVE = {
  mrenclave: MRENCLAVE,
  mrsigner: MRSIGNER,
  isvprodid: 7,
  isvsvn: 3,
  isvfamilyid: ZERO_ID,
  isvextprodid: ZERO_ID,
  debug: "off",
  provisionkey: "off",
  einittokenkey: "off",
  kss: "off",
  bits: BITS,
  debug_launchable: false,
  signer: null,
};
export const EVENT = {
  v: 1,
  hook: "enclave_init",
  id: null,
  time: NOW,
  origin: { kind: "native", enforcement: "kernel", process: null, vm: null, guest: null },
  platform: { flc: null, lepubkeyhash: null },
  grants: { provisionkey: { granted: false, how: null } },
  sigstruct: SIGSTRUCT,
  token: null,
  secs: null,
  enclave: ENCLAVE,
  deadline_ms: null,
  synthetic: true,
};
export const TOKEN = {
  valid: true,
  attributes: { ...words, bits },
  mrenclave: MRENCLAVE,
  mrsigner: MRSIGNER,
  cpusvnle: ZERO_ID,
  isvprodidle: 32,
  isvsvnle: 7,
  maskedmiscselectle: "0x00000000",
  maskedattributesle: { ...words, bits },
  keyid: OTHER,
  sha256: OTHER,
  mismatches: [],
};
export const SECS = {
  attributes: { ...words, bits: BITS },
  attributes_known: { flags: "0xffffffffffffffff", xfrm: "0xffffffffffffffff" },
  attributes_allowed: null,
  miscselect: "0x00000000",
  miscselect_known: "0xffffffff",
  cet_attributes: "0x00",
  configid: null,
  configsvn: null,
  size: "0x0000000000010000",
};

const plain = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
/** `base` with `changes` over it, key by key. */
export function over(base: Json, changes: Json): Json {
  const entries = Object.entries(changes).map(([key, value]): [string, unknown] => {
    const under = base[key];
    return [key, plain(under) && plain(value) ? over(under, value) : value];
  });
  return { ...base, ...Object.fromEntries(entries) };
}

export const enclave = (changes: Json) => ({ enclave: changes });
export const signer = (listing: Json) => ({ signers: { [MRSIGNER]: { name: "acme", ...listing } } });
export const guest = { origin: { kind: "kvm", vm: { id: "vm-1", name: null } } };
export const why = { reason: "because" };

/** What a row expects: `+` is a code that denies, `~` one that warns; allowed where nothing denies. */
export function expected(codes: string): { allow: boolean; deny: readonly string[]; warn: readonly string[] } {
  const named = codes.split(" ").filter((code) => code !== "");
  const of = (mark: string) => named.filter((code) => code.startsWith(mark)).map((code) => code.slice(1));
  return { allow: of("+").length === 0, deny: of("+").sort(), warn: of("~").sort() };
}

export const PROFILES = ["strict", "baseline", "open"] as const;

/**
 * What stands in a row for a profile. Baseline is named only where it differs from strict, and open never: it warns of
 * all that strict would deny.
 */
export function underProfile(profile: (typeof PROFILES)[number], strict: string, baseline: string = strict): string {
  return { strict, baseline, open: strict.replaceAll("+", "~") }[profile];
}

/** The answer of one entrypoint, over the empty data document of this profile with the changes of `site`. */
export function decide(entrypoint: Entrypoint, profile: string, site: Json, event: Json): Answer {
  return answerWith({ launchgate: over({ ...SITE, profile }, site) }, entrypoint, event);
}

export function codesOf({ allow, deny, warn }: Answer) {
  // OPA's WASM gives the items of a set in no order; the engine sorts them.
  return { allow, deny: deny.map(({ code }) => code).sort(), warn: warn.map(({ code }) => code).sort() };
}
