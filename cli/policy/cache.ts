/**
 * Compiling on the fly for `--policy DIR`, kept in a cache: $XDG_CACHE_HOME/launchgate, else ~/.cache/launchgate. Truth:
 * XDG Base Directory Specification.
 *
 * The key is over everything that decides what comes out. What comes back from the cache is a bundle whose digests are
 * verified, out of a folder that only its owner may write to; a cache that is not like that is not used, and no failure of
 * it fails the command.
 */

import { createHash, randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { JsonObject } from "../../engine/json.js";
import { type PolicyBundle, readBundle } from "../../engine/policy/bundle.js";
import type { Io } from "../io.js";
import { compilePolicy, DEFAULT_POLICY_NAME } from "./compile.js";
import { effectiveFolderData } from "./effective.js";
import { findOpa, type Opa } from "./opa.js";
import { packageVersion, policiesDir, shippedData } from "./shipped.js";
import { documentsSaySigning, type SigningPart } from "./signing-part.js";
import { readPolicyFolder } from "./sources.js";

export interface CachedOptions {
  readonly dir: string;
  /** Data documents merged over the folder's own. */
  readonly documents?: readonly JsonObject[];
  readonly name?: string;
  /** Whether the signing decision is compiled in; default: where the folder or the documents say something of it. */
  readonly signing?: SigningPart;
}

/** The bundle of a policy folder, from the cache where it is there. Throws as compilePolicy does. */
export async function compileCached(options: CachedOptions, io: Pick<Io, "env">): Promise<PolicyBundle> {
  const { dir, documents = [], name = DEFAULT_POLICY_NAME } = options;
  const signing = options.signing ?? (documentsSaySigning(documents) ? "with" : "as-said");
  const opa = findOpa(io);
  const cache = cacheFolder(io.env);
  const key = cacheKey(dir, opa, [name, signing], documents);
  const cached = cache === undefined ? undefined : readCached(join(cache, key));
  if (cached !== undefined) return cached;
  const { bundle } = await compilePolicy({
    dir,
    opa,
    policies: policiesDir(),
    name,
    signing,
    data: effectiveFolderData(documents),
  });
  if (cache !== undefined) keep(cache, key, bundle);
  return readBundle(bundle, { trustReads: true });
}

/** The whole shipped folder counts, whichever part of it will be compiled in. */
function cacheKey(dir: string, opa: Opa, options: readonly string[], documents: readonly JsonObject[]): string {
  const hash = createHash("sha256");
  const add = (part: string | Uint8Array): void => {
    hash.update(`${part.length}:`).update(part);
  };
  for (const part of ["launchgate-cache-v2", packageVersion(), opa.version, ...options, JSON.stringify(documents)])
    add(part);
  add(JSON.stringify(shippedData()));
  add(readFileSync(join(policiesDir(), "capabilities.json")));
  for (const folder of [dir, policiesDir()]) {
    const { sources, data } = readPolicyFolder(folder);
    add(String(sources.length + data.length));
    for (const { path, bytes } of [...sources, ...data]) {
      add(path);
      add(bytes);
    }
  }
  return `${hash.digest("hex")}.tar.gz`;
}

function cacheFolder(env: Io["env"]): string | undefined {
  const { XDG_CACHE_HOME: xdg, HOME: home } = env;
  const base =
    xdg !== undefined && isAbsolute(xdg)
      ? xdg
      : home !== undefined && isAbsolute(home)
        ? join(home, ".cache")
        : undefined;
  if (base === undefined) return undefined;
  const folder = join(base, "launchgate");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isPrivate(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

function isPrivate(folder: string): boolean {
  const found = lstatSync(folder);
  const { uid, mode } = found;
  return found.isDirectory() && uid === process.getuid?.() && (mode & 0o077) === 0;
}

function readCached(file: string): PolicyBundle | undefined {
  try {
    return readBundle(readFileSync(file), { trustReads: true });
  } catch {
    return undefined;
  }
}

function keep(cache: string, key: string, bundle: Uint8Array): void {
  const draft = join(cache, `.${randomBytes(8).toString("hex")}`);
  try {
    writeFileSync(draft, bundle, { mode: 0o600, flag: "wx" });
    renameSync(draft, join(cache, key));
  } catch {
    rmSync(draft, { force: true });
  }
}
