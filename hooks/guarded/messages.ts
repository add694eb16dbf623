/**
 * What a gate and its evaluator threads say to each other, over one message port per thread. One question at a time: a
 * thread is put the next when it has answered the last.
 */

import type { MessagePort } from "node:worker_threads";
import { EvaluationError, type EvaluationErrorCode, PolicyError, type PolicyErrorCode } from "../../engine/index.js";
import type { Outcome } from "../../engine/launch.js";
import { readAnswer } from "../../engine/policy/answer.js";
import type { EvaluatorParts } from "../../engine/policy/evaluate.js";

/** What a thread is started with. */
export interface EvaluatorData {
  readonly port: MessagePort;
  readonly policies: readonly EvaluatorParts[];
}

/** The first message of a thread: its policies are loaded, or what is wrong with them. */
export type Started =
  | { readonly started: true }
  | { readonly started: false; readonly code: PolicyErrorCode | null; readonly message: string };

export interface QuestionMessage {
  readonly id: number;
  /** Counts the policies that the thread was started with. */
  readonly policy: number;
  readonly entrypoint: string;
  readonly inputJson: string;
}

export type AnswerMessage =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly code: EvaluationErrorCode; readonly message: string };

/** Null where the thread has started; what is not understood is a start that failed. */
export function readStarted(given: unknown): Error | null {
  const { started, code, message } = fieldsOf(given);
  if (started === true) return null;
  const text = typeof message === "string" ? message : "an evaluator said something that is no message";
  // INVARIANT: the evaluator names the codes of our own errors only.
  return typeof code === "string" ? new PolicyError(code as PolicyErrorCode, text) : new Error(text);
}

/** What came of question `id`, checked like anything that a policy says; null where this is no answer to it. */
export function readOutcome(given: unknown, id: number): Outcome | null {
  const { id: answered, answer, code, message } = fieldsOf(given);
  if (answered !== id) return null;
  if (code === undefined) return answerIn(answer);
  if (!EVALUATION_CODES.includes(code as EvaluationErrorCode) || typeof message !== "string") return null;
  return new EvaluationError(code as EvaluationErrorCode, message);
}

/** What an evaluation itself can come to. */
const EVALUATION_CODES: readonly EvaluationErrorCode[] = [
  "policy_undefined",
  "policy_result",
  "policy_trap",
  "policy_memory",
  "policy_input",
];

function answerIn(result: unknown): Outcome | null {
  try {
    return readAnswer([{ result }]);
  } catch {
    return null;
  }
}

function fieldsOf(given: unknown): Readonly<Record<string, unknown>> {
  return typeof given === "object" && given !== null ? (given as Readonly<Record<string, unknown>>) : {};
}
