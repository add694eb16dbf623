/**
 * Launch: an event with its structures decoded, each when it is first asked for. What modules judge.
 *
 * Which bits a launch can have is worked out here, once, in words: see `launchBits`.
 */

import { checkLengths, type HookName, type Origin, type SecsFields, TakenEvent, TakenSecs } from "./event.js";
import type { SeenSigstruct } from "./recent.js";
import { WORD } from "./recent.js";
import { ATTRIBUTE_BITS, type AttributeBit, type Attributes, parseHex64, type Tristate } from "./sgx/attributes.js";
import { decodeEinittoken, type Einittoken } from "./sgx/einittoken.js";
import type { Sigstruct } from "./sgx/sigstruct.js";

/** What a SECS is known to hold, in numbers. Null: not known at all. */
export interface KnownSecs {
  readonly attributes: Attributes;
  readonly attributes_known: Attributes;
  readonly attributes_allowed: Attributes | null;
  readonly miscselect: number | null;
  readonly miscselect_known: number | null;
  readonly cet_attributes: number | null;
}

/** `unchecked`: nobody looked yet; EINIT will. */
export type SignatureStatus = "valid" | "invalid" | "unchecked";

/**
 * When the RSA signature is verified: `always`, or only `before_logging_deny`, where EINIT follows an allow and does it
 * anyway, or `never`.
 */
export type SignatureCheck = "always" | "before_logging_deny" | "never";

/** What is checked where nobody said: always for what no EINIT follows here, else before a denial is logged. */
function defaultSignatureCheck(kind: Origin["kind"]): SignatureCheck {
  return kind === "file" || kind === "guest-agent" ? "always" : "before_logging_deny";
}

export class Launch {
  readonly event: TakenEvent;
  readonly signature: SignatureStatus;
  readonly #seen: SeenSigstruct | null;
  #sigstruct: Sigstruct | undefined;
  #token: Einittoken | undefined;
  #secs: KnownSecs | undefined;

  constructor(event: TakenEvent, signature: SignatureStatus) {
    this.event = event;
    this.signature = signature;
    this.#seen = TakenEvent.seenOf(event);
  }

  get hook(): HookName {
    return this.event.hook;
  }

  /** Null for hooks that have none. */
  get sigstruct(): Sigstruct | null {
    if (this.#seen === null) return null;
    this.#sigstruct ??= this.#seen.decode();
    return this.#sigstruct;
  }

  /** SHA-256 of the modulus, as EINIT computes it: 64 hex digits. A claim until the signature is verified. */
  get mrsigner(): string | null {
    return this.#seen?.signer.mrsigner ?? null;
  }

  /** Null where none was passed. */
  get token(): Einittoken | null {
    const bytes = TakenEvent.tokenOf(this.event);
    if (bytes === null) return null;
    this.#token ??= decodeEinittoken(bytes);
    return this.#token;
  }

  get secs(): KnownSecs | null {
    const { secs } = this.event;
    if (secs === null) return null;
    this.#secs ??= knownSecs(secs);
    return this.#secs;
  }

  /** @internal */
  static seenOf(launch: Launch): SeenSigstruct | null {
    return launch.#seen;
  }
}

/**
 * Decodes the structures of an event.
 * @throws EventError `malformed` where a structure has not its exact length
 */
export function decodeLaunch(event: TakenEvent, check?: SignatureCheck): Launch {
  const seen = TakenEvent.seenOf(event);
  checkLengths(event);
  const verify = seen !== null && (check ?? defaultSignatureCheck(event.origin.kind)) === "always";
  return new Launch(event, verify ? seen.signature : "unchecked");
}

/**
 * Every ATTRIBUTES bit that this launch can have: known from the SECS; else pinned, because EINIT compares the SECS
 * with the SIGSTRUCT under ATTRIBUTEMASK and with all of a valid token's ATTRIBUTES; else `off` where the platform's
 * bounds exclude it; else `unknown`.
 */
export function launchBits(launch: Launch): Readonly<Record<AttributeBit, Tristate>> {
  const bits: Partial<Record<AttributeBit, Tristate>> = {};
  for (const bit of Object.keys(ATTRIBUTE_BITS) as AttributeBit[]) bits[bit] = launchBit(launch, bit);
  return bits as Readonly<Record<AttributeBit, Tristate>>;
}

/** One of `launchBits`. */
export function launchBit(launch: Launch, bit: AttributeBit): Tristate {
  const { word, mask } = ATTRIBUTE_WORDS[bit];
  const isFlag = word === "flags";
  const { secs } = launch.event;
  const own = secs === null ? null : TakenSecs.wordsOf(secs);
  if (own !== null && ((isFlag ? own.knownFlags : own.knownXfrm).low & mask) !== 0) {
    return onOff((isFlag ? own.flags : own.xfrm).low & mask);
  }
  const at = isFlag ? 0 : 2;
  const words = Launch.seenOf(launch)?.words;
  if (words !== undefined && ((words[WORD.attributemask + at] as number) & mask) !== 0) {
    return onOff((words[WORD.attributes + at] as number) & mask);
  }
  const token = TakenEvent.tokenOf(launch.event);
  if (token !== null && ((token[0] as number) & 1) === 1) {
    return onOff(Number(BigInt.asUintN(32, (launch.token as Einittoken).attributes[word])) & mask);
  }
  const allowed = isFlag ? own?.allowedFlags : own?.allowedXfrm;
  return allowed != null && (allowed.low & mask) === 0 ? "off" : "unknown";
}

function onOff(masked: number): "on" | "off" {
  return masked === 0 ? "off" : "on";
}

/** All named bits lie in the low half of their word. */
const ATTRIBUTE_WORDS = Object.fromEntries(
  Object.entries(ATTRIBUTE_BITS).map(([bit, { word, mask }]) => {
    if (mask > 0xffff_ffffn) throw new TypeError(`${bit} lies in a high half`);
    return [bit, Object.freeze({ word, mask: Number(mask) | 0 })];
  }),
) as Readonly<Record<AttributeBit, { readonly word: "flags" | "xfrm"; readonly mask: number }>>;

function knownSecs(secs: SecsFields): KnownSecs {
  return Object.freeze({
    attributes: attributesOf(secs.attributes),
    attributes_known: attributesOf(secs.attributes_known),
    attributes_allowed: secs.attributes_allowed === null ? null : attributesOf(secs.attributes_allowed),
    miscselect: numberOf(secs.miscselect),
    miscselect_known: numberOf(secs.miscselect_known),
    cet_attributes: numberOf(secs.cet_attributes),
  });
}

function attributesOf({ flags, xfrm }: SecsFields["attributes"]): Attributes {
  return Object.freeze({ flags: parseHex64(flags), xfrm: parseHex64(xfrm) });
}

function numberOf(hex: string | null): number | null {
  return hex === null ? null : Number(hex);
}
