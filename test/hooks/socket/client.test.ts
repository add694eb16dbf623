/** The client in front of daemons that work, fail and lie: an allow is only what the daemon said of the very bytes sent. */

import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { type ClientOptions, connect, type LaunchgateClient } from "../../../hooks/socket/client.js";
import { CLIENT_REASONS } from "../../../hooks/socket/client-verdict.js";
import type { LaunchRequest } from "../../../hooks/socket/request.js";
import { ROOT } from "../../support/cli.js";
import { makeSecs } from "../../support/events.js";
import { HARMLESS, HOSTILE, play } from "./hostile-daemons.js";
import { freshPath, pause, serve, until, verdictOn } from "./server.js";
import { DECISION_ID, FULL_REQUEST } from "./vectors.js";

const EVEN = new Uint8Array(1808).fill(2);
const ODD = new Uint8Array(1808).fill(3);

const clients: LaunchgateClient[] = [];
afterAll(() => Promise.all(clients.map((client) => client.close())));

function asking(options: ClientOptions): LaunchgateClient {
  const client = connect(options);
  clients.push(client);
  return client;
}

const denial = (code: string) => ({
  decision: "deny",
  errno: 13,
  einit_error: 16,
  hold_ms: 0,
  by: "client",
  reasons: [{ code }],
});

describe("a daemon that", () => {
  test.each(HOSTILE)("%s allows nothing", async (_, act, code) => {
    const daemon = await play(act);
    const client = asking({ path: daemon.path, deadlineMs: 300, reconnect: false });
    const verdict = await client.decide({ sigstruct: EVEN });
    expect(verdict).toMatchObject({ ...denial(code), by: code in CLIENT_REASONS ? "client" : "daemon" });
    daemon.close();
  });

  test.each(HARMLESS)("%s is understood", async (_, act) => {
    const daemon = await play(act);
    const client = asking({ path: daemon.path, reconnect: false });
    expect(await client.decide({ sigstruct: EVEN })).toMatchObject({ decision: "allow", by: "daemon" });
    daemon.close();
  });

  test("never says hello, or something else instead, is not reached", async () => {
    for (const first of ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "LGWP"]) {
      const path = freshPath();
      const server = createServer((socket) => socket.on("error", () => {}).write(first));
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const troubles: Error[] = [];
      const client = asking({ path, connectMs: 100, reconnect: false, onTrouble: (error) => troubles.push(error) });
      expect(await client.decide({ sigstruct: EVEN })).toMatchObject(denial("unreachable"));
      expect(troubles.length).toBe(1);
      server.close();
    }
  });
});

describe("a verdict", () => {
  test("is the daemon's, with its reasons, ids and digests", async () => {
    const { path } = await serve();
    const client = asking({ path });
    const allowed = await client.decide({ ...FULL_REQUEST, sigstruct: EVEN, secs: makeSecs() });
    const digests = verdictOn({ sigstruct: EVEN, token: FULL_REQUEST.token } as never);
    expect(allowed).toEqual({
      ...digests,
      id: 1,
      decision: "allow",
      errno: 0,
      einit_error: 0,
      hold_ms: 0,
      generation: 7,
      decision_id: DECISION_ID,
      reasons: [],
      reasons_in_all: 0,
      by: "daemon",
    });
    expect(await client.decide({ sigstruct: ODD })).toMatchObject({
      id: 2,
      decision: "deny",
      by: "daemon",
      reasons: [{ code: "odd", message: "" }],
    });
    expect(client.generation()).toBe(7);
  });

  test("is about the bytes as they were when it was asked for", async () => {
    const { path } = await serve();
    const client = asking({ path });
    for (const connected of [false, true]) {
      expect(client.generation() !== null).toBe(connected);
      const bytes = new Uint8Array(EVEN);
      const asked = client.decide({ sigstruct: bytes });
      bytes.fill(3);
      expect(await asked).toMatchObject({ decision: "allow", ...pickDigest(EVEN) });
    }
  });

  test.each<[string, LaunchRequest]>([
    ["a SIGSTRUCT of 1807 bytes", { sigstruct: new Uint8Array(1807) }],
    ["a text that is none", { event_id: "" }],
    ["nothing that is a request", null as never],
    ["bytes that are none", { sigstruct: { length: 1808 } as Uint8Array }],
    ["a VM's name without its id", { claims: { vm: { id: null as never, name: "x" } } }],
  ])("of what cannot be asked is a denial, and the connection goes on: %s", async (_, request) => {
    const { path, server } = await serve();
    const client = asking({ path });
    await client.decide({ sigstruct: EVEN });
    expect(await client.decide(request)).toMatchObject(denial("bad_request"));
    expect(await client.decide({ sigstruct: EVEN })).toMatchObject({ decision: "allow" });
    expect(server.stats()).toMatchObject({ accepted: 1, requests: 2 });
  });

  test.each([0, -1, 1.5e9, Number.NaN, Number.POSITIVE_INFINITY])(
    "with a deadline of %s is a denial",
    async (deadlineMs) => {
      const { path } = await serve();
      expect(await asking({ path }).decide({ sigstruct: EVEN }, { deadlineMs })).toMatchObject(denial("bad_request"));
    },
  );

  test("that comes too late is not heard, and does not end the connection", async () => {
    const waiting: (() => void)[] = [];
    const { path, server } = await serve({
      decide: (request, _, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => answer(verdict));
      },
    });
    const client = asking({ path });
    const controller = new AbortController();
    const late = client.decide({ sigstruct: EVEN }, { deadlineMs: 100 });
    const aborted = client.decide({ sigstruct: EVEN }, { signal: controller.signal });
    await until(() => waiting.length === 2);
    controller.abort();
    expect(await aborted).toMatchObject(denial("aborted"));
    expect(await late).toMatchObject(denial("client_deadline"));
    for (const answer of waiting.splice(0)) answer();
    await pause(20);
    const next = client.decide({ sigstruct: EVEN });
    await until(() => waiting.length === 1);
    waiting[0]?.();
    expect(await next).toMatchObject({ decision: "allow" });
    expect(server.stats().accepted).toBe(1);
    expect(await client.decide({ sigstruct: EVEN }, { signal: AbortSignal.abort() })).toMatchObject(denial("aborted"));
  });

  test("has the daemon told of a deadline that leaves time for its answer", async () => {
    const told: (number | null)[] = [];
    const { path } = await serve({
      decide: (request, _, answer) => {
        told.push(request.deadline_ms);
        answer(verdictOn(request));
      },
    });
    const client = asking({ path });
    for (const deadlineMs of [2000, 100, 1]) await client.decide({ sigstruct: EVEN }, { deadlineMs });
    expect(told.slice(0, 2)).toEqual([1950, 90]);
  });
});

