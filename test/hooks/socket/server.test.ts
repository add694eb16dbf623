/** The socket server in front of real sockets: what it answers, what it bears, and what it does with those who misbehave. */

import { spawn } from "node:child_process";
import { existsSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { connect } from "../../../hooks/socket/client.js";
import type { WireErrorCode } from "../../../hooks/socket/frames.js";
import { createSocketServer, type SocketServerOptions } from "../../../hooks/socket/server.js";
import { Turns } from "../../../hooks/socket/turns.js";
import { putGoodbye, putHello, putPing, putResult } from "../../../hooks/socket/wire.js";
import { ROOT } from "../../support/cli.js";
import { Asker, freshPath, NOBODY, pause, serve, until, verdictOn } from "./server.js";
import { DECISION_ID, REFUSALS, VECTORS, vector } from "./vectors.js";

const EVEN = new Uint8Array(1808).fill(2);
const ODD = new Uint8Array(1808).fill(3);

describe("a conversation", () => {
  test("hello, requests, pings and results are each answered as the page says", async () => {
    const { path, results } = await serve();
    const asker = await Asker.met(path);
    asker.ask(5, EVEN);
    asker.say((out) => putPing(out, "ping", 77n));
    asker.say((out) => putResult(out, { id: 5, decision_id: DECISION_ID, outcome: "launched", value: 0 }));
    asker.ask(6, ODD);
    expect(await asker.next()).toMatchObject({ type: "verdict", verdict: { id: 5, decision: "allow", generation: 7 } });
    expect(await asker.next()).toEqual({ type: "pong", nonce: 77n });
    expect(await asker.next()).toMatchObject({ type: "verdict", verdict: { id: 6, reasons: [{ code: "odd" }] } });
    expect(results).toEqual([{ id: 5, decision_id: DECISION_ID, outcome: "launched", value: 0 }]);
  });

  test("hello says what the daemon takes, and its generation", async () => {
    const { path } = await serve({ limits: { maxInFlight: 12 } });
    const asker = new Asker(path);
    asker.write(vector("hello of an asker"));
    expect(await asker.next()).toEqual({
      type: "hello",
      hello: {
        version_min: 1,
        version_max: 1,
        max_frame: 65_536,
        max_in_flight: 12,
        generation: 7,
        agent: "launchgate",
      },
    });
  });

  test("answers may come in any order, and each is written once", async () => {
    const waiting: (() => void)[] = [];
    const { path } = await serve({
      decide: (request, _, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => {
          answer(verdict);
          answer({ ...verdict, decision: "deny", errno: 13, einit_error: 16 });
        });
      },
    });
    const asker = await Asker.met(path);
    for (const id of [1, 2, 3]) asker.ask(id, EVEN);
    await until(() => waiting.length === 3);
    for (const answer of waiting.toReversed()) answer();
    expect([...(await asker.verdicts(3))]).toEqual([
      [3, "allow"],
      [2, "allow"],
      [1, "allow"],
    ]);
    // Answered, and so to be had again.
    asker.ask(2, EVEN);
    await until(() => waiting.length === 4);
    waiting[3]?.();
    expect([...(await asker.verdicts(1))]).toEqual([[2, "allow"]]);
  });

  test("verdicts of one tick are written at once", async () => {
    const waiting: (() => void)[] = [];
    const { path } = await serve({
      decide: (request, _, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => answer(verdict));
      },
    });
    const asker = await Asker.met(path);
    for (let id = 1; id <= 50; id += 1) asker.ask(id, EVEN);
    await until(() => waiting.length === 50);
    let pieces = 0;
    asker.socket.on("data", () => {
      pieces += 1;
    });
    for (const answer of waiting) answer();
    await asker.verdicts(50);
    expect(pieces).toBe(1);
  });

  test("a revocation reaches everybody", async () => {
    const { path, server } = await serve();
    const askers = await Promise.all([Asker.met(path), Asker.met(path)]);
    server.revoke(8);
    for (const asker of askers) expect(await asker.next()).toEqual({ type: "revocation", generation: 8 });
  });

  test.each([
    ["goodbye", (asker: Asker) => asker.say((out) => putGoodbye(out, 0))],
    ["the end of what is written", (asker: Asker) => asker.socket.end()],
  ])("after %s, what was asked is answered still", async (_, leave) => {
    const waiting: (() => void)[] = [];
    const { path, server } = await serve({
      decide: (request, _peer, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => answer(verdict));
      },
    });
    const asker = await Asker.met(path);
    for (let id = 1; id <= 100; id += 1) asker.ask(id, EVEN);
    leave(asker);
    await until(() => waiting.length === 100);
    await pause(30);
    for (const answer of waiting) answer();
    expect((await asker.verdicts(100)).size).toBe(100);
    expect(await asker.rest()).toEqual([]);
    asker.socket.destroy();
    await until(() => server.stats().connections === 0);
  });

  test("a decision that throws, or is none, is a denial", async () => {
    const wrong: SocketServerOptions<number>["decide"][] = [
      () => {
        throw new Error("secret");
      },
      (request, _, answer) => answer({ ...verdictOn(request), decision_id: "no uuid" }),
      (request, _, answer) => answer({ ...verdictOn(request), decision: "maybe" as "allow" }),
      (request, _, answer) => answer(verdictOn(request), -1),
      (_request, _peer, answer) => answer(null as never),
    ];
    for (const decide of wrong) {
      const { path } = await serve({ decide });
      const asker = await Asker.met(path);
      asker.ask(1, EVEN);
      expect(await asker.next()).toMatchObject({
        type: "verdict",
        verdict: { id: 1, decision: "deny", errno: 13, einit_error: 16, reasons: [{ code: "internal" }] },
      });
    }
  });
});

