/** The daemon as its users meet it: a process that is asked over its socket, and that says what it is. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { eventToJson, type LaunchEvent, type LaunchRequest, signBundle, takeEvent } from "../../../hooks/index.js";
import { has, launchgate } from "../../support/cli.js";
import { makeEvent, makeSecs } from "../../support/events.js";
import { ed25519Pair, keysOf, pack, tinyFiles } from "../../support/signing.js";
import { makeSigstruct, makeToken, testSigner } from "../../support/sigstructs.js";
import { configFile, freshFolder, HAS_KOFFI, replaceFile, startDaemon } from "./daemons.js";

const until = (what: () => boolean) => vi.waitFor(() => expect(what()).toBe(true), { timeout: 15_000, interval: 50 });
const SIGSTRUCT = makeSigstruct();
const LISTED = { version: 1, signers: { [testSigner()]: { name: "the tests' author" } } };

const EVENTS: readonly (readonly [string, LaunchRequest])[] = [
  ["a listed signer's launch", { sigstruct: SIGSTRUCT, secs: makeSecs() }],
  ["one that is only known as far as its SIGSTRUCT pins it", { sigstruct: SIGSTRUCT }],
  ["a stranger's", { sigstruct: makeSigstruct({}, "stranger"), secs: makeSecs() }],
  ["one with DEBUG", { sigstruct: SIGSTRUCT, secs: makeSecs({ attributes: { flags: "0x6", xfrm: "0x3" } }) }],
  ["one with PROVISIONKEY", { sigstruct: SIGSTRUCT, secs: makeSecs({ attributes: { flags: "0x14", xfrm: "0x3" } }) }],
  ["one with a token", { sigstruct: SIGSTRUCT, secs: makeSecs(), token: makeToken() }],
  [
    "one on a platform without flexible launch control",
    { sigstruct: SIGSTRUCT, platform: { flc: false, lepubkeyhash: "ab".repeat(32) } },
  ],
  ["one whose SECS does not fit", { sigstruct: makeSigstruct({ isvsvn: 7 }), secs: makeSecs({ configsvn: 3 }) }],
];

describe("the same is decided", () => {
  test("as launchgate eval decides, and by two daemons with the same policy", async () => {
    const folder = freshFolder();
    const data = join(folder, "data.json");
    writeFileSync(data, JSON.stringify(LISTED));
    const config = { policies: [{ builtin: "strict", data: [data] }] };
    const daemons = [await startDaemon({ config }), await startDaemon({ config })] as const;
    for (const [name, request] of EVENTS) {
      const verdicts = await Promise.all(daemons.map((daemon) => daemon.client().decide(request)));
      const [one, other] = verdicts.map(({ id: _, decision_id, generation, ...same }) => ({
        ...same,
        known: decision_id !== null && generation === 1,
      }));
      expect([name, one]).toEqual([name, other]);
      const judged = daemons[0].audit().at(-1)?.["input"] as LaunchEvent;
      const file = join(folder, "event.json");
      writeFileSync(file, JSON.stringify(judged));
      const evaluated = JSON.parse(launchgate(["eval", "--event", file, "--data", data, "--format", "json"]).stdout);
      expect([name, one]).toMatchObject([
        name,
        {
          by: "daemon",
          known: true,
          decision: evaluated.decision,
          errno: evaluated.errno,
          einit_error: evaluated.einit_error,
          sigstruct_sha256: evaluated.sigstruct_sha256,
          token_sha256: evaluated.token_sha256,
          reasons: evaluated.reasons.map(({ code, message }: { code: string; message: string }) => ({ code, message })),
        },
      ]);
      const own = eventToJson(takeEvent({ ...makeEvent(), secs: null, ...request } as LaunchEvent));
      expect([name, judged]).toMatchObject([
        name,
        { sigstruct: own.sigstruct, token: own.token, secs: own.secs, synthetic: false },
      ]);
    }
  });
});

describe("a daemon", () => {
  test("with nothing configured starts on the built-in strict policy, and ends when told", async () => {
    const folder = freshFolder();
    const env = { RUNTIME_DIRECTORY: folder, STATE_DIRECTORY: join(folder, "state") };
    const { code, stdout } = launchgate(["serve", "--check"], { env });
    expect([code, stdout]).toEqual([0, expect.stringContaining(`path: ${folder}/gate.sock`)]);
    const daemon = await startDaemon({ folder, env });
    expect(daemon.status()).toMatchObject({
      state: "ok",
      generation: 1,
      policies: [{ name: "launchgate", source: "builtin:strict", verified: false }],
      audit: { durability: "before", on_failure: "close", failure: null },
    });
    expect(await daemon.client().decide({ sigstruct: SIGSTRUCT })).toMatchObject({
      decision: "deny",
      reasons: [{ code: "signer_not_listed" }],
    });
    expect(await daemon.stop()).toBe(0);
    expect(daemon.audit().map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["started", "mode", "policy_loaded", "decision", "stopping", "stopped"]),
    );
    expect(launchgate(["audit", "verify", join(folder, "state/audit")]).code).toBe(0);
  });

  test("records what a launch then returned", async () => {
    const daemon = await startDaemon({ config: { policies: [{ builtin: "open" }] } });
    const client = daemon.client();
    const { decision_id } = await client.decide({ sigstruct: SIGSTRUCT });
    client.result({ id: 1, decision_id, outcome: "sgx_error", value: 8 });
    await until(() => daemon.audit().some(({ kind }) => kind === "result"));
    expect(daemon.audit().find(({ kind }) => kind === "result")).toMatchObject({
      decision_id,
      errno: null,
      einit_error: 8,
    });
  });

  test("lets allows alone be held, for as long as its listener says", async () => {
    const folder = freshFolder();
    const listeners = [{ path: join(folder, "gate.sock"), hold_ms: 5000 }];
    const daemon = await startDaemon({ folder, config: { listeners, policies: [{ builtin: "open" }] } });
    const client = daemon.client();
    expect(await client.decide({ sigstruct: SIGSTRUCT })).toMatchObject({ decision: "allow", hold_ms: 5000 });
    const denied = await client.decide({
      sigstruct: SIGSTRUCT,
      secs: makeSecs({ attributes: { flags: "0x14", xfrm: "0x3" } }),
    });
    expect(denied).toMatchObject({ decision: "deny", hold_ms: 0 });
  });

  test("puts a changed configuration in force on SIGHUP, and keeps the last one where it is wrong", async () => {
    const daemon = await startDaemon();
    const revoked: number[] = [];
    const client = daemon.client({ onRevocation: (generation) => revoked.push(generation) });
    expect(await client.decide({ sigstruct: SIGSTRUCT })).toMatchObject({ decision: "deny", generation: 1 });
    daemon.configure({ policies: [{ builtin: "open" }], modules: { lockdown: "integrity" } });
    daemon.signal("SIGHUP");
    await until(() => revoked.length > 0);
    expect(revoked).toEqual([2]);
    expect(await client.decide({ sigstruct: SIGSTRUCT, secs: makeSecs() })).toMatchObject({
      decision: "allow",
      generation: 2,
    });
    for (const broken of [
      { policies: [{ builtin: "strictt" }] },
      { modules: { permissive: ["nobody"] } },
      { policies: [{ builtin: "open", data: ["/nowhere"] }] },
    ]) {
      const before = daemon.log.filter(({ event }) => event === "config_refused").length;
      daemon.configure(broken);
      daemon.signal("SIGHUP");
      await until(() => daemon.log.filter(({ event }) => event === "config_refused").length > before);
      expect(await client.decide({ sigstruct: SIGSTRUCT, secs: makeSecs() })).toMatchObject({
        decision: "allow",
        generation: 2,
      });
    }
    expect(daemon.status()).toMatchObject({ generation: 2, modules: { lockdown: "integrity" } });
    expect(daemon.audit().filter(({ kind }) => kind === "mode")).toMatchObject([
      { lockdown: "none" },
      { lockdown: "integrity" },
    ]);
  });

  test("takes a key that was replaced, on SIGHUP", async () => {
    const folder = freshFolder();
    const [first, second] = [ed25519Pair(), ed25519Pair()];
    const [key, bundle] = [join(folder, "key.pem"), join(folder, "b.tar.gz")];
    writeFileSync(key, first.publicPem);
    writeFileSync(bundle, await signBundle(pack(tinyFiles({ revision: "1" })), keysOf(first).signing));
    const daemon = await startDaemon({ folder, config: { policies: [{ bundle, verify: { key } }] } });
    replaceFile(bundle, await signBundle(pack(tinyFiles({ revision: "2", data: { x: 2 } })), keysOf(second).signing));
    daemon.signal("SIGHUP");
    await until(() => daemon.log.some(({ event, code }) => event === "policy_refused" && code === "signature_invalid"));
    replaceFile(key, second.publicPem);
    daemon.signal("SIGHUP");
    await until(() => daemon.log.filter(({ event }) => event === "policy_loaded").length === 2);
    expect(daemon.status()).toMatchObject({ generation: 2, policies: [{ revision: "2", verified: true }] });
  });

  test("takes data documents that change without being told", async () => {
    const folder = freshFolder();
    const data = join(folder, "data.json");
    writeFileSync(data, JSON.stringify({ version: 1 }));
    const daemon = await startDaemon({ folder, config: { policies: [{ builtin: "strict", data: [data] }] } });
    expect(await daemon.client().decide({ sigstruct: SIGSTRUCT, secs: makeSecs() })).toMatchObject({
      decision: "deny",
    });
    writeFileSync(data, JSON.stringify(LISTED));
    await until(() => daemon.log.filter(({ event }) => event === "policy_loaded").length === 2);
    expect(await daemon.client().decide({ sigstruct: SIGSTRUCT, secs: makeSecs() })).toMatchObject({
      decision: "allow",
      generation: 2,
    });
  });

  test("shows metrics and health to its machine, and status to its owner alone", async () => {
    const folder = freshFolder();
    const listen = join(folder, "metrics.sock");
    const daemon = await startDaemon({ folder, config: { metrics: { listen } } });
    await daemon.client().decide({ sigstruct: SIGSTRUCT });
    const page = (socketPath: string, path: string) =>
      new Promise<readonly [number | undefined, string]>((resolve, reject) => {
        get({ socketPath, path }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => resolve([response.statusCode, text]));
        }).on("error", reject);
      });
    expect(await page(listen, "/healthz")).toEqual([200, "ok\n"]);
    const [, metrics] = await page(listen, "/metrics");
    const decided = /^launchgate_decisions_total\{(.*)\} 1$/m.exec(metrics)?.[1];
    expect(decided).toContain('decision="deny",reason="signer_not_listed",module="policy"');
    expect(metrics).toContain("launchgate_decision_seconds_count 1\n");
    expect(metrics).toContain("launchgate_policy_generation 1\n");
    expect((await page(listen, "/status"))[0]).toBe(404);
    expect((await page(join(folder, "control.sock"), "/status"))[0]).toBe(200);
  });

  test("is told apart from none, and shown as text", async () => {
    const folder = freshFolder();
    expect(launchgate(["status", "--control", join(folder, "control.sock")])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("no daemon answers at"),
    });
    const daemon = await startDaemon({ folder });
    const { code, stdout } = launchgate(["status", "--config", configFile(daemon.folder)]);
    expect([code, stdout.split("\n")[0]]).toEqual([0, "serving"]);
    expect(stdout).toContain("generation     1\n");
  });
});

/** Listens at a path and hands the socket over as systemd does: sd_listen_fds(3). */
const ACTIVATE = `
import os, socket, sys
path, name, *program = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(path)
s.listen(64)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
os.execv(program[0], program)
`;

