/**
 * EINIT's checks as a table, in the order the CPU makes them, each with the SDM's error name.
 * Truth: Intel SDM vol. 3D, "EINIT - Initialize an Enclave for Execution", the pseudo-code.
 *
 * Only what is certain is refused. What software cannot see (the EPC, the measurement, the launch key) is listed as
 * unchecked, and an unknown bit or platform value never refuses. So "no refusal" does not mean that EINIT will accept.
 */

import {
  ALL_BITS,
  ATTRIBUTE_BITS,
  type AttributeBit,
  type Attributes,
  describeBits,
  hex8,
  hex32,
} from "./attributes.js";
import { type Einittoken, einittokenFindings, tokenIsValid } from "./einittoken.js";
import { type Finding, firstNonzero } from "./findings.js";
import { hex } from "./identity.js";
import { einitRefuses, SGX_ERRORS, type SgxErrorName } from "./sgx-errors.js";
import { formatFindings, type Sigstruct } from "./sigstruct.js";

/**
 * All that is known about one EINIT.
 *
 * - `attributes`, `attributes_known`, `attributes_allowed`: the SECS's ATTRIBUTES, the bits of it that are known, and
 *   the most the platform grants. A bit counts only where known; one neither known nor allowed is off.
 * - `miscselect_known`: mask of the bits of `miscselect` that are known. `cet_attributes`: known whole, or null.
 * - `lepubkeyhash`: what the hash registers will hold when EINIT runs, or null. Null on native Linux, whose driver
 *   writes the enclave's own signer there first.
 * - `mrsigner`: of this SIGSTRUCT's modulus.
 * - `signature`: `invalid` where the signature, Q1 or Q2 does not hold.
 */
export type EinitRequest = {
  readonly sigstruct: Sigstruct;
  readonly token: Einittoken | null;
  readonly attributes: Attributes | null;
  readonly attributes_known: Attributes | null;
  readonly attributes_allowed: Attributes | null;
  readonly miscselect: number | null;
  readonly miscselect_known: number | null;
  readonly cet_attributes: number | null;
  readonly lepubkeyhash: string | null;
  readonly mrsigner: string;
  readonly signature: "valid" | "invalid" | "unchecked";
};

/** The first check that certainly fails: the error EINIT answers with, and the check's number in the table. */
export type EinitRefusal = {
  readonly name: SgxErrorName;
  readonly number: number;
  readonly message: string;
  readonly check: number;
};

/** `unchecked`: the checks before the refusal, or all of them, that only the CPU could make here. */
export type EinitResult = {
  readonly refusal: EinitRefusal | null;
  readonly unchecked: readonly { readonly check: number; readonly why: string }[];
};

/** What one check says: it holds (null), it fails and why, or nobody but the CPU can tell. */
type Outcome = null | { readonly fails: string } | { readonly finding: Finding } | { readonly unchecked: string };

/** One check. `error` null: the CPU faults instead of answering with a code. */
type EinitCheck = {
  readonly check: number;
  readonly states: string;
  readonly error: SgxErrorName | null;
  readonly judge: (facts: Facts) => Outcome;
};

/** Bits that are certain, and their values; `value` is zero wherever `known` is. */
type Certain = { readonly value: Attributes; readonly known: Attributes };

/**
 * `secs`: bits of SECS.ATTRIBUTES that are certain. `viable`: those, and where a bit is not certain, the value that the
 * SIGSTRUCT's mask or a valid token demands of it: with any other value EINIT refuses at check 12 or 21 anyway, so a
 * check that fails for the viable value leaves no launch that could succeed.
 */
type Facts = {
  readonly request: EinitRequest;
  readonly token: Einittoken | null;
  readonly secs: Certain;
  readonly viable: Certain;
};

