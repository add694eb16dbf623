/**
 * What the benchmark decides: SIGSTRUCTs made by patching one template, the events around them, and the listing that
 * lets them in. The same in every run but for the key of the one that is really signed. Truth for offsets: the layout table
 * of SIGSTRUCT (Intel SDM vol. 3D).
 */

import {
  generateSigningKey,
  hex,
  type JsonObject,
  type LaunchEvent,
  mrsignerOf,
  type PolicyBundle,
  SIGSTRUCT_LAYOUT,
  signSigstruct,
  withData,
} from "../../engine/index.js";
import { fillWords, seededBytes } from "./random.js";

/** Signers that events come from once they have been seen: as many as a host has vendors, not as it has enclaves. */
export const SEEN_SIGNERS = 8;
/** Enclaves that are launched again and again. */
export const WARM_ENCLAVES = 8;
/** Events in turn, each with bytes of its own: a multiple of both of the above. */
export const POOL = 128;
export const REVOKED = 1000;

const ISVPRODID = 7;
const ISVSVN = 3;
const MIN_ISVSVN = 2;

type Field = (typeof SIGSTRUCT_LAYOUT)["rows"][number]["name"];

function wordsOf(name: Field): readonly [from: number, to: number] {
  const row = SIGSTRUCT_LAYOUT.rows.find((found) => found.name === name);
  if (row === undefined) throw new Error(`SIGSTRUCT has no ${name}`);
  return [row.offset / 4, (row.offset + row.size) / 4];
}

const MODULUS = wordsOf("modulus");
const ENCLAVEHASH = wordsOf("enclavehash");
/** All that differs with the measurement in a structure that is really signed. */
const SIGNED = [wordsOf("signature"), wordsOf("q1"), wordsOf("q2")] as const;
const ISVSVN_OFFSET = SIGSTRUCT_LAYOUT.rows.find(({ name }) => name === "isvsvn")?.offset ?? 0;

/** A modulus of no key: nobody could sign with it, and nothing that only hashes it can tell. Odd, its top bit set. */
function modulusOfSeed(seed: number): Uint8Array {
  const modulus = seededBytes(384, seed);
  modulus[0] = (modulus[0] ?? 0) | 0x01;
  modulus[383] = (modulus[383] ?? 0) | 0x80;
  return modulus;
}

const LISTED_SEED = 0x1157_0000;
const UNLISTED_SEED = 0x0bad_0000;

const seenModuli = (listed: boolean): readonly Uint8Array[] =>
  Array.from({ length: SEEN_SIGNERS }, (_, at) => modulusOfSeed((listed ? LISTED_SEED : UNLISTED_SEED) + at * 4099));

/** An enclave whose signature holds. Its key is thrown away at once. */
export function signedSigstruct(): Uint8Array {
  const enclavehash = seededBytes(32, 0x5160);
  const fields = { date: "2026-01-15", enclavehash, isvprodid: ISVPRODID, isvsvn: ISVSVN };
  return signSigstruct({ privateKey: generateSigningKey(), fields });
}

/** An event whose facts the next one changes; sources make a new one each time, which is not timed here. */
type DraftEvent = { -readonly [Key in keyof LaunchEvent]: LaunchEvent[Key] };

/** Events in turn; `at` makes each enclave another one, where the stream makes new ones at all. */
export type EventStream = (at: number) => LaunchEvent;

export interface StreamOptions {
  /** Where the SIGSTRUCTs begin: one that is signed, whose signature no longer holds once it is patched. */
  readonly template: Uint8Array;
  readonly signers: "listed" | "unlisted" | "new";
  /** `again`: one enclave, launched again and again; `some`: eight of them, in turn. */
  readonly enclaves: "new" | "again" | "some";
  /** Default 0. New enclaves of one series, below 64, are none of another's; a series has 2^26. */
  readonly series?: number;
  readonly origin?: "native" | "kvm";
  /** Default 3, which the listing takes. */
  readonly isvsvn?: number;
}

export function eventStream(options: StreamOptions): EventStream {
  const { template, signers, enclaves, origin = "native", isvsvn, series = 0 } = options;
  const moduli = seenModuli(signers !== "unlisted");
  const slots = Array.from({ length: POOL }, (_, slot) => {
    const words = new Uint32Array(template.length / 4);
    const bytes = new Uint8Array(words.buffer);
    bytes.set(template);
    bytes.set(moduli[slot % SEEN_SIGNERS] ?? template.subarray(0, 0), MODULUS[0] * 4);
    if (isvsvn !== undefined) new DataView(words.buffer).setUint16(ISVSVN_OFFSET, isvsvn, true);
    patchEnclave(words, slot % WARM_ENCLAVES);
    return { words, event: draftEvent(bytes, origin, slot) };
  });
  return (at) => {
    const slot = slots[enclaves === "again" ? 0 : at % POOL];
    if (slot === undefined) throw new Error(`no event ${at}`);
    if (enclaves === "new") patchEnclave(slot.words, series * SERIES + WARM_ENCLAVES + at);
    if (signers === "new") patchModulus(slot.words, at);
    slot.event.time = Math.floor(Date.now() / 1000);
    return slot.event;
  };
}

