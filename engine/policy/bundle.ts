/**
 * PolicyBundle: a policy as one thing with one digest, read from a standard OPA bundle or made in memory. Truth: OPA's
 * documentation, "Bundles", and for `metadata.launchgate` the manifest schema (policies/schema/manifest.schema.json).
 *
 * Digests are checked here; signatures are not (signatures.ts does), and whether `reads` may be trusted depends on them.
 */

import { ConfigError, PolicyError } from "../errors.js";
import { validate } from "../generated/validate-manifest.js";
import { frozenJson, isJsonObject, type JsonObject, type JsonValue, parseFrozenJson } from "../json.js";
import { explainSchemaErrors } from "../schema-errors.js";
import { type ArchiveFile, readArchive, writeArchive } from "./archive.js";
import { canonicalJson, isCanonical, sha256Hex } from "./canonical.js";

/** By entrypoint: the paths of `input` that it can read, each with its whole subtree; null: everything. */
export type ReadSets = Readonly<Record<string, readonly (readonly string[])[] | null>>;

export type OpaquePaths = Readonly<Record<string, readonly (readonly string[])[]>>;

/** A rule that can deny or warn, as its Rego metadata has it. */
export interface PolicyRule {
  readonly code: string;
  readonly title: string;
  /** Why it matters, and what to do about it; null where the rule's metadata, or an older bundle, does not say. */
  readonly description: string | null;
  readonly fix: string | null;
  /** In Rego: `data.launch.signer.violation`. */
  readonly path: string;
  /** The entrypoints that can reach it. */
  readonly entrypoints: readonly string[];
}

/** Deeply immutable, `wasm` too: each reading of the property is a copy. */
export interface PolicyBundle {
  /** The policy's name in decisions. */
  readonly name: string;
  /** What its author calls this state of it; "" where it has none. */
  readonly revision: string;
  readonly wasm: Uint8Array;
  /** The whole `data` document. */
  readonly data: JsonObject;
  readonly entrypoints: readonly string[];
  readonly reads: ReadSets;
  /** By entrypoint: paths of `input` that it uses as names only, as the build has proved. */
  readonly opaque: OpaquePaths;
  /** Whether `reads` and `opaque` may shorten the way: only of a bundle that was built here or verified. */
  readonly readsTrusted: boolean;
  /**
   * What decides, WASM and data: SHA-256 of the lines `launchgate-policy-v1`, hex SHA-256 of the WASM, hex SHA-256 of
   * the data as canonical JSON (RFC 8785), each ended by a line feed. Name, revision and packing are not covered.
   */
  readonly sha256: string;
  /** Version of the OPA that compiled it; null where the bundle does not say. */
  readonly opa: string | null;
  /** The rules compiled in, as far as the bundle tells; for explanations, nothing decides by them. */
  readonly rules: readonly PolicyRule[];
}

export interface BundleParts {
  readonly name: string;
  readonly wasm: Uint8Array;
  readonly data: JsonObject;
  readonly entrypoints: readonly string[];
  readonly revision?: string;
  /** An entrypoint that it does not name reads everything. */
  readonly reads?: ReadSets;
  readonly opaque?: OpaquePaths;
  readonly readsTrusted?: boolean;
  readonly opa?: string | null;
  readonly rules?: readonly RuleMetadata[];
}

/** A rule as a manifest has it, where what is not known is left out. */
type RuleMetadata = Omit<PolicyRule, "description" | "fix"> & {
  readonly description?: string | null;
  readonly fix?: string | null;
};

export interface ReadBundleOptions {
  /** Instead of the name that the bundle gives itself; a bundle of plain `opa build` gives itself none: `policy`. */
  readonly name?: string;
  /** Whether to believe its read sets: only where it was built here, or its signature verified. Default false. */
  readonly trustReads?: boolean;
  /** What the bundle may unpack to, in bytes. */
  readonly maxBytes?: number;
}

export const DEFAULT_BUNDLE_MAX_BYTES = 64 * 1024 * 1024;

const CONTRACT = 1;
const WASM_PATH = "policy.wasm";
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ENTRYPOINT = /^[A-Za-z_][\w.-]*(\/[\w.-]+)*$/;

