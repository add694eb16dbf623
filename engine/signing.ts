/**
 * What the signing policy is asked, and how its answer is read: an enclave's signature before it is released, alone and
 * beside the one that was released before. Truth: the Input schema (policies/schema/input.schema.json), definition
 * `signing`; names are the SDM's.
 *
 * The input is made only here. Every key is always present; unknown is null, never false. Passing is a positive statement:
 * whatever goes wrong on the way is a denial with a code of its own.
 */

import { ConfigError, EvaluationError } from "./errors.js";
import { type EnclaveInput, type SigstructInput, sigstructFields } from "./input.js";
import type { JsonObject } from "./json.js";
import type { RuleReason } from "./policy/answer.js";
import { sha256Hex } from "./policy/canonical.js";
import type { Policy } from "./policy/evaluate.js";
import {
  type Attributes,
  describeBits,
  hex8,
  hex32,
  knownBits,
  RESERVED_FLAGS,
  RESERVED_XFRM,
} from "./sgx/attributes.js";
import type { FindingCode } from "./sgx/findings.js";
import { hex, mrenclaveOf, mrsignerOf } from "./sgx/identity.js";
import { knownSigner } from "./sgx/known-signers.js";
import { verifySignature } from "./sgx/signature.js";
import { debugLaunchable, decodeSigstruct, type Sigstruct, sigstructFindings } from "./sgx/sigstruct.js";

/** The entrypoint that signers ask; it belongs to no hook. */
export const SIGNING_ENTRYPOINT = "signing/decision";

/** What is found beside the findings that a SIGSTRUCT shows by itself. */
export const SIGNING_FINDINGS = {
  signature_invalid: "SIGNATURE does not verify over the SIGSTRUCT with its MODULUS.",
  q1_invalid: "Q1 is not what SIGNATURE and MODULUS give.",
  q2_invalid: "Q2 is not what SIGNATURE and MODULUS give.",
  attributes_reserved: "ATTRIBUTES demands bits that have no name.",
} as const;

/** An enclave's signature as a file has it. */
export interface SigningSubject {
  /** 1808 bytes; those that only a signer can fill in are zero where `signed` is false. */
  readonly sigstruct: Uint8Array;
  /** False for material that is yet to be signed: who signs is then unknown, and no signature is checked. */
  readonly signed: boolean;
  /** What the user calls it, and what carries it; null where there is no file. */
  readonly file: { readonly name: string; readonly carrier: string } | null;
}

export interface SignedSigstructInput extends Omit<SigstructInput, "sha256" | "mrsigner" | "signature" | "findings"> {
  readonly sha256: string | null;
  readonly mrsigner: string | null;
  /** Of the RSA signature, Q1 and Q2 together. */
  readonly signature: "valid" | "invalid" | "absent";
}

export interface SigningFacts {
  readonly file: SigningSubject["file"];
  readonly signed: boolean;
  readonly sigstruct: SignedSigstructInput;
  /** Bits are `unknown` where ATTRIBUTEMASK leaves them to the launcher. */
  readonly enclave: EnclaveInput;
}

export interface SigningInput extends SigningFacts {
  readonly v: 1;
  readonly hook: null;
  /** Unix seconds. */
  readonly time: number;
  readonly findings: readonly (FindingCode | keyof typeof SIGNING_FINDINGS)[];
  readonly baseline:
    | (SigningFacts & {
        /** Bits that the baseline's masks cover and this one's do not; those without a name as one mask for each word. */
        readonly unmasked: readonly string[];
        /** Bits that are set here and not in the baseline. */
        readonly gained: readonly string[];
      })
    | null;
}

/**
 * The input of `signing/decision`. The signature is always verified, whoever signed.
 *
 * @throws DecodeError `length` where a SIGSTRUCT is not 1808 bytes
 * @throws ConfigError `option` where `time` is no whole number of seconds since 1970
 */
export function signingInput(request: {
  readonly subject: SigningSubject;
  readonly time: number;
  /** The enclave as it was last released. */
  readonly baseline?: SigningSubject | null;
}): SigningInput {
  const { subject, time, baseline = null } = request;
  if (!Number.isSafeInteger(time) || time < 0)
    throw new ConfigError("option", `time is ${time}, expected whole seconds since 1970`);
  const { facts, sigstruct, findings } = look(subject);
  const before = baseline === null ? null : look(baseline);
  return {
    v: 1,
    hook: null,
    time,
    ...facts,
    findings,
    baseline:
      before === null
        ? null
        : {
            ...before.facts,
            unmasked: bitsOnlyIn(masksOf(before.sigstruct), masksOf(sigstruct)),
            gained: bitsOnlyIn(demandsOf(sigstruct), demandsOf(before.sigstruct)),
          },
  };
}

interface Look {
  readonly facts: SigningFacts;
  readonly sigstruct: Sigstruct;
  readonly findings: SigningInput["findings"];
}

