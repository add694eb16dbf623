/**
 * What a policy answered before, under exactly what it can read: the cache of policy answers. One per policy, entrypoint and
 * generation; a reload makes another. Bounded: each entry is replaced by the next that falls on its place.
 *
 * Two events that agree in everything the entrypoint reads (its read set, made at build) get one answer. And where the build
 * has proved that it uses MRENCLAVE as a name only (see cli/policy/opaque.ts), what it answered for an enclave that neither
 * data nor input knows by name it answers for the next such enclave too, with the one name for the other.
 *
 * INVARIANT: that proof is not taken on trust alone: before an answer is carried over, the policy itself has given it for
 * two enclaves, and the two agreed but for the name. Nothing is kept of an evaluation that failed.
 */

import { TakenEvent } from "../event.js";
import type { JsonObject, JsonValue } from "../json.js";
import { type SeenSigstruct, WORD } from "../recent.js";
import { Launch, type SignatureStatus } from "../request.js";
import { type Answer, byCodeAndMessage, type RuleReason } from "./answer.js";
import { Names } from "./names.js";

/** Parts of the input that are compared together. */
const READS = {
  id: 1,
  time: 2,
  kind: 4,
  process: 8,
  vm: 16,
  guest: 32,
  platform: 64,
  grants: 128,
  sigstruct: 256,
  token: 512,
  secs: 1024,
  enclave: 2048,
  rest: 4096,
} as const;
const EVERYTHING = 8191;

const { compare } = Buffer;

const SLOTS = 512;
const WAYS = 2;

interface Remembered {
  readonly event: TakenEvent;
  readonly seen: SeenSigstruct;
  readonly signature: SignatureStatus;
  readonly answer: Answer;
  /** Names in the rest of what was read: an enclave of such a name is not a fresh one. Null: not to be carried over. */
  readonly names: Names | null;
  /** Whether a second enclave has confirmed that the answer depends on the name only as on a name. */
  readonly confirmed: boolean;
}

export interface MemoOptions {
  /** The entrypoint's read set; null: everything. */
  readonly reads: readonly (readonly string[])[] | null;
  /** Whether it uses MRENCLAVE as a name only. */
  readonly opaque: boolean;
  /** The names that the data knows. */
  readonly names: Names;
}

export class AnswerMemo {
  readonly #reads: number;
  readonly #known: Names;
  readonly #remembered: (Remembered | undefined)[] = new Array(SLOTS * WAYS).fill(undefined);
  #opaque: boolean;
  #turn = 0;

  constructor({ reads, opaque, names }: MemoOptions) {
    this.#reads = readsOf(reads);
    // A policy that reads the SIGSTRUCT itself or the token sees the name there as well.
    this.#opaque = opaque && (this.#reads & READS.sigstruct) === 0;
    this.#known = names;
  }

  /** What the policy answered to a launch that it cannot tell from this one; null where it was not asked yet. */
  find(launch: Launch): Answer | null {
    const seen = Launch.seenOf(launch);
    if (seen === null) return null;
    const fresh = this.#isFresh(seen);
    const slot = this.#slotOf(launch, seen, fresh);
    for (let way = 0; way < WAYS; way += 1) {
      const there = this.#remembered[slot + way];
      if (there === undefined || !this.#same(there, launch, seen)) continue;
      if (sameName(there.seen, seen)) return there.answer;
      if (fresh && there.confirmed && isFreshFor(there, seen))
        return renamed(there.answer, there.seen.mrenclave, seen.mrenclave);
    }
    return null;
  }

  /** Remembers what the policy itself answered to this launch; `input` is what it was asked. */
  keep(launch: Launch, input: JsonObject, answer: Answer): void {
    const seen = Launch.seenOf(launch);
    if (seen === null) return;
    const fresh = this.#isFresh(seen);
    const slot = this.#slotOf(launch, seen, fresh);
    const names = fresh && !hasValidToken(launch) ? namesBeside(seen, input) : null;
    const { event, signature } = launch;
    for (let way = 0; way < WAYS; way += 1) {
      const there = this.#remembered[slot + way];
      if (there === undefined || !this.#same(there, launch, seen)) continue;
      this.#remembered[slot + way] = {
        event,
        seen,
        signature,
        answer,
        names,
        confirmed: names !== null && this.#confirms(there, seen, answer),
      };
      return;
    }
    this.#turn = (this.#turn + 1) % WAYS;
    this.#remembered[slot + this.#turn] = { event, seen, signature, answer, names, confirmed: false };
  }

  /** Whether the answers to two enclaves agree but for the name. If they do not, the proof is wrong: never rely on it again. */
  #confirms(before: Remembered, seen: SeenSigstruct, answer: Answer): boolean {
    if (before.names === null || sameName(before.seen, seen) || !isFreshFor(before, seen)) return false;
    if (JSON.stringify(renamed(before.answer, before.seen.mrenclave, seen.mrenclave)) === JSON.stringify(answer))
      return true;
    this.#opaque = false;
    this.#remembered.fill(undefined);
    return false;
  }

