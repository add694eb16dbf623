/**
 * Mutation testing of a policy folder: each mutant is compiled to WASM just as the policy itself, and put to those who may
 * kill it. Truth for the compiling: compile.ts; for what a mutant is: mutants.ts.
 *
 * A mutant that nobody kills is a change of the policy that no test would notice. Whether it should be noticed is not known
 * here: some mutants mean the same as the policy although their WASM differs.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { PolicyError } from "../../../engine/errors.js";
import type { JsonObject } from "../../../engine/json.js";
import { readArchive } from "../../../engine/policy/archive.js";
import { makeBundle, type PolicyBundle, sha256Hex } from "../../../hooks/index.js";
import { CommandError } from "../../io.js";
import { buildArguments } from "../../policy/compile.js";
import { type FolderData, folderData } from "../../policy/data-files.js";
import type { Entrypoint } from "../../policy/entrypoints.js";
import { findingsOf, refused } from "../../policy/findings.js";
import { type Opa, opaErrors, runOpa } from "../../policy/opa.js";
import { type Prepared, preparePolicy } from "../../policy/prepare.js";
import { parseModules } from "../../policy/rego-ast.js";
import type { SourceFile } from "../../policy/sources.js";
import { withStaged } from "../../policy/staging.js";
import { within } from "./deadline.js";
import type { Killer } from "./killers.js";
import { applyMutant, type Mutant, mutantsOf } from "./mutants.js";

/**
 * `killed`: somebody told it from the policy. `timeout`: whoever judged it did not come to an end, which counts as killed.
 * `survived`: nobody did. `invalid`: it does not compile or load. `equivalent`: it compiles to the very WASM of the policy.
 */
type MutantState = "killed" | "timeout" | "survived" | "invalid" | "equivalent";

export interface MutantResult extends Pick<Mutant, "id" | "file" | "line" | "operator" | "before" | "after"> {
  readonly state: MutantState;
  /** Who killed it; null in every other state. */
  readonly by: string | null;
}

export interface MutationResult {
  /** How many mutants there are, and how many of them were tried. */
  readonly found: number;
  readonly tried: number;
  /** Those tried, by file, then place. */
  readonly mutants: readonly MutantResult[];
  readonly counts: Readonly<Record<MutantState, number>>;
  /** Killed, of those that somebody could have killed, in percent; null where there are none. */
  readonly score: number | null;
}

export interface MutationOptions {
  readonly dir: string;
  readonly opa: Opa;
  /** The shipped policies: library and capabilities. */
  readonly policies: string;
  /** As for compilePolicy. */
  readonly data: JsonObject | ((own: FolderData) => JsonObject);
  readonly name?: string;
  /** Asked in turn until one kills. */
  readonly killers: readonly Killer[];
  /** Whether to change the shipped library as well, as far as it is compiled in. Default false. */
  readonly library?: boolean;
  /** At most so many mutants, always the same for the same sources; default all. */
  readonly sample?: number;
  /** How many are compiled side by side. Default: as many as the machine has processors. */
  readonly jobs?: number;
  /** For the judging of one mutant, not for its compiling. */
  readonly timeoutMs?: number;
  readonly progress?: (done: number, total: number) => void;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_COMPILED_BYTES = 256 * 1024 * 1024;

/** The files of a policy as text, and how to make bundles of them. */
interface Subject {
  readonly sources: readonly SourceFile[];
  readonly texts: ReadonlyMap<string, string>;
  readonly entrypoints: readonly Entrypoint[];
  readonly data: JsonObject;
  readonly wasmSha256: string;
}

/**
 * @throws CommandError (1) for options, or where OPA cannot be run, (2) where a killer kills the unchanged policy, (3) where
 * the policy does not compile; PolicyError where its data is at fault
 */
export async function runMutants(options: MutationOptions): Promise<MutationResult> {
  const { sample, jobs = availableParallelism() } = options;
  checkCount("the number of mutants", sample ?? 1);
  checkCount("the number of jobs", jobs);
  const prepared = await preparePolicy(options);
  if ("unparsed" in prepared) throw refused(`${options.dir} does not parse:`, prepared.unparsed);
  if (prepared.findings.length > 0) throw refused(`${options.dir} has no usable entrypoints:`, prepared.findings);
  const texts = new Map(prepared.assembly.sources.map(({ path, bytes }) => [path, decode(path, bytes)]));
  const all = await findMutants(options, prepared, texts);
  const tried = sampled(all, sample ?? all.length);
  const subject = await subjectOf(options, prepared, texts);
  const mutants = await judgeAll(options, subject, tried, jobs);
  return { found: all.length, tried: tried.length, mutants, ...countsOf(mutants) };
}

function checkCount(what: string, count: number): void {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new CommandError(1, `${what} is ${count}, expected a positive integer`);
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandError(3, `${path} is not UTF-8`);
  }
}

