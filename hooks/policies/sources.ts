/** Where policies come from, and reading them: each file once, whole, so that the bytes verified are the bytes used. */

import { constants, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type PolicyBundle, PolicyError, readBundle, type VerificationKey, verifyBundle } from "../../engine/index.js";
import type { PolicyRefusal } from "./refusal.js";

/** What a bundle's signature must satisfy. */
export interface Verification {
  readonly keys: readonly VerificationKey[];
  readonly scope?: string;
}

/** `verify: null`: signatures are not looked at, and read sets not trusted. */
export type PolicySource =
  /** One bundle. `name` in place of the one it gives itself. */
  | {
      readonly kind: "file";
      readonly path: string;
      readonly name?: string;
      readonly verify: Verification | null;
    }
  /** Every `*.tar.gz` in a folder whose name does not begin with a dot; not in folders below. All of them, or none. */
  | { readonly kind: "directory"; readonly path: string; readonly verify: Verification | null }
  /** What this host makes itself: a built-in policy, a folder compiled. No revision is expected of it. */
  | {
      readonly kind: "made";
      readonly id: string;
      readonly make: () => PolicyBundle | Promise<PolicyBundle>;
    };

export interface ReadSourceOptions {
  /** Unix seconds. */
  readonly time: number;
  /** Of a bundle's file, and of what it unpacks to. */
  readonly maxBytes: number;
}

/** A policy as it was read. */
export interface LoadedPolicy {
  readonly bundle: PolicyBundle;
  /** The file, or the source's id. */
  readonly origin: string;
  /** Whether a signature vouches for it. */
  readonly verified: boolean;
  /** The key that does, where it has a name. */
  readonly keyId: string | null;
}

export type SourceReading =
  | { readonly policies: readonly LoadedPolicy[] }
  | { readonly refusals: readonly PolicyRefusal[] };

/** What the ledger, events and refusals call a source. */
export function idOf(source: PolicySource): string {
  return source.kind === "made" ? source.id : source.path;
}

/** Never throws: what is wrong is a refusal. */
export async function readSource(source: PolicySource, options: ReadSourceOptions): Promise<SourceReading> {
  const paths = await attempt(idOf(source), () => pathsOf(source));
  if ("refusals" in paths) return paths;
  const policies: LoadedPolicy[] = [];
  const refusals: PolicyRefusal[] = [];
  for (const path of paths.value) {
    const read = await attempt(path, () => load(source, path, options));
    if ("refusals" in read) refusals.push(...read.refusals);
    else policies.push(read.value);
  }
  return refusals.length > 0 ? { refusals } : { policies };
}

/** The files of a source, sorted; of one that is made, its id. */
async function pathsOf(source: PolicySource): Promise<readonly string[]> {
  if (source.kind !== "directory") return [idOf(source)];
  const bundles = (await readdir(source.path)).filter(isBundleName).sort();
  if (bundles.length === 0) throw new EmptySource(`${source.path} has no bundle, expected a .tar.gz or several`);
  return bundles.map((name) => join(source.path, name));
}

function isBundleName(name: string): boolean {
  return name.endsWith(".tar.gz") && !name.startsWith(".");
}

async function load(source: PolicySource, path: string, options: ReadSourceOptions): Promise<LoadedPolicy> {
  if (source.kind === "made") return { bundle: await source.make(), origin: path, verified: false, keyId: null };
  const bytes = await readWhole(path, options.maxBytes);
  const named = source.kind === "file" && source.name !== undefined ? { name: source.name } : {};
  if (source.verify === null) {
    const bundle = readBundle(bytes, { ...named, maxBytes: options.maxBytes });
    return { bundle, origin: path, verified: false, keyId: null };
  }
  const { bundle, signature } = await verifyBundle(bytes, { ...source.verify, ...options, ...named });
  return { bundle, origin: path, verified: true, keyId: signature.keyId };
}

async function readWhole(path: string, maxBytes: number): Promise<Uint8Array> {
  // Nonblocking, so that a FIFO in the file's place stops nobody.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error(`${path} is no plain file`);
    if (found.size > maxBytes) throw new Error(`${path} has ${found.size} bytes, expected at most ${maxBytes}`);
    const bytes = new Uint8Array(found.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

class EmptySource extends Error {}

async function attempt<Value>(
  source: string,
  action: () => Promise<Value>,
): Promise<{ readonly value: Value } | { readonly refusals: readonly PolicyRefusal[] }> {
  try {
    return { value: await action() };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code =
      error instanceof PolicyError ? error.code : error instanceof EmptySource ? "source_empty" : "source_unreadable";
    return { refusals: [{ code, message, source, policy: null }] };
  }
}

/** What changes when a source does, without reading it: a text to compare. What cannot be looked at is a state too. */
export async function fingerprint(source: PolicySource): Promise<string> {
  if (source.kind === "made") return "";
  const paths = source.kind === "file" ? [source.path] : await listed(source.path);
  return JSON.stringify(await Promise.all(paths.map(fingerprintOf)));
}

async function listed(folder: string): Promise<readonly string[]> {
  try {
    const names = (await readdir(folder)).filter(isBundleName).sort();
    return names.map((name) => join(folder, name));
  } catch {
    return [folder];
  }
}

async function fingerprintOf(path: string): Promise<readonly string[]> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [path, ...[dev, ino, size, mtimeNs, ctimeNs].map(String)];
  } catch (error) {
    return [path, String((error as NodeJS.ErrnoException).code)];
  }
}
