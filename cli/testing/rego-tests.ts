/**
 * Rego unit tests, run twice: by OPA's interpreter (`opa test`) and as WebAssembly, each test an entrypoint of its own. What
 * decides on hosts is WASM, so a test that comes out another way there fails, whatever the interpreter says.
 *
 * Truth: OPA's documentation, "Policy Testing": a test passes where its rule is true; `todo_test_` is skipped.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../engine/json.js";
import { readArchive } from "../../engine/policy/archive.js";
import { loadOpaWasm, type OpaWasm } from "../../engine/policy/opa-wasm.js";
import { EvaluationError, PolicyError } from "../../hooks/index.js";
import { CommandError } from "../io.js";
import { MAX_COMPILED_BYTES } from "../policy/compile.js";
import { adviceFor, findingsOf, refused } from "../policy/findings.js";
import { type Opa, type OpaResult, opaErrors, runOpa } from "../policy/opa.js";
import type { Plan } from "../policy/plan.js";
import { reachable } from "../policy/rules.js";
import { policiesDir } from "../policy/shipped.js";
import type { SourceFile } from "../policy/sources.js";
import { withStaged } from "../policy/staging.js";
import { type Coverage, coverageOf } from "./coverage.js";
import { inParallel } from "./parallel.js";

/** What the tests are compiled with. */
export interface RegoSubject {
  /** Without tests. */
  readonly sources: readonly SourceFile[];
  readonly tests: readonly SourceFile[];
  /** Paths of the sources whose coverage counts. */
  readonly own: ReadonlySet<string>;
  readonly data: JsonObject;
}

type RegoStatus = "pass" | "fail" | "error" | "skip";

export interface RegoTest {
  /** `launch_test.test_a_listed_signer_launches`. */
  readonly name: string;
  /** Relative to the policy folder. */
  readonly file: string;
  readonly line: number;
  readonly status: RegoStatus;
  /** What the interpreter made of it. */
  readonly interpreted: "pass" | "fail" | "error" | "skip";
  /** What the WebAssembly made of it; null where it was not asked. */
  readonly compiled: "pass" | "fail" | "trap" | null;
  /** Why it does not pass; null where it does. */
  readonly message: string | null;
  /** Of the interpreter. */
  readonly durationMs: number;
}

export interface RegoOutcome {
  readonly tests: readonly RegoTest[];
  /** Null where there is none: OPA measures it only where every test passes. */
  readonly coverage: Coverage | null;
}

export interface RegoOptions {
  readonly opa: Opa;
  /** OPA processes side by side. */
  readonly jobs: number;
  readonly wanted: (name: string) => boolean;
  readonly progress: (what: string) => void;
}

/** As `opa test --format json` prints it. */
interface OpaTest {
  readonly location?: { readonly file: string; readonly row: number };
  readonly package: string;
  readonly name: string;
  readonly fail?: boolean;
  readonly skip?: boolean;
  readonly error?: { readonly message?: string } | string;
  readonly duration?: number;
}

const MAX_MEMORY_PAGES = 4096;

/** The names of the tests, without the WASM: for listings. @throws CommandError exit 3 where they do not compile */
export async function listRegoTests(
  subject: RegoSubject,
  opa: Opa,
): Promise<readonly Pick<RegoTest, "name" | "file" | "line">[]> {
  if (subject.tests.length === 0) return [];
  return withStaged(staged(subject), async ({ dir }) => (await interpret(opa, dir)).map(placeOf));
}

/** @throws CommandError exit 3 where the tests do not compile, exit 1 where OPA does not run */
export async function runRegoTests(subject: RegoSubject, options: RegoOptions): Promise<RegoOutcome> {
  const { opa, jobs, wanted, progress } = options;
  if (subject.tests.length === 0) return { tests: [], coverage: null };
  return withStaged(staged(subject), async ({ dir, out }) => {
    progress("Rego tests: interpreter");
    const found = (await interpret(opa, dir)).filter((test) => wanted(nameOf(test)));
    const runnable = [...new Set(found.filter(canRun).map(entrypointOf))];
    progress("Rego tests: compiling to WebAssembly");
    const [covered, compiled] = await inParallel<() => Promise<OpaResult | Compiled>, OpaResult | Compiled>(
      [
        () => runOpa(opa, ["test", "--v1-compatible", "--coverage", "--format", "json", "."], { cwd: dir }),
        () => compileTests(opa, dir, out, runnable, subject.data),
      ],
      jobs,
      (work) => work(),
    );
    const own = new Set([...subject.own].filter((path) => !subject.tests.some((test) => test.path === path)));
    const wasm = compiled as Compiled;
    const names = found.map(({ package: name, name: rule }) => `${name}.${baseName(rule)}`);
    const tests = found.map((test, at): RegoTest => {
      const twice = names.filter((name) => name === names[at]).length > 1;
      return judged(test, wasm, twice);
    });
    return { tests, coverage: coverageOf((covered as OpaResult).stdout, own) };
  });
}

