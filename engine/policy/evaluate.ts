/**
 * Policy: a bundle ready to be asked, and Answer: what a policy may say. Truth: the answer schema
 * (policies/schema/answer.schema.json), checked here field by field.
 *
 * An answer that is not exactly one throws; nobody reads anything into it. Whether an answer allows is not decided here.
 */

import { ConfigError, EvaluationError, PolicyError } from "../errors.js";
import type { JsonObject } from "../json.js";
import type { Launch } from "../request.js";
import { type Answer, readAnswer } from "./answer.js";
import type { PolicyBundle, ReadSets } from "./bundle.js";
import { Names } from "./names.js";
import { checkPages, loadOpaWasm, type OpaWasm, startOpaWasm } from "./opa-wasm.js";
import { inputToJson, Questions } from "./questions.js";
import { compileOpaModule, type OpaModule } from "./wasm-module.js";

export interface Policy {
  readonly name: string;
  readonly revision: string;
  /** The bundle's: WASM and data. */
  readonly sha256: string;
  readonly entrypoints: ReadonlySet<string>;
  readonly reads: ReadSets;
  /**
   * Asks one entrypoint. `input` is serialised as it is; that it is the input document that the rules expect is not
   * checked here.
   *
   * Throws EvaluationError, whose codes are reasons of a denial; PolicyError `wasm_entrypoint` for one that the policy
   * does not have.
   */
  evaluate(entrypoint: string, input: JsonObject): Answer;
  /**
   * The way to ask one entrypoint about launches: what it answered to one that it cannot tell from this, else `evaluate`
   * with the parts of the launch's Input that it reads. Throws PolicyError `wasm_entrypoint` for one that the policy does
   * not have; what it gives throws as `evaluate` does.
   */
  judgeOf(entrypoint: string): (launch: Launch) => Answer;
}

export interface PolicyLimits {
  /** Pages of 64 KiB for the policy, its data and an evaluation together. */
  readonly maxMemoryPages?: number;
  /** Of the input as JSON. */
  readonly maxInputBytes?: number;
}

/** 256 MiB: enough for some 300,000 listed signers or measurements. Memory is taken as it is needed. */
const DEFAULT_MAX_MEMORY_PAGES = 4096;
const DEFAULT_MAX_INPUT_BYTES = 1024 * 1024;

/**
 * Loads a bundle into WASM, so that what is wrong with it shows now. Throws PolicyError `wasm_invalid`, `wasm_abi`,
 * `wasm_builtin`, `wasm_entrypoint` (manifest and WASM name different ones), `memory_limit`; ConfigError `option`.
 */
export function createPolicy(bundle: PolicyBundle, options: PolicyLimits = {}): Policy {
  const limits = checkedLimits(options);
  const evaluateJson = evaluatorOf(loadOpaWasm(bundle.wasm, bundle.data, limits), bundle.entrypoints, limits);
  let busy = false;
  const evaluate = (entrypoint: string, input: JsonObject): Answer => {
    if (busy) throw new EvaluationError("policy_trap", "the policy was asked while it was answering");
    busy = true;
    try {
      return evaluateJson(entrypoint, inputToJson(input));
    } finally {
      busy = false;
    }
  };
  const names = new Names(bundle.data);
  return Object.freeze({
    name: bundle.name,
    revision: bundle.revision,
    sha256: bundle.sha256,
    entrypoints: new Set(bundle.entrypoints),
    reads: bundle.reads,
    evaluate,
    judgeOf(entrypoint: string): (launch: Launch) => Answer {
      if (!bundle.entrypoints.includes(entrypoint)) {
        throw new PolicyError("wasm_entrypoint", `the policy has no entrypoint ${JSON.stringify(entrypoint)}`);
      }
      const questions = new Questions(bundle, entrypoint, names);
      return (launch) => {
        const before = questions.find(launch);
        if (before !== null) return before;
        const input = questions.inputOf(launch);
        const answer = evaluate(entrypoint, input);
        questions.keep(launch, input, answer);
        return answer;
      };
    },
  });
}

/** What an evaluator is made from. All of it can be sent to another thread, which need not compile the module again. */
export interface EvaluatorParts {
  readonly module: OpaModule;
  /** The whole `data` document, UTF-8 JSON, in memory that threads share. Nobody writes to it. */
  readonly dataJson: Uint8Array;
  readonly entrypoints: readonly string[];
  readonly limits: Required<PolicyLimits>;
}

/** Asks one entrypoint over `inputJson`, which only JSON.stringify may have made; throws as `Policy.evaluate` does. */
export type Evaluator = (entrypoint: string, inputJson: string) => Answer;

/**
 * Compiles a bundle for evaluators elsewhere: nothing of it runs here. Throws PolicyError `wasm_invalid`, `wasm_abi`;
 * ConfigError `option`.
 */
export function evaluatorParts(bundle: PolicyBundle, options: PolicyLimits = {}): EvaluatorParts {
  const text = utf8.encode(JSON.stringify(bundle.data));
  const dataJson = new Uint8Array(new SharedArrayBuffer(text.length));
  dataJson.set(text);
  const { entrypoints } = bundle;
  return Object.freeze({
    module: compileOpaModule(bundle.wasm),
    dataJson,
    entrypoints,
    limits: checkedLimits(options),
  });
}

/** Starts what `evaluatorParts` has prepared. Throws as `createPolicy` does. */
export function createEvaluator({ module, dataJson, entrypoints, limits }: EvaluatorParts): Evaluator {
  return evaluatorOf(
    startOpaWasm(module, () => dataJson.slice(), limits),
    entrypoints,
    limits,
  );
}

function checkedLimits(options: PolicyLimits): Required<PolicyLimits> {
  const { maxMemoryPages = DEFAULT_MAX_MEMORY_PAGES, maxInputBytes = DEFAULT_MAX_INPUT_BYTES } = options;
  if (!Number.isSafeInteger(maxInputBytes) || maxInputBytes < 1) {
    throw new ConfigError("option", "maxInputBytes must be a positive integer");
  }
  checkPages({ maxMemoryPages });
  return { maxMemoryPages, maxInputBytes };
}

function evaluatorOf(
  wasm: OpaWasm,
  entrypoints: readonly string[],
  { maxInputBytes }: Required<PolicyLimits>,
): Evaluator {
  const [inManifest, inWasm] = [entrypoints, Object.keys(wasm.entrypoints)].map((names) =>
    [...names].sort().join(", "),
  );
  if (inManifest !== inWasm) {
    throw new PolicyError(
      "wasm_entrypoint",
      `the policy's WASM has the entrypoints ${inWasm}, its manifest names ${inManifest}`,
    );
  }
  return (entrypoint, inputJson) => readAnswer(wasm.evaluate(entrypoint, boundedBytes(inputJson, maxInputBytes)));
}

const utf8 = new TextEncoder();

function boundedBytes(inputJson: string, maxInputBytes: number): Uint8Array {
  const bytes = utf8.encode(inputJson);
  if (bytes.length > maxInputBytes) {
    throw new EvaluationError("policy_input", `the input is ${bytes.length} bytes, expected at most ${maxInputBytes}`);
  }
  return bytes;
}
