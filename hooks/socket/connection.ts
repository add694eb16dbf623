/**
 * One asker's connection, as the daemon sees it: frames in, each handed on or answered; verdicts out, those of one tick in
 * one write. Truth about messages and their order: protocol.md beside this file.
 *
 * Reading stops, and the kernel's buffer with it, while as many requests are unanswered as may be, or while it is others'
 * turn. Whatever the peer does, the worst is that this connection ends.
 */

import type { Socket } from "node:net";
import { type Frame, FrameReader, MESSAGES, Output, WireError, type WireErrorCode } from "./frames.js";
import type { SocketLimits } from "./limits.js";
import { decodeRequest, type WireRequest } from "./request.js";
import {
  decodeMessage,
  type Hello,
  PROTOCOL_VERSION,
  putError,
  putGoodbye,
  putHello,
  putPing,
  putRevocation,
  putVerdict,
  type VerdictToSend,
  type WireResult,
} from "./wire.js";

/** Answers one request, once; what comes later is not heard. `holdMs`: how long the asker may use it again. */
export type Answer = (verdict: VerdictToSend, holdMs?: number) => void;

/** What happened to a connection that should be known. */
export interface Trouble<Peer> {
  readonly code: WireErrorCode;
  readonly message: string;
  /** Null where it is not known yet. */
  readonly peer: Peer | null;
}

/** Those who are one asker for the sake of fairness, and how many frames they were given since that round of turns. */
export interface PeerGroup {
  readonly key: unknown;
  connections: number;
  round: number;
  spent: number;
}

/** What a connection needs of the server. */
export interface Host<Peer> {
  readonly limits: SocketLimits;
  readonly decide: (request: WireRequest, peer: Peer, answer: Answer) => void;
  readonly result: (result: WireResult, peer: Peer) => void;
  readonly generation: () => number;
  readonly deny: (code: "shutting_down" | "internal") => VerdictToSend;
  readonly trouble: (trouble: Trouble<Peer>) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly draining: () => boolean;
  /** How many frames the connection's peer may have done at once; 0: it has to wait for its turn. */
  readonly budget: (group: PeerGroup) => number;
  readonly waitTurn: (connection: Connection<Peer>) => void;
  /** Have `flush` called when this tick is over. */
  readonly flushLater: (connection: Connection<Peer>) => void;
  readonly held: (difference: number) => void;
  readonly counted: (what: "requests" | "verdicts") => void;
  readonly gone: (connection: Connection<Peer>) => void;
}

export class Connection<Peer> {
  readonly peer: Peer;
  readonly group: PeerGroup;
  readonly #host: Host<Peer>;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #out = new Output();
  readonly #unanswered = new Set<number>();
  /** `leaving`: what was asked is answered still, and then it is over. */
  #state: "hello" | "open" | "leaving" | "over" = "hello";
  #paused = false;
  /** The peer has said its last; what it has asked is answered still. */
  #eof = false;
  #stalled = false;
  #working = false;
  #flushing = false;
  #held = 0;
  /** Nothing is held for it any more, or what is will be let go of at once. */
  #released = false;
  #activeAt: number;
  /** Since when a frame has begun and not ended; 0: none has. */
  #frameSince = 0;
  #stuckSince = 0;
  #overSince = 0;

