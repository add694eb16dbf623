/**
 * One compiled policy, live: the only file that knows the WASM SDK. Truth: OPA's documentation, "Wasm", ABI 1.2 and 1.3;
 * the SDK is @open-policy-agent/opa-wasm 1.10.0, src/opa.js.
 *
 * The module is instantiated here, not by the SDK, so that its imports are ours: no console, no host builtins, a memory
 * with a maximum, errors that are Errors. The SDK's LoadedPolicy then loads the data and evaluates. What it answers is
 * not judged here. Nothing bounds the time: that takes a worker and somebody to end it.
 */

import * as sdk from "@open-policy-agent/opa-wasm";
import { ConfigError, EvaluationError, PolicyError } from "../errors.js";
import type { JsonObject } from "../json.js";
import {
  compileOpaModule,
  instantiate,
  newMemory,
  type OpaExports,
  type OpaModule,
  printable,
  type WasmMemory,
} from "./wasm-module.js";

export interface OpaWasm {
  /** Entrypoint name to the number that the module gives it. */
  readonly entrypoints: Readonly<Record<string, number>>;
  /**
   * Evaluates one entrypoint over `inputJson`, UTF-8 JSON of an object, and returns the parsed result set as it is.
   * JSON that is malformed counts as no input at all for OPA: pass only what JSON.stringify made.
   *
   * Throws EvaluationError: `policy_memory`, `policy_input` (the SDK did not take the input byte for byte),
   * `policy_trap`; PolicyError `wasm_entrypoint`. After any throw the next evaluation gets a new instance.
   */
  evaluate(entrypoint: string, inputJson: Uint8Array): unknown;
}

export interface OpaWasmLimits {
  /** Pages of 64 KiB, for the module's own data, `data`, the input and the evaluation together; at most 32768. */
  readonly maxMemoryPages: number;
}

/** The SDK as it is: its types say less, and export what the package does not. */
interface Sdk {
  readonly LoadedPolicy: new (
    policy: { readonly exports: OpaExports },
    memory: WasmMemory,
    abiMinorVersion: number,
  ) => {
    readonly entrypoints: unknown;
    readonly dataHeapPtr: number;
    setData(json: ArrayBuffer): void;
    evaluate(input: ArrayBuffer, entrypoint: number): unknown;
  };
}

const { LoadedPolicy } = (sdk as unknown as { readonly default: Sdk }).default;

const PAGE = 65536;
/**
 * What the values of a document take of memory, roughly, for each byte of it. That much is there from the start, untouched:
 * growing page by page takes seconds where there are a hundred thousand signers.
 */
const VALUE_BYTES_PER_JSON_BYTE = 8;
/** Of a result as JSON: several times what 512 reasons with messages of the greatest length take. */
const MAX_RESULT_BYTES = 4 * 1024 * 1024;
/** Addresses are signed where they come out of WASM: above 2 GiB they would be negative. */
const MAX_PAGES = 32768;

/**
 * Compiles once, instantiates and loads `data`. `data` is kept for the instances that follow a throw: it must not change.
 *
 * Throws PolicyError: `wasm_invalid`, `wasm_abi`, `wasm_builtin` (it needs functions of a host), `memory_limit`
 * (module and data do not fit); ConfigError `option`.
 */
export function loadOpaWasm(wasm: Uint8Array, data: JsonObject, limits: OpaWasmLimits): OpaWasm {
  checkPages(limits);
  return startOpaWasm(compileOpaModule(wasm), () => new TextEncoder().encode(JSON.stringify(data)), limits);
}

/**
 * The same for a module that is compiled. `dataJson` gives a copy of the data as UTF-8 JSON, the same each time: for the
 * first instance, and for each that follows a throw.
 */
export function startOpaWasm(module: OpaModule, dataJson: DataJson, limits: OpaWasmLimits): OpaWasm {
  checkPages(limits);
  const { maxMemoryPages } = limits;
  const first = start(module, dataJson, maxMemoryPages);
  let ready: Instance | null = first;
  return Object.freeze({
    entrypoints: first.entrypoints,
    evaluate(entrypoint: string, inputJson: Uint8Array): unknown {
      const id = Object.hasOwn(first.entrypoints, entrypoint) ? first.entrypoints[entrypoint] : undefined;
      if (id === undefined) throw new PolicyError("wasm_entrypoint", `no entrypoint ${printable(entrypoint)}`);
      const instance = ready ?? restart(module, dataJson, maxMemoryPages);
      ready = null; // an instance earns its next evaluation by returning from this one
      const resultSet = instance.evaluate(id, inputJson);
      ready = instance;
      return resultSet;
    },
  });
}

