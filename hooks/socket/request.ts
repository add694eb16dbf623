/**
 * The request of wire protocol v1, read and written. Truth: protocol.md beside this file, "request".
 *
 * What a request says of its origin and of grants are claims. Whether the peer may make them is not looked at here, nor
 * whether the hook goes with the structures: the listener and the engine do that.
 */

import {
  EINITTOKEN_SIZE,
  HOOKS,
  type HookName,
  type LaunchEvent,
  type Origin,
  type SecsFields,
  SIGSTRUCT_SIZE,
} from "../../engine/index.js";
import {
  CRITICAL,
  expectBody,
  expectZero,
  FIELD_BYTES,
  Fields,
  MESSAGES,
  type Output,
  putCount,
  putField,
  readCount,
  WireError,
} from "./frames.js";
import { decodeSecs, hexBytes, putSecs, SECS_BYTES } from "./secs-field.js";

/** What the asker says of itself, or of the one on whose behalf it asks; null: it says nothing. */
export interface Claims {
  readonly kind: Origin["kind"] | null;
  readonly enforcement: Origin["enforcement"] | null;
  readonly process: Origin["process"];
  readonly vm: Origin["vm"];
  readonly guest: Origin["guest"];
  /** How PROVISIONKEY is said to have been granted. */
  readonly provisionkey: LaunchEvent["grants"]["provisionkey"]["how"];
}

/** A request as it arrives. */
export interface WireRequest {
  /** 1 to 2^53 - 1; of the connection, and unanswered. */
  readonly id: number;
  readonly hook: HookName;
  /** 1808 bytes, and 304: views of what was read. Whoever keeps them copies them, or keeps 64 KiB alive. */
  readonly sigstruct: Uint8Array | null;
  readonly token: Uint8Array | null;
  readonly secs: SecsFields | null;
  readonly platform: LaunchEvent["platform"];
  readonly claims: Claims;
  /** The asker's own name for the event. */
  readonly event_id: string | null;
  /** Milliseconds from arrival; null: none is asked for. */
  readonly deadline_ms: number | null;
  /** Asked for the answer's sake: nothing will be launched. */
  readonly synthetic: boolean;
}

/** A request to be sent. What is left out is null, false, or unknown; the hook is then `enclave_init`. */
export interface LaunchRequest {
  readonly hook?: HookName;
  readonly sigstruct?: Uint8Array | null;
  readonly token?: Uint8Array | null;
  readonly secs?: SecsFields | null;
  readonly platform?: LaunchEvent["platform"];
  readonly claims?: Partial<Claims>;
  readonly event_id?: string | null;
  readonly synthetic?: boolean;
}

/** Numbers on the wire are places in these lists; 0 means that nothing is said. Hooks begin at 1 and have no 0. */
const KINDS = [null, "native", "kvm", "guest-agent", "file"] as const;
const ENFORCEMENTS = [null, "kernel", "seccomp", "agent", "library", "none"] as const;
const FLC = [null, false, true] as const;
const GRANTS = [null, "fd", "vm-cap", "config"] as const;
const SYNTHETIC = [false, true] as const;
const HOOK_NUMBERS = [undefined, ...HOOKS] as const;

const FIXED_BYTES = 24;
const MAX_DEADLINE_MS = 3_600_000;

/** Every field is critical but the last: a request that is only half understood must not be decided. */
const FIELD = {
  sigstruct: CRITICAL | 1,
  token: CRITICAL | 2,
  lepubkeyhash: CRITICAL | 3,
  secs: CRITICAL | 4,
  process: CRITICAL | 5,
  comm: CRITICAL | 6,
  exe: CRITICAL | 7,
  cgroup: CRITICAL | 8,
  vmId: CRITICAL | 9,
  vmName: CRITICAL | 10,
  guest: CRITICAL | 11,
  guestExe: CRITICAL | 12,
  eventId: 13,
} as const;
const LAST_FIELD = 13;

/** Bytes of UTF-8. */
const MAX_TEXT = { comm: 64, exe: 4096, cgroup: 4096, vmId: 256, vmName: 256, guestExe: 4096, eventId: 256 } as const;