  /** The socket is paused, and no byte has been read of it but `head`. */
  constructor(host: Host<Peer>, socket: Socket, peer: Peer, group: PeerGroup, since: number) {
    this.#host = host;
    this.#socket = socket;
    this.peer = peer;
    this.group = group;
    this.#activeAt = since;
    this.#reader = new FrameReader(host.limits.maxFrameBytes);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => this.#ended());
    socket.on("drain", () => this.#account());
  }

  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** Bytes held in memory for this connection: read and not used up, or written and not taken. */
  get held(): number {
    return this.#held;
  }

  start(head: Buffer | undefined): void {
    if (head !== undefined && head.length > 0) this.#take(head);
    if (!this.#paused && this.#state !== "over") this.#socket.resume();
  }

  /** Some of what waits. @returns whether more could be done at once */
  turn(budget: number): boolean {
    if (this.#state === "over") return false;
    const { maxInFlight } = this.#host.limits;
    let more = false;
    this.#working = true;
    try {
      for (let done = 0; !this.#isOver(); done += 1) {
        if (this.#unanswered.size >= maxInFlight) {
          this.#stalled = true;
          break;
        }
        if (done === budget) {
          more = true;
          break;
        }
        const frame = this.#reader.next();
        if (frame === null) {
          this.#usedUp(done);
          break;
        }
        this.group.spent += 1;
        this.#handle(frame);
      }
    } catch (error) {
      this.fail(error instanceof WireError ? error : new WireError("internal", "the daemon failed on this connection"));
    }
    this.#working = false;
    if (more || this.#stalled) this.#pause();
    this.flush();
    return more && !this.#isOver();
  }

  /** Writes what there is to write. */
  flush(): void {
    this.#flushing = false;
    if (this.#out.length > 0 && this.#state !== "over") {
      this.#socket.write(this.#out.take(), this.#written);
      if (this.#socket.writableLength > this.#host.limits.maxUnreadBytes) {
        this.cut(new WireError("overloaded", `${this.#socket.writableLength} bytes of answers were not read`));
      }
    }
    this.#account();
  }

  revoke(generation: number): void {
    if (this.#state !== "open" && this.#state !== "leaving") return;
    putRevocation(this.#out, generation);
    this.flush();
  }

  /** Says that no more will be allowed. */
  sayGoodbye(graceMs: number): void {
    if (this.#state !== "open" && this.#state !== "leaving") return;
    putGoodbye(this.#out, graceMs);
    this.flush();
  }

  /** Whether nothing is asked, and nothing has been for so long. */
  isIdle(now: number, ms: number): boolean {
    return this.#unanswered.size === 0 && now - this.#activeAt >= ms;
  }

  /** Denies what is unanswered, and ends. */
  finish(): void {
    for (const id of [...this.#unanswered]) this.#answer(id, this.#host.deny("shutting_down"), 0);
    this.#end();
  }

  /** Ends the connection for an error of its own, and says so to the peer. */
  fail(error: WireError, id = 0): void {
    if (this.#state === "over") return;
    const { code, message } = error;
    putError(this.#out, { code, id, message });
    this.#host.trouble({ code, message, peer: this.peer });
    this.#end();
  }

  /** Ends the connection at once, without a word: the peer does not read. */
  cut({ code, message }: WireError): void {
    if (this.#state === "over") return;
    this.#host.trouble({ code, message, peer: this.peer });
    this.destroy();
  }

  destroy(): void {
    this.#over();
    this.#release();
    this.#socket.destroy();
  }

  /** Looks at what takes too long. */
  sweep(now: number): void {
    const { handshakeMs, frameMs, idleMs, writeMs, closeMs } = this.#host.limits;
    if (this.#state === "over") {
      if (now - this.#overSince >= closeMs) this.#socket.destroy();
      return;
    }
    if (this.#socket.writableLength === 0) this.#stuckSince = 0;
    else if (this.#stuckSince === 0) this.#stuckSince = now;
    else if (now - this.#stuckSince >= writeMs) {
      this.cut(new WireError("timeout", `answers were not read for ${writeMs} ms`));
      return;
    }
    if (this.#state === "hello" && now - this.#activeAt >= handshakeMs) {
      this.fail(new WireError("timeout", `no hello came within ${handshakeMs} ms`));
    } else if (this.#frameSince > 0 && now - this.#frameSince >= frameMs) {
      this.fail(new WireError("timeout", `a frame that began did not end within ${frameMs} ms`));
    } else if (idleMs > 0 && this.isIdle(now, idleMs)) {
      this.fail(new WireError("timeout", `nothing was asked for ${idleMs} ms; a ping is enough to stay`));
    }
    this.#account();
  }

  /** The socket is closed, whoever closed it. */
  closed(): void {
    this.#over();
    this.#release();
    this.#host.gone(this);
  }

  #take(chunk: Buffer): void {
    if (this.#state === "over") return;
    this.#reader.push(chunk);
    if (this.#state !== "hello") this.#activeAt = this.#host.now();
    const budget = this.#host.budget(this.group);
    if (budget === 0 || this.turn(budget)) {
      this.#pause();
      this.#account();
      this.#host.waitTurn(this);
    }
  }

  /** Everything that was read has been dealt with. */
  #usedUp(done: number): void {
    if (!this.#reader.midFrame) this.#frameSince = 0;
    else if (done > 0 || this.#frameSince === 0) this.#frameSince = this.#host.now();
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    const unfinished = this.#state === "hello" || this.#reader.midFrame;
    if (this.#eof && unfinished) this.#end();
    else if (this.#isLeaving() && this.#unanswered.size === 0) this.#end();
  }

  /** Whether nothing more will be asked. */
  #isLeaving(): boolean {
    return this.#eof || this.#state === "leaving";
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #handle(frame: Frame): void {
    if (frame.type === MESSAGES.request && this.#state === "open") {
      this.#request(decodeRequest(frame.body));
      return;
    }
    const message = decodeMessage(frame);
    if (this.#state === "hello" && message.type === "hello") {
      this.#hello(message.hello);
    } else if (this.#state === "open" && message.type === "ping") {
      putPing(this.#out, "pong", message.nonce);
    } else if (this.#state === "open" && message.type === "result") {
      this.#host.result(message.result, this.peer);
    } else if (this.#state === "open" && message.type === "goodbye") {
      this.#state = "leaving";
    } else if (message.type === "error") {
      this.#host.trouble({ ...message.failure, message: `the peer says: ${message.failure.message}`, peer: this.peer });
      this.#end();
    } else {
      const when = { hello: "before hello", open: "from an asker", leaving: "after goodbye", over: "after the end" };
      throw new WireError("unexpected", `${message.type} ${when[this.#state]}`);
    }
  }

  #hello({ version_min, version_max }: Hello): void {
    if (version_min > PROTOCOL_VERSION || version_max < PROTOCOL_VERSION) {
      throw new WireError(
        "version",
        `the peer speaks versions ${version_min} to ${version_max}, expected 1 among them`,
      );
    }
    this.#state = "open";
    putHello(this.#out, {
      version_min: PROTOCOL_VERSION,
      version_max: PROTOCOL_VERSION,
      max_frame: this.#host.limits.maxFrameBytes,
      max_in_flight: this.#host.limits.maxInFlight,
      generation: this.#host.generation(),
      agent: "launchgate",
    });
  }

  #request(request: WireRequest): void {
    const { id } = request;
    if (this.#unanswered.has(id)) {
      this.fail(
        new WireError("duplicate_id", `request ${id} is not answered yet, and there is another of that id`),
        id,
      );
      return;
    }
    this.#unanswered.add(id);
    this.#host.counted("requests");
    if (this.#host.draining()) {
      this.#answer(id, this.#host.deny("shutting_down"), 0);
      return;
    }
    let answered = false;
    const answer: Answer = (verdict, holdMs = 0) => {
      if (answered) return;
      answered = true;
      this.#answer(id, verdict, holdMs);
    };
    try {
      this.#host.decide(request, this.peer, answer);
    } catch {
      answer(this.#host.deny("internal"));
    }
  }

  #answer(id: number, verdict: VerdictToSend, holdMs: number): void {
    // Once: who was denied for want of time, or is gone, is not answered again.
    if (!this.#unanswered.delete(id) || this.#state === "over") return;
    this.#host.counted("verdicts");
    try {
      putVerdict(this.#out, id, verdict, holdMs);
    } catch {
      putVerdict(this.#out, id, this.#host.deny("internal"));
    }
    if (this.#working) return;
    if (!this.#flushing) {
      this.#flushing = true;
      this.#host.flushLater(this);
    }
    if (this.#stalled && this.#unanswered.size <= this.#host.limits.maxInFlight / 2) {
      this.#stalled = false;
      this.#host.waitTurn(this);
    } else if (this.#isLeaving() && this.#unanswered.size === 0) {
      this.#host.waitTurn(this);
    }
  }

  /** The peer writes no more. What it wrote may still be waiting. */
  #ended(): void {
    this.#eof = true;
    if (!this.#stalled && this.#state !== "over") this.#host.waitTurn(this);
  }

  /** Writes what there is, and closes. */
  #end(): void {
    if (this.#state === "over") return;
    this.#over();
    this.#pause();
    if (this.#out.length > 0) this.#socket.write(this.#out.take());
    this.#socket.destroySoon();
    this.#account();
  }

  #over(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#overSince = this.#host.now();
    this.#unanswered.clear();
  }

  #isOver(): boolean {
    return this.#state === "over";
  }

  readonly #written = (): void => {
    this.#stuckSince = 0;
  };

  #release(): void {
    this.#released = true;
    this.#host.held(-this.#held);
    this.#held = 0;
  }

  #account(): void {
    if (this.#released) return;
    const held = this.#reader.held + this.#out.length + this.#socket.writableLength;
    const difference = held - this.#held;
    if (difference === 0) return;
    this.#held = held;
    this.#host.held(difference);
  }
}
