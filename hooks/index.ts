/** The public API: the engine, and the stack of modules that decides with it. */

export * from "../engine/index.js";
export { createGate, type GateOptions } from "./gate.js";
export {
  createGuardedGate,
  type DecideOptions,
  type GuardedGate,
  type GuardedGateOptions,
  type GuardedStats,
} from "./guarded/guarded-gate.js";
export * from "./hook-defs.js";
export { architecture } from "./modules/architecture.js";
export { capability } from "./modules/capability.js";
export { LOCKDOWN_LEVELS, type LockdownLevel, lockdown } from "./modules/lockdown.js";
export { policy } from "./modules/policy.js";
export type { Overrides, PolicyState } from "./policies/ledger.js";
export {
  type ActivePolicy,
  openPolicyStore,
  type PolicyEvent,
  type PolicyGeneration,
  type PolicyStore,
  type PolicyStoreOptions,
  type ReloadResult,
} from "./policies/policy-store.js";
export type { PolicyRefusal, RefusalCode } from "./policies/refusal.js";
export { compareRevisions } from "./policies/revision.js";
export type { PolicySource, Verification } from "./policies/sources.js";
export type { WatchOptions } from "./policies/watch.js";
export { type Gate, type PolicyLaunchModule, Registry, type StackOptions } from "./registry.js";
export {
  type ClientOptions,
  connect,
  type DecideOptions as AskOptions,
  type LaunchgateClient,
} from "./socket/client.js";
export { CLIENT_REASONS, type ClientReasonCode, type ClientVerdict } from "./socket/client-verdict.js";
export type { Claims, LaunchRequest } from "./socket/request.js";
export type { WireReason, WireResult, WireVerdict } from "./socket/wire.js";
