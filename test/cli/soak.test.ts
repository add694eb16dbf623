/** `launchgate soak` as a process, and that it would notice: wrong answers, growth, and what is not in the log. */

import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { signedSigstruct } from "../../cli/bench/workload.js";
import { Load, type LoadReport } from "../../cli/soak/load.js";
import { LogTail } from "../../cli/soak/log-tail.js";
import { createProber, PROBES } from "../../cli/soak/probes.js";
import type { SoakReport } from "../../cli/soak/run.js";
import { trendOf } from "../../cli/soak/trend.js";
import { sha256Hex } from "../../engine/index.js";
import { FrameReader, Output } from "../../hooks/socket/frames.js";
import { decodeRequest } from "../../hooks/socket/request.js";
import { putHello, putVerdict } from "../../hooks/socket/wire.js";
import { launchgate } from "../support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-soak-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a short soak", () => {
  test("keeps every promise: killed, reloaded, and for a while", { timeout: 60_000 }, () => {
    const args = ["--kill", "2", "--reload", "8", "--minutes", "0.03", "--rate", "500", "--format", "json"];
    const { code, stdout, stderr } = launchgate(["soak", ...args]);
    const found = JSON.parse(stdout) as SoakReport;
    expect({ code, stderr, broken: found.broken }).toEqual({ code: 0, stderr: "", broken: [] });
    expect(found.kills).toMatchObject({ kills: 2, missing: 0, broken: [] });
    expect(found.kills?.allows).toBeGreaterThan(0);
    expect(found.reloads?.reloads).toEqual({
      ...{ reloads: 8, activated: 4, faults: [] },
      refused: { broken: 1, unsigned: 1, rolled_back: 1, stranger: 1 },
    });
    expect(found.reloads).toMatchObject({ generations_activated: 5, load: { unanswered: 0, fault_count: 0 } });
    expect(found.endurance).toMatchObject({ audit: "intact", ended: "ended with 0", rss_bytes: null });
    expect(found.endurance?.load.answered).toBe(found.endurance?.load.asked);
  });

  test.each<[readonly string[], RegExp]>([
    [["--minutes", "0"], /above 0/],
    [["--kill", "none"], /whole number/],
    [["--rate", "1.5"], /whole number/],
    [["--format", "xml"], /Allowed choices/],
  ])("%j is exit 1", (args, advice) => {
    const { code, stdout, stderr } = launchgate(["soak", ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(advice);
  });
});

describe("a trend", () => {
  const samples = (value: (seconds: number) => number) =>
    Array.from({ length: 60 }, (_, at) => ({ seconds: at * 10, value: value(at * 10) }));
  const MIB = 1024 * 1024;

  test.each<[string, (seconds: number) => number, boolean]>([
    ["that stays is flat", () => 100 * MIB, true],
    ["that saws is flat", (seconds) => 100 * MIB + (seconds % 70) * MIB, true],
    ["that falls is flat", (seconds) => 200 * MIB - seconds * 1024, true],
    ["that rises while it settles is flat", (seconds) => Math.min(seconds, 140) * MIB, true],
    ["with one sample far out is flat", (seconds) => (seconds === 400 ? 900 : 100) * MIB, true],
    ["that rises slowly is not", (seconds) => 100 * MIB + seconds * 0.05 * MIB, false],
    ["that rises while it saws is not", (seconds) => (100 + (seconds % 70) + seconds * 0.2) * MIB, false],
  ])("%s", (_, value, flat) => {
    expect(trendOf(samples(value), 4 * MIB)?.flat).toBe(flat);
  });

  test("of a short time is none", () => {
    expect(trendOf(samples(() => 1).slice(0, 8), 1)).toBeNull();
  });
});

test("probes come as often as their shares say, and are never two at a time about the same new enclave", () => {
  const prober = createProber(signedSigstruct());
  const probes = Array.from({ length: 1000 }, (_, at) => prober.next(at + 1));
  for (const { name, share } of PROBES) {
    expect([name, probes.filter((probe) => probe.name === name).length]).toEqual([name, share * 10]);
  }
  const fresh = probes.filter(({ name }) => name === "new");
  expect(new Set(fresh.map(({ digest }) => digest)).size).toBe(fresh.length);
  for (const { digest, frame } of probes) {
    expect(sha256Hex(decodeRequest(frame.subarray(8)).sigstruct as Uint8Array)).toBe(digest);
  }
});

describe("the load notices", () => {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server?.close();
  });

  type Lie = "truth" | "digest" | "id" | "twice" | "allow" | "deny" | "overloaded" | "silence" | "garbage" | "end";

  function answer(socket: Socket, body: Buffer, lie: Lie): void {
    const { id, sigstruct } = decodeRequest(body);
    const digest = sha256Hex(sigstruct as Uint8Array);
    const truth = prober.unlistedDigests.has(digest) ? "signer_not_listed" : "";
    const code = { overloaded: "overloaded", deny: "debug_on", allow: "" }[lie as string] ?? truth;
    const out = new Output();
    const write = (as: number): void =>
      putVerdict(out, as, {
        ...(code === ""
          ? { decision: "allow", errno: 0, einit_error: 0, reasons: [] }
          : { decision: "deny", errno: 13, einit_error: 16, reasons: [{ code, message: "No." }] }),
        ...{ generation: 1, decision_id: null, token_sha256: null },
        sigstruct_sha256: lie === "digest" ? "0".repeat(64) : digest,
      });
    write(lie === "id" ? id + 1_000_000 : id);
    if (lie === "twice") write(id);
    if (lie === "end") socket.destroy();
    else if (lie === "garbage") socket.write("garbage, and enough of it");
    else if (lie !== "silence") socket.write(out.take());
  }

  const prober = (() => {
    const made = createProber(signedSigstruct());
    const unlistedDigests = new Set<string>();
    for (let at = 0; at < 800; at += 1) {
      const { name, digest } = made.next(1);
      if (name === "unlisted") unlistedDigests.add(digest);
    }
    return { ...made, unlistedDigests };
  })();

  async function underLoad(lie: Lie): Promise<LoadReport> {
    const path = join(folder, `${lie}.sock`);
    const listening = createServer((socket) => {
      sockets.add(socket);
      const frames = new FrameReader();
      socket.on("error", () => undefined);
      socket.on("data", (chunk: Buffer) => {
        frames.push(chunk);
        for (let frame = frames.next(); frame !== null; frame = frames.next()) {
          if (frame.type === 2) answer(socket, frame.body, lie);
          else {
            const out = new Output();
            const versions = { version_min: 1, version_max: 1, max_frame: 65_536 };
            putHello(out, { ...versions, max_in_flight: 1024, generation: 1, agent: null });
            socket.write(out.take());
          }
        }
      });
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(path, resolve));
    const options = { connections: 2, inFlight: 8, perSecond: 2000, churn: false, mayVanish: false, drainMs: 200 };
    const load = new Load({ ...options, path, prober, onVerdict: () => undefined });
    await setTimeout(250);
    return load.stop();
  }

  test("nothing where all is well", async () => {
    const { asked, answered, unanswered, fault_count, for_want } = await underLoad("truth");
    expect({ answered, unanswered, fault_count, for_want }).toEqual({
      ...{ answered: asked, unanswered: 0, fault_count: 0, for_want: {} },
    });
    expect(asked).toBeGreaterThan(50);
  });

  test("what is denied for want of room, which is no wrong answer", async () => {
    const { answered, fault_count, for_want } = await underLoad("overloaded");
    expect({ fault_count, for_want }).toEqual({ fault_count: 0, for_want: { overloaded: answered } });
  });

  test.each<[string, Lie, RegExp]>([
    ["an answer about other bytes", "digest", /is about 0000/],
    ["an answer to nothing", "id", /about nothing that was asked/],
    ["an answer twice", "twice", /about nothing that was asked/],
    ["an allow of what must be denied", "allow", /^unlisted was answered allow/],
    ["a denial of what must be allowed", "deny", /^(again|new) was answered deny debug_on/],
    ["requests that are never answered", "silence", /^16 requests were never answered/],
    ["what is no protocol", "garbage", /none of its protocol/],
    ["connections that end", "end", /a connection ended/],
  ])("%s", async (_, lie, message) => {
    const { fault_count, faults } = await underLoad(lie);
    expect(fault_count).toBeGreaterThan(0);
    expect(faults.some((fault) => message.test(fault))).toBe(true);
  });
});

test("a log is read line by line, each once, over what was torn and repaired, and over rotation", () => {
  const log = mkdtempSync(join(folder, "log-"));
  const first = join(log, "audit-00000001-20260101T000000Z.jsonl");
  const ids: (string | undefined)[] = [];
  const tail = new LogTail(log);
  const read = () => tail.read(({ decision_id }) => ids.push(decision_id));
  const line = (id: string) => `${JSON.stringify({ kind: "decision", decision_id: id })}\n`;
  writeFileSync(first, line("a") + line("b").slice(0, 10));
  read();
  truncateSync(first, line("a").length);
  appendFileSync(first, line("c"));
  read();
  writeFileSync(join(log, "audit-00000002-20260101T000001Z.jsonl"), line("d"));
  read();
  read();
  expect(ids).toEqual(["a", "c", "d"]);
});
