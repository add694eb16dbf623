/** One run of the benchmark: everything that was asked for, in order, to one report. */

import { createGate, type PolicyBundle } from "../../hooks/index.js";
import type { Io } from "../io.js";
import { compareRatios, type Ratios } from "./compare.js";
import { measureDaemon } from "./daemon.js";
import { type Figures, goalsOf } from "./goals.js";
import { type Growth, measureMemory } from "./memory.js";
import { opaPeers } from "./opa-peers.js";
import { type Absent, inProcessPeers } from "./peers.js";
import { type BundleFiles, packedWith, regoWith } from "./policy-files.js";
import { measureProcesses, type ProcessTimes } from "./processes.js";
import { measureReplay } from "./replay.js";
import { aboutHere, type BenchReport, ratiosOf } from "./report.js";
import { type Measured, measure, type Subject } from "./rounds.js";
import { type ReasonsRow, type RulesRow, scaleRules, scaleSigners } from "./scaling.js";
import { BASELINE, ENTRYPOINT, inputDocument, sdkSubjects } from "./sdk.js";
import { decideSubject, ownSubjects } from "./subjects.js";
import { measureVet } from "./vet.js";
import { eventStream, REVOKED, signedSigstruct, withListings } from "./workload.js";

export interface BenchGiven {
  /** As they would decide, without the generated listings. */
  readonly policies: readonly PolicyBundle[];
  readonly files: readonly BundleFiles[];
  readonly count: number;
  readonly quick: boolean;
  readonly peers: boolean;
  /** Subjects and sections by name; null: all. */
  readonly only: ReadonlySet<string> | null;
  readonly compare: { readonly baseline: Ratios; readonly threshold: number } | null;
}

/** What is measured beside the subjects. */
/** Enclaves in one run of `launchgate vet`. */
const VETTED = 10_000;

const SECTIONS = ["processes", "signers", "rules", "memory", "replay", "vet", "daemon"] as const;

const OWN = [
  ...["decode", "verify", "input"],
  ...[
    "cold",
    "cold_deny",
    "cold_new_signer",
    "warm",
    "warm_some",
    "warm_json",
    "warm_sha256",
    "mixed",
    "guest_cold",
    "load",
  ],
] as const;

/** Every name that `--only` takes. */
export const NAMES: readonly string[] = [
  ...OWN,
  BASELINE,
  "sdk_projected",
  "cedar_list",
  "cedar_entities",
  "casbin",
  "opa_bench",
  "opa_server",
  ...SECTIONS,
];

const SIGNERS = 1000;

/** How much of everything, in full and for a look. */
const FULL = { rounds: 20, warmup: 20_000, processes: 15, requests: 2000, sizes: [10, 100, 1000, 10_000, 100_000] };
const QUICK = { rounds: 4, warmup: 200, processes: 2, requests: 50, sizes: [10, 100, 1000] };

export async function runBench(given: BenchGiven, io: Io): Promise<BenchReport> {
  const started = process.hrtime.bigint();
  const scale = given.quick ? QUICK : FULL;
  const show = progressOn(io);
  const wanted = (name: string): boolean => given.only === null || given.only.has(name);
  const signed = signedSigstruct();
  const policies = given.policies.map((policy) => withListings(policy, SIGNERS));

  show("making the workload");
  const gate = createGate({ policies });
  const bundles = policies.map((policy, at) => packedWith(policy, given.files[at] ?? new Map()));
  const events = eventStream({ template: signed, signers: "listed", enclaves: "new", series: 8 });
  const sdk = sdkSubjects(policies, events, Math.max(20, Math.round(given.count / 10)));
  const peers = given.peers ? await inProcessPeers(SIGNERS, given.count) : NO_PEERS;
  const subjects: readonly Subject[] = [
    ...ownSubjects({ gate, signed, bundles, count: given.count }),
    ...sdk.subjects,
    ...peers.subjects,
  ].filter(({ name }) => name === BASELINE || wanted(name));
  const { overhead_ns, measured } = measure(subjects, {
    rounds: scale.rounds,
    warmup: Math.min(scale.warmup, given.count),
    progress: (done) => show(`subjects ${Math.round(100 * done)} %`),
  });

  const outside = given.peers && (wanted("opa_bench") || wanted("opa_server"));
  if (outside) show("OPA");
  const opa = outside ? await opaOn(given, policies, inputDocument(events(0)), scale.requests, io) : NO_OPA;
  const memory = wanted("memory") ? memoryOf(given, policies, signed, show) : [];
  if (wanted("replay")) show("replay");
  const replay = wanted("replay") ? await measureReplay(policies, signed, given.count) : null;
  if (wanted("vet")) show("vet");
  const vet = wanted("vet") ? measureVet(signed, Math.min(given.count, VETTED), io) : null;
  const part = Math.max(20, Math.round(given.count / 50));
  const scaling = { signed, count: part, rounds: scale.rounds, progress: show };
  const signers = wanted("signers") ? scaleSigners({ ...scaling, policies: given.policies, sizes: scale.sizes }) : [];
  const rules = wanted("rules") ? await rulesOf(given, scaling, io) : NO_RULES;
  if (wanted("processes")) show("whole processes");
  const processes = wanted("processes") ? processesOf(scale.processes, policies, given.files, io) : null;
  const { speed: daemon, absent: withoutOpa } = wanted("daemon")
    ? await measureDaemon(
        { policies, files: given.files, template: signed, quick: given.quick, peers: given.peers, progress: show },
        io,
      )
    : NO_DAEMON;
  show("");

  const all: readonly Measured[] = [...measured, ...opa.measured];
  const figures: Figures = { subjects: all, signers, memory, processes, replay, vet, daemon };
  const ratios = ratiosOf(figures);
  const { compare } = given;
  return {
    ...aboutHere(),
    method: {
      quick: given.quick,
      count: given.count,
      rounds: scale.rounds,
      warmup: Math.min(scale.warmup, given.count),
      clock_overhead_ns: overhead_ns,
      seconds: Math.round(Number(process.hrtime.bigint() - started) / 1e8) / 10,
    },
    policies: policies.map(({ name, sha256, revision }) => ({ name, sha256, revision })),
    signers: SIGNERS,
    revoked: REVOKED,
    input_bytes: sdk.inputBytes,
    projected_bytes: sdk.projectedBytes,
    subjects: all,
    processes,
    memory,
    replay,
    vet,
    daemon,
    scaling: { signers, rules: rules.rules, reasons: rules.reasons },
    absent: [...peers.absent, ...opa.absent, ...rules.absent, ...withoutOpa],
    goals: goalsOf(figures),
    ratios,
    comparison: compare === null ? null : compareRatios(ratios, compare.baseline, compare.threshold),
  };
}

