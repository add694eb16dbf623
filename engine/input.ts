/**
 * Input: what Rego sees of a launch. Truth: the Input schema (policies/schema/input.schema.json); names are the SDM's.
 *
 * Made only here. Every key is always present; unknown is null or the word `unknown`, never false. Bits come as words
 * and times as integers, so that no policy parses hex, dates or base64.
 */

import { type EventFacts, type HookName, type Origin, type SecsFields, TakenEvent } from "./event.js";
import { sha256Hex } from "./policy/canonical.js";
import type { SeenSigstruct } from "./recent.js";
import { Launch, launchBits, type SignatureStatus } from "./request.js";
import {
  ATTRIBUTE_BITS,
  type AttributeBit,
  type Attributes,
  attributeBits,
  boundedBits,
  hex8,
  hex32,
  hex64,
  parseHex64,
  type Tristate,
} from "./sgx/attributes.js";
import { type Einittoken, einittokenFindings, tokenIsValid } from "./sgx/einittoken.js";
import { hex } from "./sgx/identity.js";
import { knownSigner } from "./sgx/known-signers.js";
import { dateOf, debugLaunchable, type Sigstruct, sigstructFindings } from "./sgx/sigstruct.js";

type Bits<Value> = Readonly<Record<AttributeBit, Value>>;

interface WordsJson {
  readonly flags: string;
  readonly xfrm: string;
}

export interface SigstructInput {
  readonly header: string;
  readonly header2: string;
  readonly vendor: number;
  /** The eight hex digits of DATE. */
  readonly date: string;
  /** DATE as Unix seconds at 00:00 UTC; null where it is no day in BCD. */
  readonly date_unix: number | null;
  readonly swdefined: number;
  readonly exponent: number;
  readonly miscselect: string;
  readonly miscmask: string;
  readonly cet_attributes: string;
  readonly cet_attributes_mask: string;
  readonly isvfamilyid: string;
  readonly isvextprodid: string;
  readonly attributes: WordsJson & { readonly bits: Bits<boolean> };
  readonly attributemask: WordsJson & { readonly bits: Bits<boolean> };
  readonly enclavehash: string;
  readonly isvprodid: number;
  readonly isvsvn: number;
  readonly sha256: string;
  readonly mrsigner: string;
  readonly signature: SignatureStatus;
  readonly findings: readonly string[];
}

export interface TokenInput {
  readonly valid: boolean;
  readonly attributes: WordsJson & { readonly bits: Bits<boolean> };
  readonly mrenclave: string;
  readonly mrsigner: string;
  readonly cpusvnle: string;
  readonly isvprodidle: number;
  readonly isvsvnle: number;
  readonly maskedmiscselectle: string;
  readonly maskedattributesle: WordsJson & { readonly bits: Bits<boolean> };
  readonly keyid: string;
  readonly sha256: string;
  readonly mismatches: readonly TokenMismatch[];
}

export type TokenMismatch = "mrenclave" | "mrsigner" | "attributes" | "debug" | "reserved";

export interface SecsInput extends Omit<SecsFields, "attributes"> {
  readonly attributes: WordsJson & { readonly bits: Bits<Tristate> };
}

export interface EnclaveInput {
  readonly mrenclave: string | null;
  readonly mrsigner: string | null;
  readonly isvprodid: number | null;
  readonly isvsvn: number | null;
  readonly isvfamilyid: string | null;
  readonly isvextprodid: string | null;
  readonly debug: Tristate;
  readonly provisionkey: Tristate;
  readonly einittokenkey: Tristate;
  readonly kss: Tristate;
  readonly bits: Bits<Tristate>;
  readonly debug_launchable: boolean | null;
  readonly signer: { readonly name: string; readonly key_is_public: boolean } | null;
}

