import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALL_BITS, ATTRIBUTE_BITS } from "../../../engine/sgx/attributes.js";
import { FINDINGS } from "../../../engine/sgx/findings.js";
import {
  dateOf,
  debugLaunchable,
  decodeSigstruct,
  encodeSigstruct,
  pinned,
  type Sigstruct,
  signedBytes,
  sigstructFindings,
} from "../../../engine/sgx/sigstruct.js";
import { makeSigstruct } from "../../support/sigstructs.js";

const SOUND = decodeSigstruct(makeSigstruct());
const bytes1808 = fc.uint8Array({ minLength: 1808, maxLength: 1808 });
const { init, debug, kss } = ATTRIBUTE_BITS;

function codesOf(fields: Partial<Sigstruct>): readonly (readonly [string, number | null])[] {
  return sigstructFindings({ ...SOUND, ...fields }).map(({ code, einit_error }) => [code, einit_error] as const);
}

function withByte(size: number, at: number, value = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes[at] = value;
  return bytes;
}

test("a SIGSTRUCT made by the signer has no findings", () => {
  expect(sigstructFindings(SOUND)).toEqual([]);
});

test("the signed bytes are [0,128) and [900,1028) and nothing else", () => {
  fc.assert(
    fc.property(bytes1808, fc.nat({ max: 1807 }), (bytes, at) => {
      const before = signedBytes(bytes);
      expect(Buffer.from(before)).toEqual(Buffer.concat([bytes.subarray(0, 128), bytes.subarray(900, 1028)]));
      const changed = new Uint8Array(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const covered = at < 128 || (at >= 900 && at < 1028);
      expect(Buffer.from(signedBytes(changed)).equals(Buffer.from(before))).toBe(!covered);
    }),
  );
});

test("findings are total, and carry only codes of the table", () => {
  fc.assert(
    fc.property(bytes1808, (bytes) => {
      const sigstruct = decodeSigstruct(bytes);
      for (const { code, message, einit_error } of sigstructFindings(sigstruct)) {
        expect(Object.hasOwn(FINDINGS, code)).toBe(true);
        expect(message.includes("EINIT refuses with SGX_INVALID_")).toBe(einit_error !== null);
      }
      expect(encodeSigstruct(sigstruct)).toEqual(new Uint8Array(bytes));
    }),
  );
});

describe("what EINIT refuses at first sight", () => {
  const cases: readonly (readonly [Partial<Sigstruct>, string, string])[] = [
    [
      { header: Buffer.from("06000000e10000000000010000000080", "hex") },
      "header_invalid",
      "HEADER is 06000000e10000000000010000000080, expected 06000000e10000000000010000000000: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
    [
      { header2: Buffer.from("01010000600000006000000001000001", "hex") },
      "header2_invalid",
      "HEADER2 is 01010000600000006000000001000001, expected 01010000600000006000000001000000: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
    [
      { vendor: 0x8087 },
      "vendor_invalid",
      "VENDOR is 0x00008087, expected 0x00000000 or 0x00008086: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
    [
      { exponent: 65537 },
      "exponent_invalid",
      "EXPONENT is 65537, expected 3: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
    [
      { reserved1: withByte(84, 0) },
      "reserved_nonzero",
      "reserved byte 44 is not 0: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
    [
      { reserved2: withByte(2, 1) },
      "reserved_nonzero",
      "reserved byte 911 is not 0: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
    [
      { reserved3: withByte(16, 15) },
      "reserved_nonzero",
      "reserved byte 1007 is not 0: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
    [
      { reserved4: withByte(12, 11, 0x80) },
      "reserved_nonzero",
      "reserved byte 1039 is not 0: EINIT refuses with SGX_INVALID_SIG_STRUCT (1)",
    ],
  ];
  test.each(cases)("%o is %s", (fields, code, message) => {
    expect(sigstructFindings({ ...SOUND, ...fields })).toEqual([{ code, message, einit_error: 1 }]);
  });

  test("both vendors are accepted", () => {
    expect(codesOf({ vendor: 0x8086 })).toEqual([]);
    expect(codesOf({ vendor: 0 })).toEqual([]);
  });

  test("every wrong thing is told, in EINIT's order", () => {
    const all = Object.assign({}, ...cases.map(([fields]) => fields));
    expect(codesOf(all).map(([code]) => code)).toEqual(cases.map(([, code]) => code));
  });
});

describe("KSS fields", () => {
  const on = { attributes: { flags: 0x4n | kss.mask, xfrm: 3n } };
  const free = { attributemask: { flags: ALL_BITS & ~kss.mask, xfrm: ALL_BITS } };
  const isvfamilyid = withByte(16, 15);
  const isvextprodid = withByte(16, 0);
  const cases: readonly (readonly [string, Partial<Sigstruct>, readonly (readonly [string, number | null])[]])[] = [
    ["ISVFAMILYID where KSS is forbidden is refused", { isvfamilyid }, [["kss_fields_without_kss", 1]]],
    ["ISVFAMILYID where KSS is free is odd", { isvfamilyid, ...free }, [["kss_fields_without_kss", null]]],
    ["ISVFAMILYID where KSS is demanded is right", { isvfamilyid, ...on }, []],
    ["ISVEXTPRODID where KSS is forbidden is odd only", { isvextprodid }, [["kss_fields_without_kss", null]]],
    ["ISVEXTPRODID where KSS is free is odd only", { isvextprodid, ...free }, [["kss_fields_without_kss", null]]],
    ["ISVEXTPRODID where KSS is demanded is right", { isvextprodid, ...on }, []],
  ];
  test.each(cases)("%s", (_, fields, expected) => {
    expect(codesOf(fields)).toEqual(expected);
  });
});

describe("demands that no launch can meet", () => {
  const none = { flags: 0n, xfrm: 0n };
  const cases: readonly (readonly [string, Partial<Sigstruct>, readonly (readonly [string, number | null])[]])[] = [
    ["INIT on, under the mask", { attributes: { flags: 0x4n | init.mask, xfrm: 3n } }, [["init_pinned", 2]]],
    ["INIT on, outside the mask", { attributes: { flags: 0x4n | init.mask, xfrm: 3n }, attributemask: none }, []],
    ["x87 off, under the mask", { attributes: { flags: 0x4n, xfrm: 2n } }, [["xfrm_legacy_off", 2]]],
    ["SSE off, under the mask", { attributes: { flags: 0x4n, xfrm: 1n } }, [["xfrm_legacy_off", 2]]],
    ["both off, outside the mask", { attributes: { flags: 0x4n, xfrm: 0n }, attributemask: none }, []],
  ];
  test.each(cases)("%s", (_, fields, expected) => {
    expect(codesOf(fields)).toEqual(expected);
  });
});

describe("DATE", () => {
  const cases: readonly (readonly [number, string | null, number | null, readonly string[]])[] = [
    [0x20240811, "2024-08-11", 1723334400, []],
    [0x20240229, "2024-02-29", 1709164800, []],
    [0x19700101, "1970-01-01", 0, []],
    [0x00010101, "0001-01-01", -62135596800, []],
    [0x99991231, "9999-12-31", 253402214400, []],
    [0x20230229, null, null, ["date_not_a_day"]],
    [0x20240431, null, null, ["date_not_a_day"]],
    [0x20241301, null, null, ["date_not_a_day"]],
    [0x20240001, null, null, ["date_not_a_day"]],
    [0x20240100, null, null, ["date_not_a_day"]],
    [0x20240132, null, null, ["date_not_a_day"]],
    [0x0f0507e7, null, null, ["date_not_bcd"]],
    [0x2024081a, null, null, ["date_not_bcd"]],
    [0xffffffff, null, null, ["date_not_bcd"]],
    [0, null, null, ["date_zero"]],
  ];
  test.each(cases)("%i is %s", (date, iso, unix, codes) => {
    expect(dateOf(date)).toEqual(iso === null ? null : { iso, unix });
    expect(codesOf({ date })).toEqual(codes.map((code) => [code, null]));
  });
});

describe("DEBUG", () => {
  const cases: readonly (readonly [bigint, bigint, boolean, string])[] = [
    [0n, 0n, true, "free"],
    [debug.mask, 0n, true, "free"],
    [debug.mask, debug.mask, true, "on"],
    [0n, debug.mask, false, "off"],
    [ALL_BITS & ~debug.mask, ALL_BITS, false, "off"],
  ];
  test.each(cases)(
    "ATTRIBUTES.FLAGS %i under mask %i: a debug launch is possible: %s",
    (flags, mask, launchable, how) => {
      const sigstruct = { attributes: { flags, xfrm: 3n }, attributemask: { flags: mask, xfrm: 0n } };
      expect(debugLaunchable(sigstruct)).toBe(launchable);
      expect(pinned(sigstruct, "debug")).toBe(how);
    },
  );
});
