import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALL_BITS, ATTRIBUTE_BITS, type Attributes } from "../../../engine/sgx/attributes.js";
import { checkEinit, EINIT_CHECKS, type EinitRequest } from "../../../engine/sgx/einit.js";
import { decodeEinittoken, type Einittoken } from "../../../engine/sgx/einittoken.js";
import { FINDINGS } from "../../../engine/sgx/findings.js";
import { einitRefuses, SGX_ERRORS } from "../../../engine/sgx/sgx-errors.js";
import { decodeSigstruct, type Sigstruct, sigstructFindings } from "../../../engine/sgx/sigstruct.js";
import { makeSigstruct, makeToken, testSigner } from "../../support/sigstructs.js";

const SIGNER = testSigner();
const STRANGER = "5".repeat(64);
const ALL: Attributes = { flags: ALL_BITS, xfrm: ALL_BITS };
const NONE: Attributes = { flags: 0n, xfrm: 0n };
const PLAIN: Attributes = { flags: 0x4n, xfrm: 0x3n };
const { debug, provisionkey, einittokenkey, cet, kss, avx } = ATTRIBUTE_BITS;

/** Accepted in every check that software can make: everything known, everything right, no token needed. */
const GOOD: EinitRequest = {
  sigstruct: decodeSigstruct(makeSigstruct()),
  token: null,
  attributes: PLAIN,
  attributes_known: ALL,
  attributes_allowed: null,
  miscselect: 0,
  miscselect_known: 0xffff_ffff,
  cet_attributes: 0,
  lepubkeyhash: SIGNER,
  mrsigner: SIGNER,
  signature: "valid",
};

/** Nothing known but the SIGSTRUCT. */
const UNKNOWN: EinitRequest = {
  ...GOOD,
  attributes: null,
  attributes_known: null,
  miscselect: null,
  miscselect_known: null,
  cet_attributes: null,
  lepubkeyhash: null,
  signature: "unchecked",
};

const TOKEN = decodeEinittoken(makeToken());
const sigstruct = (fields: Partial<Sigstruct>): Sigstruct => ({ ...GOOD.sigstruct, ...fields });
const token = (fields: Partial<Einittoken> = {}): Einittoken => ({ ...TOKEN, ...fields });
const flags = (value: bigint): Attributes => ({ flags: value, xfrm: 0x3n });
const refusalOf = (request: EinitRequest) => checkEinit(request).refusal;
const checkOf = (request: EinitRequest) => checkEinit(request).refusal?.check ?? null;
const uncheckedIn = (request: EinitRequest) => checkEinit(request).unchecked.map(({ check }) => check);

