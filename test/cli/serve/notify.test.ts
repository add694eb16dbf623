/** What the service manager is told: received by a real datagram socket, at a path and at an abstract name. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { notifier } from "../../../cli/serve/notify.js";
import { systemCalls } from "../../../hooks/native/ffi.js";
import { has } from "../../support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-notify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RECEIVER = `
import socket, sys, json
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
a = sys.argv[1]
s.bind("\\0" + a[1:] if a.startswith("@") else a)
s.settimeout(20)
print("bound", flush=True)
for _ in range(int(sys.argv[2])): print(json.dumps(s.recv(4096).decode()), flush=True)
`;

const canReceive = has("python3") && systemCalls() !== null;

async function received(address: string, count: number, say: () => void): Promise<string[]> {
  const python = spawn("python3", ["-c", RECEIVER, address, String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  let bound = false;
  for await (const chunk of python.stdout) {
    text += String(chunk);
    if (!bound && text.startsWith("bound\n")) {
      bound = true;
      say();
    }
  }
  return text
    .split("\n")
    .slice(1, -1)
    .map((line) => JSON.parse(line));
}

const fail = (message: string): never => {
  throw new Error(message);
};

describe.skipIf(!canReceive)("to a listener (skipped without koffi or python3)", () => {
  for (const [what, address] of [
    ["a path", join(folder, "n")],
    ["the longest path", join(folder, "n".repeat(107 - folder.length - 1))],
    ["an abstract name", `@launchgate-test-${process.pid}`],
  ] as const) {
    test(`at ${what}, each message is one datagram in the words of sd_notify(3)`, async () => {
      const before = process.hrtime.bigint() / 1000n;
      const messages = await received(address, 6, () => {
        const tell = notifier({ NOTIFY_SOCKET: address }, fail);
        expect(tell.told).toBe(true);
        tell.ready();
        tell.ready("generation 1");
        tell.reloading();
        tell.watchdog();
        tell.status("two\nlines\tREADY=1");
        tell.stopping();
      });
      const usec = /^RELOADING=1\nMONOTONIC_USEC=(\d+)\n$/.exec(messages[2] ?? "")?.[1] ?? "0";
      expect(messages).toEqual([
        "READY=1\n",
        "READY=1\nSTATUS=generation 1\n",
        `RELOADING=1\nMONOTONIC_USEC=${usec}\n`,
        "WATCHDOG=1\n",
        "STATUS=two lines READY=1\n",
        "STOPPING=1\n",
      ]);
      expect(BigInt(usec)).toBeGreaterThanOrEqual(before);
      expect(BigInt(usec)).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
    });
  }

  test("nobody at the address is said once, and hurts nobody", () => {
    const troubles: string[] = [];
    const tell = notifier({ NOTIFY_SOCKET: join(folder, "nobody") }, (message) => troubles.push(message));
    tell.ready();
    tell.watchdog();
    expect(troubles).toEqual([
      "NOTIFY_SOCKET: sendto failed: ENOENT; the service manager is not told how the daemon is",
    ]);
  });

  test("a path that fits no socket is said, not cut", () => {
    const troubles: string[] = [];
    notifier({ NOTIFY_SOCKET: `/${"n".repeat(200)}` }, (message) => troubles.push(message)).ready();
    expect(troubles).toEqual([expect.stringContaining("ENAMETOOLONG")]);
  });
});

test("without NOTIFY_SOCKET nothing is said, watched or wrong", () => {
  for (const env of [{}, { NOTIFY_SOCKET: "" }, { WATCHDOG_USEC: "1000000" }]) {
    const tell = notifier(env, fail);
    expect([tell.told, tell.watchdogMs]).toEqual([false, null]);
    tell.ready();
    tell.reloading();
    tell.watchdog();
    tell.stopping();
    tell.status("fine");
  }
});

test("an address of another kind is said to be none", () => {
  for (const address of ["vsock:2:1", "relative", "@", "/"]) {
    const troubles: string[] = [];
    expect(notifier({ NOTIFY_SOCKET: address }, (message) => troubles.push(message)).told).toBe(false);
    expect(troubles.length).toBe(1);
  }
});

test.skipIf(systemCalls() === null)(
  "the watchdog is fed at half its time, if it is ours (skipped without koffi)",
  () => {
    const NOTIFY_SOCKET = join(folder, "w");
    for (const [usec, pid, ms] of [
      ["30000000", undefined, 15_000],
      ["30000000", String(process.pid), 15_000],
      ["30000000", "1", null],
      ["30000000", "", null],
      ["1", undefined, 1],
      ["999999999999999", undefined, 2 ** 31 - 1],
      ["0", undefined, null],
      ["-1", undefined, null],
      ["1e9", undefined, null],
      ["", undefined, null],
      [undefined, undefined, null],
    ] as const) {
      expect(notifier({ NOTIFY_SOCKET, WATCHDOG_USEC: usec, WATCHDOG_PID: pid }, fail).watchdogMs).toBe(ms);
    }
  },
);
