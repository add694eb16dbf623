/**
 * What changed between two SIGSTRUCTs, field by field in the structure's order, and what each change means for whoever
 * launches or trusts the enclave. Truth: Intel SDM vol. 3D, "Enclave Signature Structure (SIGSTRUCT)" and the EINIT page.
 *
 * Whether a change may be is not asked here: `weaker` says that something is guarded less than before, not that it is
 * wrong.
 */

import { createHash } from "node:crypto";
import { hex32 } from "./attributes.js";
import {
  bitChanges,
  CET_FIELDS,
  type ChangeWeight,
  FLAGS_FIELDS,
  MISC_FIELDS,
  type SigstructChange,
  XFRM_FIELDS,
} from "./compare-bits.js";
import { firstNonzero } from "./findings.js";
import { hex, mrsignerOf } from "./identity.js";
import { knownSigner } from "./known-signers.js";
import { verifySignature } from "./signature.js";
import {
  dateOf,
  debugLaunchable,
  decodeSigstruct,
  SIGSTRUCT_HEADER,
  SIGSTRUCT_HEADER2,
  SIGSTRUCT_LAYOUT,
  type Sigstruct,
  sigstructFindings,
  VENDORS,
} from "./sigstruct.js";

/** One side of a comparison. */
export type Compared = {
  /** 1808 bytes. */
  readonly sigstruct: Uint8Array;
  /** False for material that is yet to be signed: MODULUS, SIGNATURE, Q1 and Q2 then say nothing. */
  readonly signed: boolean;
};

/**
 * `identical`: byte for byte. `resigned`: only MODULUS, SIGNATURE, Q1 or Q2 differ, so the same enclave with the same
 * claims, signed by another key, wrongly, or not yet. `different`: anything else.
 */
export type Comparison = {
  readonly result: "identical" | "resigned" | "different";
  /** In the order of the SIGSTRUCT's fields, then what follows from them; empty where the two are identical. */
  readonly changes: readonly SigstructChange[];
};

type Validity = "valid" | "invalid" | "absent";

/** A side, with what is derived from it. */
type Side = {
  readonly fields: Sigstruct;
  readonly mrsigner: string | null;
  readonly signature: Validity;
  readonly q1: Validity;
  readonly q2: Validity;
};

/**
 * Compares two SIGSTRUCTs. Signatures are verified on both sides.
 *
 * @throws DecodeError `length` where one is not 1808 bytes
 */
export function compareSigstructs(before: Compared, after: Compared): Comparison {
  const was = sideOf(before);
  const is = sideOf(after);
  if (before.signed === after.signed && sameBytes(before.sigstruct, after.sigstruct)) {
    return { result: "identical", changes: [] };
  }
  const made = SIGSTRUCT_LAYOUT.rows.some(({ name, offset, size }) => {
    if (BY_THE_KEY.has(name)) return false;
    return !sameBytes(
      before.sigstruct.subarray(offset, offset + size),
      after.sigstruct.subarray(offset, offset + size),
    );
  });
  return { result: made ? "different" : "resigned", changes: changesOf(was, is) };
}

/** What a key makes of the rest. */
const BY_THE_KEY: ReadonlySet<string> = new Set(["modulus", "signature", "q1", "q2"]);

function sideOf({ sigstruct, signed }: Compared): Side {
  const fields = decodeSigstruct(sigstruct);
  if (!signed) return { fields, mrsigner: null, signature: "absent", q1: "absent", q2: "absent" };
  const { signature_valid, q1_valid, q2_valid } = verifySignature(sigstruct);
  const say = (holds: boolean): Validity => (holds ? "valid" : "invalid");
  return {
    fields,
    mrsigner: mrsignerOf(fields.modulus),
    signature: say(signature_valid),
    q1: say(q1_valid),
    q2: say(q2_valid),
  };
}

