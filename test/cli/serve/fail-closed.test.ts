/** Whatever goes wrong with the daemon, nobody reads an allow: a row for each way, at a real process. */

import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { ClientVerdict } from "../../../hooks/index.js";
import { makeSecs } from "../../support/events.js";
import { opaBuild } from "../../support/policies.js";
import { makeSigstruct } from "../../support/sigstructs.js";
import { freshFolder, HAS_KOFFI, startDaemon, type TestDaemon } from "./daemons.js";

const until = (what: () => boolean) => vi.waitFor(() => expect(what()).toBe(true), { timeout: 15_000, interval: 50 });
const SIGSTRUCT = makeSigstruct();
const REQUEST = { sigstruct: SIGSTRUCT, secs: makeSecs() };
const PROVISIONING = {
  sigstruct: makeSigstruct({ attributes: { flags: 0x14n, xfrm: 0x3n } }),
  secs: makeSecs({ attributes: { flags: "0x14", xfrm: "0x3" } }),
};
const OPEN = { policies: [{ builtin: "open" }] };

/** Allows below ISVSVN 100, and loops for minutes from there on. */
const LOOPER = opaBuild(
  `package launch

# METADATA
# entrypoint: true
decision := {"allow": true, "deny": [], "warn": []} if input.enclave.isvsvn < 100

decision := {"allow": true, "deny": [], "warn": []} if {
	input.enclave.isvsvn >= 100
	count([1 | some x in numbers.range(1, 20000); some y in numbers.range(1, 20000); x * y == -1]) == 0
}`,
  { args: ["--revision", "1"] },
);
const LOOP = { ...REQUEST, sigstruct: makeSigstruct({ isvsvn: 100 }) };

/** ISVSVN 100 and more: an answer that takes more than a small heap to read. */
const GLUTTON = opaBuild(
  `package launch

# METADATA
# entrypoint: true
decision := {"allow": true, "deny": [], "warn": []} if input.enclave.isvsvn < 100

decision := {"allow": true, "deny": [], "warn": warn} if {
	input.enclave.isvsvn >= 100
	much := [[y, y, y, y] | some x in numbers.range(1, 40000); y := [[[[x]]]]]
	warn := [{"code": "x", "message": "m", "much": much}]
}`,
  { args: ["--revision", "1"] },
);

const codes = ({ decision, by, reasons }: ClientVerdict) => [decision, by, ...reasons.map(({ code }) => code)];

async function looping(config: object = {}): Promise<TestDaemon> {
  const folder = freshFolder();
  const bundle = join(folder, "looper.tar.gz");
  writeFileSync(bundle, LOOPER);
  return startDaemon({ folder, config: { policies: [{ bundle, verify: "none" }], ...config } });
}

const mounted: string[] = [];
function smallDisk(folder: string, size: string): boolean {
  const done = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder]).status === 0;
  if (done) mounted.push(folder);
  return done;
}
afterEach(() => {
  for (const folder of mounted.splice(0)) spawnSync("umount", ["-l", folder]);
});
const CAN_MOUNT = (() => {
  const done = smallDisk(freshFolder(), "64k");
  for (const folder of mounted.splice(0)) spawnSync("umount", ["-l", folder]);
  return done;
})();

