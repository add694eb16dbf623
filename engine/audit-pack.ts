/**
 * Audit records in a compact form, for the way from the thread that decides to the thread that writes: what decisions have
 * in common (origin, platform, SECS, reasons, policies, SIGSTRUCT) is handed over once and then named by the number of a
 * slot. Truth: `auditRecord`, which says what a record holds; test/engine/audit-pack.test.ts holds the two together.
 *
 * The form lives in one process only and is no contract. Little-endian. A batch is a row of items:
 *
 *     text       u8 1, u32 slot, u32 length, UTF-8     fills a slot with a piece of JSON
 *     sigstruct  u8 2, u32 slot, u32 length, bytes     fills a slot with a SIGSTRUCT, of whatever length
 *     note       u8 3, u32 length, UTF-8               a record as JSON, without its closing brace
 *     decision   u8 4, u8 flags, u8 hook, u8 metrics,  a record by slots; a time or deadline of NaN is null
 *                f64 time, f64 deadline, f64 generation, 36 bytes decision_id,
 *                u32 slots of origin, platform, grants, secs, policy, reasons, warnings, would_deny, sigstruct,
 *                for each metric u32 slot of its name and f64, then id and token, each u32 length and bytes
 */

import { grantsText, originText, platformText, secsText } from "./audit-text.js";
import type { PolicyIdentity, Reason } from "./decision.js";
import { HOOKS, type Origin, TakenEvent } from "./event.js";
import type { Judged } from "./launch.js";

export const ITEM = { text: 1, sigstruct: 2, note: 3, decision: 4 } as const;

/** Slots for pieces that are used once, one for each place of a record; those above them are remembered. */
const ONCE = {
  nothing: 0,
  origin: 1,
  platform: 2,
  grants: 3,
  secs: 4,
  policy: 5,
  reasons: 6,
  warnings: 7,
  wouldDeny: 8,
  sigstruct: 9,
  metrics: 16,
} as const;
const MAX_METRICS = 16;
const FIRST_REMEMBERED = ONCE.metrics + MAX_METRICS;
export const TEXT_SLOTS = 4096;
export const SIGSTRUCT_SLOTS = 1024;
/** Longer pieces are not remembered, so that all slots together stay small. */
const MAX_REMEMBERED = 4096;
/**
 * Bytes of the reasons of one kind as JSON, and of the policies: what is longer is shortened, so that a record stays below a
 * mebibyte whatever a policy says.
 */
const MAX_REASONS = 224 * 1024;
const MAX_POLICIES = 32 * 1024;

export const ID_BYTES = 36;
/** Where a decision's slots begin, and where its metrics. */
export const SLOTS_AT = 4 + 3 * 8 + ID_BYTES;
export const METRICS_AT = SLOTS_AT + 9 * 4;
export const FLAG = { allow: 1, event: 2, synthetic: 4, shortened: 8 } as const;

/** Nanoseconds by OPA's names. */
export type AuditMetrics = Readonly<Record<string, number>>;
const NO_METRICS: AuditMetrics = Object.freeze({});
const NO_REASONS: readonly Reason[] = Object.freeze([]);

/** Where batches come from and go to. */
export interface BatchPool {
  /** A buffer of at least that size. */
  readonly take: (sizeBytes: number) => ArrayBuffer;
  readonly full: (batch: ArrayBuffer, lengthBytes: number) => void;
}

/** Packs records one after the other. What it has handed over, the one `Unpacker` at the other end remembers. */
export class Packer {
  readonly #pool: BatchPool;
  #bytes = Buffer.alloc(0);
  #view = new DataView(new ArrayBuffer(0));
  #at = 0;
  readonly #texts = new Slots(TEXT_SLOTS);
  readonly #sigstructs = new Slots(SIGSTRUCT_SLOTS);
  /** Origins come anew with every event, and mostly say what another of the same pid said. */
  readonly #origins: (readonly [Origin, number] | undefined)[] = new Array(64).fill(undefined);
  readonly #names = new Map<string, { readonly name: string }>();
  /** Whether reasons of the record at hand had to be shortened. */
  #shortened = false;

  constructor(pool: BatchPool) {
    this.#pool = pool;
  }

