/**
 * Load on a daemon: several connections, so many requests a second, a bounded number in flight, and connections that come and
 * go. Every answer is matched to its request by id and by the digest of the bytes it is about; what does not fit is kept.
 */

import { connect, type Socket } from "node:net";
import { FrameReader } from "../../hooks/socket/frames.js";
import { decodeMessage, type WireVerdict } from "../../hooks/socket/wire.js";
import { helloFrame } from "../bench/answerers.js";
import type { Probe, Prober } from "./probes.js";

export interface LoadOptions {
  readonly path: string;
  readonly prober: Prober;
  readonly connections: number;
  /** Of each connection. */
  readonly inFlight: number;
  readonly perSecond: number;
  /** Whether connections are closed and opened all the time. */
  readonly churn: boolean;
  /** Whether the daemon may vanish: then connections end, and with them what is unanswered. */
  readonly mayVanish: boolean;
  /** How long answers are waited for in the end, in milliseconds. Default 30,000. */
  readonly drainMs?: number;
  readonly onVerdict: (probe: Probe, verdict: WireVerdict) => void;
}

export interface LoadReport {
  readonly asked: number;
  readonly answered: number;
  /** Asked and not answered in the end. */
  readonly unanswered: number;
  readonly connections: number;
  /** Denials that say only that there was no time, no room or no log, by code. */
  readonly for_want: Readonly<Record<string, number>>;
  readonly fault_count: number;
  /** The first of them. */
  readonly faults: readonly string[];
}

/** Answers that say nothing of the launch. */
const FOR_WANT: ReadonlySet<string> = new Set(["deadline", "overloaded", "audit_unavailable", "evaluator_failed"]);
const TICK_MS = 5;
const CHURN_MS = 1000;
const DRAIN_MS = 30_000;
const MAX_FAULTS = 20;