/**
 * Reads a .tar.gz as `opa build -t wasm` and `launchgate build` write it. A bundle of plain `opa build` has no
 * `metadata.launchgate`: it is taken as it is, and reads everything.
 *
 * Throws PolicyError: `bundle_format` (no intact bundle, or none that can be evaluated as WASM), `bundle_contract`
 * (made for another version of Launchgate), `bundle_digest` (content and manifest disagree), `data_conflict` (two data
 * files say different things); ConfigError `option` for options.
 */
export function readBundle(bytes: Uint8Array, options: ReadBundleOptions = {}): PolicyBundle {
  return readBundleFiles(unpackBundle(bytes, options), options);
}

/** The files of a bundle by path, whatever they say. Throws as `readBundle` does. */
export function unpackBundle(
  bytes: Uint8Array,
  { maxBytes = DEFAULT_BUNDLE_MAX_BYTES }: Pick<ReadBundleOptions, "maxBytes">,
): ReadonlyMap<string, Uint8Array> {
  return readArchive(bytes, positive("maxBytes", maxBytes));
}

/** `readBundle` of what is unpacked already, so that the bytes that were verified are the bytes that are read. */
export function readBundleFiles(
  files: ReadonlyMap<string, Uint8Array>,
  options: Omit<ReadBundleOptions, "maxBytes"> = {},
): PolicyBundle {
  const manifest = readManifest(files);
  const entrypoints = readEntrypoints(manifest);
  const wasm = files.get(WASM_PATH);
  if (wasm === undefined) throw format(`it has no /${WASM_PATH}`);
  const { data, canonical } = readData(files);
  const own = readMetadata(manifest);
  const revision = typeof manifest["revision"] === "string" ? manifest["revision"] : "";
  const parts = assemble(
    {
      name: options.name ?? own?.name ?? "policy",
      revision,
      wasm,
      data,
      entrypoints,
      reads: own?.reads ?? {},
      opaque: own?.opaque ?? {},
      readsTrusted: options.trustReads ?? false,
      opa: own?.opa ?? null,
      rules: own?.rules ?? [],
    },
    canonical,
  );
  if (own !== null) checkDigests(own, parts, entrypoints, files);
  return parts.bundle;
}

/** A bundle from its parts, copied. Throws PolicyError `bundle_format`, ConfigError `option` for a name that is none. */
export function makeBundle(parts: BundleParts): PolicyBundle {
  return assemble(parts).bundle;
}

/** The same policy over other data: all of `data` is replaced, and the digest with it. */
export function withData(bundle: PolicyBundle, data: JsonObject): PolicyBundle {
  return makeBundle({ ...bundle, data });
}

/**
 * Files as a .tar.gz that OPA reads: the same bytes for the same files, in whatever order, on every Node and processor.
 * What the files say is not checked here. Throws PolicyError `bundle_format` for paths that are no plain relative paths.
 */
export function packBundle(files: readonly ArchiveFile[]): Uint8Array {
  return writeArchive(files);
}

interface Assembled {
  readonly bundle: PolicyBundle;
  readonly wasmSha256: string;
  readonly dataSha256: string;
}

/** `canonical` is the canonical text of the data, where somebody has it at hand. */
function assemble(parts: BundleParts, canonical?: string): Assembled {
  const { name, revision = "", reads = {}, opaque = {}, readsTrusted = false, opa = null, rules = [] } = parts;
  if (!NAME.test(name)) throw new ConfigError("option", `a policy's name must match ${NAME.source}`);
  const wasm = parts.wasm.slice();
  const data = frozenJson(parts.data, (fault) => format(`data ${fault}`));
  if (!isJsonObject(data)) throw format("data is no object");
  const entrypoints = Object.freeze([...parts.entrypoints]);
  if (entrypoints.length === 0) throw format("it has no entrypoint");
  if (new Set(entrypoints).size !== entrypoints.length) throw format("an entrypoint is named twice");
  for (const entrypoint of entrypoints) {
    if (!ENTRYPOINT.test(entrypoint)) throw format(`${JSON.stringify(entrypoint.slice(0, 100))} is no entrypoint`);
  }
  const wasmSha256 = sha256Hex(wasm);
  const dataSha256 = sha256Hex(canonical ?? canonicalData(data));
  const bundle = Object.freeze({
    name,
    revision,
    get wasm() {
      return wasm.slice();
    },
    data,
    entrypoints,
    reads: copyReads(reads, entrypoints),
    opaque: copyOpaque(opaque, entrypoints),
    readsTrusted,
    sha256: sha256Hex(`launchgate-policy-v1\n${wasmSha256}\n${dataSha256}\n`),
    opa,
    rules: Object.freeze(rules.map(copyRule)),
  });
  return { bundle, wasmSha256, dataSha256 };
}