  #isFresh(seen: SeenSigstruct): boolean {
    return this.#opaque && !this.#known.has(seen.words[WORD.enclavehash] as number);
  }

  /** Only chooses the place; what is compared there is everything that is read. */
  #slotOf({ event }: Launch, { words }: SeenSigstruct, fresh: boolean): number {
    const name = fresh ? 0 : (words[WORD.enclavehash] as number);
    const mixed = name ^ (words[WORD.isv] as number) ^ (words[WORD.attributes] as number) ^ (words[40] as number);
    const origin =
      event.origin.kind.charCodeAt(0) + (event.secs === null ? 7 : 0) + (event.grants.provisionkey.granted ? 13 : 0);
    return (((mixed ^ (mixed >>> 11) ^ (mixed >>> 22)) + origin * 31) & (SLOTS - 1)) * WAYS;
  }

  #same(there: Remembered, launch: Launch, seen: SeenSigstruct): boolean {
    const reads = this.#reads;
    const a = there.event;
    const b = launch.event;
    if ((reads & READS.time) !== 0 && a.time !== b.time) return false;
    if (a.origin.kind !== b.origin.kind || a.origin.enforcement !== b.origin.enforcement) return false;
    if ((reads & READS.enclave) !== 0 && !(sameEnclave(there.seen, seen) && sameAttributes(a, b))) return false;
    if ((reads & (READS.enclave | READS.token)) !== 0 && !sameToken(a, b)) return false;
    if ((reads & READS.grants) !== 0 && !sameGrants(a, b)) return false;
    if ((reads & READS.platform) !== 0 && !samePlatform(a, b)) return false;
    if ((reads & READS.vm) !== 0 && !sameFields(a.origin.vm, b.origin.vm)) return false;
    if ((reads & READS.process) !== 0 && !sameFields(a.origin.process, b.origin.process)) return false;
    if ((reads & READS.guest) !== 0 && !sameFields(a.origin.guest, b.origin.guest)) return false;
    if ((reads & READS.secs) !== 0 && !sameSecs(a, b)) return false;
    if ((reads & READS.sigstruct) !== 0 && !(there.seen === seen && there.signature === launch.signature)) return false;
    if ((reads & READS.id) !== 0 && a.id !== b.id) return false;
    return (reads & READS.rest) === 0 || (a.deadline_ms === b.deadline_ms && a.synthetic === b.synthetic);
  }
}

/** Read paths to the parts that hold them; a path that is not known here is everything. */
function readsOf(paths: MemoOptions["reads"]): number {
  if (paths === null) return EVERYTHING;
  return paths.reduce((reads, [first, second]) => {
    if (first === "v" || first === "hook") return reads;
    if (first === "origin") return reads | originReads(second);
    if (first === "deadline_ms" || first === "synthetic") return reads | READS.rest;
    const part = Object.hasOwn(READS, first ?? "") ? READS[first as keyof typeof READS] : EVERYTHING;
    return reads | part;
  }, 0);
}

function originReads(key: string | undefined): number {
  if (key === "kind" || key === "enforcement") return READS.kind;
  if (key === "vm" || key === "process" || key === "guest") return READS[key];
  return READS.kind | READS.vm | READS.process | READS.guest;
}

function sameName(a: SeenSigstruct, b: SeenSigstruct): boolean {
  return a === b || sameWords(a.words, b.words, WORD.enclavehash, WORD.enclavehash + 8);
}

function isFreshFor({ names }: Remembered, { words }: SeenSigstruct): boolean {
  return names !== null && !names.has(words[WORD.enclavehash] as number);
}

