/** Launch events and data documents of all kinds, for properties: small sets of values, so that rules really meet. */

import { createHash } from "node:crypto";
import fc from "fast-check";
import type { JsonObject, LaunchEvent, SecsFields } from "../../engine/index.js";
import { decodeSigstruct, encodeEinittoken, encodeSigstruct, type Sigstruct } from "../../engine/index.js";
import { makeEvent } from "./events.js";
import { makeSigstruct } from "./sigstructs.js";

const base = decodeSigstruct(makeSigstruct());

/** Moduli that nobody signed with: enough where no signature is looked at. */
const MODULI = [1, 2, 3, 4].map((seed) => {
  const modulus = new Uint8Array(384).fill(seed);
  modulus[0] = 0x01;
  modulus[383] = 0x80;
  return modulus;
});
const SIGNERS = MODULI.map((modulus) => createHash("sha256").update(modulus).digest("hex"));
const HASHES = [0x11, 0x22, 0x33].map((byte) => new Uint8Array(32).fill(byte));
export const MRENCLAVES = HASHES.map((hash) => Buffer.from(hash).toString("hex"));
const IDS = [new Uint8Array(16), new Uint8Array(16).fill(7)];
export const NOW = 1_795_300_000;

const flags = fc.constantFrom(0x4n, 0x6n, 0x14n, 0x16n, 0x24n, 0x84n, 0x404n, 0x5n);
const xfrm = fc.constantFrom(0x3n, 0x7n, 0xe7n, 0x60003n);
const attributes = fc.record({ flags, xfrm });
const masks = fc.record({
  flags: fc.constantFrom(
    0xffff_ffff_ffff_ffffn,
    0xffff_ffff_ffff_fffdn,
    0xff00_ffff_ffff_fffdn,
    0x0n,
    0xffff_ffff_ffff_ff7bn,
  ),
  xfrm: fc.constantFrom(0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ff1bn, 0x0n),
});

const sigstructs: fc.Arbitrary<Sigstruct> = fc
  .record({
    modulus: fc.constantFrom(...MODULI),
    enclavehash: fc.constantFrom(...HASHES),
    isvprodid: fc.constantFrom(0, 1, 2),
    isvsvn: fc.constantFrom(0, 1, 2, 5),
    attributes,
    attributemask: masks,
    isvfamilyid: fc.constantFrom(...IDS),
    isvextprodid: fc.constantFrom(...IDS),
    date: fc.constantFrom(0x20260115, 0, 0x0f0507e7),
  })
  .map((fields) => ({ ...base, ...fields }));

const hex = (value: bigint) => `0x${value.toString(16)}`;
const words = (value: { readonly flags: bigint; readonly xfrm: bigint }) => ({
  flags: hex(value.flags),
  xfrm: hex(value.xfrm),
});

const secsOf = (own: fc.Arbitrary<{ flags: bigint; xfrm: bigint }>): fc.Arbitrary<SecsFields> =>
  fc.record({
    attributes: own.map(words),
    attributes_known: masks.map(words),
    attributes_allowed: fc.option(
      fc
        .record({ flags: fc.constantFrom(0x4n, 0x6n, 0x34n, 0x4ffn), xfrm: fc.constantFrom(0x3n, 0x602e7n) })
        .map(words),
    ),
    miscselect: fc.constantFrom(null, "0x0", "0x1"),
    miscselect_known: fc.constantFrom(null, "0xffffffff"),
    cet_attributes: fc.constantFrom(null, "0x0"),
    configid: fc.constantFrom(null, "00".repeat(64)),
    configsvn: fc.constantFrom(null, 0, 1),
    size: fc.constantFrom(null, "0x10000"),
  });

const hash = fc.constantFrom(null, ...SIGNERS);

/** Events of every origin, knowing more or less, with and without a token; some of them EINIT would refuse. */
export const launchEvents: fc.Arbitrary<LaunchEvent> = fc
  .record({
    sigstruct: sigstructs,
    kind: fc.constantFrom("native", "kvm", "guest-agent", "file"),
    enforcement: fc.constantFrom("kernel", "seccomp", "agent", "library", "none"),
    vm: fc.constantFrom(null, "vm1", "vm2"),
    granted: fc.boolean(),
    lepubkeyhash: hash,
    time: fc.constantFrom(NOW - 1_000_000_000, NOW, NOW + 1_000_000_000),
    token: fc.option(
      fc.record({
        valid: fc.constantFrom(0, 1),
        signer: fc.nat(3),
        hash: fc.nat(2),
        attributes,
        debugLe: fc.boolean(),
      }),
    ),
    secs: fc.option(fc.oneof(secsOf(attributes), fc.constant(null))),
    ownSecs: fc.constantFrom(true, true, true, false),
  })
  .map(({ sigstruct, kind, enforcement, vm, granted, lepubkeyhash, time, token, secs, ownSecs }) =>
    makeEvent({
      time,
      origin: {
        kind,
        enforcement,
        process: null,
        vm: vm === null ? null : { id: vm, name: null },
        guest: null,
      } as LaunchEvent["origin"],
      platform: { flc: null, lepubkeyhash },
      grants: { provisionkey: { granted, how: granted ? "fd" : null } },
      sigstruct: encodeSigstruct(sigstruct),
      token: token === null ? null : tokenBytes(sigstruct, token),
      secs:
        secs === null || secs === undefined
          ? null
          : ownSecs
            ? { ...secs, attributes: words(sigstruct.attributes) }
            : secs,
    }),
  );