export interface Input {
  readonly v: 1;
  readonly hook: HookName;
  readonly id: string | null;
  readonly time: number;
  readonly origin: Origin;
  readonly platform: EventFacts["platform"];
  readonly grants: EventFacts["grants"];
  readonly sigstruct: SigstructInput | null;
  readonly token: TokenInput | null;
  readonly secs: SecsInput | null;
  readonly enclave: EnclaveInput | null;
  readonly deadline_ms: number | null;
  readonly synthetic: boolean;
}

/** The parts of an Input that take work; the rest is the event's own. */
export type InputPart = "sigstruct" | "token" | "secs" | "enclave";

/**
 * The Input document of a launch, for any hook. Where `parts` are named, the others of the four are null, whatever the
 * launch has: for whoever reads only these.
 */
export function inputOf(launch: Launch, parts?: ReadonlySet<string>): Input {
  const { event } = launch;
  const wants = (part: InputPart): boolean => parts === undefined || parts.has(part);
  const sigstruct = wants("sigstruct") ? launch.sigstruct : null;
  const token = wants("token") ? launch.token : null;
  return {
    v: event.v,
    hook: event.hook,
    id: event.id,
    time: event.time,
    origin: event.origin,
    platform: event.platform,
    grants: event.grants,
    sigstruct: sigstruct === null ? null : sigstructInput(launch, sigstruct),
    token: token === null ? null : tokenInput(launch, token),
    secs: event.secs === null || !wants("secs") ? null : secsInput(launch, event.secs),
    enclave: wants("enclave") ? enclaveInput(launch) : null,
    deadline_ms: event.deadline_ms,
    synthetic: event.synthetic,
  };
}

const differ = (a: Attributes, b: Attributes, under: Attributes): boolean =>
  ((a.flags ^ b.flags) & under.flags) !== 0n || ((a.xfrm ^ b.xfrm) & under.xfrm) !== 0n;

/** A SIGSTRUCT's fields by the SDM's names, as policies and `launchgate inspect` show them. */
export function sigstructFields(
  sigstruct: Sigstruct,
): Omit<SigstructInput, "sha256" | "mrsigner" | "signature" | "findings"> {
  return {
    header: hex(sigstruct.header),
    header2: hex(sigstruct.header2),
    vendor: sigstruct.vendor,
    date: hex32(sigstruct.date).slice(2),
    date_unix: dateOf(sigstruct.date)?.unix ?? null,
    swdefined: sigstruct.swdefined,
    exponent: sigstruct.exponent,
    miscselect: hex32(sigstruct.miscselect),
    miscmask: hex32(sigstruct.miscmask),
    cet_attributes: hex8(sigstruct.cet_attributes),
    cet_attributes_mask: hex8(sigstruct.cet_attributes_mask),
    isvfamilyid: hex(sigstruct.isvfamilyid),
    isvextprodid: hex(sigstruct.isvextprodid),
    attributes: attributesJson(sigstruct.attributes),
    attributemask: attributesJson(sigstruct.attributemask),
    enclavehash: hex(sigstruct.enclavehash),
    isvprodid: sigstruct.isvprodid,
    isvsvn: sigstruct.isvsvn,
  };
}

function sigstructInput(launch: Launch, sigstruct: Sigstruct): SigstructInput {
  const { mrsigner, signature } = launch;
  return {
    ...sigstructFields(sigstruct),
    sha256: (Launch.seenOf(launch) as SeenSigstruct).sha256,
    mrsigner: mrsigner as string,
    signature,
    findings: sigstructFindings(sigstruct).map(({ code }) => code),
  };
}

/** An EINITTOKEN's fields by the SDM's names. Every one is an unauthenticated claim until EINIT returned 0. */
export function tokenFields(token: Einittoken): Omit<TokenInput, "sha256" | "mismatches"> {
  return {
    valid: tokenIsValid(token),
    attributes: attributesJson(token.attributes),
    mrenclave: hex(token.mrenclave),
    mrsigner: hex(token.mrsigner),
    cpusvnle: hex(token.cpusvnle),
    isvprodidle: token.isvprodidle,
    isvsvnle: token.isvsvnle,
    maskedmiscselectle: hex32(token.maskedmiscselectle),
    maskedattributesle: attributesJson(token.maskedattributesle),
    keyid: hex(token.keyid),
  };
}

