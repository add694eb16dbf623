/**
 * A policy module: asks one bundle's Rego, compiled to WASM, the entrypoint of the hook. Several bundles are several
 * modules, so they are ANDed: each that has an entrypoint for the hook must allow. A bundle without one passes.
 */

import {
  createPolicy,
  entrypointOf,
  HOOKS,
  type HookName,
  type PolicyBundle,
  type PolicyLimits,
} from "../../engine/index.js";
import { Names } from "../../engine/policy/names.js";
import { OpenQuestion, Questions } from "../../engine/policy/questions.js";
import type { HookCall, LaunchModule, ModuleAnswer } from "../hook-defs.js";
import type { PolicyLaunchModule } from "../registry.js";
import { builtIn } from "./built-in.js";
import { answerOf } from "./policy-answer.js";

/**
 * `name` is the module's in decisions; by default `policy`, or `policy:NAME` where there are several.
 * @throws PolicyError where the bundle's WASM cannot be trusted to decide
 */
export function policy(bundle: PolicyBundle, name = "policy", limits: PolicyLimits = {}): PolicyLaunchModule {
  const loaded = createPolicy(bundle, limits);
  return moduleOf(bundle, name, (entrypoint) => {
    const judge = loaded.judgeOf(entrypoint);
    return ({ launch }) => answerOf(judge(launch));
  });
}

/**
 * A policy module that evaluates nothing: what was not answered before it leaves open, as the question to the policy of
 * this number. `remembered` is called for each that was. Whether the WASM can be trusted to decide is not checked here.
 */
export function guardedPolicy(
  bundle: PolicyBundle,
  name: string,
  number: number,
  remembered: () => void,
): PolicyLaunchModule {
  const names = new Names(bundle.data);
  return moduleOf(bundle, name, (entrypoint) => {
    const questions = new Questions(bundle, entrypoint, names);
    return ({ launch }) => {
      const before = questions.find(launch);
      if (before === null) return new OpenQuestion(number, questions, launch);
      remembered();
      return answerOf(before);
    };
  });
}

type Handler = (call: HookCall) => ModuleAnswer | OpenQuestion;

function moduleOf(bundle: PolicyBundle, name: string, handlerOf: (entrypoint: string) => Handler): PolicyLaunchModule {
  const handlers: Partial<Record<HookName, Handler>> = {};
  for (const hook of HOOKS) {
    const entrypoint = entrypointOf(hook);
    if (bundle.entrypoints.includes(entrypoint)) handlers[hook] = handlerOf(entrypoint);
  }
  const module = Object.freeze({
    name,
    mayAllow: true,
    // INVARIANT: only the stack calls them, and it knows open questions; see `ask` in hooks/registry.ts.
    hooks: Object.freeze(handlers) as LaunchModule["hooks"],
    policy: Object.freeze({ name: bundle.name, sha256: bundle.sha256, revision: bundle.revision }),
  });
  return builtIn(module);
}