const LEPUBKEYHASH_BYTES = 32;
const PROCESS_BYTES = 20;
const GUEST_BYTES = 12;
const MAX_U32 = 0xffff_ffff;

const NO_CLAIMS: Claims = Object.freeze({
  kind: null,
  enforcement: null,
  process: null,
  vm: null,
  guest: null,
  provisionkey: null,
});

/**
 * Reads the body of a request.
 * @throws WireError `malformed`, `critical`
 */
export function decodeRequest(body: Buffer): WireRequest {
  expectBody("request", body, FIXED_BYTES, true);
  const id = readCount(body, 0, "the request's id");
  if (id === 0) throw new WireError("malformed", "the request's id is 0, expected 1 to 2^53 - 1");
  const hook = HOOK_NUMBERS[body[8] as number];
  if (hook === undefined) throw new WireError("malformed", `there is no hook ${body[8]}`);
  const kind = listed("origin", KINDS, body[9]);
  const enforcement = listed("enforcement", ENFORCEMENTS, body[10]);
  const flc = listed("flc", FLC, body[11]);
  const provisionkey = listed("provisionkey", GRANTS, body[12]);
  const synthetic = listed("synthetic", SYNTHETIC, body[13]);
  expectZero("request", body, 14, 16);
  const deadline = body.readUInt32LE(16);
  if (deadline > MAX_DEADLINE_MS) {
    throw new WireError("malformed", `deadline_ms is ${deadline}, expected at most ${MAX_DEADLINE_MS}`);
  }
  expectZero("request", body, 20, 24);
  let sigstruct: Buffer | null = null;
  let token: Buffer | null = null;
  let lepubkeyhash: string | null = null;
  let secs: SecsFields | null = null;
  let event_id: string | null = null;
  let who: Who | null = null;
  const fields = new Fields(body, FIXED_BYTES);
  while (fields.next()) {
    switch (fields.type) {
      case FIELD.sigstruct:
        sigstruct = fields.bytes(SIGSTRUCT_SIZE);
        break;
      case FIELD.token:
        token = fields.bytes(EINITTOKEN_SIZE);
        break;
      case FIELD.lepubkeyhash:
        lepubkeyhash = fields.bytes(LEPUBKEYHASH_BYTES).toString("hex");
        break;
      case FIELD.secs:
        secs = decodeSecs(fields.bytes(SECS_BYTES));
        break;
      case FIELD.eventId:
        event_id = fields.text(MAX_TEXT.eventId);
        break;
      default:
        who ??= {};
        takeWho(fields, who);
    }
  }
  const claimed = who !== null || kind !== null || enforcement !== null || provisionkey !== null;
  return {
    id,
    hook,
    sigstruct,
    token,
    secs,
    platform: flc === null && lepubkeyhash === null ? UNKNOWN_PLATFORM : { flc, lepubkeyhash },
    claims: claimed ? { kind, enforcement, ...origin(who ?? {}), provisionkey } : NO_CLAIMS,
    event_id,
    deadline_ms: deadline === 0 ? null : deadline,
    synthetic,
  };
}

const UNKNOWN_PLATFORM: LaunchEvent["platform"] = Object.freeze({ flc: null, lepubkeyhash: null });

function listed<T>(name: string, list: readonly T[], index: number | undefined): T {
  if (index === undefined || index >= list.length) {
    throw new WireError("malformed", `${name} is ${index}, expected 0 to ${list.length - 1}`);
  }
  return list[index] as T;
}

type Ids = readonly (number | null)[];

/** The fields that say who asks, as they come. */
interface Who {
  process?: Ids;
  comm?: string;
  exe?: string;
  cgroup?: string;
  vmId?: string;
  vmName?: string;
  guest?: Ids;
  guestExe?: string;
}

