/**
 * Variants of what the signer of an enclave says. Truth: Intel SDM vol. 3D, "Enclave Signature Structure (SIGSTRUCT)".
 *
 * A signature over fields that were changed does not hold any more, unless somebody signs anew.
 */

import {
  ATTRIBUTE_BITS,
  type AttributeBit,
  hex32,
  MISCSELECT_BITS,
  type Sigstruct,
  VENDORS,
} from "../../../hooks/index.js";
import type { Limits } from "./limits.js";
import {
  bitFlipped,
  type Direction,
  directionOf,
  flipped,
  hasBit,
  numbers,
  type Parent,
  type Resign,
  type Variant,
  variant,
  withSigstruct,
} from "./variant.js";

export const BITS = Object.keys(ATTRIBUTE_BITS) as readonly AttributeBit[];

/** None where the event has no SIGSTRUCT. */
export function sigstructVariants(parent: Parent, limits: Limits, resign: Resign | undefined): readonly Variant[] {
  const { sigstruct } = parent;
  if (sigstruct === null) return [];
  const changed: Changed = (field, change, direction, description, fields) => {
    const after = { ...sigstruct, ...fields };
    const signer = fields.modulus === undefined ? "own" : "other";
    const bytes = resign?.(after, signer);
    return variant(`sigstruct.${field}`, change, direction, description, withSigstruct(parent, after, bytes));
  };
  return [
    ...BITS.flatMap((bit) => bitVariants(sigstruct, changed, bit, isKnown(parent, bit))),
    ...privilegeWithGrant(parent, sigstruct, resign),
    ...isvsvns(sigstruct, limits).map(([isvsvn, direction]) =>
      changed("isvsvn", String(isvsvn), direction, `ISVSVN ${sigstruct.isvsvn} becomes ${isvsvn}`, { isvsvn }),
    ),
    ...identityVariants(sigstruct, changed),
    ...otherVariants(sigstruct, changed),
  ];
}

type Changed = (
  field: string,
  change: string,
  direction: Direction,
  description: string,
  fields: Partial<Sigstruct>,
) => Variant;

/** Whether the launch has the bit or not, whatever the SIGSTRUCT would allow others. */
function isKnown({ event: { secs } }: Parent, bit: AttributeBit): boolean {
  return secs !== null && hasBit(numbers(secs.attributes_known), bit);
}

/** A bit that the mask lets go is one that the launcher may choose: of no matter to a launch that is known to lack it. */
function bitVariants(
  { attributes, attributemask }: Sigstruct,
  changed: Changed,
  bit: AttributeBit,
  known: boolean,
): readonly Variant[] {
  const on = !hasBit(attributes, bit);
  const masked = !hasBit(attributemask, bit);
  const name = bit.toUpperCase();
  return [
    changed(
      `attributes.bits.${bit}`,
      on ? "on" : "off",
      directionOf(bit, on),
      `ATTRIBUTES ${on ? "gains" : "loses"} ${name}`,
      { attributes: flipped(attributes, bit) },
    ),
    changed(
      `attributemask.bits.${bit}`,
      masked ? "on" : "off",
      known ? "other" : directionOf(bit, !masked),
      `ATTRIBUTEMASK ${masked ? "gains" : "loses"} ${name}`,
      { attributemask: flipped(attributemask, bit) },
    ),
  ];
}

/** PROVISIONKEY with the grant for it: without one, it is not the policies that deny. */
function privilegeWithGrant(parent: Parent, sigstruct: Sigstruct, resign: Resign | undefined): readonly Variant[] {
  if (hasBit(sigstruct.attributes, "provisionkey") || parent.event.grants.provisionkey.granted) return [];
  const after = {
    ...sigstruct,
    attributes: flipped(sigstruct.attributes, "provisionkey"),
    attributemask: hasBit(sigstruct.attributemask, "provisionkey")
      ? sigstruct.attributemask
      : flipped(sigstruct.attributemask, "provisionkey"),
  };
  const event = withSigstruct(parent, after, resign?.(after, "own"));
  const grants = { provisionkey: { granted: true, how: "config" as const } };
  const what = "ATTRIBUTES demands PROVISIONKEY, and it is granted";
  return [variant("sigstruct.attributes.bits.provisionkey", "granted", "weaker", what, { ...event, grants })];
}

