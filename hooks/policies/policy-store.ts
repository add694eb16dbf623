/**
 * PolicyStore: which policies are in force. Sources are read, verified, tried and then put in force together, as one
 * generation; whatever is wrong with them, what was in force stays, and nothing of what was refused is used.
 *
 * Each source counts as a whole: its policies take the place of those it had before, or none does. As long as one source
 * has never had a policy that counts, there is no generation, since what it would deny could be allowed.
 */

import { ConfigError, createPolicy, type PolicyBundle, PolicyError, type PolicyLimits } from "../../engine/index.js";
import { enter, faultsOf, type Ledger, type Overrides, type PolicyState, sameLedger } from "./ledger.js";
import type { PolicyRefusal } from "./refusal.js";
import { idOf, type LoadedPolicy, type PolicySource, readSource } from "./sources.js";
import { readStateFile, writeStateFile } from "./state-file.js";
import { type Watching, type WatchOptions, watchSources } from "./watch.js";

/** A policy in force, and where it is from. */
export interface ActivePolicy extends PolicyState {
  readonly source: string;
  /** Whether a signature vouches for it. */
  readonly verified: boolean;
  readonly keyId: string | null;
}

/** One immutable set: what an event is decided by from beginning to end. */
export interface PolicyGeneration<Ready> {
  /** Rises with every activation. */
  readonly generation: number;
  readonly bundles: readonly PolicyBundle[];
  readonly policies: readonly ActivePolicy[];
  /** What `prepare` made of them. */
  readonly ready: Ready;
}

/** For the audit log. */
export type PolicyEvent =
  | {
      readonly type: "policy_activated";
      readonly generation: number;
      readonly policies: readonly ActivePolicy[];
      /** What the operator had let pass. */
      readonly overrides: readonly (keyof Overrides)[];
    }
  /** `generation` is the one that stays in force; null: none is. */
  | { readonly type: "policy_refused"; readonly generation: number | null; readonly refusal: PolicyRefusal };

export interface PolicyStoreOptions<Ready> {
  /** At least one; all must allow. */
  readonly sources: readonly PolicySource[];
  /**
   * Makes ready what decides, such as a Gate, before anything is in force. What it throws is a refusal of all that is new.
   */
  readonly prepare: (bundles: readonly PolicyBundle[], generation: number) => Ready | Promise<Ready>;
  /** Lets go of what was prepared and is not taken after all. */
  readonly discard?: (ready: Ready) => void;
  /** Where the highest revisions are kept; null: in memory, so that a restart lets older policies in. */
  readonly stateFile: string | null;
  /** Default `rising`: an older revision, or another policy under the same one, is refused. See revision.ts for the order. */
  readonly revisions?: "rising" | "any";
  /** Every activation and every refusal, after it. Must not throw. */
  readonly onEvent?: (event: PolicyEvent) => void;
  readonly limits?: PolicyLimits;
  /** Of a bundle's file, and of what it unpacks to. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Unix seconds, for signatures that end. Default: the system's clock. */
  readonly now?: () => number;
  /** The number of the first generation. Default 1. */
  readonly firstGeneration?: number;
}

export interface ReloadResult<Ready> {
  /** What is in force now. */
  readonly active: PolicyGeneration<Ready> | null;
  /** Whether it is new. */
  readonly activated: boolean;
  readonly refusals: readonly PolicyRefusal[];
}