describe("who does not keep to the protocol", () => {
  const cases: readonly (readonly [string, Buffer, WireErrorCode])[] = [
    ...[...REFUSALS].map(([name, bytes]) => [name, bytes, name.split(":")[0] as WireErrorCode] as const),
    ["a second hello", vector("hello of an asker"), "unexpected"],
    ["a verdict", vector("verdict that allows and may be held"), "unexpected"],
    ["a revocation", vector("revocation"), "unexpected"],
    ["a pong", vector("pong"), "unexpected"],
    ["a request after goodbye", Buffer.concat([vector("goodbye"), vector("request about a VM")]), "unexpected"],
  ];

  test.each(cases)("is told so and cut off, and nobody else notices: %s", async (_, bytes, code) => {
    const { path, server } = await serve();
    const bystander = await Asker.met(path);
    const asker = await Asker.met(path);
    asker.write(bytes);
    const messages = await asker.rest();
    expect(messages.at(-1)).toMatchObject({ type: "error", failure: { code } });
    bystander.ask(1, EVEN);
    expect([...(await bystander.verdicts(1))]).toEqual([[1, "allow"]]);
    asker.socket.destroy();
    await until(() => server.stats().connections === 1);
  });

  test.each([...VECTORS.keys()].filter((name) => !name.startsWith("hello") && name !== "error"))(
    "before hello: %s",
    async (name) => {
      const { path } = await serve();
      const asker = new Asker(path);
      asker.write(vector(name));
      expect(await asker.rest()).toMatchObject([{ type: "error", failure: { code: "unexpected" } }]);
    },
  );

  test("with an id that is in flight", async () => {
    const { path } = await serve({ decide: () => {} });
    const asker = await Asker.met(path);
    asker.ask(9);
    asker.ask(9);
    expect(await asker.rest()).toMatchObject([{ type: "error", failure: { code: "duplicate_id", id: 9 } }]);
  });

  test("with another version", async () => {
    const { path } = await serve();
    const asker = new Asker(path);
    const hello = { version_min: 2, version_max: 9, max_frame: 65_536, max_in_flight: 0, generation: 0, agent: null };
    asker.say((out) => putHello(out, hello));
    expect(await asker.rest()).toMatchObject([{ type: "error", failure: { code: "version" } }]);
  });

  test("with any bytes whatever: the daemon goes on, and others are answered", async () => {
    const { path, server } = await serve();
    const bystander = await Asker.met(path);
    const stream = Buffer.concat([...VECTORS.values()]);
    const noise = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
        fc.tuple(fc.nat(stream.length - 1), fc.nat(255)).map(([at, byte]) => {
          const changed = Buffer.from(stream);
          changed[at] = byte;
          return changed;
        }),
      ),
      300,
    );
    let id = 0;
    for (const bytes of noise) {
      const asker = new Asker(path);
      asker.write(vector("hello of an asker"));
      asker.write(bytes);
      asker.socket.end();
      id += 1;
      bystander.ask(id, EVEN);
      expect([...(await bystander.verdicts(1))]).toEqual([[id, "allow"]]);
      asker.socket.resume();
    }
    await until(() => server.stats().connections === 1);
    expect(server.stats().held_bytes).toBeLessThan(65_536);
  });
});

