/**
 * Those who are asked over a unix socket: the daemon, in frames of its wire protocol (hooks/socket/protocol.md); a process
 * that answers as many bytes with as many bytes, and looks at none; OPA's server, over HTTP/1.1.
 */

import { createHash } from "node:crypto";
import type { LaunchEvent } from "../../hooks/index.js";
import { FrameReader, MAX_FRAME_BYTES, MESSAGES, Output } from "../../hooks/socket/frames.js";
import { putRequest } from "../../hooks/socket/request.js";
import { decodeMessage, PROTOCOL_VERSION, putHello, putVerdict } from "../../hooks/socket/wire.js";
import { type Answerer, HELLO } from "./askers.js";

/** Where in a request's frame its SIGSTRUCT begins, and how long it is. */
const SIGSTRUCT_AT = 8 + 24 + 4;
const SIGSTRUCT_BYTES = 1808;
/** Where in a verdict's body what is. */
const ALLOWED_AT = 8;
const DIGEST_AT = 48;
const DIGEST_BYTES = 32;

export function helloFrame(): Buffer {
  const out = new Output();
  const versions = { version_min: PROTOCOL_VERSION, version_max: PROTOCOL_VERSION, max_frame: MAX_FRAME_BYTES };
  putHello(out, { ...versions, max_in_flight: 0, generation: 0, agent: "launchgate bench" });
  return out.take();
}

/** A request for the launch of an event, as a launcher puts it: who it is, the daemon knows. */
export function requestFrame(id: number, { sigstruct, secs, platform }: LaunchEvent): Buffer {
  const out = new Output();
  putRequest(out, id, { sigstruct: sigstruct as Uint8Array, secs, platform }, null);
  return out.take();
}

/** The whole frames of the requests for one event, with ids from 1. */
function requestFrames(event: LaunchEvent, slots: number): Buffer {
  return Buffer.concat(Array.from({ length: slots }, (_, slot) => requestFrame(slot + 1, event)));
}

/** How long a request for the event is, and a verdict that allows it. */
export function frameSizes(event: LaunchEvent): { readonly request: number; readonly verdict: number } {
  const out = new Output();
  putVerdict(out, 1, {
    ...{ decision: "allow", errno: 0, einit_error: 0, generation: 1, reasons: [], token_sha256: null },
    decision_id: "00000000-0000-4000-8000-000000000000",
    sigstruct_sha256: "0".repeat(64),
  });
  return { request: requestFrame(1, event).length, verdict: out.length };
}

/** Puts another SIGSTRUCT in the place of a request's. */
export function patchRequest(requests: Buffer, slot: number, size: number, sigstruct: Uint8Array): void {
  requests.set(sigstruct, slot * size + SIGSTRUCT_AT);
}

/**
 * The daemon, asked about one event by every request, unless they are patched: then the digest that the verdict names cannot
 * be compared with the one that was sent. Every verdict must be an allow, or say that there is too much to do.
 */
export function daemonAnswerer(path: string, event: LaunchEvent, patched: boolean): Answerer {
  return {
    path,
    hello: helloFrame(),
    requests: (slots) => requestFrames(event, slots),
    reader: (requests) => {
      const frames = new FrameReader();
      const sent = requests.subarray(SIGSTRUCT_AT, SIGSTRUCT_AT + SIGSTRUCT_BYTES);
      const digest = patched ? null : createHash("sha256").update(sent).digest();
      return (chunk, answered) => {
        frames.push(chunk);
        for (let frame = frames.next(); frame !== null; frame = frames.next()) {
          const { type, body } = frame;
          if (type !== MESSAGES.verdict) {
            answered(expectHello(decodeMessage(frame)));
            continue;
          }
          const isAbout = digest === null || body.compare(digest, 0, DIGEST_BYTES, DIGEST_AT, DIGEST_AT + 32) === 0;
          const allowed = body[ALLOWED_AT] === 1;
          if (!allowed || !isAbout) expectOverload(decodeMessage(frame));
          answered(body.readUInt32LE(0) - 1, !allowed);
        }
      };
    },
  };
}

