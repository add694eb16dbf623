/** Hand-made WASM modules that look like OPA's and are as wrong as a test wants. Truth: WebAssembly core specification. */

export interface TinyOptions {
  readonly abi?: readonly [major: number, minor: number];
  /** The JSON texts that the exports of that name give. */
  readonly builtins?: string;
  readonly entrypoints?: string;
  /** The text that opa_eval answers, or the address that it claims one is at. */
  readonly result?: string | { readonly address: number };
  /** What opa_eval does before it answers. */
  readonly evaluation?: "return" | "loop" | "println" | "abort" | "unreachable" | "recurse" | "builtin";
  /** The exports of texts that never return: a policy that loops while it is loaded. */
  readonly endless?: "builtins" | "entrypoints";
  /** More imports than `env.memory`: functions from one i32 to nothing. */
  readonly imports?: readonly (readonly [module: string, name: string])[];
  readonly ownMemory?: boolean;
  readonly minimumPages?: number;
  readonly maximumPages?: number;
  readonly sharedMemory?: boolean;
  /** Exports left out. */
  readonly without?: readonly string[];
}

const I32 = 0x7f;
const TEXT_AT = { builtins: 1024, entrypoints: 4096, result: 8192 } as const;

const leb = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
/** Signed LEB128, for i32.const. */
function sleb(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >> 7;
  const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return done ? [low] : [low | 0x80, ...sleb(rest)];
}
const vec = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];
const named = (text: string): number[] => [...leb(bytesOf(text).length), ...bytesOf(text)];
const section = (id: number, body: readonly number[]): number[] => [id, ...leb(body.length), ...body];
const constant = (value: number): number[] => [0x41, ...sleb(value)];

/** loop; br 0; end */
const LOOP = [0x03, 0x40, 0x0c, 0x00, 0x0b];

/** A module with the exports of OPA's ABI, each function a constant: it parses nothing and evaluates nothing. */
export function tinyOpaModule(options: TinyOptions = {}): Uint8Array<ArrayBuffer> {
  const { abi = [1, 3], builtins = "{}", entrypoints = '{"launch/decision":0}' } = options;
  const { result = '[{"result":{"allow":true,"deny":[],"warn":[]}}]', evaluation = "return" } = options;
  const functionImports = [
    ...(evaluation === "println" || evaluation === "abort" ? [["env", `opa_${evaluation}`] as const] : []),
    ...(options.imports ?? []),
  ];
  const text = (name: "builtins" | "entrypoints"): number[] => [
    ...(options.endless === name ? LOOP : []),
    ...constant(TEXT_AT[name]),
  ];
  const first = functionImports.length + (evaluation === "builtin" ? 1 : 0);
  const own = [
    { name: "opa_malloc", parameters: 1, body: constant(60_000) },
    { name: "opa_json_parse", parameters: 2, body: constant(1) },
    { name: "opa_json_dump", parameters: 1, body: [0x20, 0] },
    { name: "opa_heap_ptr_get", parameters: 0, body: constant(50_000) },
    { name: "opa_heap_ptr_set", parameters: 1, body: constant(0) },
    { name: "builtins", parameters: 0, body: text("builtins") },
    { name: "entrypoints", parameters: 0, body: text("entrypoints") },
    {
      name: "opa_eval",
      parameters: 7,
      body: [
        ...{
          return: [],
          loop: LOOP,
          println: [...constant(TEXT_AT.result), 0x10, 0],
          abort: [...constant(TEXT_AT.result), 0x10, 0],
          builtin: [...constant(0), ...constant(0), 0x10, first - 1, 0x1a],
          unreachable: [0x00],
          recurse: [...Array.from({ length: 7 }, () => constant(0)).flat(), 0x10, first + 7, 0x1a],
        }[evaluation],
        ...constant(typeof result === "string" ? TEXT_AT.result : result.address),
      ],
    },
  ];
  const types = [
    ...Array.from({ length: 8 }, (_, parameters) => [0x60, ...vec(Array(parameters).fill([I32])), 1, I32]),
    [0x60, 1, I32, 0],
  ];
  const flags = (options.maximumPages === undefined ? 0 : 1) | (options.sharedMemory === true ? 2 : 0);
  const limits = [
    flags,
    ...leb(options.minimumPages ?? 2),
    ...leb(options.maximumPages ?? 0).slice(flags === 0 ? 1 : 0),
  ];
  const imports = [
    ...functionImports.map(([module, name]) => [...named(module), ...named(name), 0, 8]),
    ...(evaluation === "builtin" ? [[...named("env"), ...named("opa_builtin0"), 0, 2]] : []),
    ...(options.ownMemory === true ? [] : [[...named("env"), ...named("memory"), 2, ...limits]]),
  ];
  const texts = { builtins, entrypoints, result: typeof result === "string" ? result : "" };
  const exported = [
    ...own.map(({ name }, index) => ({ name, entry: [...named(name), 0, ...leb(first + index)] })),
    { name: "opa_wasm_abi_version", entry: [...named("opa_wasm_abi_version"), 3, 0] },
    { name: "opa_wasm_abi_minor_version", entry: [...named("opa_wasm_abi_minor_version"), 3, 1] },
  ];
  const without = new Set(options.without);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vec(types)),
    ...section(2, vec(imports)),
    ...section(3, vec(own.map(({ parameters }) => [parameters]))),
    ...(options.ownMemory === true ? section(5, vec([limits])) : []),
    ...section(6, vec(abi.map((value) => [I32, 0, ...constant(value), 0x0b]))),
    ...section(7, vec(exported.filter(({ name }) => !without.has(name)).map(({ entry }) => entry))),
    ...section(
      10,
      vec(
        own.map(({ body }) => {
          const code = [0, ...body, 0x0b];
          return [...leb(code.length), ...code];
        }),
      ),
    ),
    ...section(
      11,
      vec(
        Object.entries(texts).map(([name, text]) => [
          ...[0, ...constant(TEXT_AT[name as keyof typeof TEXT_AT]), 0x0b],
          ...[...leb(bytesOf(text).length + 1), ...bytesOf(text), 0],
        ]),
      ),
    ),
  ]);
}
