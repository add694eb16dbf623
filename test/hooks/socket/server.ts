/** A server with a decision that is easy to foresee, and askers that say exactly what a test wants said. */

import { hash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Answer, Trouble } from "../../../hooks/socket/connection.js";
import { FrameReader, Output } from "../../../hooks/socket/frames.js";
import type { SocketLimits } from "../../../hooks/socket/limits.js";
import { putRequest, type WireRequest } from "../../../hooks/socket/request.js";
import {
  type Accepted,
  createSocketServer,
  type SocketServer,
  type SocketServerOptions,
  type SocketStats,
} from "../../../hooks/socket/server.js";
import {
  decodeMessage,
  type Message,
  putHello,
  type VerdictToSend,
  type WireResult,
} from "../../../hooks/socket/wire.js";
import { ALLOWS } from "./vectors.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-wire-"));
const servers: SocketServer[] = [];
let paths = 0;

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close(0)));
  rmSync(folder, { recursive: true, force: true });
});

export function freshPath(): string {
  paths += 1;
  return join(folder, `s${paths}`);
}

const sha256 = (bytes: Uint8Array | null): string | null => (bytes === null ? null : hash("sha256", bytes, "hex"));

/** Allows where the first byte of the SIGSTRUCT is even, and says of which bytes. */
export function verdictOn({ sigstruct, token }: WireRequest): VerdictToSend {
  const digests = { sigstruct_sha256: sha256(sigstruct), token_sha256: sha256(token) };
  if (((sigstruct?.[0] ?? 1) & 1) === 0) return { ...ALLOWS, ...digests };
  return {
    ...ALLOWS,
    ...digests,
    decision: "deny",
    errno: 13,
    einit_error: 16,
    reasons: [{ code: "odd", message: "" }],
  };
}

export interface Served {
  readonly path: string;
  readonly server: SocketServer;
  readonly troubles: Trouble<number>[];
  readonly results: WireResult[];
}

type Options = Partial<Omit<SocketServerOptions<number>, "limits">> & { readonly limits?: Partial<SocketLimits> };

/** Peers are numbered as they come. */
export async function serve(options: Options = {}): Promise<Served> {
  const path = options.path ?? freshPath();
  const troubles: Trouble<number>[] = [];
  const results: WireResult[] = [];
  let peers = 0;
  const server = await createSocketServer<number>({
    path,
    peerOf: (): Accepted<number> => {
      peers += 1;
      return { peer: peers };
    },
    decide: (request: WireRequest, _peer: number, answer: Answer) => answer(verdictOn(request)),
    generation: () => 7,
    result: (result) => results.push(result),
    trouble: (trouble) => troubles.push(trouble),
    ...options,
  });
  servers.push(server);
  return { path, server, troubles, results };
}

/** An asker by hand. */
export class Asker {
  readonly socket: Socket;
  readonly #reader = new FrameReader();
  readonly #messages: Message[] = [];
  readonly #out = new Output();
  #wake: () => void = () => {};
  ended = false;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on("data", (chunk) => {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame !== null; frame = this.#reader.next()) {
        this.#messages.push(decodeMessage({ type: frame.type, body: Buffer.from(frame.body) }));
      }
      this.#wake();
    });
    const over = (): void => {
      this.ended = true;
      this.#wake();
    };
    this.socket.on("error", over).on("end", over).on("close", over);
  }

  /** One that has been welcomed. */
  static async met(path: string): Promise<Asker> {
    const asker = new Asker(path);
    asker.say((out) =>
      putHello(out, {
        version_min: 1,
        version_max: 1,
        max_frame: 65_536,
        max_in_flight: 0,
        generation: 0,
        agent: null,
      }),
    );
    await asker.next();
    return asker;
  }

  say(put: (out: Output) => void): void {
    put(this.#out);
    this.write(this.#out.take());
  }

  ask(id: number, sigstruct: Uint8Array = new Uint8Array(1808)): void {
    this.say((out) => putRequest(out, id, { sigstruct }, null));
  }

  write(bytes: Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** The next message; null where the connection has ended before it. */
  async next(): Promise<Message | null> {
    while (this.#messages.length === 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#messages.shift() ?? null;
  }

  /** All messages up to the end of the connection. */
  async rest(): Promise<Message[]> {
    const messages: Message[] = [];
    for (let message = await this.next(); message !== null; message = await this.next()) messages.push(message);
    return messages;
  }

  async verdicts(count: number): Promise<Map<number, string>> {
    const verdicts = new Map<number, string>();
    while (verdicts.size < count) {
      const message = await this.next();
      if (message?.type !== "verdict")
        throw new Error(`a verdict was expected, and ${message?.type ?? "the end"} came`);
      verdicts.set(message.verdict.id, message.verdict.decision);
    }
    return verdicts;
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How many of what a server counts are left when nobody is there. */
export const NOBODY: Partial<SocketStats> = { connections: 0, in_flight: 0, held_bytes: 0, waiting_peers: 0 };

/** Waits until something is so, and fails where it never is. */
export async function until(holds: () => boolean, ms = 5000): Promise<void> {
  for (const began = performance.now(); !holds(); await pause(5)) {
    if (performance.now() - began > ms) throw new Error(`still not so after ${ms} ms: ${holds}`);
  }
}
