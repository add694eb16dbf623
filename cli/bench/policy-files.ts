/**
 * The policies measured as bundles on disk have them: for loading, and their Rego for OPA. Truth: OPA's bundle format, and
 * the manifest schema (policies/schema/manifest.schema.json).
 */

import { statSync } from "node:fs";
import type { JsonObject, PolicyBundle } from "../../engine/index.js";
import { readArchive } from "../../engine/policy/archive.js";
import { DEFAULT_BUNDLE_MAX_BYTES, packBundle } from "../../engine/policy/bundle.js";
import { canonicalJson, sha256Hex } from "../../engine/policy/canonical.js";
import { readBytes } from "../files.js";
import type { Io } from "../io.js";
import { compilePolicy, DEFAULT_POLICY_NAME } from "../policy/compile.js";
import { effectiveFolderData } from "../policy/effective.js";
import { findOpa } from "../policy/opa.js";
import { policiesDir, shippedBundle } from "../policy/shipped.js";
import type { SourceFile } from "../policy/sources.js";

/** By path, as they lie in the bundle. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

/** The files of what `--policy` names, in its order; of the shipped bundle where it names nothing. */
export async function policyFiles(paths: readonly string[], io: Io): Promise<readonly BundleFiles[]> {
  const bundles = paths.length === 0 ? [shippedBundle()] : await Promise.all(paths.map((path) => bundleAt(path, io)));
  return bundles.map((bytes) => readArchive(bytes, DEFAULT_BUNDLE_MAX_BYTES));
}

async function bundleAt(path: string, io: Io): Promise<Uint8Array> {
  if (!statSync(path).isDirectory()) return readBytes(path);
  const policies = policiesDir();
  const options = { dir: path, opa: findOpa(io), policies, name: DEFAULT_POLICY_NAME };
  return (await compilePolicy({ ...options, data: effectiveFolderData([]) })).bundle;
}

/** The bundle with the data of `policy` instead of its own, and perhaps another revision. */
export function packedWith({ data }: PolicyBundle, files: BundleFiles, revision?: string): Uint8Array {
  const dataJson = canonicalJson(data);
  const manifest = JSON.parse(new TextDecoder().decode(files.get(".manifest"))) as JsonObject;
  const metadata = manifest["metadata"] as JsonObject | undefined;
  const own = metadata?.["launchgate"] as JsonObject | undefined;
  const launchgate = own === undefined ? {} : { launchgate: { ...own, data_sha256: sha256Hex(dataJson) } };
  const named = revision === undefined ? {} : { revision };
  const changed = { ...manifest, ...named, metadata: { ...metadata, ...launchgate } };
  return packBundle([
    { path: ".manifest", bytes: utf8(JSON.stringify(changed)) },
    { path: "data.json", bytes: utf8(dataJson) },
    ...[...files].filter(([path]) => path !== ".manifest" && !isData(path)).map(([path, bytes]) => ({ path, bytes })),
  ]);
}

/** What OPA needs to evaluate the same: the Rego, and the data of `policy`. */
export function regoWith({ data }: PolicyBundle, files: BundleFiles): readonly SourceFile[] {
  const sources = [...files].filter(([path]) => path.endsWith(".rego")).map(([path, bytes]) => ({ path, bytes }));
  return [...sources, { path: "data.json", bytes: utf8(JSON.stringify(data)) }];
}

function isData(path: string): boolean {
  return path === "data.json" || path.endsWith("/data.json");
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