async function findMutants(
  { opa, library = false }: MutationOptions,
  { modules, assembly }: Prepared,
  texts: ReadonlyMap<string, string>,
): Promise<readonly Mutant[]> {
  const paths = library ? [...assembly.shippedPaths] : [];
  const shipped = await withStaged(paths.length === 0 ? [] : assembly.sources, ({ dir }) =>
    parseModules(opa, dir, paths),
  );
  if (shipped.findings.length > 0) throw refused("the shipped library does not parse:", shipped.findings);
  const files = [...modules, ...shipped.modules].sort((a, b) => (a.file < b.file ? -1 : 1));
  return files.flatMap((module) => mutantsOf(module, texts.get(module.file) ?? ""));
}

/** The same ones whatever the machine and the order: those whose ids have the least digests. */
function sampled(mutants: readonly Mutant[], count: number): readonly Mutant[] {
  if (count >= mutants.length) return mutants;
  const digests = new Map(mutants.map(({ id }) => [id, sha256Hex(id)]));
  const chosen = [...digests].sort(([, a], [, b]) => (a < b ? -1 : 1)).slice(0, count);
  const ids = new Set(chosen.map(([id]) => id));
  return mutants.filter(({ id }) => ids.has(id));
}

/** The unchanged policy: it must compile, and nobody must kill it. */
async function subjectOf(
  options: MutationOptions,
  { folder, modules, assembly, entrypoints }: Prepared,
  texts: ReadonlyMap<string, string>,
): Promise<Subject> {
  const own = folderData(folder.data, modules);
  const data = typeof options.data === "function" ? options.data(own) : options.data;
  const { sources } = assembly;
  const built = await withStage(options, sources, (stage) => build(options.opa, stage, entrypoints));
  if ("errors" in built) {
    const isShipped = (path: string): boolean => assembly.shippedPaths.has(path);
    throw refused(`${options.dir} does not compile:`, findingsOf(built.errors, isShipped));
  }
  const subject = { sources, texts, entrypoints, data, wasmSha256: sha256Hex(built.wasm) };
  const by = await killedBy(options.killers, bundleOf(options, subject, built.wasm), sources);
  if (by === null) return subject;
  throw new CommandError(2, `the policy as it is fails ${by}: its mutants can be judged once it passes`);
}

interface Stage {
  readonly dir: string;
  readonly out: string;
}

function withStage<T>(
  { policies }: MutationOptions,
  sources: readonly SourceFile[],
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  return withStaged(sources, (stage) => {
    writeFileSync(join(stage.out, "capabilities.json"), readFileSync(join(policies, "capabilities.json")));
    return work(stage);
  });
}

type Built = { readonly wasm: Uint8Array } | { readonly errors: ReturnType<typeof opaErrors> };

async function build(opa: Opa, { dir, out }: Stage, entrypoints: readonly Entrypoint[]): Promise<Built> {
  const result = await runOpa(opa, buildArguments("wasm", entrypoints), { cwd: dir });
  if (result.code !== 0) return { errors: opaErrors(result) };
  const wasm = readArchive(readFileSync(join(out, "wasm.tar.gz")), MAX_COMPILED_BYTES).get("policy.wasm");
  if (wasm === undefined)
    throw new CommandError(1, "opa build wrote no policy.wasm; is this OPA built with the compiler?");
  return { wasm };
}

function bundleOf(
  { name = "policy" }: MutationOptions,
  { data, entrypoints }: Subject,
  wasm: Uint8Array,
): PolicyBundle {
  return makeBundle({ name, wasm, data, entrypoints });
}

