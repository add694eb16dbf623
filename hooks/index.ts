/** The public API: the engine, and the stack of modules that decides with it. */

export * from "../engine/index.js";
export { createGate, type GateOptions } from "./gate.js";
export * from "./hook-defs.js";
export { architecture } from "./modules/architecture.js";
export { capability } from "./modules/capability.js";
export { LOCKDOWN_LEVELS, type LockdownLevel, lockdown } from "./modules/lockdown.js";
export { policy } from "./modules/policy.js";
export { type Gate, type PolicyLaunchModule, Registry, type StackOptions } from "./registry.js";
export { type ClientOptions, connect, type DecideOptions, type LaunchgateClient } from "./socket/client.js";
export { CLIENT_REASONS, type ClientReasonCode, type ClientVerdict } from "./socket/client-verdict.js";
export type { Claims, LaunchRequest } from "./socket/request.js";
export type { WireReason, WireResult, WireVerdict } from "./socket/wire.js";