/** The checks in the SDM's order. Check 22, the commit, refuses nothing and is not listed. */
export const EINIT_CHECKS: readonly EinitCheck[] = [
  {
    check: 1,
    states: "SIGSTRUCT and SECS are aligned to 4096 bytes, EINITTOKEN to 512",
    error: null,
    judge: () => ({ unchecked: "addresses are not part of the request" }),
  },
  {
    check: 2,
    states: "SECS lies in the EPC",
    error: null,
    judge: () => ({ unchecked: "software cannot see the EPC" }),
  },
  {
    check: 3,
    states: "SIGSTRUCT and EINITTOKEN can be read",
    error: null,
    judge: () => ({ unchecked: "the CPU reads them itself" }),
  },
  {
    check: 4,
    states: "HEADER, HEADER2, VENDOR, EXPONENT and reserved bytes are as prescribed",
    error: "SGX_INVALID_SIG_STRUCT",
    judge: ({ request }) => failing(formatFindings(request.sigstruct)),
  },
  {
    check: 5,
    states: "no event is pending",
    error: "SGX_UNMASKED_EVENT",
    judge: () => ({ unchecked: "a pending event asks for a retry and is no verdict" }),
  },
  { check: 6, states: "SIGNATURE, Q1 and Q2 hold", error: "SGX_INVALID_SIGNATURE", judge: signature },
  {
    check: 7,
    states: "SECS is a valid SECS page that nobody is modifying",
    error: null,
    judge: () => ({ unchecked: "software cannot see the EPC" }),
  },
  { check: 8, states: "ISVFAMILYID is zero without KSS", error: "SGX_INVALID_SIG_STRUCT", judge: isvfamilyid },
  {
    check: 9,
    states: "the enclave is not initialised yet",
    error: null,
    judge: () => ({ unchecked: "software cannot see the EPC" }),
  },
  {
    check: 10,
    states: "MRENCLAVE is ENCLAVEHASH",
    error: "SGX_INVALID_MEASUREMENT",
    judge: () => ({ unchecked: "MRENCLAVE cannot be read before EINIT" }),
  },
  {
    check: 11,
    states: "an enclave with EINITTOKENKEY is signed by IA32_SGXLEPUBKEYHASH",
    error: "SGX_INVALID_ATTRIBUTE",
    judge: einittokenkey,
  },
  { check: 12, states: "SECS.ATTRIBUTES match under ATTRIBUTEMASK", error: "SGX_INVALID_ATTRIBUTE", judge: attributes },
  { check: 13, states: "SECS.MISCSELECT matches under MISCMASK", error: "SGX_INVALID_ATTRIBUTE", judge: miscselect },
  { check: 14, states: "SECS.CET_ATTRIBUTES match under their mask", error: "SGX_INVALID_ATTRIBUTE", judge: cet },
  {
    check: 15,
    states: "without a valid token, MRSIGNER is IA32_SGXLEPUBKEYHASH",
    error: "SGX_INVALID_EINITTOKEN",
    judge: lepubkeyhash,
  },
  {
    check: 16,
    states: "a token by a debug launch enclave launches only debug enclaves",
    error: "SGX_INVALID_EINITTOKEN",
    judge: withToken(debugToken),
  },
  {
    check: 17,
    states: "reserved bytes of the token and upper bits of VALID are zero",
    error: "SGX_INVALID_EINITTOKEN",
    judge: withToken((token) => failing(einittokenFindings(token))),
  },
  {
    check: 18,
    states: "CPUSVNLE is not beyond the CPU's",
    error: "SGX_INVALID_CPUSVN",
    judge: withToken(() => ({ unchecked: "CPUSVN has no order that software knows" })),
  },
  {
    check: 19,
    states: "MAC verifies",
    error: "SGX_INVALID_EINITTOKEN",
    judge: withToken(() => ({ unchecked: "only the CPU and launch enclaves have the launch key" })),
  },
  {
    check: 20,
    states: "the token names this MRENCLAVE and MRSIGNER",
    error: "SGX_INVALID_MEASUREMENT",
    judge: withToken(tokenIdentity),
  },
  {
    check: 21,
    states: "the token's ATTRIBUTES are SECS.ATTRIBUTES",
    error: "SGX_INVALID_EINIT_ATTRIBUTE",
    judge: withToken(tokenAttributes),
  },
];

/** Walks the checks in order, up to the first that certainly fails. */
export function checkEinit(request: EinitRequest): EinitResult {
  const facts = gather(request);
  const unchecked: { check: number; why: string }[] = [];
  for (const { check, error, judge } of EINIT_CHECKS) {
    const outcome = judge(facts);
    if (outcome === null) continue;
    if ("unchecked" in outcome) {
      unchecked.push({ check, why: outcome.unchecked });
    } else if (error !== null) {
      const message = "finding" in outcome ? outcome.finding.message : `${outcome.fails}: ${einitRefuses(error)}`;
      return { refusal: { name: error, number: SGX_ERRORS[error], message, check }, unchecked };
    }
  }
  return { refusal: null, unchecked };
}

