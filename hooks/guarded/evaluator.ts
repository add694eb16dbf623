/**
 * The evaluator: what runs in a thread of its own, so that a policy that loops or eats memory costs that thread and nothing
 * else. It loads the policies, then answers one question after the other until somebody ends it. An entry of its own in
 * build.mjs.
 */

import { workerData } from "node:worker_threads";
import { EvaluationError, PolicyError } from "../../engine/errors.js";
import { createEvaluator, type Evaluator } from "../../engine/policy/evaluate.js";
import type { AnswerMessage, EvaluatorData, QuestionMessage, Started } from "./messages.js";

const { port, policies } = workerData as EvaluatorData;
let evaluators: readonly Evaluator[] = [];

function load(): Started {
  try {
    evaluators = policies.map(createEvaluator);
    return { started: true };
  } catch (error) {
    const code = error instanceof PolicyError ? error.code : null;
    return { started: false, code, message: error instanceof Error ? error.message : "the policy cannot be loaded" };
  }
}

/** What is thrown here and is no EvaluationError ends the thread, and with it the question. */
function answerTo({ id, policy, entrypoint, inputJson }: QuestionMessage): AnswerMessage {
  const evaluate = evaluators[policy];
  if (evaluate === undefined) throw new TypeError(`there is no policy ${policy}`);
  try {
    return { id, answer: evaluate(entrypoint, inputJson) };
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    return { id, code: error.code, message: error.message };
  }
}

// Who listens stays, in failure too, until it is ended: what it has said would else race with its end.
port.on("message", (question: QuestionMessage) => port.postMessage(answerTo(question)));
port.postMessage(load());