type DataJson = () => Uint8Array<ArrayBuffer>;

/** Throws ConfigError `option`. */
export function checkPages({ maxMemoryPages }: OpaWasmLimits): void {
  if (!Number.isInteger(maxMemoryPages) || maxMemoryPages < 1 || maxMemoryPages > MAX_PAGES) {
    throw new ConfigError("option", `maxMemoryPages must be an integer from 1 to ${MAX_PAGES}`);
  }
}

interface Instance {
  readonly entrypoints: Readonly<Record<string, number>>;
  evaluate(entrypoint: number, inputJson: Uint8Array): unknown;
}

/** A new instance in a new memory, with `data` set while nobody has asked it anything. */
function start(module: OpaModule, dataJson: DataJson, maxMemoryPages: number): Instance {
  const data = dataJson();
  const memory = newMemory(module, maxMemoryPages, Math.ceil((data.length * VALUE_BYTES_PER_JSON_BYTE) / PAGE));
  try {
    return load(module, memory, data, maxMemoryPages);
  } catch (error) {
    if (error instanceof PolicyError) throw error;
    const { code, message } = evaluationError(error);
    if (code === "policy_memory") {
      const advice = "raise maxMemoryPages or make the data smaller";
      throw new PolicyError("memory_limit", `policy and data do not fit in ${maxMemoryPages} pages: ${advice}`, {
        cause: error,
      });
    }
    throw new PolicyError("wasm_invalid", `the policy's WASM cannot be used: at load ${message}`, { cause: error });
  }
}

/** `start` during a decision: what went well at load and does not now is an evaluation that failed. */
function restart(module: OpaModule, dataJson: DataJson, maxMemoryPages: number): Instance {
  try {
    return start(module, dataJson, maxMemoryPages);
  } catch (cause) {
    const code = cause instanceof PolicyError && cause.code === "memory_limit" ? "policy_memory" : "policy_trap";
    throw new EvaluationError(code, "the policy could not be started again", { cause });
  }
}

function load(
  module: OpaModule,
  memory: WasmMemory,
  dataJson: Uint8Array<ArrayBuffer>,
  maxMemoryPages: number,
): Instance {
  const { exports, abiMinorVersion } = instantiate(module, memory, {
    opa_abort: (address) => {
      const text = readText(memory, address ?? 0);
      throw text === "opa_malloc: failed"
        ? new EvaluationError("policy_memory", `the policy reached its memory limit: ${printable(text)}`)
        : new EvaluationError("policy_trap", `the policy aborted: ${printable(text)}`);
    },
    opa_println: () => undefined,
    opa_builtin0: refuseBuiltin,
    opa_builtin1: refuseBuiltin,
    opa_builtin2: refuseBuiltin,
    opa_builtin3: refuseBuiltin,
    opa_builtin4: refuseBuiltin,
  });
  refuseBuiltins(JSON.parse(readText(memory, exports.opa_json_dump(exports.builtins()))));

  let expectedBytes = 0;
  const policy = new LoadedPolicy(
    {
      exports: {
        ...exports,
        opa_json_dump: (value) => terminated(memory, exports.opa_json_dump(value)),
        opa_eval: (reserved, entrypoint, dataAddress, input, inputBytes, heap, format) => {
          // The SDK takes an ArrayBuffer of another realm for an empty object, and something falsy for no input.
          if (inputBytes !== expectedBytes) throw new EvaluationError("policy_input", "the SDK did not take the input");
          const result = exports.opa_eval(reserved, entrypoint, dataAddress, input, inputBytes, heap, format);
          return terminated(memory, result);
        },
      },
    },
    memory,
    abiMinorVersion,
  );
  policy.setData(dataJson.buffer);

  return {
    entrypoints: readEntrypoints(policy.entrypoints),
    evaluate(entrypoint, inputJson) {
      expectedBytes = inputJson.length;
      if (policy.dataHeapPtr + expectedBytes > maxMemoryPages * PAGE) {
        throw new EvaluationError(
          "policy_memory",
          `no room for ${expectedBytes} bytes of input below the memory limit`,
        );
      }
      const input = new ArrayBuffer(expectedBytes);
      new Uint8Array(input).set(inputJson);
      try {
        return policy.evaluate(input, entrypoint);
      } catch (error) {
        throw evaluationError(error);
      }
    },
  };
}