function pickDigest(bytes: Uint8Array) {
  const { sigstruct_sha256, token_sha256 } = verdictOn({ sigstruct: bytes, token: null } as never);
  return { sigstruct_sha256, token_sha256 };
}

describe("a connection", () => {
  test("that cannot be had denies at once where it is not to be tried again", async () => {
    const client = asking({ path: freshPath(), reconnect: false });
    expect(await client.decide({ sigstruct: EVEN })).toMatchObject(denial("unreachable"));
    expect(await client.decide({ sigstruct: EVEN })).toMatchObject(denial("unreachable"));
  });

  test("that cannot be had denies in time where it is", async () => {
    const client = asking({ path: freshPath(), reconnect: { firstMs: 10, lastMs: 20 } });
    const began = performance.now();
    expect(await client.decide({ sigstruct: EVEN }, { deadlineMs: 200 })).toMatchObject(denial("unreachable"));
    expect(performance.now() - began).toBeLessThan(1000);
  });

  test("is waited for, and made again after it was lost; what was sent is never sent again", async () => {
    const path = freshPath();
    const client = asking({ path, reconnect: { firstMs: 10, lastMs: 20 } });
    const early = client.decide({ sigstruct: EVEN }, { deadlineMs: 5000 });
    await pause(30);
    const first = await serve({ path });
    expect(await early).toMatchObject({ decision: "allow" });
    await first.server.close(0);
    const second = await serve({ path, decide: () => {} });
    const lost = client.decide({ sigstruct: EVEN }, { deadlineMs: 5000 });
    await until(() => second.server.stats().in_flight === 1);
    const closing = second.server.close(0);
    // Denied by the daemon on its way out.
    expect(await lost).toMatchObject({ decision: "deny", by: "daemon", reasons: [{ code: "shutting_down" }] });
    await closing;
    const third = await serve({ path });
    expect(await client.decide({ sigstruct: EVEN }, { deadlineMs: 5000 })).toMatchObject({ decision: "allow" });
    expect(third.server.stats().requests).toBe(1);
  });

  test("takes no more requests at once than the daemon says, and no more wait than the client says", async () => {
    const waiting: (() => void)[] = [];
    const { path } = await serve({
      limits: { maxInFlight: 4 },
      decide: (request, _, answer) => {
        const verdict = verdictOn(request);
        waiting.push(() => answer(verdict));
      },
    });
    const client = asking({ path, maxWaiting: 10 });
    const first = client.decide({ sigstruct: EVEN });
    await until(() => waiting.length === 1);
    const more = Array.from({ length: 15 }, () => client.decide({ sigstruct: EVEN }));
    expect(await more[13]).toMatchObject(denial("client_overloaded"));
    await until(() => waiting.length === 4);
    const answering = setInterval(() => waiting.splice(0).forEach((answer) => void answer()), 1);
    const verdicts = await Promise.all([first, ...more]);
    clearInterval(answering);
    expect(verdicts.map(({ decision }) => decision).filter((decision) => decision === "allow").length).toBe(14);
  });

  test("to a daemon that answers nothing any more is given up for another", async () => {
    const { path, server } = await serve({ limits: { maxInFlight: 3 }, decide: () => {} });
    const client = asking({ path, reconnect: { firstMs: 10, lastMs: 20 } });
    const verdicts = await Promise.all(
      Array.from({ length: 3 }, () => client.decide({ sigstruct: EVEN }, { deadlineMs: 100 })),
    );
    for (const verdict of verdicts) expect(verdict).toMatchObject(denial("client_deadline"));
    await until(() => server.stats().accepted === 2);
  });

  test("that is closed denies what is open and what comes", async () => {
    const { path, server } = await serve({ decide: () => {} });
    const client = asking({ path });
    const open = client.decide({ sigstruct: EVEN });
    await until(() => server.stats().in_flight === 1);
    const closed = client.close();
    expect(await open).toMatchObject(denial("client_closed"));
    expect(await client.decide({ sigstruct: EVEN })).toMatchObject(denial("client_closed"));
    await closed;
    await client.close();
  });

  test("tells of results, and answers pings", async () => {
    const { path, results } = await serve();
    const client = asking({ path });
    const result = { id: 1, decision_id: DECISION_ID, outcome: "errno", value: 22 } as const;
    expect(client.result(result)).toBe(false);
    await expect(client.ping()).rejects.toMatchObject({ code: "timeout" });
    await client.decide({ sigstruct: EVEN });
    expect(client.result(result)).toBe(true);
    expect(client.result({ ...result, id: -1 })).toBe(false);
    expect(await client.ping()).toBeGreaterThan(0);
    expect(results).toEqual([result]);
  });

  test("is given up where the daemon's answers to pings do not come", async () => {
    const daemon = await play(() => {});
    const client = asking({ path: daemon.path });
    await client.decide({ sigstruct: EVEN }, { deadlineMs: 100 });
    await expect(client.ping(50)).rejects.toMatchObject({ code: "timeout" });
    daemon.close();
  });

  test("that is idle does not keep the process alive", async () => {
    const { path } = await serve();
    const script = `
      import { connect } from ${JSON.stringify(join(ROOT, "dist/hooks/index.js"))};
      const client = connect({ path: ${JSON.stringify(path)} });
      client.decide({ sigstruct: new Uint8Array(1808).fill(2) }).then(({ decision }) => console.log(decision));`;
    const child = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      timeout: 20_000,
    });
    expect(child).toEqual({ stdout: "allow\n", stderr: "" });
  });
});

