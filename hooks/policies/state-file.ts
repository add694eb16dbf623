/**
 * The ledger on disk, so that a restart does not let an old policy back in. JSON: `{"version": 1, "policies": {NAME:
 * {"revision", "sha256", "source"}}}`, mode 0600, replaced as a whole. Whoever can write it can roll policies back.
 */

import { randomBytes } from "node:crypto";
import { constants, type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError } from "../../engine/index.js";
import type { Ledger, LedgerEntry } from "./ledger.js";

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * The ledger of a state file; an empty one where there is none yet. Throws ConfigError `policy_state` where it cannot be
 * read, is not what is written here, or others than its owner and root may have written to it.
 */
export async function readStateFile(path: string): Promise<Ledger> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw fault(path, `cannot be read: ${(error as Error).message}`);
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw fault(path, "is no plain file");
    if (found.uid !== 0 && found.uid !== process.getuid?.()) throw fault(path, `belongs to uid ${found.uid}`);
    if ((found.mode & 0o022) !== 0) throw fault(path, "may be written by others; chmod 0600 it once it is checked");
    if (found.size > MAX_BYTES) throw fault(path, `has ${found.size} bytes, expected at most ${MAX_BYTES}`);
    return parse(path, await file.readFile("utf8"));
  } finally {
    await file.close();
  }
}

/** The old file or the whole new one, whatever stops in between. Throws what the file system throws. */
export async function writeStateFile(path: string, ledger: Ledger): Promise<void> {
  const text = `${JSON.stringify({ version: 1, policies: Object.fromEntries(ledger) }, null, 2)}\n`;
  const draft = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await write(draft, text);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function write(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function parse(path: string, text: string): Ledger {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw fault(path, "is no JSON");
  }
  const { version, policies } = (document ?? {}) as { readonly version?: unknown; readonly policies?: unknown };
  if (version !== 1) throw fault(path, "is not of version 1");
  if (typeof policies !== "object" || policies === null || Array.isArray(policies)) {
    throw fault(path, "has no policies");
  }
  return new Map(
    Object.entries(policies).map(([name, entry]: [string, unknown]) => {
      const { revision, sha256, source } = (entry ?? {}) as Partial<LedgerEntry>;
      const known = typeof revision === "string" && typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256);
      if (!known || !(source === null || typeof source === "string")) throw fault(path, `has no state of ${name}`);
      return [name, Object.freeze({ revision, sha256, source })];
    }),
  );
}

function fault(path: string, what: string): ConfigError {
  const advice = "restore it, or remove it to begin anew, which lets older policies in";
  return new ConfigError("policy_state", `the policy state file ${path} ${what}; ${advice}`);
}