function gather(request: EinitRequest): Facts {
  const { sigstruct } = request;
  const token = request.token !== null && tokenIsValid(request.token) ? request.token : null;
  const secs = fixedByEcreate(observed(request));
  const pinned = fill(secs, sigstruct.attributes, sigstruct.attributemask);
  const viable = token === null ? pinned : fill(pinned, token.attributes, EVERYTHING);
  return { request, token, secs, viable };
}

const NOTHING: Attributes = { flags: 0n, xfrm: 0n };
const EVERYTHING: Attributes = { flags: ALL_BITS, xfrm: ALL_BITS };

/** The bits the source knows, and zero for those that the platform cannot grant. */
function observed({ attributes, attributes_known, attributes_allowed }: EinitRequest): Certain {
  const known = attributes === null ? NOTHING : (attributes_known ?? NOTHING);
  const certain = { value: and(attributes ?? NOTHING, known), known };
  return attributes_allowed === null ? certain : fill(certain, NOTHING, not(attributes_allowed));
}

/** Whatever a source says: ECREATE faults on INIT=1 and on XFRM without x87 and SSE, so no enclave ever has either. */
function fixedByEcreate({ value, known }: Certain): Certain {
  const legacy = ATTRIBUTE_BITS.x87.mask | ATTRIBUTE_BITS.sse.mask;
  const init = ATTRIBUTE_BITS.init.mask;
  return {
    value: { flags: value.flags & ~init, xfrm: value.xfrm | legacy },
    known: { flags: known.flags | init, xfrm: known.xfrm | legacy },
  };
}

/** Takes from `value` the bits in `mask` that are not certain yet. */
function fill(certain: Certain, value: Attributes, mask: Attributes): Certain {
  const added = and(mask, not(certain.known));
  return { value: or(certain.value, and(value, added)), known: or(certain.known, added) };
}

function signature({ request }: Facts): Outcome {
  switch (request.signature) {
    case "valid":
      return null;
    case "invalid":
      return { fails: "SIGNATURE, Q1 or Q2 does not hold for MODULUS and the signed bytes" };
    case "unchecked":
      return { unchecked: "the signature was not checked in software" };
    default:
      return request.signature satisfies never;
  }
}

function isvfamilyid({ request, viable }: Facts): Outcome {
  if (firstNonzero(request.sigstruct.isvfamilyid) < 0) return null;
  const kss = bitOf(viable, "kss");
  if (kss === "off") return { fails: "ISVFAMILYID is set in a launch without KSS" };
  return kss === "on" ? null : { unchecked: "whether SECS.ATTRIBUTES has KSS is unknown" };
}

function einittokenkey({ request, viable }: Facts): Outcome {
  const bit = bitOf(viable, "einittokenkey");
  if (bit === "off" || request.lepubkeyhash === request.mrsigner) return null;
  if (request.lepubkeyhash === null) {
    return { unchecked: "IA32_SGXLEPUBKEYHASH is unknown" };
  }
  if (bit === "unknown") return { unchecked: "whether SECS.ATTRIBUTES has EINITTOKENKEY is unknown" };
  return { fails: `EINITTOKENKEY is on, and MRSIGNER is ${request.mrsigner}, expected ${request.lepubkeyhash}` };
}

function attributes({ request, secs }: Facts): Outcome {
  const { attributes: signed, attributemask } = request.sigstruct;
  const wrong = and(xor(secs.value, signed), and(secs.known, attributemask));
  if (!isEmpty(wrong)) {
    return { fails: `SECS.ATTRIBUTES differs from SIGSTRUCT under ATTRIBUTEMASK in ${describeBits(wrong)}` };
  }
  const open = and(attributemask, not(secs.known));
  return isEmpty(open) ? null : { unchecked: `SECS.ATTRIBUTES is not known in ${describeBits(open)}` };
}

function miscselect({ request }: Facts): Outcome {
  const { miscselect: signed, miscmask } = request.sigstruct;
  const known = request.miscselect === null ? 0 : (request.miscselect_known ?? 0);
  const wrong = (((request.miscselect ?? 0) ^ signed) & miscmask & known) >>> 0;
  if (wrong !== 0) return { fails: `SECS.MISCSELECT differs from SIGSTRUCT under MISCMASK in ${hex32(wrong)}` };
  const open = (miscmask & ~known) >>> 0;
  return open === 0 ? null : { unchecked: `SECS.MISCSELECT is not known in ${hex32(open)}` };
}

