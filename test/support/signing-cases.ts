/**
 * For each code of the signing policy, enclaves that get it and what else they get: SIGSTRUCTs signed on the spot, wrong
 * ones too, by keys made on the fly.
 */

import type { JsonObject, SigningSubject, Sigstruct } from "../../engine/index.js";
import { makeSigstruct, testSigner } from "./sigstructs.js";

const ALL = 0xffff_ffff_ffff_ffffn;

type Fields = Partial<Omit<Sigstruct, "modulus" | "signature" | "q1" | "q2">>;

export interface SigningCase {
  readonly fact: string;
  readonly subject: SigningSubject;
  readonly baseline?: SigningSubject;
  /** `data.launchgate.signing`, or more where `version` is in it. */
  readonly data?: JsonObject;
  readonly deny: readonly string[];
  readonly warn: readonly string[];
}

/** 2026-11-22T12:26:40Z, when all of them are vetted. */
export const VETTED_AT = 1_795_350_400;

export const ENCLAVE = { name: "enclave.signed.so", carrier: "SIGSTRUCT" } as const;

/** A signed enclave: every bit pinned, ISVPRODID 1, ISVSVN 1, signed 2026-01-15, but for what is given. */
export function signed(fields: Fields = {}, key?: string): SigningSubject {
  return { sigstruct: makeSigstruct(fields, key), signed: true, file: ENCLAVE };
}

/** The same before it is signed: the signer's own fields are zero. */
export function unsigned(fields: Fields = {}): SigningSubject {
  const sigstruct = makeSigstruct(fields);
  for (const [from, to] of [
    [128, 516],
    [516, 900],
    [1040, 1808],
  ] as const)
    sigstruct.fill(0, from, to);
  return { sigstruct, signed: false, file: ENCLAVE };
}

/** ATTRIBUTES of MODE64BIT, x87 and SSE, and these. */
const having = (flags: bigint, xfrm = 0n) => ({ flags: 0x4n | flags, xfrm: 0x3n | xfrm });
/** ATTRIBUTEMASK of everything but these. */
const freeing = (flags: bigint, xfrm = 0n) => ({ flags: ALL & ~flags, xfrm: ALL & ~xfrm });

function flipped(at: number): SigningSubject {
  const { sigstruct, ...rest } = signed();
  return { ...rest, sigstruct: sigstruct.with(at, (sigstruct[at] ?? 0) ^ 1) };
}

const header = (text: string) => Buffer.from(text, "hex");
const id = new Uint8Array(16).fill(7);
const other = new Uint8Array(32).fill(0xbb);
const exception = (rule: string, expires: string) => ({
  version: 1,
  exceptions: { "x-1": { rule, match: { mrsigner: testSigner() }, reason: "until the rebuild", expires } },
});