export interface PolicyStore<Ready> {
  /** What is in force; null: nothing is, and everything must be denied. */
  readonly active: PolicyGeneration<Ready> | null;
  /** Reads all sources again. One after another; never rejects for what sources are like. */
  reload(overrides?: Overrides): Promise<ReloadResult<Ready>>;
  /** Reloads when files change, until `close`. */
  watch(options?: WatchOptions): Promise<void>;
  /** Stops watching, and waits for a reload that is under way. What is in force stays. */
  close(): Promise<void>;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Opens a store and reads the sources for the first time. Look at `active`: it is null where a source was refused, which
 * `onEvent` has been told.
 *
 * Throws ConfigError: `option` without sources, or with two of the same id; `policy_state` where the state file is damaged.
 */
export async function openPolicyStore<Ready>(options: PolicyStoreOptions<Ready>): Promise<PolicyStore<Ready>> {
  const ids = options.sources.map(idOf);
  if (ids.length === 0) throw new ConfigError("option", "a policy store needs a source");
  if (new Set(ids).size !== ids.length) throw new ConfigError("option", "two policy sources are the same");
  const ledger = options.stateFile === null ? new Map() : await readStateFile(options.stateFile);
  const store = new Store(options, ledger);
  await store.reload();
  return store;
}

type Holdings = ReadonlyMap<string, readonly LoadedPolicy[]>;

class Store<Ready> implements PolicyStore<Ready> {
  readonly #options: PolicyStoreOptions<Ready>;
  #active: PolicyGeneration<Ready> | null = null;
  /** By source, the policies in force. */
  #holdings: Holdings = new Map();
  #ledger: Ledger;
  #turn: Promise<unknown> = Promise.resolve();
  #watching: Watching | null = null;

  constructor(options: PolicyStoreOptions<Ready>, ledger: Ledger) {
    this.#options = options;
    this.#ledger = ledger;
  }

  get active(): PolicyGeneration<Ready> | null {
    return this.#active;
  }

  reload(overrides: Overrides = {}): Promise<ReloadResult<Ready>> {
    const result = this.#turn.then(() => this.#reload(overrides));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async watch(options: WatchOptions = {}): Promise<void> {
    this.#watching?.stop();
    this.#watching = watchSources(this.#options.sources, () => void this.reload(), options);
    // Files may have changed since they were read: noted first, read after.
    await this.#watching.note();
    await this.reload();
  }

  async close(): Promise<void> {
    this.#watching?.stop();
    this.#watching = null;
    await this.#turn;
  }

