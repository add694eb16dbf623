import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Measurement, measureEnclave, mrenclaveOfStream } from "../../../engine/sgx/measurement.js";

const ZERO_PAGE = new Uint8Array(4096);
const COUNTING_PAGE = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);

/** Each step of the vectors, and the MRENCLAVE after it. SSAFRAMESIZE 1, SIZE 0x4000. */
const VECTORS: readonly (readonly [string, (m: Measurement) => void, number, string])[] = [
  [
    "A: ECREATE alone",
    (m) => m.ecreate({ ssaframesize: 1, size: 0x4000n }),
    64,
    "1ae08d565db91bba3113eb03c476049ee802c1df05465ddf7cbebfd256e60114",
  ],
  [
    "B: an added page",
    (m) => m.eadd({ offset: 0n, secinfo_flags: 0x203n }),
    128,
    "d7a05cdc1befc65031919465e75a463a23dcc9a1ed39cb504d1067308a2b7a47",
  ],
  [
    "C: its zeros measured",
    (m) => extend(m, 0n, ZERO_PAGE),
    5248,
    "cebd92eb5da1132775ab465a3960d76ba935869b7d6462b37284f89a1b796099",
  ],
  [
    "D: a page of code",
    (m) => add(m, 0x1000n, 0x205n, COUNTING_PAGE),
    10432,
    "cbdef00d1775efb915d5d004fb69166aac45e18252b3ec586de6812e1ea99ee5",
  ],
  [
    "E: a TCS",
    (m) => add(m, 0x2000n, 0x100n, ZERO_PAGE),
    15616,
    "5c4f405c80e0ccdc0d826c7fbd116774b4b2f3ef61077baa7eeb6cb50dcd6436",
  ],
  [
    "F: an unmeasured page",
    (m) => m.eadd({ offset: 0x3000n, secinfo_flags: 0x203n }),
    15680,
    "fb17ed2d106d28a644924f20fb597afa3b4cdddbca595a31fc7c578d8fe80690",
  ],
];

function add(m: Measurement, offset: bigint, secinfo_flags: bigint, page: Uint8Array): void {
  m.eadd({ offset, secinfo_flags });
  extend(m, offset, page);
}

function extend(m: Measurement, offset: bigint, page: Uint8Array): void {
  for (let at = 0; at < 4096; at += 256) {
    m.eextend({ offset: offset + BigInt(at), data256: page.subarray(at, at + 256) });
  }
}

/** Records written by hand, from the text of the specification, so that the builder is not its own judge. */
function text(tag: string, ...numbers: readonly (readonly [offset: number, size: 4 | 8, value: number])[]): Buffer {
  const record = Buffer.alloc(64);
  record.write(tag, "latin1");
  for (const [offset, size, value] of numbers) record.writeUIntLE(value, offset, Math.min(size, 6));
  return record;
}

const ECREATE = text("ECREATE", [8, 4, 1], [12, 8, 0x4000]);

function page(offset: number, flags: number, content: Uint8Array | null): Buffer {
  const records = [text("EADD", [8, 8, offset], [16, 8, flags])];
  for (let at = 0; content !== null && at < 4096; at += 256) {
    records.push(text("EEXTEND", [8, 8, offset + at]), Buffer.from(content.subarray(at, at + 256)));
  }
  return Buffer.concat(records);
}

const STREAM = Buffer.concat([
  ECREATE,
  page(0, 0x203, ZERO_PAGE),
  page(0x1000, 0x205, COUNTING_PAGE),
  page(0x2000, 0x100, ZERO_PAGE),
  page(0x3000, 0x203, null),
]);

describe("the vectors", () => {
  test.each(VECTORS.map((vector, index) => [vector[0], index] as const))("%s", (_, index) => {
    const measurement = measureEnclave();
    for (const [, step] of VECTORS.slice(0, index + 1)) step(measurement);
    expect(measurement.mrenclave()).toBe(VECTORS[index]?.[3]);
  });

  test.each(VECTORS)("%s, as a recorded stream", (_name, _step, length, mrenclave) => {
    expect(mrenclaveOfStream(STREAM.subarray(0, length))).toBe(mrenclave);
  });
});

test("asking for MRENCLAVE does not end the measurement", () => {
  const measurement = measureEnclave();
  const seen = VECTORS.map(([, step]) => {
    step(measurement);
    return measurement.mrenclave();
  });
  expect(seen).toEqual(VECTORS.map(([, , , mrenclave]) => mrenclave));
});

