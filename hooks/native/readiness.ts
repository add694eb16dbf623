/**
 * Waiting until sockets can be read, without reading them: Node has no call for it. All who wait share one poll(2), and so
 * one thread of libuv's pool, however many there are and whatever they do.
 */

import { closeSync, readSync, writeSync } from "node:fs";
import type { SystemCalls } from "./ffi.js";

interface Waiter {
  /** Null: closed, and its number may be another's by now. */
  readonly descriptor: () => number | null;
  readonly until: number;
  readonly done: (readable: boolean) => void;
}

/** A poll lasts no longer, so that what is closed or late is seen, and a process that exits is not held up. */
const POLL_MS = 200;

export class Readiness {
  readonly #calls: SystemCalls;
  readonly #waiters = new Set<Waiter>();
  /** Ends the poll under way, so that the next has those in it who came meanwhile. There while anybody waits. */
  #bell: number | null = null;
  #polling = false;

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  /** Whether it can be read, or has ended, before so long. False where `descriptor` says it is closed. */
  wait(descriptor: () => number | null, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiters.add({ descriptor, until: performance.now() + timeoutMs, done: resolve });
      if (this.#polling) this.#ring();
      else this.#poll().catch(reject);
    });
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    try {
      const bell = this.#calls.eventDescriptor();
      this.#bell = bell;
      while (this.#waiters.size > 0) await this.#once(bell);
    } catch (error) {
      // Nobody is left waiting for ever: to them it has not become readable.
      for (const waiter of this.#waiters) this.#done(waiter, false);
      throw error;
    } finally {
      this.#polling = false;
      if (this.#bell !== null) closeSync(this.#bell);
      this.#bell = null;
    }
  }

  async #once(bell: number): Promise<void> {
    const asked: Waiter[] = [];
    const descriptors = [bell];
    let timeoutMs = POLL_MS;
    for (const waiter of this.#waiters) {
      const descriptor = waiter.descriptor();
      const left = waiter.until - performance.now();
      if (descriptor === null || left <= 0) {
        this.#done(waiter, false);
        continue;
      }
      asked.push(waiter);
      descriptors.push(descriptor);
      timeoutMs = Math.min(timeoutMs, Math.ceil(left));
    }
    if (asked.length === 0) return;
    const [rung, ...readable] = await this.#calls.waitReadable(descriptors, timeoutMs);
    if (rung === true) readSync(bell, Buffer.alloc(8));
    for (const [index, waiter] of asked.entries()) if (readable[index] === true) this.#done(waiter, true);
  }

  #ring(): void {
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    if (this.#bell !== null) writeSync(this.#bell, one);
  }

  #done(waiter: Waiter, readable: boolean): void {
    this.#waiters.delete(waiter);
    waiter.done(readable);
  }
}
