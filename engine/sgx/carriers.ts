/**
 * Where launch structures lie in a file, judged by its content alone, never by its name. Raw structures, the 1024-byte
 * `sgx_launch_token_t` of Intel's SDK, and hex or base64 text of any of them. Truth about the sizes: Intel SDM vol. 3D,
 * chapter "Enclave Access and Structures"; about `sgx_launch_token_t`: the SDK's sgx_urts.h.
 */

import { EINITTOKEN_SIZE, LAUNCH_TOKEN_SIZE } from "./einittoken.js";
import { SECS_SIZE } from "./secs.js";
import { SIGSTRUCT_HEADER, SIGSTRUCT_HEADER2, SIGSTRUCT_SIZE } from "./sigstruct.js";

/**
 * A structure found. `offset` is where it lies in the file, in bytes, and 0 where the file is text; `bytes` is a copy,
 * of exactly the structure's size.
 */
export type FoundStructure = {
  readonly kind: "sigstruct" | "einittoken" | "secs";
  readonly offset: number;
  readonly bytes: Uint8Array;
};

/** Text longer than this many bytes carries none of the structures, however it is wrapped. */
const MAX_TEXT_SIZE = 65_536;

/**
 * The structures in a file, by offset; none where the content is none of the known forms. A file of 1808 bytes is a
 * SIGSTRUCT whatever it holds: that its HEADER is wrong is a finding, not a reason to look away.
 */
export function findStructures(bytes: Uint8Array): readonly FoundStructure[] {
  const raw = findRaw(bytes);
  if (raw.length > 0) return raw;
  for (const decoded of textOf(bytes)) {
    const found = findRaw(decoded);
    if (found.length > 0) return found.map((structure) => ({ ...structure, offset: 0 }));
  }
  return [];
}

function findRaw(bytes: Uint8Array): readonly FoundStructure[] {
  switch (bytes.length) {
    case SIGSTRUCT_SIZE:
      return [take("sigstruct", bytes, 0, SIGSTRUCT_SIZE)];
    case EINITTOKEN_SIZE:
    case LAUNCH_TOKEN_SIZE:
      return [take("einittoken", bytes, 0, EINITTOKEN_SIZE)];
    case SECS_SIZE:
      return [page(bytes)];
    default:
      return [];
  }
}

/** A page is a SECS, unless it is the page-aligned SIGSTRUCT that EINIT wants. */
function page(bytes: Uint8Array): FoundStructure {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = view.indexOf(HEADER); at >= 0 && at + SIGSTRUCT_SIZE <= SECS_SIZE; at = view.indexOf(HEADER, at + 1)) {
    if (view.indexOf(HEADER2, at + 24) === at + 24) return take("sigstruct", bytes, at, SIGSTRUCT_SIZE);
  }
  return take("secs", bytes, 0, SECS_SIZE);
}

const HEADER = Buffer.from(SIGSTRUCT_HEADER, "hex");
const HEADER2 = Buffer.from(SIGSTRUCT_HEADER2, "hex");

function take(kind: FoundStructure["kind"], bytes: Uint8Array, offset: number, size: number): FoundStructure {
  return { kind, offset, bytes: new Uint8Array(bytes.subarray(offset, offset + size)) };
}

/** What the text says as hex, and as base64; white space between digits is ignored, anything else disqualifies. */
function textOf(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes.length > MAX_TEXT_SIZE) return [];
  const text = Buffer.from(bytes)
    .toString("latin1")
    .replace(/[ \t\r\n]/g, "");
  const readings: Uint8Array[] = [];
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) readings.push(Buffer.from(text, "hex"));
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    readings.push(Buffer.from(text, "base64"));
  }
  return readings;
}