function tokenInput(launch: Launch, token: Einittoken): TokenInput {
  return {
    ...tokenFields(token),
    sha256: sha256Hex(TakenEvent.tokenOf(launch.event) as Uint8Array),
    mismatches: tokenMismatches(launch, token),
  };
}

/** What does not fit the SIGSTRUCT or the SECS. Nothing where VALID is 0: EINIT then ignores the rest. */
function tokenMismatches({ sigstruct, mrsigner, secs }: Launch, token: Einittoken): readonly TokenMismatch[] {
  if (!tokenIsValid(token)) return [];
  const mismatches: TokenMismatch[] = [];
  if (sigstruct !== null && hex(token.mrenclave) !== hex(sigstruct.enclavehash)) mismatches.push("mrenclave");
  if (hex(token.mrsigner) !== mrsigner) mismatches.push("mrsigner");
  const differs =
    (sigstruct !== null && differ(token.attributes, sigstruct.attributes, sigstruct.attributemask)) ||
    (secs !== null && differ(token.attributes, secs.attributes, secs.attributes_known));
  if (differs) mismatches.push("attributes");
  const { mask } = ATTRIBUTE_BITS.debug;
  if ((token.maskedattributesle.flags & mask) !== 0n && (token.attributes.flags & mask) === 0n)
    mismatches.push("debug");
  if (einittokenFindings(token).some(({ einit_error }) => einit_error !== null)) mismatches.push("reserved");
  return mismatches;
}

function secsInput({ secs }: Launch, fields: SecsFields): SecsInput {
  if (secs === null) throw new TypeError("a launch with SECS fields has them decoded");
  return {
    ...fields,
    attributes: {
      ...wordsJson(secs.attributes),
      bits: boundedBits(secs.attributes, secs.attributes_known, secs.attributes_allowed),
    },
    attributes_known: wordsJson(secs.attributes_known),
    attributes_allowed: secs.attributes_allowed === null ? null : wordsJson(secs.attributes_allowed),
    miscselect: secs.miscselect === null ? null : hex32(secs.miscselect),
    miscselect_known: secs.miscselect_known === null ? null : hex32(secs.miscselect_known),
    cet_attributes: secs.cet_attributes === null ? null : hex8(secs.cet_attributes),
    size: fields.size === null ? null : hex64(parseHex64(fields.size)),
  };
}

/** Null where nothing is known of an enclave at all. */
function enclaveInput(launch: Launch): EnclaveInput | null {
  const { sigstruct, mrsigner } = launch;
  if (sigstruct === null && launch.event.secs === null) return null;
  const bits = launchBits(launch);
  return {
    mrenclave: sigstruct === null ? null : hex(sigstruct.enclavehash),
    mrsigner,
    isvprodid: sigstruct?.isvprodid ?? null,
    isvsvn: sigstruct?.isvsvn ?? null,
    isvfamilyid: sigstruct === null ? null : hex(sigstruct.isvfamilyid),
    isvextprodid: sigstruct === null ? null : hex(sigstruct.isvextprodid),
    debug: bits.debug,
    provisionkey: bits.provisionkey,
    einittokenkey: bits.einittokenkey,
    kss: bits.kss,
    bits,
    debug_launchable: sigstruct === null ? null : debugLaunchable(sigstruct),
    signer: signerInput(mrsigner),
  };
}

function signerInput(mrsigner: string | null): EnclaveInput["signer"] {
  const signer = mrsigner === null ? null : knownSigner(mrsigner);
  return signer === null ? null : { name: signer.name, key_is_public: signer.key_is_public };
}

function wordsJson({ flags, xfrm }: Attributes): WordsJson {
  return { flags: hex64(flags), xfrm: hex64(xfrm) };
}

function attributesJson(attributes: Attributes): WordsJson & { readonly bits: Bits<boolean> } {
  return { ...wordsJson(attributes), bits: attributeBits(attributes) };
}
