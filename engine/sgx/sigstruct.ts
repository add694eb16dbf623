/**
 * SIGSTRUCT, the enclave certificate: 1808 bytes, signed by the enclave's author, checked by EINIT.
 * Truth: Intel SDM vol. 3D, "Enclave Signature Structure (SIGSTRUCT)"; what is refused: the EINIT page there.
 *
 * Everything in it is the signer's claim. Whether the signature holds is asked in signature.ts, not here.
 */

import { DecodeError } from "../errors.js";
import { ATTRIBUTE_BITS, hex32 } from "./attributes.js";
import { type Finding, firstNonzero, odd, refused } from "./findings.js";
import { hex } from "./identity.js";
import { type Decoded, decode, encode, type Layout } from "./layout.js";

export const SIGSTRUCT_SIZE = 1808;

/** MODULUS, SIGNATURE, Q1 and Q2 are little-endian integers of 384 bytes; ENCLAVEHASH is in natural byte order. */
export const SIGSTRUCT_LAYOUT = {
  structure: "SIGSTRUCT",
  size: SIGSTRUCT_SIZE,
  rows: [
    { name: "header", offset: 0, size: 16, type: "bytes" },
    { name: "vendor", offset: 16, size: 4, type: "u32" },
    { name: "date", offset: 20, size: 4, type: "u32" },
    { name: "header2", offset: 24, size: 16, type: "bytes" },
    { name: "swdefined", offset: 40, size: 4, type: "u32" },
    { name: "reserved1", offset: 44, size: 84, type: "bytes" },
    { name: "modulus", offset: 128, size: 384, type: "bytes" },
    { name: "exponent", offset: 512, size: 4, type: "u32" },
    { name: "signature", offset: 516, size: 384, type: "bytes" },
    { name: "miscselect", offset: 900, size: 4, type: "u32" },
    { name: "miscmask", offset: 904, size: 4, type: "u32" },
    { name: "cet_attributes", offset: 908, size: 1, type: "u8" },
    { name: "cet_attributes_mask", offset: 909, size: 1, type: "u8" },
    { name: "reserved2", offset: 910, size: 2, type: "bytes" },
    { name: "isvfamilyid", offset: 912, size: 16, type: "bytes" },
    { name: "attributes", offset: 928, size: 16, type: "attributes" },
    { name: "attributemask", offset: 944, size: 16, type: "attributes" },
    { name: "enclavehash", offset: 960, size: 32, type: "bytes" },
    { name: "reserved3", offset: 992, size: 16, type: "bytes" },
    { name: "isvextprodid", offset: 1008, size: 16, type: "bytes" },
    { name: "isvprodid", offset: 1024, size: 2, type: "u16" },
    { name: "isvsvn", offset: 1026, size: 2, type: "u16" },
    { name: "reserved4", offset: 1028, size: 12, type: "bytes" },
    { name: "q1", offset: 1040, size: 384, type: "bytes" },
    { name: "q2", offset: 1424, size: 384, type: "bytes" },
  ],
} as const satisfies Layout;

export type Sigstruct = Decoded<typeof SIGSTRUCT_LAYOUT>;

/** What HEADER must be; bytes 12 to 15 are the word that Intel's SDK calls TYPE. */
export const SIGSTRUCT_HEADER = "06000000e10000000000010000000000";

/** What HEADER2 must be. */
export const SIGSTRUCT_HEADER2 = "01010000600000006000000001000000";

/** The two values VENDOR may have. Neither says who signed: any signer may write either. */
export const VENDORS = { other: 0x0000_0000, intel: 0x0000_8086 } as const;

/** Reads 1808 bytes. @throws DecodeError `length` on any other number of them */
export function decodeSigstruct(bytes: Uint8Array): Sigstruct {
  return decode(SIGSTRUCT_LAYOUT, bytes);
}

/** The 1808 bytes that decode to this. @throws DecodeError `field` where a value does not fit its field */
export function encodeSigstruct(sigstruct: Sigstruct): Uint8Array {
  return encode(SIGSTRUCT_LAYOUT, sigstruct);
}

/** Size in bytes of what the signature covers: [0,128) and [900,1028) of the 1808. */
export const SIGNED_SIZE = 256;

/** The 256 bytes that the signature covers: [0,128) and [900,1028) of the 1808. */
export function signedBytes(bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(SIGNED_SIZE);
  message.set(bytes.subarray(0, 128), 0);
  message.set(bytes.subarray(900, 1028), 128);
  return message;
}

/**
 * The SIGSTRUCT that signing these 256 bytes would begin with: each in its place, and zero where the key and what it
 * makes belong. @throws DecodeError `length` on any other number of bytes
 */
export function unsignedSigstruct(message: Uint8Array): Uint8Array {
  if (message.length !== SIGNED_SIZE) {
    throw new DecodeError("length", `signing material is ${message.length} bytes, expected ${SIGNED_SIZE}`);
  }
  const bytes = new Uint8Array(SIGSTRUCT_SIZE);
  bytes.set(message.subarray(0, 128), 0);
  bytes.set(message.subarray(128), 900);
  return bytes;
}

/**
 * DATE as a day: its hex digits read yyyymmdd, so 0x20240811 is 2024-08-11. `unix` is that day's midnight UTC in
 * seconds. Null where a digit is not decimal or the calendar has no such day. EINIT looks at none of this.
 */
export function dateOf(date: number): { readonly iso: string; readonly unix: number } | null {
  const digits = hex32(date).slice(2);
  if (!/^[0-9]{8}$/.test(digits)) return null;
  const iso = `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}`;
  const day = new Date(`${iso}T00:00:00Z`);
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(iso)) return null;
  return { iso, unix: day.getTime() / 1000 };
}

