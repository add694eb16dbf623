/** Who asks: real processes of other users, real descriptors, and those that say nothing or are gone. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../../hooks/socket/client.js";
import type { Trouble } from "../../../hooks/socket/connection.js";
import {
  type Peer,
  PeerError,
  type PeerReader,
  type PeerReaderOptions,
  peerReader,
  watchByStartTime,
} from "../../../hooks/socket/peer.js";
import { createSocketServer, type SocketServer } from "../../../hooks/socket/server.js";
import { ROOT } from "../../support/cli.js";
import { freshPath, pause, until, verdictOn } from "./server.js";

const NOBODY = 65534;
const CC = process.env["CC"] ?? "cc";
const hasCompiler = spawnSync(CC, ["--version"]).status === 0;
const isRoot = process.getuid?.() === 0;
const hasKoffi = peerReader() !== null;

const folder = mkdtempSync(join(tmpdir(), "launchgate-peer-"));
const program = join(folder, "grant");
/** Stands in for /dev/sgx_provision: a device of its number, and what sysfs would say of it. */
const device = join(folder, "sgx_provision");
const provisionDevice = join(folder, "dev");
const children: ChildProcessWithoutNullStreams[] = [];
const servers: SocketServer[] = [];

/** Whether device nodes can be made, and opened, here. */
const hasDevice =
  isRoot &&
  spawnSync("mknod", [device, "c", "1", "3"]).status === 0 &&
  spawnSync("sh", ["-c", `: <>"${device}"`]).status === 0;
writeFileSync(provisionDevice, "1:3\n");
writeFileSync(join(folder, "file"), "");

