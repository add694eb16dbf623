/** Who asks over sockets in the bench, and what it makes of answers: that none is lost, made up or taken for another. */

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { daemonAnswerer, echoAnswerer, frameSizes, opaAnswerer, patchRequest } from "../../cli/bench/answerers.js";
import { type Answerer, Asker, HELLO, roundTrips, throughput } from "../../cli/bench/askers.js";
import { eventStream, signedSigstruct } from "../../cli/bench/workload.js";
import { sha256Hex } from "../../engine/index.js";
import { FrameReader, Output } from "../../hooks/socket/frames.js";
import { decodeRequest } from "../../hooks/socket/request.js";
import { putHello, putVerdict, type VerdictToSend } from "../../hooks/socket/wire.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-bench-daemon-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const template = signedSigstruct();
const event = eventStream({ template, signers: "listed", enclaves: "again" })(0);
const sigstruct = event.sigstruct as Uint8Array;

function verdict(id: number, more: Partial<VerdictToSend> = {}): Buffer {
  const out = new Output();
  putVerdict(out, id, {
    ...{ decision: "allow", errno: 0, einit_error: 0, generation: 1, reasons: [], token_sha256: null },
    ...{ decision_id: "00000000-0000-4000-8000-000000000000", sigstruct_sha256: sha256Hex(sigstruct) },
    ...more,
  });
  return out.take();
}

const denial = (id: number, code: string): Buffer =>
  verdict(id, { decision: "deny", errno: 13, einit_error: 16, reasons: [{ code, message: "No." }] });

function hello(): Buffer {
  const out = new Output();
  const versions = { version_min: 1, version_max: 1, max_frame: 65_536 };
  putHello(out, { ...versions, max_in_flight: 1024, generation: 1, agent: null });
  return out.take();
}

/** What a reader tells of a stream, however it is cut. */
function told(answerer: Answerer, slots: number, stream: Buffer, pieceBytes: number): unknown {
  const read = answerer.reader(answerer.requests(slots));
  const found: (number | string)[] = [];
  for (let at = 0; at < stream.length; at += pieceBytes) {
    read(stream.subarray(at, at + pieceBytes), (slot, overloaded) => {
      found.push(overloaded === true ? `${slot} overloaded` : slot);
    });
  }
  return found;
}

describe.each([1, 7, 100, 65_536])("answers that come in pieces of %i bytes", (pieceBytes) => {
  test("of the daemon are known by their ids", () => {
    const stream = Buffer.concat([hello(), verdict(3), verdict(1), denial(2, "overloaded")]);
    expect(told(daemonAnswerer("", event, false), 3, stream, pieceBytes)).toEqual([HELLO, 2, 0, "1 overloaded"]);
  });

  test("of the echo are known by their length and order", () => {
    const stream = Buffer.alloc(3 * frameSizes(event).verdict);
    expect(told(echoAnswerer("", event), 2, stream, pieceBytes)).toEqual([0, 1, 0]);
  });

  test("of OPA are known by their order", () => {
    const body = '{"result":{"allow":true}}';
    const answer = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const stream = Buffer.from(answer.repeat(3));
    expect(told(opaAnswerer("", "launch/decision", {}), 2, stream, pieceBytes)).toEqual([0, 1, 0]);
  });
});

test.each<[string, Answerer, Buffer, RegExp]>([
  [
    "a denial of the daemon",
    daemonAnswerer("", event, false),
    denial(1, "signer_not_listed"),
    /signer_not_listed: No\./,
  ],
  [
    "an allow of other bytes",
    daemonAnswerer("", event, false),
    verdict(1, { sigstruct_sha256: "0".repeat(64) }),
    /about other bytes/,
  ],
  [
    "a denial of OPA",
    opaAnswerer("", "a", {}),
    Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    /not allow/,
  ],
  ["an error of OPA's server", opaAnswerer("", "a", {}), Buffer.from("HTTP/1.1 500 No\r\n\r\n"), /HTTP\/1\.1 500/],
])("%s is no answer that counts", (_, answerer, stream, message) => {
  expect(() => told(answerer, 1, stream, 65_536)).toThrow(message);
});

test("a request that is patched is the same but for its SIGSTRUCT", () => {
  const requests = daemonAnswerer("", event, true).requests(2);
  const size = requests.length / 2;
  const other = Uint8Array.from(sigstruct, (byte) => byte ^ 0xff);
  patchRequest(requests, 1, size, other);
  const decoded = [0, size].map((at) => decodeRequest(requests.subarray(at + 8, at + size)));
  expect(decoded.map(({ id, sigstruct: bytes }) => [id, sha256Hex(bytes as Uint8Array)])).toEqual([
    [1, sha256Hex(sigstruct)],
    [2, sha256Hex(other)],
  ]);
  expect(decoded[1]?.secs).toEqual(decoded[0]?.secs);
});

describe("over a socket", () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers.splice(0)) server.close();
  });

  /** A daemon that answers the n-th request of a connection, from 0, with these frames. */
  async function daemon(answer: (id: number, at: number) => readonly Buffer[]): Promise<Answerer> {
    const path = join(folder, `${servers.length}-${Math.random().toString(36).slice(2)}.sock`);
    const server = createServer((socket) => {
      sockets.add(socket);
      const frames = new FrameReader();
      let asked = 0;
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        frames.push(chunk);
        for (let frame = frames.next(); frame !== null; frame = frames.next()) {
          if (frame.type === 1) socket.write(hello());
          else for (const bytes of answer(frame.body.readUInt32LE(0), asked++)) socket.write(bytes);
        }
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return daemonAnswerer(path, event, false);
  }

  test("each round trip is timed, and prepared before it", async () => {
    const asker = await Asker.open(await daemon((id) => [verdict(id)]), 1);
    let prepared = 0;
    const times = await roundTrips(asker, 20, () => {
      prepared += 1;
    });
    asker.close();
    expect([times.length, prepared, times.every((ns) => ns > 0)]).toEqual([20, 20, true]);
  });

  test("what is denied as overloaded is not counted among what is sustained", async () => {
    const found = await throughput(await daemon((id, at) => [at % 4 === 3 ? denial(id, "overloaded") : verdict(id)]), {
      ...{ connections: 3, inFlight: 8, ms: 100 },
    });
    expect(found.per_second).toBeGreaterThan(0);
    expect(found.overloaded).toBeCloseTo(0.25, 1);
  });

  test.each<[string, (id: number, at: number) => readonly Buffer[], RegExp]>([
    ["an answer twice", (id) => [verdict(id), verdict(id)], /was not asked/],
    ["an answer to nothing", (id) => [verdict(id + 100)], /was not asked/],
    ["a denial", (id) => [denial(id, "debug_on")], /debug_on/],
    ["overload by one at a time", (id) => [denial(id, "overloaded")], /one request at a time/],
  ])("%s is an error, not a time", async (_, answer, message) => {
    const asker = await Asker.open(await daemon(answer), 1);
    await expect(roundTrips(asker, 5, () => undefined)).rejects.toThrow(message);
    asker.close();
  });

  test("a connection that ends is an error", async () => {
    const asker = await Asker.open(
      await daemon(() => {
        for (const socket of sockets) socket.destroy();
        return [];
      }),
      1,
    );
    await expect(roundTrips(asker, 5, () => undefined)).rejects.toThrow(/closed/);
  });

  test("nobody there is an error", async () => {
    await expect(Asker.open(daemonAnswerer(join(folder, "nobody.sock"), event, false), 1)).rejects.toThrow(/ENOENT/);
  });
});