function takeWho(fields: Fields, who: Who): void {
  switch (fields.type) {
    case FIELD.process:
      who.process = idsOf(fields.bytes(PROCESS_BYTES));
      break;
    case FIELD.comm:
      who.comm = fields.text(MAX_TEXT.comm);
      break;
    case FIELD.exe:
      who.exe = fields.text(MAX_TEXT.exe);
      break;
    case FIELD.cgroup:
      who.cgroup = fields.text(MAX_TEXT.cgroup);
      break;
    case FIELD.vmId:
      who.vmId = fields.text(MAX_TEXT.vmId);
      break;
    case FIELD.vmName:
      who.vmName = fields.text(MAX_TEXT.vmName);
      break;
    case FIELD.guest:
      who.guest = idsOf(fields.bytes(GUEST_BYTES));
      break;
    case FIELD.guestExe:
      who.guestExe = fields.text(MAX_TEXT.guestExe);
      break;
    default:
      fields.skip(LAST_FIELD);
  }
}

/** A mask of which ids are known, and the ids, each a u32; those that are not known are zero. */
function idsOf(bytes: Buffer): Ids {
  const known = bytes.readUInt32LE(0);
  const count = bytes.length / 4 - 1;
  if (known >= 1 << count) throw new WireError("malformed", `a mask of ${count} ids has other bits set`);
  return Array.from({ length: count }, (_, at) => {
    const id = bytes.readUInt32LE(4 + 4 * at);
    if ((known & (1 << at)) !== 0) return id;
    if (id !== 0) throw new WireError("malformed", "an id that is not known is not zero");
    return null;
  });
}

function origin(who: Who): Pick<Claims, "process" | "vm" | "guest"> {
  const { comm = null, exe = null, cgroup = null, vmId, vmName = null, guestExe = null } = who;
  if (vmId === undefined && vmName !== null) throw new WireError("malformed", "a VM's name without its id");
  const [pid = null, tid = null, uid = null, gid = null] = who.process ?? [];
  const [guestPid = null, guestUid = null] = who.guest ?? [];
  const anyProcess = who.process !== undefined || comm !== null || exe !== null || cgroup !== null;
  return {
    process: anyProcess ? { pid, tid, uid, gid, comm, exe, cgroup } : null,
    vm: vmId === undefined ? null : { id: vmId, name: vmName },
    guest: who.guest === undefined && guestExe === null ? null : { pid: guestPid, uid: guestUid, exe: guestExe },
  };
}

/**
 * Writes a request as one frame and says where its body begins.
 * @throws WireError `malformed` where it says what no request can; nothing of it is then left in `out`
 */
export function putRequest(out: Output, id: number, request: LaunchRequest, deadlineMs: number | null): number {
  const before = out.length;
  try {
    return write(out, id, request, deadlineMs);
  } catch (error) {
    out.cut(before);
    throw error;
  }
}

function write(out: Output, id: number, request: LaunchRequest, deadlineMs: number | null): number {
  const { hook = "enclave_init", sigstruct = null, token = null, secs = null, platform, synthetic = false } = request;
  const { claims, event_id = null } = request;
  const { flc = null, lepubkeyhash = null } = platform ?? {};
  expectStructure("SIGSTRUCT", sigstruct, SIGSTRUCT_SIZE);
  expectStructure("EINITTOKEN", token, EINITTOKEN_SIZE);
  if (id === 0) throw new WireError("malformed", "a request's id is 0, expected 1 to 2^53 - 1");
  if (deadlineMs !== null && !(Number.isInteger(deadlineMs) && deadlineMs >= 1 && deadlineMs <= MAX_DEADLINE_MS)) {
    throw new WireError("malformed", `a deadline of ${deadlineMs} ms, expected an integer of 1 to ${MAX_DEADLINE_MS}`);
  }
  const words = claims === undefined && event_id === null ? NO_PARTS : partsOf(claims ?? {}, event_id);
  let size = FIXED_BYTES;
  if (sigstruct !== null) size += FIELD_BYTES + SIGSTRUCT_SIZE;
  if (token !== null) size += FIELD_BYTES + EINITTOKEN_SIZE;
  if (lepubkeyhash !== null) size += FIELD_BYTES + LEPUBKEYHASH_BYTES;
  if (secs !== null) size += FIELD_BYTES + SECS_BYTES;
  for (const [, part] of words) size += FIELD_BYTES + part.length;
  const body = out.frame(MESSAGES.request, size);
  const bytes = out.bytes;
  putCount(bytes, body, id, "a request's id");
  bytes[body + 8] = numberIn("hook", HOOK_NUMBERS, hook);
  bytes[body + 9] = numberIn("origin", KINDS, claims?.kind ?? null);
  bytes[body + 10] = numberIn("enforcement", ENFORCEMENTS, claims?.enforcement ?? null);
  bytes[body + 11] = numberIn("flc", FLC, flc);
  bytes[body + 12] = numberIn("provisionkey", GRANTS, claims?.provisionkey ?? null);
  bytes[body + 13] = numberIn("synthetic", SYNTHETIC, synthetic);
  bytes.writeUInt32LE(deadlineMs ?? 0, body + 16);
  let at = body + FIXED_BYTES;
  if (sigstruct !== null) at = putBytes(bytes, at, FIELD.sigstruct, sigstruct);
  if (token !== null) at = putBytes(bytes, at, FIELD.token, token);
  if (lepubkeyhash !== null) {
    at = putBytes(bytes, at, FIELD.lepubkeyhash, hexBytes("lepubkeyhash", lepubkeyhash, LEPUBKEYHASH_BYTES));
  }
  if (secs !== null) {
    at = putField(bytes, at, FIELD.secs, SECS_BYTES);
    putSecs(bytes, at, secs);
    at += SECS_BYTES;
  }
  for (const [type, part] of words) at = putBytes(bytes, at, type, part);
  return body;
}

