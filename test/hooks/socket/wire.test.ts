/** The codec against the page it is written down in, and against whatever else may come. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Frame,
  FrameReader,
  MAX_FRAME_BYTES,
  MIN_FRAME_LIMIT,
  Output,
  WireError,
} from "../../../hooks/socket/frames.js";
import { decodeRequest, type LaunchRequest, putRequest, type WireRequest } from "../../../hooks/socket/request.js";
import {
  decodeMessage,
  decodeVerdict,
  type Message,
  OUTCOMES,
  putError,
  putGoodbye,
  putHello,
  putPing,
  putResult,
  putRevocation,
  putVerdict,
  type VerdictToSend,
} from "../../../hooks/socket/wire.js";
import { codeOf } from "../../support/codes.js";
import { makeSecs } from "../../support/events.js";
import {
  ALLOWS,
  DECISION_ID,
  DENIES,
  FULL_REQUEST,
  REFUSALS,
  SHORT_REQUEST,
  VECTORS,
  VM_REQUEST,
  vector,
} from "./vectors.js";

const HELLO = { version_min: 1, version_max: 1, max_frame: 65_536, max_in_flight: 0, generation: 0, agent: "ask" };
const NO_CLAIMS = { kind: null, enforcement: null, process: null, vm: null, guest: null, provisionkey: null };
const NOTHING = { sigstruct: null, token: null, secs: null, platform: { flc: null, lepubkeyhash: null } };
const REST = { claims: NO_CLAIMS, event_id: null, deadline_ms: null, synthetic: false };
const RESULT = { id: 1, decision_id: DECISION_ID, outcome: "sgx_error", value: 16 } as const;
const NONCE = 0x0102_0304_0506_0708n;

/** Each vector of the page: what writes it, and what is read from it. */
const MEANINGS: readonly (readonly [name: string, put: (out: Output) => void, message: Message])[] = [
  ["hello of an asker", (out) => putHello(out, HELLO), { type: "hello", hello: HELLO }],
  [
    "hello of a daemon",
    (out) => putHello(out, { ...HELLO, max_in_flight: 1024, generation: 7, agent: null }),
    { type: "hello", hello: { ...HELLO, max_in_flight: 1024, generation: 7, agent: null } },
  ],
  [
    "request with a SIGSTRUCT and nothing else",
    (out) => putRequest(out, 1, SHORT_REQUEST, 2000),
    {
      type: "request",
      request: {
        id: 1,
        hook: "enclave_init",
        ...NOTHING,
        ...REST,
        sigstruct: Buffer.alloc(1808, 0xaa),
        deadline_ms: 2000,
      },
    },
  ],
  [
    "request with everything",
    (out) => putRequest(out, Number.MAX_SAFE_INTEGER, FULL_REQUEST, null),
    {
      type: "request",
      request: {
        ...FULL_REQUEST,
        id: Number.MAX_SAFE_INTEGER,
        sigstruct: Buffer.alloc(1808, 0xaa),
        token: Buffer.alloc(304, 0xbb),
        claims: { ...NO_CLAIMS, ...FULL_REQUEST.claims },
        deadline_ms: null,
      },
    },
  ],
  [
    "request about a VM",
    (out) => putRequest(out, 3, VM_REQUEST, 1),
    {
      type: "request",
      request: {
        id: 3,
        hook: "vm_provision",
        ...NOTHING,
        ...REST,
        claims: { ...NO_CLAIMS, vm: { id: "vm-1", name: null } },
        deadline_ms: 1,
      },
    },
  ],
  [
    "verdict that allows and may be held",
    (out) => putVerdict(out, 1, ALLOWS, 60_000),
    { type: "verdict", verdict: { ...ALLOWS, id: 1, hold_ms: 60_000, reasons_in_all: 0 } },
  ],
  [
    "verdict that denies, with reasons",
    (out) => putVerdict(out, 2, DENIES),
    { type: "verdict", verdict: { ...DENIES, id: 2, hold_ms: 0, reasons_in_all: 2 } },
  ],
  ["revocation", (out) => putRevocation(out, 8), { type: "revocation", generation: 8 }],
  ["result", (out) => putResult(out, RESULT), { type: "result", result: RESULT }],
  ["ping", (out) => putPing(out, "ping", NONCE), { type: "ping", nonce: NONCE }],
  ["pong", (out) => putPing(out, "pong", NONCE), { type: "pong", nonce: NONCE }],
  [
    "error",
    (out) => putError(out, { code: "duplicate_id", id: 5, message: "twice" }),
    { type: "error", failure: { code: "duplicate_id", id: 5, message: "twice" } },
  ],
  ["goodbye", (out) => putGoodbye(out, 2000), { type: "goodbye", grace_ms: 2000 }],
];