function staged({ sources, tests, data }: RegoSubject): readonly SourceFile[] {
  const bytes = new TextEncoder().encode(JSON.stringify(data));
  return [...[...sources, ...tests].map(withoutEntrypoints), { path: "data.json", bytes }];
}

/**
 * Here the tests are the entrypoints. Where another is marked, `opa build` (0.70) takes functions that call it for
 * entrypoints as well, and refuses them: "undefined ref". The lines keep their numbers.
 */
function withoutEntrypoints({ path, bytes }: SourceFile): SourceFile {
  const text = new TextDecoder().decode(bytes);
  const unmarked = text.replaceAll(/^(\s*#[ \t]*)(entrypoint:[ \t]*true[ \t]*)$/gm, "$1# $2");
  return unmarked === text ? { path, bytes } : { path, bytes: new TextEncoder().encode(unmarked) };
}

async function interpret(opa: Opa, dir: string): Promise<readonly OpaTest[]> {
  const result = await runOpa(opa, ["test", "--v1-compatible", "--format", "json", "."], { cwd: dir });
  const tests = testsIn(result.stdout);
  if (tests !== null) return tests;
  // OPA says so on stderr, and prints nothing, where there is no test.
  if (result.code === 0) return [];
  throw refused(
    "the Rego tests do not compile:",
    findingsOf(opaErrors(result), () => false),
  );
}

function testsIn(stdout: string): readonly OpaTest[] | null {
  try {
    const tests: unknown = JSON.parse(stdout);
    return Array.isArray(tests) ? (tests as readonly OpaTest[]) : null;
  } catch {
    return null;
  }
}

function canRun({ skip, error }: OpaTest): boolean {
  // What took the interpreter too long is not begun where nothing could end it.
  return skip !== true && error === undefined;
}

/** OPA tells rules of one name apart by `#01`. */
function baseName(name: string): string {
  return name.replace(/#\d+$/, "");
}

function nameOf({ package: name, name: rule }: OpaTest): string {
  return `${name.replace(/^data\./, "")}.${rule}`;
}

function placeOf(test: OpaTest): Pick<RegoTest, "name" | "file" | "line"> {
  return { name: nameOf(test), file: test.location?.file ?? "", line: test.location?.row ?? 1 };
}

/** `launch_test/test_x` of `data.launch_test` and `test_x`; parts of a package's name that are no words stand in brackets. */
function entrypointOf({ package: name, name: rule }: OpaTest): string {
  const parts = [...name.matchAll(/\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  );
  return [...parts.slice(1), baseName(rule)].join("/");
}

/** The tests as one module; by test what keeps it from being compiled. */
interface Compiled {
  readonly wasm: OpaWasm | null;
  readonly refused: ReadonlyMap<string, string>;
}

async function compileTests(
  opa: Opa,
  dir: string,
  out: string,
  entrypoints: readonly string[],
  data: JsonObject,
): Promise<Compiled> {
  if (entrypoints.length === 0) return { wasm: null, refused: new Map() };
  const load = async (names: readonly string[]) =>
    loadOpaWasm(await build(opa, dir, out, "wasm", names), data, { maxMemoryPages: MAX_MEMORY_PAGES });
  try {
    return { wasm: await load(entrypoints), refused: new Map() };
  } catch (error) {
    if (!(error instanceof PolicyError) || error.code !== "wasm_builtin") throw error;
  }
  const without = await builtinsOf(opa, dir, out, entrypoints);
  const rest = entrypoints.filter((entrypoint) => !without.has(entrypoint));
  return { wasm: rest.length === 0 ? null : await load(rest), refused: without };
}

async function build(
  opa: Opa,
  dir: string,
  out: string,
  target: "wasm" | "plan",
  entrypoints: readonly string[],
): Promise<Uint8Array> {
  const asked = entrypoints.flatMap((entrypoint) => ["-e", entrypoint]);
  const args = ["build", "--v1-compatible", "-t", target, "-O", "0", ...asked, "-o", `../out/${target}.tar.gz`, "."];
  const result = await runOpa(opa, args, { cwd: dir });
  if (result.code !== 0) {
    throw refused(
      "the Rego tests do not compile to WebAssembly:",
      findingsOf(opaErrors(result), () => false),
    );
  }
  const path = target === "wasm" ? "policy.wasm" : "plan.json";
  const bytes = readArchive(readFileSync(join(out, `${target}.tar.gz`)), MAX_COMPILED_BYTES).get(path);
  if (bytes === undefined)
    throw new CommandError(1, `opa build wrote no ${path}; is this OPA built with the compiler?`);
  return bytes;
}

/** Builtins that a compiled test cannot have; print is taken out by `opa build`. */
async function builtinsOf(
  opa: Opa,
  dir: string,
  out: string,
  entrypoints: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const plan = JSON.parse(new TextDecoder().decode(await build(opa, dir, out, "plan", entrypoints))) as Plan;
  const capabilities = JSON.parse(readFileSync(join(policiesDir(), "capabilities.json"), "utf8")) as {
    readonly builtins: readonly { readonly name: string }[];
  };
  const usable = new Set([...capabilities.builtins.map(({ name }) => name), "internal.print"]);
  const refusals = new Map<string, string>();
  for (const [entrypoint, called] of reachable(plan)) {
    const names = [...called].filter((name) => !name.startsWith("data.") && !usable.has(name)).sort();
    if (names.length === 0) continue;
    const advice = names.flatMap((name) => adviceFor(name) ?? []).map((text) => `; ${text}`);
    refusals.set(
      entrypoint,
      `it calls ${names.join(", ")}, which compiled policies do not have${[...new Set(advice)].join("")}`,
    );
  }
  return refusals;
}

function judged(test: OpaTest, { wasm, refused: refusals }: Compiled, twice: boolean): RegoTest {
  const base = { ...placeOf(test), durationMs: (test.duration ?? 0) / 1e6 };
  if (test.skip === true)
    return { ...base, status: "skip", interpreted: "skip", compiled: null, message: "it is to be written" };
  if (test.error !== undefined) {
    const said = typeof test.error === "string" ? test.error : (test.error.message ?? "it says no more");
    return {
      ...base,
      status: "fail",
      interpreted: "error",
      compiled: null,
      message: `the interpreter failed: ${said}`,
    };
  }
  const interpreted = test.fail === true ? "fail" : "pass";
  if (twice) {
    const message = "another test has its name, and compiled both are one rule; give each a name of its own";
    return { ...base, status: interpreted === "fail" ? "fail" : "error", interpreted, compiled: null, message };
  }
  const refusal = refusals.get(entrypointOf(test));
  if (refusal !== undefined || wasm === null) {
    const message = `it cannot be run as WebAssembly: ${refusal ?? "it was not compiled"}`;
    return { ...base, status: interpreted === "fail" ? "fail" : "error", interpreted, compiled: null, message };
  }
  const { compiled, trap, strange } = evaluated(wasm, entrypointOf(test));
  if (strange) {
    const message = "its value is neither true nor false, by which interpreter and WebAssembly could be compared";
    return { ...base, status: interpreted === "fail" ? "fail" : "error", interpreted, compiled: null, message };
  }
  const passed = interpreted === "pass" && compiled === "pass";
  return {
    ...base,
    status: passed ? "pass" : "fail",
    interpreted,
    compiled,
    message: messageOf(interpreted, compiled, trap),
  };
}

function messageOf(interpreted: "pass" | "fail", compiled: "pass" | "fail" | "trap", trap: string): string | null {
  if (interpreted === "pass" && compiled === "pass") return null;
  if (interpreted === "fail" && compiled === "fail") return "the rule is not true";
  const inWasm = compiled === "trap" ? `traps (${trap})` : compiled === "pass" ? "passes" : "fails";
  return `interpreter and WebAssembly differ: it ${interpreted === "pass" ? "passes" : "fails"} in opa test, and ${inWasm} compiled, as hosts run it`;
}

interface Evaluated {
  readonly compiled: "pass" | "fail" | "trap";
  readonly trap: string;
  /** Its value is no boolean. */
  readonly strange: boolean;
}

function evaluated(wasm: OpaWasm, entrypoint: string): Evaluated {
  try {
    // No bytes are no input at all, as `opa test` has none.
    const results = wasm.evaluate(entrypoint, new Uint8Array());
    const [first] = Array.isArray(results) ? (results as readonly { readonly result?: unknown }[]) : [];
    const value = first?.result ?? false;
    return { compiled: value === true ? "pass" : "fail", trap: "", strange: typeof value !== "boolean" };
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return { compiled: "trap", trap: error.message, strange: false };
  }
}
