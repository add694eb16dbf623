/** What Launchgate wants to be, as numbers that do not depend on the machine; each of one run. */

import type { DaemonSpeed, DaemonSubject } from "./daemon.js";
import type { Growth } from "./memory.js";
import type { ProcessTimes } from "./processes.js";
import type { ReplaySpeed } from "./replay.js";
import { costOf, type Measured } from "./rounds.js";
import type { SignersRow } from "./scaling.js";
import { BASELINE } from "./sdk.js";
import { rounded } from "./statistics.js";
import type { VetSpeed } from "./vet.js";

export interface Goal {
  readonly name: string;
  /** In words, with the limit. */
  readonly criterion: string;
  /** Null where it was not measured in this run. */
  readonly value: number | null;
  readonly unit: "times" | "bytes" | "ms";
  /** Whether the value is within the limit; null where there is none. */
  readonly met: boolean | null;
}

export interface Figures {
  readonly subjects: readonly Measured[];
  readonly signers: readonly SignersRow[];
  readonly memory: readonly Growth[];
  readonly processes: ProcessTimes | null;
  readonly replay: ReplaySpeed | null;
  readonly vet: VetSpeed | null;
  readonly daemon: DaemonSpeed | null;
}

/** How many decisions a tail and a growth are of. */
const FULL = 1_000_000;

/** What counts as no growth after the collector ran: over a million decisions, about a byte each. A leak is 8 at least. */
const GROWTH_BYTES = 1024 * 1024;

export function goalsOf(figures: Figures): readonly Goal[] {
  return [...libraryGoals(figures), ...daemonGoals(figures.daemon)];
}

function libraryGoals({ subjects, signers, memory, processes, replay, vet }: Figures): readonly Goal[] {
  const ns = (name: string) => subjects.find((subject) => subject.name === name)?.ns;
  const cost = (name: string): number | undefined => {
    const found = subjects.find((subject) => subject.name === name);
    return found === undefined ? undefined : costOf(found);
  };
  const faster = (name: string): number | null => quotient(cost(BASELINE), cost(name));
  const tail = (name: string): number | null => quotient(ns(name)?.p99_ns, ns(name)?.median_ns);
  const grown = (name: string): number | null => memory.find(({ subject }) => subject === name)?.growth_bytes ?? null;
  const sizes = signers.length === 0 ? "" : ` (here ${signers[0]?.signers} to ${signers.at(-1)?.signers})`;
  const decisions = (name: string): number | undefined => memory.find(({ subject }) => subject === name)?.decisions;
  const load = processes === null ? null : processes.bundle_script_ms - processes.node_ms;
  const whole = processes === null ? null : processes.eval_ms - 1.5 * processes.node_ms;
  return [
    atLeast("cold", "cold is at least 8 times faster than the SDK's evaluate()", faster("cold"), 8),
    atLeast("warm", "warm is at least 60 times faster than the SDK's evaluate()", faster("warm"), 60),
    ...["cold", "warm"].map((name) =>
      atMost(
        `${name}_p99`,
        `p99 of a million ${name} decisions${here(ns(name)?.count)} is at most 3 times their median`,
        tail(name),
        3,
        "times",
      ),
    ),
    ...["cold", "warm"].map((name) => {
      const criterion = `a million ${name} decisions${here(decisions(name))} leave at most 1 MiB behind, all together`;
      return atMost(`${name}_growth`, criterion, grown(name), GROWTH_BYTES, "bytes");
    }),
    atMost(
      "replay_growth",
      `a million replayed records${here(replay?.records)} leave at most 1 MiB behind, all together`,
      replay?.growth_bytes ?? null,
      GROWTH_BYTES,
      "bytes",
    ),
    atMost(
      "vet",
      `10,000 enclaves${vet === null || vet.enclaves === 10_000 ? "" : ` (here ${vet.enclaves})`} are vetted in one run in 60 s`,
      vet === null ? null : vet.seconds * 1000,
      60_000,
      "ms",
    ),
    ...(["cold_ns", "warm_ns"] as const).map((key) => {
      const name = key === "cold_ns" ? "cold_flat" : "warm_flat";
      const criterion = `the median of ${key.slice(0, 4)} from 10 to 100,000 signers${sizes} is at most 1.1 times that of the fewest`;
      return atMost(name, criterion, flatness(signers, key), 1.1, "times");
    }),
    atMost(
      "load",
      "a script that loads a bundle and decides once takes at most 5 ms more than node -e 0",
      load,
      5,
      "ms",
    ),
    atMost("eval", "launchgate eval takes at most 60 ms more than 1.5 times node -e 0", whole, 60, "ms"),
  ];
}

/** Each twice: what a disk must have taken first is another matter than what it may take later. */
function daemonGoals(daemon: DaemonSpeed | null): readonly Goal[] {
  return (["after", "before"] as const).flatMap((durability) => {
    const warm = `warm_${durability}` as const;
    const when = durability === "after" ? "with its record on disk later" : "with its record on disk before the answer";
    const asked = `a launch asked of the daemon, ${when}, takes`;
    return [
      atMost(
        `daemon_echo_${durability}`,
        `${asked} at most 1.3 times a bare echo of the same sizes`,
        quotient(trip(daemon, warm), trip(daemon, "echo")),
        1.3,
        "times",
      ),
      atLeast(
        `daemon_opa_${durability}`,
        `${asked} at most a third of what OPA's server takes`,
        quotient(trip(daemon, "opa"), trip(daemon, warm)),
        3,
      ),
      atLeast(
        `daemon_sustained_${durability}`,
        `the daemon, ${when}, sustains at least 20 times as many launches as OPA's server`,
        quotient(sustained(daemon, warm), sustained(daemon, "opa")),
        20,
      ),
    ];
  });
}

/** Median nanoseconds of a round trip. */
export function trip(daemon: DaemonSpeed | null, name: DaemonSubject): number | undefined {
  return daemon?.round_trips.find((found) => found.name === name)?.ns.median_ns;
}

/** Answers a second. */
export function sustained(daemon: DaemonSpeed | null, name: DaemonSubject): number | undefined {
  return daemon?.sustained.find((found) => found.name === name)?.per_second;
}

function here(count = FULL): string {
  return count < FULL ? ` (here ${count})` : "";
}

/** The dearest size by the smallest one. */
export function flatness(rows: readonly SignersRow[], key: "cold_ns" | "warm_ns"): number | null {
  const [fewest, ...others] = rows.map((row) => row[key]);
  return others.length === 0 ? null : quotient(Math.max(...others), fewest);
}

export function quotient(dividend: number | undefined, divisor: number | undefined): number | null {
  return dividend === undefined || divisor === undefined ? null : dividend / divisor;
}

function atLeast(name: string, criterion: string, value: number | null, limit: number): Goal {
  return { name, criterion, value: shown(value), unit: "times", met: value === null ? null : value >= limit };
}

function atMost(name: string, criterion: string, value: number | null, limit: number, unit: Goal["unit"]): Goal {
  return { name, criterion, value: shown(value), unit, met: value === null ? null : value <= limit };
}

/** What is shown is rounded, what is judged is not. */
function shown(value: number | null): number | null {
  return value === null ? null : rounded(value);
}
