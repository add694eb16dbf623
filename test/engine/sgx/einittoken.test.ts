import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeEinittoken,
  type Einittoken,
  einittokenFindings,
  einittokenOf,
  encodeEinittoken,
  tokenIsValid,
} from "../../../engine/sgx/einittoken.js";
import { makeToken } from "../../support/sigstructs.js";

const SOUND = decodeEinittoken(makeToken());

function byteAt(size: number, at: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes[at] = 0xee;
  return bytes;
}

test("a token is read bare, or from the start of Intel's 1024 bytes", () => {
  const launchToken = new Uint8Array(1024).fill(0x77);
  launchToken.set(makeToken());
  expect(einittokenOf(makeToken())).toEqual(SOUND);
  expect(einittokenOf(launchToken)).toEqual(SOUND);
});

test.each([0, 303, 305, 1023, 1025, 1808])("%i bytes are no token", (length) => {
  expect(() => einittokenOf(new Uint8Array(length))).toThrow(
    expect.objectContaining({
      code: "length",
      message: `EINITTOKEN is ${length} bytes, expected 304, or 1024 as sgx_launch_token_t`,
    }),
  );
});

describe("findings", () => {
  const cases: readonly (readonly [
    string,
    Partial<Einittoken>,
    readonly (readonly [string, string, number | null])[],
  ])[] = [
    ["a sound token has none", {}, []],
    [
      "upper bits of VALID",
      { valid: 0x8000_0001 },
      [
        [
          "token_valid_upper_bits",
          "VALID is 0x80000001, expected 0x00000000 or 0x00000001: EINIT refuses with SGX_INVALID_EINITTOKEN (16)",
          16,
        ],
      ],
    ],
    ["reserved byte 4", { reserved1: byteAt(44, 0) }, [reserved(4)]],
    ["reserved byte 47", { reserved1: byteAt(44, 43) }, [reserved(47)]],
    ["reserved byte 96", { reserved2: byteAt(32, 0) }, [reserved(96)]],
    ["reserved byte 191", { reserved3: byteAt(32, 31) }, [reserved(191)]],
    ["reserved byte 213", { reserved4: byteAt(24, 1) }, [reserved(213)]],
    ["reserved byte 235", { reserved4: byteAt(24, 23) }, [reserved(235)]],
    [
      "byte 212, where CET has a field, is no certain refusal",
      { reserved4: byteAt(24, 0) },
      [["token_reserved_nonzero", "EINITTOKEN byte 212 is not 0: a CPU with CET may accept it", null]],
    ],
    ["with VALID=0 nothing counts", { valid: 0, reserved1: byteAt(44, 0), reserved4: byteAt(24, 9) }, []],
    ["with bit 0 of VALID off, its upper bits do not count either", { valid: 0xffff_fffe }, []],
  ];
  test.each(cases)("%s", (_, fields, expected) => {
    const found = einittokenFindings({ ...SOUND, ...fields });
    expect(found.map(({ code, message, einit_error }) => [code, message, einit_error])).toEqual(expected);
  });

  function reserved(offset: number): readonly [string, string, number] {
    const message = `EINITTOKEN reserved byte ${offset} is not 0: EINIT refuses with SGX_INVALID_EINITTOKEN (16)`;
    return ["token_reserved_nonzero", message, 16];
  }
});

test("validity is bit 0 of VALID", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 304, maxLength: 304 }), (bytes) => {
      const token = decodeEinittoken(bytes);
      expect(tokenIsValid(token)).toBe(((bytes[0] ?? 0) & 1) === 1);
      if (!tokenIsValid(token)) expect(einittokenFindings(token)).toEqual([]);
      expect(encodeEinittoken(token)).toEqual(new Uint8Array(bytes));
    }),
  );
});
