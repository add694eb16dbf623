/**
 * LaunchEvent: what a source hands in, and the copy of it that is judged. Truth: the LaunchEvent schema
 * (policies/schema/event.schema.json).
 *
 * Everything given is hostile. `takeEvent` reads every property exactly once into a copy of its own, so that a getter,
 * a proxy or shared memory cannot show the judge one thing and the launch another. Nothing here decides anything.
 */

import { LaunchError } from "./errors.js";
import { validate } from "./generated/validate-event.js";
import { Recent, type SeenSigstruct } from "./recent.js";
import { type ErrorObject, explainSchemaErrors } from "./schema-errors.js";
import { EINITTOKEN_SIZE } from "./sgx/einittoken.js";
import { SIGSTRUCT_SIZE } from "./sgx/sigstruct.js";
import { type Word64, word64 } from "./words.js";

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

/** Everything of an event but its structures. */
export type EventFacts = Omit<EventFields<never>, "sigstruct" | "token">;

/** The event is at fault. The code is the reason code of the denial. */
export class EventError extends LaunchError {
  override readonly name = "EventError";
  readonly code: "bad_event" | "malformed";

  constructor(code: EventError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** What the words of a SECS say. */
export interface SecsWords {
  readonly flags: Word64;
  readonly xfrm: Word64;
  readonly knownFlags: Word64;
  readonly knownXfrm: Word64;
  /** Null where nothing bounds the unknown bits. */
  readonly allowedFlags: Word64 | null;
  readonly allowedXfrm: Word64 | null;
  readonly miscselect: Word64 | null;
  readonly miscselectKnown: Word64 | null;
  readonly cet: Word64 | null;
}

/** The fields of a SECS taken over, and what their words say. */
export class TakenSecs implements SecsFields {
  readonly attributes: AttributesJson;
  readonly attributes_known: AttributesJson;
  readonly attributes_allowed: AttributesJson | null;
  readonly miscselect: string | null;
  readonly miscselect_known: string | null;
  readonly cet_attributes: string | null;
  readonly configid: string | null;
  readonly configsvn: number | null;
  readonly size: string | null;
  readonly #words: SecsWords;

  constructor(fields: SecsFields, words: SecsWords) {
    this.attributes = fields.attributes;
    this.attributes_known = fields.attributes_known;
    this.attributes_allowed = fields.attributes_allowed;
    this.miscselect = fields.miscselect;
    this.miscselect_known = fields.miscselect_known;
    this.cet_attributes = fields.cet_attributes;
    this.configid = fields.configid;
    this.configsvn = fields.configsvn;
    this.size = fields.size;
    this.#words = words;
  }

  /** @internal */
  static wordsOf(secs: TakenSecs): SecsWords {
    return secs.#words;
  }
}

/**
 * An event taken over, of the schema's shape. The bytes stay private: `sigstruct` and `token` are copies, so that nobody
 * who is shown an event can change what is judged. Their lengths have not been looked at, unless `seen` is there.
 */
export class TakenEvent implements EventFields<Uint8Array> {
  readonly v = 1;
  readonly hook: HookName;
  readonly id: string | null;
  readonly time: number;
  readonly origin: Origin;
  readonly platform: EventFacts["platform"];
  readonly grants: EventFacts["grants"];
  readonly secs: TakenSecs | null;
  readonly deadline_ms: number | null;
  readonly synthetic: boolean;
  readonly #sigstruct: Uint8Array | null;
  readonly #token: Uint8Array | null;
  readonly #seen: SeenSigstruct | null;

  /** Everything in the order of the fields: sources make millions of these. */
  constructor(
    hook: HookName,
    id: string | null,
    time: number,
    origin: Origin,
    platform: EventFacts["platform"],
    grants: EventFacts["grants"],
    secs: TakenSecs | null,
    deadline_ms: number | null,
    synthetic: boolean,
    sigstruct: Uint8Array | null,
    token: Uint8Array | null,
    seen: SeenSigstruct | null,
  ) {
    this.hook = hook;
    this.id = id;
    this.time = time;
    this.origin = origin;
    this.platform = platform;
    this.grants = grants;
    this.secs = secs;
    this.deadline_ms = deadline_ms;
    this.synthetic = synthetic;
    this.#sigstruct = sigstruct;
    this.#token = token;
    this.#seen = seen;
  }

  get sigstruct(): Uint8Array | null {
    return this.#sigstruct?.slice() ?? null;
  }

  get token(): Uint8Array | null {
    return this.#token?.slice() ?? null;
  }

  /** @internal The bytes themselves, for those who only read: nobody outside the engine. */
  static bytesOf(event: TakenEvent): { readonly sigstruct: Uint8Array | null; readonly token: Uint8Array | null } {
    return { sigstruct: event.#sigstruct, token: event.#token };
  }

  /** @internal What is remembered of the SIGSTRUCT; null where the event has none of the right length. */
  static seenOf(event: TakenEvent): SeenSigstruct | null {
    return event.#seen;
  }

  /** @internal */
  static tokenOf(event: TakenEvent): Uint8Array | null {
    return event.#token;
  }
}

/** A structure longer than this is not even copied. */
const MAX_STRUCTURE_BYTES = 65_536;
const MAX_KEYS = 32;
const MAX_DEPTH = 4;

/**
 * Our own copy of an event of the right shape.
 * @throws EventError `bad_event` where the shape is wrong, `malformed` where a structure is no base64 or absurdly long
 */
export function takeEvent(given: unknown, recent: Recent = new Recent()): TakenEvent {
  const copy = takeValue(given, "event", 0);
  if (!isRecord(copy)) throw new EventError("bad_event", `the event is ${kindOf(copy)}, expected an object`);
  const { sigstruct, token } = copy;
  // The schema speaks of JSON; for it, bytes stand in as the text they would be.
  const asJson = { ...copy, sigstruct: isBytes(sigstruct) ? "" : sigstruct, token: isBytes(token) ? "" : token };
  if (!validate(asJson)) {
    throw new EventError("bad_event", explainSchemaErrors("event", validate.errors as ErrorObject[]));
  }
  const bytes = takeStructure("sigstruct", sigstruct);
  const seen = bytes?.length === SIGSTRUCT_SIZE ? recent.see(bytes) : null;
  // INVARIANT: the schema has just proved every field's type.
  const { hook, id, time, origin, platform, grants, secs, deadline_ms, synthetic } = copy as unknown as EventFacts;
  const ownSecs = secs === null ? null : new TakenSecs(secs, secsWords(secs));
  const ownBytes = seen?.bytes ?? bytes;
  const ownToken = takeStructure("token", token);
  return new TakenEvent(
    hook,
    id,
    time,
    origin,
    platform,
    grants,
    ownSecs,
    deadline_ms,
    synthetic,
    ownBytes,
    ownToken,
    seen,
  );
}

function secsWords(secs: SecsFields): SecsWords {
  const { attributes, attributes_known: known, attributes_allowed: allowed } = secs;
  return {
    flags: checkedWord(attributes.flags),
    xfrm: checkedWord(attributes.xfrm),
    knownFlags: checkedWord(known.flags),
    knownXfrm: checkedWord(known.xfrm),
    allowedFlags: allowed === null ? null : checkedWord(allowed.flags),
    allowedXfrm: allowed === null ? null : checkedWord(allowed.xfrm),
    miscselect: secs.miscselect === null ? null : checkedWord(secs.miscselect),
    miscselectKnown: secs.miscselect_known === null ? null : checkedWord(secs.miscselect_known),
    cet: secs.cet_attributes === null ? null : checkedWord(secs.cet_attributes),
  };
}

/** A word of a text that the schema has passed. */
function checkedWord(text: string): Word64 {
  const word = word64(text);
  if (word === null) throw new TypeError("the schema passed what is no 64-bit word");
  return word;
}

/** Throws EventError `malformed` where a structure has not its exact length. */
export function checkLengths(event: TakenEvent): void {
  const { sigstruct, token } = TakenEvent.bytesOf(event);
  if (sigstruct !== null) expectLength("SIGSTRUCT", sigstruct, SIGSTRUCT_SIZE);
  if (token !== null) expectLength("EINITTOKEN", token, EINITTOKEN_SIZE);
}

function expectLength(name: string, bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) {
    throw new EventError("malformed", `${name} is ${bytes.length} bytes, expected ${expected}`);
  }
}

/** The event as it travels and as the audit record keeps it. */
export function eventToJson(event: TakenEvent): LaunchEventJson {
  const { v, hook, id, time, origin, platform, grants, secs, deadline_ms, synthetic } = event;
  const { sigstruct, token } = TakenEvent.bytesOf(event);
  return {
    v,
    hook,
    id,
    time,
    origin,
    platform,
    grants,
    sigstruct: base64(sigstruct),
    token: base64(token),
    secs,
    deadline_ms,
    synthetic,
  };
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
      if (!Array.isArray(value)) return takeObject(value, path, depth);
      break;
    default:
  }
  throw new EventError("bad_event", `${path} is ${kindOf(value)}, which no event contains`);
}

/** As in JSON, the enumerable keys that are strings are what an object says. */
function takeObject(given: object, path: string, depth: number): Taken {
  if (depth >= MAX_DEPTH) throw new EventError("bad_event", `${path} is nested deeper than any event`);
  const keys = Object.keys(given);
  if (keys.length > MAX_KEYS) throw new EventError("bad_event", `${path} has ${keys.length} keys, more than any event`);
  // No prototype, so that a key named __proto__ is a key like any other, and is refused as unknown.
  const copy: Record<string, Taken> = Object.create(null);
  for (const key of keys) copy[key] = takeValue(Reflect.get(given, key), `${path}.${key.slice(0, 64)}`, depth + 1);
  return Object.freeze(copy);
}

/** Intrinsic getters, so that a subclass cannot lie about its kind or length. */
const typedArray = Object.getPrototypeOf(Uint8Array.prototype);
const kindOfView = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)?.get;
const lengthOfView = Object.getOwnPropertyDescriptor(typedArray, "length")?.get;

/** Whether it is a Uint8Array of just this length, whatever it says of itself. */
export function isBytesOfLength(value: unknown, length: number): value is Uint8Array {
  return kindOfView?.call(value) === "Uint8Array" && lengthOfView?.call(value) === length;
}

function takeBytes(view: ArrayBufferView, path: string): Uint8Array {
  if (kindOfView?.call(view) !== "Uint8Array") {
    throw new EventError("bad_event", `${path} is ${kindOf(view)}, expected a Uint8Array`);
  }
  const length = lengthOfView?.call(view) as number;
  if (length > MAX_STRUCTURE_BYTES) {
    throw new EventError("malformed", `${path} is ${length} bytes, longer than any structure`);
  }
  return new Uint8Array(view as Uint8Array);
}

function takeStructure(name: string, given: Taken | undefined): Uint8Array | null {
  if (given === null) return null;
  if (isBytes(given)) return given;
  const text = String(given);
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) {
    throw new EventError("malformed", `${name} is no base64 (RFC 4648, with padding)`);
  }
  return new Uint8Array(bytes);
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
  return typeof value === "object" ? (kindOfView?.call(value) ?? "an object") : typeof value;
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
