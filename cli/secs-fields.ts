/** SECS fields of a LaunchEvent from what the user has: a whole SECS, or nothing yet. Truth: the LaunchEvent schema. */

import { ALL_BITS, hex, hex8, hex32, hex64, type Secs, type SecsFields } from "../engine/index.js";

export const NO_WORDS = Object.freeze({ flags: hex64(0n), xfrm: hex64(0n) });
export const ALL_WORDS = Object.freeze({ flags: hex64(ALL_BITS), xfrm: hex64(ALL_BITS) });

/** A SECS of which nothing is known. */
export const UNKNOWN_SECS: SecsFields = Object.freeze({
  attributes: NO_WORDS,
  attributes_known: NO_WORDS,
  attributes_allowed: null,
  miscselect: null,
  miscselect_known: null,
  cet_attributes: null,
  configid: null,
  configsvn: null,
  size: null,
});

/** One of which everything is. */
export function secsFieldsOf(secs: Secs): SecsFields {
  return {
    attributes: { flags: hex64(secs.attributes.flags), xfrm: hex64(secs.attributes.xfrm) },
    attributes_known: ALL_WORDS,
    attributes_allowed: null,
    miscselect: hex32(secs.miscselect),
    miscselect_known: hex32(0xffff_ffff),
    cet_attributes: hex8(secs.cet_attributes),
    configid: hex(secs.configid),
    configsvn: secs.configsvn,
    size: hex64(secs.size),
  };
}
