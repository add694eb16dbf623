/**
 * OPA itself on the same policy, data and input: its own benchmark, and its server over a unix socket. Truth: `opa bench
 * --help`, `opa run --help` and the REST API's "Get a Document (with Input)".
 */

import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Agent, type RequestOptions, request } from "node:http";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { JsonObject } from "../../engine/index.js";
import { CommandError, type Io } from "../io.js";
import { findOpa, type Opa, runOpa } from "../policy/opa.js";
import type { SourceFile } from "../policy/sources.js";
import { withStaged } from "../policy/staging.js";
import type { Absent } from "./peers.js";
import type { Measured } from "./rounds.js";
import { type Statistics, statisticsOf } from "./statistics.js";

export interface OpaGiven {
  readonly sources: readonly SourceFile[];
  readonly input: JsonObject;
  /** Such as `launch/decision`. */
  readonly entrypoint: string;
  readonly requests: number;
}

export interface OpaPeers {
  readonly measured: readonly Measured[];
  readonly absent: readonly Absent[];
}

export async function opaPeers(given: OpaGiven, io: Io): Promise<OpaPeers> {
  let opa: Opa;
  try {
    opa = findOpa(io);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { measured: [], absent: ["opa_bench", "opa_server"].map((name) => ({ name, why: error.message })) };
  }
  return withStaged(given.sources, async ({ dir, out }) => {
    const measured: Measured[] = [];
    const absent: Absent[] = [];
    const peers = [
      { name: "opa_bench", what: `opa bench of OPA ${opa.version}, its own figures`, run: opaBench },
      {
        name: "opa_server",
        what: `a request to OPA ${opa.version}'s server on a unix socket, kept alive`,
        run: opaServer,
      },
    ] as const;
    for (const { name, what, run } of peers) {
      try {
        const ns = await run(opa, dir, out, given);
        measured.push({ name, what, class: "peer", answer: "allow", ns });
      } catch (error) {
        absent.push({ name, why: error instanceof Error ? error.message : String(error) });
      }
    }
    return { measured, absent };
  });
}

/** Either the policy denies the generated launches, or: `opa build -t wasm` takes the rules of the entrypoints out. */
const NOT_ALLOWED =
  "OPA does not allow the launch with the Rego that the bundle holds; name the policy's folder instead";

type Run = (opa: Opa, dir: string, out: string, given: OpaGiven) => Promise<Statistics>;

const opaBench: Run = async (opa, dir, out, { input, entrypoint }) => {
  writeFileSync(join(out, "input.json"), JSON.stringify(input));
  const query = `data.${entrypoint.replaceAll("/", ".")}`;
  const args = [
    "bench",
    "--v1-compatible",
    "-f",
    "json",
    "-d",
    ".",
    "-i",
    "../out/input.json",
    `${query}.allow == true`,
  ];
  const { code, stdout, stderr } = await runOpa(opa, args, { cwd: dir });
  if (code !== 0)
    throw new Error(stderr.trim() === "" ? NOT_ALLOWED : `opa bench ended with ${code}: ${stderr.slice(0, 200)}`);
  const { N: count, T: total, Extra: extra } = JSON.parse(stdout) as OpaBench;
  const at = (name: string): number => Math.round(extra[`histogram_timer_rego_query_eval_ns_${name}`] ?? Number.NaN);
  const mean = total / count;
  return {
    count,
    min_ns: at("min"),
    median_ns: at("median"),
    p90_ns: at("90%"),
    p99_ns: at("99%"),
    p999_ns: at("99.9%"),
    max_ns: at("max"),
    mean_ns: Math.round(mean),
    per_second: Math.round(1e9 / mean),
  };
};

interface OpaBench {
  readonly N: number;
  /** Nanoseconds for all of N. */
  readonly T: number;
  readonly Extra: Readonly<Record<string, number>>;
}

const opaServer: Run = (opa, dir, out, given) =>
  withOpaServer(opa, { dir, out }, async (socketPath) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      return await ask(socketPath, agent, given);
    } finally {
      agent.destroy();
    }
  });

/** OPA's server over the policy in a staged folder, on a unix socket, while `work` lasts. */
export async function withOpaServer<T>(
  opa: Opa,
  { dir, out }: { readonly dir: string; readonly out: string },
  work: (socketPath: string) => Promise<T>,
): Promise<T> {
  const socketPath = join(out, "opa.sock");
  const args = ["run", "--server", "--v1-compatible", "--disable-telemetry", "--log-level", "error"];
  const server = spawn(opa.path, [...args, "--addr", `unix://${socketPath}`, "."], {
    cwd: dir,
    env: { LC_ALL: "C", HOME: out },
    stdio: "ignore",
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await ready(server, socketPath, agent);
    return await work(socketPath);
  } finally {
    agent.destroy();
    server.kill("SIGKILL");
  }
}

const START_MS = 10_000;
const POLL_MS = 50;

async function ready(server: ChildProcess, socketPath: string, agent: Agent): Promise<void> {
  const died = new Promise<never>((_, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`opa run ended with ${code}`)));
  });
  died.catch(() => undefined);
  for (let waited = 0; waited < START_MS; waited += POLL_MS) {
    const healthy = send({ socketPath, agent, path: "/health", method: "GET" }, "").then(
      () => true,
      () => false,
    );
    if (await Promise.race([healthy, died])) return;
    await setTimeout(POLL_MS);
  }
  throw new Error(`opa run did not answer within ${START_MS / 1000} s`);
}

async function ask(socketPath: string, agent: Agent, { input, entrypoint, requests }: OpaGiven): Promise<Statistics> {
  const headers = { "content-type": "application/json" };
  const options = { socketPath, agent, path: `/v1/data/${entrypoint}`, method: "POST", headers };
  const times: number[] = [];
  for (let at = 0; at < 2 * requests; at += 1) {
    const start = process.hrtime.bigint();
    const answer = await send(options, JSON.stringify({ input }));
    const end = process.hrtime.bigint();
    if (at === 0 && JSON.parse(answer)?.result?.allow !== true) throw new Error(NOT_ALLOWED);
    if (at >= requests) times.push(Number(end - start));
  }
  return statisticsOf(times);
}

function send(options: RequestOptions, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
