/**
 * Every reason code that Launchgate itself can give, with its sentence: one table, which decisions, docs and tests read.
 *
 * Codes of shipped policies stand in the metadata of their Rego rules; codes in capitals are the SDM's names of what
 * EINIT would answer.
 */

import type { SgxErrorName } from "./sgx/sgx-errors.js";

export const REASONS = {
  // the event
  bad_event: "The event is not what the LaunchEvent schema describes.",
  malformed: "A structure in the event has the wrong length or is no base64.",
  // the stack
  unsealed: "The module stack was not sealed before the first event.",
  no_allow: "No module allowed the launch, and the default is deny.",
  no_policy: "No policy is loaded, and the default is deny.",
  module_error: "A module threw instead of answering.",
  module_result: "A module's answer is none: not exactly allow, deny with reasons, or pass.",
  module_may_not_allow: "A module answered allow that is not registered as able to.",
  // the policy
  not_allowed: "The policy did not allow the launch, and gave no reason.",
  policy_undefined: "The policy's entrypoint is undefined for this input.",
  policy_result: "The policy's answer is not exactly {allow, deny, warn}.",
  policy_trap: "The policy's WebAssembly trapped or aborted.",
  policy_memory: "The policy reached its memory limit.",
  policy_input: "The input could not be handed to the policy.",
  deadline: "The policy had not answered when the launch's deadline came.",
  overloaded: "More launches wait for their policies than may.",
  evaluator_failed: "The thread that evaluates the policy failed, or there is none.",
  // capability and lockdown
  provisionkey_not_granted: "PROVISIONKEY is on, or possibly on, and was not granted.",
  lockdown_debug: "Lockdown is at confidentiality, and DEBUG is on or possibly on.",
  lockdown_key_is_public: "Lockdown is on, and the private half of the signing key is public.",
  lockdown_einittokenkey: "Lockdown is on, and EINITTOKENKEY is on or possibly on.",
  // the daemon
  claim_refused: "The request claims what the listener does not let this peer claim.",
  shutting_down: "Launchgate is closed, or closing, and allows nothing any more.",
  // the audit log
  audit_unavailable: "The decision could not be recorded in the audit log, and what is not recorded is denied.",
  // anything else
  internal: "Launchgate failed while deciding.",
} as const;

/** A reason code of the engine and the stack; policies and modules have their own beside these. */
export type ReasonCode = keyof typeof REASONS | SgxErrorName;
