/**
 * The module stack: registered by name, sealed in an explicit order before the first event, walked like the kernel's
 * call_int_hook(). The first denial ends the walk; with no denial, at least one module must have allowed.
 *
 * A permissive module's denial is recorded as would-deny and counts as pass. Around one module's call every error
 * becomes a denial, so that a module that fails is a module that denies.
 */

import {
  ConfigError,
  combine,
  type Decision,
  decide as decideEvent,
  EvaluationError,
  HOOKS,
  type HookName,
  type Input,
  inputOf,
  type JsonObject,
  type JsonValue,
  type Judge,
  type Judged,
  type Launch,
  type Opinion,
  type PolicyIdentity,
  type Reason,
  Recent,
  reason,
  type SignatureCheck,
  type Walk,
} from "../engine/index.js";
import { type Outcome, StoppedWalk } from "../engine/launch.js";
import { OpenQuestion } from "../engine/policy/questions.js";
import { ALLOW, type HookCall, type LaunchModule, type ModuleAnswer, PASS } from "./hook-defs.js";
import { isBuiltIn } from "./modules/built-in.js";
import { answerOf } from "./modules/policy-answer.js";

export interface StackOptions {
  /** Every registered module once, in the order of the walk. */
  readonly order: readonly string[];
  /** Modules whose denials are only recorded. */
  readonly permissive?: readonly string[];
  /** Counts the policies that were in force before: each change is a new stack with the next number. Default 1. */
  readonly generation?: number;
  /** When signatures are verified; by default it depends on the event's origin. */
  readonly signatureCheck?: SignatureCheck;
  /** What was seen before; a reload hands it on. */
  readonly recent?: Recent;
}

/** A module that has policies to be named in decisions. */
export interface PolicyLaunchModule extends LaunchModule {
  readonly policy: PolicyIdentity;
}

/** A sealed stack. Immutable: a reload makes another, and an event is decided wholly by the one it was put to. */
export interface Gate {
  /** Allow or deny, with reasons. Synchronous; never throws, whatever is handed in. */
  readonly decide: (event: unknown) => Decision;
  /** The same, with the event as it was taken over, for the audit record. */
  readonly judge: (event: unknown) => Judged;
  readonly generation: number;
  readonly policy: readonly PolicyIdentity[];
  /** Names in the order of the walk. */
  readonly modules: readonly string[];
}

/** Why nothing allowed, where nothing did. */
type Fallback = "no_allow" | "no_policy";

/** One module's place in the walk of one hook. */
interface Step {
  readonly name: string;
  readonly mayAllow: boolean;
  readonly permissive: boolean;
  /** Null: the module has no opinion on this hook. Launchgate's own policy modules may leave a question open. */
  readonly handler: ((call: HookCall) => ModuleAnswer | OpenQuestion) | null;
  /** The opinions that say nothing else. */
  readonly passes: Opinion;
  readonly allows: Opinion;
}

const NAME = /^[A-Za-z][A-Za-z0-9_.:-]*$/;
const MAX_NAME = 64;

export class Registry {
  readonly #modules = new Map<string, LaunchModule>();
  /** Whether others than Launchgate's own modules will be shown the events. */
  #foreign = false;
  #sealed = false;

