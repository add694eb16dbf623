/** `--policy`, `--data` and `--profile` to the policies that decide. */

import { statSync } from "node:fs";
import {
  effectiveData,
  type JsonObject,
  type PolicyBundle,
  readBundle,
  SIGNING_ENTRYPOINT,
  shippedData,
  shippedPolicy,
  shippedSigningPolicy,
  withData,
} from "../engine/index.js";
import { readBytes } from "./files.js";
import { CommandError, type Io } from "./io.js";
import { readDataFile } from "./policy/data-files.js";
import type { SigningPart } from "./policy/signing-part.js";

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
  const documents = readDocuments(options);
  if (options.policy.length === 0) return [shippedPolicy({ data: documents })];
  return Promise.all(options.policy.map((path) => policyAt(path, documents, io)));
}

/** `--profile` and `--data`, the profile as the first document. @throws CommandError exit 1; PolicyError */
export function readDocuments({ data, profile }: Omit<PolicyOptions, "policy">): readonly JsonObject[] {
  const documents = data.map(readDataFile);
  return profile === undefined ? documents : [{ version: 1, profile }, ...documents];
}

/**
 * The signing policies named, with the data named; the built-in one where none is. A folder that says nothing of signing
 * gets the shipped signing rules over its data; a bundle has to bring its own.
 * @throws CommandError exit 1 unreadable, 3 a bundle without a signing decision; PolicyError where a policy or the data is
 * invalid
 */
export async function signingPoliciesFromOptions(
  { policy, data }: Pick<PolicyOptions, "policy" | "data">,
  io: Io,
): Promise<readonly PolicyBundle[]> {
  const documents = data.map(readDataFile);
  if (policy.length === 0) return [await shippedSigningPolicy({ data: documents })];
  const bundles = await Promise.all(policy.map((path) => policyAt(path, documents, io, "with")));
  const without = bundles.findIndex(({ entrypoints }) => !entrypoints.includes(SIGNING_ENTRYPOINT));
  if (without < 0) return bundles;
  throw new CommandError(
    3,
    `${policy[without]} has no ${SIGNING_ENTRYPOINT}: build it from a folder whose launchgate/data.yaml has the key signing, ` +
      "or give that folder itself",
  );
}

async function policyAt(
  path: string,
  documents: readonly JsonObject[],
  io: Io,
  signing?: SigningPart,
): Promise<PolicyBundle> {
  if (isFolder(path)) {
    const { compileCached } = await import("./policy/cache.js");
    return compileCached({ dir: path, documents, ...(signing === undefined ? {} : { signing }) }, io);
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

/** @throws CommandError exit 1 where there is nothing of that name */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    throw new CommandError(1, `cannot read ${path}: there is no such policy folder or bundle`);
  }
}