describe.skipIf(!has("python3"))("a socket that is handed over (skipped without python3)", () => {
  test("is listened at in place of the path of the listener of its name, and stays when the daemon ends", async () => {
    const folder = freshFolder();
    const path = join(folder, "handed.sock");
    const daemon = await startDaemon({ folder, by: ["python3", "-c", ACTIVATE, path, "gate"] });
    expect(await daemon.client({ path }).decide({ sigstruct: SIGSTRUCT })).toMatchObject({
      by: "daemon",
      reasons: [{ code: "signer_not_listed" }],
    });
    expect(existsSync(daemon.socket)).toBe(false);
    expect(await daemon.stop()).toBe(0);
    expect(existsSync(path)).toBe(true);
  });

  test("and is no listener's, keeps the daemon from starting", async () => {
    const folder = freshFolder();
    const by = ["python3", "-c", ACTIVATE, join(folder, "handed.sock"), "gaet"];
    await expect(startDaemon({ folder, by })).rejects.toThrow(
      "a socket gaet was handed over, expected FileDescriptorName= one of gate",
    );
  });
});

describe.skipIf(!HAS_KOFFI)("who asks (skipped without koffi)", () => {
  test("stands in the record by the kernel's word", async () => {
    const daemon = await startDaemon();
    await daemon.client().decide({ sigstruct: SIGSTRUCT });
    expect(daemon.audit().at(-1)?.["input"]).toMatchObject({
      origin: {
        kind: "native",
        process: {
          pid: process.pid,
          uid: process.getuid?.(),
          exe: process.execPath,
          comm: readFileSync("/proc/self/comm", "utf8").trim(),
        },
      },
      grants: { provisionkey: { granted: false, how: null } },
    });
  });

  test.each<readonly [string, NonNullable<LaunchRequest["claims"]>]>([
    ["another origin", { kind: "guest-agent" }],
    ["a VM", { vm: { id: "vm-1", name: null } }],
    ["another enforcement", { enforcement: "kernel" }],
    ["another process", { process: { pid: 1, tid: null, uid: null, gid: null, comm: null, exe: null, cgroup: null } }],
    [
      "a thread that nobody can confirm",
      { process: { pid: null, tid: 1, uid: null, gid: null, comm: null, exe: null, cgroup: null } },
    ],
    ["a guest's process", { guest: { pid: 1, uid: 0, exe: null } }],
    ["a grant by a descriptor that was not shown", { provisionkey: "fd" }],
    ["a grant by the VM", { provisionkey: "vm-cap" }],
  ])("who claims %s is denied, and the record has the kernel's word", async (_, claims) => {
    const daemon = await startDaemon({ config: { policies: [{ builtin: "open" }] } });
    expect(await daemon.client().decide({ sigstruct: SIGSTRUCT, secs: makeSecs(), claims })).toMatchObject({
      decision: "deny",
      by: "daemon",
      reasons: [{ code: "claim_refused" }],
    });
    expect(daemon.audit().at(-1)).toMatchObject({
      module: "listener",
      input: { origin: { kind: "native", vm: null, guest: null, process: { pid: process.pid } } },
    });
  });

  test("may claim what its listener lets its user claim, and what is so anyway", async () => {
    const folder = freshFolder();
    const uid = process.getuid?.() ?? 0;
    const may_claim = { guest: [uid], enforcement: [uid], provisionkey: [uid + 1] };
    const listener = { path: join(folder, "gate.sock"), origin: "guest-agent", vm: { id: "vm-1" }, may_claim };
    const daemon = await startDaemon({ folder, config: { listeners: [listener], policies: [{ builtin: "open" }] } });
    const claims = {
      kind: "guest-agent",
      enforcement: "none",
      vm: { id: "vm-1", name: null },
      guest: { pid: 7, uid: 8, exe: "/opt/app" },
      process: { pid: process.pid, tid: null, uid, gid: null, comm: null, exe: null, cgroup: null },
    } as const;
    const client = daemon.client();
    expect(await client.decide({ sigstruct: SIGSTRUCT, secs: makeSecs(), claims })).toMatchObject({
      decision: "allow",
    });
    expect(daemon.audit().at(-1)?.["input"]).toMatchObject({
      origin: { kind: "guest-agent", enforcement: "none", vm: { id: "vm-1", name: null }, guest: claims.guest },
    });
    const refused = await client.decide({ sigstruct: SIGSTRUCT, claims: { ...claims, provisionkey: "config" } });
    expect(refused).toMatchObject({ decision: "deny", reasons: [{ code: "claim_refused" }] });
  });

  test("and is none of a listener's peers, is not served", async () => {
    const folder = freshFolder();
    const listener = { path: join(folder, "gate.sock"), peers: { uids: [(process.getuid?.() ?? 0) + 1] } };
    const daemon = await startDaemon({ folder, config: { listeners: [listener], policies: [{ builtin: "open" }] } });
    const client = daemon.client({ reconnect: false });
    expect(await client.decide({ sigstruct: SIGSTRUCT })).toMatchObject({
      decision: "deny",
      by: "client",
      reasons: [{ code: "unreachable" }],
    });
  });
});