function expectStructure(name: string, bytes: Uint8Array | null, length: number): void {
  if (bytes === null || (bytes instanceof Uint8Array && bytes.length === length)) return;
  throw new WireError("malformed", `${name} is ${bytes.length} bytes, expected ${length}`);
}

function numberIn(name: string, list: readonly unknown[], value: unknown): number {
  const number = list.indexOf(value);
  if (number === -1 || value === undefined) throw new WireError("malformed", `${name} is ${value}, which it cannot be`);
  return number;
}

function putBytes(bytes: Buffer, at: number, type: number, value: Uint8Array): number {
  const from = putField(bytes, at, type, value.length);
  bytes.set(value, from);
  return from + value.length;
}

type Part = readonly [type: number, bytes: Buffer];
const NO_PARTS: readonly Part[] = [];

/** Claims and the event's id as fields, in ascending order. */
function partsOf({ process, vm, guest }: Partial<Claims>, eventId: string | null): readonly Part[] {
  const parts: Part[] = [];
  const put = (type: number, bytes: Buffer | null): void => {
    if (bytes !== null) parts.push([type, bytes]);
  };
  if (process) {
    put(FIELD.process, idBytes([process.pid, process.tid, process.uid, process.gid]));
    put(FIELD.comm, textBytes("comm", process.comm));
    put(FIELD.exe, textBytes("exe", process.exe));
    put(FIELD.cgroup, textBytes("cgroup", process.cgroup));
  }
  if (vm) {
    put(FIELD.vmId, textBytes("vmId", vm.id));
    put(FIELD.vmName, textBytes("vmName", vm.name));
  }
  if (guest) {
    put(FIELD.guest, idBytes([guest.pid, guest.uid]));
    put(FIELD.guestExe, textBytes("guestExe", guest.exe));
  }
  put(FIELD.eventId, textBytes("eventId", eventId));
  return parts;
}

function idBytes(ids: Ids): Buffer {
  const bytes = Buffer.alloc(4 + 4 * ids.length);
  let known = 0;
  for (const [at, id] of ids.entries()) {
    if (id === null) continue;
    if (!(Number.isInteger(id) && id >= 0 && id <= MAX_U32)) {
      throw new WireError("malformed", `an id is ${id}, expected an integer of 32 bits`);
    }
    known |= 1 << at;
    bytes.writeUInt32LE(id, 4 + 4 * at);
  }
  bytes.writeUInt32LE(known, 0);
  return bytes;
}

function textBytes(name: keyof typeof MAX_TEXT, text: string | null): Buffer | null {
  if (text === null) return null;
  const bytes = Buffer.from(text, "utf8");
  if (bytes.toString("utf8") !== text || bytes.length === 0 || bytes.length > MAX_TEXT[name]) {
    throw new WireError("malformed", `${name} is no text of 1 to ${MAX_TEXT[name]} bytes of UTF-8`);
  }
  return bytes;
}
