/**
 * The error codes that SGX instructions return in RAX, by the SDM's names.
 * Truth: Intel SDM vol. 3D, "Error Codes" of the ENCLS leaves, and the tables of Intel's drivers and loaders.
 */

/**
 * Name to number. `SGX_INVALID_EINIT_ATTRIBUTE` is the one name that EINIT's pseudo-code uses without any code table
 * giving it a number; 2 is what drivers and loaders expect, and is not verified on hardware.
 */
export const SGX_ERRORS = {
  SGX_INVALID_SIG_STRUCT: 1,
  SGX_INVALID_ATTRIBUTE: 2,
  SGX_INVALID_EINIT_ATTRIBUTE: 2,
  SGX_BLKSTATE: 3,
  SGX_INVALID_MEASUREMENT: 4,
  SGX_NOTBLOCKABLE: 5,
  SGX_PG_INVLD: 6,
  SGX_LOCKFAIL: 7,
  SGX_INVALID_SIGNATURE: 8,
  SGX_MAC_COMPARE_FAIL: 9,
  SGX_PAGE_NOT_BLOCKED: 10,
  SGX_NOT_TRACKED: 11,
  SGX_VA_SLOT_OCCUPIED: 12,
  SGX_CHILD_PRESENT: 13,
  SGX_ENCLAVE_ACT: 14,
  SGX_ENTRYEPOCH_LOCKED: 15,
  SGX_INVALID_EINITTOKEN: 16,
  SGX_PREV_TRK_INCMPL: 17,
  SGX_PG_IS_SECS: 18,
  SGX_PAGE_ATTRIBUTES_MISMATCH: 19,
  SGX_PAGE_NOT_MODIFIABLE: 20,
  SGX_PAGE_NOT_DEBUGGABLE: 21,
  SGX_INVALID_REPORTMACSTRUCT: 28,
  SGX_INSUFFICIENT_ENTROPY: 29,
  SGX_EPC_NOT_READY: 30,
  SGX_NO_UPDATE: 31,
  SGX_INVALID_CPUSVN: 32,
  SGX_INVALID_ISVSVN: 64,
  SGX_UNMASKED_EVENT: 128,
  SGX_INVALID_KEYNAME: 256,
} as const;

export type SgxErrorName = keyof typeof SGX_ERRORS;

/** How a message ends where EINIT answers with this error: `EINIT refuses with SGX_INVALID_SIGNATURE (8)`. */
export function einitRefuses(name: SgxErrorName): string {
  return `EINIT refuses with ${name} (${SGX_ERRORS[name]})`;
}