export const SIGNING_CASES: readonly SigningCase[] = [
  { fact: "an enclave fit for release", subject: signed(), deny: [], warn: [] },
  { fact: "the same beside itself", subject: signed(), baseline: signed(), deny: [], warn: [] },
  {
    fact: "DEBUG left free",
    subject: signed({ attributemask: freeing(2n) }),
    deny: ["debug_launchable"],
    warn: [],
  },
  { fact: "DEBUG demanded", subject: signed({ attributes: having(2n) }), deny: ["debug_launchable"], warn: [] },
  {
    fact: "DEBUG set and left free",
    subject: signed({ attributes: having(2n), attributemask: freeing(2n) }),
    deny: ["debug_launchable"],
    warn: ["attribute_outside_mask"],
  },
  { fact: "a flipped bit of SWDEFINED", subject: flipped(40), deny: ["signature_invalid"], warn: [] },
  { fact: "a flipped bit of Q1", subject: flipped(1040), deny: ["q1_invalid"], warn: [] },
  { fact: "a flipped bit of Q2", subject: flipped(1424), deny: ["q2_invalid"], warn: [] },
  {
    fact: "a flipped bit of SIGNATURE",
    subject: flipped(600),
    deny: ["q1_invalid", "q2_invalid", "signature_invalid"],
    warn: [],
  },
  {
    fact: "TYPE set in HEADER",
    subject: signed({ header: header("06000000e10000000000010000000080") }),
    deny: ["header_invalid"],
    warn: [],
  },
  {
    fact: "another HEADER2",
    subject: signed({ header2: header("01010000600000006000000001000001") }),
    deny: ["header2_invalid"],
    warn: [],
  },
  { fact: "a VENDOR of one's own", subject: signed({ vendor: 7 }), deny: ["vendor_invalid"], warn: [] },
  { fact: "Intel's VENDOR", subject: signed({ vendor: 0x8086 }), deny: [], warn: ["vendor_claimed"] },
  {
    fact: "EXPONENT 65537",
    subject: signed({ exponent: 65_537 }),
    deny: ["exponent_invalid", "signature_invalid"],
    warn: [],
  },
  {
    fact: "reserved bytes in two places",
    subject: signed({ reserved1: new Uint8Array(84).fill(1), reserved3: new Uint8Array(16).fill(1) }),
    deny: ["reserved_nonzero"],
    warn: [],
  },
  { fact: "INIT demanded", subject: signed({ attributes: having(1n) }), deny: ["init_pinned"], warn: [] },
  {
    fact: "a flag without a name",
    subject: signed({ attributes: having(0x100n) }),
    deny: ["attributes_reserved"],
    warn: [],
  },
  {
    fact: "a component of XFRM without a name",
    subject: signed({ attributes: having(0n, 0x100n) }),
    deny: ["attributes_reserved"],
    warn: [],
  },
  {
    fact: "a flag without a name that nothing enforces",
    subject: signed({ attributes: having(0x100n), attributemask: freeing(0x100n) }),
    deny: [],
    warn: [],
  },
  {
    fact: "PROVISIONKEY",
    subject: signed({ attributes: having(0x10n) }),
    deny: ["provisionkey_requested"],
    warn: [],
  },
  {
    fact: "EINITTOKENKEY",
    subject: signed({ attributes: having(0x20n) }),
    deny: ["einittokenkey_requested"],
    warn: [],
  },
  {
    fact: "keys left to the launcher",
    subject: signed({ attributemask: freeing(0x30n) }),
    deny: ["mask_key_free"],
    warn: [],
  },
  {
    fact: "modes left to the launcher",
    subject: signed({ attributemask: freeing(0x80n) }),
    deny: [],
    warn: ["mask_bit_free"],
  },
  {
    fact: "EXINFO left to the launcher",
    subject: signed({ miscmask: 0xffff_fffe }),
    deny: [],
    warn: ["miscmask_open"],
  },
  {
    fact: "the masks of Intel's SDK, which leave AVX and AVX-512 to the platform",
    subject: signed({ attributemask: { flags: 0xff00_ffff_ffff_ffffn, xfrm: 0xffff_ffff_ffff_ff1bn } }),
    deny: [],
    warn: [],
  },
  {
    fact: "all masks 0",
    subject: signed({ attributemask: { flags: 0n, xfrm: 0n }, miscmask: 0 }),
    deny: ["debug_launchable", "mask_key_free"],
    warn: ["attribute_outside_mask", "mask_bit_free", "miscmask_open", "xfrm_free"],
  },
  {
    fact: "XFRM without SSE",
    subject: signed({ attributes: { flags: 4n, xfrm: 1n } }),
    deny: ["xfrm_legacy_off"],
    warn: [],
  },
  {
    fact: "half of MPX, and AVX-512 without AVX",
    subject: signed({ attributes: having(0n, 0xe8n) }),
    deny: ["xfrm_inconsistent", "xfrm_inconsistent"],
    warn: [],
  },
  {
    fact: "a part of AVX-512 left free",
    subject: signed({ attributemask: freeing(0n, 0x20n) }),
    deny: [],
    warn: ["xfrm_group_split"],
  },
  { fact: "AMX left free", subject: signed({ attributemask: freeing(0n, 0x60000n) }), deny: [], warn: ["xfrm_free"] },
  { fact: "ISVSVN 0", subject: signed({ isvsvn: 0 }), deny: [], warn: ["isvsvn_zero"] },
  { fact: "ISVPRODID 0", subject: signed({ isvprodid: 0 }), deny: [], warn: ["isvprodid_zero"] },
  {
    fact: "ISVSVN below the site's minimum",
    subject: signed(),
    data: { min_isvsvn: 2 },
    deny: ["isvsvn_below_minimum"],
    warn: [],
  },
  { fact: "a family without KSS", subject: signed({ isvfamilyid: id }), deny: ["kss_forbidden"], warn: [] },
  {
    fact: "an extended product id without KSS",
    subject: signed({ isvextprodid: id }),
    deny: ["kss_fields_without_kss"],
    warn: [],
  },
  {
    fact: "a family, KSS left free",
    subject: signed({ isvfamilyid: id, attributemask: freeing(0x80n) }),
    deny: ["kss_fields_without_kss"],
    warn: ["mask_bit_free"],
  },
  {
    fact: "both ids with KSS",
    subject: signed({ isvfamilyid: id, isvextprodid: id, attributes: having(0x80n) }),
    deny: [],
    warn: [],
  },
  { fact: "DATE 0", subject: signed({ date: 0 }), deny: [], warn: ["date_zero"] },
  { fact: "DATE in binary", subject: signed({ date: 0x0f05_07e7 }), deny: [], warn: ["date_not_bcd"] },
  { fact: "31 February", subject: signed({ date: 0x2026_0231 }), deny: [], warn: ["date_not_a_day"] },
  { fact: "DATE tomorrow", subject: signed({ date: 0x2026_1123 }), deny: [], warn: [] },
  { fact: "DATE the day after tomorrow", subject: signed({ date: 0x2026_1124 }), deny: ["date_in_future"], warn: [] },
  {
    fact: "DATE tomorrow where none may be later",
    subject: signed({ date: 0x2026_1123 }),
    data: { max_future_days: 0 },
    deny: ["date_in_future"],
    warn: [],
  },
  {
    fact: "a signer who is not expected",
    subject: signed(),
    data: { mrsigners: { [testSigner("somebody else")]: { name: "the release key" } } },
    deny: ["signer_not_expected"],
    warn: [],
  },
  {
    fact: "the signer who is expected",
    subject: signed(),
    data: { mrsigners: { [testSigner()]: {} } },
    deny: [],
    warn: [],
  },
  {
    fact: "a bit that is not signed as required",
    subject: signed(),
    data: { require: { kss: "on", debug: "off", avx: "pinned" } },
    deny: ["bit_not_as_required"],
    warn: [],
  },
  { fact: "material that is not signed yet", subject: unsigned(), deny: [], warn: ["not_signed"] },
  {
    fact: "material that is not signed yet, and will be debuggable",
    subject: unsigned({ attributemask: freeing(2n) }),
    deny: ["debug_launchable"],
    warn: ["not_signed"],
  },
  {
    fact: "another signer than before",
    subject: signed({}, "somebody else"),
    baseline: signed(),
    deny: ["signer_changed"],
    warn: [],
  },
  {
    fact: "another product than before",
    subject: signed({ isvprodid: 2 }),
    baseline: signed(),
    deny: ["isvprodid_changed"],
    warn: [],
  },
  {
    fact: "ISVSVN gone down",
    subject: signed(),
    baseline: signed({ isvsvn: 2 }),
    deny: ["isvsvn_decreased"],
    warn: [],
  },
  {
    fact: "another enclave of the same ISVSVN",
    subject: signed(),
    baseline: signed({ enclavehash: other }),
    deny: [],
    warn: ["isvsvn_unchanged"],
  },
  {
    fact: "another enclave of a higher ISVSVN",
    subject: signed({ isvsvn: 2 }),
    baseline: signed({ enclavehash: other }),
    deny: [],
    warn: [],
  },
  {
    fact: "a mask that lost a bit without a name",
    subject: signed({ attributemask: freeing(1n << 50n) }),
    baseline: signed(),
    deny: ["mask_weakened"],
    warn: [],
  },
  {
    fact: "an attribute gained",
    subject: signed({ attributes: having(0x80n) }),
    baseline: signed(),
    deny: [],
    warn: ["attribute_gained"],
  },
  {
    fact: "DATE gone back",
    subject: signed({ date: 0x2026_0114 }),
    baseline: signed(),
    deny: [],
    warn: ["date_went_back"],
  },
  {
    fact: "a baseline that was changed after signing",
    subject: signed(),
    baseline: flipped(40),
    deny: ["baseline_invalid"],
    warn: [],
  },
  {
    fact: "an exception",
    subject: signed({ attributemask: freeing(2n) }),
    data: exception("debug_launchable", "2030-01-01T00:00:00Z"),
    deny: [],
    warn: ["exception_used"],
  },
  {
    fact: "an exception from a warning",
    subject: signed({ isvsvn: 0 }),
    data: exception("isvsvn_zero", "2030-01-01T00:00:00Z"),
    deny: [],
    warn: ["exception_used"],
  },
  {
    fact: "an exception that has expired",
    subject: signed({ attributemask: freeing(2n) }),
    data: exception("debug_launchable", "2026-01-01T00:00:00Z"),
    deny: ["debug_launchable"],
    warn: ["exception_expired"],
  },
  {
    fact: "an exception from what makes it unusable",
    subject: flipped(40),
    data: exception("signature_invalid", "2030-01-01T00:00:00Z"),
    deny: ["signature_invalid"],
    warn: [],
  },
  {
    fact: "a denial made a warning",
    subject: signed({ attributemask: freeing(2n) }),
    data: { rules: { debug_launchable: "warn" } },
    deny: [],
    warn: ["debug_launchable"],
  },
  {
    fact: "a warning made a denial",
    subject: signed({ isvsvn: 0 }),
    data: { rules: { isvsvn_zero: "deny" } },
    deny: ["isvsvn_zero"],
    warn: [],
  },
  {
    fact: "a denial ignored",
    subject: signed({ attributemask: freeing(2n) }),
    data: { rules: { debug_launchable: "ignore" } },
    deny: [],
    warn: ["rule_ignored"],
  },
];

/** The data document of a case. */
export function documentOf({ data = {} }: SigningCase): JsonObject {
  return data["version"] === undefined ? { version: 1, signing: data } : data;
}