describe("who takes too long", () => {
  const quick = { handshakeMs: 200, frameMs: 200, idleMs: 400, writeMs: 300, closeMs: 200 };

  test.each<[string, (path: string) => Promise<Asker>]>([
    ["to say hello", async (path) => new Asker(path)],
    [
      "to say hello, byte by byte",
      async (path) => {
        const asker = new Asker(path);
        for (const byte of vector("hello of an asker")) {
          asker.write(Buffer.from([byte]));
          await pause(20);
        }
        return asker;
      },
    ],
    [
      "to end a frame, byte by byte",
      async (path) => {
        const asker = await Asker.met(path);
        for (const byte of vector("request about a VM")) {
          asker.write(Buffer.from([byte]));
          await pause(20);
        }
        return asker;
      },
    ],
    ["to ask anything", (path) => Asker.met(path)],
  ])("%s is cut off", async (_, begin) => {
    const { path, server } = await serve({ limits: quick });
    const asker = await begin(path);
    const messages = await asker.rest();
    expect(messages.at(-1)).toMatchObject({ type: "error", failure: { code: "timeout" } });
    asker.socket.destroy();
    await until(() => server.stats().connections === 0);
  });

  test("to find out who it is is refused", async () => {
    const { path, troubles } = await serve({ limits: quick, peerOf: () => new Promise(() => {}) });
    expect(await new Asker(path).rest()).toMatchObject([{ type: "error", failure: { code: "timeout" } }]);
    expect(troubles).toMatchObject([{ code: "timeout", peer: null }]);
  });

  test("to read answers is cut without a word", async () => {
    for (const [limits, code] of [
      [{ maxUnreadBytes: 10_000 }, "overloaded"],
      [{ maxUnreadBytes: 1_000_000_000, writeMs: 300 }, "timeout"],
    ] as const) {
      const { path, server, troubles } = await serve({ limits });
      const socket = connectSocket(path);
      socket.on("error", () => {});
      socket.write(vector("hello of an asker"));
      const ping = Buffer.concat(Array.from({ length: 20_000 }, () => vector("ping")));
      for (let times = 0; times < 20 && !socket.destroyed; times += 1) socket.write(ping);
      await until(() => troubles.length > 0, 10_000);
      expect(troubles).toMatchObject([{ code }]);
      await until(() => server.stats().connections === 0);
      expect(server.stats().held_bytes).toBe(0);
      socket.destroy();
    }
  });

  test("a ping is enough to stay", async () => {
    const { path, server } = await serve({ limits: quick });
    const asker = await Asker.met(path);
    for (let times = 0n; times < 12n; times += 1n) {
      asker.say((out) => putPing(out, "ping", times));
      expect(await asker.next()).toEqual({ type: "pong", nonce: times });
      await pause(100);
    }
    expect(server.stats().connections).toBe(1);
  });
});