function written(put: (out: Output) => void): Buffer {
  const out = new Output();
  put(out);
  return out.take();
}

/** The frames of a stream that comes in these pieces. */
function framesOf(pieces: readonly Buffer[]): Frame[] {
  const reader = new FrameReader();
  return pieces.flatMap((piece) => {
    reader.push(piece);
    return drain(reader);
  });
}

function drain(reader: FrameReader): Frame[] {
  const frames: Frame[] = [];
  for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame);
  return frames;
}

const readAll = (bytes: Buffer): Message[] => framesOf([bytes]).map(decodeMessage);

/** "" where the bytes are whole messages, the WireError's code where they are not. Anything else thrown goes on up. */
function refusalOf(bytes: Buffer): string {
  return codeOf(() => readAll(bytes));
}

describe("the vectors of the page", () => {
  test("are all known here", () => {
    expect(MEANINGS.map(([name]) => name)).toEqual([...VECTORS.keys()]);
  });

  test.each(MEANINGS)("%s is what is written", (name, put) => {
    expect(written(put).toString("hex")).toBe(vector(name).toString("hex"));
  });

  test.each(MEANINGS)("%s is read as what it says", (name, _, message) => {
    expect(readAll(vector(name))).toEqual([message]);
  });

  test.each([...REFUSALS])("refused: %s", (name, bytes) => {
    expect(refusalOf(bytes)).toBe(name.split(":")[0]);
  });

  test("one after the other are one stream, however it is cut into pieces", () => {
    const stream = Buffer.concat([...VECTORS.values()]);
    const expected = MEANINGS.map(([, , message]) => message);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 40 }), (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const pieces = edges.slice(1).map((edge, at) => stream.subarray(edges[at], edge));
        expect(framesOf(pieces).map(decodeMessage)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
    expect(framesOf([...stream].map((byte) => Buffer.from([byte]))).map(decodeMessage)).toEqual(expected);
  });
});

describe("a field", () => {
  const withField = (name: string, field: string): Buffer => {
    const bytes = Buffer.concat([vector(name), Buffer.from(field, "hex")]);
    bytes.writeUInt32LE(bytes.length, 0);
    return bytes;
  };

  test.each([...VECTORS.keys()])("that nobody knows is skipped or, where it is critical, refused: %s", (name) => {
    const [, , message] = MEANINGS.find(([other]) => other === name) ?? [];
    expect(readAll(withField(name, "ff7f0200abcd"))).toEqual([message]);
    expect(refusalOf(withField(name, "ffff0200abcd"))).toBe("critical");
  });

  test.each([
    ["hello of a daemon", "018003006f6e65"],
    ["request about a VM", "0d8003006f6e65"],
    ["verdict that allows and may be held", "01800000"],
    ["error", "01800000"],
  ])("of %s with the wrong critical bit is refused", (name, field) => {
    expect(refusalOf(withField(name, field))).toBe("malformed");
  });

  test.each([
    ["a SECS of 131 bytes", `04808300${"00".repeat(131)}`],
    ["a SECS with an unknown bit of present", `04808400${"00".repeat(67)}80${"00".repeat(64)}`],
    ["a SECS with a size that is not present", `04808400${"00".repeat(56)}01${"00".repeat(75)}`],
    ["a mask of ids with a fifth bit", `0580140010${"00".repeat(19)}`],
    ["an id that is not known and not zero", `0580140000000000${"01000000".repeat(4)}`],
    ["an empty text", "06800000"],
    ["a text that is too long", `06804100${"61".repeat(65)}`],
    ["a text that is no UTF-8", "06800100ff"],
    ["a VM's name without its id", "0a80010061"],
    ["a header of three bytes", "068001"],
  ])("of a request is refused: %s", (_, field) => {
    const bare = written((out) => putRequest(out, 1, { hook: "vm_epc" }, null));
    const bytes = Buffer.concat([bare, Buffer.from(field, "hex")]);
    bytes.writeUInt32LE(bytes.length, 0);
    expect(refusalOf(bytes)).toBe("malformed");
  });
});