  async #reload(overrides: Overrides): Promise<ReloadResult<Ready>> {
    await this.#watching?.note();
    const refusals: PolicyRefusal[] = [];
    let [holdings, ledger] = [this.#holdings, this.#ledger];
    for (const source of this.#options.sources) {
      const found = await this.#read(source, holdings, ledger, overrides);
      if ("refusals" in found) {
        refusals.push(...found.refusals);
        continue;
      }
      const id = idOf(source);
      holdings = new Map([...holdings, [id, found.policies]]);
      if (source.kind !== "made") ledger = enter(ledger, id, found.policies.map(stateOf));
    }
    const activated = await this.#activate(holdings, ledger, overrides, refusals);
    const generation = this.#active?.generation ?? null;
    for (const refusal of refusals) this.#options.onEvent?.({ type: "policy_refused", generation, refusal });
    return { active: this.#active, activated, refusals };
  }

  /** What a source has, read, verified, in order and loadable; or why it stays with what it had. */
  async #read(
    source: PolicySource,
    holdings: Holdings,
    ledger: Ledger,
    overrides: Overrides,
  ): Promise<{ readonly policies: readonly LoadedPolicy[] } | { readonly refusals: readonly PolicyRefusal[] }> {
    const { revisions = "rising", maxBytes = DEFAULT_MAX_BYTES, now = systemTime } = this.#options;
    const reading = await readSource(source, { time: now(), maxBytes });
    if ("refusals" in reading) return reading;
    const id = idOf(source);
    const before = holdings.get(id) ?? [];
    const policies = reading.policies.map((policy) => before.find((other) => isSame(policy, other)) ?? policy);
    if (source.kind !== "made") {
      const others = this.#options.sources.filter((other) => other.kind !== "made" && other !== source);
      const elsewhere = new Set(
        others.flatMap((other) => (holdings.get(idOf(other)) ?? []).map(({ bundle }) => bundle.name)),
      );
      const faults = faultsOf(id, policies.map(stateOf), ledger, elsewhere, { ...overrides, revisions });
      if (faults.length > 0) {
        return { refusals: faults.map((fault) => ({ ...fault, source: originOf(fault.policy, policies) ?? id })) };
      }
    }
    const refusals = policies
      .filter((policy) => !before.includes(policy))
      .flatMap((policy) => tryToLoad(policy, this.#options.limits));
    return refusals.length > 0 ? { refusals } : { policies };
  }

  /** Puts in force what is new, as a whole or not at all. Whether it did; why not goes to `refusals`. */
  async #activate(
    holdings: Holdings,
    ledger: Ledger,
    overrides: Overrides,
    refusals: PolicyRefusal[],
  ): Promise<boolean> {
    const { sources, prepare, discard, stateFile, firstGeneration = 1 } = this.#options;
    const lists = sources.map((source) => holdings.get(idOf(source)));
    // INVARIANT: a source without policies has been refused above, with its reason.
    if (lists.some((list) => list === undefined)) return false;
    const policies = lists.flatMap((list) => list ?? []);
    const inForce = sources.flatMap((source) => this.#holdings.get(idOf(source)) ?? []);
    const unchanged = policies.length === inForce.length && policies.every((policy, at) => policy === inForce[at]);
    if (this.#active !== null && unchanged) return false;

    const generation = this.#active === null ? firstGeneration : this.#active.generation + 1;
    const bundles = Object.freeze(policies.map(({ bundle }) => bundle));
    let ready: Ready;
    try {
      ready = await prepare(bundles, generation);
    } catch (error) {
      refusals.push({ ...refusalOf(error, "prepare_failed"), source: null, policy: null });
      return false;
    }
    // On disk before it is in force: what has once been in force is known after any crash.
    if (stateFile !== null && !sameLedger(ledger, this.#ledger)) {
      try {
        await writeStateFile(stateFile, ledger);
      } catch (error) {
        discard?.(ready);
        const message = `cannot write the policy state file ${stateFile}: ${messageOf(error)}`;
        refusals.push({ code: "state_unwritable", message, source: null, policy: null });
        return false;
      }
    }
    const active = Object.freeze(policies.map(activePolicy));
    [this.#holdings, this.#ledger] = [holdings, ledger];
    this.#active = Object.freeze({ generation, bundles, policies: active, ready });
    const given = (["allowRollback", "allowRemoval"] as const).filter((name) => overrides[name] === true);
    this.#options.onEvent?.({ type: "policy_activated", generation, policies: active, overrides: given });
    return true;
  }
}

/** Whether the one decides, is named and is vouched for as the other. */
function isSame(a: LoadedPolicy, b: LoadedPolicy): boolean {
  return (
    a.bundle.name === b.bundle.name &&
    a.bundle.revision === b.bundle.revision &&
    a.bundle.sha256 === b.bundle.sha256 &&
    a.origin === b.origin &&
    a.verified === b.verified &&
    a.keyId === b.keyId
  );
}

/** Loads the WASM once, so that what cannot be loaded shows in front of what it would replace. */
function tryToLoad({ bundle, origin }: LoadedPolicy, limits?: PolicyLimits): readonly PolicyRefusal[] {
  try {
    createPolicy(bundle, limits);
    return [];
  } catch (error) {
    return [{ ...refusalOf(error, "wasm_invalid"), source: origin, policy: stateOf({ bundle }) }];
  }
}

function refusalOf<Code extends string>(error: unknown, otherwise: Code) {
  return { code: error instanceof PolicyError ? error.code : otherwise, message: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stateOf({ bundle }: Pick<LoadedPolicy, "bundle">): PolicyState {
  const { name, revision, sha256 } = bundle;
  return { name, revision, sha256 };
}

function activePolicy(policy: LoadedPolicy): ActivePolicy {
  const { origin, verified, keyId } = policy;
  return Object.freeze({ ...stateOf(policy), source: origin, verified, keyId });
}

function originOf(policy: PolicyState | null, among: readonly LoadedPolicy[]): string | undefined {
  return among.find(({ bundle }) => bundle.name === policy?.name && bundle.sha256 === policy.sha256)?.origin;
}

function systemTime(): number {
  return Math.floor(Date.now() / 1000);
}