  /** Hands over what is packed so far. */
  flush(): void {
    if (this.#at === 0) return;
    this.#pool.full(this.#view.buffer as ArrayBuffer, this.#at);
    this.#bytes = Buffer.alloc(0);
    this.#view = new DataView(new ArrayBuffer(0));
    this.#at = 0;
  }

  /** One decision, with what was measured of it; more than 16 metrics are left out. */
  decision({ decision, event }: Judged, metrics: AuditMetrics = NO_METRICS): void {
    const { policy, generation, decision_id, reasons, warnings, would_deny } = decision;
    this.#shortened = false;
    const policySlot = this.#policies(policy);
    const reasonsSlot = this.#reasons(reasons, ONCE.reasons);
    const warningsSlot = this.#reasons(warnings, ONCE.warnings);
    const wouldDenySlot = this.#reasons(would_deny, ONCE.wouldDeny);
    const names = metrics === NO_METRICS ? [] : Object.keys(metrics).slice(0, MAX_METRICS);
    const nameSlots = names.map((name, at) => this.#shared(this.#name(name), ONCE.metrics + at, nameText));
    const origin = event === null ? 0 : this.#origin(event.origin);
    const platform = event === null ? 0 : this.#shared(event.platform, ONCE.platform, platformText);
    const grants = event === null ? 0 : this.#shared(event.grants, ONCE.grants, grantsText);
    const secs = event === null || event.secs === null ? 0 : this.#shared(event.secs, ONCE.secs, secsText);
    const sigstruct = event === null ? 0 : this.#sigstruct(event);
    const token = event === null ? null : TakenEvent.tokenOf(event);
    const id = event === null || event.id === null ? "" : JSON.stringify(event.id);

    this.#room(METRICS_AT + names.length * 12 + 8 + id.length * 3 + (token?.length ?? 0));
    const view = this.#view;
    let at = this.#at;
    view.setUint8(at, ITEM.decision);
    view.setUint8(
      at + 1,
      (decision.decision === "allow" ? FLAG.allow : 0) |
        (event === null ? 0 : FLAG.event) |
        (event?.synthetic === true ? FLAG.synthetic : 0) |
        (this.#shortened ? FLAG.shortened : 0),
    );
    view.setUint8(at + 2, event === null ? 0 : HOOKS.indexOf(event.hook));
    view.setUint8(at + 3, names.length);
    view.setFloat64(at + 4, event === null ? Number.NaN : event.time, true);
    view.setFloat64(at + 12, event?.deadline_ms ?? Number.NaN, true);
    view.setFloat64(at + 20, generation, true);
    this.#bytes.write(decision_id, at + 28, ID_BYTES, "latin1");
    at += SLOTS_AT;
    view.setUint32(at, origin, true);
    view.setUint32(at + 4, platform, true);
    view.setUint32(at + 8, grants, true);
    view.setUint32(at + 12, secs, true);
    view.setUint32(at + 16, policySlot, true);
    view.setUint32(at + 20, reasonsSlot, true);
    view.setUint32(at + 24, warningsSlot, true);
    view.setUint32(at + 28, wouldDenySlot, true);
    view.setUint32(at + 32, sigstruct, true);
    at += METRICS_AT - SLOTS_AT;
    for (let n = 0; n < names.length; n += 1) {
      view.setUint32(at, nameSlots[n] as number, true);
      view.setFloat64(at + 4, metrics[names[n] as string] as number, true);
      at += 12;
    }
    const idBytes = id === "" ? 0 : this.#bytes.write(id, at + 4, "utf8");
    view.setUint32(at, idBytes, true);
    at += 4 + idBytes;
    view.setUint32(at, token === null ? 0xffff_ffff : token.length, true);
    if (token !== null) this.#bytes.set(token, at + 4);
    this.#at = at + 4 + (token?.length ?? 0);
  }

  /** A record as JSON without its closing brace, so that the chain can be put behind it. */
  note(text: string): void {
    this.#item(ITEM.note, null, text);
  }

  /** The slot that holds what `write` makes of `value`: remembered where nobody can change it, else the place's own. */
  #shared<Value extends object>(value: Value, once: number, write: (value: Value) => string): number {
    const there = this.#texts.find(value);
    if (there !== 0) return there;
    const text = write(value);
    if (!Object.isFrozen(value) || text.length > MAX_REMEMBERED) {
      this.#item(ITEM.text, once, text);
      return once;
    }
    this.#item(ITEM.text, this.#texts.next, text);
    return this.#texts.add(value);
  }

  #policies(policies: readonly PolicyIdentity[]): number {
    const there = this.#texts.find(policies);
    if (there !== 0) return there;
    const text = JSON.stringify(policies);
    if (isWithin(text, MAX_POLICIES)) return this.#shared(policies, ONCE.policy, () => text);
    this.#shortened = true;
    const short = policies.map(({ name, sha256, revision }) => ({ name, sha256, revision: revision.slice(0, 64) }));
    this.#item(ITEM.text, ONCE.policy, JSON.stringify(short.slice(0, 64)));
    return ONCE.policy;
  }

  #reasons(reasons: readonly Reason[], once: number): number {
    if (reasons.length === 0) return this.#shared(NO_REASONS, once, JSON.stringify);
    const there = this.#texts.find(reasons);
    if (there !== 0) return there;
    const text = JSON.stringify(reasons);
    if (isWithin(text, MAX_REASONS)) return this.#shared(reasons, once, () => text);
    this.#shortened = true;
    this.#item(ITEM.text, once, shortReasons(reasons));
    return once;
  }

