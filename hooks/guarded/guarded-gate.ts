/**
 * The gate with deadlines that hold: the same modules, in the same order, with the same answers as `createGate`, but the
 * policies' WASM runs in threads of its own. What needs no evaluation is decided at once, on the caller's thread: what the
 * modules before the policy deny, and what a policy has answered before under all that it reads.
 *
 * One guarded gate is one generation, and immutable. A reload makes another, which throws where it cannot be made, puts
 * events to that one from then on, and closes the old one, which lets what it began come to its end.
 */

import { availableParallelism } from "node:os";
import {
  ConfigError,
  combine,
  type Decision,
  type Judge,
  type Judged,
  type PolicyIdentity,
} from "../../engine/index.js";
import { begin, Suspended } from "../../engine/launch.js";
import { evaluatorParts } from "../../engine/policy/evaluate.js";
import { bundlesOf, type GateOptions, stackOf } from "../gate.js";
import { guardedPolicy } from "../modules/policy.js";
import { type EvaluatorLimits, type EvaluatorStats, Evaluators } from "./evaluators.js";

export interface GuardedGateOptions extends GateOptions {
  /**
   * Threads that evaluate at a time, 1 to 64; one more stands ready. Default: as many as there are processors, from 2 to 4.
   * Each takes some 10 MiB, and beyond that the policies, their data and what an evaluation needs, up to
   * `limits.maxMemoryPages` for each policy.
   */
  readonly evaluators?: number;
  /** How long a launch may take, in milliseconds, 1 to 3,600,000. Default 2000. An event's own deadline may be shorter. */
  readonly deadlineMs?: number;
  /** Launches that may wait for a thread. Default 1024. */
  readonly maxQueued?: number;
  /** The JavaScript heap of each thread, in MiB, 16 to 4096. Default 64. */
  readonly evaluatorHeapMb?: number;
  /** How long loading the policies may take, in milliseconds: that runs their WASM, too. Default 30,000. */
  readonly loadMs?: number;
}

export interface DecideOptions {
  /** How long this launch may take. The smallest of this, the gate's and the event's own counts; what is no number is 0. */
  readonly deadlineMs?: number | null;
}

export interface GuardedStats extends EvaluatorStats {
  /** Questions to policies that were answered without asking them. */
  readonly remembered: number;
}

/** A sealed stack whose policies cannot hang its caller. */
export interface GuardedGate {
  /**
   * Allow or deny, with reasons. Never rejects, whatever is handed in: where there is no answer at the deadline, that is a
   * deny `deadline`.
   */
  readonly decide: (event: unknown, options?: DecideOptions) => Promise<Decision>;
  /** The same, with the event as it was taken over, for the audit record. */
  readonly judge: (event: unknown, options?: DecideOptions) => Promise<Judged>;
  /**
   * The same without a promise: `answer` is called exactly once, before this returns where nothing has to be evaluated.
   * What it throws then is thrown here; later, it is an uncaught exception.
   */
  readonly judgeWith: (event: unknown, deadlineMs: number | null, answer: (judged: Judged) => void) => void;
  readonly generation: number;
  readonly policy: readonly PolicyIdentity[];
  /** Names in the order of the walk. */
  readonly modules: readonly string[];
  readonly stats: () => GuardedStats;
  /**
   * From now on everything is denied `shutting_down`; what has begun is decided, by its deadline at the latest. Settles when
   * no thread is left.
   */
  readonly close: () => Promise<void>;
}

const DEFAULTS = { deadlineMs: 2000, maxQueued: 1024, evaluatorHeapMb: 64, loadMs: 30_000 } as const;

/** More than any policy of sense needs, and seldom enough that starting threads is no load. */
const PATIENCE_MS = 250;

/**
 * Loads, registers, seals and starts the threads. All that can be wrong with a policy, its data or the configuration is
 * thrown here. A gate that waits for nothing keeps no process alive.
 * @throws PolicyError, ConfigError; Error where threads cannot be started
 */
export async function createGuardedGate(options: GuardedGateOptions = {}): Promise<GuardedGate> {
  const { deadlineMs, ...limits } = limitsOf(options);
  let remembered = 0;
  const bundles = bundlesOf(options);
  const { registry, stack } = stackOf(options, bundles, (bundle, name, at) =>
    guardedPolicy(bundle, name, at, () => {
      remembered += 1;
    }),
  );
  const open = registry.sealJudge(stack);
  const evaluators = await Evaluators.start(
    bundles.map((bundle) => evaluatorParts(bundle, options.limits)),
    limits,
  );
  let judge = open;
  let closing: Promise<void> | null = null;

  const wait = (suspended: Suspended, due: number, answer: (judged: Judged) => void): void =>
    evaluators.put(suspended.question, due, (outcome) => {
      const judged = suspended.resume(outcome);
      if (judged instanceof Suspended) wait(judged, due, answer);
      else answer(judged);
    });
  const judgeWith: GuardedGate["judgeWith"] = (event, own, answer) => {
    const judged = begin(event, judge);
    if (judged instanceof Suspended) {
      const time = leastOf(deadlineMs, own, judged.event.deadline_ms);
      wait(judged, performance.now() + time, answer);
    } else answer(judged);
  };

  return Object.freeze({
    decide: (event: unknown, { deadlineMs: own = null }: DecideOptions = {}) =>
      new Promise<Decision>((resolve) => judgeWith(event, own, ({ decision }) => resolve(decision))),
    judge: (event: unknown, { deadlineMs: own = null }: DecideOptions = {}) =>
      new Promise<Judged>((resolve) => judgeWith(event, own, resolve)),
    judgeWith,
    generation: open.generation,
    policy: open.policy,
    modules: Object.freeze([...stack.order]),
    stats: () => ({ ...evaluators.stats(), remembered }),
    close: () => {
      judge = closed(open);
      closing ??= evaluators.close();
      return closing;
    },
  });
}

function limitsOf(options: GuardedGateOptions): EvaluatorLimits & { readonly deadlineMs: number } {
  const { evaluators = Math.min(4, Math.max(2, availableParallelism())) } = options;
  const { deadlineMs, maxQueued, evaluatorHeapMb, loadMs } = { ...DEFAULTS, ...options };
  return {
    evaluators: within("evaluators", evaluators, 1, 64),
    deadlineMs: within("deadlineMs", deadlineMs, 1, 3_600_000),
    patienceMs: Math.min(PATIENCE_MS, deadlineMs),
    maxQueued: within("maxQueued", maxQueued, 0, 1_000_000),
    heapMb: within("evaluatorHeapMb", evaluatorHeapMb, 16, 4096),
    loadMs: within("loadMs", loadMs, 1, 3_600_000),
  };
}

/** Who has no time left is denied where somebody has to be asked. */
function leastOf(least: number, ...others: readonly (number | null)[]): number {
  return others.reduce<number>((left, other) => {
    if (other === null) return left;
    return typeof other === "number" && other > 0 ? Math.min(left, other) : 0;
  }, least);
}

/** Takes events over, so that the decision names what was denied, and asks nobody. */
function closed(judge: Judge): Judge {
  return Object.freeze({ ...judge, walk: () => ({ verdict: combine([], "shutting_down"), opinions: [] }) });
}

function within(option: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new ConfigError("option", `${option} must be a whole number from ${min} to ${max}`);
}
