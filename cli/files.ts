/** Reading and writing what the user names on the command line, with errors that say what to do. */

import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type ByteSource, sourceOf } from "../engine/sgx/carriers/source.js";
import { duplicateKey } from "./duplicate-key.js";
import { CommandError } from "./io.js";

/** No structure, token or event is longer; what must be read whole is read up to here, and refused beyond. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What stdin held: it can be read only once, but may be named more often. */
let stdin: Uint8Array | undefined;

/** A file's bytes, `-` for stdin. @throws CommandError exit 1 where it cannot be read */
export function readBytes(path: string): Uint8Array {
  return withSource(path, (source) => wholeOf(path, source));
}

/**
 * Hands a file to `use`, which asks for the pieces it wants: a regular file of any size stays on its disk, anything else
 * (`-` for stdin, pipes) is read whole. The source ends with the call.
 *
 * @throws CommandError exit 1 where the file cannot be read, also in the middle of `use`; what `use` throws itself
 */
export function withSource<Value>(path: string, use: (source: ByteSource) => Value): Value {
  if (path === "-") {
    stdin ??= orCannotRead(path, () => readAll(0));
    return use(sourceOf(stdin));
  }
  const fd = orCannotRead(path, () => openSync(path, "r"));
  try {
    return use(orCannotRead(path, () => sourceOfFile(path, fd)));
  } finally {
    closeSync(fd);
  }
}

/** All bytes of a source. @throws CommandError exit 1 where they are more than any structure has */
export function wholeOf(path: string, { sizeBytes, read }: ByteSource): Uint8Array {
  if (sizeBytes <= MAX_BYTES) return read(0, sizeBytes);
  throw new CommandError(1, `cannot read ${path}: it is ${sizeBytes} bytes, more than ${MAX_BYTES}`);
}

function sourceOfFile(path: string, fd: number): ByteSource {
  const stats = fstatSync(fd);
  // Files of the kernel say that they are empty, and are not.
  if (!stats.isFile() || stats.size === 0) return sourceOf(readAll(fd));
  return {
    sizeBytes: stats.size,
    read: (offset, length) => orCannotRead(path, () => readPart(fd, offset, Math.min(length, stats.size - offset))),
  };
}

function readPart(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, length));
  let filled = 0;
  while (filled < bytes.length) {
    const read = readSync(fd, bytes, filled, bytes.length - filled, offset + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}

function readAll(fd: number): Uint8Array {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(65_536);
    const length = readSync(fd, chunk);
    if (length === 0) return new Uint8Array(Buffer.concat(chunks));
    total += length;
    if (total > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk.subarray(0, length));
  }
}

/**
 * What a JSON file holds, whatever that is. A key that stands twice is refused: two readers could see two values.
 * @throws CommandError exit 1 where it cannot be read, or is no JSON
 */
export function readJson(path: string): unknown {
  const text = new TextDecoder().decode(readBytes(path));
  const value = parseJson(path, text);
  const twice = duplicateKey(text);
  if (twice !== null)
    throw new CommandError(1, `${path}: the key ${JSON.stringify(twice.slice(0, 64))} stands twice in one object`);
  return value;
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(1, `${path} is no JSON: ${(error as Error).message}`);
  }
}

function orCannotRead<Value>(path: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
    throw new CommandError(1, `cannot read ${path}: ${why}`);
  }
}

/**
 * The old file or the whole new one, never a part. What is no regular file, such as /dev/stdout, is written to as it is.
 * @throws CommandError exit 1 where it cannot be written
 */
export function writeWhole(path: string, content: Uint8Array | string): void {
  let draft: string | undefined;
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there !== undefined && !there.isFile()) {
      writeFileSync(path, content);
      return;
    }
    // A link goes on pointing at what it points at.
    const target = there === undefined ? path : realpathSync(path);
    draft = `${target}.${randomBytes(6).toString("hex")}.tmp`;
    writeFileSync(draft, content, { flag: "wx" });
    renameSync(draft, target);
  } catch (error) {
    if (draft !== undefined) rmSync(draft, { force: true });
    throw new CommandError(1, `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