beforeAll(() => {
  // Other users must get at the program and the sockets.
  spawnSync("chmod", ["0755", folder]);
  if (!hasCompiler) return;
  const sources = [join(ROOT, "test/hooks/socket/c/grant.c"), join(ROOT, "hooks/socket/c/launchgate.c")];
  const flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", `-I${join(ROOT, "hooks/socket/c")}`];
  const { status, stderr } = spawnSync(CC, [...flags, "-o", program, ...sources], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

afterEach(async () => {
  for (const child of children.splice(0)) child.stdin.end();
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Served {
  readonly path: string;
  readonly peers: Peer[];
  readonly troubles: Trouble<Peer>[];
}

async function serve(descriptors: boolean, options: PeerReaderOptions = {}): Promise<Served> {
  const path = join(folder, `s${servers.length}-${performance.now()}`);
  const peers: Peer[] = [];
  const troubles: Trouble<Peer>[] = [];
  const reader = readerOf({ provisionDevice, ...options });
  const server = await createSocketServer<Peer>({
    path,
    mode: 0o666,
    peerOf: (socket) => reader.peerOf(socket, { descriptors }),
    decide: (request, peer, answer) => {
      peers.push(peer);
      answer(verdictOn(request));
    },
    generation: () => 1,
    trouble: (trouble) => troubles.push(trouble),
  });
  servers.push(server);
  return { path, peers, troubles };
}

function readerOf(options: PeerReaderOptions): PeerReader {
  const reader = peerReader(options);
  if (reader === null) throw new Error("koffi is not installed");
  return reader;
}

function start(path: string, uid: number, how: string, count = 0, file = "-"): ChildProcessWithoutNullStreams {
  const child = spawn(program, [path, String(uid), how, String(count), file]);
  children.push(child);
  return child;
}

/** What a peer says came of it. */
async function said(child: ChildProcessWithoutNullStreams): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.endsWith("\n")) break;
  }
  return text.trimEnd();
}

const openDescriptors = (): number => readdirSync("/proc/self/fd").length;

/** Sockets as they come, paused and unread. */
async function accepting(): Promise<{
  readonly path: string;
  readonly next: () => Promise<Socket>;
  close: () => void;
}> {
  const path = freshPath();
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const next = async (): Promise<Socket> => {
    await until(() => sockets.length > 0);
    return sockets.shift() as Socket;
  };
  return { path, next, close: () => server.close() };
}

describe.skipIf(!hasKoffi)("with koffi (skipped without)", () => {
  test("this process is known by its own pid, user, name, executable and cgroup", async () => {
    const { path, peers } = await serve(true);
    const client = await connect({ path });
    expect(await client.decide({ sigstruct: new Uint8Array(1808) })).toMatchObject({ decision: "allow" });
    await client.close();
    expect(peers).toEqual([
      {
        pid: process.pid,
        uid: process.getuid?.(),
        gid: process.getgid?.(),
        comm: readFileSync("/proc/self/comm", "utf8").trimEnd(),
        exe: realpathSync("/proc/self/exe"),
        cgroup: /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? expect.anything(),
        provisionkey: false,
      },
    ]);
  });

  test("nothing of the stream is lost, whether the first bytes are received with recvmsg or not", async () => {
    for (const descriptors of [false, true]) {
      const { path, peers } = await serve(descriptors);
      const clients = await Promise.all(Array.from({ length: 50 }, () => connect({ path })));
      const verdicts = await Promise.all(
        clients.flatMap((client) =>
          Array.from({ length: 20 }, (_, at) => client.decide({ sigstruct: new Uint8Array(1808).fill(at) })),
        ),
      );
      expect(verdicts.map(({ decision }) => decision)).toEqual(
        verdicts.map((_, at) => (at % 2 === 0 ? "allow" : "deny")),
      );
      expect(peers.length).toBe(1000);
      await Promise.all(clients.map((client) => client.close()));
    }
  });

  test("who connects and says nothing is refused in time, costs no thread and no turning, and holds nobody up", async () => {
    const { path, next, close } = await accepting();
    const reader = readerOf({ timeoutMs: 1500 });
    const { createConnection } = await import("node:net");
    const silent = Array.from({ length: 100 }, () => createConnection(path));
    const began = performance.now();
    const cpu = process.cpuUsage();
    const refusals: unknown[] = [];
    for (const _ of silent) {
      const socket = await next();
      reader.peerOf(socket, { descriptors: true }).catch((error) => refusals.push(error));
    }
    const talker = createConnection(path);
    talker.write("first");
    const met = await reader.peerOf(await next(), { descriptors: true });
    expect(met.head?.toString()).toBe("first");
    expect(performance.now() - began).toBeLessThan(1400);
    await until(() => refusals.length === 100);
    expect(new Set(refusals.map((error) => error instanceof PeerError && error.code))).toEqual(new Set(["silent"]));
    expect(performance.now() - began).toBeGreaterThan(1400);
    const { user, system } = process.cpuUsage(cpu);
    expect((user + system) / 1000).toBeLessThan(700);
    for (const socket of [...silent, talker]) socket.destroy();
    close();
  });

  test("who says something later is heard at once, and who closes is not waited for", async () => {
    const { path, next, close } = await accepting();
    const reader = readerOf({});
    const { createConnection } = await import("node:net");
    const late = createConnection(path);
    const met = reader.peerOf(await next(), { descriptors: true });
    await pause(100);
    const began = performance.now();
    late.write("later");
    expect((await met).head?.toString()).toBe("later");
    expect(performance.now() - began).toBeLessThan(1000);

    const leaving = createConnection(path);
    const left = reader.peerOf(await next(), { descriptors: true });
    leaving.end();
    expect((await left).head?.length).toBe(0);

    createConnection(path);
    const socket = await next();
    const destroyed = reader.peerOf(socket, { descriptors: true });
    socket.destroy();
    expect(await destroyed).not.toHaveProperty("head");
    await expect(reader.peerOf(socket, { descriptors: true })).rejects.toMatchObject({ code: "gone" });
    late.destroy();
    close();
  });

  describe.skipIf(!hasCompiler || !isRoot)("processes of other users (skipped without root and cc)", () => {
    test("the kernel says who connects, whoever it is", async () => {
      const { path, peers } = await serve(true);
      for (const uid of [0, NOBODY, 4242]) {
        const child = start(path, uid, "open");
        expect(await said(child)).toMatch(/^connected 1/);
        expect(peers.pop()).toMatchObject({ pid: child.pid, uid, gid: uid, comm: "grant", exe: program });
      }
    });

    test("who connected and has ended is nobody any more, though a child of it speaks", async () => {
      const { path, next, close } = await accepting();
      const reader = readerOf({});
      const child = start(path, 0, "orphan");
      const exited = new Promise((resolve) => child.once("exit", resolve));
      const socket = await next();
      await exited;
      const before = openDescriptors();
      for (const descriptors of [false, true]) {
        await expect(reader.peerOf(socket, { descriptors })).rejects.toMatchObject({ code: "gone" });
      }
      expect(openDescriptors()).toBe(before);
      socket.destroy();
      close();
    });

    describe.skipIf(!hasDevice)("with a descriptor (skipped where no device can be made)", () => {
      const CASES = [
        ["of the opened device is a grant", "open", 1, device, null],
        [
          "made with O_PATH is refused: its holder may have had no right to open the device",
          "o_path",
          1,
          device,
          "O_PATH",
        ],
        ["of another device is refused", "open", 1, "/dev/zero", "it is of device 261, expected 259"],
        ["of a file is refused", "open", 1, join(folder, "file"), "it is no character device"],
        ["and a second one is refused", "open", 2, device, "several"],
        ["and a third one is refused", "open", 3, device, "several"],
        ["and two hundred more are refused", "open", 200, device, "several"],
      ] as const;
      for (const [what, how, count, file, why] of CASES) {
        test(`one ${what}, and all are closed`, async () => {
          const { path, peers, troubles } = await serve(true);
          await said(start(path, NOBODY, "open"));
          expect(peers.pop()).toMatchObject({ uid: NOBODY, provisionkey: false });
          const before = openDescriptors();
          const child = start(path, NOBODY, how, count, file);
          const answer = await said(child);
          if (why === null) {
            expect(answer).toMatch(/^connected 1/);
            expect(peers).toMatchObject([{ uid: NOBODY, pid: child.pid, provisionkey: true }]);
            expect(troubles).toEqual([]);
          } else {
            expect(answer).toMatch(/^refused/);
            expect(peers).toEqual([]);
            expect(troubles).toMatchObject([{ code: "refused", message: expect.stringContaining(why) }]);
          }
          child.stdin.end();
          // The connection and the child's pipes are gone too, some time.
          await until(() => openDescriptors() <= before);
        });
      }

      test("a device node says its number as well as sysfs does, and where neither is there nothing is proved", async () => {
        for (const [expected, where] of [
          ["connected", device],
          ["connected", provisionDevice],
          ["refused", join(folder, "none")],
          ["refused", join(folder, "file")],
          ["refused", folder],
        ] as const) {
          const { path } = await serve(true, { provisionDevice: where });
          expect((await said(start(path, NOBODY, "open", 1, device))).split(" ")[0]).toBe(expected);
        }
      });

      test("where no descriptors are looked for, one proves nothing and is not kept", async () => {
        const { path, peers } = await serve(false);
        expect(await said(start(path, NOBODY, "open", 1, device))).toMatch(/^connected/);
        expect(peers).toMatchObject([{ provisionkey: false }]);
      });
    });
  });
});

test("a process is told from another of its pid by when it began, and a zombie has ended", async () => {
  expect(watchByStartTime(process.pid).there()).toBe(true);
  const child = spawn("sleep", ["60"]);
  const watch = watchByStartTime(child.pid ?? 0);
  expect(watch.there()).toBe(true);
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  expect(watch.there()).toBe(false);
  expect(watchByStartTime(child.pid ?? 0).there()).toBe(false);
  // A shell that has become another program waits for no child.
  const parent = spawn("sh", ["-c", "sleep 0.05 & echo $!; exec sleep 60"]);
  const pid = Number(String((await parent.stdout[Symbol.asyncIterator]().next()).value));
  await until(() => readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z "));
  expect(watchByStartTime(pid).there()).toBe(false);
  parent.kill("SIGKILL");
});

test("without koffi there is no reader, and nothing else is wrong", async () => {
  const outfile = join(folder, "alone", "peer.mjs");
  await build({
    stdin: {
      contents: 'import { peerReader } from "./hooks/socket/peer.js"; console.log(peerReader());',
      resolveDir: ROOT,
    },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    logLevel: "error",
  });
  const { stdout, stderr, status } = spawnSync(process.execPath, [outfile], { encoding: "utf8", cwd: folder });
  expect({ stdout, stderr, status }).toEqual({ stdout: "null\n", stderr: "", status: 0 });
});
