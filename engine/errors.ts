/**
 * What the engine throws at start, in front of the operator, and below the two places where errors become a denial.
 *
 * The class says whose fault it is, the code which one. No message carries secrets or raw bytes of a launch.
 */

/** Base of every error that Launchgate throws itself. */
export abstract class LaunchError extends Error {
  abstract readonly code: string;
}

/** The bytes handed in are not what they were said to be. */
export class DecodeError extends LaunchError {
  override readonly name = "DecodeError";
  readonly code: "length" | "encoding" | "field";

  constructor(code: DecodeError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The policy, its bundle or its data document is at fault. */
export class PolicyError extends LaunchError {
  override readonly name = "PolicyError";
  readonly code: PolicyErrorCode;

  constructor(code: PolicyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type PolicyErrorCode =
  | "bundle_format"
  | "bundle_contract"
  | "bundle_digest"
  | "wasm_invalid"
  | "wasm_abi"
  | "wasm_builtin"
  | "wasm_entrypoint"
  | "memory_limit"
  | "data_schema"
  | "data_conflict"
  | "data_unknown_profile"
  | "data_unknown_fragment"
  | SignatureErrorCode;

/** Why a bundle's signature does not vouch for it. */
export type SignatureErrorCode =
  /** it has none */
  | "signature_missing"
  /** what it has is no signature of a bundle */
  | "signature_format"
  /** it is by another algorithm than the key is for, such as none or an HMAC */
  | "signature_algorithm"
  /** it names a key that is not configured, or none where there are several */
  | "signature_key"
  /** it was not made with that key, or over something else */
  | "signature_invalid"
  /** it is for another purpose */
  | "signature_scope"
  /** its time is over */
  | "signature_expired"
  /** its time has not begun */
  | "signature_early"
  /** a file is not the one that was signed */
  | "signature_digest"
  /** a file that was signed is not there */
  | "signature_file_missing"
  /** a file that was not signed is there */
  | "signature_file_extra";

/** A policy was asked and gave no answer that counts. Each code is a reason code of a denial. */
export class EvaluationError extends LaunchError {
  override readonly name = "EvaluationError";
  readonly code: EvaluationErrorCode;

  constructor(code: EvaluationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type EvaluationErrorCode =
  /** the entrypoint is undefined for this input */
  | "policy_undefined"
  /** the answer is not exactly {allow, deny, warn} */
  | "policy_result"
  /** the WASM trapped, aborted or threw */
  | "policy_trap"
  /** the memory limit was reached */
  | "policy_memory"
  /** the input could not be handed over */
  | "policy_input"
  /** there was no answer when the launch's deadline came */
  | "deadline"
  /** more launches wait for an evaluator than may */
  | "overloaded"
  /** the evaluator ended, or answered what is no answer, or there is none */
  | "evaluator_failed";

/** The operator's configuration of the engine or the module stack is at fault. */
export class ConfigError extends LaunchError {
  override readonly name = "ConfigError";
  readonly code:
    | "module_name"
    | "module_duplicate"
    | "module_unknown"
    | "module_shape"
    | "order_incomplete"
    | "sealed"
    | "empty_stack"
    | "key"
    | "policy_state"
    | "option";

  constructor(code: ConfigError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
