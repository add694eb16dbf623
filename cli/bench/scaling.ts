/** How the cost of a decision grows with what the policy holds: listed signers, rules, and reasons to give. */

import { createGate, type Gate, type PolicyBundle, readBundle } from "../../hooks/index.js";
import { CommandError, type Io } from "../io.js";
import { compilePolicy } from "../policy/compile.js";
import { effectiveFolderData } from "../policy/effective.js";
import { findOpa, type Opa } from "../policy/opa.js";
import { policiesDir } from "../policy/shipped.js";
import { withStaged } from "../policy/staging.js";
import { collector, heldBytes } from "./memory.js";
import { costOf, type Measured, measure, type Subject } from "./rounds.js";
import { rounded } from "./statistics.js";
import { decideSubject } from "./subjects.js";
import { eventStream, withListings } from "./workload.js";

export interface SignersRow {
  readonly signers: number;
  readonly cold_ns: number;
  readonly warm_ns: number;
  /** The gate with its policy and data, after collection. */
  readonly memory_bytes: number;
  readonly load_ms: number;
}

export interface RulesRow {
  readonly rules: number;
  readonly cold_ns: number;
}

export interface ReasonsRow {
  readonly reasons: number;
  readonly cold_ns: number;
}

export interface ScalingGiven {
  readonly policies: readonly PolicyBundle[];
  readonly signed: Uint8Array;
  readonly sizes: readonly number[];
  readonly count: number;
  readonly rounds: number;
  readonly progress: (text: string) => void;
}

/** 512 MiB: 100,000 signers need more than the default, which is meant for what hosts have. */
const LIMITS = { maxMemoryPages: 8192 };

/** All sizes take turns, so that the comparison between them is of one time. */
export function scaleSigners({
  policies,
  signed,
  sizes,
  count,
  rounds,
  progress,
}: ScalingGiven): readonly SignersRow[] {
  const collect = collector();
  const gates = sizes.map((signers) => {
    progress(`loading ${signers} signers`);
    const bundles = policies.map((policy) => withListings(policy, signers));
    collect();
    const before = heldBytes();
    const start = process.hrtime.bigint();
    const gate = createGate({ policies: bundles, limits: LIMITS });
    const load_ms = rounded(Number(process.hrtime.bigint() - start) / 1e6);
    collect();
    return { signers, gate, load_ms, memory_bytes: heldBytes() - before };
  });
  const subjects = gates.flatMap(({ signers, gate }) => coldAndWarm(gate, signed, `${signers}`, count));
  const { measured } = measure(subjects, {
    rounds,
    warmup: count,
    progress: (done) => progress(percent("signers", done)),
  });
  const medianOf = medians(measured);
  return gates.map(({ signers, load_ms, memory_bytes }) => ({
    signers,
    cold_ns: medianOf(`cold ${signers}`),
    warm_ns: medianOf(`warm ${signers}`),
    memory_bytes,
    load_ms,
  }));
}

const percent = (what: string, done: number): string => `${what} ${Math.round(100 * done)} %`;

const medians =
  (measured: readonly Measured[]) =>
  (name: string): number =>
    measured.filter((found) => found.name === name).map(costOf)[0] ?? Number.NaN;

function coldAndWarm(gate: Gate, template: Uint8Array, name: string, count: number): readonly Subject[] {
  const cold = eventStream({ template, signers: "listed", enclaves: "new" });
  const warm = eventStream({ template, signers: "listed", enclaves: "again" });
  return [
    decideSubject(gate, cold, { name: `cold ${name}`, what: "", count }),
    decideSubject(gate, warm, { name: `warm ${name}`, what: "", count }),
  ];
}

const RULES = [0, 10, 100] as const;
const REASONS = [0, 1, 10, 100] as const;
/** ISVSVN from which the generated rules object: rule n to whatever is above this by more than n. */
const QUIET = 60_000;

export interface RulesGiven extends Omit<ScalingGiven, "policies" | "sizes"> {
  readonly signers: number;
}

/** Generated deny rules on top of the standard policy; why not, where there is no OPA to compile them. */
export async function scaleRules(
  given: RulesGiven,
  io: Io,
): Promise<
  { readonly rules: readonly RulesRow[]; readonly reasons: readonly ReasonsRow[] } | { readonly why: string }
> {
  let opa: Opa;
  try {
    opa = findOpa(io);
  } catch (error) {
    if (error instanceof CommandError) return { why: error.message };
    throw error;
  }
  const { signed: template, signers, count, rounds, progress } = given;
  const subjects: Subject[] = [];
  for (const rules of RULES) {
    progress(`compiling ${rules} rules`);
    const gate = createGate({ policies: [withListings(await compiledWith(rules, opa), signers)] });
    const events = eventStream({ template, signers: "listed", enclaves: "new" });
    subjects.push(decideSubject(gate, events, { name: `rules ${rules}`, what: "", count }));
    if (rules !== Math.max(...RULES)) continue;
    for (const [series, reasons] of REASONS.entries()) {
      const violating = { isvsvn: QUIET + reasons, series: series + 1 };
      const stream = eventStream({ template, signers: "listed", enclaves: "new", ...violating });
      subjects.push(decideSubject(gate, stream, { name: `reasons ${reasons}`, what: "", count }));
    }
  }
  const { measured } = measure(subjects, {
    rounds,
    warmup: count,
    progress: (done) => progress(percent("rules", done)),
  });
  const medianOf = medians(measured);
  return {
    rules: RULES.map((rules) => ({ rules, cold_ns: medianOf(`rules ${rules}`) })),
    reasons: REASONS.map((reasons) => ({ reasons, cold_ns: medianOf(`reasons ${reasons}`) })),
  };
}

async function compiledWith(rules: number, opa: Opa): Promise<PolicyBundle> {
  const source = { path: "launch/decision.rego", bytes: new TextEncoder().encode(regoWith(rules)) };
  const { bundle } = await withStaged([source], ({ dir }) =>
    compilePolicy({ dir, opa, policies: policiesDir(), data: effectiveFolderData([]) }),
  );
  return readBundle(bundle, { trustReads: true });
}

/** As the starter policy puts rules of one's own beside the standard ones. */
function regoWith(rules: number): string {
  const generated = Array.from({ length: rules }, (_, at) => {
    const reason = `{"code": "generated_${at}", "message": "ISVSVN is above ${QUIET + at}"}`;
    return `violation contains ${reason} if input.enclave.isvsvn > ${QUIET + at}\n`;
  });
  return `package launch

import data.launch.standard

# METADATA
# entrypoint: true
decision := {"allow": allow, "deny": deny, "warn": standard.warn}

default allow := false

allow if {
	standard.allow
	count(deny) == 0
}

deny := standard.deny | violation

${rules === 0 ? "violation := set()\n" : generated.join("\n")}`;
}