describe("bounds", () => {
  test("a connection is not read beyond so many unanswered requests, and goes on once they are answered", async () => {
    const waiting: (() => void)[] = [];
    const { path, server } = await serve({
      limits: { maxInFlight: 10 },
      decide: (request, _, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => answer(verdict));
      },
    });
    const asker = await Asker.met(path);
    for (let id = 1; id <= 500; id += 1) asker.ask(id, id % 2 === 0 ? EVEN : ODD);
    await until(() => waiting.length === 10);
    await pause(50);
    expect([waiting.length, server.stats().in_flight]).toEqual([10, 10]);
    const answering = setInterval(() => waiting.splice(0).forEach((answer) => void answer()), 1);
    const verdicts = await asker.verdicts(500);
    clearInterval(answering);
    expect([...verdicts].filter(([id, decision]) => decision !== (id % 2 === 0 ? "allow" : "deny"))).toEqual([]);
    expect(server.stats()).toMatchObject({ in_flight: 0, requests: 500, verdicts: 500 });
  });

  test("so many connections, and so many of one peer", async () => {
    const { path } = await serve({
      limits: { maxConnections: 3, maxConnectionsPerPeer: 2 },
      peerOf: () => ({ peer: 0, key: "the same" }),
    });
    await Asker.met(path);
    await Asker.met(path);
    expect(await new Asker(path).rest()).toMatchObject([{ type: "error", failure: { code: "overloaded" } }]);
    const { path: other } = await serve({ limits: { maxConnections: 1 } });
    await Asker.met(other);
    expect(await new Asker(other).rest()).toMatchObject([{ type: "error", failure: { code: "overloaded" } }]);
  });

  test("where memory runs out, whoever holds most is cut, and nobody else", async () => {
    const maxHeldBytes = 1_000_000;
    let most = 0;
    const waiting: (() => void)[] = [];
    const { path, server, troubles } = await serve({
      limits: { maxHeldBytes, maxInFlight: 1 },
      decide: (request, _, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => answer(verdict));
      },
    });
    const bystanders = await Promise.all(Array.from({ length: 20 }, () => Asker.met(path)));
    // Each asks once, so that it is not read any further, and then fills what is held for it.
    const hoarders = await Promise.all(Array.from({ length: 40 }, () => Asker.met(path)));
    const watching = setInterval(() => {
      most = Math.max(most, server.stats().held_bytes);
    }, 1);
    const much = Buffer.concat(Array.from({ length: 60 }, (_, at) => requestFrame(at + 1)));
    for (const hoarder of hoarders) hoarder.write(much);
    await until(() => troubles.length > 10);
    clearInterval(watching);
    expect(most).toBeLessThanOrEqual(maxHeldBytes);
    expect(new Set(troubles.map(({ code }) => code))).toEqual(new Set(["overloaded"]));
    expect(bystanders.filter(({ ended }) => ended)).toEqual([]);
    for (const { socket } of [...hoarders, ...bystanders]) socket.destroy();
    // Who is not read any further is not seen to be gone before there is something to write to them.
    const answering = setInterval(() => waiting.splice(0).forEach((answer) => void answer()), 1);
    await until(() => server.stats().connections === 0);
    clearInterval(answering);
    expect(server.stats().held_bytes).toBe(0);
  });

  test("memory stays where it is, whatever a thousand connections leave unfinished", async () => {
    const { path, server } = await serve({ limits: { maxHeldBytes: 16_000_000 } });
    const header = Buffer.alloc(1000);
    header.writeUInt32LE(65_536, 0);
    header[4] = 2;
    const askers = await Promise.all(Array.from({ length: 1000 }, () => Asker.met(path)));
    globalThis.gc?.();
    const before = process.memoryUsage();
    for (const asker of askers) asker.write(header);
    await until(() => server.stats().held_bytes >= 1_000_000);
    await pause(100);
    const { held_bytes, connections } = server.stats();
    const after = process.memoryUsage();
    expect(connections).toBe(1000);
    expect(held_bytes).toBeLessThan(1000 * 4096);
    // The bound of the docstring: what is held, and two reads for each connection.
    expect(after.external + after.heapUsed - before.external - before.heapUsed).toBeLessThan(
      16_000_000 + 1000 * 131_072,
    );
    for (const { socket } of askers) socket.destroy();
    await until(() => server.stats().connections === 0);
    expect(server.stats()).toMatchObject(NOBODY);
  });
});

