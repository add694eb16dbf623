/**
 * The daemon: opens the audit log, the policies and the listeners, in this order, and closes them in the other. What it does
 * beside deciding (starting, loading, refusing, changing modes, ending) is a record in the audit log, too.
 */

import { createPrivateKey } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { type AuditLog, openAuditLog } from "../../hooks/audit/audit-log.js";
import type { Overrides, PolicyEvent } from "../../hooks/index.js";
import type { Trouble } from "../../hooks/socket/connection.js";
import { type PeerReader, peerReader } from "../../hooks/socket/peer.js";
import { createSocketServer, type SocketServer } from "../../hooks/socket/server.js";
import { readBytes } from "../files.js";
import { CommandError } from "../io.js";
import { packageVersion } from "../policy/shipped.js";
import { type Asker, askerOf } from "./asker.js";
import type { Config, ListenerConfig, ReadConfig } from "./config.js";
import { type HttpServer, serveHttp } from "./http.js";
import { Judging } from "./judging.js";
import type { ListenFd } from "./listen-fds.js";
import type { Log } from "./log.js";
import { createMetrics } from "./metrics.js";
import { Policies } from "./policies.js";
import { type Status, statusOf } from "./status.js";
import { Latencies, ListenerTally } from "./tally.js";

export interface DaemonOptions {
  readonly read: () => ReadConfig;
  readonly log: Log;
  readonly overrides: Overrides;
  /** Sockets that were opened by who started the daemon; each is some listener's. */
  readonly sockets: readonly ListenFd[];
}

/** One listener of the configuration, listening. */
export interface OpenListener {
  readonly config: ListenerConfig;
  readonly tally: ListenerTally;
  readonly server: SocketServer;
}

export interface Reloads {
  done: number;
  activated: number;
  refused: number;
  /** The last refusal, for people, and when. */
  last_refusal: { readonly time: string; readonly code: string; readonly message: string } | null;
}

export class Daemon {
  readonly #options: DaemonOptions;
  /** Null: nobody can say who asks. */
  readonly #peers: PeerReader | null;
  readonly #log: Log;
  readonly #started = Date.now();
  readonly #latencies = new Latencies();
  readonly #listeners: OpenListener[] = [];
  readonly #http: HttpServer[] = [];
  readonly #reloads: Reloads = { done: 0, activated: 0, refused: 0, last_refusal: null };
  readonly #file: string | null;
  #config: Config;
  /** What the policies' key files held when they were last read. */
  #keys: readonly string[] = [];
  #audit: AuditLog | null = null;
  #policies: Policies | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | null = null;

  private constructor(options: DaemonOptions, { file, config }: ReadConfig) {
    this.#options = options;
    this.#log = options.log;
    this.#file = file;
    this.#config = config;
    this.#peers = peerReader({ provisionDevice: config.devices.sgx_provision });
  }

  /**
   * Starts, and serves once this resolves; also without a policy in force, since it then denies and says why.
   * @throws CommandError, ConfigError, AuditError, ListenError, PeerError: what cannot be had; nothing is then left open
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options, options.read());
    try {
      await daemon.#start();
      return daemon;
    } catch (error) {
      await daemon.#close(0).catch(() => undefined);
      throw error;
    }
  }

  async #start(): Promise<void> {
    const config = this.#config;
    expectIdentity(config, this.#peers);
    expectListeners(config, this.#options.sockets);
    makeFolders(config);
    const audit = await this.#openAudit(config);
    this.#audit = audit;
    audit.note("started", { version: packageVersion(), pid: process.pid, config: this.#file });
    this.#noteModes(config);
    this.#keys = keyTexts(config);
    this.#policies = await Policies.open(
      { config, onEvent: (event) => this.#policyEvent(event) },
      this.#options.overrides,
    );
    const policies = this.#policies;
    if (policies.gate === null) {
      this.#log.write("error", "no_policy", "no policy is in force: every launch is denied until one is");
    }
    const judging = new Judging({
      audit,
      latencies: this.#latencies,
      gate: () => policies.gate,
      maxLag: config.audit.max_lag,
    });
    for (const listener of config.listeners) await this.#listen(listener, judging);
    const metrics = createMetrics(() => this.status(), this.#latencies);
    const pages = { status: () => this.status(), metrics };
    this.#http.push(await serveHttp(config.control, { ...pages, private: true }));
    if (config.metrics.listen !== null) {
      this.#http.push(await serveHttp(config.metrics.listen, { ...pages, private: false }));
    }
    this.#log.write("info", "ready", `serving, generation ${policies.active?.generation ?? 0}`, {
      config: this.#file ?? "embedded defaults",
      listeners: config.listeners.map(({ path }) => path).join(", "),
    });
  }

  /** What the daemon is at the moment. */
  status(): Status {
    return statusOf({
      started: this.#started,
      file: this.#file,
      config: this.#config,
      listeners: this.#listeners,
      identity: this.#peers !== null,
      active: this.#policies?.active ?? null,
      gate: this.#policies?.gate ?? null,
      audit: this.#audit,
      reloads: this.#reloads,
      stopping: this.#stopping !== null,
    });
  }

