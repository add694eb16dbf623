/**
 * What a request knows of the SECS: one field of 132 bytes. Truth: protocol.md beside this file, "SECS". The names are those
 * of the LaunchEvent; the SECS itself is in Intel SDM vol. 3D.
 */

import type { AttributesJson, SecsFields } from "../../engine/index.js";
import { expectZero, WireError } from "./frames.js";

export const SECS_BYTES = 132;

/** Bits of the SECS field's `present`. */
const PRESENT = {
  allowed: 0x01,
  miscselect: 0x02,
  miscselect_known: 0x04,
  cet_attributes: 0x08,
  configid: 0x10,
  configsvn: 0x20,
  size: 0x40,
} as const;

/**
 * The last SECS that was read: one launch after the other has the same. INVARIANT: used again only where all 132 bytes are
 * equal; frozen, and from a private copy of those bytes.
 */
let lastSecs: { readonly bytes: Buffer; readonly fields: SecsFields } | null = null;

/** @throws WireError `malformed` */
export function decodeSecs(bytes: Buffer): SecsFields {
  if (lastSecs?.bytes.equals(bytes)) return lastSecs.fields;
  const present = bytes[67] as number;
  if (present > 0x7f) throw new WireError("malformed", "an unknown bit of the SECS field's `present` is set");
  const has = (bit: number, from: number, to: number): boolean => {
    if ((present & bit) !== 0) return true;
    expectZero("what the SECS field does not have", bytes, from, to);
    return false;
  };
  const words = (at: number) => ({ flags: hex64(bytes, at), xfrm: hex64(bytes, at + 8) });
  const fields: SecsFields = Object.freeze({
    attributes: Object.freeze(words(0)),
    attributes_known: Object.freeze(words(16)),
    attributes_allowed: has(PRESENT.allowed, 32, 48) ? Object.freeze(words(32)) : null,
    miscselect: has(PRESENT.miscselect, 48, 52) ? `0x${bytes.readUInt32LE(48).toString(16)}` : null,
    miscselect_known: has(PRESENT.miscselect_known, 52, 56) ? `0x${bytes.readUInt32LE(52).toString(16)}` : null,
    size: has(PRESENT.size, 56, 64) ? hex64(bytes, 56) : null,
    configsvn: has(PRESENT.configsvn, 64, 66) ? bytes.readUInt16LE(64) : null,
    cet_attributes: has(PRESENT.cet_attributes, 66, 67) ? `0x${(bytes[66] as number).toString(16)}` : null,
    configid: has(PRESENT.configid, 68, 132) ? bytes.toString("hex", 68, 132) : null,
  });
  lastSecs = { bytes: Buffer.from(bytes), fields };
  return fields;
}

function hex64(bytes: Buffer, at: number): string {
  return `0x${bytes.readBigUInt64LE(at).toString(16)}`;
}

/** @throws WireError `malformed` where the text is not so many bytes in hex digits */
export function hexBytes(name: string, text: string, length: number): Buffer {
  const bytes = Buffer.from(text, "hex");
  if (text.length !== 2 * length || bytes.length !== length) {
    throw new WireError("malformed", `${name} is not ${2 * length} hex digits`);
  }
  return bytes;
}

/** The last SECS that was written, and from what texts; used again only where each of them is equal. */
let lastWritten: { readonly fields: SecsFields; readonly bytes: Buffer } | null = null;

/** Writes the 132 bytes. @throws WireError `malformed` */
export function putSecs(bytes: Buffer, at: number, secs: SecsFields): void {
  if (lastWritten === null || !sameSecs(lastWritten.fields, secs)) {
    const fields = structuredClone(secs);
    lastWritten = { fields, bytes: secsBytes(fields) };
  }
  bytes.set(lastWritten.bytes, at);
}

function sameSecs(one: SecsFields, other: SecsFields): boolean {
  return (
    sameWords(one.attributes, other.attributes) &&
    sameWords(one.attributes_known, other.attributes_known) &&
    sameWords(one.attributes_allowed, other.attributes_allowed) &&
    one.miscselect === other.miscselect &&
    one.miscselect_known === other.miscselect_known &&
    one.cet_attributes === other.cet_attributes &&
    one.configid === other.configid &&
    one.configsvn === other.configsvn &&
    one.size === other.size
  );
}

function sameWords(one: AttributesJson | null, other: AttributesJson | null): boolean {
  return one === null || other === null ? one === other : one.flags === other.flags && one.xfrm === other.xfrm;
}

function secsBytes(secs: SecsFields): Buffer {
  const bytes = Buffer.alloc(SECS_BYTES);
  const { attributes, attributes_known: known, attributes_allowed: allowed, configid, configsvn, size } = secs;
  let present = 0;
  const word = (text: string, offset: number): void => {
    bytes.writeBigUInt64LE(number64(text, 64), offset);
  };
  word(attributes.flags, 0);
  word(attributes.xfrm, 8);
  word(known.flags, 16);
  word(known.xfrm, 24);
  if (allowed !== null) {
    present |= PRESENT.allowed;
    word(allowed.flags, 32);
    word(allowed.xfrm, 40);
  }
  if (secs.miscselect !== null) {
    present |= PRESENT.miscselect;
    bytes.writeUInt32LE(Number(number64(secs.miscselect, 32)), 48);
  }
  if (secs.miscselect_known !== null) {
    present |= PRESENT.miscselect_known;
    bytes.writeUInt32LE(Number(number64(secs.miscselect_known, 32)), 52);
  }
  if (size !== null) {
    present |= PRESENT.size;
    word(size, 56);
  }
  if (configsvn !== null) {
    present |= PRESENT.configsvn;
    if (!(Number.isInteger(configsvn) && configsvn >= 0 && configsvn <= 0xffff)) {
      throw new WireError("malformed", `configsvn is ${configsvn}, expected an integer of 16 bits`);
    }
    bytes.writeUInt16LE(configsvn, 64);
  }
  if (secs.cet_attributes !== null) {
    present |= PRESENT.cet_attributes;
    bytes[66] = Number(number64(secs.cet_attributes, 8));
  }
  bytes[67] = present;
  if (configid !== null) {
    bytes[67] = present | PRESENT.configid;
    bytes.set(hexBytes("configid", configid, 64), 68);
  }
  return bytes;
}

function number64(text: string, bits: number): bigint {
  if (!/^0x[0-9a-f]{1,16}$/.test(text) || text.length > 2 + bits / 4) {
    throw new WireError("malformed", `${text.slice(0, 40)} is no word of ${bits} bits, expected 0x and hex digits`);
  }
  return BigInt(text);
}