describe("the table of checks", () => {
  test("has the SDM's checks in the SDM's order, the commit left out", () => {
    expect(EINIT_CHECKS.map(({ check }) => check)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
  });

  test("names only errors that EINIT can return", () => {
    const numbers = EINIT_CHECKS.flatMap(({ error }) => (error === null ? [] : [SGX_ERRORS[error]]));
    expect([...new Set(numbers)].toSorted((a, b) => a - b)).toEqual([1, 2, 4, 8, 16, 32, 128]);
  });

  test("SGX error names have the numbers of Intel's drivers", () => {
    expect(SGX_ERRORS).toMatchObject({
      SGX_INVALID_SIG_STRUCT: 1,
      SGX_INVALID_ATTRIBUTE: 2,
      SGX_INVALID_MEASUREMENT: 4,
      SGX_INVALID_SIGNATURE: 8,
      SGX_INVALID_EINITTOKEN: 16,
      SGX_INVALID_CPUSVN: 32,
      SGX_UNMASKED_EVENT: 128,
    });
    expect(einitRefuses("SGX_INVALID_SIGNATURE")).toBe("EINIT refuses with SGX_INVALID_SIGNATURE (8)");
  });

  test("every finding has a sentence", () => {
    for (const sentence of Object.values(FINDINGS)) expect(sentence).toMatch(/^[A-Z].+\.$/);
  });
});

test("what is right in every way is not refused", () => {
  expect(checkEinit(GOOD)).toEqual({
    refusal: null,
    unchecked: [1, 2, 3, 5, 7, 9, 10].map((check) => ({ check, why: expect.any(String) })),
  });
  expect(uncheckedIn({ ...GOOD, token: TOKEN })).toEqual([1, 2, 3, 5, 7, 9, 10, 18, 19]);
  expect(refusalOf({ ...GOOD, token: TOKEN })).toBeNull();
});

test("what is unknown in every way is not refused, with or without a token", () => {
  expect(refusalOf(UNKNOWN)).toBeNull();
  expect(uncheckedIn(UNKNOWN)).toEqual([1, 2, 3, 5, 6, 7, 9, 10, 12, 13, 15]);
  expect(refusalOf({ ...UNKNOWN, token: TOKEN })).toBeNull();
  expect(uncheckedIn({ ...UNKNOWN, token: TOKEN })).toEqual([1, 2, 3, 5, 6, 7, 9, 10, 12, 13, 18, 19, 21]);
});

/** One violation each; a step's `mended` undoes it and leaves all later ones standing. */
type Step = {
  readonly check: number;
  readonly name: string;
  readonly number: number;
  readonly mended: (request: EinitRequest) => EinitRequest;
};

const mendSigstruct = (fields: (s: Sigstruct) => Partial<Sigstruct>) => (request: EinitRequest) => ({
  ...request,
  sigstruct: { ...request.sigstruct, ...fields(request.sigstruct) },
});
const mendToken = (fields: Partial<Einittoken>) => (request: EinitRequest) => ({
  ...request,
  token: { ...(request.token ?? TOKEN), ...fields },
});

const WRONG_FLAGS = 0x4n | einittokenkey.mask | provisionkey.mask | cet.mask;
const ALL_WRONG: EinitRequest = {
  ...GOOD,
  sigstruct: sigstruct({
    header: new Uint8Array(16),
    isvfamilyid: new Uint8Array(16).fill(1),
    attributes: flags(0x4n | cet.mask),
    miscselect: 1,
    cet_attributes: 1,
    cet_attributes_mask: 0xff,
  }),
  attributes: flags(WRONG_FLAGS),
  lepubkeyhash: STRANGER,
  signature: "invalid",
};

const COMMON: readonly Step[] = [
  {
    check: 4,
    name: "SGX_INVALID_SIG_STRUCT",
    number: 1,
    mended: mendSigstruct(() => ({ header: GOOD.sigstruct.header })),
  },
  { check: 6, name: "SGX_INVALID_SIGNATURE", number: 8, mended: (request) => ({ ...request, signature: "valid" }) },
  {
    check: 8,
    name: "SGX_INVALID_SIG_STRUCT",
    number: 1,
    mended: mendSigstruct(() => ({ isvfamilyid: new Uint8Array(16) })),
  },
  {
    check: 11,
    name: "SGX_INVALID_ATTRIBUTE",
    number: 2,
    mended: (request) => ({ ...request, attributes: flags(WRONG_FLAGS & ~einittokenkey.mask) }),
  },
  {
    check: 12,
    name: "SGX_INVALID_ATTRIBUTE",
    number: 2,
    mended: (request) => ({ ...request, attributes: flags(0x4n | cet.mask) }),
  },
  { check: 13, name: "SGX_INVALID_ATTRIBUTE", number: 2, mended: (request) => ({ ...request, miscselect: 1 }) },
  { check: 14, name: "SGX_INVALID_ATTRIBUTE", number: 2, mended: (request) => ({ ...request, cet_attributes: 1 }) },
];

const WITHOUT_TOKEN: readonly Step[] = [
  ...COMMON,
  {
    check: 15,
    name: "SGX_INVALID_EINITTOKEN",
    number: 16,
    mended: (request) => ({ ...request, lepubkeyhash: SIGNER }),
  },
];

const WRONG_TOKEN = token({
  maskedattributesle: flags(debug.mask),
  reserved2: new Uint8Array(32).fill(1),
  mrenclave: new Uint8Array(32),
  attributes: flags(0x44n | provisionkey.mask),
});

const WITH_TOKEN: readonly Step[] = [
  ...COMMON,
  { check: 16, name: "SGX_INVALID_EINITTOKEN", number: 16, mended: mendToken({ maskedattributesle: flags(0x20n) }) },
  { check: 17, name: "SGX_INVALID_EINITTOKEN", number: 16, mended: mendToken({ reserved2: new Uint8Array(32) }) },
  { check: 20, name: "SGX_INVALID_MEASUREMENT", number: 4, mended: mendToken({ mrenclave: TOKEN.mrenclave }) },
  { check: 21, name: "SGX_INVALID_EINIT_ATTRIBUTE", number: 2, mended: mendToken({ attributes: flags(0x44n) }) },
];

describe.each([
  ["without a token", ALL_WRONG, WITHOUT_TOKEN],
  ["with a token of VALID=0", { ...ALL_WRONG, token: { ...WRONG_TOKEN, valid: 0 } }, WITHOUT_TOKEN],
  ["with a token of VALID=1", { ...ALL_WRONG, token: WRONG_TOKEN }, WITH_TOKEN],
] as const)("the first failing check speaks, whatever fails after it, %s", (_, start, steps) => {
  test.each(steps.map((step, index) => [step.check, step.name, step.number, index] as const))(
    "check %i: %s (%i)",
    (check, name, number, index) => {
      const request = steps.slice(0, index).reduce((wrong: EinitRequest, step) => step.mended(wrong), start);
      const message = expect.stringMatching(new RegExp(`^\\S.+: EINIT refuses with ${name} \\(${number}\\)$`));
      expect(refusalOf(request)).toEqual({ check, name, number, message });
    },
  );

  test("and with all mended, none", () => {
    expect(refusalOf(steps.reduce((wrong: EinitRequest, step) => step.mended(wrong), start))).toBeNull();
  });
});

describe("single facts", () => {
  const without = (attributes: Attributes, mask: bigint): Attributes => ({
    flags: attributes.flags & ~mask,
    xfrm: attributes.xfrm,
  });
  const free = sigstruct({ attributemask: NONE });
  const familyid = { isvfamilyid: new Uint8Array(16).fill(1) };
  const wantsKss = sigstruct({ ...familyid, attributes: flags(0x4n | kss.mask) });
  const freeKss = sigstruct({ ...familyid, attributemask: without(ALL, kss.mask) });
  const wantsEtk = sigstruct({ attributes: flags(0x4n | einittokenkey.mask) });
  const wantsCet = { cet_attributes: 1, cet_attributes_mask: 1 };

  const cases: readonly (readonly [string, EinitRequest, number | null])[] = [
    ["every reserved or constant field counts: EXPONENT", { ...GOOD, sigstruct: sigstruct({ exponent: 5 }) }, 4],
    ["DATE does not", { ...GOOD, sigstruct: sigstruct({ date: 0xffff_ffff }) }, null],
    ["an unchecked signature is no refusal", { ...GOOD, signature: "unchecked" }, null],

    ["ISVFAMILYID with KSS on", { ...GOOD, sigstruct: wantsKss, attributes: flags(0x84n) }, null],
    ["ISVFAMILYID, KSS demanded, SECS unknown", { ...UNKNOWN, sigstruct: wantsKss }, null],
    ["ISVFAMILYID, KSS demanded, SECS without it", { ...GOOD, sigstruct: wantsKss }, 8],
    ["ISVFAMILYID, KSS forbidden, SECS unknown", { ...UNKNOWN, sigstruct: sigstruct(familyid) }, 8],
    [
      "ISVFAMILYID, KSS forbidden, SECS with it",
      { ...GOOD, sigstruct: sigstruct(familyid), attributes: flags(0x84n) },
      12,
    ],
    ["ISVFAMILYID, KSS free, SECS unknown", { ...UNKNOWN, sigstruct: freeKss }, null],
    ["ISVFAMILYID, KSS free, SECS without it", { ...GOOD, sigstruct: freeKss }, 8],
    ["ISVFAMILYID, KSS free, not granted", { ...UNKNOWN, sigstruct: freeKss, attributes_allowed: PLAIN }, 8],
    [
      "ISVFAMILYID, KSS free, token with it",
      { ...UNKNOWN, sigstruct: freeKss, token: token({ attributes: flags(0x84n) }) },
      null,
    ],
    ["ISVFAMILYID, KSS free, token without it", { ...UNKNOWN, sigstruct: freeKss, token: TOKEN }, 8],
    [
      "ISVEXTPRODID without KSS is accepted",
      { ...GOOD, sigstruct: sigstruct({ isvextprodid: new Uint8Array(16).fill(1) }) },
      null,
    ],

    ["EINITTOKENKEY demanded, hash of another", { ...UNKNOWN, sigstruct: wantsEtk, lepubkeyhash: STRANGER }, 11],
    ["EINITTOKENKEY demanded, hash unknown", { ...UNKNOWN, sigstruct: wantsEtk }, null],
    ["EINITTOKENKEY demanded, own hash", { ...UNKNOWN, sigstruct: wantsEtk, lepubkeyhash: SIGNER }, null],
    [
      "EINITTOKENKEY unknown, hash of another, token unsure",
      { ...UNKNOWN, sigstruct: free, lepubkeyhash: STRANGER },
      15,
    ],
    [
      "EINITTOKENKEY in a token alone, hash of another",
      { ...UNKNOWN, sigstruct: free, lepubkeyhash: STRANGER, token: token({ attributes: flags(0x24n) }) },
      11,
    ],
    ["no EINITTOKENKEY, hash of another, token", { ...UNKNOWN, lepubkeyhash: STRANGER, token: TOKEN }, null],

    ["SECS differs outside the mask", { ...GOOD, sigstruct: free, attributes: flags(0x16n) }, null],
    ["SECS differs in DEBUG", { ...GOOD, attributes: flags(0x6n) }, 12],
    ["SECS differs in XFRM", { ...GOOD, attributes: { flags: 4n, xfrm: 7n } }, 12],
    [
      "SECS differs in a bit nobody knows",
      { ...GOOD, attributes: flags(0x6n), attributes_known: without(ALL, debug.mask) },
      null,
    ],
    ["values without a known mask say nothing", { ...GOOD, attributes: flags(0x6n), attributes_known: null }, null],
    ["a known mask without values says nothing", { ...GOOD, attributes: null, attributes_known: ALL }, null],
    [
      "a demanded bit the platform does not grant",
      {
        ...UNKNOWN,
        sigstruct: sigstruct({ attributes: { flags: 4n, xfrm: 3n | avx.mask } }),
        attributes_allowed: PLAIN,
      },
      12,
    ],
    ["a bit known to be on counts though not allowed", { ...GOOD, attributes_allowed: NONE }, null],
    ["x87 and SSE are on though the bounds forget them", { ...UNKNOWN, attributes_allowed: flags(4n) }, null],
    ["x87 and SSE are on though not in the bounds", { ...UNKNOWN, attributes_allowed: { flags: 4n, xfrm: 0n } }, null],
    ["INIT demanded, SECS unknown", { ...UNKNOWN, sigstruct: sigstruct({ attributes: flags(0x5n) }) }, 12],
    ["SSE forbidden, SECS unknown", { ...UNKNOWN, sigstruct: sigstruct({ attributes: { flags: 4n, xfrm: 1n } }) }, 12],

    [
      "MISCSELECT differs outside the mask",
      { ...GOOD, sigstruct: sigstruct({ miscmask: 0xffff_fffe }), miscselect: 1 },
      null,
    ],
    ["MISCSELECT differs in bit 31", { ...GOOD, miscselect: 0x8000_0000 }, 13],
    ["MISCSELECT differs in an unknown bit", { ...GOOD, miscselect: 1, miscselect_known: 0xffff_fffe }, null],
    ["MISCSELECT without a known mask says nothing", { ...GOOD, miscselect: 1, miscselect_known: null }, null],

    ["CET differs, CET not known to exist", { ...GOOD, sigstruct: sigstruct(wantsCet) }, null],
    ["CET differs, unknown SECS", { ...UNKNOWN, sigstruct: sigstruct(wantsCet) }, null],
    [
      "CET differs outside its mask",
      {
        ...GOOD,
        sigstruct: sigstruct({ attributes: flags(0x44n), cet_attributes: 1, cet_attributes_mask: 2 }),
        attributes: flags(0x44n),
      },
      null,
    ],

    ["hash of another, no token", { ...GOOD, lepubkeyhash: STRANGER }, 15],
    ["hash of another, token VALID=0", { ...GOOD, lepubkeyhash: STRANGER, token: token({ valid: 0 }) }, 15],
    ["hash of another, token VALID=1", { ...GOOD, lepubkeyhash: STRANGER, token: TOKEN }, null],
    ["hash unknown, as on native Linux, no token", { ...GOOD, lepubkeyhash: null }, null],

    [
      "debug token, debug launch",
      debugLaunch(token({ attributes: flags(6n), maskedattributesle: flags(0x22n) })),
      null,
    ],
    ["debug token, production launch", { ...GOOD, token: token({ maskedattributesle: flags(0x22n) }) }, 16],
    [
      "debug token, DEBUG forbidden, SECS unknown",
      { ...UNKNOWN, token: token({ maskedattributesle: flags(0x22n) }) },
      16,
    ],
    [
      "debug token for DEBUG, everything else unknown",
      { ...UNKNOWN, sigstruct: free, token: token({ attributes: flags(6n), maskedattributesle: flags(0x22n) }) },
      null,
    ],
    ["VALID=3", { ...GOOD, token: token({ valid: 3 }) }, 17],
    [
      "token byte 212",
      { ...GOOD, token: token({ reserved4: Uint8Array.from({ length: 24 }, (_, i) => +(i === 0)) }) },
      null,
    ],
    [
      "token byte 213",
      { ...GOOD, token: token({ reserved4: Uint8Array.from({ length: 24 }, (_, i) => +(i === 1)) }) },
      17,
    ],
    ["token for another enclave", { ...GOOD, token: token({ mrenclave: new Uint8Array(32) }) }, 20],
    ["token for another signer", { ...GOOD, token: token({ mrsigner: new Uint8Array(32) }) }, 20],
    ["token for other ATTRIBUTES", { ...GOOD, token: token({ attributes: { flags: 4n, xfrm: 7n } }) }, 21],
    [
      "token against the SIGSTRUCT's mask, SECS unknown",
      { ...UNKNOWN, token: token({ attributes: flags(0x14n) }) },
      21,
    ],
    ["token with INIT, SECS unknown", { ...UNKNOWN, sigstruct: free, token: token({ attributes: flags(5n) }) }, 21],
    ["nothing of a token with VALID=0 counts", { ...GOOD, token: { ...WRONG_TOKEN, valid: 0xffff_fffe } }, null],
  ];
  test.each(cases)("%s", (_, request, check) => {
    expect(checkOf(request)).toBe(check);
  });

  function debugLaunch(debugToken: Einittoken): EinitRequest {
    return { ...GOOD, sigstruct: sigstruct({ attributes: flags(6n) }), attributes: flags(6n), token: debugToken };
  }
});

describe("properties", () => {
  const interesting = [0x1n, 0x2n, 0x4n, 0x10n, 0x20n, 0x40n, 0x80n, 0x8000_0000_0000_0000n];
  const word = fc.subarray(interesting).map((bits) => bits.reduce((all, bit) => all | bit, 0n));
  const attributes = fc.record({ flags: word, xfrm: word });
  const mask = fc.oneof(attributes, fc.constant(ALL), fc.constant(NONE));
  const request: fc.Arbitrary<EinitRequest> = fc.record({
    sigstruct: fc
      .record({
        attributes: fc.oneof(attributes, fc.constant(PLAIN)),
        attributemask: mask,
        isvfamilyid: fc.constantFrom(new Uint8Array(16), new Uint8Array(16).fill(1)),
        miscselect: fc.constantFrom(0, 1),
        miscmask: fc.constantFrom(0, 0xffff_ffff),
      })
      .map(sigstruct),
    token: fc.option(
      fc
        .record({
          attributes: fc.oneof(attributes, fc.constant(PLAIN)),
          maskedattributesle: attributes,
          valid: fc.constantFrom(0, 1),
        })
        .map(token),
    ),
    attributes: fc.option(fc.oneof(attributes, fc.constant(PLAIN))),
    attributes_known: fc.option(mask),
    attributes_allowed: fc.option(mask),
    miscselect: fc.option(fc.constantFrom(0, 1)),
    miscselect_known: fc.option(fc.constantFrom(0, 1, 0xffff_ffff)),
    cet_attributes: fc.constantFrom(null, 0, 1),
    lepubkeyhash: fc.constantFrom(null, SIGNER, STRANGER),
    mrsigner: fc.constant(SIGNER),
    signature: fc.constant("valid" as const),
  });

  /** The same launch with the rest known: unknown bits from `rest`, within the bounds and within what ECREATE allows. */
  function completed(partial: EinitRequest, rest: Attributes, misc: number, hash: string): EinitRequest {
    const known = partial.attributes === null ? NONE : (partial.attributes_known ?? NONE);
    const bound = partial.attributes_allowed ?? ALL;
    const value = partial.attributes ?? NONE;
    const whole = (name: "flags" | "xfrm") => (value[name] & known[name]) | (rest[name] & bound[name] & ~known[name]);
    const miscKnown = partial.miscselect === null ? 0 : (partial.miscselect_known ?? 0);
    return {
      ...partial,
      attributes: { flags: whole("flags") & ~1n, xfrm: whole("xfrm") | 3n },
      attributes_known: ALL,
      attributes_allowed: null,
      miscselect: (((partial.miscselect ?? 0) & miscKnown) | (misc & ~miscKnown)) >>> 0,
      miscselect_known: 0xffff_ffff,
      cet_attributes: partial.cet_attributes ?? 0,
      lepubkeyhash: partial.lepubkeyhash ?? hash,
    };
  }

  const completion = fc.tuple(
    fc.oneof(attributes, fc.constant(PLAIN)),
    fc.constantFrom(0, 1),
    fc.constantFrom(SIGNER, STRANGER),
  );

  test("a refusal on partial knowledge stands whatever the rest turns out to be", () => {
    fc.assert(
      fc.property(request, completion, (partial, [rest, misc, hash]) => {
        fc.pre(refusalOf(partial) !== null);
        expect(refusalOf(completed(partial, rest, misc, hash))).not.toBeNull();
      }),
      { numRuns: 2000 },
    );
  });

  test("a refusal on partial knowledge also stands where the rest is what SIGSTRUCT or token demand", () => {
    fc.assert(
      fc.property(request, completion, (partial, [rest, misc, hash]) => {
        fc.pre(refusalOf(partial) !== null);
        const { attributes: signed, attributemask } = partial.sigstruct;
        const wish = (name: "flags" | "xfrm") =>
          (signed[name] & attributemask[name]) | ((partial.token?.attributes ?? rest)[name] & ~attributemask[name]);
        const demanded = { flags: wish("flags"), xfrm: wish("xfrm") };
        expect(refusalOf(completed(partial, demanded, misc, hash))).not.toBeNull();
      }),
      { numRuns: 2000 },
    );
  });

  test("a finding with an EINIT error is a refusal, with nothing else known", () => {
    const patch = fc.record(
      {
        vendor: fc.constantFrom(0, 0x8086, 1),
        exponent: fc.constantFrom(3, 65537),
        reserved4: fc.constantFrom(new Uint8Array(12), new Uint8Array(12).fill(1)),
        isvfamilyid: fc.constantFrom(new Uint8Array(16), new Uint8Array(16).fill(1)),
        attributes,
        attributemask: mask,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(patch, (fields) => {
        const changed = sigstruct(fields);
        const errors = sigstructFindings(changed).flatMap(({ einit_error }) =>
          einit_error === null ? [] : [einit_error],
        );
        const refusal = refusalOf({ ...UNKNOWN, sigstruct: changed });
        expect(refusal?.number ?? null).toBe(errors[0] ?? null);
      }),
      { numRuns: 1000 },
    );
  });
});