  /** How long what is in flight may take once `stop` is called. */
  get shutdownMs(): number {
    return this.#config.shutdown_ms;
  }

  /** Reads the configuration and the policies again. What is wrong is said, and what was in force stays. */
  reload(): Promise<void> {
    const reloaded = this.#turn.then(() => this.#reload());
    this.#turn = reloaded;
    return reloaded;
  }

  /** Lets what is in flight be answered, denies the rest, and closes everything. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { shutdown_ms } = this.#config;
    this.#log.write("info", "stopping", `no more launches are taken; those in flight have ${shutdown_ms} ms`);
    this.#audit?.note("stopping", {});
    await this.#close(shutdown_ms);
    this.#log.write("info", "stopped", "everything is closed");
  }

  async #close(graceMs: number): Promise<void> {
    await Promise.all(this.#listeners.map(({ server }) => server.close(graceMs)));
    await this.#policies?.close();
    this.#audit?.note("stopped", {});
    try {
      await this.#audit?.close();
    } finally {
      await Promise.all(this.#http.map((server) => server.close()));
    }
  }

  async #reload(): Promise<void> {
    if (this.#stopping !== null) return;
    this.#reloads.done += 1;
    try {
      const { config } = this.#options.read();
      await this.#apply(config);
    } catch (error) {
      const message = messageOf(error);
      this.#refused("config_refused", message);
      this.#log.write("error", "config_refused", `the last configuration holds: ${message}`);
      this.#audit?.note("config_refused", { message: message.slice(0, 4096) });
    }
  }

  async #apply(config: Config): Promise<void> {
    const before = this.#config;
    const fixed = fixedKeys(before, config);
    if (fixed.length > 0) {
      const keys = fixed.join(", ");
      this.#log.write("warn", "restart_needed", `what was changed of ${keys} holds from the next start`, { keys });
    }
    const next: Config = { ...before, ...movable(config) };
    const keys = keyTexts(next);
    if (same(movable(before), movable(next)) && same(this.#keys, keys)) {
      await this.#policies?.reload();
      return;
    }
    const { activated = false } = (await this.#policies?.configure(next)) ?? {};
    if (!activated) {
      this.#log.write("error", "config_refused", "its policies cannot be put in force; the last configuration holds");
      this.#audit?.note("config_refused", { message: "its policies cannot be put in force" });
      return;
    }
    this.#config = next;
    this.#keys = keys;
    if (!same(before.modules, next.modules)) this.#noteModes(next);
  }

  async #openAudit({ audit }: Config): Promise<AuditLog> {
    const { checkpoint_key: keyFile } = audit;
    if (audit.on_failure === "open") {
      this.#log.write("warn", "audit_may_fail_open", "launches that cannot be recorded are answered as decided");
    }
    return openAuditLog({
      directory: audit.directory,
      durability: audit.durability,
      onFailure: audit.on_failure,
      rotateBytes: audit.rotate_bytes,
      rotateSeconds: audit.rotate_seconds,
      keepFiles: audit.keep_files,
      checkpointRecords: audit.checkpoint_records,
      checkpointSeconds: audit.checkpoint_seconds,
      checkpointKey: keyFile === null ? null : privateKey(keyFile),
      syncMs: audit.sync_ms,
      maxLagRecords: audit.max_lag,
      acceptDamage: audit.accept_damage,
      onState: (failure) => {
        if (failure === null) this.#log.write("info", "audit_restored", "decisions are recorded again");
        else {
          const what = audit.on_failure === "open" ? "launches go ahead UNRECORDED" : "every launch is denied";
          this.#log.write("error", "audit_unavailable", `${what}: ${failure.message}`, { code: failure.code });
        }
      },
    });
  }

  async #listen(config: ListenerConfig, judging: Judging): Promise<void> {
    const peers = this.#peers;
    const tally = new ListenerTally(config.origin);
    const { connections, connections_per_peer, in_flight } = config.limits;
    if (peers === null) {
      const without = "koffi is not installed: nobody knows who asks here, and nothing can be claimed or proved";
      this.#log.write("warn", "no_identity", without, { listener: config.path });
    }
    const unknown: Asker | null = peers === null ? askerOf(config, tally, null) : null;
    const server = await createSocketServer<Asker>({
      ...this.#placeOf(config),
      limits: { maxConnections: connections, maxConnectionsPerPeer: connections_per_peer, maxInFlight: in_flight },
      peerOf: async (socket) => {
        if (unknown !== null || peers === null) return { peer: unknown ?? askerOf(config, tally, null) };
        const { peer, ...met } = await peers.peerOf(socket, { descriptors: config.provisionkey === "fd" });
        return { ...met, peer: askerOf(config, tally, peer) };
      },
      decide: (request, asker, answer) => judging.decide(request, asker, answer),
      result: (result, asker) => judging.result(result, asker),
      generation: () => this.#policies?.gate?.generation ?? 0,
      trouble: (trouble) => this.#trouble(config, trouble),
    });
    this.#listeners.push({ config, tally, server });
  }

  #placeOf({ name, path, mode, owner, group }: ListenerConfig) {
    const given = this.#options.sockets.find((socket) => socket.name === name);
    if (given !== undefined) return { fd: given.fd };
    return {
      path,
      mode: Number.parseInt(mode, 8),
      ...(owner === null ? {} : { uid: owner }),
      ...(group === null ? {} : { gid: group }),
    };
  }

  #policyEvent(event: PolicyEvent): void {
    if (event.type === "policy_activated") {
      const { generation, policies, overrides } = event;
      this.#reloads.activated += 1;
      this.#audit?.note("policy_loaded", { generation, policies, overrides });
      for (const { server } of this.#listeners) server.revoke(generation);
      for (const { name, revision, sha256, source, verified } of policies) {
        const from = { generation, source, revision, sha256, verified };
        this.#log.write("info", "policy_loaded", `the policy ${name} is in force`, from);
      }
    } else {
      const { generation, refusal } = event;
      const { code, message, source } = refusal;
      this.#refused(code, message);
      this.#audit?.note("policy_refused", { generation, refusal: { ...refusal, message: message.slice(0, 4096) } });
      this.#log.write("error", "policy_refused", message, { code, source, generation });
    }
  }

  #refused(code: string, message: string): void {
    this.#reloads.refused += 1;
    this.#reloads.last_refusal = { time: new Date().toISOString(), code, message: message.slice(0, 1000) };
  }

  #noteModes({ modules }: Config): void {
    this.#audit?.note("mode", { ...modules });
    if (modules.permissive.length === 0) return;
    const names = modules.permissive.join(", ");
    this.#log.write("warn", "permissive", `denials of ${names} are only recorded`, { modules: names });
  }

  #trouble({ path }: ListenerConfig, { code, message, peer }: Trouble<Asker>): void {
    const who = peer?.peer ?? null;
    const fields = { listener: path, code, ...(who === null ? {} : { pid: who.pid, uid: who.uid }) };
    this.#log.writeSome("info", "connection", message, fields);
  }
}

/** @throws CommandError exit 1 where a listener has to know who asks, and nobody can say */
export function expectIdentity({ listeners }: Config, peers: PeerReader | null): void {
  const demanding = listeners.find(({ identity }) => identity === "required");
  if (peers !== null || demanding === undefined) return;
  throw new CommandError(
    1,
    `the listener ${demanding.path} has to know who asks, which takes the package koffi: run npm install koffi`,
  );
}

/** @throws CommandError exit 1 where a socket was handed over that is no listener's */
function expectListeners({ listeners }: Config, sockets: readonly ListenFd[]): void {
  const names = listeners.map(({ name }) => name);
  const unknown = sockets.find(({ name }) => !names.includes(name));
  if (unknown === undefined) return;
  const known = names.join(", ");
  throw new CommandError(1, `a socket ${unknown.name} was handed over, expected FileDescriptorName= one of ${known}`);
}

/** @throws CommandError exit 1 */
function makeFolders({ listeners, control, metrics, state_directory }: Config): void {
  const make = (path: string, mode: number): void => {
    try {
      mkdirSync(path, { recursive: true, mode });
    } catch (error) {
      throw new CommandError(1, `cannot make the folder ${path}: ${messageOf(error)}`);
    }
  };
  make(state_directory, 0o700);
  const sockets = [...listeners.map(({ path }) => path), control, metrics.listen ?? ""];
  for (const path of sockets) if (path.startsWith("/")) make(dirname(path), 0o755);
}

/** @throws CommandError exit 1 where the file is no private key */
export function privateKey(path: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(Buffer.from(readBytes(path)));
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError(1, `${path} is no private key: ${messageOf(error)}`);
  }
}

/** The part of a configuration that a reload can change. */
function movable({ policies, revisions, modules, deadline_ms, evaluators, shutdown_ms }: Config) {
  return { policies, revisions, modules, deadline_ms, evaluators, shutdown_ms };
}

/** A key that was replaced in its file is another configuration. @throws CommandError exit 1 */
function keyTexts({ policies }: Config): readonly string[] {
  return policies.flatMap((policy) => {
    if ("builtin" in policy || policy.verify === "none") return [];
    return [Buffer.from(readBytes(policy.verify.key)).toString("base64")];
  });
}

function fixedKeys(before: Config, after: Config): readonly string[] {
  const keys = ["listeners", "audit", "metrics", "control", "state_directory", "devices"] as const;
  return keys.filter((key) => !same(before[key], after[key]));
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
