/**
 * Variants of what the source of an event knows: the SECS, the origin, grants, the platform, the time. Truth: the LaunchEvent
 * schema (policies/schema/event.schema.json); for the SECS, Intel SDM vol. 3D.
 */

import {
  ALL_BITS,
  type AttributeBit,
  hex32,
  type LaunchEvent,
  pinned,
  type SecsFields,
  type Sigstruct,
} from "../../../hooks/index.js";
import type { Limits } from "./limits.js";
import { directionOf, flipped, hasBit, numbers, type Parent, type Variant, variant, words } from "./variant.js";
import { BITS } from "./variants-sigstruct.js";

export function factVariants(parent: Parent, limits: Limits): readonly Variant[] {
  const { event } = parent;
  return [
    ...secsVariants(parent),
    ...originVariants(parent),
    ...grantVariants(parent),
    ...lepubkeyhashVariants(event),
    ...timeVariants(event, limits),
  ];
}

/** ECREATE sets these itself, whatever anybody asks. */
const FIXED: ReadonlySet<AttributeBit> = new Set<AttributeBit>(["init", "x87", "sse"]);

/** What the launcher may choose: bits that the SIGSTRUCT leaves free, the bounds of those unknown, CONFIGID and CONFIGSVN. */
function secsVariants({ event, sigstruct }: Parent): readonly Variant[] {
  const { secs } = event;
  if (secs === null) return [];
  const changed = (fields: Partial<SecsFields>): LaunchEvent => ({ ...event, secs: { ...secs, ...fields } });
  const free = BITS.filter((bit) => !FIXED.has(bit) && (sigstruct === null || pinned(sigstruct, bit) === "free"));
  const known = free.filter((bit) => hasBit(numbers(secs.attributes_known), bit));
  return [
    ...known.map((bit) => {
      const attributes = numbers(secs.attributes);
      const on = !hasBit(attributes, bit);
      const what = `the launch ${on ? "gains" : "loses"} ${bit.toUpperCase()}, which the SIGSTRUCT leaves free`;
      const after = changed({ attributes: words(flipped(attributes, bit)) });
      return variant(`secs.attributes.bits.${bit}`, on ? "on" : "off", directionOf(bit, on), what, after);
    }),
    ...boundVariants(secs, free, changed),
    ...configVariants(secs, changed),
  ];
}

type Changed = (fields: Partial<SecsFields>) => LaunchEvent;

function boundVariants(secs: SecsFields, free: readonly AttributeBit[], changed: Changed): readonly Variant[] {
  const { attributes_allowed: allowed, attributes_known: known } = secs;
  if (allowed === null) return [];
  return free
    .filter((bit) => !hasBit(numbers(known), bit))
    .map((bit) => {
      const on = !hasBit(numbers(allowed), bit);
      const what = `the platform ${on ? "grants" : "does not grant"} ${bit.toUpperCase()}`;
      const after = changed({ attributes_allowed: words(flipped(numbers(allowed), bit)) });
      return variant(`secs.attributes_allowed.bits.${bit}`, on ? "on" : "off", directionOf(bit, on), what, after);
    });
}

function configVariants({ configid, configsvn }: SecsFields, changed: Changed): readonly Variant[] {
  const ids = configid === null ? [] : [`${configid.startsWith("0") ? "1" : "0"}${configid.slice(1)}`];
  const svns = configsvn === null ? [] : [configsvn - 1, configsvn + 1].filter((svn) => svn >= 0 && svn <= 0xffff);
  return [
    ...ids.map((id) => variant("secs.configid", "other", "other", "CONFIGID differs", changed({ configid: id }))),
    ...svns.map((svn) => {
      const direction = svn < (configsvn ?? 0) ? "weaker" : "stronger";
      const what = `CONFIGSVN ${configsvn} becomes ${svn}`;
      return variant("secs.configsvn", String(svn), direction, what, changed({ configsvn: svn }));
    }),
  ];
}

/** Where nobody knows a VM, and one is needed. */
const SOME_VM = { id: "variant", name: null };

