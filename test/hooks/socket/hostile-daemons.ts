/** Daemons that lie, stumble or fall silent, and what a client must make of each: a denial of its own, or the daemon's. */

import { hash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { type Frame, FrameReader, MESSAGES, Output } from "../../../hooks/socket/frames.js";
import { decodeRequest, putRequest } from "../../../hooks/socket/request.js";
import {
  decodeMessage,
  putError,
  putHello,
  putPing,
  putRevocation,
  putVerdict,
  type VerdictToSend,
} from "../../../hooks/socket/wire.js";
import { freshPath } from "./server.js";
import { ALLOWS } from "./vectors.js";

const HELLO = { version_min: 1, version_max: 1, max_frame: 65_536, max_in_flight: 16, generation: 7, agent: null };
const EMPTY = hash("sha256", "", "hex");

/** What the client should do: the request's id, its honest verdict, and the way to say something. */
interface Scene {
  readonly id: number;
  readonly honest: VerdictToSend;
  readonly say: (put: (out: Output) => void) => void;
  readonly socket: Socket;
}

type Act = (scene: Scene) => void;

const half = (scene: Scene): Buffer => {
  const out = new Output();
  putVerdict(out, scene.id, scene.honest);
  return out.take().subarray(0, 100);
};

/** A verdict with a byte of its body set. */
const spoilt =
  (at: number, byte: number): Act =>
  (scene) => {
    const out = new Output();
    putVerdict(out, scene.id, scene.honest);
    const frame = out.take();
    frame[8 + at] = byte;
    scene.socket.write(frame);
  };

export const HOSTILE: readonly (readonly [name: string, act: Act, code: string])[] = [
  ["says nothing", () => {}, "client_deadline"],
  ["says half a verdict", (scene) => scene.socket.write(half(scene)), "client_deadline"],
  ["hangs up", ({ socket }) => socket.destroy(), "connection_lost"],
  ["hangs up within a verdict", (scene) => scene.socket.end(half(scene)), "connection_lost"],
  [
    "allows other bytes",
    ({ id, honest, say }) => say((out) => putVerdict(out, id, { ...honest, sigstruct_sha256: EMPTY })),
    "digest_mismatch",
  ],
  [
    "allows without saying what",
    ({ id, honest, say }) => say((out) => putVerdict(out, id, { ...honest, sigstruct_sha256: null })),
    "digest_mismatch",
  ],
  [
    "allows a token that was not sent",
    ({ id, honest, say }) => say((out) => putVerdict(out, id, { ...honest, token_sha256: EMPTY })),
    "digest_mismatch",
  ],
  ["allows another request", ({ id, honest, say }) => say((out) => putVerdict(out, id + 1, honest)), "protocol_error"],
  ["allows with an errno", spoilt(12, 13), "protocol_error"],
  ["allows with an EINIT error", spoilt(16, 16), "protocol_error"],
  ["says something between allow and deny", spoilt(8, 2), "protocol_error"],
  ["denies without an errno", spoilt(8, 0), "protocol_error"],
  ["has an unknown bit set", spoilt(9, 0x0d), "protocol_error"],
  ["has a token digest that is not there", spoilt(80, 1), "protocol_error"],
  ["is of a generation above all counts", spoilt(31, 0xff), "protocol_error"],
  ["answers with a request", ({ say }) => say((out) => putRequest(out, 1, {}, null)), "protocol_error"],
  ["says hello again", ({ say }) => say((out) => putHello(out, HELLO)), "protocol_error"],
  ["pings", ({ say }) => say((out) => putPing(out, "ping", 1n)), "protocol_error"],
  ["sends noise", ({ socket }) => socket.write(Buffer.alloc(500, 0x5a)), "protocol_error"],
  ["sends text", ({ socket }) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), "protocol_error"],
  [
    "sends a frame that is too long",
    ({ socket }) => socket.write(Buffer.from("ffffffff03000000", "hex")),
    "protocol_error",
  ],
  [
    "ends with an error",
    ({ say }) => say((out) => putError(out, { code: "overloaded", id: 0, message: "too much" })),
    "daemon_refused",
  ],
  [
    "denies, of no bytes",
    ({ id, honest, say }) =>
      say((out) =>
        putVerdict(out, id, {
          ...honest,
          decision: "deny",
          errno: 13,
          einit_error: 16,
          sigstruct_sha256: null,
          reasons: [{ code: "shutting_down", message: "" }],
        }),
      ),
    "shutting_down",
  ],
];

/** What a good daemon may do beside answering. */
export const HARMLESS: readonly (readonly [name: string, act: Act])[] = [
  ["just allows", ({ id, honest, say }) => say((out) => putVerdict(out, id, honest))],
  [
    "revokes a generation first",
    ({ id, honest, say }) =>
      say((out) => {
        putRevocation(out, 8);
        putVerdict(out, id, honest, 1000);
      }),
  ],
  [
    "adds a field that may be skipped",
    ({ id, honest, socket }) => {
      const out = new Output();
      putVerdict(out, id, honest);
      const frame = Buffer.concat([out.take(), Buffer.from("ff7f0100aa", "hex")]);
      frame.writeUInt32LE(frame.length, 0);
      socket.write(frame);
    },
  ],
  [
    "lets its verdict drip",
    (scene) => {
      const out = new Output();
      putVerdict(out, scene.id, scene.honest);
      const bytes = [...out.take()];
      const dripping = setInterval(() => {
        scene.socket.write(Buffer.from(bytes.splice(0, 20)));
        if (bytes.length === 0) clearInterval(dripping);
      }, 1);
    },
  ],
];

/** A daemon that says hello as it should, and then does that for each request. */
export async function play(act: Act): Promise<{ readonly path: string; readonly close: () => void }> {
  const path = freshPath();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const reader = new FrameReader();
    const say: Scene["say"] = (put) => {
      const out = new Output();
      put(out);
      socket.write(out.take());
    };
    const take = (frame: Frame): void => {
      if (frame.type === MESSAGES.request) {
        const { id, sigstruct, token } = decodeRequest(frame.body);
        const sigstruct_sha256 = sigstruct === null ? null : hash("sha256", sigstruct, "hex");
        const token_sha256 = token === null ? null : hash("sha256", token, "hex");
        act({ id, honest: { ...ALLOWS, sigstruct_sha256, token_sha256 }, say, socket });
      } else if (decodeMessage(frame).type === "hello") say((out) => putHello(out, HELLO));
    };
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      reader.push(chunk);
      for (let frame = reader.next(); frame !== null; frame = reader.next()) take(frame);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { path, close };
}
