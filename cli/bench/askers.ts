/**
 * Asks over unix sockets as fast as it goes: one request at a time, or many connections with a bounded number in flight each.
 * The same for everybody who is measured, with requests made before and answers hardly looked at, so that what is measured is
 * the one who answers. No answer is lost or comes twice without it being said.
 */

import { connect, type Socket } from "node:net";

/**
 * What was answered: the place of the request among a connection's; HELLO for the answer to what opens it. `overloaded` where
 * it was not the answer that was asked for, but that there is too much to do.
 */
type Answered = (slot: number, overloaded?: boolean) => void;
export const HELLO = -1;

/** Somebody who answers over a unix socket. */
export interface Answerer {
  readonly path: string;
  /** What is said first, and answered before anything is asked; null: nothing. */
  readonly hello: Buffer | null;
  /** So many requests, one after the other, each as long as the others: one connection's own, which may be patched. */
  readonly requests: (slots: number) => Buffer;
  /** One connection's reader. It throws where an answer is not as it has to be. */
  readonly reader: (requests: Buffer) => (chunk: Buffer, answered: Answered) => void;
}

export class Asker {
  readonly requests: Buffer;
  readonly #socket: Socket;
  readonly #size: number;
  readonly #inFlight: Uint8Array;
  #unanswered = 0;
  #overloaded = 0;
  /** Called with the places answered by what was read at one time. */
  onAnswers: (slots: readonly number[]) => void = () => undefined;
  onEnd: (error: Error) => void = () => undefined;

  private constructor(answerer: Answerer, slots: number, socket: Socket, greeted: () => void) {
    this.#socket = socket;
    this.requests = answerer.requests(slots);
    this.#size = this.requests.length / slots;
    this.#inFlight = new Uint8Array(slots);
    const read = answerer.reader(this.requests);
    const answers: number[] = [];
    const answered = (slot: number, overloaded = false): void => {
      if (slot === HELLO) {
        greeted();
        return;
      }
      if (this.#inFlight[slot] !== 1) throw new Error(`an answer to request ${slot}, which was not asked`);
      this.#inFlight[slot] = 0;
      this.#unanswered -= 1;
      if (overloaded) this.#overloaded += 1;
      answers.push(slot);
    };
    socket.on("data", (chunk: Buffer) => {
      try {
        read(chunk, answered);
        if (answers.length > 0) this.onAnswers(answers);
      } catch (error) {
        socket.destroy(error as Error);
      }
      answers.length = 0;
    });
  }

  static open(answerer: Answerer, slots: number): Promise<Asker> {
    return new Promise((resolve, reject) => {
      const socket = connect(answerer.path);
      const asker: Asker = new Asker(answerer, slots, socket, () => resolve(asker));
      const end = (error: Error): void => {
        reject(error);
        asker.onEnd(error);
      };
      socket.once("error", end);
      socket.once("close", () => end(new Error(`${answerer.path}: the connection was closed`)));
      socket.once("connect", () => {
        if (answerer.hello === null) resolve(asker);
        else socket.write(answerer.hello);
      });
    });
  }

  get unanswered(): number {
    return this.#unanswered;
  }

  /** How often there was too much to do, so far. */
  get overloaded(): number {
    return this.#overloaded;
  }

  /** Asks the requests from one place to before another. */
  ask(from: number, to: number): void {
    this.#inFlight.fill(1, from, to);
    this.#unanswered += to - from;
    this.#socket.write(this.requests.subarray(from * this.#size, to * this.#size));
  }

  /** Asks those of these places again, neighbours in one piece. */
  askAgain(slots: readonly number[]): void {
    this.#socket.cork();
    for (let at = 0; at < slots.length; ) {
      const from = slots[at] as number;
      let to = from + 1;
      at += 1;
      while (slots[at] === to) {
        to += 1;
        at += 1;
      }
      this.ask(from, to);
    }
    this.#socket.uncork();
  }

  close(): void {
    this.onEnd = () => undefined;
    this.#socket.destroy();
  }
}

/** Nanoseconds of so many round trips, one after the other. `prepare` is not timed. */
export function roundTrips(asker: Asker, count: number, prepare: () => void): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    let start = 0n;
    const next = (): void => {
      prepare();
      start = process.hrtime.bigint();
      asker.ask(0, 1);
    };
    asker.onEnd = reject;
    asker.onAnswers = () => {
      times.push(Number(process.hrtime.bigint() - start));
      if (asker.overloaded > 0) reject(new Error("overloaded by one request at a time"));
      else if (times.length < count) next();
      else resolve(times);
    };
    next();
  });
}

export interface Pipelining {
  readonly connections: number;
  /** Of each connection. */
  readonly inFlight: number;
  /** How long it is counted, after a quarter of that during which it is not. */
  readonly ms: number;
  /** Changes requests before they are asked again. */
  readonly prepare?: (requests: Buffer, slots: readonly number[]) => void;
}

export interface Throughput {
  /** Answers; those that say that there is too much to do are not counted. */
  readonly per_second: number;
  /** How many of all answers said so, from 0 to 1. */
  readonly overloaded: number;
}

/** What is sustained. At the end, all that was asked is waited for. */
export async function throughput(
  answerer: Answerer,
  { connections, inFlight, ms, prepare }: Pipelining,
): Promise<Throughput> {
  const askers = await Promise.all(Array.from({ length: connections }, () => Asker.open(answerer, inFlight)));
  try {
    return await counted(askers, { inFlight, ms, ...(prepare === undefined ? {} : { prepare }) });
  } finally {
    for (const asker of askers) asker.close();
  }
}

function counted(
  askers: readonly Asker[],
  { inFlight, ms, prepare }: Omit<Pipelining, "connections">,
): Promise<Throughput> {
  return new Promise((resolve, reject) => {
    const overloaded = (): number => askers.reduce((sum, asker) => sum + asker.overloaded, 0);
    const begins = performance.now() + ms / 4;
    let answers = 0;
    let counting = 0;
    let before = 0;
    let found: Throughput | null = null;
    for (const asker of askers) {
      asker.onEnd = reject;
      asker.onAnswers = (slots) => {
        answers += slots.length;
        if (found === null) {
          prepare?.(asker.requests, slots);
          asker.askAgain(slots);
        } else if (askers.every(({ unanswered }) => unanswered === 0)) resolve(found);
        const now = performance.now();
        if (counting === 0 && now >= begins) {
          counting = now;
          answers = 0;
          before = overloaded();
        } else if (counting > 0 && found === null && now - counting >= ms) {
          const refused = overloaded() - before;
          const per_second = Math.round((1000 * (answers - refused)) / (now - counting));
          found = { per_second, overloaded: refused / answers };
        }
      };
      asker.ask(0, inFlight);
    }
  });
}
