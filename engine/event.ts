/**
 * LaunchEvent: what a source hands in, taken over once and then decoded. Truth: the LaunchEvent schema
 * (policies/schema/event.schema.json) for the shape, the Intel SDM for the bytes.
 *
 * Everything given is hostile. `takeEvent` reads every property exactly once into a copy of its own, so that a getter,
 * a proxy or shared memory cannot show the judge one thing and the launch another. Nothing here decides anything.
 */

import { LaunchError } from "./errors.js";
import { validate } from "./generated/validate-event.js";
import { type ErrorObject, explainSchemaErrors } from "./schema-errors.js";
import { type Attributes, parseHex64 } from "./sgx/attributes.js";
import { decodeEinittoken, EINITTOKEN_SIZE, type Einittoken } from "./sgx/einittoken.js";
import { mrsignerOf } from "./sgx/identity.js";
import { verifySignature } from "./sgx/signature.js";
import { decodeSigstruct, SIGSTRUCT_SIZE, type Sigstruct } from "./sgx/sigstruct.js";

export const HOOKS = ["enclave_create", "enclave_provision", "enclave_init", "vm_epc", "vm_provision"] as const;
export type HookName = (typeof HOOKS)[number];

/** 64-bit words as `0x` and 1 to 16 lower-case hex digits. */
export interface AttributesJson {
  readonly flags: string;
  readonly xfrm: string;
}

export interface Origin {
  readonly kind: "native" | "kvm" | "guest-agent" | "file";
  /** How the verdict is enforced where the event comes from; `none`: not at all. */
  readonly enforcement: "kernel" | "seccomp" | "agent" | "library" | "none";
  readonly process: {
    readonly pid: number | null;
    readonly tid: number | null;
    readonly uid: number | null;
    readonly gid: number | null;
    readonly comm: string | null;
    readonly exe: string | null;
    readonly cgroup: string | null;
  } | null;
  /** From the channel or the cgroup, never from a payload. */
  readonly vm: { readonly id: string; readonly name: string | null } | null;
  readonly guest: { readonly pid: number | null; readonly uid: number | null; readonly exe: string | null } | null;
}

export interface SecsFields {
  readonly attributes: AttributesJson;
  /** A bit of `attributes` counts only where this has it. */
  readonly attributes_known: AttributesJson;
  /** Bounds the bits that are not known; null: nothing does. */
  readonly attributes_allowed: AttributesJson | null;
  readonly miscselect: string | null;
  readonly miscselect_known: string | null;
  readonly cet_attributes: string | null;
  /** 64 bytes as 128 hex digits in memory order. */
  readonly configid: string | null;
  readonly configsvn: number | null;
  readonly size: string | null;
}

interface EventFields<Bytes> {
  readonly v: 1;
  readonly hook: HookName;
  readonly id: string | null;
  /** Unix seconds, given by the source. */
  readonly time: number;
  readonly origin: Origin;
  readonly platform: { readonly flc: boolean | null; readonly lepubkeyhash: string | null };
  readonly grants: {
    readonly provisionkey: { readonly granted: boolean; readonly how: "fd" | "vm-cap" | "config" | null };
  };
  /** The 1808 bytes; null only for hooks that have none. */
  readonly sigstruct: Bytes | null;
  /** The 304 bytes; null where none was passed (native, always). */
  readonly token: Bytes | null;
  readonly secs: SecsFields | null;
  readonly deadline_ms: number | null;
  readonly synthetic: boolean;
}

/** As a source in the same process hands it in: structures as bytes, or as base64. */
export type LaunchEvent = EventFields<Uint8Array | string>;

/** As it travels: structures as base64. */
export type LaunchEventJson = EventFields<string>;

/** An event taken over: our own copy, frozen, of the schema's shape; the lengths of the structures not yet looked at. */
export type TakenEvent = EventFields<Uint8Array>;

/** The event is at fault. The code is the reason code of the denial. */
export class EventError extends LaunchError {
  override readonly name = "EventError";
  readonly code: "bad_event" | "malformed";

  constructor(code: EventError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** A structure longer than this is not even copied. */
const MAX_STRUCTURE_BYTES = 65_536;
const MAX_KEYS = 32;
const MAX_DEPTH = 4;

/**
 * Our own frozen copy of an event of the right shape.
 * @throws EventError `bad_event` where the shape is wrong, `malformed` where a structure is no base64 or absurdly long
 */
export function takeEvent(given: unknown): TakenEvent {
  const copy = takeValue(given, "event", 0);
  if (!isRecord(copy)) throw new EventError("bad_event", `the event is ${kindOf(copy)}, expected an object`);
  const { sigstruct, token } = copy;
  // The schema speaks of JSON; for it, bytes stand in as the text they would be.
  const asJson = { ...copy, sigstruct: isBytes(sigstruct) ? "" : sigstruct, token: isBytes(token) ? "" : token };
  if (!validate(asJson)) {
    throw new EventError("bad_event", explainSchemaErrors("event", validate.errors as ErrorObject[]));
  }
  // INVARIANT: the schema has just proved every other field's type.
  return Object.freeze({
    ...copy,
    sigstruct: takeStructure("sigstruct", sigstruct),
    token: takeStructure("token", token),
  }) as unknown as TakenEvent;
}

/** The event as it travels and as the audit record keeps it. */
export function eventToJson(event: TakenEvent): LaunchEventJson {
  return { ...event, sigstruct: base64(event.sigstruct), token: base64(event.token) };
}

type Taken = null | boolean | number | string | Uint8Array | { readonly [key: string]: Taken };

function takeValue(value: unknown, path: string, depth: number): Taken {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      break;
    case "object":
      if (value === null) return null;
      if (ArrayBuffer.isView(value)) return takeBytes(value, path);
      if (isPlain(value)) return takeObject(value, path, depth);
      break;
    default:
  }
  throw new EventError("bad_event", `${path} is ${kindOf(value)}, which no event contains`);
}

function takeObject(given: object, path: string, depth: number): Taken {
  if (depth >= MAX_DEPTH) throw new EventError("bad_event", `${path} is nested deeper than any event`);
  const keys = Reflect.ownKeys(given);
  if (keys.length > MAX_KEYS) throw new EventError("bad_event", `${path} has ${keys.length} keys, more than any event`);
  // No prototype, so that a key named __proto__ is a key like any other, and is refused as unknown.
  const copy: Record<string, Taken> = Object.create(null);
  for (const key of keys) {
    if (typeof key === "symbol") throw new EventError("bad_event", `${path} has a symbol for a key`);
    copy[key] = takeValue(Reflect.get(given, key), `${path}.${key.slice(0, 64)}`, depth + 1);
  }
  return Object.freeze(copy);
}

/** Intrinsic getters, so that a subclass cannot lie about its kind or length. */
const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const kindOfView = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)?.get;
const lengthOfView = Object.getOwnPropertyDescriptor(typedArray, "length")?.get;

