/** Sockets handed over by who starts the daemon: what the environment may say, and one that is really handed over. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, expect, test } from "vitest";
import { listenFds } from "../../../cli/serve/listen-fds.js";
import { has, ROOT } from "../../support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-fds-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const own = String(process.pid);

test("what is not for this process, or nothing at all, is no socket", () => {
  for (const env of [
    {},
    { LISTEN_FDS: "1" },
    { LISTEN_PID: own },
    { LISTEN_PID: String(process.pid + 1), LISTEN_FDS: "1" },
    { LISTEN_PID: own, LISTEN_FDS: "0" },
  ]) {
    expect(listenFds(env)).toEqual([]);
  }
});

test("variables that are not well-formed are an error, not a guess", () => {
  for (const [env, message] of [
    [{ LISTEN_PID: "x", LISTEN_FDS: "1" }, "LISTEN_PID is no number"],
    [{ LISTEN_PID: own, LISTEN_FDS: "-1" }, "LISTEN_FDS is no number"],
    [{ LISTEN_PID: own, LISTEN_FDS: "01" }, "LISTEN_FDS is no number"],
    [{ LISTEN_PID: own, LISTEN_FDS: "" }, "LISTEN_FDS is no number"],
    [{ LISTEN_PID: own, LISTEN_FDS: "5000" }, "LISTEN_FDS is 5000, expected 1024 at most"],
    [
      { LISTEN_PID: own, LISTEN_FDS: "1", LISTEN_FDNAMES: "a:b" },
      "LISTEN_FDNAMES has 2 names, expected 1, as LISTEN_FDS says",
    ],
    [{ LISTEN_PID: own, LISTEN_FDS: "1000" }, /^LISTEN_FDS is 1000, but descriptor \d+ is no socket$/],
  ] as const) {
    expect(() => listenFds(env)).toThrow(message);
  }
});

const STARTER = `
import socket, os, sys
s = []
for name in ("one", "two"):
  u = socket.socket(socket.AF_UNIX); u.bind(os.path.join(sys.argv[1], name)); u.listen(8); s.append(u.detach())
for i, fd in enumerate(s): os.dup2(fd, 50 + i)
for i in range(2): os.dup2(50 + i, 3 + i); os.set_inheritable(3 + i, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="native:guests")
os.execv(sys.argv[2], sys.argv[2:])
`;

const PROGRAM = `
import { connect, createServer } from "node:net";
import { listenFds } from "./cli/serve/listen-fds.js";
const fds = listenFds(process.env);
console.log(JSON.stringify(fds));
const heard = [];
for (const { fd, name } of fds) {
  const server = createServer((socket) => { heard.push(name); socket.destroy(); server.close(); });
  server.listen({ fd });
}
for (const name of ["one", "two"]) connect(process.argv[2] + "/" + name).on("error", () => {});
process.on("exit", () => console.log(heard.sort().join()));
`;

test.skipIf(!has("python3"))("a process listens at what it was started with (skipped without python3)", async () => {
  const outfile = join(folder, "listener.mjs");
  const stdin = { contents: PROGRAM, resolveDir: ROOT };
  await build({ stdin, outfile, bundle: true, format: "esm", platform: "node", logLevel: "error" });
  const { stdout, stderr } = spawnSync("python3", ["-c", STARTER, folder, process.execPath, outfile, folder], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(stderr).toBe("");
  const [fds, heard] = stdout.split("\n");
  expect(JSON.parse(fds ?? "")).toEqual([
    { fd: 3, name: "native" },
    { fd: 4, name: "guests" },
  ]);
  expect(heard).toBe("guests,native");
});
