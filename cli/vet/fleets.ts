/**
 * Would it launch there? The launch policies of named fleets, asked as a host asks them: natively, launched exactly as
 * signed, and as a KVM guest's, where the host knows only what ATTRIBUTEMASK pins. Both with a grant of PROVISIONKEY where
 * the enclave asks for it: whether a launcher gets one is no property of the enclave.
 */

import { basename } from "node:path";
import {
  ALL_BITS,
  createGate,
  decodeSigstruct,
  entrypointOf,
  type Gate,
  hex8,
  hex32,
  hex64,
  type LaunchEvent,
  type PolicyBundle,
  type SecsFields,
} from "../../hooks/index.js";
import type { EnclaveFile } from "../enclave-files.js";
import { CommandError, type Io } from "../io.js";
import { policiesFromOptions } from "../policy-options.js";

export const FLEET_ORIGINS = ["native", "kvm"] as const;

export type FleetOrigin = (typeof FLEET_ORIGINS)[number];

export interface Fleet {
  readonly name: string;
  readonly policy: PolicyBundle;
  readonly gate: Gate;
}

export interface FleetAnswer {
  readonly decision: "allow" | "deny";
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
}

/** What one fleet says of one enclave; null where nobody can know yet, since it is not signed. */
export type FleetAnswers = { readonly fleet: string } & Readonly<Record<FleetOrigin, FleetAnswer | null>>;

/**
 * `--fleet [NAME=]BUNDLE|DIR`. Without a name it is the bundle's own, or the folder's.
 * @throws CommandError exit 1 unreadable or two of one name, 3 no launch policy; PolicyError where it is invalid
 */
export async function fleetsFrom(given: readonly string[], io: Io): Promise<readonly Fleet[]> {
  const fleets = await Promise.all(given.map((text) => fleetFrom(text, io)));
  const twice = fleets.find(({ name }, at) => fleets.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined)
    throw new CommandError(1, `two fleets are called ${twice.name}: name them, as in --fleet NAME=BUNDLE`);
  return fleets;
}

async function fleetFrom(text: string, io: Io): Promise<Fleet> {
  const [, given, path = text] = /^([A-Za-z0-9][\w.-]*)=(.+)$/s.exec(text) ?? [];
  const [policy] = await policiesFromOptions({ policy: [path], data: [] }, io);
  if (policy === undefined) throw new TypeError("one policy is asked for");
  const asked = entrypointOf("enclave_init");
  if (!policy.entrypoints.includes(asked))
    throw new CommandError(3, `--fleet ${path} has no ${asked}, so it says nothing of launches`);
  // The name that every folder's bundle gets tells none from another.
  const name = given ?? (policy.name === "policy" ? basename(path) : policy.name);
  return { name, policy, gate: createGate({ policies: [policy], signatureCheck: "always" }) };
}

/** What the fleets say of an enclave at that time, in Unix seconds. */
export function askFleets(
  fleets: readonly Fleet[],
  { sigstruct, signed }: EnclaveFile,
  time: number,
): readonly FleetAnswers[] {
  return fleets.map(({ name, gate }) => ({
    fleet: name,
    native: signed ? ask(gate, eventOf("native", sigstruct, time)) : null,
    kvm: signed ? ask(gate, eventOf("kvm", sigstruct, time)) : null,
  }));
}

function ask(gate: Gate, event: LaunchEvent): FleetAnswer {
  const { decision, reasons } = gate.decide(event);
  return { decision, reasons: reasons.map(({ code, message }) => ({ code, message })) };
}

const ALL = { flags: hex64(ALL_BITS), xfrm: hex64(ALL_BITS) };

function eventOf(kind: FleetOrigin, bytes: Uint8Array, time: number): LaunchEvent {
  const { attributes, miscselect, cet_attributes } = decodeSigstruct(bytes);
  const provisionkey = (attributes.flags & PROVISIONKEY) !== 0n;
  const secs: SecsFields = {
    attributes: { flags: hex64(attributes.flags), xfrm: hex64(attributes.xfrm) },
    attributes_known: ALL,
    attributes_allowed: null,
    miscselect: hex32(miscselect),
    miscselect_known: hex32(0xffff_ffff),
    cet_attributes: hex8(cet_attributes),
    configid: null,
    configsvn: null,
    size: null,
  };
  return {
    v: 1,
    hook: "enclave_init",
    id: null,
    time,
    origin: { kind, enforcement: "kernel", process: null, vm: null, guest: null },
    platform: { flc: null, lepubkeyhash: null },
    grants: { provisionkey: { granted: provisionkey, how: provisionkey ? "config" : null } },
    sigstruct: bytes,
    token: null,
    secs: kind === "native" ? secs : null,
    deadline_ms: null,
    synthetic: true,
  };
}

const PROVISIONKEY = 1n << 4n;