function expectHello(message: ReturnType<typeof decodeMessage>): number {
  if (message.type === "hello") return HELLO;
  throw new Error(`the daemon says ${message.type === "error" ? message.failure.message : message.type}`);
}

/** @throws Error where a verdict says anything else than that there is too much to do */
function expectOverload(message: ReturnType<typeof decodeMessage>): void {
  const { decision, reasons } = message.type === "verdict" ? message.verdict : { decision: null, reasons: [] };
  if (decision === "deny" && reasons[0]?.code === "overloaded") return;
  const why = reasons.map(({ code, message: text }) => `${code}: ${text}`).join("; ");
  throw new Error(`the daemon answers ${why === "" ? "about other bytes than it was asked about" : why}`);
}

/** The program of a process that answers each so many bytes with so many, and looks at none of them. */
export function echoProgram(path: string, sizes: { readonly request: number; readonly verdict: number }): string {
  return `import { createServer } from "node:net";
const answers = Buffer.alloc(${sizes.verdict} * 256);
createServer((socket) => {
  let bytes = 0;
  socket.on("error", () => undefined);
  socket.on("data", (chunk) => {
    bytes += chunk.length;
    const whole = Math.floor(bytes / ${sizes.request});
    bytes -= whole * ${sizes.request};
    if (whole > 0) socket.write(answers.subarray(0, whole * ${sizes.verdict}));
  });
}).listen(${JSON.stringify(path)});
`;
}

/** Answers come in the order of the requests. */
export function echoAnswerer(path: string, event: LaunchEvent): Answerer {
  const { verdict } = frameSizes(event);
  return {
    path,
    hello: null,
    requests: (slots) => requestFrames(event, slots),
    reader: (requests) => {
      const next = inTurn(requests.length / frameSizes(event).request);
      let bytes = 0;
      return (chunk, answered) => {
        for (bytes += chunk.length; bytes >= verdict; bytes -= verdict) answered(next());
      };
    },
  };
}

const HEAD_END = Buffer.from("\r\n\r\n");
const ALLOWED = Buffer.from('"allow":true');

/** `POST /v1/data/…` on connections that are kept, requests one behind the other without waiting where several are in flight. */
export function opaAnswerer(path: string, entrypoint: string, input: object): Answerer {
  const body = Buffer.from(JSON.stringify({ input }));
  const lines = [
    `POST /v1/data/${entrypoint} HTTP/1.1`,
    ...["Host: localhost", "Content-Type: application/json", `Content-Length: ${body.length}`],
  ];
  const request = Buffer.concat([Buffer.from(lines.join("\r\n")), HEAD_END, body]);
  return {
    path,
    hello: null,
    requests: (slots) => Buffer.concat(Array.from({ length: slots }, () => request)),
    reader: (requests) => {
      const next = inTurn(requests.length / request.length);
      let rest: Buffer = Buffer.alloc(0);
      return (chunk, answered) => {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        for (let answer = httpAnswer(rest); answer !== null; answer = httpAnswer(rest)) {
          if (!answer.body.includes(ALLOWED)) throw new Error("OPA does not allow what it was asked");
          rest = rest.subarray(answer.end);
          answered(next());
        }
      };
    },
  };
}

/** The first whole answer; null where its end is not there yet. */
function httpAnswer(bytes: Buffer): { readonly body: Buffer; readonly end: number } | null {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) return null;
  const head = bytes.toString("latin1", 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (!head.startsWith("HTTP/1.1 200 ") || length === undefined) {
    throw new Error(`OPA's server answers ${JSON.stringify(head.slice(0, 80))}`);
  }
  const from = headEnd + HEAD_END.length;
  const end = from + Number(length);
  return end > bytes.length ? null : { body: bytes.subarray(from, end), end };
}

/** Places in turn: the first asked is the first answered, and asked again behind the others. */
function inTurn(slots: number): () => number {
  let at = -1;
  return () => {
    at = (at + 1) % slots;
    return at;
  };
}