const NO_PEERS = { subjects: [] as readonly Subject[], absent: [] as readonly Absent[] };
const NO_DAEMON = { speed: null, absent: [] as readonly Absent[] };
const NO_OPA = { measured: [] as readonly Measured[], absent: [] as readonly Absent[] };
const NO_RULES = {
  rules: [] as readonly RulesRow[],
  reasons: [] as readonly ReasonsRow[],
  absent: [] as readonly Absent[],
};

/** A line on stderr that is written over, where a person looks on; "" clears it. */
function progressOn({ progress, err }: Io): (text: string) => void {
  return progress ? (text) => err(`\r\u001b[K${text === "" ? "" : `bench: ${text}`}`) : () => undefined;
}

async function opaOn(
  { files }: BenchGiven,
  [policy, ...others]: readonly PolicyBundle[],
  input: ReturnType<typeof inputDocument>,
  requests: number,
  io: Io,
): Promise<typeof NO_OPA> {
  const [own] = files;
  if (policy === undefined || own === undefined || others.length > 0) {
    return { ...NO_OPA, absent: [{ name: "OPA", why: "it is measured with one policy, and here are several" }] };
  }
  return opaPeers({ sources: regoWith(policy, own), input, entrypoint: ENTRYPOINT, requests }, io);
}

/** A gate of its own, so that nothing that was measured before counts. */
function memoryOf(
  { count, quick }: BenchGiven,
  policies: readonly PolicyBundle[],
  template: Uint8Array,
  show: (text: string) => void,
): readonly Growth[] {
  const gate = createGate({ policies });
  const warmup = Math.min(count, quick ? 1000 : 100_000);
  return (["cold", "warm"] as const).map((name) => {
    show(`memory, ${name}`);
    const events = eventStream({ template, signers: "listed", enclaves: name === "cold" ? "new" : "again", series: 9 });
    return measureMemory(decideSubject(gate, events, { name, what: "", count }), count, warmup);
  });
}

async function rulesOf(
  { quick }: BenchGiven,
  scaling: Omit<Parameters<typeof scaleRules>[0], "signers">,
  io: Io,
): Promise<typeof NO_RULES> {
  if (quick) return { ...NO_RULES, absent: [{ name: "rules", why: "compiling them takes longer than --quick" }] };
  const found = await scaleRules({ ...scaling, signers: SIGNERS }, io);
  return "why" in found ? { ...NO_RULES, absent: [{ name: "rules", why: found.why }] } : { ...found, absent: [] };
}

/** Here the signature holds, since `eval` verifies it. */
function processesOf(
  runs: number,
  policies: readonly PolicyBundle[],
  files: readonly BundleFiles[],
  io: Io,
): ProcessTimes {
  const sigstruct = signedSigstruct();
  const event = eventStream({ template: sigstruct, signers: "listed", enclaves: "new", series: 10 })(0);
  const base64 = Buffer.from(event.sigstruct as Uint8Array).toString("base64");
  const bundles = policies.map((policy, at) => packedWith(policy, files[at] ?? new Map()));
  return measureProcesses({ runs, bundles, sigstruct, event: { ...event, sigstruct: base64 } }, io);
}