function originVariants({ event, sigstruct }: Parent): readonly Variant[] {
  const { hook, origin } = event;
  const others: Variant[] = [];
  if (origin.vm !== null) {
    const vm = { id: origin.vm.id === SOME_VM.id ? "other" : SOME_VM.id, name: null };
    const after = { ...event, origin: { ...origin, vm } };
    others.push(variant("origin.vm.id", "other", "other", "it comes from another VM", after));
  }
  // Of the other hooks, each belongs to one kind of origin.
  if (hook !== "enclave_init" && hook !== "enclave_provision") return others;
  if (origin.kind !== "kvm") {
    const what = "the launch comes from a KVM guest: nobody sees its SECS or its launch enclave hash";
    others.push(variant("origin.kind", "kvm", "other", what, asGuest(event)));
  }
  if (origin.kind !== "native") {
    const what = "the launch is native: all of its SECS is known, and there is no token";
    others.push(variant("origin.kind", "native", "other", what, asNative(event, sigstruct)));
  }
  return others;
}

function asGuest(event: LaunchEvent): LaunchEvent {
  return {
    ...event,
    origin: { ...event.origin, kind: "kvm", vm: event.origin.vm ?? SOME_VM },
    platform: { ...event.platform, lepubkeyhash: null },
    secs: null,
  };
}

const ALL = { flags: ALL_BITS, xfrm: ALL_BITS };
const INIT = 1n;

/** The SECS that the SIGSTRUCT asks for; what was known of another is kept where it has none. */
function asNative(event: LaunchEvent, sigstruct: Sigstruct | null): LaunchEvent {
  const { attributes, miscselect } = sigstruct ?? { attributes: null, miscselect: 0 };
  return {
    ...event,
    origin: { ...event.origin, kind: "native", vm: null, guest: null },
    token: null,
    secs:
      attributes === null
        ? event.secs
        : {
            attributes: words({ ...attributes, flags: attributes.flags & ~INIT }),
            attributes_known: words(ALL),
            attributes_allowed: null,
            miscselect: hex32(miscselect),
            miscselect_known: hex32(0xffff_ffff),
            cet_attributes: null,
            configid: null,
            configsvn: null,
            size: null,
          },
  };
}

/** A grant means something only to a launch that may have PROVISIONKEY. */
function grantVariants({ event, sigstruct }: Parent): readonly Variant[] {
  const granted = !event.grants.provisionkey.granted;
  const after = { ...event, grants: { provisionkey: { granted, how: granted ? ("config" as const) : null } } };
  const used = sigstruct === null || pinned(sigstruct, "provisionkey") !== "off";
  const what = `PROVISIONKEY is ${granted ? "" : "not "}granted`;
  const direction = granted ? (used ? "weaker" : "other") : "stronger";
  return [variant("grants.provisionkey", granted ? "granted" : "removed", direction, what, after)];
}

function lepubkeyhashVariants(event: LaunchEvent): readonly Variant[] {
  const { platform } = event;
  const changed = (change: string, what: string, lepubkeyhash: string | null): Variant =>
    variant("platform.lepubkeyhash", change, "other", what, { ...event, platform: { ...platform, lepubkeyhash } });
  const { lepubkeyhash: hash } = platform;
  if (hash === null) return [changed("other", "the launch enclave hash is nobody's", "0".repeat(64))];
  return [
    changed("other", "the launch enclave hash differs", `${hash.startsWith("0") ? "1" : "0"}${hash.slice(1)}`),
    changed("unknown", "the launch enclave hash is not known", null),
  ];
}

/** What an event can say: 1970 and the end of 9999. */
const MIN_TIME = 0;
const MAX_TIME = 253_402_300_799;

function timeVariants(event: LaunchEvent, { times }: Limits): readonly Variant[] {
  const instants = times.flatMap((time) => [time - 1, time, time + 1]);
  const all = [...new Set([MIN_TIME, MAX_TIME, ...instants])];
  return all
    .filter((time) => time >= MIN_TIME && time <= MAX_TIME && time !== event.time)
    .map((time) => {
      const what = `it is ${new Date(time * 1000).toISOString().replace(".000Z", "Z")}`;
      return variant("time", String(time), "other", what, { ...event, time });
    });
}