function requestFrame(id: number): Buffer {
  const frame = Buffer.from(vector("request with a SIGSTRUCT and nothing else"));
  frame.writeUInt32LE(id, 8);
  return frame;
}

describe("fairness", () => {
  test("whoever waits waits for one turn of each other peer, however much they have waiting", () => {
    const turns = new Turns<string>();
    for (let at = 0; at < 100; at += 1) turns.add("noisy", `n${at}`);
    turns.add("quiet", "q");
    const order: string[] = [];
    turns.round((item) => order.push(item) < 0);
    turns.round((item) => order.push(item) < 0);
    expect(order).toEqual(["n0", "q", "n1"]);
    expect([turns.size, turns.has("quiet"), turns.has("noisy")]).toEqual([1, false, true]);
  });

  test("what has more to do has its next turn after everybody else", () => {
    const turns = new Turns<string>();
    for (const name of ["a", "b", "c"]) turns.add(name, name);
    const order: string[] = [];
    for (let round = 0; round < 3; round += 1) turns.round((item) => order.push(item) < 5);
    expect(order).toEqual(["a", "b", "c", "a", "b", "c", "a"].slice(0, order.length));
    turns.add("a", "a");
    turns.remove("a", "a");
    expect(turns.has("a")).toBe(false);
  });

  test("a quiet peer is answered while a noisy one has thousands of requests waiting", async () => {
    let peers = 0;
    let ofNoisy = 0;
    const waitedFor: number[] = [];
    let askedAt = 0;
    const { path } = await serve({
      peerOf: () => {
        peers += 1;
        return { peer: peers, key: peers === 1 ? "quiet" : "noisy" };
      },
      decide: (request, peer, answer) => {
        if (peer === 1) waitedFor.push(ofNoisy - askedAt);
        else ofNoisy += 1;
        for (const end = performance.now() + 0.05; performance.now() < end; );
        answer(verdictOn(request));
      },
    });
    const client = connect({ path, deadlineMs: 30_000 });
    expect((await client.decide({ sigstruct: EVEN })).decision).toBe("allow");
    const noisy = await Promise.all(Array.from({ length: 8 }, () => Asker.met(path)));
    for (const asker of noisy) for (let id = 1; id <= 2000; id += 1) asker.ask(id, EVEN);
    const counting = noisy.map((asker) => asker.verdicts(2000));
    for (let at = 0; at < 20; at += 1) {
      askedAt = ofNoisy;
      expect((await client.decide({ sigstruct: EVEN })).decision).toBe("allow");
    }
    // Of 16,000 that are waiting, a few turns of 64 go first, not the turns of eight connections.
    expect(waitedFor.toSorted((a, b) => a - b)[10]).toBeLessThan(6 * 64);
    await Promise.all(counting);
    await client.close();
  });
});

describe("a thousand clients at once", () => {
  test("pipelined, each gets the answer to each of its own requests", async () => {
    const { path, server } = await serve();
    const enclaves = Array.from({ length: 16 }, (_, at) => new Uint8Array(1808).fill(at));
    const clients = Array.from({ length: 1000 }, () => connect({ path, deadlineMs: 50_000, connectMs: 30_000 }));
    const wrong: unknown[] = [];
    await Promise.all(
      clients.map(async (client, at) => {
        const verdicts = await Promise.all(
          Array.from({ length: 100 }, (_, n) => client.decide({ sigstruct: enclaves[(at + n) % 16] as Uint8Array })),
        );
        for (const [n, verdict] of verdicts.entries()) {
          const expected = (at + n) % 2 === 0 ? "allow" : "deny";
          if (verdict.decision !== expected || verdict.by !== "daemon") wrong.push(verdict);
        }
      }),
    );
    expect(wrong).toEqual([]);
    expect(server.stats()).toMatchObject({ connections: 1000, requests: 100_000, verdicts: 100_000, in_flight: 0 });
    await Promise.all(clients.map((client) => client.close()));
    await until(() => server.stats().connections === 0);
    expect(server.stats()).toMatchObject(NOBODY);
  });
});