describe("whatever the bytes are", () => {
  const messages = [...VECTORS.values()];

  test("reading gives messages or a WireError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        refusalOf(Buffer.from(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  test("a body of any type does", () => {
    fc.assert(
      fc.property(fc.nat(12), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
        codeOf(() => decodeMessage({ type, body: Buffer.from(bytes) }));
      }),
      { numRuns: 5000 },
    );
  });

  test("a vector with bytes changed, taken away or put in does", () => {
    const change = fc.record({
      at: fc.nat(4096),
      byte: fc.nat(255),
      kind: fc.constantFrom("set", "cut", "add", "bit"),
    });
    fc.assert(
      fc.property(fc.nat(messages.length - 1), fc.array(change, { minLength: 1, maxLength: 6 }), (which, changes) => {
        let bytes = Buffer.from(messages[which] as Buffer);
        for (const { at, byte, kind } of changes) {
          // Mostly near the beginning, where what is decided on stands; of a SIGSTRUCT any byte is as good as another.
          const place = Math.min(at % 200 < 100 ? at % 160 : at, bytes.length - 1);
          if (kind === "set") bytes[place] = byte;
          else if (kind === "bit") bytes[place] = (bytes[place] as number) ^ (1 << (byte & 7));
          else if (kind === "cut") bytes = Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1)]);
          else bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from([byte]), bytes.subarray(place)]);
          if (bytes.length > 8 && (byte & 1) === 0) bytes.writeUInt32LE(bytes.length, 0);
          if (bytes.length < 8) return;
        }
        refusalOf(bytes);
      }),
      { numRuns: 20_000 },
    );
  });

  test("a verdict that says allow says no error", () => {
    const allow = vector("verdict that allows and may be held").subarray(8);
    fc.assert(
      fc.property(fc.nat(allow.length - 1), fc.nat(255), (at, byte) => {
        const body = Buffer.from(allow);
        body[at] = byte;
        let verdict: ReturnType<typeof decodeVerdict> | null = null;
        codeOf(() => {
          verdict = decodeVerdict(body);
        });
        if (verdict !== null) {
          expect(verdict).toMatchObject(
            body[8] === 1 ? { decision: "allow", errno: 0, einit_error: 0 } : { decision: "deny" },
          );
        }
      }),
      { numRuns: 5000 },
    );
  });
});

const text = (max: number) =>
  fc.string({ unit: "grapheme", minLength: 1, maxLength: max }).filter((s) => Buffer.byteLength(s) <= max);
const id32 = fc.option(fc.nat(0xffff_ffff));
const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map((value) => `0x${value.toString(16)}`);
const words = fc.record({ flags: word, xfrm: word });
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));

const requests: fc.Arbitrary<Omit<WireRequest, "id" | "deadline_ms">> = fc.record({
  hook: fc.constantFrom("enclave_create", "enclave_provision", "enclave_init", "vm_epc", "vm_provision"),
  sigstruct: fc.option(fc.uint8Array({ minLength: 1808, maxLength: 1808 })),
  token: fc.option(fc.uint8Array({ minLength: 304, maxLength: 304 })),
  secs: fc.option(
    fc.record({
      attributes: words,
      attributes_known: words,
      attributes_allowed: fc.option(words),
      miscselect: fc.option(fc.nat(0xffff_ffff).map((value) => `0x${value.toString(16)}`)),
      miscselect_known: fc.option(fc.nat(0xffff_ffff).map((value) => `0x${value.toString(16)}`)),
      cet_attributes: fc.option(fc.nat(0xff).map((value) => `0x${value.toString(16)}`)),
      configid: fc.option(fc.tuple(hash, hash).map(([a, b]) => a + b)),
      configsvn: fc.option(fc.nat(0xffff)),
      size: fc.option(word),
    }),
  ),
  platform: fc.record({ flc: fc.constantFrom(null, true, false), lepubkeyhash: fc.option(hash) }),
  claims: fc.record({
    kind: fc.constantFrom(null, "native", "kvm", "guest-agent", "file"),
    enforcement: fc.constantFrom(null, "kernel", "seccomp", "agent", "library", "none"),
    process: fc.option(
      fc.record({
        pid: id32,
        tid: id32,
        uid: id32,
        gid: id32,
        comm: fc.option(text(64)),
        exe: fc.option(text(4096)),
        cgroup: fc.option(text(4096)),
      }),
    ),
    vm: fc.option(fc.record({ id: text(256), name: fc.option(text(256)) })),
    guest: fc.option(fc.record({ pid: id32, uid: id32, exe: fc.option(text(4096)) })),
    provisionkey: fc.constantFrom(null, "fd", "vm-cap", "config"),
  }),
  event_id: fc.option(text(256)),
  synthetic: fc.boolean(),
});