/** Whatever the SDK, V8 or an import threw, as an EvaluationError that keeps it as its cause. */
function evaluationError(error: unknown): EvaluationError {
  if (error instanceof EvaluationError) return error;
  const text =
    error instanceof Error ? error.message : typeof error === "string" ? error : "something that is no Error";
  const grow = error instanceof RangeError && text.includes("Memory.grow");
  return grow
    ? new EvaluationError("policy_memory", "the policy reached its memory limit", { cause: error })
    : new EvaluationError("policy_trap", `the policy trapped: ${printable(text)}`, { cause: error });
}

/** INVARIANT: never called, since a module that has host builtins is refused at load. */
function refuseBuiltin(): never {
  throw new EvaluationError("policy_trap", "the policy called a host builtin");
}

/** Beginnings of the names of builtins that OPA leaves to the host, and what to write instead. */
const ADVICE: readonly (readonly [prefix: string, advice: string])[] = [
  ["sprintf", "make text with concat and format_int"],
  ["time.", "take the time from input.time, in Unix seconds"],
  ["hex.", "input has bits as words; compare hex strings as they are"],
  ["regex.split", "use split or regex.find_n"],
  ["http.send", "put what it would fetch into data"],
  ["net.lookup", "put what it would look up into data"],
  ["opa.runtime", "put settings into data"],
  ["rand.", "a decision must depend on nothing but input and data"],
  ["uuid.", "a decision must depend on nothing but input and data"],
  ["internal.print", "leave print out, and give reasons in the answer"],
  ["print", "leave print out, and give reasons in the answer"],
  ["trace", "leave trace out, and give reasons in the answer"],
  ["yaml.", "convert it to JSON when the data is built"],
];

function refuseBuiltins(builtins: unknown): void {
  if (typeof builtins !== "object" || builtins === null) {
    throw new PolicyError("wasm_abi", "the policy's WASM cannot be used: it does not list its builtins");
  }
  const names = Object.keys(builtins).sort();
  if (names.length === 0) return;
  const advice = names.map((name) => ADVICE.find(([prefix]) => name.startsWith(prefix))?.[1]);
  const instead = [...new Set(advice.filter((text) => text !== undefined))].map((text) => `; ${text}`).join("");
  throw new PolicyError(
    "wasm_builtin",
    `the policy calls ${printable(names.join(", "))}, which OPA's WebAssembly leaves to a host and this one does not have${instead}`,
  );
}

function readEntrypoints(entrypoints: unknown): Readonly<Record<string, number>> {
  if (typeof entrypoints !== "object" || entrypoints === null) {
    throw new PolicyError("wasm_abi", "the policy's WASM cannot be used: it does not list its entrypoints");
  }
  const entries = Object.entries(entrypoints);
  if (!entries.every(([, id]) => Number.isInteger(id))) {
    throw new PolicyError("wasm_abi", "the policy's WASM cannot be used: an entrypoint has no number");
  }
  return Object.freeze(Object.fromEntries(entries));
}

/**
 * The SDK looks for the NUL at the end of a text without looking for the end of the memory; and it makes one string of the
 * text, however long: more than a heap has room for ends the whole process, from whichever thread.
 */
function terminated(memory: WasmMemory, address: number): number {
  const end = address > 0 ? new Uint8Array(memory.buffer).indexOf(0, address) : -1;
  if (end < 0) throw new EvaluationError("policy_trap", "the policy's result lies outside of its memory");
  if (end - address > MAX_RESULT_BYTES) {
    throw new EvaluationError(
      "policy_result",
      `the policy's answer is ${end - address} bytes, expected at most ${MAX_RESULT_BYTES}`,
    );
  }
  return address;
}

/** The NUL-terminated UTF-8 text at `address`; not more than the memory holds. */
function readText(memory: WasmMemory, address: number): string {
  const bytes = new Uint8Array(memory.buffer);
  const end = address > 0 ? bytes.indexOf(0, address) : -1;
  return end < 0 ? "" : new TextDecoder().decode(bytes.subarray(address, end));
}
