/** `--policy`, `--data` and `--profile` to the policies that decide. */

import { statSync } from "node:fs";
import {
  effectiveData,
  type JsonObject,
  type PolicyBundle,
  SIGNING_ENTRYPOINT,
  shippedData,
  shippedPolicy,
  shippedSigningPolicy,
  withData,
} from "../engine/index.js";
import { CommandError, type Io } from "./io.js";
import { readDataFile } from "./policy/data-files.js";
import { readBundleFile, type VerifyOptions, verificationOf } from "./policy/signing.js";
import type { SigningPart } from "./policy/signing-part.js";

export interface PolicyOptions extends VerifyOptions {
  /** Folders and bundles, all of which must allow. */
  readonly policy: readonly string[];
  readonly data: readonly string[];
  readonly profile?: string;
}

/**
 * The policies named, with the data named; the built-in one where none is. A folder is compiled on the fly. With
 * `--verify-key`, only bundles that it verifies are taken.
 * @throws CommandError exit 1 unreadable, or nothing that could be verified; PolicyError where a policy or the data is
 * invalid, or a bundle is not verified
 */
export async function policiesFromOptions(options: PolicyOptions, io: Io): Promise<readonly PolicyBundle[]> {
  const documents = readDocuments(options);
  const verification = verificationOf(options);
  if (options.policy.length === 0) {
    if (verification !== null) throw nothingToVerify();
    return [shippedPolicy({ data: documents })];
  }
  return Promise.all(options.policy.map((path) => policyAt(path, { documents, verification }, io)));
}

/** `--profile` and `--data`, the profile as the first document. @throws CommandError exit 1; PolicyError */
export function readDocuments({ data, profile }: Pick<PolicyOptions, "data" | "profile">): readonly JsonObject[] {
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
  { policy, data, ...verify }: Pick<PolicyOptions, "policy" | "data"> & VerifyOptions,
  io: Io,
): Promise<readonly PolicyBundle[]> {
  const documents = data.map(readDataFile);
  const verification = verificationOf(verify);
  if (policy.length === 0) {
    if (verification !== null) throw nothingToVerify();
    return [await shippedSigningPolicy({ data: documents })];
  }
  const asked = { documents, verification, signing: "with" } as const;
  const bundles = await Promise.all(policy.map((path) => policyAt(path, asked, io)));
  const without = bundles.findIndex(({ entrypoints }) => !entrypoints.includes(SIGNING_ENTRYPOINT));
  if (without < 0) return bundles;
  throw new CommandError(
    3,
    `${policy[without]} has no ${SIGNING_ENTRYPOINT}: build it from a folder whose launchgate/data.yaml has the key signing, ` +
      "or give that folder itself",
  );
}

function nothingToVerify(): CommandError {
  return new CommandError(1, "--verify-key is for --policy BUNDLE, and there is none");
}

interface PolicyAsked {
  readonly documents: readonly JsonObject[];
  readonly verification: ReturnType<typeof verificationOf>;
  readonly signing?: SigningPart;
}

async function policyAt(
  path: string,
  { documents, verification, signing }: PolicyAsked,
  io: Io,
): Promise<PolicyBundle> {
  if (isFolder(path)) {
    if (verification !== null) {
      throw new CommandError(1, `${path} is a folder, which no key can verify; build a bundle of it with --sign`);
    }
    const { compileCached } = await import("./policy/cache.js");
    return compileCached({ dir: path, documents, ...(signing === undefined ? {} : { signing }) }, io);
  }
  const bundle = await readBundleFile(path, verification);
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
