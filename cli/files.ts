/** Reading what the user names on the command line, with errors that say what to do. */

import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { parseDocument } from "yaml";
import type { JsonObject } from "../engine/index.js";
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

/** A JSON or YAML file that holds an object. @throws CommandError exit 1 unreadable, `invalid` where it is no such */
export function readDocument(path: string, invalid: 1 | 3): JsonObject {
  const text = orCannotRead(path, () => readFileSync(path === "-" ? 0 : path, "utf8"));
  const document = parseDocument(text, { uniqueKeys: true, merge: false });
  const [error] = document.errors;
  if (error !== undefined) throw new CommandError(invalid, `${path}: ${error.message}`);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CommandError(
      invalid,
      `${path} holds ${Array.isArray(value) ? "a list" : typeof value}, expected an object`,
    );
  }
  return value as JsonObject;
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
