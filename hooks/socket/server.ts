/**
 * The socket server: connections, framing, order and bounds. Transport only: who asks is found out by `peerOf`, and what is
 * answered by `decide`. Truth about the protocol: protocol.md beside this file.
 *
 * Memory has a bound: `maxHeldBytes`, and for each connection at most two reads of 64 KiB that Node has in hand, some 2 KiB
 * of its own, and 48 bytes for each unanswered request. Nothing a peer sends makes it more. What `decide` keeps of a
 * request is its own business: the bytes it is shown are views of what was read.
 */

import { createServer, type Server, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { REASONS } from "../../engine/index.js";
import { type Answer, Connection, type Host, type PeerGroup, type Trouble } from "./connection.js";
import { MAX_FRAME_BYTES, MIN_FRAME_LIMIT, Output, WireError } from "./frames.js";
import { DEFAULT_LIMITS, type SocketLimits } from "./limits.js";
import { ListenError, listenAt, listenOn } from "./listen.js";
import type { WireRequest } from "./request.js";
import { Turns } from "./turns.js";
import { putError, type VerdictToSend, type WireResult } from "./wire.js";

/** Who is at the other end of a connection. */
export interface Accepted<Peer> {
  readonly peer: Peer;
  /** Those with equal keys are one peer where it is about fairness. Default: each connection is one by itself. */
  readonly key?: string | number;
  /** What was read of the stream to find out, as with recvmsg(2). */
  readonly head?: Buffer;
}

export interface SocketServerOptions<Peer> {
  /** Where to listen: a path, or a descriptor of a socket that listens already. */
  readonly path?: string;
  readonly fd?: number;
  /** Of the path; set before anybody can connect. Default 0600. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly limits?: Partial<SocketLimits>;
  /**
   * Finds out who connects, while the socket is paused and nothing has been read. What it throws or rejects with refuses
   * the peer, and is reported, not sent.
   */
  readonly peerOf: (socket: Socket) => Accepted<Peer> | Promise<Accepted<Peer>>;
  /**
   * Decides: `answer` once, now or later, but in the end: an unanswered request keeps its place, and a connection that is not
   * read any further for want of places is not seen to be gone. Who throws has denied. The request's bytes are the server's:
   * copy what is kept.
   */
  readonly decide: (request: WireRequest, peer: Peer, answer: Answer) => void;
  /** The policy generation that hello and the server's own denials name. */
  readonly generation: () => number;
  /** What a launch returned. Nothing is answered. */
  readonly result?: (result: WireResult, peer: Peer) => void;
  /** For the log: refusals, cuts, errors. Must not throw. */
  readonly trouble?: (trouble: Trouble<Peer>) => void;
}

export interface SocketStats {
  readonly connections: number;
  readonly in_flight: number;
  /** Bytes counted against `maxHeldBytes`. */
  readonly held_bytes: number;
  readonly waiting_peers: number;
  readonly accepted: number;
  readonly requests: number;
  readonly verdicts: number;
  readonly troubles: number;
}

export interface SocketServer {
  readonly stats: () => SocketStats;
  /** Tells everybody that verdicts of generations before this one may not be held any more. */
  readonly revoke: (generation: number) => void;
  /**
   * Takes no more connections, denies new requests `shutting_down`, waits for what is in flight for so long, denies the
   * rest, and is done when every connection is closed.
   */
  readonly close: (graceMs?: number) => Promise<void>;
}

const SWEEP_MS = 250;
const CLOSING_MS = 20;
/** How long a connection without requests is kept after goodbye, for what is on its way. */
const LINGER_MS = 100;
const DEFAULT_MODE = 0o600;

/**
 * Listens, and answers until it is closed.
 * @throws ListenError where the socket cannot be had, or an option is none
 */
export async function createSocketServer<Peer>(options: SocketServerOptions<Peer>): Promise<SocketServer> {
  const listener = new Listener(options);
  await listener.listen();
  return Object.freeze({
    stats: () => listener.stats(),
    revoke: (generation: number) => listener.revoke(generation),
    close: (graceMs = 2000) => listener.close(graceMs),
  });
}

class Listener<Peer> implements Host<Peer> {
  readonly limits: SocketLimits;
  readonly decide: Host<Peer>["decide"];
  readonly generation: () => number;
  readonly #options: SocketServerOptions<Peer>;
  readonly #server: Server;
  readonly #connections = new Set<Connection<Peer>>();
  readonly #groups = new Map<unknown, PeerGroup>();
  readonly #turns = new Turns<Connection<Peer>>();
  readonly #toFlush = new Set<Connection<Peer>>();
  /** Accepted, and not yet known who it is. */
  readonly #strangers = new Map<Socket, number>();
  #immediate = false;
  #rounds = 0;
  #heldBytes = 0;
  #draining = false;
  #sweeper: NodeJS.Timeout | null = null;
  #unlisten: () => void = () => {};
  #closed: Promise<void> | null = null;
  #counts = { accepted: 0, requests: 0, verdicts: 0, troubles: 0 };

  constructor(options: SocketServerOptions<Peer>) {
    this.#options = options;
    this.limits = checkedLimits({ ...DEFAULT_LIMITS, ...options.limits });
    this.decide = options.decide;
    this.generation = options.generation;
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  async listen(): Promise<void> {
    const { path, fd, mode = DEFAULT_MODE, uid, gid } = this.#options;
    if ((path === undefined) === (fd === undefined)) {
      throw new ListenError("option", "a socket server needs a path or a descriptor, and not both");
    }
    this.#unlisten =
      path === undefined
        ? await listenOn(this.#server, fd as number)
        : await listenAt(this.#server, {
            path,
            mode,
            ...(uid === undefined ? {} : { uid }),
            ...(gid === undefined ? {} : { gid }),
          });
    this.#server.on("error", (error) => this.trouble({ code: "internal", message: error.message, peer: null }));
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  readonly now = (): number => performance.now();

  readonly draining = (): boolean => this.#draining;

  readonly counted = (what: "requests" | "verdicts"): void => {
    this.#counts[what] += 1;
  };

  readonly result = (result: WireResult, peer: Peer): void => {
    this.#options.result?.(result, peer);
  };

  readonly trouble = (trouble: Trouble<Peer>): void => {
    this.#counts.troubles += 1;
    this.#options.trouble?.(trouble);
  };

  readonly deny = (code: "shutting_down" | "internal"): VerdictToSend => ({
    decision: "deny",
    errno: 13,
    einit_error: 16,
    generation: this.generation(),
    decision_id: null,
    sigstruct_sha256: null,
    token_sha256: null,
    reasons: [{ code, message: REASONS[code] }],
  });

  readonly budget = (group: PeerGroup): number => {
    if (this.#turns.size > 0 && this.#turns.has(group.key)) return 0;
    if (group.round !== this.#rounds) {
      group.round = this.#rounds;
      group.spent = 0;
    }
    return Math.max(0, this.limits.turnFrames - group.spent);
  };

  readonly waitTurn = (connection: Connection<Peer>): void => {
    this.#turns.add(connection.group.key, connection);
    this.#soon();
  };

  readonly flushLater = (connection: Connection<Peer>): void => {
    this.#toFlush.add(connection);
    this.#soon();
  };

  readonly held = (difference: number): void => {
    this.#heldBytes += difference;
    if (difference > 0 && this.#heldBytes > this.limits.maxHeldBytes) this.#cutLargest();
  };

  readonly gone = (connection: Connection<Peer>): void => {
    const { group } = connection;
    this.#connections.delete(connection);
    this.#turns.remove(group.key, connection);
    this.#toFlush.delete(connection);
    group.connections -= 1;
    if (group.connections === 0) this.#groups.delete(group.key);
  };

  stats(): SocketStats {
    let in_flight = 0;
    for (const { unanswered } of this.#connections) in_flight += unanswered;
    const { size: connections } = this.#connections;
    return { connections, in_flight, held_bytes: this.#heldBytes, waiting_peers: this.#turns.size, ...this.#counts };
  }

  revoke(generation: number): void {
    for (const connection of this.#connections) connection.revoke(generation);
  }

  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.#draining = true;
    this.#unlisten();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#strangers.keys()) socket.destroy();
    for (const connection of this.#connections) connection.sayGoodbye(graceMs);
    const began = this.now();
    const timer = setInterval(() => this.#hurry(this.now() - began, graceMs), CLOSING_MS);
    await closed;
    clearInterval(timer);
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
  }

  /** Ends what may be ended so long after goodbye. */
  #hurry(elapsed: number, graceMs: number): void {
    const now = this.now();
    for (const connection of this.#connections) {
      if (elapsed >= graceMs + this.limits.closeMs) connection.destroy();
      else if (elapsed >= graceMs) connection.finish();
      else if (elapsed >= LINGER_MS && connection.isIdle(now, LINGER_MS)) connection.finish();
    }
  }

  #accept(socket: Socket): void {
    this.#counts.accepted += 1;
    socket.on("error", () => socket.destroy());
    if (this.#connections.size + this.#strangers.size >= this.limits.maxConnections) {
      this.#refuse(socket, new WireError("overloaded", "there are too many connections"), null);
      return;
    }
    this.#strangers.set(socket, this.now());
    socket.once("close", () => this.#strangers.delete(socket));
    this.#identify(socket);
  }

  /** Without waiting where `peerOf` does not. */
  #identify(socket: Socket): void {
    const refuse = (error: unknown): void => {
      const message = error instanceof Error ? error.message : String(error);
      this.trouble({ code: "refused", message, peer: null });
      this.#refuse(socket, new WireError("refused", "this peer is not served here"), null, false);
    };
    try {
      const accepted = this.#options.peerOf(socket);
      if (accepted instanceof Promise) {
        accepted.then((settled) => this.#welcome(socket, settled)).catch(refuse);
      } else this.#welcome(socket, accepted);
    } catch (error) {
      refuse(error);
    }
  }

  #welcome(socket: Socket, { peer, key, head }: Accepted<Peer>): void {
    const since = this.#strangers.get(socket);
    // Gone meanwhile, or taken away for being too slow.
    if (since === undefined || socket.destroyed) return;
    this.#strangers.delete(socket);
    const group = this.#groupOf(key ?? socket);
    if (group.connections >= this.limits.maxConnectionsPerPeer) {
      this.#refuse(socket, new WireError("overloaded", "this peer has too many connections"), peer);
      return;
    }
    group.connections += 1;
    this.#groups.set(group.key, group);
    const connection = new Connection<Peer>(this, socket, peer, group, since);
    this.#connections.add(connection);
    socket.once("close", () => connection.closed());
    connection.start(head);
    if (this.#draining) connection.finish();
  }

  #groupOf(key: unknown): PeerGroup {
    return this.#groups.get(key) ?? { key, connections: 0, round: 0, spent: 0 };
  }

  #refuse(socket: Socket, { code, message }: WireError, peer: Peer | null, report = true): void {
    this.#strangers.delete(socket);
    if (report) this.trouble({ code, message, peer });
    const out = new Output();
    putError(out, { code, id: 0, message });
    socket.end(out.take());
    socket.destroySoon();
  }

  #soon(): void {
    if (this.#immediate) return;
    this.#immediate = true;
    setImmediate(() => this.#round());
  }

  /** What was put off in this tick: one turn for each peer that waits, and then everything that was answered is written. */
  #round(): void {
    this.#immediate = false;
    this.#rounds += 1;
    this.#turns.round((connection) => connection.turn(this.limits.turnFrames));
    for (const connection of this.#toFlush) connection.flush();
    this.#toFlush.clear();
    if (this.#turns.size > 0) this.#soon();
  }

  #cutLargest(): void {
    while (this.#heldBytes > this.limits.maxHeldBytes) {
      let largest: Connection<Peer> | null = null;
      for (const connection of this.#connections) if (connection.held > (largest?.held ?? 0)) largest = connection;
      if (largest === null) return;
      largest.cut(new WireError("overloaded", `it held ${largest.held} bytes, the most of all, as memory ran out`));
    }
  }

  #sweep(): void {
    const now = this.now();
    for (const connection of this.#connections) connection.sweep(now);
    for (const [socket, since] of this.#strangers) {
      if (now - since < this.limits.handshakeMs) continue;
      this.#refuse(socket, new WireError("timeout", "it took too long to find out who connects"), null);
    }
  }
}

/** @throws ListenError `option` */
function checkedLimits(limits: SocketLimits): SocketLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < (name === "idleMs" ? 0 : 1)) {
      throw new ListenError("option", `${name} is ${value}, expected a positive integer`);
    }
  }
  if (limits.maxFrameBytes < MIN_FRAME_LIMIT || limits.maxFrameBytes > MAX_FRAME_BYTES) {
    throw new ListenError(
      "option",
      `maxFrameBytes is ${limits.maxFrameBytes}, expected ${MIN_FRAME_LIMIT} to ${MAX_FRAME_BYTES}`,
    );
  }
  return Object.freeze({ ...limits });
}