/** The fields in the SIGSTRUCT's order, then what follows from several. */
function changesOf(was: Side, is: Side): readonly SigstructChange[] {
  const { fields: a } = was;
  const { fields: b } = is;
  const misc = bitChanges(
    MISC_FIELDS,
    { value: BigInt(a.miscselect), mask: BigInt(a.miscmask) },
    { value: BigInt(b.miscselect), mask: BigInt(b.miscmask) },
  );
  const cet = bitChanges(
    CET_FIELDS,
    { value: BigInt(a.cet_attributes), mask: BigInt(a.cet_attributes_mask) },
    { value: BigInt(b.cet_attributes), mask: BigInt(b.cet_attributes_mask) },
  );
  const [flags, xfrm] = [
    bitChanges(FLAGS_FIELDS, maskedOf(a, "flags"), maskedOf(b, "flags")),
    bitChanges(XFRM_FIELDS, maskedOf(a, "xfrm"), maskedOf(b, "xfrm")),
  ];
  return [
    ...required("header", hex(a.header), hex(b.header), [SIGSTRUCT_HEADER]),
    ...vendorChange(a.vendor, b.vendor),
    ...dateChange(a.date, b.date),
    ...required("header2", hex(a.header2), hex(b.header2), [SIGSTRUCT_HEADER2]),
    ...plain("swdefined", hex32(a.swdefined), hex32(b.swdefined), "free for software: EINIT looks at none of it"),
    ...required("reserved1", reserved(a.reserved1), reserved(b.reserved1), ["zero"]),
    ...signerChange(was, is),
    ...required("exponent", String(a.exponent), String(b.exponent), ["3"]),
    ...validityChange("signature", was, is),
    ...misc.value,
    ...misc.mask,
    ...cet.value,
    ...cet.mask,
    ...required("reserved2", reserved(a.reserved2), reserved(b.reserved2), ["zero"]),
    ...plain("isvfamilyid", hex(a.isvfamilyid), hex(b.isvfamilyid), KEY_IDS),
    ...flags.value,
    ...xfrm.value,
    ...flags.mask,
    ...xfrm.mask,
    ...measurementChange(a, b),
    ...required("reserved3", reserved(a.reserved3), reserved(b.reserved3), ["zero"]),
    ...plain("isvextprodid", hex(a.isvextprodid), hex(b.isvextprodid), KEY_IDS),
    ...plain(
      "isvprodid",
      String(a.isvprodid),
      String(b.isvprodid),
      "another product: what the other sealed to its signer and product is out of reach",
    ),
    ...isvsvnChange(a.isvsvn, b.isvsvn),
    ...required("reserved4", reserved(a.reserved4), reserved(b.reserved4), ["zero"]),
    ...validityChange("q1", was, is),
    ...validityChange("q2", was, is),
    ...debugChange(a, b),
    ...knownSignerChange(was, is),
    ...findingsChange(a, b),
  ];
}

const KEY_IDS = "keys that depend on it change, and lists that name it need the new one";

function maskedOf({ attributes, attributemask }: Sigstruct, word: "flags" | "xfrm") {
  return { value: attributes[word], mask: attributemask[word] };
}

function changed(
  field: string,
  before: string | null,
  after: string | null,
  meaning: string | null,
  weight: ChangeWeight = "neutral",
): readonly SigstructChange[] {
  return before === after ? [] : [{ field, before, after, meaning, weight }];
}

function plain(field: string, before: string, after: string, meaning: string): readonly SigstructChange[] {
  return changed(field, before, after, meaning);
}

/** A field that EINIT refuses with SGX_INVALID_SIG_STRUCT where it is none of `allowed`. */
function required(
  field: string,
  before: string,
  after: string,
  allowed: readonly string[],
): readonly SigstructChange[] {
  const held = allowed.includes(before);
  const holds = allowed.includes(after);
  const meaning = holds
    ? "EINIT accepts it now"
    : `EINIT refuses it: SGX_INVALID_SIG_STRUCT, expected ${allowed.join(" or ")}`;
  return changed(field, before, after, meaning, better(held, holds));
}

function better(was: boolean, is: boolean): ChangeWeight {
  return was === is ? "neutral" : is ? "stronger" : "weaker";
}

function reserved(bytes: Uint8Array): string {
  return firstNonzero(bytes) < 0 ? "zero" : hex(bytes);
}

function vendorChange(before: number, after: number): readonly SigstructChange[] {
  const allowed: readonly number[] = Object.values(VENDORS);
  if (allowed.includes(before) && allowed.includes(after)) {
    return plain("vendor", hex32(before), hex32(after), "a claim only: any signer may write either");
  }
  return required("vendor", hex32(before), hex32(after), allowed.map(hex32));
}

function dateChange(before: number, after: number): readonly SigstructChange[] {
  const was = dateOf(before);
  const is = dateOf(after);
  const say = (date: number, day: typeof was) => day?.iso ?? hex32(date).slice(2);
  const change = (meaning: string | null, weight: ChangeWeight) =>
    changed("date", say(before, was), say(after, is), meaning, weight);
  if (is === null) return change("DATE is no day of the calendar", was === null ? "neutral" : "weaker");
  if (was === null) return change("DATE is a day of the calendar now", "stronger");
  if (is.unix < was.unix) return change("DATE went back: an older signature, or a clock that is wrong", "weaker");
  return change(null, "neutral");
}

