/**
 * The gate as most people want it: the built-in modules around one or several policies, in the usual order, sealed.
 * Whoever wants another order uses the registry.
 */

import {
  type PolicyBundle,
  type PolicyLimits,
  type Recent,
  type ShippedPolicyOptions,
  type SignatureCheck,
  shippedPolicy,
} from "../engine/index.js";
import type { LaunchModule } from "./hook-defs.js";
import { architecture } from "./modules/architecture.js";
import { capability } from "./modules/capability.js";
import { type LockdownLevel, lockdown } from "./modules/lockdown.js";
import { policy } from "./modules/policy.js";
import { type Gate, type PolicyLaunchModule, Registry, type StackOptions } from "./registry.js";

export interface GateOptions extends ShippedPolicyOptions {
  /** The policies, all of which must allow. Default: the shipped one, with `profile` and `data`. */
  readonly policies?: readonly PolicyBundle[];
  /** Modules of one's own, asked after the policies and before lockdown. */
  readonly modules?: readonly LaunchModule[];
  readonly lockdown?: LockdownLevel;
  /** Every module's name once. Default: architecture, capability, the policies, the modules, lockdown. */
  readonly order?: readonly string[];
  readonly permissive?: readonly string[];
  readonly generation?: number;
  readonly signatureCheck?: SignatureCheck;
  readonly limits?: PolicyLimits;
  /** What was seen before; a reload hands it on. */
  readonly recent?: Recent;
}

/**
 * Loads, registers and seals. All that can be wrong with a policy, its data or the configuration is thrown here, in
 * front of the operator, and never during a decision.
 * @throws PolicyError, ConfigError
 */
export function createGate(options: GateOptions = {}): Gate {
  const { registry, stack } = stackOf(options, bundlesOf(options), (bundle, name) =>
    policy(bundle, name, options.limits),
  );
  return registry.seal(stack);
}

export function bundlesOf(options: GateOptions): readonly PolicyBundle[] {
  return options.policies ?? [shippedPolicy(options)];
}

/** All modules registered, and the order they are to be sealed in; `moduleOf` makes the bundles' modules. */
export function stackOf(
  options: GateOptions,
  bundles: readonly PolicyBundle[],
  moduleOf: (bundle: PolicyBundle, name: string, at: number) => PolicyLaunchModule,
): { readonly registry: Registry; readonly stack: StackOptions } {
  const names = policyModuleNames(bundles);
  const policies = bundles.map((bundle, at) => moduleOf(bundle, names[at] as string, at));
  const modules = [architecture(), capability(), ...policies, ...(options.modules ?? []), lockdown(options.lockdown)];
  const registry = new Registry();
  for (const module of modules) registry.register(module);
  const { permissive, generation, signatureCheck, recent } = options;
  const stack = {
    order: options.order ?? modules.map(({ name }) => name),
    ...(permissive === undefined ? {} : { permissive }),
    ...(generation === undefined ? {} : { generation }),
    ...(signatureCheck === undefined ? {} : { signatureCheck }),
    ...(recent === undefined ? {} : { recent }),
  };
  return { registry, stack };
}

/** What the policies' modules are called, in their order. */
export function policyModuleNames(bundles: readonly PolicyBundle[]): readonly string[] {
  return bundles.map((bundle, at) => nameOf(bundle, at, bundles));
}

function nameOf({ name }: PolicyBundle, at: number, bundles: readonly PolicyBundle[]): string {
  if (bundles.length === 1) return "policy";
  const same = bundles.filter((other, before) => before < at && other.name === name).length;
  return same === 0 ? `policy:${name}` : `policy:${name}.${same + 1}`;
}
