/** The table of hooks: the Rego entrypoint that each asks. */

import type { HookName } from "./event.js";

/** `signing/decision`, which signers ask, belongs to no hook: see signing.ts. */
export const ENTRYPOINTS = {
  enclave_create: "enclave/create",
  enclave_provision: "enclave/provision",
  enclave_init: "launch/decision",
  vm_epc: "vm/epc",
  vm_provision: "vm/provision",
} as const satisfies Readonly<Record<HookName, string>>;

export function entrypointOf(hook: HookName): (typeof ENTRYPOINTS)[HookName] {
  return ENTRYPOINTS[hook];
}
