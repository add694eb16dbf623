/**
 * A variant of a launch, and how one is made: the parent's parts, one of them changed, put together again. Truth for what an
 * event is: the LaunchEvent schema (policies/schema/event.schema.json).
 */

import {
  ATTRIBUTE_BITS,
  type AttributeBit,
  type Attributes,
  decodeEinittoken,
  decodeSigstruct,
  EINITTOKEN_SIZE,
  type Einittoken,
  encodeEinittoken,
  encodeSigstruct,
  hex64,
  type LaunchEvent,
  mrsignerOf,
  parseHex64,
  type SecsFields,
  SIGSTRUCT_SIZE,
  type Sigstruct,
  takeEvent,
  tokenIsValid,
} from "../../../hooks/index.js";

/** Whether the variant claims or may do more than its parent, less, or neither can be said. */
export type Direction = "weaker" | "stronger" | "other";

export interface Variant {
  /** `field:change`; unique among the variants of an event. */
  readonly id: string;
  /** For people: `ISVSVN 2 becomes 1`. */
  readonly description: string;
  /** What was changed, by its name in the event or the Input document: `sigstruct.attributes.bits.debug`. */
  readonly field: string;
  readonly direction: Direction;
  readonly event: LaunchEvent;
}

/** Signs a changed SIGSTRUCT, as its own signer or as another one. */
export type Resign = (sigstruct: Sigstruct, signer: "own" | "other") => Uint8Array;

/** An event in its parts. */
export interface Parent {
  readonly event: LaunchEvent;
  /** Null where there is none, or none of the right length. */
  readonly sigstruct: Sigstruct | null;
  readonly token: Einittoken | null;
}

/** @throws EventError where it is no LaunchEvent */
export function parentOf(given: LaunchEvent): Parent {
  const event = takeEvent(given);
  const { v, hook, id, time, origin, platform, grants, deadline_ms, synthetic, sigstruct, token } = event;
  const secs = event.secs === null ? null : secsFields(event.secs);
  return {
    event: { v, hook, id, time, origin, platform, grants, sigstruct, token, secs, deadline_ms, synthetic },
    sigstruct: sigstruct?.length === SIGSTRUCT_SIZE ? decodeSigstruct(sigstruct) : null,
    token: token?.length === EINITTOKEN_SIZE ? decodeEinittoken(token) : null,
  };
}

/** A copy without what the engine keeps beside the fields. */
function secsFields(secs: SecsFields): SecsFields {
  const { attributes, attributes_known, attributes_allowed, miscselect, miscselect_known } = secs;
  const { cet_attributes, configid, configsvn, size } = secs;
  const words = { attributes, attributes_known, attributes_allowed, miscselect, miscselect_known };
  return { ...words, cet_attributes, configid, configsvn, size };
}

export function variant(
  field: string,
  change: string,
  direction: Direction,
  description: string,
  event: LaunchEvent,
): Variant {
  return { id: `${field}:${change}`, description, field, direction, event };
}

/**
 * The parent with another SIGSTRUCT, and what goes with it, so that it is the policies that are asked and not the CPU's
 * checks: where the SIGSTRUCT's demand of a bit has changed, SECS and valid token have the bit; a token or launch enclave
 * hash that named the enclave or its signer names the new one.
 */
export function withSigstruct(
  { event, sigstruct: before, token }: Parent,
  after: Sigstruct,
  bytes: Uint8Array = encodeSigstruct(after),
): LaunchEvent {
  if (before === null) throw new TypeError("an event without a SIGSTRUCT is given another one");
  const { platform, secs } = event;
  const [was, is] = [mrsignerOf(before.modulus), mrsignerOf(after.modulus)];
  const attributes = (value: Attributes): Attributes => demanded(value, before, after);
  return {
    ...event,
    sigstruct: bytes,
    platform: platform.lepubkeyhash === was ? { ...platform, lepubkeyhash: is } : platform,
    secs: secs === null ? null : { ...secs, attributes: words(attributes(numbers(secs.attributes))) },
    token:
      token === null || !tokenIsValid(token)
        ? event.token
        : encodeEinittoken({
            ...token,
            mrenclave: isSame(token.mrenclave, before.enclavehash) ? after.enclavehash : token.mrenclave,
            mrsigner: isSame(token.mrsigner, bytesOfHex(was)) ? bytesOfHex(is) : token.mrsigner,
            attributes: attributes(token.attributes),
          }),
  };
}

/** Only bits whose value or mask has changed, and which the mask covers now. */
function demanded(value: Attributes, before: Sigstruct, after: Sigstruct): Attributes {
  const word = (name: keyof Attributes): bigint => {
    const changed =
      (before.attributes[name] ^ after.attributes[name]) | (before.attributemask[name] ^ after.attributemask[name]);
    const now = changed & after.attributemask[name];
    return (value[name] & ~now) | (after.attributes[name] & now);
  };
  return { flags: word("flags"), xfrm: word("xfrm") };
}

export function flipped(attributes: Attributes, bit: AttributeBit): Attributes {
  const { word, mask } = ATTRIBUTE_BITS[bit];
  return { ...attributes, [word]: attributes[word] ^ mask };
}

export function hasBit(attributes: Attributes, bit: AttributeBit): boolean {
  const { word, mask } = ATTRIBUTE_BITS[bit];
  return (attributes[word] & mask) !== 0n;
}

export function words({ flags, xfrm }: Attributes): SecsFields["attributes"] {
  return { flags: hex64(flags), xfrm: hex64(xfrm) };
}

export function numbers({ flags, xfrm }: SecsFields["attributes"]): Attributes {
  return { flags: parseHex64(flags), xfrm: parseHex64(xfrm) };
}

/** The same bytes but for one bit of the byte at an offset. */
export function bitFlipped(bytes: Uint8Array, offset = 0, mask = 1): Uint8Array {
  const copy = bytes.slice();
  copy[offset] = (copy[offset] ?? 0) ^ mask;
  return copy;
}

/** What grants an enclave more than others have, or opens it: what a launch policy must not let go by. */
const PRIVILEGES: ReadonlySet<AttributeBit> = new Set<AttributeBit>(["debug", "provisionkey", "einittokenkey"]);

/** What it means that a launch has a bit, or that more is left to the launcher. */
export function directionOf(bit: AttributeBit, gained: boolean): Direction {
  if (!PRIVILEGES.has(bit)) return "other";
  return gained ? "weaker" : "stronger";
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function bytesOfHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}