  #origin(origin: Origin): number {
    const place = (origin.process?.pid ?? 0) & 63;
    const there = this.#origins[place];
    if (there !== undefined && sameOrigin(there[0], origin) && this.#texts.find(there[0]) === there[1]) return there[1];
    const text = originText(origin);
    if (text.length > MAX_REMEMBERED) {
      this.#item(ITEM.text, ONCE.origin, text);
      return ONCE.origin;
    }
    // A copy: whoever holds the event's own may be able to change it.
    const { kind, enforcement, process, vm, guest } = origin;
    const own = {
      kind,
      enforcement,
      process: process && { ...process },
      vm: vm && { ...vm },
      guest: guest && { ...guest },
    };
    this.#item(ITEM.text, this.#texts.next, text);
    const slot = this.#texts.add(own);
    this.#origins[place] = [own, slot];
    return slot;
  }

  #sigstruct(event: TakenEvent): number {
    const { sigstruct } = TakenEvent.bytesOf(event);
    if (sigstruct === null) return ONCE.nothing;
    const seen = TakenEvent.seenOf(event);
    const there = seen === null ? 0 : this.#sigstructs.find(seen);
    if (there !== 0) return there;
    const slot = seen === null ? ONCE.sigstruct : this.#sigstructs.next;
    this.#room(9 + sigstruct.length);
    this.#view.setUint8(this.#at, ITEM.sigstruct);
    this.#view.setUint32(this.#at + 1, slot, true);
    this.#view.setUint32(this.#at + 5, sigstruct.length, true);
    this.#bytes.set(sigstruct, this.#at + 9);
    this.#at += 9 + sigstruct.length;
    return seen === null ? slot : this.#sigstructs.add(seen);
  }

  /** One object for each name, so that names are remembered like everything else. */
  #name(name: string): { readonly name: string } {
    const there = this.#names.get(name);
    if (there !== undefined) return there;
    const fresh = Object.freeze({ name });
    if (this.#names.size < TEXT_SLOTS / 4) this.#names.set(name, fresh);
    return fresh;
  }

  #item(type: number, slot: number | null, text: string): void {
    const head = slot === null ? 5 : 9;
    this.#room(head + text.length * 3);
    const length = this.#bytes.write(text, this.#at + head, "utf8");
    this.#view.setUint8(this.#at, type);
    if (slot !== null) this.#view.setUint32(this.#at + 1, slot, true);
    this.#view.setUint32(this.#at + head - 4, length, true);
    this.#at += head + length;
  }

  #room(sizeBytes: number): void {
    if (this.#at + sizeBytes <= this.#bytes.length) return;
    this.flush();
    const batch = this.#pool.take(sizeBytes);
    this.#bytes = Buffer.from(batch);
    this.#view = new DataView(batch);
  }
}

/** Who has which slot. The one that was filled longest ago is filled again. */
class Slots {
  readonly #slotOf = new WeakMap<object, number>();
  readonly #owners: (object | undefined)[];
  /** The one that the next gets. It gets it once the slot is filled: a slot that has an owner holds what it should. */
  next: number = FIRST_REMEMBERED;

  constructor(count: number) {
    this.#owners = new Array(count).fill(undefined);
  }

  /** 0: it has none. */
  find(owner: object): number {
    const slot = this.#slotOf.get(owner);
    return slot !== undefined && this.#owners[slot] === owner ? slot : 0;
  }

  add(owner: object): number {
    const slot = this.next;
    this.next = slot + 1 === this.#owners.length ? FIRST_REMEMBERED : slot + 1;
    this.#owners[slot] = owner;
    this.#slotOf.set(owner, slot);
    return slot;
  }
}

function sameOrigin(a: Origin, b: Origin): boolean {
  return (
    a.kind === b.kind &&
    a.enforcement === b.enforcement &&
    sameFields(a.process, b.process) &&
    sameFields(a.vm, b.vm) &&
    sameFields(a.guest, b.guest)
  );
}

/** INVARIANT: the event's schema gives both the same keys, and values that are no objects. */
function sameFields(a: object | null, b: object | null): boolean {
  if (a === null || b === null) return a === b;
  for (const key in a) {
    if ((a as Record<string, unknown>)[key] !== (b as Record<string, unknown>)[key]) return false;
  }
  return true;
}

function nameText({ name }: { readonly name: string }): string {
  return JSON.stringify(name);
}

/** Whether a text has at most so many bytes as UTF-8. */
function isWithin(text: string, sizeBytes: number): boolean {
  return text.length * 3 <= sizeBytes || Buffer.byteLength(text) <= sizeBytes;
}

/** Codes and modules of reasons that are too long for a record, and the beginnings of their messages. */
function shortReasons(reasons: readonly Reason[]): string {
  const short = reasons.map(({ code, message, module }) => ({ code, message: message.slice(0, 64), module }));
  return JSON.stringify(short.slice(0, 256));
}
