/**
 * Where a log comes from: files or stdin, gzip or plain by what they begin with, in chunks and never whole. Truth: RFC 1952
 * for gzip; several members in a row are one stream, as log rotation makes them.
 */

import { createReadStream, createWriteStream, fstatSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { CommandError } from "../io.js";

/** One log. Opening it a second time reads the same bytes again, up to where it ended when it was named. */
export interface LogSource {
  /** As the user named it. */
  readonly name: string;
  /** The size as it lies there, packed or not; null where nobody knows before the end. */
  readonly sizeBytes: number | null;
  /** The text in chunks; `onRead` is told how many bytes were taken from the source itself. */
  readonly open: (onRead: (bytes: number) => void) => AsyncIterable<Uint8Array>;
}

const CHUNK_BYTES = 256 * 1024;

/** The log at `path`, `-` for stdin. @throws CommandError exit 1 where there is none; reading it throws the same */
export function logSource(path: string): LogSource {
  if (path === "-") return { name: path, sizeBytes: null, open: (onRead) => textOf(path, () => stdin(), onRead) };
  const size = sizeOf(path);
  const end = size === null ? Number.POSITIVE_INFINITY : size - 1;
  return {
    name: path,
    sizeBytes: size,
    open: (onRead) =>
      textOf(
        path,
        () => (size === 0 ? Readable.from([]) : createReadStream(path, { end, highWaterMark: CHUNK_BYTES })),
        onRead,
      ),
  };
}

/**
 * The same log in a form that can be read more than once: what is no plain file is first copied into a private temporary
 * one. `release` takes that away.
 */
export async function rereadable(
  source: LogSource,
): Promise<{ readonly source: LogSource; readonly release: () => void }> {
  if (source.sizeBytes !== null) return { source, release: () => undefined };
  const folder = mkdtempSync(join(tmpdir(), "launchgate-log-"));
  const release = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    // As it comes, packed or not: what it unpacks to need not fit on the disk.
    const copy = join(folder, "log");
    const bytes = source.name === "-" ? stdin() : createReadStream(source.name);
    await pipeline(bytes, createWriteStream(copy, { mode: 0o600, flags: "wx" }));
    return { source: { ...logSource(copy), name: source.name }, release };
  } catch (error) {
    release();
    throw cannotRead(source.name, error);
  }
}

/** Null for what is no plain file: a pipe tells its size to nobody. */
function sizeOf(path: string): number | null {
  try {
    const found = statSync(path);
    if (found.isDirectory()) throw new Error("it is a folder");
    return found.isFile() ? found.size : null;
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function stdin(): Readable {
  // Shells may hand over a closed stdin; asking for its kind says so at once.
  fstatSync(0);
  return createReadStream("", { fd: 0, autoClose: false, highWaterMark: CHUNK_BYTES });
}

async function* textOf(
  path: string,
  open: () => Readable,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const chunks = counted(open(), onRead);
    const head = await headOf(chunks);
    if (head[0] !== 0x1f || head[1] !== 0x8b) {
      if (head.length > 0) yield head;
      yield* chunks;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    const packed = Readable.from(prepend(head, chunks), { objectMode: false });
    packed.on("error", (error) => gunzip.destroy(error));
    yield* packed.pipe(gunzip);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

async function* counted(chunks: Readable, onRead: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    onRead((chunk as Uint8Array).length);
    yield chunk as Uint8Array;
  }
}

/** The first bytes, at least two where there are so many: a pipe may give them one by one. */
async function headOf(chunks: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array();
  while (head.length < 2) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* prepend(head: Uint8Array, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* chunks;
}

function cannotRead(path: string, error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith("Z_") === true)
    return new CommandError(1, `${path} is damaged gzip (${message}): what comes after cannot be read`);
  return new CommandError(1, `cannot read ${path}: ${code === "ENOENT" ? "there is no such file" : message}`);
}
