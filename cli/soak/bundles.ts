/** The bundles of a soak: good ones, each of its own revision, and those that the daemon must refuse. */

import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PolicyBundle, shippedPolicy, signBundle } from "../../hooks/index.js";
import type { DaemonSettings } from "../bench/daemon-process.js";
import { type BundleFiles, packedWith, policyFiles } from "../bench/policy-files.js";
import { type PolicyKeys, policyKeys } from "../bench/policy-keys.js";
import { signedSigstruct, withListings } from "../bench/workload.js";
import type { Io } from "../io.js";
import { createProber, type Prober } from "./probes.js";

/** In the order in which they come, each after a good one. */
export const REFUSED = ["broken", "unsigned", "rolled_back", "stranger"] as const;
export type Refused = (typeof REFUSED)[number];

const SIGNERS = 100;

/** A daemon's folder with the first good bundle in it, of revision 1. */
export interface DaemonPlace {
  readonly settings: DaemonSettings;
  readonly bundle: string;
  /** File with the public key that the log's checkpoints are signed with. */
  readonly checkpointKey: string;
}

export class SoakBundles {
  readonly #keys: PolicyKeys = policyKeys();
  readonly prober: Prober;
  readonly #strangers: PolicyKeys = policyKeys();
  readonly #files: BundleFiles;
  /** Signer `turn` not listed, and listed. */
  readonly #good: readonly [PolicyBundle, PolicyBundle];
  /** With every signer that must never be allowed. */
  readonly #bad: PolicyBundle;

  private constructor(files: BundleFiles) {
    this.#files = files;
    this.prober = createProber(signedSigstruct());
    const policy = shippedPolicy({ profile: "strict" });
    const { turning, unlisted } = this.prober;
    this.#good = [withListings(policy, SIGNERS), withListings(policy, SIGNERS, [turning])];
    this.#bad = withListings(policy, SIGNERS, [turning, ...unlisted]);
  }

  static async make(io: Io): Promise<SoakBundles> {
    const [files] = await policyFiles([], io);
    if (files === undefined) throw new Error("the program has no built-in policy");
    return new SoakBundles(files);
  }

  async place(folder: string, given: Pick<DaemonSettings, "durability" | "keepFiles">): Promise<DaemonPlace> {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const bundle = join(folder, "policy.tar.gz");
    const checkpointKey = join(folder, "checkpoint-public.pem");
    const pair = generateKeyPairSync("ed25519", {
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    writeFileSync(bundle, await this.good(1), { mode: 0o600 });
    writeFileSync(checkpointKey, pair.publicKey, { mode: 0o600 });
    const keys = { publicKey: this.#keys.publicKey, checkpointKey: pair.privateKey };
    const settings = { ...given, ...keys, folder, bundles: [bundle], revisions: "rising" } as const;
    return { settings, bundle, checkpointKey };
  }

  /** Allows the signer `turn` where the revision is odd. */
  good(revision: number): Promise<Uint8Array> {
    const policy = this.#good[revision % 2 === 1 ? 1 : 0];
    return signBundle(packedWith(policy, this.#files, String(revision)), this.#keys.signing);
  }

  /** One that must be refused where a good one of a revision above 1 is in force. */
  async bad(kind: Refused, revision: number): Promise<Uint8Array> {
    const newer = packedWith(this.#bad, this.#files, String(revision));
    switch (kind) {
      case "unsigned":
        return newer;
      case "stranger":
        return signBundle(newer, this.#strangers.signing);
      case "rolled_back":
        return signBundle(packedWith(this.#bad, this.#files, "1"), this.#keys.signing);
      case "broken": {
        const whole = await signBundle(newer, this.#keys.signing);
        return whole.subarray(0, Math.floor(whole.length / 2));
      }
      default:
        return kind satisfies never;
    }
  }
}
