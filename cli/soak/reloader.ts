/** Puts one bundle after the other in the place of the daemon's, good and bad in turn, and waits for what becomes of each. */

import { setTimeout } from "node:timers/promises";
import { type DaemonProcess, replaceFile } from "../bench/daemon-process.js";
import { REFUSED, type SoakBundles } from "./bundles.js";

export interface ReloadReport {
  readonly reloads: number;
  readonly activated: number;
  /** By what was wrong. */
  readonly refused: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

const WAIT_MS = 60_000;
const POLL_MS = 5;
const MAX_FAULTS = 20;

export class Reloader {
  readonly #daemon: DaemonProcess;
  readonly #bundles: SoakBundles;
  readonly #file: string;
  readonly #refused = new Map<string, number>();
  readonly #faults: string[] = [];
  #revision: number;
  #reloads = 0;
  #activated = 0;

  /** `revision` is the one in force. */
  constructor(daemon: DaemonProcess, bundles: SoakBundles, file: string, revision: number) {
    this.#daemon = daemon;
    this.#bundles = bundles;
    this.#file = file;
    this.#revision = revision;
  }

  /** The next: a good one, or what must be refused. */
  async step(): Promise<void> {
    const at = this.#reloads;
    this.#reloads += 1;
    if (at % 2 === 0) await this.#good();
    else await this.#bad(REFUSED[Math.floor(at / 2) % REFUSED.length] as (typeof REFUSED)[number]);
  }

  report(): ReloadReport {
    return {
      reloads: this.#reloads,
      activated: this.#activated,
      refused: Object.fromEntries(this.#refused),
      faults: this.#faults,
    };
  }

  async #good(): Promise<void> {
    this.#revision += 1;
    const { generation } = await this.#daemon.status();
    replaceFile(this.#file, await this.#bundles.good(this.#revision));
    this.#daemon.reload();
    const now = await this.#until((status) => status.generation > generation);
    const revision = now?.policies[0]?.revision;
    if (revision === String(this.#revision)) this.#activated += 1;
    else this.#fault(`revision ${this.#revision} was not put in force: ${revision} is`);
  }

  async #bad(kind: (typeof REFUSED)[number]): Promise<void> {
    const { generation, reloads } = await this.#daemon.status();
    replaceFile(this.#file, await this.#bundles.bad(kind, this.#revision + 1000));
    this.#daemon.reload();
    const now = await this.#until((status) => status.reloads.refused > reloads.refused);
    if (now === null) this.#fault(`a bundle that is ${kind} was not refused`);
    else if (now.generation !== generation) this.#fault(`a bundle that is ${kind} was put in force`);
    else this.#refused.set(kind, (this.#refused.get(kind) ?? 0) + 1);
  }

  /** Null where it never came so. */
  async #until(
    holds: (status: Awaited<ReturnType<DaemonProcess["status"]>>) => boolean,
  ): Promise<Awaited<ReturnType<DaemonProcess["status"]>> | null> {
    for (const until = performance.now() + WAIT_MS; performance.now() < until; await setTimeout(POLL_MS)) {
      const status = await this.#daemon.status();
      if (holds(status)) return status;
    }
    return null;
  }

  #fault(text: string): void {
    if (this.#faults.length < MAX_FAULTS) this.#faults.push(text);
  }
}