/** Signer, family and product ids, ISVSVN, ATTRIBUTES and their mask: all of `enclave` that the SIGSTRUCT tells, but the name. */
function sameEnclave(a: SeenSigstruct, b: SeenSigstruct): boolean {
  if (a === b) return true;
  return (
    a.signer.mrsigner === b.signer.mrsigner &&
    sameWords(a.words, b.words, WORD.isvfamilyid, WORD.enclavehash) &&
    sameWords(a.words, b.words, WORD.isvextprodid, WORD.isv + 1)
  );
}

function sameWords(a: Uint32Array, b: Uint32Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

function sameAttributes({ secs: a }: TakenEvent, { secs: b }: TakenEvent): boolean {
  if (a === b) return true;
  if (a === null || b === null) return a === b;
  return (
    sameBits(a.attributes, b.attributes) &&
    sameBits(a.attributes_known, b.attributes_known) &&
    sameBits(a.attributes_allowed, b.attributes_allowed)
  );
}

function sameBits(
  a: { readonly flags: string; readonly xfrm: string } | null,
  b: { readonly flags: string; readonly xfrm: string } | null,
): boolean {
  if (a === null || b === null) return a === b;
  return a.flags === b.flags && a.xfrm === b.xfrm;
}

function sameSecs(eventA: TakenEvent, eventB: TakenEvent): boolean {
  const a = eventA.secs;
  const b = eventB.secs;
  if (a === null || b === null) return a === b;
  return (
    sameAttributes(eventA, eventB) &&
    a.miscselect === b.miscselect &&
    a.miscselect_known === b.miscselect_known &&
    a.cet_attributes === b.cet_attributes &&
    a.configid === b.configid &&
    a.configsvn === b.configsvn &&
    a.size === b.size
  );
}

function sameToken(a: TakenEvent, b: TakenEvent): boolean {
  const left = TakenEvent.tokenOf(a);
  const right = TakenEvent.tokenOf(b);
  if (left === null || right === null) return left === right;
  return compare(left, right) === 0;
}

function sameGrants({ grants: a }: TakenEvent, { grants: b }: TakenEvent): boolean {
  return a === b || (a.provisionkey.granted === b.provisionkey.granted && a.provisionkey.how === b.provisionkey.how);
}

function samePlatform({ platform: a }: TakenEvent, { platform: b }: TakenEvent): boolean {
  return a === b || (a.flc === b.flc && a.lepubkeyhash === b.lepubkeyhash);
}

/** What does not fit a valid token is worked out from the name, too. */
function hasValidToken({ event }: Launch): boolean {
  const token = TakenEvent.tokenOf(event);
  return token !== null && ((token[0] as number) & 1) === 1;
}

/** Two flat records of the same keys. */
function sameFields<Fields extends object>(a: Fields | null, b: Fields | null): boolean {
  if (a === null || b === null) return a === b;
  for (const key of Object.keys(a) as (keyof Fields)[]) if (a[key] !== b[key]) return false;
  return true;
}

/**
 * The names in the rest of the input; null where the enclave's own is among them, since then it is not a name that only
 * the enclave has: whoever signs can write its MRSIGNER, say, for a measurement.
 */
function namesBeside({ words }: SeenSigstruct, input: JsonObject): Names | null {
  const names = new Names(withoutName(input));
  return names.has(words[WORD.enclavehash] as number) ? null : names;
}

function withoutName(input: JsonObject): JsonObject {
  const { enclave, ...rest } = input;
  const { mrenclave: _, ...others } = (enclave ?? {}) as JsonObject;
  return { ...rest, enclave: others };
}

/** The answer with one enclave's name for another's; the very same answer where it names none. */
function renamed(answer: Answer, from: string, to: string): Answer {
  if (answer.deny.length === 0 && answer.warn.length === 0) return answer;
  const reasons = (items: readonly RuleReason[]) =>
    Object.freeze(items.map((item) => renameIn(item, from, to) as RuleReason).sort(byCodeAndMessage));
  return Object.freeze({ allow: answer.allow, deny: reasons(answer.deny), warn: reasons(answer.warn) });
}

function renameIn(value: JsonValue, from: string, to: string): JsonValue {
  if (typeof value === "string") return value.replaceAll(from, to);
  if (Array.isArray(value)) return Object.freeze(value.map((item) => renameIn(item, from, to)));
  if (typeof value !== "object" || value === null) return value;
  return Object.freeze(
    Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key.replaceAll(from, to), renameIn(item, from, to)]),
    ),
  );
}