function look({ sigstruct: given, signed, file }: SigningSubject): Look {
  const bytes = new Uint8Array(given);
  const sigstruct = decodeSigstruct(bytes);
  const broken = signed ? brokenIn(bytes) : [];
  const mrsigner = signed ? mrsignerOf(sigstruct.modulus) : null;
  const own = sigstructFindings(sigstruct)
    .map(({ code }) => code)
    // The exponent is the signer's to fill in.
    .filter((code) => signed || code !== "exponent_invalid");
  return {
    sigstruct,
    findings: [...new Set([...own, ...reservedIn(sigstruct), ...broken])],
    facts: {
      file: file === null ? null : { name: file.name, carrier: file.carrier },
      signed,
      sigstruct: {
        ...sigstructFields(sigstruct),
        sha256: signed ? sha256Hex(bytes) : null,
        mrsigner,
        signature: !signed ? "absent" : broken.length === 0 ? "valid" : "invalid",
      },
      enclave: enclaveOf(sigstruct, mrsigner),
    },
  };
}

function brokenIn(bytes: Uint8Array): readonly (keyof typeof SIGNING_FINDINGS)[] {
  const { signature_valid, q1_valid, q2_valid } = verifySignature(bytes);
  return [
    ...(signature_valid ? [] : (["signature_invalid"] as const)),
    ...(q1_valid ? [] : (["q1_invalid"] as const)),
    ...(q2_valid ? [] : (["q2_invalid"] as const)),
  ];
}

function reservedIn({ attributes, attributemask }: Sigstruct): readonly (keyof typeof SIGNING_FINDINGS)[] {
  const flags = attributes.flags & attributemask.flags & RESERVED_FLAGS;
  const xfrm = attributes.xfrm & attributemask.xfrm & RESERVED_XFRM;
  return flags === 0n && xfrm === 0n ? [] : ["attributes_reserved"];
}

function enclaveOf(sigstruct: Sigstruct, mrsigner: string | null): EnclaveInput {
  const bits = knownBits(sigstruct.attributes, sigstruct.attributemask);
  const signer = mrsigner === null ? null : knownSigner(mrsigner);
  return {
    mrenclave: mrenclaveOf(sigstruct),
    mrsigner,
    isvprodid: sigstruct.isvprodid,
    isvsvn: sigstruct.isvsvn,
    isvfamilyid: hex(sigstruct.isvfamilyid),
    isvextprodid: hex(sigstruct.isvextprodid),
    debug: bits.debug,
    provisionkey: bits.provisionkey,
    einittokenkey: bits.einittokenkey,
    kss: bits.kss,
    bits,
    debug_launchable: debugLaunchable(sigstruct),
    signer: signer === null ? null : { name: signer.name, key_is_public: signer.key_is_public },
  };
}

/** What a SIGSTRUCT says bit by bit: ATTRIBUTES, MISCSELECT and CET_ATTRIBUTES, or the masks of the three. */
interface Bits {
  readonly attributes: Attributes;
  readonly miscselect: number;
  readonly cet_attributes: number;
}

function masksOf({ attributemask, miscmask, cet_attributes_mask }: Sigstruct): Bits {
  return { attributes: attributemask, miscselect: miscmask, cet_attributes: cet_attributes_mask };
}

function demandsOf({ attributes, miscselect, cet_attributes }: Sigstruct): Bits {
  return { attributes, miscselect, cet_attributes };
}

function bitsOnlyIn(one: Bits, other: Bits): readonly string[] {
  const named = describeBits({
    flags: one.attributes.flags & ~other.attributes.flags,
    xfrm: one.attributes.xfrm & ~other.attributes.xfrm,
  });
  const miscselect = (one.miscselect & ~other.miscselect) >>> 0;
  const cet = one.cet_attributes & ~other.cet_attributes;
  return [
    ...(named === "" ? [] : named.split(", ")),
    ...(miscselect === 0 ? [] : [`miscselect ${hex32(miscselect)}`]),
    ...(cet === 0 ? [] : [`cet_attributes ${hex8(cet)}`]),
  ];
}

/** What a signing policy says of one enclave. */
export interface SigningVerdict {
  /** The policy allowed, and nothing denies. */
  readonly passed: boolean;
  /** Never empty where `passed` is false. */
  readonly deny: readonly RuleReason[];
  readonly warn: readonly RuleReason[];
}

/**
 * Asks a policy's `signing/decision`. A policy that traps, is undefined, or gives what is no answer denies, each with its
 * own code.
 * @throws PolicyError `wasm_entrypoint` where the policy does not have the entrypoint
 */
export function judgeSigning(policy: Policy, input: SigningInput): SigningVerdict {
  try {
    const { allow, deny, warn } = policy.evaluate(SIGNING_ENTRYPOINT, input as unknown as JsonObject);
    if (allow && deny.length === 0) return { passed: true, deny, warn };
    return { passed: false, deny: deny.length > 0 ? deny : [reason("not_allowed", NOT_ALLOWED)], warn };
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return { passed: false, deny: [reason(error.code, error.message)], warn: [] };
  }
}

const NOT_ALLOWED = "the policy did not allow the release, and gave no reason";

function reason(code: string, message: string): RuleReason {
  return Object.freeze({ code, message });
}