/** Only a CPU with CET for enclaves makes this check, and only an enclave with CET on proves that the CPU has it. */
function cet({ request, secs }: Facts): Outcome {
  const { cet_attributes: signed, cet_attributes_mask: mask } = request.sigstruct;
  if (mask === 0) return null;
  if (request.cet_attributes === null) return { unchecked: "SECS.CET_ATTRIBUTES is unknown" };
  const wrong = (request.cet_attributes ^ signed) & mask;
  if (wrong === 0) return null;
  if (bitOf(secs, "cet") !== "on") return { unchecked: "whether the CPU has CET for enclaves is unknown" };
  return { fails: `SECS.CET_ATTRIBUTES differs from SIGSTRUCT under CET_ATTRIBUTES_MASK in ${hex8(wrong)}` };
}

function lepubkeyhash({ request, token }: Facts): Outcome {
  if (token !== null || request.lepubkeyhash === request.mrsigner) return null;
  if (request.lepubkeyhash === null) return { unchecked: "IA32_SGXLEPUBKEYHASH is unknown" };
  return { fails: `no valid token, and MRSIGNER is ${request.mrsigner}, expected ${request.lepubkeyhash}` };
}

/** Checks after 15 are made only for a token with VALID=1. */
function withToken(judge: (token: Einittoken, facts: Facts) => Outcome): (facts: Facts) => Outcome {
  return (facts) => (facts.token === null ? null : judge(facts.token, facts));
}

/** INVARIANT: with a valid token every bit of `viable` is known, see `gather`. */
function debugToken(token: Einittoken, { viable }: Facts): Outcome {
  if ((token.maskedattributesle.flags & ATTRIBUTE_BITS.debug.mask) === 0n) return null;
  if (bitOf(viable, "debug") === "on") return null;
  return { fails: "the token was made by a debug launch enclave, and the launch is without DEBUG" };
}

function tokenIdentity(token: Einittoken, { request }: Facts): Outcome {
  const mrenclave = hex(token.mrenclave);
  const expected = hex(request.sigstruct.enclavehash);
  if (mrenclave !== expected) return { fails: `the token's MRENCLAVE is ${mrenclave}, expected ${expected}` };
  const mrsigner = hex(token.mrsigner);
  if (mrsigner !== request.mrsigner)
    return { fails: `the token's MRSIGNER is ${mrsigner}, expected ${request.mrsigner}` };
  return null;
}

/** The token must equal SECS.ATTRIBUTES in all 128 bits, hence also what the SIGSTRUCT demands of them. */
function tokenAttributes(token: Einittoken, { secs, viable }: Facts): Outcome {
  const wrong = xor(viable.value, token.attributes);
  if (!isEmpty(wrong)) return { fails: `the token's ATTRIBUTES differ from the launch's in ${describeBits(wrong)}` };
  const open = not(secs.known);
  return isEmpty(open) ? null : { unchecked: "SECS.ATTRIBUTES is not known in full" };
}

/** The first finding that EINIT refuses; its message names the error already. */
function failing(findings: readonly Finding[]): Outcome {
  const finding = findings.find(({ einit_error }) => einit_error !== null);
  return finding === undefined ? null : { finding };
}

function bitOf({ value, known }: Certain, bit: AttributeBit): "on" | "off" | "unknown" {
  const { word, mask } = ATTRIBUTE_BITS[bit];
  if ((known[word] & mask) === 0n) return "unknown";
  return (value[word] & mask) !== 0n ? "on" : "off";
}

function and(a: Attributes, b: Attributes): Attributes {
  return { flags: a.flags & b.flags, xfrm: a.xfrm & b.xfrm };
}

function or(a: Attributes, b: Attributes): Attributes {
  return { flags: a.flags | b.flags, xfrm: a.xfrm | b.xfrm };
}

function xor(a: Attributes, b: Attributes): Attributes {
  return { flags: a.flags ^ b.flags, xfrm: a.xfrm ^ b.xfrm };
}

function not(a: Attributes): Attributes {
  return { flags: ALL_BITS & ~a.flags, xfrm: ALL_BITS & ~a.xfrm };
}

function isEmpty(a: Attributes): boolean {
  return a.flags === 0n && a.xfrm === 0n;
}
