/**
 * A policy folder to a bundle: Rego and the shipped library to WASM by OPA, read sets from OPA's plan, digests of all of it
 * in the manifest. Truth: OPA's bundle format, and the manifest schema (policies/schema/manifest.schema.json).
 *
 * The same sources, data and OPA give the same bytes, from any folder, for any user, umask, locale and time zone.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "../../engine/json.js";
import { readArchive } from "../../engine/policy/archive.js";
import { type PolicyRule, packBundle } from "../../engine/policy/bundle.js";
import { canonicalJson, sha256Hex } from "../../engine/policy/canonical.js";
import { CommandError } from "../io.js";
import { type FolderData, folderData } from "./data-files.js";
import type { Entrypoint } from "./entrypoints.js";
import { findingsOf, refused } from "./findings.js";
import { type Opa, opaErrors, runOpa } from "./opa.js";
import { OPAQUE_PATH, opaqueEntrypoints } from "./opaque.js";
import type { Plan } from "./plan.js";
import { preparePolicy } from "./prepare.js";
import { type ReadSet, readSets } from "./read-sets.js";
import { rulesOf } from "./rules.js";
import type { SigningPart } from "./signing-part.js";
import type { SourceFile } from "./sources.js";
import { withStaged } from "./staging.js";

export const DEFAULT_POLICY_NAME = "policy";

export const MAX_COMPILED_BYTES = 256 * 1024 * 1024;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MAX_REVISION = 256;

export interface CompileOptions {
  readonly dir: string;
  readonly opa: Opa;
  /** The shipped policies: library and capabilities. Default: `dir`, which then is the shipped policies. */
  readonly policies?: string;
  /** The whole `data`, `launchgate` in it effective; or how to make it from the folder's own data files. */
  readonly data: JsonObject | ((own: FolderData) => JsonObject);
  readonly name?: string;
  readonly revision?: string;
  /** Whether the signing decision is compiled in; default: where the folder has something to say of it. */
  readonly signing?: SigningPart;
}

export interface Compiled {
  readonly bundle: Uint8Array;
  readonly name: string;
  readonly entrypoints: readonly Entrypoint[];
  readonly wasmBytes: number;
}

/** @throws CommandError (3) where the policy does not compile, PolicyError where its data is at fault */
export async function compilePolicy(options: CompileOptions): Promise<Compiled> {
  const { dir, opa, policies = dir, name = DEFAULT_POLICY_NAME, revision = "", signing = "as-said" } = options;
  if (!NAME.test(name))
    throw new CommandError(1, `a policy's name must match ${NAME.source}, found ${JSON.stringify(name)}`);
  if (revision.length > MAX_REVISION) throw new CommandError(1, `a revision has at most ${MAX_REVISION} characters`);
  const prepared = await preparePolicy({ dir, policies, opa, signing });
  if ("unparsed" in prepared) throw refused(`${dir} does not parse:`, prepared.unparsed);
  const { folder, modules, assembly, entrypoints, findings } = prepared;
  if (findings.length > 0) throw refused(`${dir} has no usable entrypoints:`, findings);
  const own = folderData(folder.data, modules);
  const data = typeof options.data === "function" ? options.data(own) : options.data;
  const capabilities = readFileSync(join(policies, "capabilities.json"));
  const isShipped = (path: string): boolean => assembly.shippedPaths.has(path);

  const { wasm, plan, rules } = await compileSources(opa, assembly.sources, entrypoints, capabilities, isShipped, dir);
  const dataJson = canonicalJson(data);
  const opaque = opaqueEntrypoints(plan);
  const reads: Readonly<Record<string, ReadSet>> = readSets(plan);
  const manifest = {
    revision,
    roots: [""],
    wasm: entrypoints.map((entrypoint) => ({ entrypoint, module: "/policy.wasm" })),
    rego_version: 1,
    metadata: {
      launchgate: {
        contract: 1,
        name,
        entrypoints,
        opa: opa.version,
        sources_sha256: Object.fromEntries(assembly.sources.map(({ path, bytes }) => [path, sha256Hex(bytes)])),
        wasm_sha256: sha256Hex(wasm),
        data_sha256: sha256Hex(dataJson),
        rules: rules.map(({ description, fix, ...rule }) => ({
          ...rule,
          ...(description === null ? {} : { description }),
          ...(fix === null ? {} : { fix }),
          entrypoints: [...rule.entrypoints],
        })),
        opaque: Object.fromEntries(
          entrypoints.map((entrypoint) => [entrypoint, opaque.has(entrypoint) ? [[...OPAQUE_PATH]] : []]),
        ),
        reads: Object.fromEntries(entrypoints.map((entrypoint) => [entrypoint, reads[entrypoint] ?? null])),
      },
    },
  } satisfies Record<string, JsonValue>;
  const bundle = packBundle([
    { path: ".manifest", bytes: utf8(canonicalJson(manifest)) },
    { path: "data.json", bytes: utf8(dataJson) },
    { path: "policy.wasm", bytes: wasm },
    ...assembly.sources,
  ]);
  return { bundle, name, entrypoints, wasmBytes: wasm.length };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * Of `opa build` in a stage whose `out` has capabilities.json, and gets TARGET.tar.gz.
 * -O0: the data is not sealed in, so nothing may be evaluated ahead of it.
 */
export function buildArguments(target: "wasm" | "plan", entrypoints: readonly Entrypoint[]): readonly string[] {
  return [
    "build",
    "--v1-compatible",
    "-t",
    target,
    "-O",
    "0",
    "--capabilities",
    "../out/capabilities.json",
    ...entrypoints.flatMap((entrypoint) => ["-e", entrypoint]),
    "-o",
    `../out/${target}.tar.gz`,
    ".",
  ];
}

function compileSources(
  opa: Opa,
  sources: readonly SourceFile[],
  entrypoints: readonly Entrypoint[],
  capabilities: Uint8Array,
  isShipped: (path: string) => boolean,
  what: string,
): Promise<{ readonly wasm: Uint8Array; readonly plan: Plan; readonly rules: readonly PolicyRule[] }> {
  return withStaged(sources, async ({ dir, out }) => {
    const build = async (target: "wasm" | "plan"): Promise<ReadonlyMap<string, Uint8Array>> => {
      const result = await runOpa(opa, buildArguments(target, entrypoints), { cwd: dir });
      if (result.code !== 0) throw refused(`${what} does not compile:`, findingsOf(opaErrors(result), isShipped));
      return readArchive(readFileSync(join(out, `${target}.tar.gz`)), MAX_COMPILED_BYTES);
    };
    writeFileSync(join(out, "capabilities.json"), capabilities);
    const [compiled, planned] = await Promise.all([build("wasm"), build("plan")]);
    const plan = JSON.parse(new TextDecoder().decode(required(planned, "plan.json"))) as Plan;
    return { wasm: required(compiled, "policy.wasm"), plan, rules: await rulesOf(opa, dir, plan) };
  });
}

function required(files: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array {
  const bytes = files.get(path);
  if (bytes === undefined)
    throw new CommandError(1, `opa build wrote no ${path}; is this OPA built with the compiler?`);
  return bytes;
}