/** Those who answer at once are asked at once, so that whoever waits for them can interrupt them. */
function killedBy(
  [kill, ...others]: readonly Killer[],
  policy: PolicyBundle,
  sources: readonly SourceFile[],
): string | null | Promise<string | null> {
  if (kill === undefined) return null;
  const by = kill(policy, sources);
  if (by instanceof Promise) return by.then((name) => name ?? killedBy(others, policy, sources));
  return by ?? killedBy(others, policy, sources);
}

/** Each job takes the next mutant into a stage of its own. The first error ends all of them. */
async function judgeAll(
  options: MutationOptions,
  subject: Subject,
  mutants: readonly Mutant[],
  jobs: number,
): Promise<readonly MutantResult[]> {
  const results: MutantResult[] = new Array(mutants.length);
  const queue = mutants.entries();
  let done = 0;
  let failed = false;
  const takeTurns = async (stage: Stage): Promise<void> => {
    for (const [at, mutant] of queue) {
      if (failed) return;
      try {
        results[at] = await judge(options, subject, mutant, stage);
      } catch (error) {
        failed = true;
        throw error;
      }
      done += 1;
      options.progress?.(done, mutants.length);
    }
  };
  const workers = Array.from({ length: Math.min(jobs, mutants.length) }, () =>
    withStage(options, subject.sources, takeTurns),
  );
  const ended = await Promise.allSettled(workers);
  const failure = ended.find(({ status }) => status === "rejected");
  if (failure?.status === "rejected") throw failure.reason;
  return results;
}

async function judge(options: MutationOptions, subject: Subject, mutant: Mutant, stage: Stage): Promise<MutantResult> {
  const { id, file, line, operator, before, after } = mutant;
  const target = join(stage.dir, file);
  const text = subject.texts.get(file) ?? "";
  const bytes = new TextEncoder().encode(applyMutant(text, mutant));
  writeFileSync(target, bytes);
  try {
    const verdict = await verdictOn(options, subject, { path: file, bytes }, stage);
    return { id, file, line, operator, before, after, ...verdict };
  } finally {
    writeFileSync(target, text);
  }
}

type Verdict = Pick<MutantResult, "state" | "by">;

async function verdictOn(
  options: MutationOptions,
  subject: Subject,
  changed: SourceFile,
  stage: Stage,
): Promise<Verdict> {
  const built = await build(options.opa, stage, subject.entrypoints);
  if ("errors" in built) return invalid(built.errors);
  if (sha256Hex(built.wasm) === subject.wasmSha256) return { state: "equivalent", by: null };
  const sources = subject.sources.map((source) => (source.path === changed.path ? changed : source));
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  try {
    const policy = bundleOf(options, subject, built.wasm);
    const judged = await within(timeoutMs, () => killedBy(options.killers, policy, sources));
    if (judged === null) return { state: "timeout", by: null };
    return judged.value === null ? { state: "survived", by: null } : { state: "killed", by: judged.value };
  } catch (error) {
    if (error instanceof PolicyError) return { state: "invalid", by: null };
    throw error;
  }
}

/** Only what OPA says of the Rego makes a mutant invalid; all else means that the run has failed. */
function invalid(errors: ReturnType<typeof opaErrors>): Verdict {
  const foreign = errors.find(({ code, message }) => !code.startsWith("rego_") && !ABOUT_REGO.test(message));
  if (foreign === undefined) return { state: "invalid", by: null };
  throw new CommandError(1, `opa build failed: ${foreign.message}`);
}

/** What `opa build` says on stderr where it names no place that is read; an entrypoint that is gone has none. */
const ABOUT_REGO = /\brego_\w+_error: |^entrypoint "/;

function countsOf(mutants: readonly MutantResult[]): Pick<MutationResult, "counts" | "score"> {
  const count = (state: MutantState): number => mutants.filter((mutant) => mutant.state === state).length;
  const counts = {
    killed: count("killed"),
    timeout: count("timeout"),
    survived: count("survived"),
    invalid: count("invalid"),
    equivalent: count("equivalent"),
  };
  const killed = counts.killed + counts.timeout;
  const judged = killed + counts.survived;
  return { counts, score: judged === 0 ? null : (100 * killed) / judged };
}
