/**
 * A compiled WASM module, checked to be one that OPA made, before any of it runs. Truth: the WebAssembly JavaScript API;
 * WebAssembly core specification, binary format (import section); OPA's documentation, "Wasm", ABI 1.2 and 1.3.
 */

import { PolicyError } from "../errors.js";

/** The part of the WebAssembly JavaScript API that is used here; Node's types do not have it. */
interface WebAssemblyApi {
  readonly Module: {
    new (bytes: Uint8Array): WasmModule;
    imports(module: WasmModule): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
    exports(module: WasmModule): readonly { readonly name: string; readonly kind: string }[];
  };
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
}

interface WasmModule {
  readonly module?: never;
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** What an OPA module exports, as far as it is used; addresses and sizes are 32-bit, signed. */
export interface OpaExports {
  readonly [name: string]: unknown;
  opa_eval(
    reserved: number,
    entrypoint: number,
    data: number,
    input: number,
    inputBytes: number,
    heap: number,
    format: number,
  ): number;
  opa_json_dump(value: number): number;
  builtins(): number;
}

export interface OpaModule {
  readonly module: WasmModule;
  /** Of the memory that it imports, in pages of 64 KiB: what it needs to start, and its own bound if it states one. */
  readonly minimumPages: number;
  readonly maximumPages: number | null;
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

const IMPORTS: Readonly<Record<string, "memory" | "function">> = {
  memory: "memory",
  opa_abort: "function",
  opa_println: "function",
  opa_builtin0: "function",
  opa_builtin1: "function",
  opa_builtin2: "function",
  opa_builtin3: "function",
  opa_builtin4: "function",
};

const EXPORTS: Readonly<Record<string, "global" | "function">> = {
  opa_wasm_abi_version: "global",
  opa_wasm_abi_minor_version: "global",
  opa_malloc: "function",
  opa_json_parse: "function",
  opa_json_dump: "function",
  opa_heap_ptr_get: "function",
  opa_heap_ptr_set: "function",
  opa_eval: "function",
  builtins: "function",
  entrypoints: "function",
};

const ABI_VERSION = 1;
const ABI_MINOR_VERSIONS: readonly unknown[] = [2, 3];

/** Compiles and checks; nothing runs. Throws PolicyError `wasm_invalid` (no WASM, or not OPA's), `wasm_abi`. */
export function compileOpaModule(bytes: Uint8Array): OpaModule {
  const module = compile(bytes);
  const imported = wasm.Module.imports(module);
  for (const { module: from, name, kind } of imported) {
    if (from !== "env" || !Object.hasOwn(IMPORTS, name) || IMPORTS[name] !== kind) {
      throw invalid(`it imports the ${kind} ${printable(`${from}.${name}`)}, which no policy compiled by OPA does`);
    }
  }
  if (imported.filter(({ kind }) => kind === "memory").length !== 1) throw invalid("it does not import its memory");
  const kinds = new Map(wasm.Module.exports(module).map(({ name, kind }) => [name, kind]));
  for (const [name, kind] of Object.entries(EXPORTS)) {
    if (kinds.get(name) !== kind) throw abi(`it does not export the ${kind} ${name}`);
  }
  return { module, ...importedMemory(bytes) };
}

/** Runs the module's start function, no more. Throws PolicyError `memory_limit` if the host has no such memory to give. */
export function instantiate(
  { module }: OpaModule,
  memory: WasmMemory,
  functions: Readonly<Record<string, (...args: number[]) => unknown>>,
): { readonly exports: OpaExports; readonly abiMinorVersion: number } {
  const { exports } = new wasm.Instance(module, { env: { memory, ...functions } });
  const [major, minor] = [
    globalValue(exports["opa_wasm_abi_version"]),
    globalValue(exports["opa_wasm_abi_minor_version"]),
  ];
  if (major !== ABI_VERSION || !ABI_MINOR_VERSIONS.includes(minor)) {
    throw abi(`its ABI is ${String(major)}.${String(minor)}, expected 1.2 or 1.3`);
  }
  // INVARIANT: the exports are functions, checked by compileOpaModule
  return { exports: exports as unknown as OpaExports, abiMinorVersion: minor as number };
}

/** A new memory that may grow to `maximumPages`. Throws PolicyError `memory_limit`. */
export function newMemory(
  { minimumPages, maximumPages }: OpaModule,
  limitPages: number,
  dataPages: number,
): WasmMemory {
  if (minimumPages > limitPages) {
    throw new PolicyError(
      "memory_limit",
      `the policy needs ${minimumPages} pages to start, the limit is ${limitPages}`,
    );
  }
  try {
    const maximum = Math.min(limitPages, maximumPages ?? limitPages);
    return new wasm.Memory({ initial: Math.min(minimumPages + dataPages, maximum), maximum });
  } catch (cause) {
    throw new PolicyError("memory_limit", "the host has no memory left for the policy", { cause });
  }
}

/** Foreign text for a message: ASCII, escaped otherwise, bounded. */
export function printable(text: string): string {
  const escaped = (char: string) => `\\u{${char.codePointAt(0)?.toString(16)}}`;
  return text.slice(0, 200).replace(/[^\x20-\x7e]/gu, escaped);
}

function compile(bytes: Uint8Array): WasmModule {
  try {
    return new wasm.Module(bytes);
  } catch (cause) {
    throw invalid("it does not compile", cause);
  }
}

function globalValue(exported: unknown): unknown {
  return (exported as { readonly value: unknown }).value;
}

const IMPORT_SECTION = 2;
const FUNCTION_IMPORT = 0;

/**
 * The limits of the one memory import, which the API does not tell.
 * INVARIANT: `bytes` compiled, so that lengths fit; its imports are functions and one memory, checked above.
 */
function importedMemory(bytes: Uint8Array): Omit<OpaModule, "module"> {
  let offset = 8; // magic and version
  const next = () => bytes[offset++] ?? 0;
  const leb128 = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = next();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const skip = (count: number) => {
    offset += count;
  };
  while (next() !== IMPORT_SECTION) skip(leb128());
  leb128(); // size of the section
  for (let count = leb128(); count > 0; count--) {
    skip(leb128()); // module
    skip(leb128()); // name
    if (next() === FUNCTION_IMPORT) {
      leb128(); // type
      continue;
    }
    const flags = next();
    if (flags > 1) throw invalid("its memory is shared or 64-bit");
    return { minimumPages: leb128(), maximumPages: flags === 1 ? leb128() : null };
  }
  throw invalid("it does not import its memory");
}

function invalid(what: string, cause?: unknown): PolicyError {
  return new PolicyError(
    "wasm_invalid",
    `the policy's WASM cannot be used: ${what}`,
    cause === undefined ? {} : { cause },
  );
}

function abi(what: string): PolicyError {
  return new PolicyError("wasm_abi", `the policy's WASM cannot be used: ${what}; compile it with opa build -t wasm`);
}
