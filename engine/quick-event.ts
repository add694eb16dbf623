/**
 * The event as nearly all sources hand it in, taken over without detours: enclave_init, structures as bytes, every value as
 * the schema wants it. What is not exactly so is left to `takeEvent`, which then takes it anew from the beginning.
 *
 * INVARIANT: what is taken here, `takeEvent` takes with the same result; test/quick.test.ts holds the two together. Each
 * property is read once; keys beyond the named ones are counted and lead to the other way.
 */

import { isBytesOfLength, type LaunchEvent, type SecsFields, type SecsWords, TakenEvent, TakenSecs } from "./event.js";
import type { Recent } from "./recent.js";
import { EINITTOKEN_SIZE } from "./sgx/einittoken.js";
import { SIGSTRUCT_SIZE } from "./sgx/sigstruct.js";
import { word64 } from "./words.js";

/**
 * Parts of events as they were last taken, frozen: one event after the other says the same of its platform, its grants and
 * its SECS, and then nothing new has to be made of it. INVARIANT: a part is used again only where all that it says is equal.
 */
let lastPlatform: LaunchEvent["platform"] = Object.freeze({ flc: null, lepubkeyhash: null });
let lastGrants: LaunchEvent["grants"] = frozenGrants(false, null);
let lastSecs: TakenSecs | null = null;

function frozenGrants(granted: boolean, how: LaunchEvent["grants"]["provisionkey"]["how"]): LaunchEvent["grants"] {
  return Object.freeze({ provisionkey: Object.freeze({ granted, how }) });
}

/** The event, or null where it has to be looked at thoroughly. Throws only what a getter or proxy throws. */
export function takeQuickly(given: unknown, recent: Recent): TakenEvent | null {
  if (typeof given !== "object" || given === null || countKeys(given) !== 12) return null;
  const { v, hook, id, time, origin, platform, grants, sigstruct, token, secs, deadline_ms, synthetic } =
    given as LaunchEvent;
  if (v !== 1 || hook !== "enclave_init") return null;
  if (id !== null && !isText(id, 256)) return null;
  if (!Number.isInteger(time) || time < 0 || time > 253_402_300_799) return null;
  if (deadline_ms !== null && !(Number.isInteger(deadline_ms) && deadline_ms >= 1 && deadline_ms <= 3_600_000))
    return null;
  if (typeof synthetic !== "boolean") return null;
  const ownOrigin = takeOrigin(origin);
  const ownPlatform = takePlatform(platform);
  const ownGrants = takeGrants(grants);
  if (ownOrigin === null || ownPlatform === null || ownGrants === null) return null;
  const ownSecs = secs === null ? null : takeSecs(secs);
  if (secs !== null && ownSecs === null) return null;
  if (!isBytesOfLength(sigstruct, SIGSTRUCT_SIZE)) return null;
  if (token !== null && !isBytesOfLength(token, EINITTOKEN_SIZE)) return null;
  const seen = recent.see(sigstruct);
  const ownToken = token === null ? null : new Uint8Array(token);
  return new TakenEvent(
    hook,
    id,
    time,
    ownOrigin,
    ownPlatform,
    ownGrants,
    ownSecs,
    deadline_ms,
    synthetic,
    seen.bytes,
    ownToken,
    seen,
  );
}

/** Enumerable keys, inherited ones too: on a polluted prototype none of the counts is right. */
function countKeys(given: object): number {
  let count = 0;
  for (const _ in given) count += 1;
  return count;
}

function isObject(value: unknown, keys: number): value is object {
  return typeof value === "object" && value !== null && countKeys(value) === keys;
}

function isText(value: unknown, max: number): value is string {
  return typeof value === "string" && value.length <= max;
}

function takeOrigin(given: unknown): LaunchEvent["origin"] | null {
  if (!isObject(given, 5)) return null;
  const { kind, enforcement, process, vm, guest } = given as LaunchEvent["origin"];
  if (kind !== "native" && kind !== "kvm" && kind !== "guest-agent" && kind !== "file") return null;
  if (
    enforcement !== "kernel" &&
    enforcement !== "seccomp" &&
    enforcement !== "library" &&
    enforcement !== "agent" &&
    enforcement !== "none"
  ) {
    return null;
  }
  if (guest !== null) return null;
  const ownProcess = process === null ? null : takeProcess(process);
  const ownVm = vm === null ? null : takeVm(vm);
  if ((process !== null && ownProcess === null) || (vm !== null && ownVm === null)) return null;
  return { kind, enforcement, process: ownProcess, vm: ownVm, guest };
}

function takeProcess(given: unknown): LaunchEvent["origin"]["process"] {
  if (!isObject(given, 7)) return null;
  const { pid, tid, uid, gid, comm, exe, cgroup } = given as NonNullable<LaunchEvent["origin"]["process"]>;
  if (!isKernelId(pid) || !isKernelId(tid) || !isKernelId(uid) || !isKernelId(gid)) return null;
  if ((comm !== null && !isText(comm, 64)) || (exe !== null && !isText(exe, 4096))) return null;
  if (cgroup !== null && !isText(cgroup, 4096)) return null;
  return { pid, tid, uid, gid, comm, exe, cgroup };
}

