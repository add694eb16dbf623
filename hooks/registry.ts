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
  reason,
  type SignatureCheck,
} from "../engine/index.js";
import type { HookCall, LaunchModule, ModuleAnswer } from "./hook-defs.js";

export interface StackOptions {
  /** Every registered module once, in the order of the walk. */
  readonly order: readonly string[];
  /** Modules whose denials are only recorded. */
  readonly permissive?: readonly string[];
  /** Counts the policies that were in force before: each change is a new stack with the next number. Default 1. */
  readonly generation?: number;
  /** When signatures are verified; by default it depends on the event's origin. */
  readonly signatureCheck?: SignatureCheck;
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

interface Entry {
  readonly name: string;
  readonly mayAllow: boolean;
  readonly permissive: boolean;
  readonly hooks: Readonly<Partial<Record<HookName, (call: HookCall) => ModuleAnswer>>>;
}

const NAME = /^[a-z][a-z0-9_.:-]{0,63}$/i;

export class Registry {
  readonly #modules = new Map<string, LaunchModule>();
  #sealed = false;

  /** @throws ConfigError `sealed`, `module_name`, `module_duplicate`, `module_shape` */
  register(module: LaunchModule): this {
    if (this.#sealed) throw new ConfigError("sealed", `module ${module.name} comes after the stack was sealed`);
    if (typeof module?.name !== "string" || !NAME.test(module.name)) {
      throw new ConfigError("module_name", `a module's name must match ${NAME}`);
    }
    if (this.#modules.has(module.name))
      throw new ConfigError("module_duplicate", `there are two modules ${module.name}`);
    this.#modules.set(module.name, copyOf(module));
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
    if (this.#sealed) throw new ConfigError("sealed", "the stack is sealed already");
    const entries = this.#entries(options);
    this.#sealed = true;
    const policy = Object.freeze(options.order.flatMap((name) => policyOf(this.#modules.get(name))));
    const judge: Judge = Object.freeze({
      policy,
      generation: options.generation ?? 1,
      signatureCheck: options.signatureCheck,
      walk: (launch: Launch) => walk(entries, launch, policy.length > 0 ? "no_allow" : "no_policy"),
    });
    return Object.freeze({
      decide: (event: unknown) => decideEvent(event, judge).decision,
      judge: (event: unknown) => decideEvent(event, judge),
      generation: judge.generation,
      policy,
      modules: Object.freeze(entries.map(({ name }) => name)),
    });
  }

  #entries({ order, permissive = [] }: StackOptions): readonly Entry[] {
    if (order.length === 0) throw new ConfigError("empty_stack", "the order names no module, so nothing would decide");
    const twice = order.find((name, at) => order.indexOf(name) !== at);
    if (twice !== undefined) throw new ConfigError("module_duplicate", `the order names ${twice} twice`);
    const unknown = [...order, ...permissive].find((name) => !this.#modules.has(name));
    if (unknown !== undefined) throw new ConfigError("module_unknown", `there is no module ${unknown}`);
    const missing = [...this.#modules.keys()].find((name) => !order.includes(name));
    if (missing !== undefined) throw new ConfigError("order_incomplete", `the order leaves out module ${missing}`);
    return order.map((name) => {
      const { mayAllow = false, hooks } = this.#modules.get(name) as LaunchModule;
      return Object.freeze({ name, mayAllow, hooks, permissive: permissive.includes(name) });
    });
  }
}

const UNSEALED: Judge = Object.freeze({
  policy: [],
  generation: 0,
  signatureCheck: "never",
  walk: () => combine([], "unsealed"),
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

function walk(
  entries: readonly Entry[],
  launch: Launch,
  fallback: "no_allow" | "no_policy",
): ReturnType<typeof combine> {
  const call = hookCall(launch);
  const opinions: Opinion[] = [];
  for (const entry of entries) {
    const opinion = ask(entry, call);
    opinions.push(opinion);
    if (opinion.answer === "deny" && !opinion.permissive) break;
  }
  return combine(opinions, fallback);
}

function hookCall(launch: Launch): HookCall {
  let input: Input | undefined;
  return Object.freeze({
    launch,
    get input(): Input {
      input ??= deepFreeze(inputOf(launch));
      return input;
    },
  });
}

/** One module's call. Never throws: what goes wrong here is that module's denial. */
function ask({ name, mayAllow, permissive, hooks }: Entry, call: HookCall): Opinion {
  const opinion = (answer: Opinion["answer"], reasons: readonly Reason[], warnings: readonly Reason[]): Opinion =>
    Object.freeze({ module: name, permissive, answer, reasons, warnings });
  try {
    const handler = hooks[call.launch.event.hook];
    if (handler === undefined) return opinion("pass", [], []);
    const said = readAnswer(handler(call), name);
    if (said === null) return opinion("deny", [reason("module_result", name)], []);
    if (said.answer === "allow" && !mayAllow) return opinion("deny", [reason("module_may_not_allow", name)], []);
    return opinion(said.answer, said.reasons, said.warnings);
  } catch (error) {
    return opinion("deny", [failure(error, name)], []);
  }
}

/** Our own errors say what went wrong in our own words; what else was thrown may be a string, a lie or a secret. */
function failure(error: unknown, module: string): Reason {
  return error instanceof EvaluationError ? reason(error.code, module, error.message) : reason("module_error", module);
}

const MAX_REASONS = 256;
const CODE = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

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
    if (typeof code !== "string" || !CODE.test(code) || typeof message !== "string") return null;
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