function signerChange(was: Side, is: Side): readonly SigstructChange[] {
  const change = (meaning: string, weight: ChangeWeight) =>
    changed("mrsigner", was.mrsigner, is.mrsigner, meaning, weight);
  if (was.mrsigner === null) return change("signed now", "neutral");
  if (is.mrsigner === null) return change("not signed any more", "weaker");
  return change(
    "another signer: lists of signers need the new one, and what was sealed to the old one is out of reach",
    better(!keyIsPublic(was), !keyIsPublic(is)),
  );
}

function keyIsPublic({ mrsigner }: Side): boolean {
  return mrsigner !== null && knownSigner(mrsigner)?.key_is_public === true;
}

const BROKEN = {
  signature: "EINIT refuses it: SGX_INVALID_SIGNATURE",
  q1: "EINIT verifies with Q1, and refuses a wrong one: SGX_INVALID_SIGNATURE",
  q2: "EINIT verifies with Q2, and refuses a wrong one: SGX_INVALID_SIGNATURE",
} as const;

/** That a valid signature differs follows from what it signs, and is no change of its own. */
function validityChange(field: "signature" | "q1" | "q2", was: Side, is: Side): readonly SigstructChange[] {
  const say = (side: Side) => (side[field] === "invalid" ? `invalid (${digest(side.fields[field])})` : side[field]);
  const meaning = { valid: "it verifies now", absent: "not signed any more", invalid: BROKEN[field] }[is[field]];
  return changed(field, say(was), say(is), meaning, better(was[field] === "valid", is[field] === "valid"));
}

/** Tells two wrong values apart that are too long to show. */
function digest(bytes: Uint8Array): string {
  return `sha256 ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}…`;
}

function measurementChange(a: Sigstruct, b: Sigstruct): readonly SigstructChange[] {
  const version =
    a.isvsvn === b.isvsvn ? `; ISVSVN stayed ${b.isvsvn}, so that no policy tells the two apart by version` : "";
  return plain(
    "enclavehash",
    hex(a.enclavehash),
    hex(b.enclavehash),
    `another MRENCLAVE: what is loaded changed${version}`,
  );
}

function isvsvnChange(before: number, after: number): readonly SigstructChange[] {
  const [meaning, weight] =
    after < before
      ? (["ISVSVN went down: what the higher one sealed is out of reach, and old flaws may be back", "weaker"] as const)
      : ([
          "ISVSVN went up: policies can demand it, and it still unseals what the lower one sealed",
          "stronger",
        ] as const);
  return changed("isvsvn", String(before), String(after), meaning, weight);
}

function debugChange(a: Sigstruct, b: Sigstruct): readonly SigstructChange[] {
  const [was, is] = [debugLaunchable(a), debugLaunchable(b)];
  const meaning = is
    ? "a launch with DEBUG=1 satisfies this SIGSTRUCT"
    : "no launch with DEBUG=1 satisfies this SIGSTRUCT";
  return changed("debug_launchable", String(was), String(is), meaning, better(!was, !is));
}

function knownSignerChange(was: Side, is: Side): readonly SigstructChange[] {
  const say = ({ mrsigner }: Side) => (mrsigner === null ? null : (knownSigner(mrsigner)?.name ?? null));
  const meaning = keyIsPublic(is) ? "the private key is public: anyone signs as this signer" : null;
  return changed("signer", say(was), say(is), meaning, better(!keyIsPublic(was), !keyIsPublic(is)));
}

/** What is odd about the two by themselves, as `sigstructFindings` says it. */
function findingsChange(a: Sigstruct, b: Sigstruct): readonly SigstructChange[] {
  const codes = (side: Sigstruct) => [...new Set(sigstructFindings(side).map(({ code }) => code))].sort();
  const [was, is] = [codes(a), codes(b)];
  const came = is.filter((code) => !was.includes(code));
  const say = (list: readonly string[]) => (list.length === 0 ? null : list.join(", "));
  const weight = came.length > 0 ? "weaker" : "stronger";
  return changed("findings", say(was), say(is), came.length > 0 ? `new: ${came.join(", ")}` : null, weight);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
