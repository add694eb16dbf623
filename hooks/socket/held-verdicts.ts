/**
 * Verdicts that the daemon lets an asker use again: for the same request, for so long, until they are revoked. Truth:
 * protocol.md beside this file, "Holding verdicts". None outlives its connection, since a revocation could then not arrive.
 */

import { hash } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { ClientVerdict } from "./client-verdict.js";

interface Held {
  readonly verdict: ClientVerdict;
  readonly until: number;
}

export class HeldVerdicts {
  readonly #max: number;
  readonly #held = new Map<string, Held>();

  constructor(max: number) {
    this.#max = max;
  }

  /** What tells requests apart that may share a verdict: all of the body but id and deadline; null where none is held. */
  keyOf(body: Buffer): string | null {
    if (this.#max === 0) return null;
    const same = Buffer.from(body);
    same.fill(0, 0, 8).fill(0, 16, 20);
    return hash("sha256", same, "base64");
  }

  get(key: string): ClientVerdict | null {
    const held = this.#held.get(key);
    if (held === undefined) return null;
    if (performance.now() < held.until) return held.verdict;
    this.#held.delete(key);
    return null;
  }

  /** From when it was asked: the daemon's own clock began no earlier. */
  keep(key: string, verdict: ClientVerdict, askedAt: number): void {
    if (verdict.hold_ms === 0) return;
    if (this.#held.size >= this.#max) {
      const [oldest] = this.#held.keys();
      if (oldest !== undefined) this.#held.delete(oldest);
    }
    this.#held.set(key, { verdict, until: askedAt + verdict.hold_ms });
  }

  /** Forgets what generations before this one have said. */
  revoke(generation: number): void {
    for (const [key, { verdict }] of this.#held) if (verdict.generation < generation) this.#held.delete(key);
  }

  clear(): void {
    this.#held.clear();
  }
}