function takeBytes(view: ArrayBufferView, path: string): Uint8Array {
  if (kindOfView?.call(view) !== "Uint8Array")
    throw new EventError("bad_event", `${path} is ${kindOf(view)}, expected a Uint8Array`);
  const length = lengthOfView?.call(view) as number;
  if (length > MAX_STRUCTURE_BYTES)
    throw new EventError("malformed", `${path} is ${length} bytes, longer than any structure`);
  return new Uint8Array(view as Uint8Array);
}

function takeStructure(name: string, given: Taken | undefined): Uint8Array | null {
  if (given === null) return null;
  if (isBytes(given)) return given;
  const text = String(given);
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text)
    throw new EventError("malformed", `${name} is no base64 (RFC 4648, with padding)`);
  return new Uint8Array(bytes);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || (Object.getPrototypeOf(prototype) === null && !Array.isArray(value));
}

function isRecord(value: Taken): value is { readonly [key: string]: Taken } {
  return typeof value === "object" && value !== null && !isBytes(value);
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return String(value);
  return typeof value === "object" ? (kindOfView?.call(value) ?? "an object of a class") : typeof value;
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

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

/** An event with its structures decoded: what modules judge. */
export interface Launch {
  readonly event: TakenEvent;
  readonly sigstruct: Sigstruct | null;
  /** SHA-256 of the modulus, as EINIT computes it: 64 hex digits. A claim until the signature is verified. */
  readonly mrsigner: string | null;
  readonly signature: SignatureStatus;
  readonly token: Einittoken | null;
  readonly secs: KnownSecs | null;
}

/**
 * When the RSA signature is verified: `always`, or only `before_logging_deny`, where EINIT follows an allow and does it
 * anyway, or `never`.
 */
export type SignatureCheck = "always" | "before_logging_deny" | "never";

/** What is checked where nobody said: always for what no EINIT follows here, else before a denial is logged. */
export function defaultSignatureCheck(kind: Origin["kind"]): SignatureCheck {
  return kind === "file" || kind === "guest-agent" ? "always" : "before_logging_deny";
}

/**
 * Decodes the structures of an event.
 * @throws EventError `malformed` where a structure has not its exact length
 */
export function decodeLaunch(event: TakenEvent, check?: SignatureCheck): Launch {
  const { sigstruct: sigstructBytes, token: tokenBytes } = event;
  if (sigstructBytes !== null) expectLength("SIGSTRUCT", sigstructBytes, SIGSTRUCT_SIZE);
  if (tokenBytes !== null) expectLength("EINITTOKEN", tokenBytes, EINITTOKEN_SIZE);
  const sigstruct = sigstructBytes === null ? null : decodeSigstruct(sigstructBytes);
  const verify = (check ?? defaultSignatureCheck(event.origin.kind)) === "always";
  return Object.freeze({
    event,
    sigstruct,
    mrsigner: sigstruct === null ? null : mrsignerOf(sigstruct.modulus),
    signature: sigstructBytes === null || !verify ? "unchecked" : signatureStatus(sigstructBytes),
    token: tokenBytes === null ? null : decodeEinittoken(tokenBytes),
    secs: event.secs === null ? null : knownSecs(event.secs),
  });
}

/** Verifies the RSA signature, Q1 and Q2 of 1808 bytes, as EINIT does with all three. */
export function signatureStatus(sigstruct: Uint8Array): "valid" | "invalid" {
  const { signature_valid, q1_valid, q2_valid } = verifySignature(sigstruct);
  return signature_valid && q1_valid && q2_valid ? "valid" : "invalid";
}

function expectLength(name: string, bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) {
    throw new EventError("malformed", `${name} is ${bytes.length} bytes, expected ${expected}`);
  }
}

function knownSecs(secs: SecsFields): KnownSecs {
  return Object.freeze({
    attributes: words(secs.attributes),
    attributes_known: words(secs.attributes_known),
    attributes_allowed: secs.attributes_allowed === null ? null : words(secs.attributes_allowed),
    miscselect: numberOf(secs.miscselect),
    miscselect_known: numberOf(secs.miscselect_known),
    cet_attributes: numberOf(secs.cet_attributes),
  });
}

function words({ flags, xfrm }: AttributesJson): Attributes {
  return Object.freeze({ flags: parseHex64(flags), xfrm: parseHex64(xfrm) });
}

function numberOf(hex: string | null): number | null {
  return hex === null ? null : Number(hex);
}
