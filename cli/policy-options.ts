/** `--policy`, `--data` and `--profile` to the policies that decide. */

import { statSync } from "node:fs";
import {
  effectiveData,
  type JsonObject,
  type PolicyBundle,
  readBundle,
  shippedData,
  shippedPolicy,
  withData,
} from "../engine/index.js";
import { readBytes } from "./files.js";
import { CommandError, type Io } from "./io.js";
import { readDataFile } from "./policy/data-files.js";

export interface PolicyOptions {
  /** Folders and bundles, all of which must allow. */
  readonly policy: readonly string[];
  readonly data: readonly string[];
  readonly profile?: string;
}

/**
 * The policies named, with the data named; the built-in one where none is. A folder is compiled on the fly.
 * @throws CommandError exit 1 unreadable; PolicyError where a policy or the data is invalid
 */
export async function policiesFromOptions(options: PolicyOptions, io: Io): Promise<readonly PolicyBundle[]> {
  const documents = options.data.map(readDataFile);
  const profile = options.profile;
  if (options.policy.length === 0) {
    return [shippedPolicy({ ...(profile === undefined ? {} : { profile }), data: documents })];
  }
  const named: readonly JsonObject[] = profile === undefined ? documents : [{ version: 1, profile }, ...documents];
  return Promise.all(options.policy.map((path) => policyAt(path, named, io)));
}

async function policyAt(path: string, documents: readonly JsonObject[], io: Io): Promise<PolicyBundle> {
  if (isFolder(path)) {
    const { compileCached } = await import("./policy/cache.js");
    return compileCached({ dir: path, documents }, io);
  }
  const bundle = readBundle(readBytes(path));
  return documents.length === 0
    ? bundle
    : withData(bundle, { ...bundle.data, launchgate: dataOver(bundle, documents) });
}

/** The documents merged over what the bundle has sealed in. */
function dataOver({ data }: PolicyBundle, documents: readonly JsonObject[]): JsonObject {
  const sealed = data["launchgate"];
  return effectiveData(documents, shippedData, sealed === undefined ? undefined : (sealed as JsonObject));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    throw new CommandError(1, `cannot read ${path}: there is no such policy folder or bundle`);
  }
}