describe("shutting down", () => {
  test("answers what is in flight, denies what comes then, and takes nobody in", async () => {
    const waiting: (() => void)[] = [];
    const { path, server } = await serve({
      decide: (request, _, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => answer(verdict));
      },
    });
    const asker = await Asker.met(path);
    asker.ask(1, EVEN);
    await until(() => waiting.length === 1);
    const closed = server.close(2000);
    expect(await asker.next()).toEqual({ type: "goodbye", grace_ms: 2000 });
    asker.ask(2, EVEN);
    expect(await asker.next()).toMatchObject({ verdict: { id: 2, reasons: [{ code: "shutting_down" }] } });
    expect(existsSync(path)).toBe(false);
    waiting[0]?.();
    expect(await asker.next()).toMatchObject({ verdict: { id: 1, decision: "allow" } });
    expect(await asker.rest()).toEqual([]);
    asker.socket.destroy();
    await closed;
  });

  test("denies what is not answered in time", async () => {
    const { path, server } = await serve({ decide: () => {} });
    const asker = await Asker.met(path);
    asker.ask(1, EVEN);
    asker.ask(2, EVEN);
    await until(() => server.stats().in_flight === 2);
    const closed = server.close(150);
    const denied = (id: number) => ({ verdict: { id, decision: "deny", reasons: [{ code: "shutting_down" }] } });
    expect(await asker.rest()).toMatchObject([{ type: "goodbye" }, denied(1), denied(2)]);
    asker.socket.destroy();
    await closed;
  });

  test("does not wait for those who do not read, nor for those it does not know", async () => {
    const { path, server } = await serve({ limits: { closeMs: 100 }, peerOf: () => new Promise(() => {}) });
    new Asker(path);
    await until(() => server.stats().accepted === 1);
    const began = performance.now();
    await server.close(5000);
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

describe("who is served", () => {
  test("a peer that cannot be identified is refused, and not told why", async () => {
    for (const peerOf of [
      () => Promise.reject(new Error("uid 7 is not allowed")),
      () => {
        throw new Error("uid 7 is not allowed");
      },
    ]) {
      const { path, troubles } = await serve({ peerOf });
      expect(await new Asker(path).rest()).toMatchObject([
        { type: "error", failure: { code: "refused", message: "this peer is not served here" } },
      ]);
      expect(troubles).toEqual([{ code: "refused", message: "uid 7 is not allowed", peer: null }]);
    }
  });

  test("what was read to find out who it is is part of the stream", async () => {
    const head = Buffer.concat([vector("hello of an asker"), vector("ping").subarray(0, 5)]);
    const { path } = await serve({ peerOf: async () => ({ peer: 1, head }) });
    const asker = new Asker(path);
    asker.write(vector("ping").subarray(5));
    expect(await asker.next()).toMatchObject({ type: "hello" });
    expect(await asker.next()).toMatchObject({ type: "pong" });
  });
});

describe("the socket's place", () => {
  const plain: SocketServerOptions<null> = {
    peerOf: () => ({ peer: null }),
    decide: () => {},
    generation: () => 1,
  };

  test("has its mode from the first moment, and leaves nothing else behind", async () => {
    const path = freshPath();
    const { server } = await serve({ path, mode: 0o620 });
    expect(statSync(path).mode & 0o7777).toBe(0o620);
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith(".lg"))).toEqual([]);
    await server.close(0);
    expect(existsSync(path)).toBe(false);
  });

  test("that somebody listens at is refused, and goes on", async () => {
    const { path } = await serve();
    await expect(createSocketServer({ ...plain, path })).rejects.toMatchObject({ code: "in_use" });
    const asker = await Asker.met(path);
    asker.ask(1, EVEN);
    expect((await asker.verdicts(1)).size).toBe(1);
  });

  test("of somebody who has died is taken over", async () => {
    const path = freshPath();
    const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("ready"))`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    expect(existsSync(path)).toBe(true);
    await serve({ path });
    await Asker.met(path);
  });

  test("is had by one of many who want it at once", async () => {
    const path = freshPath();
    const stale = createServer().listen(path);
    await new Promise((resolve) => stale.once("listening", resolve));
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => createSocketServer({ ...plain, path })));
    expect(new Set(tries.map(({ status }) => status))).toEqual(new Set(["rejected"]));
    await new Promise((resolve) => stale.close(resolve));
    const again = await Promise.allSettled(Array.from({ length: 8 }, () => createSocketServer({ ...plain, path })));
    const had = again.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const codes = again.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
    expect([had.length, new Set(codes)]).toEqual([1, new Set(["in_use"])]);
    await Promise.all(had.map((server) => server.close(0)));
  });

  test.each([
    ["a file", (path: string) => writeFileSync(path, "mine"), "not_a_socket"],
    ["a link", (path: string) => symlinkSync("/nowhere", path), "not_a_socket"],
  ])("that is %s is left alone", async (_, make, code) => {
    const path = freshPath();
    make(path);
    await expect(createSocketServer({ ...plain, path })).rejects.toMatchObject({ code });
  });

  test.each<[string, Partial<SocketServerOptions<null>>, string]>([
    ["no place", {}, "option"],
    ["two places", { path: "/tmp/x", fd: 3 }, "option"],
    ["a path that is too long", { path: `/tmp/${"x".repeat(200)}` }, "path"],
    ["a folder that is not there", { path: join(dirname(freshPath()), "none/s") }, "path"],
    ["a limit of none", { path: freshPath(), limits: { maxConnections: 0 } }, "option"],
    ["frames that are too short", { path: freshPath(), limits: { maxFrameBytes: 100 } }, "option"],
    ["a descriptor that is no socket", { fd: 0 }, "listen"],
  ])("cannot be had: %s", async (_, options, code) => {
    await expect(createSocketServer({ ...plain, ...options })).rejects.toMatchObject({ code });
  });

  test("may be a descriptor that was inherited, as from systemd", async () => {
    const path = freshPath();
    const holder = createServer().listen(path);
    await new Promise((resolve) => holder.once("listening", resolve));
    const program = join(dirname(path), "inherits.mjs");
    await build({
      stdin: {
        contents: `
          import { createSocketServer } from ${JSON.stringify(join(ROOT, "hooks/socket/server.ts"))};
          await createSocketServer({
            fd: 3, peerOf: () => ({ peer: null }), generation: () => 9,
            decide: (_request, _peer, answer) => answer({}),
          });
          console.log("ready");`,
        resolveDir: ROOT,
      },
      outfile: program,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "silent",
    });
    const { fd } = (holder as unknown as { _handle: { fd: number } })._handle;
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit", fd] });
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    // Moved out of the way, since its maker takes the path away at the end. From here on only the child accepts.
    const moved = freshPath();
    renameSync(path, moved);
    await new Promise((resolve) => holder.close(resolve));
    const asker = await Asker.met(moved);
    asker.ask(1, EVEN);
    expect(await asker.next()).toMatchObject({ verdict: { id: 1, generation: 9, reasons: [{ code: "internal" }] } });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await gone;
    expect(existsSync(moved)).toBe(true);
  });

  test("that another has put in its stead meanwhile is not taken away at the end", async () => {
    const { path, server } = await serve();
    const { path: other, server: second } = await serve();
    renameSync(other, path);
    await server.close(0);
    expect(existsSync(path)).toBe(true);
    await second.close(0);
  });
});
