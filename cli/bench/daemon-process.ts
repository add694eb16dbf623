/**
 * `launchgate serve` as a process of its own, in a folder of its own, for measuring it: started, watched, told to reload, ended
 * or killed. Truth for what it is told: the configuration schema (policies/schema/config.schema.json).
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { policiesDir } from "../policy/shipped.js";
import type { Status } from "../serve/status.js";

export type Durability = "before" | "after";

export interface DaemonSettings {
  /** Made where it is not there; everything of the daemon lies in it. */
  readonly folder: string;
  /** Signed bundles, and the public key (PEM) of whom they have to be signed by. */
  readonly bundles: readonly string[];
  readonly publicKey: string;
  readonly revisions: "rising" | "any";
  readonly durability: Durability;
  /** Private key (PEM) for the audit log's checkpoints. */
  readonly checkpointKey: string | null;
  /** So many files of the audit log are kept; null: all. */
  readonly keepFiles: number | null;
}

/** As built: this very file may by then be part of another one. */
export const PROGRAM = join(policiesDir(), "..", "dist", "cli", "main.js");

const ROTATE_BYTES = 64 * 1024 * 1024;
const START_MS = 60_000;
const POLL_MS = 10;
const ANSWER_MS = 10_000;
const KEPT_LOG = 4096;

export class DaemonProcess {
  readonly socket: string;
  readonly auditFolder: string;
  readonly #control: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<string>;
  #log = "";

  private constructor(folder: string) {
    this.socket = join(folder, "gate.sock");
    this.#control = join(folder, "control.sock");
    this.auditFolder = join(folder, "audit");
    const args = [PROGRAM, "serve", "--config", join(folder, "launchgate.yaml"), "--log-level", "warn"];
    this.#child = spawn(process.execPath, args, {
      cwd: folder,
      env: { LC_ALL: "C", HOME: folder, XDG_RUNTIME_DIR: folder },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-KEPT_LOG);
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      this.#child.once("exit", (code, signal) => resolve(signal === null ? `ended with ${code}` : `got ${signal}`));
    });
  }

  /** Resolves once it takes connections. @throws Error with the end of its log where it does not */
  static async start(settings: DaemonSettings): Promise<DaemonProcess> {
    writeSettings(settings);
    const daemon = new DaemonProcess(settings.folder);
    try {
      await daemon.#untilServing();
      return daemon;
    } catch (error) {
      await daemon.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it has said of late, for errors. */
  get log(): string {
    return this.#log;
  }

  async #untilServing(): Promise<void> {
    let ended: string | null = null;
    void this.#exited.then((how) => {
      ended = how;
    });
    for (const until = performance.now() + START_MS; performance.now() < until; ) {
      if (ended !== null) throw new Error(`launchgate serve ${ended}: ${this.#log.trim()}`);
      if ((await canConnect(this.socket)) && (await canConnect(this.#control))) return;
      await setTimeout(POLL_MS);
    }
    throw new Error(`launchgate serve was not ready within ${START_MS / 1000} s: ${this.#log.trim()}`);
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.#get("/status")) as Status;
  }

  /** JavaScript heap of its main thread, in bytes. */
  async heapBytes(): Promise<number> {
    const found = /^nodejs_heap_size_used_bytes (\S+)$/m.exec(await this.#get("/metrics"));
    if (found === null) throw new Error("the daemon's metrics have no nodejs_heap_size_used_bytes");
    return Number(found[1]);
  }

  rssBytes(): number {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"));
    if (found === null) throw new Error("the daemon is gone");
    return Number(found[1]) * 1024;
  }

  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Has configuration and policies read again. */
  reload(): void {
    this.#child.kill("SIGHUP");
  }

  /** As told by an operator. @returns how it ended, in words; `ended with 0` is well */
  async stop(): Promise<string> {
    this.#child.kill("SIGTERM");
    return this.#exited;
  }

  /** As by a crash. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  #get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#control, path, timeout: ANSWER_MS, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
        response.on("error", reject);
      });
      asked.on("timeout", () => asked.destroy(new Error(`the daemon did not answer ${path}`)));
      asked.on("error", reject);
      asked.end();
    });
  }
}

function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** JSON is YAML. */
function writeSettings(settings: DaemonSettings): void {
  const { folder, bundles, publicKey, revisions, durability, checkpointKey, keepFiles } = settings;
  const at = (name: string): string => join(folder, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(at("policy-key.pem"), publicKey, { mode: 0o600 });
  if (checkpointKey !== null) writeFileSync(at("checkpoint-key.pem"), checkpointKey, { mode: 0o600 });
  const config = {
    version: 1,
    listeners: [{ path: at("gate.sock"), provisionkey: "none" }],
    policies: bundles.map((bundle) => ({ bundle, verify: { key: at("policy-key.pem") } })),
    revisions,
    audit: {
      directory: at("audit"),
      durability,
      rotate_bytes: ROTATE_BYTES,
      keep_files: keepFiles,
      ...(checkpointKey === null ? {} : { checkpoint_key: at("checkpoint-key.pem") }),
    },
    control: at("control.sock"),
    state_directory: at("state"),
  };
  writeFileSync(at("launchgate.yaml"), `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}

/** Puts a file in the place of another at once, so that nobody reads half of it. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, bytes, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
