/**
 * The client: puts launches to a Launchgate daemon over its socket. Truth about the protocol: protocol.md beside this file.
 *
 * Fails closed. Whatever goes wrong, too late, cut off, malformed, about other bytes than were sent, the answer is a denial
 * with a reason of the client's own; no promise of a verdict rejects, and none is left hanging. An allow is only ever what
 * the daemon has said of exactly the bytes that were put to it. A request that was sent is never sent again.
 */

import { connect as connectSocket, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import {
  type ClientReasonCode,
  type ClientVerdict,
  Digests,
  denial,
  fromDaemon,
  isAbout,
  type SentDigests,
} from "./client-verdict.js";
import { type Frame, FrameReader, MAX_FRAME_BYTES, Output, WireError } from "./frames.js";
import { HeldVerdicts } from "./held-verdicts.js";
import { type LaunchRequest, putRequest } from "./request.js";
import {
  decodeMessage,
  type Hello,
  PROTOCOL_VERSION,
  putGoodbye,
  putHello,
  putPing,
  putResult,
  type WireResult,
  type WireVerdict,
} from "./wire.js";

export interface ClientOptions {
  readonly path: string;
  /** How long an answer is waited for where `decide` is not told. Default 2000. */
  readonly deadlineMs?: number;
  readonly connectMs?: number;
  /**
   * What follows a lost connection, or none. `false`: it is over, and everything is denied. Otherwise the next attempt is
   * made after `firstMs`, and after twice as long each time, up to `lastMs`; what is asked meanwhile waits, up to its own
   * deadline. Default: 50 and 2000.
   */
  readonly reconnect?: false | { readonly firstMs: number; readonly lastMs: number };
  /** Launches that wait without having been sent. Default 10,000. */
  readonly maxWaiting?: number;
  /**
   * How many verdicts to hold and use again for the same request, where and as long as the daemon lets that be done, and
   * until it revokes them or the connection ends. Default 0.
   */
  readonly maxHeld?: number;
  /** What this is, for the daemon's log. */
  readonly agent?: string;
  /** Verdicts of generations before this one must not be used any more. */
  readonly onRevocation?: (generation: number) => void;
  /** Why the connection ended or could not be made; for logs. */
  readonly onTrouble?: (error: Error) => void;
}

export interface DecideOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export interface LaunchgateClient {
  /** Never rejects. The bytes are copied before it returns. */
  readonly decide: (request: LaunchRequest, options?: DecideOptions) => Promise<ClientVerdict>;
  /** Says what came of a launch. @returns whether it could be said; nothing answers it */
  readonly result: (result: WireResult) => boolean;
  /** Milliseconds there and back. @throws WireError where no answer comes in time */
  readonly ping: (deadlineMs?: number) => Promise<number>;
  /** The daemon's policy generation as far as it is known; null while there is no connection. */
  readonly generation: () => number | null;
  /** Denies what is unanswered and ends the connection. */
  readonly close: () => Promise<void>;
}

const DEFAULT_DEADLINE_MS = 2000;
const DEFAULT_CONNECT_MS = 1000;
const DEFAULT_RECONNECT = { firstMs: 50, lastMs: 2000 };
const DEFAULT_WAITING = 10_000;
const CLOSE_MS = 500;
/** What of the deadline is kept back for the way, so that the daemon's own answer at its deadline can still arrive. */
const WAY_SHARE = 0.1;
const MAX_WAY_MS = 50;
/** Requests are written at the end of a tick, or once there are so many bytes. */
const MAX_BATCH_BYTES = 49_152;

/** Begins to connect, and gives the client at once. An idle client does not keep the process alive. */
export function connect(options: ClientOptions): LaunchgateClient {
  const client = new Client(options);
  return Object.freeze({
    decide: (request: LaunchRequest, more: DecideOptions = {}) => client.decide(request, more),
    result: (result: WireResult) => client.result(result),
    ping: (deadlineMs = DEFAULT_DEADLINE_MS) => client.ping(deadlineMs),
    generation: () => client.generation,
    close: () => client.close(),
  });
}

/** A launch that was put to the daemon, or waits to be. */
interface Asked extends SentDigests {
  readonly id: number;
  /** The whole frame, as long as it has not been sent. */
  frame: Buffer | null;
  readonly timer: NodeJS.Timeout;
  /** Under what its verdict may be held; null: it may not. */
  readonly holdKey: string | null;
  sentAt: number;
  readonly settle: (verdict: ClientVerdict) => void;
}

class Client {
  readonly #options: ClientOptions;
  readonly #asked = new Map<number, Asked>();
  /** Ids of those in `#asked` that have not been sent, in order. */
  #waiting = new Set<number>();
  /** Sent and given up; their verdicts may still come. */
  readonly #givenUp = new Set<number>();
  readonly #pings = new Map<bigint, (error: WireError | null) => void>();
  readonly #held: HeldVerdicts;
  readonly #digests = new Digests();
  readonly #out = new Output();
  #flushing = false;
  #socket: Socket | null = null;
  #reader = new FrameReader();
  /** What the daemon said first; null while there is no connection that can be used. */
  #hello: Hello | null = null;
  /** The daemon takes no new launches on this connection. */
  #leaving = false;
  #generation: number | null = null;
  #nextId = 1;
  #nextNonce = 1n;
  #delayMs: number;
  #retry: NodeJS.Timeout | null = null;
  #ended: ClientReasonCode | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#held = new HeldVerdicts(options.maxHeld ?? 0);
    this.#delayMs = reconnection(options)?.firstMs ?? 0;
    this.#connect();
  }

  get generation(): number | null {
    return this.#generation;
  }

  decide(request: LaunchRequest, { deadlineMs, signal }: DecideOptions): Promise<ClientVerdict> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve) => {
      const deny = (code: ClientReasonCode, message?: string): void => resolve(denial(id, code, message));
      if (this.#ended !== null) return deny(this.#ended);
      if (signal?.aborted) return deny("aborted");
      if (this.#waiting.size >= (this.#options.maxWaiting ?? DEFAULT_WAITING)) return deny("client_overloaded");
      const patienceMs = deadlineMs ?? this.#options.deadlineMs ?? DEFAULT_DEADLINE_MS;
      try {
        this.#ask(id, request, patienceMs, signal, resolve);
      } catch (error) {
        deny("bad_request", error instanceof WireError ? error.message : undefined);
      }
    });
  }

  #ask(
    id: number,
    request: LaunchRequest,
    patienceMs: number,
    signal: AbortSignal | undefined,
    resolve: (verdict: ClientVerdict) => void,
  ): void {
    if (!(patienceMs > 0)) throw new WireError("malformed", `a deadline of ${patienceMs} ms, expected more than 0`);
    const toldMs = Math.max(1, Math.floor(patienceMs - Math.min(MAX_WAY_MS, patienceMs * WAY_SHARE)));
    const atOnce = this.#room() > 0;
    const out = atOnce ? this.#out : new Output();
    const before = out.length;
    const body = putRequest(out, id, request, toldMs);
    const written = out.bytes.subarray(body, out.length);
    const holdKey = this.#held.keyOf(written);
    const held = holdKey === null || this.#hello === null ? null : this.#held.get(holdKey);
    if (held !== null) {
      out.cut(before);
      resolve({ ...held, id });
      return;
    }
    const { sigstruct, token } = this.#sentIn(out, before, written);
    const timer = setTimeout(
      () => this.#giveUp(id, this.#hello === null ? "unreachable" : "client_deadline"),
      patienceMs,
    );
    const settle = signal === undefined ? resolve : this.#abortable(id, signal, resolve);
    const frame = atOnce ? null : out.take();
    const sentAt = atOnce && holdKey !== null ? performance.now() : 0;
    this.#asked.set(id, { id, frame, sigstruct, token, timer, holdKey, sentAt, settle });
    if (atOnce) this.#flushSoon();
    else this.#waiting.add(id);
  }

  /** What is asked for in a frame; one that we could not read ourselves is not sent. */
  #sentIn(out: Output, before: number, body: Buffer): SentDigests {
    try {
      return this.#digests.of(body);
    } catch (error) {
      out.cut(before);
      throw error;
    }
  }

  #abortable(id: number, signal: AbortSignal, resolve: (verdict: ClientVerdict) => void): typeof resolve {
    const abort = (): void => this.#giveUp(id, "aborted");
    signal.addEventListener("abort", abort, { once: true });
    return (verdict) => {
      signal.removeEventListener("abort", abort);
      resolve(verdict);
    };
  }

  result(result: WireResult): boolean {
    if (this.#hello === null) return false;
    try {
      putResult(this.#out, result);
    } catch {
      return false;
    }
    this.#flushSoon();
    return true;
  }

  ping(deadlineMs: number): Promise<number> {
    const began = performance.now();
    const nonce = this.#nextNonce;
    this.#nextNonce += 1n;
    return new Promise((resolve, reject) => {
      if (this.#hello === null) {
        reject(new WireError("timeout", "there is no connection to the daemon"));
        return;
      }
      const late = new WireError("timeout", `no answer to a ping within ${deadlineMs} ms`);
      const timer = setTimeout(() => this.#pong(nonce, late), deadlineMs);
      this.#pings.set(nonce, (error) => {
        clearTimeout(timer);
        if (error === null) resolve(performance.now() - began);
        else reject(error);
      });
      putPing(this.#out, "ping", nonce);
      this.#flushSoon();
    });
  }

  close(): Promise<void> {
    this.#ended = "client_closed";
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#denyAll("client_closed");
    const socket = this.#socket;
    if (socket === null || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.destroy(), CLOSE_MS);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      if (this.#hello === null) socket.destroy();
      else {
        putGoodbye(this.#out, 0);
        this.#flush();
        socket.end();
      }
    });
  }

  #connect(): void {
    this.#retry = null;
    const socket = connectSocket(this.#options.path);
    const timer = setTimeout(
      () => this.#drop(socket, "unreachable", new WireError("timeout", "the daemon did not say hello in time")),
      this.#options.connectMs ?? DEFAULT_CONNECT_MS,
    );
    this.#socket = socket;
    this.#reader = new FrameReader();
    socket.unref();
    timer.unref();
    socket.once("connect", () => {
      const hello = { version_min: PROTOCOL_VERSION, version_max: PROTOCOL_VERSION, max_frame: MAX_FRAME_BYTES };
      putHello(this.#out, { ...hello, max_in_flight: 0, generation: 0, agent: this.#options.agent ?? null });
      this.#flush();
    });
    socket.on("data", (chunk: Buffer) => this.#take(socket, chunk));
    socket.on("error", (error) => this.#drop(socket, "connection_lost", error));
    socket.on("close", () => {
      clearTimeout(timer);
      this.#drop(socket, "connection_lost", new WireError("timeout", "the daemon closed the connection"));
    });
    this.#onHello = () => clearTimeout(timer);
  }

  #onHello: () => void = () => {};

  /** The end of a connection, whatever ended it. What was sent is denied; what was not waits for the next. */
  #drop(socket: Socket, code: ClientReasonCode, error: Error): void {
    if (this.#socket !== socket) return;
    const met = this.#hello !== null;
    this.#socket = null;
    this.#hello = null;
    this.#leaving = false;
    this.#generation = null;
    this.#held.clear();
    this.#givenUp.clear();
    this.#out.cut(0);
    socket.destroy();
    const detail = error instanceof WireError ? error.message : undefined;
    for (const [id, asked] of this.#asked) if (!this.#waiting.has(id)) this.#settle(asked, denial(id, code, detail));
    for (const nonce of [...this.#pings.keys()]) this.#pong(nonce, new WireError("timeout", "the connection ended"));
    if (this.#ended === null) {
      this.#options.onTrouble?.(error);
      this.#again(met);
    }
  }

  #again(met: boolean): void {
    const policy = reconnection(this.#options);
    if (policy === null) {
      this.#ended = "unreachable";
      this.#denyAll("unreachable");
      return;
    }
    if (met) this.#delayMs = policy.firstMs;
    const timer = setTimeout(() => this.#connect(), this.#delayMs);
    timer.unref();
    this.#retry = timer;
    this.#delayMs = Math.min(policy.lastMs, 2 * this.#delayMs);
  }

  #take(socket: Socket, chunk: Buffer): void {
    if (this.#socket !== socket) return;
    this.#reader.push(chunk);
    try {
      for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
        this.#handle(socket, frame);
        if (this.#socket !== socket) return;
      }
    } catch (error) {
      const trouble = error instanceof WireError ? error : new WireError("internal", "the client failed");
      this.#drop(socket, "protocol_error", trouble);
    }
  }

  #handle(socket: Socket, frame: Frame): void {
    const message = decodeMessage(frame);
    if (message.type === "error") {
      const { code, message: text } = message.failure;
      this.#drop(socket, "daemon_refused", new WireError(code, text));
      return;
    }
    if (this.#hello === null) {
      if (message.type !== "hello") throw new WireError("unexpected", `${message.type} before hello`);
      this.#met(message.hello);
      return;
    }
    switch (message.type) {
      case "verdict":
        this.#judged(message.verdict);
        return;
      case "revocation":
        this.#revoke(message.generation);
        return;
      case "pong":
        this.#pong(message.nonce, null);
        return;
      case "goodbye":
        this.#leaving = true;
        if (this.#sentAndOpen() === 0) this.#socket?.end();
        return;
      default:
        throw new WireError("unexpected", `${message.type} from a daemon`);
    }
  }

  #met(hello: Hello): void {
    const { version_min, version_max, generation } = hello;
    if (version_min !== PROTOCOL_VERSION || version_max !== PROTOCOL_VERSION) {
      throw new WireError("version", `the daemon speaks version ${version_min} to ${version_max}, expected 1`);
    }
    this.#onHello();
    this.#hello = hello;
    this.#generation = generation;
    this.#send();
  }

  #revoke(generation: number): void {
    this.#generation = Math.max(this.#generation ?? 0, generation);
    this.#held.revoke(generation);
    this.#options.onRevocation?.(generation);
  }

  #judged(verdict: WireVerdict): void {
    const asked = this.#asked.get(verdict.id);
    if (asked === undefined || this.#waiting.has(verdict.id)) {
      if (!this.#givenUp.delete(verdict.id)) throw new WireError("unexpected", "a verdict that nobody has asked for");
      this.#send();
      return;
    }
    const { sigstruct_sha256, token_sha256 } = verdict;
    if (!isAbout(verdict, asked)) {
      this.#settle(asked, denial(asked.id, "digest_mismatch", `it is about ${sigstruct_sha256} and ${token_sha256}`));
    } else {
      const whole = fromDaemon(verdict);
      this.#hold(asked, whole);
      this.#settle(asked, whole);
    }
    if (this.#leaving && this.#sentAndOpen() === 0) this.#socket?.end();
    if (this.#waiting.size > 0) this.#send();
  }

  #hold({ holdKey, sentAt }: Asked, verdict: ClientVerdict): void {
    // One that was revoked on its way is used once, for what it was asked, and no more.
    if (holdKey === null || verdict.generation < (this.#generation ?? 0)) return;
    this.#held.keep(holdKey, verdict, sentAt);
  }

  #sentAndOpen(): number {
    return this.#asked.size - this.#waiting.size + this.#givenUp.size;
  }

  /** How many more requests the daemon takes now. */
  #room(): number {
    if (this.#hello === null || this.#leaving) return 0;
    return Math.max(1, this.#hello.max_in_flight) - this.#sentAndOpen();
  }

  /** Sends what waits, as far as the daemon takes it. */
  #send(): void {
    let room = this.#room();
    for (const id of this.#waiting) {
      if (room <= 0) break;
      room -= 1;
      const asked = this.#asked.get(id);
      this.#waiting.delete(id);
      if (asked === undefined || asked.frame === null) continue;
      if (asked.holdKey !== null) asked.sentAt = performance.now();
      this.#out.append(asked.frame);
      asked.frame = null;
    }
    if (this.#out.length > 0) this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#out.length >= MAX_BATCH_BYTES) this.#flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      process.nextTick(() => this.#flush());
    }
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#out.length > 0 && this.#socket !== null) this.#socket.write(this.#out.take());
  }

  #giveUp(id: number, code: ClientReasonCode): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    if (!this.#waiting.has(id)) this.#givenUp.add(id);
    this.#settle(asked, denial(id, code));
    // A daemon that answers nothing any more leaves no room for more requests: only another connection can.
    if (this.#socket !== null && this.#givenUp.size > 0 && this.#givenUp.size >= (this.#hello?.max_in_flight ?? 1)) {
      this.#drop(this.#socket, "connection_lost", new WireError("timeout", "the daemon answers nothing any more"));
    }
  }

  #settle(asked: Asked, verdict: ClientVerdict): void {
    clearTimeout(asked.timer);
    this.#asked.delete(asked.id);
    this.#waiting.delete(asked.id);
    asked.settle(verdict);
  }

  #pong(nonce: bigint, error: WireError | null): void {
    const settle = this.#pings.get(nonce);
    this.#pings.delete(nonce);
    settle?.(error);
  }

  #denyAll(code: ClientReasonCode): void {
    for (const asked of [...this.#asked.values()]) this.#settle(asked, denial(asked.id, code));
  }
}

function reconnection({ reconnect = DEFAULT_RECONNECT }: ClientOptions): typeof DEFAULT_RECONNECT | null {
  return reconnect === false ? null : reconnect;
}