describe("there and back", () => {
  test("a request says what it said", () => {
    const ids = fc.maxSafeNat().filter((id) => id > 0);
    fc.assert(
      fc.property(ids, requests, fc.option(fc.integer({ min: 1, max: 3_600_000 })), (id, request, deadline_ms) => {
        const frame = written((out) => putRequest(out, id, request, deadline_ms));
        expect(frame.length).toBeLessThanOrEqual(MIN_FRAME_LIMIT);
        const { sigstruct, token, ...rest } = decodeRequest(frame.subarray(8));
        const { sigstruct: sentSigstruct, token: sentToken, ...sent } = request;
        expect({ ...rest, sigstruct: hexOf(sigstruct), token: hexOf(token) }).toEqual({
          ...sent,
          id,
          deadline_ms,
          sigstruct: hexOf(sentSigstruct),
          token: hexOf(sentToken),
        });
      }),
      { numRuns: 1000 },
    );
  });

  test("a verdict says what it said, but for reasons that are too many or too long", () => {
    const reason = fc.record({ code: text(64), message: fc.string({ unit: "grapheme", maxLength: 100 }) });
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(reason, { maxLength: 16 }),
        fc.option(hash),
        fc.option(hash),
        fc.nat(0xffff_ffff),
        (allow, reasons, sigstruct_sha256, token_sha256, hold_ms) => {
          const verdict: VerdictToSend = {
            ...(allow ? ALLOWS : DENIES),
            sigstruct_sha256,
            token_sha256,
            reasons,
          };
          const body = written((out) => putVerdict(out, 9, verdict, hold_ms)).subarray(8);
          expect(decodeVerdict(body)).toEqual({ ...verdict, id: 9, hold_ms, reasons_in_all: reasons.length });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each(OUTCOMES)("a result of outcome %s", (outcome) => {
    const value = outcome === "errno" || outcome === "sgx_error" ? 1 : 0;
    const result = { id: 5, decision_id: null, outcome, value };
    expect(readAll(written((out) => putResult(out, result)))).toEqual([{ type: "result", result }]);
    expect(refusalOf(written((out) => putResult(out, { ...result, value: 1 - value })))).toBe("malformed");
  });

  test("reasons are cut to what a verdict carries, never within a character, and counted", () => {
    const reasons = Array.from({ length: 40 }, () => ({ code: "x".repeat(100), message: "😀".repeat(500) }));
    const frame = written((out) => putVerdict(out, 1, { ...DENIES, reasons }));
    expect(frame.length).toBeLessThanOrEqual(MIN_FRAME_LIMIT);
    const cut = { code: `${"x".repeat(61)}…`, message: `${"😀".repeat(127)}…` };
    expect(decodeVerdict(frame.subarray(8))).toMatchObject({
      reasons: Array.from({ length: 16 }, () => cut),
      reasons_in_all: 40,
    });
  });
});

function hexOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString("hex");
}

describe("what cannot be said", () => {
  const secs = makeSecs();
  const process = FULL_REQUEST.claims.process ?? null;

  test.each<[string, LaunchRequest]>([
    ["a SIGSTRUCT of 1807 bytes", { sigstruct: new Uint8Array(1807) }],
    ["a token of 305 bytes", { token: new Uint8Array(305) }],
    ["a hook there is not", { hook: "enclave_load" as "enclave_init" }],
    ["a hash of 63 digits", { platform: { flc: null, lepubkeyhash: "a".repeat(63) } }],
    ["attributes in upper case", { secs: { ...secs, attributes: { flags: "0xA", xfrm: "0x3" } } }],
    ["a MISCSELECT of 33 bits", { secs: { ...secs, miscselect: "0x100000000" } }],
    ["a negative CONFIGSVN", { secs: { ...secs, configsvn: -1 } }],
    ["a pid of 33 bits", { claims: { process: process === null ? null : { ...process, pid: 2 ** 32 } } }],
    ["a lone surrogate", { event_id: "\ud800" }],
    ["an empty id", { event_id: "" }],
    ["an exe of 4097 bytes", { claims: { process: process === null ? null : { ...process, exe: "é".repeat(2049) } } }],
  ])("is refused in a request, and leaves nothing behind: %s", (_, request) => {
    const out = new Output();
    putPing(out, "ping", 1n);
    expect(codeOf(() => putRequest(out, 1, request, null))).toBe("malformed");
    expect(out.length).toBe(16);
  });

  test.each<[string, Partial<VerdictToSend>]>([
    ["an allow with an errno", { errno: 13 }],
    ["an allow with an EINIT error", { einit_error: 16 }],
    ["a denial without errno", { decision: "deny" }],
    ["a decision there is not", { decision: "pass" as "allow" }],
    ["a digest of 63 digits", { sigstruct_sha256: "a".repeat(63) }],
    ["a digest that is no hex", { token_sha256: "g".repeat(64) }],
    ["an id that is no UUID", { decision_id: "x" }],
    ["a generation that is no count", { generation: -1 }],
  ])("is refused in a verdict, and leaves nothing behind: %s", (_, change) => {
    const out = new Output();
    expect(codeOf(() => putVerdict(out, 1, { ...ALLOWS, ...change }))).toBe("malformed");
    expect(out.length).toBe(0);
  });
});

describe("a reader of frames", () => {
  const ping = vector("ping");

  test("refuses a wrong header before anything else has come, and stays refused", () => {
    const reader = new FrameReader();
    reader.push(Buffer.from("0000010106000000", "hex"));
    expect(codeOf(() => reader.next())).toBe("frame");
    reader.push(ping);
    expect(codeOf(() => reader.next())).toBe("frame");
    expect(reader.held).toBe(ping.length);
  });

  test("gives no memory for what is only said to be coming", () => {
    const reader = new FrameReader();
    const header = Buffer.alloc(8);
    header.writeUInt32LE(MAX_FRAME_BYTES, 0);
    header[4] = 2;
    reader.push(header);
    expect([reader.next(), reader.midFrame]).toEqual([null, true]);
    expect(reader.held).toBeLessThan(512);
    for (let sent = 8; sent < MAX_FRAME_BYTES; sent += 1) {
      reader.push(Buffer.alloc(1));
      const frame = reader.next();
      expect(frame === null).toBe(sent < MAX_FRAME_BYTES - 1);
      if (frame !== null) expect(frame.body.length).toBe(MAX_FRAME_BYTES - 8);
      else expect(reader.held).toBeLessThanOrEqual(Math.min(MAX_FRAME_BYTES, 3 * sent + 600) + 1);
    }
    expect([reader.held, reader.midFrame]).toEqual([1, false]);
  });

  test("takes time in proportion to the bytes, however they come", () => {
    const stream = Buffer.concat(Array.from({ length: 4000 }, () => vector("request with everything")));
    const timed = (size: number): number => {
      const began = performance.now();
      const reader = new FrameReader();
      let frames = 0;
      for (let at = 0; at < stream.length; at += size) {
        reader.push(stream.subarray(at, at + size));
        frames += drain(reader).length;
      }
      expect(frames).toBe(4000);
      return performance.now() - began;
    };
    // Ten million bytes, a hundred at a time: if each piece copied what was there before, minutes.
    expect(timed(100)).toBeLessThan(5000);
    expect(timed(65_536)).toBeLessThan(2000);
  });

  test("a frame within one piece is a view of it", () => {
    const [frame] = framesOf([ping]);
    expect(frame?.body.buffer).toBe(ping.buffer);
  });
});

test("errors are WireErrors", () => {
  expect(() => decodeMessage({ type: 0, body: Buffer.alloc(0) })).toThrow(WireError);
});
