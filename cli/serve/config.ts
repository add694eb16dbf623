/**
 * The daemon's configuration: what a file says, and what holds where it says nothing. Truth: the configuration schema
 * (policies/schema/config.schema.json), which the file is checked against before it comes here.
 */

import { statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import type { LockdownLevel, Origin, SignatureAlgorithm } from "../../hooks/index.js";
import { readBytes } from "../files.js";
import { CommandError, type Io } from "../io.js";
import { type Fault, type FilePath, faultsText, parseSchemaFile } from "../schema-file.js";
import { groupId, userId } from "./accounts.js";

const CONFIG_FILE = "/etc/launchgate/launchgate.yaml";
const MAX_CONFIG_BYTES = 1024 * 1024;

export type ClaimName = "process" | "guest" | "enforcement" | "provisionkey";

export interface ListenerConfig {
  readonly path: string;
  /** Where systemd hands over a socket of this FileDescriptorName=, that one is listened at in place of the path. */
  readonly name: string;
  /** `"0660"`. */
  readonly mode: string;
  readonly owner: number | null;
  readonly group: number | null;
  readonly origin: Exclude<Origin["kind"], "file">;
  readonly enforcement: Origin["enforcement"];
  readonly vm: Origin["vm"];
  /** `if_available`: without koffi nobody knows who asks, and nobody may claim anything or prove a grant. */
  readonly identity: "required" | "if_available";
  /** Who may ask; null: whoever can connect. A peer is let in by its user or its group. */
  readonly peers: { readonly uids: readonly number[]; readonly gids: readonly number[] } | null;
  /** How PROVISIONKEY is granted here: by a descriptor that proves it, to everybody, or not at all. */
  readonly provisionkey: "fd" | "vm-cap" | "config" | "none";
  /** The users who may say something other than what the kernel and this listener say. */
  readonly may_claim: Readonly<Record<ClaimName, readonly number[]>>;
  readonly hold_ms: number;
  readonly limits: { readonly connections: number; readonly connections_per_peer: number; readonly in_flight: number };
}

export interface VerifyConfig {
  readonly key: string;
  readonly algorithm?: SignatureAlgorithm;
  readonly key_id?: string;
  readonly scope?: string;
}

export type PolicyConfig =
  | { readonly builtin: "strict" | "baseline" | "open"; readonly data: readonly string[] }
  | { readonly bundle: string; readonly verify: VerifyConfig | "none" }
  | { readonly directory: string; readonly verify: VerifyConfig | "none" };

interface AuditConfig {
  readonly directory: string;
  readonly durability: "before" | "after";
  readonly on_failure: "close" | "open";
  readonly rotate_bytes: number;
  readonly rotate_seconds: number;
  readonly keep_files: number | null;
  readonly checkpoint_records: number;
  readonly checkpoint_seconds: number;
  readonly checkpoint_key: string | null;
  readonly sync_ms: number;
  readonly max_lag: number;
  readonly accept_damage: boolean;
}

/** What holds, every key of it said. */
export interface Config {
  readonly version: 1;
  readonly listeners: readonly ListenerConfig[];
  readonly policies: readonly PolicyConfig[];
  readonly revisions: "rising" | "any";
  readonly modules: {
    /** `policy` stands for all policies. */
    readonly order: readonly string[];
    readonly permissive: readonly string[];
    readonly lockdown: LockdownLevel;
  };
  readonly deadline_ms: number;
  readonly evaluators: { readonly threads: number; readonly queue: number; readonly heap_mb: number };
  readonly audit: AuditConfig;
  readonly metrics: { readonly listen: string | null };
  readonly control: string;
  readonly state_directory: string;
  readonly devices: { readonly sgx_provision: string };
  /** How long what is in flight may take once the daemon is told to end. */
  readonly shutdown_ms: number;
}

/** The same as people write it. */
interface ConfigText {
  readonly version: 1;
  readonly listeners?: readonly ListenerText[];
  readonly policies?: readonly PolicyText[];
  readonly revisions?: Config["revisions"];
  readonly modules?: Partial<Config["modules"]>;
  readonly deadline_ms?: number;
  readonly evaluators?: Partial<Config["evaluators"]>;
  readonly audit?: Partial<AuditConfig>;
  readonly metrics?: Partial<Config["metrics"]>;
  readonly control?: string;
  readonly state_directory?: string;
  readonly devices?: Partial<Config["devices"]>;
  readonly shutdown_ms?: number;
}

interface ListenerText
  extends Partial<Omit<ListenerConfig, "owner" | "group" | "vm" | "peers" | "may_claim" | "limits">> {
  readonly path: string;
  readonly owner?: string | number;
  readonly group?: string | number;
  readonly vm?: { readonly id: string; readonly name?: string };
  readonly peers?: { readonly uids?: readonly number[]; readonly gids?: readonly number[] };
  readonly may_claim?: Partial<ListenerConfig["may_claim"]>;
  readonly limits?: Partial<ListenerConfig["limits"]>;
}

interface PolicyText {
  readonly builtin?: "strict" | "baseline" | "open";
  readonly data?: readonly string[];
  readonly bundle?: string;
  readonly directory?: string;
  readonly verify?: VerifyConfig | "none";
}

/** Where things are when nobody says: systemd's folders, root's, or the user's own. */
interface Places {
  readonly runtime: string;
  readonly state: string;
}

const MODULES = ["architecture", "capability", "policy", "lockdown"] as const;
const ENFORCEMENT = { native: "library", kvm: "kernel", "guest-agent": "agent" } as const;
const LIMITS = { connections: 4096, connections_per_peer: 2048, in_flight: 1024 } as const;
const NO_CLAIMS: ListenerConfig["may_claim"] = { process: [], guest: [], enforcement: [], provisionkey: [] };

/** @throws CommandError exit 1 where the system has no such place */
function placesOf(env: Io["env"], uid: number): Places {
  const first = (name: string): string | undefined => env[name]?.split(":", 1)[0] || undefined;
  const xdgRuntime = first("XDG_RUNTIME_DIR");
  const runtime =
    first("RUNTIME_DIRECTORY") ??
    (uid === 0 ? "/run/launchgate" : xdgRuntime === undefined ? undefined : join(xdgRuntime, "launchgate"));
  if (runtime === undefined) {
    throw new CommandError(1, "there is no place for sockets: set XDG_RUNTIME_DIR or RUNTIME_DIRECTORY");
  }
  const state =
    first("STATE_DIRECTORY") ??
    (uid === 0
      ? "/var/lib/launchgate"
      : join(first("XDG_STATE_HOME") ?? join(first("HOME") ?? homedir(), ".local/state"), "launchgate"));
  return { runtime, state };
}

/** A configuration, and what it was read from; null: nothing, and the embedded defaults hold. */
export interface ReadConfig {
  readonly file: string | null;
  readonly config: Config;
}

/**
 * The configuration in a file; without a name, in the usual place, or the embedded defaults where there is none.
 * @throws CommandError exit 1 unreadable, 3 where it is wrong, with file, line and column of all that is
 */
export function readConfig(named: string | undefined, io: Pick<Io, "env">): ReadConfig {
  const places = placesOf(io.env, process.getuid?.() ?? 0);
  const file = named ?? (statSync(CONFIG_FILE, { throwIfNoEntry: false }) === undefined ? null : CONFIG_FILE);
  if (file === null) return { file, config: configOf({ version: 1 }, places) };
  const parsed = parseSchemaFile<ConfigText>(file, readBytes(file), {
    schema: "config",
    whole: "the configuration",
    maxBytes: MAX_CONFIG_BYTES,
  });
  const faults = "faults" in parsed ? parsed.faults : faultsIn(parsed.value, places, parsed.faultAt);
  if ("faults" in parsed || faults.length > 0) {
    throw new CommandError(3, faultsText("the configuration is refused:", faults));
  }
  return { file, config: configOf(parsed.value, places) };
}

function configOf(text: ConfigText, { runtime, state }: Places): Config {
  const stateDirectory = text.state_directory ?? state;
  const { modules, evaluators, audit, metrics, devices } = text;
  return {
    version: 1,
    listeners: (text.listeners ?? [{ path: join(runtime, "gate.sock") }]).map(listenerOf),
    policies: (text.policies ?? [{ builtin: "strict" }]).map(policyOf),
    revisions: text.revisions ?? "rising",
    modules: { order: MODULES, permissive: [], lockdown: "none", ...modules },
    deadline_ms: text.deadline_ms ?? 2000,
    evaluators: { threads: 2, queue: 1024, heap_mb: 64, ...evaluators },
    audit: {
      directory: join(stateDirectory, "audit"),
      durability: "before",
      on_failure: "close",
      rotate_bytes: 256 * 1024 * 1024,
      rotate_seconds: 86_400,
      keep_files: null,
      checkpoint_records: 1000,
      checkpoint_seconds: 60,
      checkpoint_key: null,
      sync_ms: 1000,
      max_lag: 65_536,
      accept_damage: false,
      ...audit,
    },
    metrics: { listen: null, ...metrics },
    control: text.control ?? join(runtime, "control.sock"),
    state_directory: stateDirectory,
    devices: { sgx_provision: "/sys/class/misc/sgx_provision/dev", ...devices },
    shutdown_ms: text.shutdown_ms ?? 5000,
  };
}

function listenerOf(text: ListenerText): ListenerConfig {
  const { path, mode = "0600", owner, group, origin = "native", vm, peers, may_claim, limits } = text;
  const needsIdentity = peers !== undefined || may_claim !== undefined || text.provisionkey === "fd";
  return {
    path,
    name: nameOf(text),
    mode,
    owner: owner === undefined ? null : userId(owner),
    group: group === undefined ? null : groupId(group),
    origin,
    enforcement: text.enforcement ?? ENFORCEMENT[origin],
    vm: vm === undefined ? null : { id: vm.id, name: vm.name ?? null },
    identity: text.identity ?? (needsIdentity ? "required" : "if_available"),
    peers: peers === undefined ? null : { uids: peers.uids ?? [], gids: peers.gids ?? [] },
    provisionkey: text.provisionkey ?? (origin === "native" ? "fd" : "none"),
    may_claim: { ...NO_CLAIMS, ...may_claim },
    hold_ms: text.hold_ms ?? 0,
    limits: { ...LIMITS, ...limits },
  };
}

function nameOf({ name, path }: ListenerText): string {
  return name ?? basename(path, ".sock");
}

function policyOf({ builtin, data = [], bundle, directory, verify = "none" }: PolicyText): PolicyConfig {
  if (bundle !== undefined) return { bundle, verify };
  if (directory !== undefined) return { directory, verify };
  return { builtin: builtin ?? "strict", data };
}

/** What the schema cannot say. */
function faultsIn(
  text: ConfigText,
  places: Places,
  faultAt: (path: FilePath, message: string) => Fault,
): readonly Fault[] {
  const faults: Fault[] = [];
  const fault = (path: FilePath, message: string): unknown => faults.push(faultAt(path, message));
  const names = new Set<string>();
  const paths = new Map<string, string>([[text.control ?? join(places.runtime, "control.sock"), "control"]]);
  for (const [at, listener] of (text.listeners ?? []).entries()) {
    const where = ["listeners", at] as const;
    const other = paths.get(listener.path);
    if (other !== undefined) fault([...where, "path"], `listeners[${at}].path is that of ${other} already`);
    paths.set(listener.path, `listeners[${at}]`);
    if (names.has(nameOf(listener))) {
      fault(
        [...where, "name"],
        `listeners[${at}] has the name ${nameOf(listener)}, as another has; give it a key name`,
      );
    }
    names.add(nameOf(listener));
    const { origin = "native", vm, provisionkey, identity, peers, may_claim, owner, group } = listener;
    if (origin === "native" && vm !== undefined) {
      fault([...where, "vm"], `listeners[${at}].vm is for the origins kvm and guest-agent, the origin is native`);
    }
    if (origin !== "native" && vm === undefined) {
      fault(where, `listeners[${at}] has the origin ${origin} and lacks the key vm: a VM is known by its socket`);
    }
    if (origin !== "native" && provisionkey === "fd") {
      fault([...where, "provisionkey"], `listeners[${at}].provisionkey is fd, which proves nothing for a VM`);
    }
    const claimed = Object.values(may_claim ?? {}).some((uids) => uids.length > 0);
    if (identity === "if_available" && (peers !== undefined || claimed)) {
      fault([...where, "identity"], `listeners[${at}] has peers or may_claim, which need identity: required`);
    }
    for (const [key, value, find] of [
      ["owner", owner, userId],
      ["group", group, groupId],
    ] as const) {
      if (value === undefined) continue;
      try {
        find(value);
      } catch (error) {
        fault([...where, key], `listeners[${at}].${key}: ${(error as Error).message}`);
      }
    }
  }
  for (const [at, policy] of (text.policies ?? []).entries()) {
    const where = ["policies", at] as const;
    const kinds = (["builtin", "bundle", "directory"] as const).filter((kind) => policy[kind] !== undefined);
    if (kinds.length !== 1) {
      fault(
        where,
        `policies[${at}] has ${kinds.join(" and ") || "no source"}, expected one of builtin, bundle, directory`,
      );
      continue;
    }
    const isBuiltin = policy.builtin !== undefined;
    if (isBuiltin && policy.verify !== undefined) {
      fault([...where, "verify"], `policies[${at}].verify is for bundles; the built-in policy comes with the program`);
    }
    if (!isBuiltin && policy.data !== undefined) {
      fault([...where, "data"], `policies[${at}].data is for the built-in policy; build the data into the bundle`);
    }
    if (!isBuiltin && policy.verify === undefined) {
      fault(where, `policies[${at}] lacks the key verify: {key: FILE}, or none where no signature is wanted`);
    }
  }
  const order = text.modules?.order;
  if (order !== undefined) {
    for (const name of MODULES) {
      const isThere = order.some((given) => given === name || (name === "policy" && given.startsWith("policy:")));
      if (!isThere) fault(["modules", "order"], `modules.order lacks the module ${name}`);
    }
  }
  return faults;
}