describe("a verdict that may be held", () => {
  const holding = async (holdMs: number, generation: () => number = () => 7) => {
    const served = await serve({
      decide: (request, _, answer) => answer({ ...verdictOn(request), generation: generation() }, holdMs),
    });
    const client = asking({ path: served.path, maxHeld: 2, reconnect: { firstMs: 10, lastMs: 20 } });
    const asked = () => served.server.stats().requests;
    return { ...served, client, asked, decide: (request: LaunchRequest) => client.decide(request) };
  };

  test("is used again for the same request, and for no other", async () => {
    const { decide, asked } = await holding(60_000);
    const request = { sigstruct: EVEN, secs: makeSecs() };
    const first = await decide(request);
    const again = await decide({ ...request, sigstruct: new Uint8Array(EVEN) });
    expect(again).toEqual({ ...first, id: again.id });
    expect([asked(), again.id !== first.id]).toEqual([1, true]);
    await decide({ ...request, secs: makeSecs({ miscselect: "0x1" }) });
    expect(asked()).toBe(2);
    await decide({ ...request, claims: { kind: "kvm" } });
    expect(asked()).toBe(3);
    // Two are held: the first is not one of them any more.
    await decide(request);
    expect(asked()).toBe(4);
  });

  test("is not used where the daemon does not let it, or its time is over", async () => {
    const never = await holding(0);
    for (let times = 0; times < 3; times += 1) await never.decide({ sigstruct: EVEN });
    expect(never.asked()).toBe(3);
    const briefly = await holding(50);
    await briefly.decide({ sigstruct: EVEN });
    await pause(80);
    await briefly.decide({ sigstruct: EVEN });
    expect(briefly.asked()).toBe(2);
  });

  test("is not used where the client does not hold any", async () => {
    const { path, asked } = await holding(60_000);
    const client = asking({ path });
    for (let times = 0; times < 3; times += 1) await client.decide({ sigstruct: EVEN });
    expect(asked()).toBe(3);
  });

  test("is not used once its generation is revoked, nor held where it comes after that", async () => {
    let generation = 7;
    const { decide, asked, server, client } = await holding(60_000, () => generation);
    await decide({ sigstruct: EVEN });
    server.revoke(8);
    await until(() => client.generation() === 8);
    await decide({ sigstruct: EVEN });
    await decide({ sigstruct: EVEN });
    expect(asked()).toBe(3);
    generation = 8;
    await decide({ sigstruct: EVEN });
    await decide({ sigstruct: EVEN });
    expect(asked()).toBe(4);
  });

  test("is not used once the connection is lost, when no revocation could come", async () => {
    const { decide, server, client, path } = await holding(60_000);
    await decide({ sigstruct: EVEN });
    await server.close(0);
    await until(() => client.generation() === null);
    expect(await client.decide({ sigstruct: EVEN }, { deadlineMs: 50 })).toMatchObject(denial("unreachable"));
    const next = await serve({ path });
    await client.decide({ sigstruct: EVEN }, { deadlineMs: 5000 });
    expect(next.server.stats().requests).toBe(1);
  });
});
