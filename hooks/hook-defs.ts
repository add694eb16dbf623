/**
 * The table of hooks, and what a module of the stack is. Modelled on the kernel's lsm_hook_defs.h: a hook is a name,
 * what it is called with, and what the absence of an opinion means. Unlike there, the absence of an allow is a deny.
 */

import type { HookName, Input, Launch, ReasonCode } from "../engine/index.js";

export interface HookDefinition {
  readonly when: string;
  readonly structures: readonly ("sigstruct" | "token" | "secs")[];
}

/** Where launches are hooked. The table is open: a new row needs its event shape, its Input shape and its entrypoint. */
export const HOOK_DEFINITIONS: Readonly<Record<HookName, HookDefinition>> = {
  enclave_create: { when: "ECREATE: an enclave's SECS is made", structures: ["secs"] },
  enclave_provision: { when: "an enclave is granted PROVISIONKEY", structures: ["secs"] },
  enclave_init: { when: "EINIT: an enclave is launched", structures: ["sigstruct", "token", "secs"] },
  vm_epc: { when: "a VM is given enclave memory", structures: [] },
  vm_provision: { when: "a VM is granted PROVISIONKEY for its enclaves", structures: [] },
};

/** One thing a module has to say. More keys than these two go into the decision as they are. */
export interface ModuleReason {
  readonly code: ReasonCode | (string & {});
  readonly message: string;
  readonly [more: string]: unknown;
}

/** What a module answers. A denial without reasons is no answer. */
export type ModuleAnswer =
  | { readonly answer: "allow"; readonly warnings?: readonly ModuleReason[] }
  | { readonly answer: "pass"; readonly warnings?: readonly ModuleReason[] }
  | { readonly answer: "deny"; readonly reasons: readonly ModuleReason[]; readonly warnings?: readonly ModuleReason[] };

/** What a hook is called with. */
export interface HookCall {
  readonly launch: Launch;
  /** The Input document, as policies see it; made when first asked for. Frozen: no module can change what the next sees. */
  readonly input: Input;
}

/**
 * A module: a name, and a function for each hook it has an opinion on. Synchronous. A hook it does not define passes.
 * What it throws is a denial with `module_error`; what it answers beside the three is one with `module_result`.
 */
export interface LaunchModule {
  readonly name: string;
  /** Whether its allow counts. Modules that only restrict, as LSMs do, leave it out. */
  readonly mayAllow?: boolean;
  readonly hooks: Readonly<Partial<Record<HookName, (call: HookCall) => ModuleAnswer>>>;
}

/** The two answers that say nothing else. The stack knows them by identity and need not read them. */
export const PASS: ModuleAnswer = Object.freeze({ answer: "pass" });
export const ALLOW: ModuleAnswer = Object.freeze({ answer: "allow" });
