/** The report of one run, as `--format json` prints it: the shape, and the ratios in it that later runs are compared by. */

import { cpus, totalmem } from "node:os";
import type { PolicyIdentity } from "../../engine/index.js";
import { packageVersion } from "../policy/shipped.js";
import type { Comparison } from "./compare.js";
import type { DaemonSpeed } from "./daemon.js";
import { type Figures, flatness, type Goal, quotient, sustained, trip } from "./goals.js";
import type { Growth } from "./memory.js";
import type { Absent } from "./peers.js";
import type { ProcessTimes } from "./processes.js";
import type { ReplaySpeed } from "./replay.js";
import { costOf, type Measured } from "./rounds.js";
import type { ReasonsRow, RulesRow, SignersRow } from "./scaling.js";
import { BASELINE } from "./sdk.js";
import { rounded } from "./statistics.js";
import type { VetSpeed } from "./vet.js";

const SCHEMA = "launchgate-bench-v1";

export interface BenchReport {
  readonly schema: typeof SCHEMA;
  /** RFC 3339. */
  readonly date: string;
  readonly launchgate: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memory_bytes: number;
    readonly platform: string;
    readonly node: string;
    readonly v8: string;
  };
  readonly method: {
    readonly quick: boolean;
    readonly count: number;
    readonly rounds: number;
    readonly warmup: number;
    /** Already taken off every time. */
    readonly clock_overhead_ns: number;
    readonly seconds: number;
  };
  /** As they were measured, with the generated listings. */
  readonly policies: readonly PolicyIdentity[];
  readonly signers: number;
  readonly revoked: number;
  readonly input_bytes: number;
  readonly projected_bytes: number | null;
  readonly subjects: readonly Measured[];
  readonly processes: ProcessTimes | null;
  readonly memory: readonly Growth[];
  readonly replay: ReplaySpeed | null;
  readonly vet: VetSpeed | null;
  readonly daemon: DaemonSpeed | null;
  readonly scaling: {
    readonly signers: readonly SignersRow[];
    readonly rules: readonly RulesRow[];
    readonly reasons: readonly ReasonsRow[];
  };
  /** What was not measured, and why. */
  readonly absent: readonly Absent[];
  readonly goals: readonly Goal[];
  /** By name; more is worse in each. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly comparison: Comparison | null;
}

/** What one run costs by what else was measured in it. Peers and the baseline itself are nobody's regression. */
export function ratiosOf({ subjects, signers, processes, daemon }: Figures): Readonly<Record<string, number>> {
  const baseline = subjects.find(({ name }) => name === BASELINE);
  const sdk = baseline === undefined ? undefined : costOf(baseline);
  const own = subjects.filter((subject) => subject.class !== "baseline" && subject.class !== "peer");
  const all: readonly (readonly [string, number | null])[] = [
    ...own.map((subject) => [`${subject.name} / ${BASELINE}`, quotient(costOf(subject), sdk)] as const),
    ["cold, most signers / fewest", flatness(signers, "cold_ns")],
    ["warm, most signers / fewest", flatness(signers, "warm_ns")],
    ["script that loads a bundle and decides / node", quotient(processes?.bundle_script_ms, processes?.node_ms)],
    ["launchgate eval / node", quotient(processes?.eval_ms, processes?.node_ms)],
    ...DAEMON.map(
      (name) => [`round trip, ${name} / echo`, quotient(trip(daemon, name), trip(daemon, "echo"))] as const,
    ),
    ...DAEMON.map(
      (name) => [`sustained, echo / ${name}`, quotient(sustained(daemon, "echo"), sustained(daemon, name))] as const,
    ),
  ];
  const found = all.filter((entry): entry is readonly [string, number] => entry[1] !== null);
  return Object.fromEntries(found.map(([name, ratio]) => [name, rounded(ratio)]));
}

const DAEMON = ["warm_after", "cold_after", "warm_before", "cold_before"] as const;

export function aboutHere(): Pick<BenchReport, "schema" | "date" | "launchgate" | "machine"> {
  return {
    schema: SCHEMA,
    date: new Date().toISOString(),
    launchgate: packageVersion(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: cpus().length,
      memory_bytes: totalmem(),
      platform: `${process.platform}/${process.arch}`,
      node: process.versions.node,
      v8: process.versions.v8,
    },
  };
}
