/** `launchgate status`: what the running daemon is, asked at its control socket. Exit 0 it serves, 2 it denies everything, 1 nobody answers. */

import { request } from "node:http";
import { Command, Option } from "commander";
import { CommandError, type Io } from "../io.js";
import { printable, table } from "../output/table.js";
import { readConfig } from "../serve/config.js";
import type { Status } from "../serve/status.js";

interface StatusOptions {
  readonly config?: string;
  readonly control?: string;
  readonly format: "text" | "json";
  readonly json?: true;
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 16 * 1024 * 1024;

export function command(io: Io): Command {
  return new Command("status")
    .summary("show what the running daemon is")
    .description("Show the running daemon: policies and their generation, modules, listeners, decisions, audit log.")
    .option("--config <file>", "the daemon's configuration, which names its control socket")
    .option("--control <path>", "the control socket itself")
    .option("--json", "the same as --format json")
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json"]).default("text"))
    .action(async (options: StatusOptions) => {
      const path = options.control ?? readConfig(options.config, io).config.control;
      const status = await ask(path);
      const isJson = options.json === true || options.format === "json";
      io.out(isJson ? `${JSON.stringify(status, null, 2)}\n` : statusText(status, io));
      io.exit(status.state === "ok" ? 0 : 2);
    });
}

/** @throws CommandError exit 1 */
function ask(socketPath: string): Promise<Status> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new CommandError(1, `no daemon answers at ${socketPath}: ${why}; is launchgate serve running?`));
    const asked = request({ socketPath, path: "/status", timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_BYTES) asked.destroy(new Error("it says too much"));
        else chunks.push(chunk);
      });
      response.on("error", (error) => fail(error.message));
      response.on("end", () => {
        try {
          if (response.statusCode !== 200) throw new Error(`it says ${response.statusCode}`);
          // The control socket is the daemon's own, mode 0600.
          resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")) as Status);
        } catch (error) {
          fail((error as Error).message);
        }
      });
    });
    asked.on("timeout", () => asked.destroy(new Error(`nothing came for ${TIMEOUT_MS} ms`)));
    asked.on("error", (error) => fail(error.message));
    asked.end();
  });
}

const STATES = {
  ok: "serving",
  no_policy: "no policy is in force: every launch is denied",
  no_audit: "decisions cannot be recorded",
  stopping: "shutting down",
} as const;

function statusText(status: Status, { colours }: Io): string {
  const { listeners, policies, modules, audit, reloads } = status;
  const state = printable(STATES[status.state as keyof typeof STATES] ?? status.state);
  const permissive = modules.permissive.length === 0 ? "" : `, permissive: ${modules.permissive.join(", ")}`;
  const refusal = reloads.last_refusal;
  const rows = [
    ["daemon", `${status.version}, pid ${status.pid}, up ${status.uptime_seconds} s`],
    ["configuration", status.config ?? "embedded defaults"],
    ["generation", String(status.generation)],
    ["modules", `${modules.order.join(", ")}${permissive}; lockdown ${modules.lockdown}`],
    ["deadline", `${status.deadline_ms} ms`],
    ["identity", status.identity ? "of the kernel" : "unknown: koffi is not installed"],
    ...(audit === null
      ? []
      : [
          ["audit", `durable ${audit.durability} the answer, on failure ${audit.on_failure}, ${audit.lag} under way`],
          ["audit head", `${audit.file}, line ${audit.last.seq}, sha256:${audit.last.sha256}`],
          ...(audit.failure === null ? [] : [["audit failure", audit.failure]]),
        ]),
    ["reloads", `${reloads.activated} put in force, ${reloads.refused} refused`],
    ...(refusal === null ? [] : [["last refusal", `${refusal.time} ${refusal.message} [${refusal.code}]`]]),
  ];
  const policyRows = policies.map(({ name, revision, sha256, verified, source }) => [
    name,
    revision === "" ? "no revision" : revision,
    `sha256:${sha256}`,
    verified ? "verified" : "not verified",
    source,
  ]);
  const listenerRows = listeners.map(({ path, origin, connections, in_flight, allowed, denied }) => [
    path,
    origin,
    `${connections} connections`,
    `${in_flight} in flight`,
    `${allowed} allowed`,
    `${denied} denied`,
  ]);
  const shown = (cells: readonly (readonly string[])[]): string =>
    table(
      cells.map((row) => row.map(printable)),
      "  ",
    );
  return [
    status.state === "ok" ? colours.green(state) : colours.red(state),
    shown(rows),
    "policies",
    policyRows.length === 0 ? "  none" : shown(policyRows),
    "listeners",
    shown(listenerRows),
    "",
  ].join("\n");
}
