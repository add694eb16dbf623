/**
 * The policies in force and the gate that decides by them: made, tried, put in the place of the last one, or refused, which
 * changes nothing. One generation is one gate; what it began, it ends.
 */

import { join } from "node:path";
import { policyModuleNames } from "../../hooks/gate.js";
import type { PolicyBundle } from "../../hooks/index.js";
import {
  ConfigError,
  createGuardedGate,
  type GuardedGate,
  type Overrides,
  openPolicyStore,
  type PolicyEvent,
  type PolicyGeneration,
  type PolicySource,
  type PolicyStore,
  Recent,
  shippedPolicy,
  type Verification,
  verificationKeys,
} from "../../hooks/index.js";
import { type Watching, watchSources } from "../../hooks/policies/watch.js";
import { readBytes } from "../files.js";
import { readDataFile } from "../policy/data-files.js";
import type { Config, PolicyConfig, VerifyConfig } from "./config.js";

const STATE_FILE = "policies.json";

export interface PoliciesOptions {
  readonly config: Config;
  /** Once what it says holds. Must not throw. */
  readonly onEvent: (event: PolicyEvent) => void;
}

/** What has become of a reload. */
export interface Reloaded {
  readonly activated: boolean;
  readonly refused: number;
}

export class Policies {
  readonly #onEvent: PoliciesOptions["onEvent"];
  readonly #recent = new Recent();
  #config: Config;
  #store: PolicyStore<GuardedGate> | null = null;
  #watching: Watching | null = null;
  #generation = 0;
  #closing = new Set<Promise<void>>();
  /** What decides; null: no policy has ever been in force. */
  gate: GuardedGate | null = null;

  private constructor({ config, onEvent }: PoliciesOptions) {
    this.#config = config;
    this.#onEvent = onEvent;
  }

  /**
   * Loads the policies, and goes on without any where they are refused.
   * @throws ConfigError where the state file or the configuration is at fault; CommandError where a key cannot be read
   */
  static async open(options: PoliciesOptions, overrides: Overrides): Promise<Policies> {
    const policies = new Policies(options);
    policies.#store = await policies.#open(options.config);
    if (overrides.allowRollback === true || overrides.allowRemoval === true) await policies.#store.reload(overrides);
    await policies.#watch();
    return policies;
  }

  get active(): PolicyGeneration<GuardedGate> | null {
    return this.#store?.active ?? null;
  }

  /** Reads everything again, whether it has changed or not; what has not is not put in force again. */
  async reload(): Promise<Reloaded> {
    const result = await this.#store?.reload();
    return { activated: result?.activated ?? false, refused: result?.refusals.length ?? 0 };
  }

  /**
   * The same by another configuration. Where it cannot be put in force, the last one stays.
   * @throws as `open`; the last configuration holds
   */
  async configure(config: Config): Promise<Reloaded> {
    this.#watching?.stop();
    await this.#store?.close();
    let refused = 0;
    try {
      const next = await this.#open(config, () => {
        refused += 1;
      });
      if (next.active !== null) {
        this.#config = config;
        this.#store = next;
        return { activated: true, refused };
      }
      await next.close();
      return { activated: false, refused };
    } finally {
      await this.#watch();
    }
  }

  /** Lets what has begun come to its end, and ends the threads. */
  async close(): Promise<void> {
    this.#watching?.stop();
    await this.#store?.close();
    await Promise.all([this.gate?.close(), ...this.#closing]);
  }

  async #open(config: Config, refused: () => void = () => undefined): Promise<PolicyStore<GuardedGate>> {
    let ready: GuardedGate | null = null;
    return openPolicyStore<GuardedGate>({
      sources: sourcesOf(config.policies),
      stateFile: join(config.state_directory, STATE_FILE),
      revisions: config.revisions,
      firstGeneration: this.#generation + 1,
      prepare: async (bundles, generation) => {
        ready = await gateOf(config, bundles, generation, this.#recent);
        return ready;
      },
      discard: (gate) => void gate.close(),
      onEvent: (event) => {
        if (event.type === "policy_refused") refused();
        // INVARIANT: nothing else is prepared between this store's preparing a gate and saying that it is in force.
        else if (ready !== null) this.#putInForce(ready);
        this.#onEvent(event);
      },
    });
  }

  #putInForce(gate: GuardedGate): void {
    const last = this.gate;
    this.gate = gate;
    this.#generation = gate.generation;
    if (last === null) return;
    const closing = last.close();
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }

  async #watch(): Promise<void> {
    await this.#store?.watch();
    const files = this.#config.policies.flatMap((policy) => ("builtin" in policy ? policy.data : []));
    const sources = files.map((path): PolicySource => ({ kind: "file", path, verify: null }));
    this.#watching = sources.length === 0 ? null : watchSources(sources, () => void this.#store?.reload());
    await this.#watching?.note();
  }
}

/** @throws ConfigError, PolicyError, Error where the gate cannot be made */
export async function gateOf(
  { modules, deadline_ms, evaluators }: Config,
  policies: readonly PolicyBundle[],
  generation: number,
  recent: Recent = new Recent(),
): Promise<GuardedGate> {
  const names = policyModuleNames(policies);
  return createGuardedGate({
    policies,
    generation,
    recent,
    lockdown: modules.lockdown,
    order: modules.order.flatMap((name) => (name === "policy" ? names : [name])),
    permissive: modules.permissive.flatMap((name) => (name === "policy" ? names : [name])),
    deadlineMs: deadline_ms,
    evaluators: evaluators.threads,
    maxQueued: evaluators.queue,
    evaluatorHeapMb: evaluators.heap_mb,
  });
}

/** @throws CommandError, ConfigError where a key is none */
export function sourcesOf(policies: readonly PolicyConfig[]): readonly PolicySource[] {
  return policies.map((policy, at): PolicySource => {
    if ("bundle" in policy) return { kind: "file", path: policy.bundle, verify: verificationOf(policy.verify) };
    if ("directory" in policy)
      return { kind: "directory", path: policy.directory, verify: verificationOf(policy.verify) };
    const { builtin: profile, data } = policy;
    const id = at === 0 ? `builtin:${profile}` : `builtin:${profile}:${at}`;
    return { kind: "made", id, make: () => shippedPolicy({ profile, data: data.map(readDataFile) }) };
  });
}

function verificationOf(verify: VerifyConfig | "none"): Verification | null {
  if (verify === "none") return null;
  const { key, algorithm, key_id: keyId, scope } = verify;
  const options = { ...(algorithm === undefined ? {} : { algorithm }), ...(keyId === undefined ? {} : { keyId }) };
  const text = new TextDecoder().decode(readBytes(key));
  try {
    return { keys: verificationKeys(text, options), ...(scope === undefined ? {} : { scope }) };
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(error.code, `${key}: ${error.message}`);
    throw error;
  }
}