function copyRule({ code, title, description = null, fix = null, path, entrypoints }: RuleMetadata): PolicyRule {
  return Object.freeze({ code, title, description, fix, path, entrypoints: Object.freeze([...entrypoints]) });
}

function canonicalData(data: JsonObject): string {
  try {
    return canonicalJson(data);
  } catch (cause) {
    throw format("data has a string that is no Unicode text", cause);
  }
}

function copyReads(reads: ReadSets, entrypoints: readonly string[]): ReadSets {
  for (const named of Object.keys(reads)) {
    if (!entrypoints.includes(named))
      throw format(`its read sets name ${JSON.stringify(named)}, which is no entrypoint`);
  }
  const copied = entrypoints.map((entrypoint): [string, ReadSets[string]] => {
    const paths = reads[entrypoint] ?? null;
    return [entrypoint, paths && Object.freeze(paths.map((path) => Object.freeze([...path])))];
  });
  return Object.freeze(Object.fromEntries(copied));
}

function copyOpaque(opaque: OpaquePaths, entrypoints: readonly string[]): OpaquePaths {
  return Object.freeze(
    Object.fromEntries(
      entrypoints.map((entrypoint) => [
        entrypoint,
        Object.freeze((opaque[entrypoint] ?? []).map((path) => Object.freeze([...path]))),
      ]),
    ),
  );
}

function readManifest(files: ReadonlyMap<string, Uint8Array>): JsonObject {
  const nested = [...files.keys()].find((path) => path.endsWith("/.manifest"));
  if (nested !== undefined) throw format(`it has a second manifest, /${nested}`);
  if (files.has("patch.json")) throw format("it is a delta bundle, expected a whole one");
  const bytes = files.get(".manifest");
  if (bytes === undefined) throw format("it has no /.manifest");
  const { value: manifest } = readJson(".manifest", bytes);
  if (!isJsonObject(manifest)) throw format("/.manifest is no object");
  return manifest;
}

/** The entrypoints that the manifest's `wasm` list names, in its order; all must lie in the one module. */
function readEntrypoints(manifest: JsonObject): readonly string[] {
  const list = manifest["wasm"];
  if (!Array.isArray(list) || list.length === 0) {
    throw format("its manifest lists no wasm module: build it with -t wasm and at least one entrypoint");
  }
  return list.map((item: JsonValue) => {
    const { entrypoint, module } = isJsonObject(item) ? item : {};
    if (typeof entrypoint !== "string") throw format("its manifest lists a wasm module without an entrypoint");
    if (module !== WASM_PATH && module !== `/${WASM_PATH}`) {
      throw format(`its manifest lists a module that is not /${WASM_PATH}: build all entrypoints into one module`);
    }
    return entrypoint;
  });
}

/** Every data.json put where its folder says, as OPA does; and their canonical text, where there is one and that is it. */
function readData(files: ReadonlyMap<string, Uint8Array>): { readonly data: JsonObject; readonly canonical?: string } {
  const found = [...files].filter(([path]) => DATA_FILE.test(path));
  const yaml = found.find(([path]) => !path.endsWith(".json"));
  if (yaml !== undefined) {
    throw format(`/${yaml[0]} is YAML: opa build and launchgate build write the data as JSON`);
  }
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0 && first[0] === "data.json") {
    const { text, value } = readJson(...first);
    if (!isJsonObject(value)) throw format("/data.json is no object");
    return isCanonical(text, value) ? { data: value, canonical: text } : { data: value };
  }
  return { data: found.reduce<JsonObject>((data, [path, bytes]) => mergeFile(data, path, bytes), {}) };
}

