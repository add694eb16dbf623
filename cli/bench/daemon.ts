/**
 * The daemon beside what else answers over a unix socket: `launchgate serve` with either durability of its audit log, a process
 * that only echoes as many bytes, which is the floor, and OPA's server on the same policy. Real processes, asked in turns, so that
 * whatever the machine does meanwhile happens to all of them.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type LaunchEvent, type PolicyBundle, signBundle } from "../../hooks/index.js";
import { CommandError, type Io } from "../io.js";
import { findOpa, type Opa } from "../policy/opa.js";
import { withStaged } from "../policy/staging.js";
import { daemonAnswerer, echoAnswerer, echoProgram, frameSizes, opaAnswerer, patchRequest } from "./answerers.js";
import { type Answerer, Asker, roundTrips, type Throughput, throughput } from "./askers.js";
import { DaemonProcess, type Durability } from "./daemon-process.js";
import { withOpaServer } from "./opa-peers.js";
import type { Absent } from "./peers.js";
import { type BundleFiles, packedWith, regoWith } from "./policy-files.js";
import { policyKeys } from "./policy-keys.js";
import { ENTRYPOINT, inputDocument } from "./sdk.js";
import { median, rounded, type Statistics, statisticsOf } from "./statistics.js";
import { eventStream } from "./workload.js";

export type DaemonSubject = "echo" | "opa" | `${"warm" | "cold"}_${Durability}`;

export interface DaemonSpeed {
  /** Of the frames, and of what the echo is asked and answers. */
  readonly request_bytes: number;
  readonly verdict_bytes: number;
  readonly connections: number;
  /** Of each connection, where it is about what is sustained. */
  readonly in_flight: number;
  /** What the audit log lies on, as far as it has a name here. */
  readonly filesystem: string;
  readonly round_trips: readonly { readonly name: DaemonSubject; readonly what: string; readonly ns: Statistics }[];
  /** With all connections. The median of the turns. */
  readonly sustained: readonly ({ readonly name: DaemonSubject } & Throughput)[];
}

export interface DaemonGiven {
  readonly policies: readonly PolicyBundle[];
  readonly files: readonly BundleFiles[];
  /** A SIGSTRUCT whose signature holds. */
  readonly template: Uint8Array;
  readonly quick: boolean;
  /** Whether OPA is asked, too. */
  readonly peers: boolean;
  readonly progress: (text: string) => void;
}

/** Round trips in a turn, and those that wait for a disk; how many turns, and for how long what is sustained is counted in each. */
const FULL = { turns: 10, trips: 1000, durableTrips: 200, warmup: 5000, pipelined: 3, ms: 1500 };
const QUICK = { turns: 2, trips: 50, durableTrips: 20, warmup: 100, pipelined: 1, ms: 200 };
const CONNECTIONS = 16;
const IN_FLIGHT = 32;
/** Of the audit log, as long as the daemons run. */
const KEPT_FILES = 2;

/** One who is measured. */
interface Subject {
  readonly name: DaemonSubject;
  readonly what: string;
  readonly answerer: Answerer;
  /** Whether each answer waits for a disk. */
  readonly durable: boolean;
  /** New enclaves for these places. */
  readonly renew: ((requests: Buffer, slots: readonly number[]) => void) | null;
}