const MAX_U16 = 0xffff;

/**
 * One less and one more; the least; and both sides of each line that the data draws. What lies below every line is weaker,
 * as one less is; what lies between may be another product's.
 */
function isvsvns({ isvsvn }: Sigstruct, limits: Limits): readonly (readonly [number, Direction])[] {
  const lines = limits.isvsvns.flatMap((line) => [line - 1, line, line + 1]);
  const [line] = limits.isvsvns;
  const lowest = line === undefined ? 0 : line - 1;
  const all = [...new Set([isvsvn - 1, isvsvn + 1, 0, ...lines])].filter(
    (value) => value >= 0 && value <= MAX_U16 && value !== isvsvn,
  );
  return all.map((value) => {
    if (value > isvsvn) return [value, "stronger"];
    return [value, value === isvsvn - 1 || value <= lowest ? "weaker" : "other"];
  });
}

function identityVariants(sigstruct: Sigstruct, changed: Changed): readonly Variant[] {
  const { modulus, enclavehash, isvprodid, isvfamilyid, isvextprodid } = sigstruct;
  const products = [isvprodid - 1, isvprodid + 1].filter((value) => value >= 0 && value <= MAX_U16);
  return [
    // Byte 100: the modulus stays odd and of 3072 bits.
    changed("mrsigner", "other", "weaker", "another signer signs it", { modulus: bitFlipped(modulus, 100) }),
    changed("enclavehash", "other", "other", "MRENCLAVE differs in a bit", { enclavehash: bitFlipped(enclavehash) }),
    ...products.map((value) =>
      changed("isvprodid", String(value), "other", `ISVPRODID ${isvprodid} becomes ${value}`, { isvprodid: value }),
    ),
    changed("isvfamilyid", "other", "other", "ISVFAMILYID differs in a bit", { isvfamilyid: bitFlipped(isvfamilyid) }),
    changed("isvextprodid", "other", "other", "ISVEXTPRODID differs in a bit", {
      isvextprodid: bitFlipped(isvextprodid),
    }),
  ];
}

/** None at all, no decimal digits, and two days that are long ago and far away. */
const DATES = [0, 0x2026_0a0a, 0x2000_0101, 0x2099_1231];

function otherVariants({ date, vendor, miscselect, miscmask }: Sigstruct, changed: Changed): readonly Variant[] {
  const otherVendor = vendor === VENDORS.intel ? VENDORS.other : VENDORS.intel;
  return [
    ...DATES.filter((other) => other !== date).map((other) => {
      const [was, is] = [hex32(date).slice(2), hex32(other).slice(2)];
      return changed("date", is, "other", `DATE ${was} becomes ${is}`, { date: other });
    }),
    changed("vendor", hex32(otherVendor), "other", `VENDOR becomes ${hex32(otherVendor)}`, { vendor: otherVendor }),
    ...Object.entries(MISCSELECT_BITS).flatMap(([name, bit]) => {
      const flip = (value: number): number => (value ^ (1 << bit)) >>> 0;
      const change = (value: number): string => (((value >>> bit) & 1) === 0 ? "on" : "off");
      return [
        changed(`miscselect.${name}`, change(miscselect), "other", `MISCSELECT ${name.toUpperCase()} is flipped`, {
          miscselect: flip(miscselect),
        }),
        changed(`miscmask.${name}`, change(miscmask), "other", `MISCMASK ${name.toUpperCase()} is flipped`, {
          miscmask: flip(miscmask),
        }),
      ];
    }),
  ];
}