const SERIES = 2 ** 26;

/** INVARIANT: the first word of ENCLAVEHASH is the number itself, so no two are the same. */
function patchEnclave(words: Uint32Array, number: number): void {
  let state = fillWords(words, ENCLAVEHASH[0], ENCLAVEHASH[1], number);
  words[ENCLAVEHASH[0]] = number;
  for (const [from, to] of SIGNED) state = fillWords(words, from, to, state);
}

function patchModulus(words: Uint32Array, number: number): void {
  const [from, to] = MODULUS;
  fillWords(words, from, to, ~number);
  words[from] = ((number << 1) | 1) >>> 0;
  words[to - 1] = (words[to - 1] ?? 0) | 0x8000_0000;
}

const ALL = { flags: "0xffffffffffffffff", xfrm: "0xffffffffffffffff" };
const NONE = { flags: "0x0", xfrm: "0x0" };
const CGROUP = "/system.slice/launcher.service";

/** As a kernel hook would hand it in: all known natively, in a guest no more than what bounds it. */
function draftEvent(sigstruct: Uint8Array, kind: "native" | "kvm", slot: number): DraftEvent {
  const native = kind === "native";
  const pid = 20_000 + slot;
  const exe = native ? "/usr/bin/launcher" : "/usr/bin/qemu-system-x86_64";
  return {
    v: 1,
    hook: "enclave_init",
    id: null,
    time: 0,
    origin: {
      kind,
      enforcement: "kernel",
      process: { pid, tid: pid, uid: 1000, gid: 1000, comm: native ? "launcher" : "CPU 0/KVM", exe, cgroup: CGROUP },
      vm: native ? null : { id: "vm-1", name: "guest" },
      guest: null,
    },
    platform: { flc: true, lepubkeyhash: null },
    grants: { provisionkey: { granted: false, how: null } },
    sigstruct,
    token: null,
    secs: {
      attributes: native ? { flags: "0x4", xfrm: "0x3" } : NONE,
      attributes_known: native ? ALL : NONE,
      attributes_allowed: native ? null : { flags: "0x4", xfrm: "0x7" },
      miscselect: native ? "0x0" : null,
      miscselect_known: native ? "0xffffffff" : null,
      cet_attributes: native ? "0x0" : null,
      configid: null,
      configsvn: null,
      size: native ? "0x1000000" : null,
    },
    deadline_ms: null,
    synthetic: true,
  };
}

/** MRSIGNER of the first `count` listed signers; those that events come from lie evenly among the rest. */
export function listedSigners(count: number): readonly string[] {
  const seen = seenModuli(true).map((modulus) => mrsignerOf(modulus));
  const every = Math.max(1, Math.floor(count / SEEN_SIGNERS));
  return Array.from({ length: count }, (_, at) => {
    const own = at % every === 0 ? seen[at / every] : undefined;
    return own ?? hex(seededBytes(32, 0x5eed_0000 + at * 17));
  });
}

export function revokedMeasurements(): readonly string[] {
  return Array.from({ length: REVOKED }, (_, at) => hex(seededBytes(32, 0x0dea_0000 + at * 17)));
}

/** What each listed signer is listed for. */
export const LISTING = { isvprodid: ISVPRODID, min_isvsvn: MIN_ISVSVN, isvsvn: ISVSVN } as const;

/**
 * The policy with its own data and the generated listings in it: `signers` signers with a product each, and 1000 revoked
 * measurements. A policy that has no data document of ours is left as it is.
 */
export function withListings(bundle: PolicyBundle, signers: number, also: readonly string[] = []): PolicyBundle {
  const document = bundle.data["launchgate"] as JsonObject | undefined;
  if (document === undefined) return bundle;
  const entry = { name: "a signer", products: { [ISVPRODID]: { name: "a product", min_isvsvn: MIN_ISVSVN } } };
  const listed = Object.fromEntries([...listedSigners(signers), ...also].map((mrsigner) => [mrsigner, entry]));
  const withdrawn = Object.fromEntries(revokedMeasurements().map((mrenclave) => [mrenclave, { reason: "withdrawn" }]));
  const revoked = (document["revoked"] ?? {}) as JsonObject;
  return withData(bundle, {
    ...bundle.data,
    launchgate: {
      ...document,
      signers: { ...(document["signers"] as JsonObject | undefined), ...listed },
      revoked: { ...revoked, mrenclaves: { ...(revoked["mrenclaves"] as JsonObject | undefined), ...withdrawn } },
    },
  });
}
