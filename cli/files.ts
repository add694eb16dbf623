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
import { parseDocument } from "yaml";
import { CommandError } from "./io.js";

/** No structure, token or event is longer; larger files are read up to here and then judged by their length. */
const MAX_BYTES = 16 * 1024 * 1024;

/** A file's bytes, `-` for stdin. @throws CommandError exit 1 where it cannot be read */
export function readBytes(path: string): Uint8Array {
  return orCannotRead(path, () => {
    const fd = path === "-" ? 0 : openSync(path, "r");
    try {
      const chunks: Buffer[] = [];
      let total = 0;
      const whole = fstatSync(fd).isFile() ? fstatSync(fd).size : undefined;
      if (whole !== undefined && whole > MAX_BYTES) throw new Error(`it is ${whole} bytes, more than ${MAX_BYTES}`);
      for (;;) {
        const chunk = Buffer.allocUnsafe(65_536);
        const length = readSync(fd, chunk);
        if (length === 0) return new Uint8Array(Buffer.concat(chunks));
        total += length;
        if (total > MAX_BYTES) throw new Error(`it is longer than ${MAX_BYTES} bytes`);
        chunks.push(chunk.subarray(0, length));
      }
    } finally {
      if (fd !== 0) closeSync(fd);
    }
  });
}

/**
 * What a JSON file holds, whatever that is. A key that stands twice is refused: two readers could see two values.
 * @throws CommandError exit 1 where it cannot be read, or is no JSON
 */
export function readJson(path: string): unknown {
  const text = new TextDecoder().decode(readBytes(path));
  const twice = parseDocument(text, { stringKeys: true }).errors.find(({ code }) => code === "DUPLICATE_KEY");
  if (twice !== undefined) throw new CommandError(1, `${path}: ${twice.message}`);
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
