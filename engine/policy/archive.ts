/**
 * gzip and tar, bytes to files and back. Truth: RFC 1952 (gzip), RFC 1951 (stored blocks), POSIX.1-2017 pax, "ustar".
 *
 * An archive is hostile until read. Every header is checked here first; nanotar then splits the archive, and both
 * readings must agree. Links, devices, extended headers, duplicate names and paths that leave the archive are refused.
 */

import { crc32, gunzipSync } from "node:zlib";
import { parseTar } from "nanotar";
import { PolicyError } from "../errors.js";

export interface ArchiveFile {
  /** Relative, with `/`, without a leading one. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const BLOCK = 512;
/** The ustar header: where each field that is read or written stands, and how long it is. */
const HEADER = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  chksum: [148, 8],
  typeflag: [156, 1],
  magic: [257, 6],
  version: [263, 2],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [offset: number, length: number]>;

const REFUSED_TYPES: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a character device",
  "4": "a block device",
  "6": "a FIFO",
  x: "a pax header (write it with opa build, launchgate build or tar --format=ustar)",
  g: "a pax header (write it with opa build, launchgate build or tar --format=ustar)",
  L: "a GNU long name (write it with opa build, launchgate build or tar --format=ustar)",
  K: "a GNU long name (write it with opa build, launchgate build or tar --format=ustar)",
};

/** The files of a .tar.gz by path, in own memory. `maxBytes` limits what it unpacks to. Throws PolicyError `bundle_format`. */
export function readArchive(archive: Uint8Array, maxBytes: number): ReadonlyMap<string, Uint8Array> {
  const tar = unzip(archive, maxBytes);
  const entries = checkTar(tar);
  // nanotar reads the whole buffer behind a view, and stops short of a last block that no end-of-archive follows.
  const padded = new Uint8Array(tar.length + 2 * BLOCK);
  padded.set(tar);
  const items = parseTar(padded);
  if (items.length !== entries.length) throw malformed(`${entries.length} entries by header, ${items.length} as split`);
  const files = new Map<string, Uint8Array>();
  for (const [index, entry] of entries.entries()) {
    const item = items[index];
    if (item?.size !== entry.sizeBytes) throw malformed(`${entry.path}: two readings of its size`);
    if (entry.directory) continue;
    if (files.has(entry.path)) throw malformed(`${entry.path} is there twice`);
    files.set(entry.path, item.data ?? new Uint8Array());
  }
  return files;
}

function unzip(archive: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return gunzipSync(archive, { maxOutputLength: maxBytes });
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    throw malformed(tooLarge ? `it unpacks to more than ${maxBytes} bytes` : "it is no intact gzip file", error);
  }
}

interface TarEntry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly directory: boolean;
}

function checkTar(tar: Uint8Array): readonly TarEntry[] {
  const entries: TarEntry[] = [];
  let offset = 0;
  while (offset < tar.length) {
    const header = tar.subarray(offset, offset + BLOCK);
    if (header.length < BLOCK) throw malformed("the tar ends inside a header");
    if (header.every((byte) => byte === 0)) break;
    const entry = checkHeader(header);
    entries.push(entry);
    offset += BLOCK + Math.ceil(entry.sizeBytes / BLOCK) * BLOCK;
    if (offset > tar.length) throw malformed(`the tar ends inside ${entry.path}`);
  }
  if (tar.subarray(offset).some((byte) => byte !== 0)) throw malformed("something follows the end of the tar");
  return entries;
}

function checkHeader(header: Uint8Array): TarEntry {
  if (octal(header, "chksum") !== checksum(header)) throw malformed("a tar header's checksum does not fit");
  const name = text(header, "name");
  if (name === "") throw malformed("a tar header without a name");
  const posix = text(header, "magic") === "ustar" && text(header, "version") === "00";
  const prefix = posix ? text(header, "prefix") : "";
  const type = text(header, "typeflag") || "0";
  const directory = type === "5";
  const path = plainPath(prefix === "" ? name : `${prefix}/${name}`, directory);
  if (type !== "0" && !directory) throw malformed(`${path} is ${REFUSED_TYPES[type] ?? "of an unknown type"}`);
  const sizeBytes = octal(header, "size");
  if (directory && sizeBytes !== 0) throw malformed(`${path} is a folder with content`);
  return { path, sizeBytes, directory };
}