export class Load {
  readonly #options: LoadOptions;
  readonly #links = new Set<Link>();
  readonly #forWant = new Map<string, number>();
  readonly #faults: string[] = [];
  readonly #ticker: NodeJS.Timeout;
  #faultCount = 0;
  #opened = 0;
  #asked = 0;
  #answered = 0;
  #unanswered = 0;
  #turn = 0;
  #allowance = 0;
  #last = performance.now();
  #churned = performance.now();
  #whenEmpty: () => void = () => undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    for (let at = 0; at < options.connections; at += 1) this.#open();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  get answered(): number {
    return this.#answered;
  }

  /** Asks nothing more, and waits for what is unanswered, or for the connections to end. */
  async stop(): Promise<LoadReport> {
    clearInterval(this.#ticker);
    for (const link of [...this.#links]) link.leave();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
      if (this.#links.size === 0) resolve();
      timer = setTimeout(resolve, this.#options.drainMs ?? DRAIN_MS);
    });
    clearTimeout(timer);
    const unanswered = [...this.#links].reduce((sum, link) => sum + link.unanswered, this.#unanswered);
    for (const link of [...this.#links]) link.destroy();
    if (unanswered > 0 && !this.#options.mayVanish) this.fault(`${unanswered} requests were never answered`);
    return {
      asked: this.#asked,
      answered: this.#answered,
      unanswered,
      connections: this.#opened,
      for_want: Object.fromEntries(this.#forWant),
      fault_count: this.#faultCount,
      faults: this.#faults,
    };
  }

  /** Lets go of everything at once, where there is no report any more. */
  abandon(): void {
    clearInterval(this.#ticker);
    for (const link of [...this.#links]) link.destroy();
  }

  fault(text: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push(text);
  }

  judged(probe: Probe | undefined, verdict: WireVerdict): void {
    if (probe === undefined) {
      this.fault(`verdict ${verdict.id} is about nothing that was asked`);
      return;
    }
    this.#answered += 1;
    if (verdict.sigstruct_sha256 !== probe.digest) {
      this.fault(`verdict ${verdict.id} is about ${verdict.sigstruct_sha256}, asked was ${probe.digest}`);
      return;
    }
    const code = verdict.reasons[0]?.code ?? "";
    if (verdict.decision === "deny" && FOR_WANT.has(code)) {
      this.#forWant.set(code, (this.#forWant.get(code) ?? 0) + 1);
    } else if (!fits(probe, verdict.decision, code)) {
      this.fault(`${probe.name} was answered ${verdict.decision} ${code} by generation ${verdict.generation}`);
    }
    this.#options.onVerdict(probe, verdict);
  }

  ended(link: Link, unanswered: number, expected: boolean): void {
    this.#links.delete(link);
    this.#unanswered += unanswered;
    if (!expected && !this.#options.mayVanish) this.fault(`a connection ended: ${link.why}`);
    if (this.#links.size === 0) this.#whenEmpty();
  }

  #open(): void {
    this.#opened += 1;
    this.#links.add(new Link(this, this.#options));
  }

  #tick(): void {
    const now = performance.now();
    const { perSecond, inFlight, prober, churn } = this.#options;
    this.#allowance = Math.min(perSecond / 5, this.#allowance + (perSecond * (now - this.#last)) / 1000);
    this.#last = now;
    while (!this.#options.mayVanish && this.#links.size < this.#options.connections) this.#open();
    const links = [...this.#links];
    for (let full = 0; this.#allowance >= 1 && full < links.length; ) {
      const link = links[this.#turn % links.length] as Link;
      this.#turn += 1;
      if (link.unanswered >= inFlight || !link.isOpen) {
        full += 1;
        continue;
      }
      full = 0;
      link.put(prober);
      this.#asked += 1;
      this.#allowance -= 1;
    }
    for (const link of links) link.flush();
    if (churn && now - this.#churned >= CHURN_MS) {
      this.#churned = now;
      links[0]?.leave();
    }
  }
}

function fits({ expected }: Probe, decision: WireVerdict["decision"], code: string): boolean {
  if (expected === "allow") return decision === "allow";
  if (expected === "turn") return decision === "allow" || code === "signer_not_listed";
  return decision === "deny" && code === expected;
}

/** One connection. */
class Link {
  readonly #load: Load;
  readonly #socket: Socket;
  readonly #frames = new FrameReader();
  readonly #asked = new Map<number, Probe>();
  #unsent: Buffer[] = [];
  #nextId = 1;
  #open = false;
  #leaving = false;
  why = "closed by the daemon";

  constructor(load: Load, { path }: LoadOptions) {
    this.#load = load;
    this.#socket = connect(path, () => this.#socket.write(helloFrame()));
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", (error) => {
      this.why = error.message;
    });
    this.#socket.on("close", () => {
      this.#open = false;
      load.ended(this, this.#asked.size, this.#leaving && this.#asked.size === 0);
    });
  }

  /** Whether requests may be put. */
  get isOpen(): boolean {
    return this.#open && !this.#leaving;
  }

  get unanswered(): number {
    return this.#asked.size;
  }

  put(prober: Prober): void {
    const probe = prober.next(this.#nextId);
    this.#asked.set(this.#nextId, probe);
    this.#nextId += 1;
    this.#unsent.push(probe.frame);
  }

  flush(): void {
    if (this.#unsent.length > 0) this.#socket.write(Buffer.concat(this.#unsent));
    this.#unsent = [];
  }

  /** Goes once everything is answered. */
  leave(): void {
    this.flush();
    this.#leaving = true;
    if (this.#asked.size === 0) this.#socket.destroy();
  }

  destroy(): void {
    this.#leaving = true;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    try {
      this.#frames.push(chunk);
      for (let frame = this.#frames.next(); frame !== null; frame = this.#frames.next()) {
        const message = decodeMessage(frame);
        if (message.type === "verdict") {
          const { verdict } = message;
          const probe = this.#asked.get(verdict.id);
          this.#asked.delete(verdict.id);
          this.#load.judged(probe, verdict);
        } else if (message.type === "hello") this.#open = true;
        else if (message.type === "error") this.why = message.failure.message;
      }
    } catch (error) {
      this.#load.fault(`what the daemon sent is none of its protocol: ${(error as Error).message}`);
      this.#socket.destroy();
    }
    if (this.#leaving && this.#asked.size === 0) this.#socket.destroy();
  }
}