  /** @throws ConfigError `sealed`, `module_name`, `module_duplicate`, `module_shape` */
  register(module: LaunchModule): this {
    if (this.#sealed) throw new ConfigError("sealed", `module ${module.name} comes after the stack was sealed`);
    if (typeof module?.name !== "string" || !NAME.test(module.name) || module.name.length > MAX_NAME) {
      throw new ConfigError(
        "module_name",
        `a module's name must match ${NAME}, and have at most ${MAX_NAME} characters`,
      );
    }
    if (this.#modules.has(module.name))
      throw new ConfigError("module_duplicate", `there are two modules ${module.name}`);
    this.#modules.set(module.name, copyOf(module));
    if (!isBuiltIn(module)) this.#foreign = true;
    return this;
  }

  /** Denies everything: nothing decides before the order is fixed. */
  decide(event: unknown): Decision {
    return decideEvent(event, UNSEALED).decision;
  }

  /**
   * Fixes the order and gives the gate. Nothing can be registered any more.
   * @throws ConfigError `sealed`, `empty_stack`, `module_unknown`, `module_duplicate`, `order_incomplete`
   */
  seal(options: StackOptions): Gate {
    const judge = this.sealJudge(options);
    return Object.freeze({
      decide: (event: unknown) => decideEvent(event, judge).decision,
      judge: (event: unknown) => decideEvent(event, judge),
      generation: judge.generation,
      policy: judge.policy,
      modules: Object.freeze([...options.order]),
    });
  }

  /** @internal What `seal` makes the gate of: for a gate that waits where a module leaves a question open. */
  sealJudge(options: StackOptions): Judge {
    if (this.#sealed) throw new ConfigError("sealed", "the stack is sealed already");
    this.#checkOrder(options);
    this.#sealed = true;
    const fallback: Fallback = this.#hasPolicy() ? "no_allow" : "no_policy";
    const stepsFor = (hook: HookName): Steps => stepsOf(this.#steps(hook, options), fallback, this.#foreign);
    const init = stepsFor("enclave_init");
    const others = new Map(HOOKS.map((hook) => [hook, stepsFor(hook)]));
    const policy = Object.freeze(options.order.flatMap((name) => policyOf(this.#modules.get(name))));
    return Object.freeze({
      policy,
      generation: options.generation ?? 1,
      signatureCheck: options.signatureCheck,
      recent: options.recent ?? new Recent(),
      // INVARIANT: the map has every hook that the event's schema has.
      walk: (launch: Launch) =>
        walk(launch.event.hook === "enclave_init" ? init : (others.get(launch.event.hook) as Steps), launch),
    });
  }

  #hasPolicy(): boolean {
    return [...this.#modules.values()].some((module) => policyOf(module).length > 0);
  }

  #checkOrder({ order, permissive = [] }: StackOptions): void {
    if (order.length === 0) throw new ConfigError("empty_stack", "the order names no module, so nothing would decide");
    const twice = order.find((name, at) => order.indexOf(name) !== at);
    if (twice !== undefined) throw new ConfigError("module_duplicate", `the order names ${twice} twice`);
    const unknown = [...order, ...permissive].find((name) => !this.#modules.has(name));
    if (unknown !== undefined) throw new ConfigError("module_unknown", `there is no module ${unknown}`);
    const missing = [...this.#modules.keys()].find((name) => !order.includes(name));
    if (missing !== undefined) throw new ConfigError("order_incomplete", `the order leaves out module ${missing}`);
  }

  #steps(hook: HookName, { order, permissive = [] }: StackOptions): readonly Step[] {
    return order.map((name) => {
      const { mayAllow = false, hooks } = this.#modules.get(name) as LaunchModule;
      const silent = { module: name, permissive: permissive.includes(name), reasons: NOTHING, warnings: NOTHING };
      return Object.freeze({
        name,
        mayAllow,
        handler: hooks[hook] ?? null,
        permissive: silent.permissive,
        passes: Object.freeze({ ...silent, answer: "pass" }),
        allows: Object.freeze({ ...silent, answer: "allow" }),
      });
    });
  }
}

const UNSEALED: Judge = Object.freeze({
  policy: [],
  generation: 0,
  signatureCheck: "never",
  recent: new Recent(),
  walk: () => ({ verdict: combine([], "unsealed"), opinions: [] }),
});

/** A module's functions as they are now: swapping one later does not reach into a sealed stack. */
function copyOf(module: LaunchModule): LaunchModule {
  const { name, mayAllow, hooks } = module;
  if (mayAllow !== undefined && typeof mayAllow !== "boolean") {
    throw new ConfigError("module_shape", `mayAllow of module ${name} must be true, false or absent`);
  }
  if (typeof hooks !== "object" || hooks === null) {
    throw new ConfigError("module_shape", `module ${name} has no hooks object`);
  }
  const copy: Partial<Record<HookName, (call: HookCall) => ModuleAnswer>> = {};
  for (const [hook, handler] of Object.entries(hooks)) {
    if (!(HOOKS as readonly string[]).includes(hook) || typeof handler !== "function") {
      throw new ConfigError("module_shape", `module ${name} has ${hook}, expected functions named ${HOOKS.join(", ")}`);
    }
    copy[hook as HookName] = handler;
  }
  return Object.freeze({ ...module, mayAllow: mayAllow ?? false, hooks: Object.freeze(copy) });
}

function policyOf(module: LaunchModule | undefined): readonly PolicyIdentity[] {
  return module !== undefined && "policy" in module ? [(module as PolicyLaunchModule).policy] : [];
}

/** What the modules say of nearly every launch: each that may allow does, the others pass. */
interface Steps {
  readonly steps: readonly Step[];
  /** Whether a module could write to what it is shown. */
  readonly foreign: boolean;
  readonly fallback: Fallback;
  readonly usual: Walk;
}

function stepsOf(steps: readonly Step[], fallback: Fallback, foreign: boolean): Steps {
  const opinions = Object.freeze(steps.map(usualOpinion));
  const usual = Object.freeze({ verdict: combine(opinions, fallback), opinions });
  return Object.freeze({ steps, foreign, fallback, usual });
}

function usualOpinion({ mayAllow, handler, allows, passes }: Step): Opinion {
  return mayAllow && handler !== null ? allows : passes;
}

function walk(whole: Steps, launch: Launch): Walk | StoppedWalk {
  const { steps, foreign, usual } = whole;
  const call = new Call(launch);
  if (foreign) freezeShown(call);
  for (let at = 0; at < steps.length; at += 1) {
    const opinion = ask(steps[at] as Step, call);
    if (opinion !== usual.opinions[at]) return walkOn(whole, call, at, opinion, usual.opinions.slice(0, at));
  }
  return usual;
}

/** Goes on at the step `from`, which has said `given`; `opinions` are those of the steps before. */
function walkOn(
  whole: Steps,
  call: Call,
  from: number,
  given: Opinion | OpenQuestion,
  opinions: Opinion[],
): Walk | StoppedWalk {
  const { steps, fallback } = whole;
  let opinion = given;
  for (let at = from; ; ) {
    const step = steps[at] as Step;
    if (opinion instanceof OpenQuestion) {
      return new StoppedWalk(opinion, (outcome) => walkOn(whole, call, at, opinionFrom(step, outcome), opinions));
    }
    opinions.push(opinion);
    at += 1;
    if ((opinion.answer === "deny" && !opinion.permissive) || at === steps.length) break;
    opinion = ask(steps[at] as Step, call);
  }
  return { verdict: combine(opinions, fallback), opinions };
}

/** What a module can see is what was judged, and stays it. Bytes are shown as copies. */
function freezeShown(call: Call): void {
  const { event } = call.launch;
  deepFreeze([event.origin, event.platform, event.grants, event.secs]);
  Object.freeze(event);
  Object.freeze(call.launch);
  Object.freeze(call);
}

class Call implements HookCall {
  readonly launch: Launch;
  #input: Input | undefined;

  constructor(launch: Launch) {
    this.launch = launch;
  }

  get input(): Input {
    this.#input ??= deepFreeze(inputOf(this.launch));
    return this.#input;
  }
}

/** One module's call. Never throws: what goes wrong here is that module's denial. */
function ask(step: Step, call: Call): Opinion | OpenQuestion {
  const { handler } = step;
  if (handler === null) return step.passes;
  try {
    const answer = handler(call);
    if (answer === PASS) return step.passes;
    if (answer === ALLOW && step.mayAllow) return step.allows;
    return answer instanceof OpenQuestion ? answer : opinionOf(step, answer);
  } catch (error) {
    return denial(step, failure(error, step.name));
  }
}

/** The opinion of a module whose question was left open, now that it is known what became of it. Never throws. */
function opinionFrom(step: Step, outcome: Outcome): Opinion {
  try {
    if (outcome instanceof EvaluationError) throw outcome;
    const answer = answerOf(outcome);
    return answer === ALLOW && step.mayAllow ? step.allows : opinionOf(step, answer);
  } catch (error) {
    return denial(step, failure(error, step.name));
  }
}

function opinionOf(step: Step, answer: unknown): Opinion {
  const { name, mayAllow, permissive } = step;
  const said = readAnswer(answer, name);
  if (said === null) return denial(step, reason("module_result", name));
  if (said.answer === "allow" && !mayAllow) return denial(step, reason("module_may_not_allow", name));
  return Object.freeze({ module: name, permissive, ...said });
}

function denial({ name, permissive }: Step, why: Reason): Opinion {
  return Object.freeze({ module: name, permissive, answer: "deny", reasons: Object.freeze([why]), warnings: NOTHING });
}

/** Our own errors say what went wrong in our own words; what else was thrown may be a string, a lie or a secret. */
function failure(error: unknown, module: string): Reason {
  return error instanceof EvaluationError ? reason(error.code, module, error.message) : reason("module_error", module);
}

const NOTHING: readonly Reason[] = Object.freeze([]);
const MAX_REASONS = 256;
const CODE = /^[A-Za-z][A-Za-z0-9_]*$/;
const MAX_CODE = 64;

interface Said {
  readonly answer: "allow" | "deny" | "pass";
  readonly reasons: readonly Reason[];
  readonly warnings: readonly Reason[];
}

/** Reads each property of the answer once, and takes only what it fully understands. Null: no answer. */
function readAnswer(given: unknown, module: string): Said | null {
  if (typeof given !== "object" || given === null) return null;
  const { answer, reasons = [], warnings = [], ...more } = given as Record<string, unknown>;
  if (answer !== "allow" && answer !== "deny" && answer !== "pass") return null;
  if (Object.keys(more).length > 0) return null;
  const readReasons = readItems(reasons, module);
  const readWarnings = readItems(warnings, module);
  if (readReasons === null || readWarnings === null) return null;
  if ((answer === "deny") !== readReasons.length > 0) return null;
  return { answer, reasons: readReasons, warnings: readWarnings };
}

function readItems(given: unknown, module: string): readonly Reason[] | null {
  if (!Array.isArray(given) || given.length > MAX_REASONS) return null;
  const items: Reason[] = [];
  for (const item of Array.from(given)) {
    if (typeof item !== "object" || item === null) return null;
    const { code, message, ...more } = item as Record<string, unknown>;
    if (typeof code !== "string" || !CODE.test(code) || code.length > MAX_CODE || typeof message !== "string")
      return null;
    const extra = readJson(more, 4);
    if (extra === undefined) return null;
    items.push(Object.freeze({ ...(extra as JsonObject), code, message: message.slice(0, 1024), module }));
  }
  return Object.freeze(items);
}

/** A frozen copy of plain JSON, at most so deep; undefined where it is anything else. */
function readJson(given: unknown, depth: number): JsonValue | undefined {
  if (given === null || typeof given === "string" || typeof given === "boolean") return given;
  if (typeof given === "number") return Number.isFinite(given) ? given : undefined;
  if (typeof given !== "object" || depth === 0) return undefined;
  const entries = Object.entries(given).map(([key, value]) => [key, readJson(value, depth - 1)] as const);
  if (entries.some(([, value]) => value === undefined)) return undefined;
  return Object.freeze(
    Array.isArray(given) ? entries.map(([, value]) => value) : Object.fromEntries(entries),
  ) as JsonValue;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
