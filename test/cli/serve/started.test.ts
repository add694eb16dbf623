/** The daemon as systemd starts it: with a socket that somebody has connected to already, a status to tell and a watchdog. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { systemCalls } from "../../../hooks/native/ffi.js";
import { connect } from "../../../hooks/socket/client.js";
import { until } from "../../hooks/socket/server.js";
import { has, MAIN } from "../../support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-started-"));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const RECEIVER = `
import socket, sys, json
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True: print(json.dumps(s.recv(4096).decode()), flush=True)
`;

/** Of systemd: listens, and starts a program when somebody connects. */
const ACTIVATE = "systemd-socket-activate";
const canStart = has(ACTIVATE) && has("python3") && systemCalls() !== null;

test.skipIf(!canStart)(
  "who connects first starts it, and it says what it does (skipped without koffi, python3 or systemd-socket-activate)",
  async () => {
    const [gate, notify] = [join(folder, "gate.sock"), join(folder, "notify")];
    let said = "";
    const receiver = spawn("python3", ["-c", RECEIVER, notify]);
    children.push(receiver);
    receiver.stdout.on("data", (chunk) => {
      said += String(chunk);
    });
    const messages = (): string[] =>
      said
        .split("\n")
        .slice(1, -1)
        .map((line) => JSON.parse(line));
    const of = (start: string) => (): boolean => messages().filter((text) => text.startsWith(start)).length > 0;
    await until(() => said.startsWith("bound"));

    const variables = {
      RUNTIME_DIRECTORY: folder,
      STATE_DIRECTORY: folder,
      NOTIFY_SOCKET: notify,
      WATCHDOG_USEC: "200000",
      HOME: folder,
    };
    const environment = Object.entries(variables).flatMap(([name, value]) => ["-E", `${name}=${value}`]);
    const daemon = spawn(ACTIVATE, [
      ...["-l", gate, "--fdname=gate", ...environment],
      ...[process.execPath, MAIN, "serve"],
    ]);
    children.push(daemon);
    let log = "";
    daemon.stderr.on("data", (chunk) => {
      log += String(chunk);
    });
    const exited = new Promise((resolve) => daemon.once("exit", (code, signal) => resolve(code ?? signal)));
    await until(() => log.includes("Listening"));

    const client = await connect({ path: gate, connectMs: 20_000 });
    const verdict = await client.decide({ sigstruct: new Uint8Array(1808) }, { deadlineMs: 20_000 });
    expect(verdict).toMatchObject({ decision: "deny", reasons: [{ code: "SGX_INVALID_SIG_STRUCT" }] });
    await client.close();
    await until(of("READY=1"));
    await until(of("WATCHDOG=1"));
    daemon.kill("SIGHUP");
    await until(of("RELOADING=1"));
    await until(() => messages().filter((text) => text.startsWith("READY=1")).length === 2);
    daemon.kill("SIGTERM");
    expect(await exited).toBe(0);
    await until(of("STOPPING=1"));

    const order = messages().map((text) => text.split("\n", 1)[0]);
    expect(order.filter((text) => text !== "WATCHDOG=1")).toEqual(["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
  },
);