function isKernelId(value: unknown): value is number | null {
  return value === null || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff);
}

function takeVm(given: unknown): LaunchEvent["origin"]["vm"] {
  if (!isObject(given, 2)) return null;
  const { id, name } = given as NonNullable<LaunchEvent["origin"]["vm"]>;
  if (!isText(id, 256) || id === "" || (name !== null && !isText(name, 256))) return null;
  return { id, name };
}

function takePlatform(given: unknown): LaunchEvent["platform"] | null {
  if (!isObject(given, 2)) return null;
  const { flc, lepubkeyhash } = given as LaunchEvent["platform"];
  if (flc === lastPlatform.flc && lepubkeyhash === lastPlatform.lepubkeyhash) return lastPlatform;
  if (flc !== null && typeof flc !== "boolean") return null;
  if (lepubkeyhash !== null && !(typeof lepubkeyhash === "string" && /^[0-9a-f]{64}$/.test(lepubkeyhash))) return null;
  lastPlatform = Object.freeze({ flc, lepubkeyhash });
  return lastPlatform;
}

function takeGrants(given: unknown): LaunchEvent["grants"] | null {
  if (!isObject(given, 1)) return null;
  const { provisionkey } = given as LaunchEvent["grants"];
  if (!isObject(provisionkey, 2)) return null;
  const { granted, how } = provisionkey;
  const last = lastGrants.provisionkey;
  if (granted === last.granted && how === last.how) return lastGrants;
  if (typeof granted !== "boolean") return null;
  if (how !== null && how !== "fd" && how !== "vm-cap" && how !== "config") return null;
  lastGrants = frozenGrants(granted, how);
  return lastGrants;
}

function takeSecs(given: unknown): TakenSecs | null {
  if (!isObject(given, 9)) return null;
  const fields = given as SecsFields;
  const { attributes, attributes_known: known, attributes_allowed: allowed, configid, configsvn, size } = fields;
  const { miscselect, miscselect_known, cet_attributes } = fields;
  if (!isObject(attributes, 2) || !isObject(known, 2) || (allowed !== null && !isObject(allowed, 2))) return null;
  // Each is read once: what was checked is what is kept. Texts that are no texts are equal to no last one.
  const { flags, xfrm } = attributes;
  const { flags: knownFlags, xfrm: knownXfrm } = known;
  const allowedFlags = allowed === null ? null : allowed.flags;
  const allowedXfrm = allowed === null ? null : allowed.xfrm;
  const last = lastSecs;
  if (
    last !== null &&
    flags === last.attributes.flags &&
    xfrm === last.attributes.xfrm &&
    knownFlags === last.attributes_known.flags &&
    knownXfrm === last.attributes_known.xfrm &&
    allowedFlags === (last.attributes_allowed?.flags ?? null) &&
    allowedXfrm === (last.attributes_allowed?.xfrm ?? null) &&
    (allowed === null) === (last.attributes_allowed === null) &&
    miscselect === last.miscselect &&
    miscselect_known === last.miscselect_known &&
    cet_attributes === last.cet_attributes &&
    configid === last.configid &&
    configsvn === last.configsvn &&
    size === last.size
  ) {
    return last;
  }
  const words = {
    flags: word64(flags),
    xfrm: word64(xfrm),
    knownFlags: word64(knownFlags),
    knownXfrm: word64(knownXfrm),
    allowedFlags: allowedFlags === null ? null : word64(allowedFlags),
    allowedXfrm: allowedXfrm === null ? null : word64(allowedXfrm),
    miscselect: miscselect === null ? null : word64(miscselect, 8),
    miscselectKnown: miscselect_known === null ? null : word64(miscselect_known, 8),
    cet: cet_attributes === null ? null : word64(cet_attributes, 2),
  };
  if (words.flags === null || words.xfrm === null || words.knownFlags === null || words.knownXfrm === null) return null;
  if (allowed !== null && (words.allowedFlags === null || words.allowedXfrm === null)) return null;
  if (miscselect !== null && words.miscselect === null) return null;
  if (miscselect_known !== null && words.miscselectKnown === null) return null;
  if ((cet_attributes !== null && words.cet === null) || (size !== null && word64(size) === null)) return null;
  if (configid !== null && !(typeof configid === "string" && /^[0-9a-f]{128}$/.test(configid))) return null;
  if (configsvn !== null && !(Number.isInteger(configsvn) && configsvn >= 0 && configsvn <= 0xffff)) return null;
  lastSecs = new TakenSecs(
    {
      attributes: Object.freeze({ flags, xfrm }),
      attributes_known: Object.freeze({ flags: knownFlags, xfrm: knownXfrm }),
      attributes_allowed:
        allowedFlags === null || allowedXfrm === null
          ? null
          : Object.freeze({ flags: allowedFlags, xfrm: allowedXfrm }),
      miscselect,
      miscselect_known,
      cet_attributes,
      configid,
      configsvn,
      size,
    },
    Object.freeze(words) as SecsWords,
  );
  Object.freeze(lastSecs);
  return lastSecs;
}
