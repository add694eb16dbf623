/** The engine's public API, and nothing else. */

export { type AuditIdentity, type AuditRecord, auditRecord } from "./audit.js";
export * from "./decision.js";
export { ENTRYPOINTS, entrypointOf } from "./entrypoints.js";
export * from "./errors.js";
export {
  type AttributesJson,
  EventError,
  eventToJson,
  HOOKS,
  type HookName,
  type LaunchEvent,
  type LaunchEventJson,
  type Origin,
  type SecsFields,
  TakenEvent,
  takeEvent,
} from "./event.js";
export * from "./input.js";
export type { JsonObject, JsonValue } from "./json.js";
export { decide, type Judge, type Judged } from "./launch.js";
export type { Answer, RuleReason } from "./policy/answer.js";
export { makeBundle, type PolicyBundle, type PolicyRule, packBundle, readBundle, withData } from "./policy/bundle.js";
export { sha256Hex } from "./policy/canonical.js";
export { effectiveData, type ShippedData } from "./policy/data.js";
export { createPolicy, type Policy, type PolicyLimits } from "./policy/evaluate.js";
export { type ShippedPolicyOptions, shippedData, shippedPolicy, shippedSigningPolicy } from "./policy/shipped.js";
export {
  type BundleSignature,
  type SignedFile,
  type SignOptions,
  signBundle,
  type VerifiedBundle,
  type VerifyOptions,
  verifyBundle,
} from "./policy/signatures.js";
export {
  type KeyOptions,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type SigningKey as BundleSigningKey,
  signingKey,
  type VerificationKey,
  verificationKeys,
} from "./policy/signing-keys.js";
export { isUnremarkable } from "./quick-einit.js";
export { REASONS, type ReasonCode } from "./reasons.js";
export { Recent } from "./recent.js";
export {
  decodeLaunch,
  type KnownSecs,
  Launch,
  launchBit,
  launchBits,
  type SignatureCheck,
  type SignatureStatus,
} from "./request.js";
export * from "./sgx/attributes.js";
export {
  type Carried,
  type Carrier,
  type FoundBytes,
  type FoundStream,
  type FoundStructure,
  IMAGE_CARRIERS,
} from "./sgx/carriers/carried.js";
export { type ByteSource, sourceOf } from "./sgx/carriers/source.js";
export { findStructures } from "./sgx/carriers.js";
export { type Compared, type Comparison, compareSigstructs } from "./sgx/compare.js";
export type { ChangeWeight, SigstructChange } from "./sgx/compare-bits.js";
export * from "./sgx/einit.js";
export * from "./sgx/einittoken.js";
export { FINDINGS, type Finding, type FindingCode } from "./sgx/findings.js";
export * from "./sgx/identity.js";
export * from "./sgx/known-signers.js";
export * from "./sgx/measurement.js";
export * from "./sgx/secs.js";
export * from "./sgx/sgx-errors.js";
export * from "./sgx/sign.js";
export { verifySignature } from "./sgx/signature.js";
export * from "./sgx/sigstruct.js";
export * from "./signing.js";
