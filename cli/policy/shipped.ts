/** The policies folder of the package: where it lies, what is in it, and how it is built into what the engine embeds. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { JsonObject, ShippedData } from "../../engine/index.js";
import { readBundle } from "../../engine/policy/bundle.js";
import { effectiveData } from "../../engine/policy/data.js";
import type { EmbeddedPolicy } from "../../engine/policy/shipped.js";
import { compilePolicy } from "./compile.js";
import { findOpa } from "./opa.js";
import type { SigningPart } from "./signing-part.js";

/** `policies/` of the package, whether run from `dist/` or from the source tree. */
export function policiesDir(): string {
  return join(packageDir(), "policies");
}

/** The package's version, as its package.json has it. */
export function packageVersion(): string {
  return String(JSON.parse(readFileSync(join(packageDir(), "package.json"), "utf8")).version);
}

function packageDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, "policies", "capabilities.json"))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error("the package's policies folder is missing: reinstall launchgate");
    dir = parent;
  }
  return dir;
}

/** The shipped policies as the bundle that the build has made of them. */
export function shippedBundle(): Uint8Array {
  return new Uint8Array(readFileSync(join(packageDir(), "dist", "policy.tar.gz")));
}

/** Profiles and fragments as the folder has them now. */
export function shippedData(): ShippedData {
  const profiles = join(policiesDir(), "profiles");
  return { profiles: documentsIn(profiles), fragments: documentsIn(join(profiles, "fragments")) };
}

function documentsIn(dir: string): Readonly<Record<string, JsonObject>> {
  const files = readdirSync(dir).filter((file) => file.endsWith(".yaml"));
  return Object.fromEntries(
    files.sort().map((file) => [basename(file, ".yaml"), parse(readFileSync(join(dir, file), "utf8")) as JsonObject]),
  );
}

/**
 * What the build embeds: the shipped bundle with the data of the default profile, whole and in its parts, and the data of
 * all. Always with the OPA that comes through npm, so that the same sources give the same bytes wherever they are built.
 *
 * @public asked by build.mjs
 */
export async function buildShipped(): Promise<
  { readonly bundle: string; readonly policy: EmbeddedPolicy } & ShippedData
> {
  const bundle = await compileShipped("launchgate", "as-said");
  return { ...shippedData(), bundle: base64(bundle), policy: embedded(bundle) };
}

/**
 * The signing policy as the build embeds it, in a module of its own.
 *
 * @public asked by build.mjs
 */
export async function buildShippedSigning(): Promise<EmbeddedPolicy> {
  return embedded(await compileShipped("launchgate-signing", "only"));
}

async function compileShipped(name: string, signing: SigningPart): Promise<Uint8Array> {
  const { bundle } = await compilePolicy({
    dir: policiesDir(),
    data: { launchgate: effectiveData([], shippedData()) },
    name,
    revision: packageVersion(),
    opa: findOpa({ env: {}, only: "package" }),
    signing,
  });
  return bundle;
}

function embedded(bundle: Uint8Array): EmbeddedPolicy {
  const { name, revision, wasm, data, entrypoints, reads, opaque, rules, opa } = readBundle(bundle);
  return { name, revision, wasm: base64(wasm), data, entrypoints, reads, opaque, rules, opa: opa ?? "" };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
