/**
 * What can be found odd about a structure by looking at it alone: one table of codes, which docs and tests read.
 * Truth about what EINIT makes of each: Intel SDM vol. 3D, "EINIT - Initialize an Enclave for Execution".
 */

import { einitRefuses, SGX_ERRORS, type SgxErrorName } from "./sgx-errors.js";

/** Every finding's code with its sentence. */
export const FINDINGS = {
  header_invalid: "HEADER of the SIGSTRUCT is not the constant that the SDM prescribes.",
  header2_invalid: "HEADER2 of the SIGSTRUCT is not the constant that the SDM prescribes.",
  vendor_invalid: "VENDOR of the SIGSTRUCT is neither 0 nor 0x8086.",
  exponent_invalid: "EXPONENT of the SIGSTRUCT is not 3.",
  reserved_nonzero: "Reserved bytes of the SIGSTRUCT are not zero.",
  kss_fields_without_kss: "ISVFAMILYID or ISVEXTPRODID is set though the SIGSTRUCT does not require KSS.",
  init_pinned: "The SIGSTRUCT demands ATTRIBUTES.INIT, which no enclave has before EINIT.",
  xfrm_legacy_off: "The SIGSTRUCT demands XFRM without x87 or SSE, which every enclave has.",
  date_zero: "DATE of the SIGSTRUCT is zero.",
  date_not_bcd: "DATE of the SIGSTRUCT has digits that are not decimal.",
  date_not_a_day: "DATE of the SIGSTRUCT is decimal, but no day of the calendar.",
  token_valid_upper_bits: "VALID of the EINITTOKEN has bits set above bit 0.",
  token_reserved_nonzero: "Reserved bytes of the EINITTOKEN are not zero.",
  secs_reserved_nonzero: "Reserved bytes of the SECS are not zero.",
  secs_size_invalid: "SIZE of the SECS is not a power of two of at least 8192.",
  secs_baseaddr_unaligned: "BASEADDR of the SECS is not a multiple of its SIZE.",
} as const;

export type FindingCode = keyof typeof FINDINGS;

/** `einit_error`: the number EINIT answers for this alone; null where EINIT accepts it, or is not sure to refuse it. */
export type Finding = { readonly code: FindingCode; readonly message: string; readonly einit_error: number | null };

/** A finding that EINIT refuses; the message ends in the SDM's name of the error. */
export function refused(code: FindingCode, what: string, error: SgxErrorName): Finding {
  return Object.freeze({ code, message: `${what}: ${einitRefuses(error)}`, einit_error: SGX_ERRORS[error] });
}

/** A finding that is worth a word but is no refusal by EINIT. */
export function odd(code: FindingCode, message: string): Finding {
  return Object.freeze({ code, message, einit_error: null });
}

/** Index of the first byte that is not zero, or -1. */
export function firstNonzero(bytes: Uint8Array): number {
  return bytes.findIndex(nonzero);
}

function nonzero(byte: number): boolean {
  return byte !== 0;
}