const DATA_FILE = /(?:^|\/)data\.(?:json|yaml|yml)$/;

function mergeFile(data: JsonObject, path: string, bytes: Uint8Array): JsonObject {
  const folders = path.split("/").slice(0, -1);
  const content = folders.reduceRight<JsonValue>((inner, folder) => ({ [folder]: inner }), readJson(path, bytes).value);
  if (!isJsonObject(content)) throw format(`/${path} is no object`);
  return mergeObjects(data, content, path);
}

function mergeObjects(left: JsonObject, right: JsonObject, path: string): JsonObject {
  const merged = new Map(Object.entries(left));
  for (const [key, value] of Object.entries(right)) {
    const known = merged.get(key);
    if (known !== undefined && !(isJsonObject(known) && isJsonObject(value))) {
      throw new PolicyError("data_conflict", `/${path} contradicts another data file of the bundle`);
    }
    merged.set(key, isJsonObject(known) && isJsonObject(value) ? mergeObjects(known, value, path) : value);
  }
  return Object.fromEntries(merged);
}

function readJson(path: string, bytes: Uint8Array): { readonly text: string; readonly value: JsonValue } {
  try {
    const text = UTF_8.decode(bytes);
    return { text, value: parseFrozenJson(text, (fault) => format(`/${path}: ${fault}`)) };
  } catch (cause) {
    throw cause instanceof PolicyError ? cause : format(`/${path} is no JSON`, cause);
  }
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `metadata.launchgate`, as the manifest schema describes it. */
interface Metadata {
  readonly name: string;
  readonly entrypoints: readonly string[];
  readonly opa: string;
  readonly sources_sha256: Readonly<Record<string, string>>;
  readonly wasm_sha256: string;
  readonly data_sha256: string;
  readonly reads: ReadSets;
  readonly opaque?: OpaquePaths;
  readonly rules?: readonly RuleMetadata[];
}

function readMetadata(manifest: JsonObject): Metadata | null {
  const metadata = manifest["metadata"];
  const own = isJsonObject(metadata) ? metadata["launchgate"] : undefined;
  if (own === undefined) return null;
  const contract = isJsonObject(own) ? own["contract"] : undefined;
  if (contract !== CONTRACT) {
    const found = typeof contract === "number" ? `version ${contract}` : "no version";
    throw new PolicyError("bundle_contract", `the bundle names ${found} of the contract, expected ${CONTRACT}`);
  }
  if (!validate(own)) throw format(explainSchemaErrors("metadata.launchgate", validate.errors));
  return own as unknown as Metadata; // INVARIANT: just validated against the manifest schema
}

function checkDigests(
  own: Metadata,
  { wasmSha256, dataSha256 }: Assembled,
  entrypoints: readonly string[],
  files: ReadonlyMap<string, Uint8Array>,
): void {
  if (wasmSha256 !== own.wasm_sha256) throw digest(`/${WASM_PATH}`);
  if (dataSha256 !== own.data_sha256) throw digest("the data");
  const sources = new Map(
    Object.entries(own.sources_sha256).map(([path, sha256]) => [path.replace(/^\//, ""), sha256]),
  );
  for (const [path, sha256] of sources) {
    const source = files.get(path);
    if (source === undefined || sha256Hex(source) !== sha256) throw digest(`/${path}`);
  }
  for (const path of files.keys()) {
    if (path.endsWith(".rego") && !sources.has(path)) throw digest(`/${path}`);
  }
  if (canonicalJson([...entrypoints].sort()) !== canonicalJson([...own.entrypoints].sort())) {
    throw new PolicyError("bundle_digest", "the bundle's wasm list and metadata.launchgate name different entrypoints");
  }
}

function digest(what: string): PolicyError {
  return new PolicyError("bundle_digest", `${what} is not what the bundle's manifest records of it`);
}

function format(what: string, cause?: unknown): PolicyError {
  return new PolicyError("bundle_format", `the bundle cannot be used: ${what}`, cause === undefined ? {} : { cause });
}

function positive(option: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new ConfigError("option", `${option} must be a positive integer`);
  return value;
}