/** Every byte of the header added up, with the checksum's own eight as spaces. */
function checksum(header: Uint8Array): number {
  const [offset, length] = HEADER.chksum;
  let sum = 0x20 * length;
  for (let at = 0; at < BLOCK; at += 1) if (at < offset || at >= offset + length) sum += header[at] as number;
  return sum;
}

function text(header: Uint8Array, field: keyof typeof HEADER): string {
  const [offset, length] = HEADER[field];
  const bytes = header.subarray(offset, offset + length);
  const end = bytes.indexOf(0);
  return UTF_8.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

const UTF_8 = new TextDecoder();

function octal(header: Uint8Array, field: "chksum" | "size"): number {
  const [offset, length] = HEADER[field];
  const digits = /^ *([0-7]{1,11})[ \0]*$/.exec(String.fromCharCode(...header.subarray(offset, offset + length)))?.[1];
  if (digits === undefined) throw malformed(`a tar header's ${field} is no octal number`);
  return Number.parseInt(digits, 8);
}

/** The path without what may stand before it (`/`, `./`). Everything else that is not plain is refused, not repaired. */
function plainPath(raw: string, directory: boolean): string {
  const path = raw.replace(/^(\.?\/)+/, "").replace(directory ? /\/$/ : /(?!)/, "");
  if (directory && (path === "" || path === ".")) return "";
  const plain = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!plain || !/^[\x20-\x5b\x5d-\x7e\u00a0-\ud7ff\ue000-\ufffc]+$/.test(path)) {
    throw malformed(`${JSON.stringify(raw.slice(0, 100))} is no plain relative path`);
  }
  return path;
}

/**
 * A .tar.gz that depends on nothing but `files`: sorted by path, time 0, owner 0, mode 0600, paths with a leading `/` as
 * OPA writes them, and stored, not deflated, since zlib's output differs between versions and processors.
 * Throws PolicyError `bundle_format` for a path that is not plain, is there twice, or does not fit a ustar header.
 */
export function writeArchive(files: readonly ArchiveFile[]): Uint8Array {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const blocks: Uint8Array[] = [];
  let previous = "";
  for (const { path, bytes } of sorted) {
    if (plainPath(path, false) !== path) throw malformed(`${JSON.stringify(path)} is no plain relative path`);
    if (path === previous) throw malformed(`${path} is there twice`);
    previous = path;
    const padding = new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK);
    blocks.push(makeHeader(`/${path}`, bytes.length), bytes, padding);
  }
  return gzipStored(Buffer.concat([...blocks, new Uint8Array(2 * BLOCK)]));
}

function makeHeader(path: string, sizeBytes: number): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  const [prefix, name] = splitPath(path);
  const fields: readonly (readonly [keyof typeof HEADER, string])[] = [
    ["name", name],
    ["mode", "0000600\0"],
    ["uid", "0000000\0"],
    ["gid", "0000000\0"],
    ["size", `${sizeBytes.toString(8).padStart(11, "0")}\0`],
    ["mtime", "00000000000\0"],
    ["typeflag", "0"],
    ["magic", "ustar\0"],
    ["version", "00"],
    ["prefix", prefix],
  ];
  for (const [field, content] of fields) header.write(content, HEADER[field][0], "utf8");
  header.write(`${checksum(header).toString(8).padStart(6, "0")}\0 `, HEADER.chksum[0], "latin1");
  return header;
}

function splitPath(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= HEADER.name[1]) return ["", path];
  for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(name) > HEADER.name[1]) break;
    if (Buffer.byteLength(prefix) <= HEADER.prefix[1]) return [prefix, name];
  }
  throw malformed(`${path} is too long for a tar header`);
}

/** One gzip member of stored blocks: no time, no name, "unknown" as operating system. */
function gzipStored(content: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)];
  for (let offset = 0; offset < content.length; offset += 0xffff) {
    const chunk = content.subarray(offset, offset + 0xffff);
    const head = Buffer.alloc(5);
    head.writeUInt8(offset + 0xffff >= content.length ? 1 : 0, 0);
    head.writeUInt16LE(chunk.length, 1);
    head.writeUInt16LE(~chunk.length & 0xffff, 3);
    parts.push(head, chunk);
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(content), 0);
  tail.writeUInt32LE(content.length >>> 0, 4);
  return new Uint8Array(Buffer.concat([...parts, tail]));
}

function malformed(what: string, cause?: unknown): PolicyError {
  return new PolicyError("bundle_format", `the bundle is not readable: ${what}`, cause === undefined ? {} : { cause });
}
