import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSecs, encodeSecs, type Secs, secsFindings } from "../../../engine/sgx/secs.js";

const SOUND: Secs = {
  ...decodeSecs(new Uint8Array(4096)),
  size: 0x20_0000n,
  baseaddr: 0x7f00_0000_0000n,
  ssaframesize: 1,
  attributes: { flags: 0x4n, xfrm: 0x3n },
};

function byteAt(size: number, at: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes[at] = 1;
  return bytes;
}

test("each field is read where the SDM has it", () => {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, 0x4000n, true);
  view.setBigUint64(8, 0x7fff_0000n, true);
  view.setUint32(16, 2, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, 0x1000n, true);
  view.setUint8(32, 0x3f);
  view.setBigUint64(48, 0x16n, true);
  view.setBigUint64(56, 0xe7n, true);
  bytes.fill(0xc0, 192, 256);
  view.setUint16(256, 7, true);
  view.setUint16(258, 8, true);
  view.setUint16(260, 9, true);
  expect(decodeSecs(bytes)).toMatchObject({
    size: 0x4000n,
    baseaddr: 0x7fff_0000n,
    ssaframesize: 2,
    miscselect: 1,
    cet_leg_bitmap_offset: 0x1000n,
    cet_attributes: 0x3f,
    attributes: { flags: 0x16n, xfrm: 0xe7n },
    configid: new Uint8Array(64).fill(0xc0),
    isvprodid: 7,
    isvsvn: 8,
    configsvn: 9,
  });
});

test("a prefix that holds all fields decodes as if followed by zeros", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 262, maxLength: 4096 }), (bytes) => {
      const whole = new Uint8Array(4096);
      whole.set(bytes);
      expect(decodeSecs(bytes)).toEqual(decodeSecs(whole));
      expect(encodeSecs(decodeSecs(bytes))).toEqual(whole);
    }),
    { numRuns: 30 },
  );
});

test.each([0, 261, 4097, 8192])("%i bytes are no SECS", (length) => {
  expect(() => decodeSecs(new Uint8Array(length))).toThrow(
    expect.objectContaining({
      code: "length",
      message: `SECS is ${length} bytes, expected 4096, or at least its leading 262`,
    }),
  );
});

describe("findings", () => {
  const cases: readonly (readonly [string, Partial<Secs>, readonly (readonly [string, string])[]])[] = [
    ["a sound SECS has none", {}, []],
    ["reserved byte 33", { reserved1: byteAt(15, 0) }, [["secs_reserved_nonzero", "SECS reserved byte 33 is not 0"]]],
    [
      "reserved byte 127",
      { reserved2: byteAt(32, 31) },
      [["secs_reserved_nonzero", "SECS reserved byte 127 is not 0"]],
    ],
    ["reserved byte 160", { reserved3: byteAt(32, 0) }, [["secs_reserved_nonzero", "SECS reserved byte 160 is not 0"]]],
    [
      "the last byte",
      { reserved4: byteAt(3834, 3833) },
      [["secs_reserved_nonzero", "SECS reserved byte 4095 is not 0"]],
    ],
    ["SIZE of one page", { size: 4096n }, [size(4096n)]],
    ["SIZE zero", { size: 0n }, [size(0n)]],
    ["SIZE of three pages", { size: 12288n }, [size(12288n)]],
    ["the least SIZE", { size: 8192n }, []],
    [
      "BASEADDR off its alignment",
      { size: 0x4000n, baseaddr: 0x6000n },
      [["secs_baseaddr_unaligned", "BASEADDR is 0x0000000000006000, expected a multiple of SIZE (0x0000000000004000)"]],
    ],
  ];
  test.each(cases)("%s", (_, fields, expected) => {
    const found = secsFindings({ ...SOUND, ...fields });
    expect(found.map(({ code, message }) => [code, message])).toEqual(expected);
    expect(found.every(({ einit_error }) => einit_error === null)).toBe(true);
  });

  function size(bytes: bigint): readonly [string, string] {
    return ["secs_size_invalid", `SIZE is ${bytes} bytes, expected a power of two of at least 8192`];
  }
});