test("the CET bitmap offset is measured at byte 20 of ECREATE", () => {
  const measurement = measureEnclave();
  measurement.ecreate({ ssaframesize: 1, size: 0x4000n, cet_leg_bitmap_offset: 0x3000n });
  const record = text("ECREATE", [8, 4, 1], [12, 8, 0x4000], [20, 8, 0x3000]);
  expect(measurement.mrenclave()).toBe(createHash("sha256").update(record).digest("hex"));
  expect(mrenclaveOfStream(record)).toBe(measurement.mrenclave());
});

test("a whole stream hashes as the bytes it is", () => {
  expect(mrenclaveOfStream(STREAM)).toBe(createHash("sha256").update(STREAM).digest("hex"));
});

function created(): Measurement {
  const measurement = measureEnclave();
  measurement.ecreate({ ssaframesize: 1, size: 0x4000n });
  return measurement;
}

const MISSTEPS: readonly (readonly [string, () => unknown])[] = [
  ["EADD before ECREATE", () => measureEnclave().eadd({ offset: 0n, secinfo_flags: 0x203n })],
  ["EEXTEND before ECREATE", () => measureEnclave().eextend({ offset: 0n, data256: new Uint8Array(256) })],
  ["MRENCLAVE of nothing", () => measureEnclave().mrenclave()],
  ["ECREATE twice", () => created().ecreate({ ssaframesize: 1, size: 0x4000n })],
  ["EADD off a page boundary", () => created().eadd({ offset: 0x800n, secinfo_flags: 0x203n })],
  ["EADD at a negative offset", () => created().eadd({ offset: -4096n, secinfo_flags: 0x203n })],
  ["EEXTEND off a chunk boundary", () => created().eextend({ offset: 128n, data256: new Uint8Array(256) })],
  ["EEXTEND of 255 bytes", () => created().eextend({ offset: 0n, data256: new Uint8Array(255) })],
  ["SIZE beyond 64 bits", () => measureEnclave().ecreate({ ssaframesize: 1, size: 2n ** 64n })],
  ["SSAFRAMESIZE beyond 32 bits", () => measureEnclave().ecreate({ ssaframesize: 2 ** 32, size: 0x4000n })],
];

test.each(MISSTEPS)("%s is refused", (_, act) => {
  expect(act).toThrow(expect.objectContaining({ name: "DecodeError", code: "field" }));
});

const EADD = text("EADD", [16, 8, 0x203]);
const EEXTEND = text("EEXTEND");
const tailed = (record: Buffer, offset: number) => {
  const copy = Buffer.from(record);
  copy[offset] = 1;
  return copy;
};

const BAD_STREAMS: readonly (readonly [string, Buffer, "length" | "field"])[] = [
  ["nothing", Buffer.alloc(0), "length"],
  ["half a record", ECREATE.subarray(0, 32), "length"],
  ["a record and a byte", Buffer.concat([ECREATE, Buffer.alloc(1)]), "length"],
  ["EEXTEND without its bytes", Buffer.concat([ECREATE, EADD, EEXTEND]), "length"],
  ["EEXTEND with 255 of its bytes", Buffer.concat([ECREATE, EADD, EEXTEND, Buffer.alloc(255)]), "length"],
  ["EADD first", EADD, "field"],
  ["EEXTEND first", Buffer.concat([EEXTEND, Buffer.alloc(256)]), "field"],
  ["ECREATE twice", Buffer.concat([ECREATE, ECREATE]), "field"],
  ["UNMEASRD, as in Fortanix's extended form", Buffer.concat([ECREATE, text("UNMEASRD"), Buffer.alloc(256)]), "field"],
  ["ECREATE not ending in zeros", tailed(ECREATE, 28), "field"],
  ["EADD not ending in zeros", Buffer.concat([ECREATE, tailed(EADD, 24)]), "field"],
  ["EEXTEND not ending in zeros", Buffer.concat([ECREATE, tailed(EEXTEND, 63), Buffer.alloc(256)]), "field"],
];

test.each(BAD_STREAMS)("a stream that is %s is refused", (_, stream, code) => {
  expect(() => mrenclaveOfStream(stream)).toThrow(expect.objectContaining({ name: "DecodeError", code }));
});