/** @throws Error where the daemon does not start, or answers anything but an allow */
export async function measureDaemon(
  given: DaemonGiven,
  io: Io,
): Promise<{ readonly speed: DaemonSpeed; readonly absent: readonly Absent[] }> {
  const folder = mkdtempSync(join(tmpdir(), "launchgate-bench-"));
  const running: (() => Promise<unknown>)[] = [];
  const logs: (() => string)[] = [];
  const event = eventStream({ template: given.template, signers: "listed", enclaves: "again" })(0);
  try {
    const daemons = await startDaemons(folder, given, (stop) => running.push(stop));
    logs.push(
      ...daemons.map(
        ({ process }) =>
          () =>
            process.log,
      ),
    );
    const echo = await startEcho(folder, event, (stop) => running.push(stop));
    const own: readonly Subject[] = [
      echo,
      ...daemons.flatMap((daemon, at) => daemonSubjects(daemon, at, given, event)),
    ];
    return await withOpa(given, io, async (opa, absent) => {
      const subjects = opa === null ? own : [...own, opa];
      return { speed: { ...aboutFrames(event, folder), ...(await measureAll(subjects, given)) }, absent };
    });
  } catch (error) {
    const said = logs.map((log) => log()).join("");
    throw said === "" ? error : new Error(`${(error as Error).message}; the daemons' logs: ${said}`, { cause: error });
  } finally {
    await Promise.all(running.map((stop) => stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

type StopLater = (stop: () => Promise<unknown>) => void;

interface Running {
  readonly durability: Durability;
  readonly process: DaemonProcess;
}

async function startDaemons(
  folder: string,
  { policies, files }: DaemonGiven,
  stopLater: StopLater,
): Promise<readonly Running[]> {
  const keys = policyKeys();
  const bundles = await Promise.all(
    policies.map(async (policy, at) => {
      const path = join(folder, `policy-${at}.tar.gz`);
      const bytes = await signBundle(packedWith(policy, files[at] ?? new Map()), keys.signing);
      writeFileSync(path, bytes, { mode: 0o600 });
      return path;
    }),
  );
  const daemons: Running[] = [];
  for (const durability of ["after", "before"] as const) {
    const settings = { bundles, publicKey: keys.publicKey, revisions: "any", checkpointKey: null } as const;
    const own = { folder: join(folder, durability), durability, keepFiles: KEPT_FILES };
    const process = await DaemonProcess.start({ ...settings, ...own });
    stopLater(() => process.stop());
    daemons.push({ durability, process });
  }
  return daemons;
}

const WHEN = { after: "answered before the record is on disk", before: "answered once the record is on disk" };

function daemonSubjects(
  { durability, process }: Running,
  at: number,
  { template }: DaemonGiven,
  event: LaunchEvent,
): readonly Subject[] {
  const durable = durability === "before";
  const events = eventStream({ template, signers: "listed", enclaves: "new", series: 13 + at });
  const { request } = frameSizes(event);
  let made = 0;
  const renew = (requests: Buffer, slots: readonly number[]): void => {
    for (const slot of slots) {
      patchRequest(requests, slot, request, events(made).sigstruct as Uint8Array);
      made += 1;
    }
  };
  return [
    {
      name: `warm_${durability}`,
      what: `the daemon, the same enclave again and again, ${WHEN[durability]}`,
      answerer: daemonAnswerer(process.socket, event, false),
      durable,
      renew: null,
    },
    {
      name: `cold_${durability}`,
      what: `the daemon, an enclave never seen before of a known signer, ${WHEN[durability]}`,
      answerer: daemonAnswerer(process.socket, event, true),
      durable,
      renew,
    },
  ];
}

async function startEcho(folder: string, event: LaunchEvent, stopLater: StopLater): Promise<Subject> {
  const path = join(folder, "echo.sock");
  const program = join(folder, "echo.mjs");
  writeFileSync(program, echoProgram(path, frameSizes(event)), { mode: 0o600 });
  const echo = spawn(process.execPath, [program], { cwd: folder, env: {}, stdio: "ignore" });
  stopLater(async () => echo.kill("SIGKILL"));
  await untilConnected(path, echo);
  return {
    name: "echo",
    what: "a process that answers as many bytes with as many bytes, and looks at none",
    answerer: echoAnswerer(path, event),
    durable: false,
    renew: null,
  };
}

const START_MS = 10_000;

async function untilConnected(path: string, server: ChildProcess): Promise<void> {
  for (const until = performance.now() + START_MS; performance.now() < until; await setTimeout(10)) {
    if (server.exitCode !== null) throw new Error(`the echo ended with ${server.exitCode}`);
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(path, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (isThere) return;
  }
  throw new Error(`the echo did not listen within ${START_MS / 1000} s`);
}

/** With OPA's server running where it is wanted and can be had, else without, and with the reason. */
async function withOpa<T>(
  { peers, policies, files, template }: DaemonGiven,
  io: Io,
  work: (opa: Subject | null, absent: readonly Absent[]) => Promise<T>,
): Promise<T> {
  const absent = (why: string): readonly Absent[] => [{ name: "OPA's server beside the daemon", why }];
  if (!peers) return work(null, []);
  const [policy, ...others] = policies;
  const [own] = files;
  if (policy === undefined || own === undefined || others.length > 0) {
    return work(null, absent("it is measured with one policy, and here are several"));
  }
  let opa: Opa;
  try {
    opa = findOpa(io);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return work(null, absent(error.message));
  }
  const input = inputDocument(eventStream({ template, signers: "listed", enclaves: "again" })(0));
  return withStaged(regoWith(policy, own), (stage) =>
    withOpaServer(opa, stage, (path) =>
      work(
        {
          name: "opa",
          what: `OPA ${opa.version}'s server on the same policy, handed the Input document`,
          answerer: opaAnswerer(path, ENTRYPOINT, input),
          durable: false,
          renew: null,
        },
        [],
      ),
    ),
  );
}

async function measureAll(
  subjects: readonly Subject[],
  { quick, progress }: DaemonGiven,
): Promise<Pick<DaemonSpeed, "round_trips" | "sustained">> {
  const scale = quick ? QUICK : FULL;
  const askers = await Promise.all(subjects.map(({ answerer }) => Asker.open(answerer, 1)));
  const times: number[][] = subjects.map(() => []);
  const trips = async (at: number, count: number): Promise<readonly number[]> => {
    const { renew } = subjects[at] as Subject;
    const asker = askers[at] as Asker;
    return roundTrips(asker, count, () => renew?.(asker.requests, [0]));
  };
  try {
    for (const [at, { durable }] of subjects.entries()) {
      progress(`daemon, warming up ${at + 1} of ${subjects.length}`);
      await trips(at, durable ? Math.ceil(scale.warmup / 5) : scale.warmup);
    }
    for (let turn = 0; turn < scale.turns; turn += 1) {
      progress(`daemon, round trips ${turn + 1} of ${scale.turns}`);
      for (const at of inTurn(subjects.length, turn)) {
        const count = subjects[at]?.durable === true ? scale.durableTrips : scale.trips;
        times[at]?.push(...(await trips(at, count)));
      }
    }
  } finally {
    for (const asker of askers) asker.close();
  }
  const found: Throughput[][] = subjects.map(() => []);
  for (let turn = 0; turn < scale.pipelined; turn += 1) {
    progress(`daemon, sustained ${turn + 1} of ${scale.pipelined}`);
    for (const at of inTurn(subjects.length, turn)) {
      const { answerer, renew } = subjects[at] as Subject;
      const load = { connections: CONNECTIONS, inFlight: IN_FLIGHT, ms: scale.ms };
      found[at]?.push(await throughput(answerer, renew === null ? load : { ...load, prepare: renew }));
    }
  }
  return {
    round_trips: subjects.map(({ name, what }, at) => ({ name, what, ns: statisticsOf(times[at] ?? []) })),
    sustained: subjects.map(({ name }, at) => ({
      name,
      per_second: median((found[at] ?? []).map(({ per_second }) => per_second)),
      overloaded: rounded(median((found[at] ?? []).map(({ overloaded }) => overloaded))),
    })),
  };
}

/** Nobody always follows the same neighbour. */
function inTurn(count: number, turn: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => (at + turn) % count);
}

function aboutFrames(event: LaunchEvent, folder: string) {
  const { request, verdict } = frameSizes(event);
  const about = { request_bytes: request, verdict_bytes: verdict, connections: CONNECTIONS, in_flight: IN_FLIGHT };
  return { ...about, filesystem: filesystemOf(folder) };
}

/** Magic numbers of statfs(2). */
const FILESYSTEMS: Readonly<Record<number, string>> = {
  61267: "ext4",
  1481003842: "xfs",
  2435016766: "btrfs",
  16914836: "tmpfs, where nothing outlasts a crash of the machine",
  2035054128: "overlayfs",
};

function filesystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return FILESYSTEMS[type] ?? `a file system of type 0x${type.toString(16)}`;
}