/** Whether some launch with DEBUG=1 satisfies this SIGSTRUCT: DEBUG outside ATTRIBUTEMASK, or inside it and set. */
export function debugLaunchable(sigstruct: Pick<Sigstruct, "attributes" | "attributemask">): boolean {
  return pinned(sigstruct, "debug") !== "off";
}

/** What ATTRIBUTEMASK makes of one bit: the launch must have it `on`, must have it `off`, or may choose (`free`). */
export function pinned(
  sigstruct: Pick<Sigstruct, "attributes" | "attributemask">,
  bit: keyof typeof ATTRIBUTE_BITS,
): "on" | "off" | "free" {
  const { word, mask } = ATTRIBUTE_BITS[bit];
  if ((sigstruct.attributemask[word] & mask) === 0n) return "free";
  return (sigstruct.attributes[word] & mask) !== 0n ? "on" : "off";
}

/**
 * Everything odd about a SIGSTRUCT that can be seen in it alone, in the order of EINIT's checks. Not checked here: the
 * signature, Q1 and Q2, the measurement, and whatever needs the SECS, the token or the platform.
 */
export function sigstructFindings(sigstruct: Sigstruct): readonly Finding[] {
  return [
    ...formatFindings(sigstruct),
    ...kssFindings(sigstruct),
    ...pinnedFindings(sigstruct),
    ...dateFindings(sigstruct),
  ];
}

/** What EINIT's first look refuses with SGX_INVALID_SIG_STRUCT: HEADER, HEADER2, VENDOR, EXPONENT, reserved bytes. */
export function formatFindings(sigstruct: Sigstruct): readonly Finding[] {
  const findings: Finding[] = [];
  const refuse = (code: Finding["code"], what: string) => findings.push(refused(code, what, "SGX_INVALID_SIG_STRUCT"));
  const header = hex(sigstruct.header);
  const header2 = hex(sigstruct.header2);
  if (header !== SIGSTRUCT_HEADER) refuse("header_invalid", `HEADER is ${header}, expected ${SIGSTRUCT_HEADER}`);
  if (header2 !== SIGSTRUCT_HEADER2) refuse("header2_invalid", `HEADER2 is ${header2}, expected ${SIGSTRUCT_HEADER2}`);
  if (sigstruct.vendor !== VENDORS.other && sigstruct.vendor !== VENDORS.intel) {
    refuse("vendor_invalid", `VENDOR is ${hex32(sigstruct.vendor)}, expected 0x00000000 or 0x00008086`);
  }
  if (sigstruct.exponent !== 3) refuse("exponent_invalid", `EXPONENT is ${sigstruct.exponent}, expected 3`);
  for (const { name, offset } of RESERVED_ROWS) {
    const at = firstNonzero(sigstruct[name]);
    if (at >= 0) refuse("reserved_nonzero", `reserved byte ${offset + at} is not 0`);
  }
  return findings;
}

const RESERVED_ROWS = SIGSTRUCT_LAYOUT.rows.filter((row) => row.name.startsWith("reserved")) as readonly {
  readonly name: "reserved1" | "reserved2" | "reserved3" | "reserved4";
  readonly offset: number;
}[];

/** EINIT compares only ISVFAMILYID with SECS.ATTRIBUTES.KSS; ISVEXTPRODID it takes as it comes. */
function kssFindings(sigstruct: Sigstruct): readonly Finding[] {
  const kss = pinned(sigstruct, "kss");
  if (kss === "on") return [];
  const findings: Finding[] = [];
  const how = kss === "off" ? "ATTRIBUTES forbids KSS" : "ATTRIBUTEMASK leaves KSS free";
  if (firstNonzero(sigstruct.isvfamilyid) >= 0) {
    const what = `ISVFAMILYID is set while ${how}`;
    findings.push(
      kss === "off"
        ? refused("kss_fields_without_kss", what, "SGX_INVALID_SIG_STRUCT")
        : odd("kss_fields_without_kss", `${what}: EINIT refuses it wherever the SECS has not KSS`),
    );
  }
  if (firstNonzero(sigstruct.isvextprodid) >= 0) {
    findings.push(odd("kss_fields_without_kss", `ISVEXTPRODID is set while ${how}: without KSS it says nothing`));
  }
  return findings;
}

/** Demands that no SECS can meet: ECREATE refuses INIT=1 and insists on XFRM[1:0]=3. */
function pinnedFindings(sigstruct: Sigstruct): readonly Finding[] {
  const findings: Finding[] = [];
  if (pinned(sigstruct, "init") === "on") {
    findings.push(
      refused("init_pinned", "ATTRIBUTES demands INIT, which is off until EINIT succeeds", "SGX_INVALID_ATTRIBUTE"),
    );
  }
  for (const bit of ["x87", "sse"] as const) {
    if (pinned(sigstruct, bit) !== "off") continue;
    findings.push(
      refused("xfrm_legacy_off", `ATTRIBUTES demands XFRM without ${bit}, which is always on`, "SGX_INVALID_ATTRIBUTE"),
    );
  }
  return findings;
}

function dateFindings({ date }: { readonly date: number }): readonly Finding[] {
  if (date === 0) return [odd("date_zero", "DATE is zero")];
  if (dateOf(date) !== null) return [];
  const digits = hex32(date).slice(2);
  return /[a-f]/.test(digits)
    ? [odd("date_not_bcd", `DATE is ${digits}, expected decimal digits yyyymmdd`)]
    : [odd("date_not_a_day", `DATE is ${digits}, expected a day of the calendar as yyyymmdd`)];
}
