/** `--policy`, `--data` and `--profile` to the policies that decide. */

import { statSync } from "node:fs";
import {
  effectiveData,
  type JsonObject,
  type PolicyBundle,
  shippedData,
  shippedPolicy,
  withData,
} from "../engine/index.js";
import { CommandError, type Io } from "./io.js";
import { readDataFile } from "./policy/data-files.js";
import { readBundleFile, type VerifyOptions, verificationOf } from "./policy/signing.js";

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
  const documents = options.data.map(readDataFile);
  const profile = options.profile;
  const verification = verificationOf(options);
  if (options.policy.length === 0) {
    if (verification !== null) throw new CommandError(1, "--verify-key is for --policy BUNDLE, and there is none");
    return [shippedPolicy({ ...(profile === undefined ? {} : { profile }), data: documents })];
  }
  const named: readonly JsonObject[] = profile === undefined ? documents : [{ version: 1, profile }, ...documents];
  return Promise.all(options.policy.map((path) => policyAt(path, named, verification, io)));
}

async function policyAt(
  path: string,
  documents: readonly JsonObject[],
  verification: ReturnType<typeof verificationOf>,
  io: Io,
): Promise<PolicyBundle> {
  if (isFolder(path)) {
    if (verification !== null) {
      throw new CommandError(1, `${path} is a folder, which no key can verify; build a bundle of it with --sign`);
    }
    const { compileCached } = await import("./policy/cache.js");
    return compileCached({ dir: path, documents }, io);
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

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    throw new CommandError(1, `cannot read ${path}: there is no such policy folder or bundle`);
  }
}
