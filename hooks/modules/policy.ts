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
import { ALLOW, type HookCall, type ModuleAnswer } from "../hook-defs.js";
import type { PolicyLaunchModule } from "../registry.js";
import { builtIn } from "./built-in.js";

/**
 * `name` is the module's in decisions; by default `policy`, or `policy:NAME` where there are several.
 * @throws PolicyError where the bundle's WASM cannot be trusted to decide
 */
export function policy(bundle: PolicyBundle, name = "policy", limits: PolicyLimits = {}): PolicyLaunchModule {
  const loaded = createPolicy(bundle, limits);
  const handlers: Partial<Record<HookName, (call: HookCall) => ModuleAnswer>> = {};
  for (const hook of HOOKS) {
    const entrypoint = entrypointOf(hook);
    if (!loaded.entrypoints.has(entrypoint)) continue;
    const judge = loaded.judgeOf(entrypoint);
    handlers[hook] = ({ launch }) => {
      const { allow, deny, warn } = judge(launch);
      if (deny.length > 0) return { answer: "deny", reasons: deny, warnings: warn };
      if (allow) return warn.length === 0 ? ALLOW : { answer: "allow", warnings: warn };
      return { answer: "deny", reasons: [NOT_ALLOWED], warnings: warn };
    };
  }
  const module = Object.freeze({
    name,
    mayAllow: true,
    hooks: Object.freeze(handlers),
    policy: Object.freeze({ name: bundle.name, sha256: bundle.sha256, revision: bundle.revision }),
  });
  return builtIn(module);
}

const NOT_ALLOWED = Object.freeze({
  code: "not_allowed",
  message: "the policy did not allow the launch, and gave no reason",
});
