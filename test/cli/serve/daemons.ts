/** `launchgate serve` as a real process, with its files in a folder of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach } from "vitest";
import type { Status } from "../../../cli/serve/status.js";
import { type ClientOptions, connect, type LaunchgateClient } from "../../../hooks/index.js";
import { launchgate, MAIN } from "../../support/cli.js";

export const HAS_KOFFI = (() => {
  try {
    return import.meta.resolve("koffi") !== "";
  } catch {
    return false;
  }
})();

const top = mkdtempSync(join(tmpdir(), "launchgate-serve-"));
const running = new Set<ChildProcess>();
const clients = new Set<LaunchgateClient>();
let folders = 0;

afterEach(async () => {
  await Promise.all([...clients].map((client) => client.close()));
  clients.clear();
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});
afterAll(() => rmSync(top, { recursive: true, force: true }));

export function freshFolder(): string {
  folders += 1;
  return mkdtempSync(join(top, `${folders}-`));
}

/** A file in the place of the one before, in one step. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

export interface TestDaemonOptions {
  /** Beside the places of sockets and files. */
  readonly config?: object;
  readonly folder?: string;
  readonly args?: readonly string[];
  /** Of node, before the program. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Becomes the daemon in the end, by exec of its arguments: who hands something over to it. */
  readonly by?: readonly string[];
}

interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly code?: string;
}

export interface TestDaemon {
  readonly folder: string;
  readonly socket: string;
  readonly pid: number;
  readonly log: readonly LogLine[];
  readonly client: (options?: Partial<ClientOptions>) => LaunchgateClient;
  readonly status: () => Status;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Settles with the exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly stop: () => Promise<number | NodeJS.Signals | null>;
  readonly configure: (config: object) => void;
  readonly audit: () => readonly AuditLine[];
}

export interface AuditLine {
  readonly kind: string;
  readonly decision_id?: string;
  readonly result?: {
    readonly decision: string;
    readonly generation: number;
    readonly reasons: readonly { readonly code: string }[];
    readonly policy: readonly { readonly revision: string }[];
  };
  readonly [more: string]: unknown;
}

export function configFile(folder: string): string {
  return join(folder, "launchgate.yaml");
}

function write(folder: string, config: object): void {
  const places = {
    version: 1,
    listeners: [{ path: join(folder, "gate.sock") }],
    control: join(folder, "control.sock"),
  };
  const all = { ...places, state_directory: join(folder, "state"), ...config };
  // JSON is YAML.
  replaceFile(configFile(folder), JSON.stringify(all, null, 2));
}

/** Resolves when it serves. Rejects with what it said where it ends before. */
export async function startDaemon(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  const { config = {}, folder = freshFolder(), args = [], nodeArgs = [], env = {}, by = [] } = options;
  write(folder, config);
  const serve = [MAIN, "serve", "--config", configFile(folder), "--log-format", "json"];
  const [program = "", ...rest] = [...by, process.execPath, ...nodeArgs, ...serve, ...args];
  const child = spawn(program, rest, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], HOME: folder, ...env },
  });
  running.add(child);
  const log: LogLine[] = [];
  const other: string[] = [];
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      resolve(code ?? signal);
    });
  });
  const lines = createInterface({ input: child.stderr });
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      if (!line.startsWith("{")) {
        other.push(line);
        return;
      }
      const said = JSON.parse(line) as LogLine;
      log.push(said);
      if (said.event === "ready") resolve();
    });
    void ended.then((code) =>
      reject(new Error(`exit ${code}: ${[...log.map(({ message }) => message), ...other].join("\n")}`)),
    );
  });
  const socket = join(folder, "gate.sock");
  return {
    folder,
    socket,
    pid: child.pid ?? 0,
    log,
    ended,
    client: (more = {}) => {
      const client = connect({ path: socket, deadlineMs: 10_000, ...more });
      clients.add(client);
      return client;
    },
    status: () => {
      const { stdout, stderr } = launchgate(["status", "--json", "--control", join(folder, "control.sock")]);
      if (stdout === "") throw new Error(stderr);
      return JSON.parse(stdout) as Status;
    },
    signal: (signal) => child.kill(signal),
    stop: () => {
      child.kill("SIGTERM");
      return ended;
    },
    configure: (next) => write(folder, next),
    audit: () => auditLines(join(folder, "state/audit")),
  };
}

export function auditLines(directory: string): readonly AuditLine[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as AuditLine);
}