describe("nobody reads an allow", () => {
  test("as long as no policy has ever been in force; once one is, it decides", async () => {
    const folder = freshFolder();
    const bundle = join(folder, "policy.tar.gz");
    const daemon = await startDaemon({ folder, config: { policies: [{ bundle, verify: "none" }] } });
    expect(codes(await daemon.client().decide(REQUEST))).toEqual(["deny", "daemon", "no_policy"]);
    expect(daemon.status()).toMatchObject({ state: "no_policy", generation: 0 });
    writeFileSync(bundle, LOOPER);
    await until(() => daemon.log.some(({ event }) => event === "policy_loaded"));
    expect(codes(await daemon.client().decide(REQUEST))).toEqual(["allow", "daemon"]);
  });

  test("of a policy that loops, while others are answered", async () => {
    const daemon = await looping({ deadline_ms: 300 });
    const client = daemon.client();
    const loops = client.decide(LOOP);
    expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
    expect(codes(await loops)).toEqual(["deny", "daemon", "deadline"]);
    expect(codes(await client.decide({ ...REQUEST, sigstruct: makeSigstruct({ isvsvn: 2 }) }))).toEqual([
      "allow",
      "daemon",
    ]);
  });

  test("where too many wait for their policies", async () => {
    const daemon = await looping({ deadline_ms: 1500, evaluators: { threads: 1, queue: 1 } });
    const client = daemon.client();
    const verdicts = await Promise.all(
      [100, 101, 102, 103, 104].map((isvsvn) => client.decide({ ...REQUEST, sigstruct: makeSigstruct({ isvsvn }) })),
    );
    expect(verdicts.map(codes).sort()).toEqual([
      ...Array(2).fill(["deny", "daemon", "deadline"]),
      ...Array(3).fill(["deny", "daemon", "overloaded"]),
    ]);
  });

  test("where more records are under way than may be", async () => {
    const daemon = await startDaemon({ config: { ...OPEN, audit: { max_lag: 4 } } });
    const client = daemon.client();
    expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => client.decide(REQUEST)));
    const seen = new Set(verdicts.map((verdict) => codes(verdict).join(" ")));
    expect([...seen].sort()).toEqual(["allow daemon", "deny daemon overloaded"]);
    const recorded = new Set(daemon.audit().map(({ decision_id }) => decision_id));
    const unrecorded = verdicts.filter(
      ({ decision, decision_id }) => decision === "allow" && !recorded.has(decision_id ?? ""),
    );
    expect(unrecorded).toEqual([]);
    await until(() => daemon.audit().some(({ kind }) => kind === "gap"));
  });

  test("of a policy that eats memory, and the next launch is answered", async () => {
    const folder = freshFolder();
    const bundle = join(folder, "glutton.tar.gz");
    writeFileSync(bundle, GLUTTON);
    const evaluators = { threads: 1, heap_mb: 16 };
    const daemon = await startDaemon({ folder, config: { policies: [{ bundle, verify: "none" }], evaluators } });
    const client = daemon.client();
    const [decision, by, code = ""] = codes(await client.decide(LOOP));
    expect([decision, by, ["policy_memory", "evaluator_failed", "policy_trap"].includes(code)]).toEqual([
      "deny",
      "daemon",
      true,
    ]);
    expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
  });

  test("once the daemon is told to end, and what is in flight is answered first", async () => {
    const daemon = await looping({ deadline_ms: 1000 });
    const client = daemon.client({ reconnect: false });
    expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
    const inFlight = client.decide(LOOP);
    await client.ping();
    daemon.signal("SIGTERM");
    await until(() => daemon.log.some(({ event }) => event === "stopping"));
    const late = client.decide(REQUEST);
    expect(codes(await inFlight)).toEqual(["deny", "daemon", "deadline"]);
    // Denied by the daemon, or by the client, which has read that the daemon ends.
    expect((await late).decision).toBe("deny");
    expect(await daemon.ended).toBe(0);
    expect(codes(await daemon.client({ reconnect: false }).decide(REQUEST))).toEqual(["deny", "client", "unreachable"]);
  });

  test("where what comes is no frame, and others do not notice", async () => {
    const daemon = await startDaemon({ config: OPEN });
    const client = daemon.client();
    expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
    const answers = await Promise.all(
      [Buffer.alloc(64, 0xff), Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.alloc(100_000)].map(
        (bytes) =>
          new Promise<number>((resolve) => {
            let type = 0;
            const socket = connectSocket(daemon.socket, () => socket.write(bytes));
            socket.on("data", (data) => {
              type = data[4] ?? 0;
            });
            socket.on("error", () => undefined);
            socket.on("close", () => resolve(type));
          }),
      ),
    );
    // Eight is the error message; who still writes may not get to read it.
    expect(answers.every((type) => type === 8 || type === 0)).toBe(true);
    expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
    expect(daemon.status().listeners[0]?.troubles).toBe(3);
  });

  test.skipIf(!CAN_MOUNT)(
    "that cannot be recorded for want of room (skipped where nothing can be mounted)",
    async () => {
      const folder = freshFolder();
      const directory = join(folder, "audit");
      mkdirSync(directory);
      smallDisk(directory, "128k");
      const daemon = await startDaemon({ folder, config: { ...OPEN, audit: { directory } } });
      const client = daemon.client();
      const seen = new Set<string>();
      for (let asked = 0; asked < 100 && !seen.has("deny daemon audit_unavailable"); asked += 1) {
        seen.add(codes(await client.decide({ ...REQUEST, sigstruct: makeSigstruct({ isvsvn: asked }) })).join(" "));
      }
      expect([...seen]).toEqual(["allow daemon", "deny daemon audit_unavailable"]);
      await until(() => daemon.log.some(({ event }) => event === "audit_unavailable"));
      spawnSync("mount", ["-o", "remount,size=8m", directory]);
      await until(() => daemon.log.some(({ event }) => event === "audit_restored"));
      expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
    },
  );

  test.skipIf(!CAN_MOUNT)(
    "but where the operator wants to go on unrecorded, and then it is said (skipped likewise)",
    async () => {
      const folder = freshFolder();
      const directory = join(folder, "audit");
      mkdirSync(directory);
      smallDisk(directory, "64k");
      const daemon = await startDaemon({ folder, config: { ...OPEN, audit: { directory, on_failure: "open" } } });
      const client = daemon.client();
      for (let asked = 0; asked < 60; asked += 1) {
        expect(codes(await client.decide({ ...REQUEST, sigstruct: makeSigstruct({ isvsvn: asked }) }))).toEqual([
          "allow",
          "daemon",
        ]);
      }
      await until(() => daemon.log.some(({ event }) => event === "audit_unavailable"));
      expect(daemon.log.map(({ event }) => event)).toContain("audit_may_fail_open");
      await until(() => daemon.status().state === "no_audit");
    },
  );

  test("whose log was taken away under it", async () => {
    const folder = freshFolder();
    const directory = join(folder, "audit");
    const daemon = await startDaemon({ folder, config: { ...OPEN, audit: { directory, rotate_bytes: 8192 } } });
    const client = daemon.client();
    expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
    renameSync(directory, `${directory}.gone`);
    const seen = new Set<string>();
    for (let asked = 0; asked < 100 && !seen.has("deny daemon audit_unavailable"); asked += 1) {
      seen.add(codes(await client.decide({ ...REQUEST, sigstruct: makeSigstruct({ isvsvn: asked }) })).join(" "));
    }
    expect(seen).toContain("deny daemon audit_unavailable");
  });
});