function tokenBytes(
  sigstruct: Sigstruct,
  token: { valid: number; signer: number; hash: number; attributes: { flags: bigint; xfrm: bigint }; debugLe: boolean },
): Uint8Array {
  return encodeEinittoken({
    valid: token.valid,
    reserved1: new Uint8Array(44),
    attributes: token.hash === 0 ? sigstruct.attributes : token.attributes,
    mrenclave: token.hash === 2 ? new Uint8Array(32) : sigstruct.enclavehash,
    reserved2: new Uint8Array(32),
    mrsigner: Buffer.from(SIGNERS[token.signer] ?? "", "hex"),
    reserved3: new Uint8Array(32),
    cpusvnle: new Uint8Array(16),
    isvprodidle: 0x20,
    isvsvnle: 1,
    reserved4: new Uint8Array(24),
    maskedmiscselectle: 0,
    maskedattributesle: { flags: token.debugLe ? 0x22n : 0x20n, xfrm: 0n },
    keyid: new Uint8Array(32),
    mac: new Uint8Array(16),
  });
}

const [S0 = "", S1 = "", S2 = ""] = SIGNERS;
const [E0 = "", E1 = ""] = MRENCLAVES;

/** Documents that between them use every part of the data schema. */
export const DOCUMENTS: readonly JsonObject[] = [
  { version: 1 },
  {
    version: 1,
    signers: {
      [S0]: { name: "all products" },
      [S1]: { name: "debugger", debug: true, provisionkey: true, einittokenkey: true },
    },
  },
  {
    version: 1,
    signers: {
      [S0]: {
        name: "constrained",
        products: { 1: { min_isvsvn: 2, isvextprodids: { ["07".repeat(16)]: {} } }, 2: {} },
        isvfamilyids: { ["07".repeat(16)]: { name: "family" } },
        not_before: "2026-01-01T00:00:00Z",
        not_after: "2030-01-01T00:00:00Z",
      },
      [S2]: { name: "any" },
    },
    mrenclaves: {
      [E0]: { name: "pinned", mrsigner: S1, isvprodid: 1, min_isvsvn: 1, debug: true },
      [E1]: { name: "dated", not_after: "2027-06-01T00:00:00Z", provisionkey: true },
    },
    lepubkeyhashes: { [S2]: { name: "guests' LE" } },
  },
  {
    version: 1,
    signers: { [S0]: { name: "a" }, [S1]: { name: "b", debug: true }, [S2]: { name: "c", provisionkey: true } },
    revoked: {
      mrenclaves: { [E0]: { reason: "leaked" } },
      mrsigners: { [S2]: { reason: "stolen" } },
      products: { [S0]: { 1: { reason: "bug", max_isvsvn: 1 }, 2: { reason: "withdrawn" } } },
    },
    attributes: { forbid: { xtiledata: { reason: "no AMX" } }, require: { mode64bit: { reason: "64 bit only" } } },
    origins: {
      kvm: { debug: false, mrsigners: { [S0]: {}, [S1]: {} } },
      native: { enforcement: { kernel: {} } },
      file: { enabled: false },
    },
    vms: { vm1: { provisionkey: false, mrenclaves: { [E1]: {} } }, vm2: { epc: true, provisionkey: true } },
    exceptions: {
      "x-1": {
        rule: "signer_not_listed",
        match: { mrenclave: E1 },
        reason: "migration",
        expires: "2030-01-01T00:00:00Z",
      },
      "x-2": {
        rule: "debug_on",
        match: { mrsigner: S0, origin: "native" },
        reason: "bring-up",
        expires: "2026-01-01T00:00:00Z",
      },
      "x-3": {
        rule: "mrsigner_revoked",
        match: { mrsigner: S2 },
        reason: "must not work",
        expires: "2040-01-01T00:00:00Z",
      },
    },
  },
];