describe("a daemon does not start", () => {
  test.skipIf(!HAS_KOFFI)(
    "without koffi where a listener has to know who asks; else it says so (skipped without koffi)",
    async () => {
      const folder = freshFolder();
      const without = join(folder, "without-koffi.cjs");
      writeFileSync(
        without,
        `const Module = require("node:module");
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...more) {
  if (request === "koffi") throw Object.assign(new Error("Cannot find module 'koffi'"), { code: "MODULE_NOT_FOUND" });
  return resolve.call(this, request, ...more);
};`,
      );
      const nodeArgs = ["--require", without];
      const path = join(folder, "gate.sock");
      for (const listener of [
        { identity: "required" },
        { peers: { uids: [0] } },
        { may_claim: { guest: [0] } },
        { provisionkey: "fd" },
      ]) {
        await expect(startDaemon({ folder, nodeArgs, config: { listeners: [{ path, ...listener }] } })).rejects.toThrow(
          /exit 1: .*gate\.sock has to know who asks, which takes the package koffi/,
        );
      }
      const daemon = await startDaemon({ folder, nodeArgs, config: OPEN });
      expect(daemon.log.map(({ event }) => event)).toContain("no_identity");
      expect(daemon.status().identity).toBe(false);
      const client = daemon.client();
      expect(codes(await client.decide(REQUEST))).toEqual(["allow", "daemon"]);
      const claims = {
        process: { pid: process.pid, tid: null, uid: null, gid: null, comm: null, exe: null, cgroup: null },
      };
      expect(codes(await client.decide({ ...REQUEST, claims }))).toEqual(["deny", "daemon", "claim_refused"]);
      expect(codes(await client.decide(PROVISIONING))).toEqual(["deny", "daemon", "provisionkey_not_granted"]);
    },
  );

  test("where another listens, or writes the log", async () => {
    const daemon = await startDaemon();
    await expect(startDaemon({ folder: daemon.folder })).rejects.toThrow(/exit 1: /);
    const state_directory = join(freshFolder(), "other");
    await expect(startDaemon({ folder: daemon.folder, config: { state_directory } })).rejects.toThrow(
      /exit 1: .*somebody listens at .*gate\.sock already/s,
    );
    expect(codes(await daemon.client().decide(REQUEST))[0]).toBe("deny");
    expect(daemon.status().state).toBe("ok");
  });

  test("with a log whose end was altered, or a damaged memory of revisions", async () => {
    const daemon = await startDaemon({ config: OPEN });
    await daemon.client().decide(REQUEST);
    await daemon.stop();
    const [file = ""] = daemon.log.length > 0 ? filesIn(join(daemon.folder, "state/audit")) : [];
    const text = readFileSync(file, "utf8");
    chmodSync(file, 0o600);
    writeFileSync(file, text.replace('"kind":"started"', '"kind":"Started"'));
    await expect(startDaemon({ folder: daemon.folder, config: OPEN })).rejects.toThrow(/exit 1: /);
    writeFileSync(file, text);
    writeFileSync(join(daemon.folder, "state/policies.json"), "{");
    await expect(startDaemon({ folder: daemon.folder, config: OPEN })).rejects.toThrow(
      /exit 1: .*policies\.json is no JSON/s,
    );
    rmSync(join(daemon.folder, "state/policies.json"));
    expect((await startDaemon({ folder: daemon.folder, config: OPEN })).status().state).toBe("ok");
  });
});

function filesIn(directory: string): readonly string[] {
  const { stdout } = spawnSync("find", [directory, "-name", "*.jsonl"], { encoding: "utf8" });
  return stdout.trim().split("\n");
}
