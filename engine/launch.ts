/**
 * The path of one event, from whatever was handed in to one decision. Never throws: an error on the way is a denial
 * with its own code. (The other place where errors become denials is around one module's call, in the stack.)
 */

import { type Authority, Decision, type Opinion, type Reason, reason, type Verdict, type Walk } from "./decision.js";
import { EvaluationError } from "./errors.js";
import { EventError, type TakenEvent, takeEvent } from "./event.js";
import type { Answer } from "./policy/answer.js";
import type { OpenQuestion } from "./policy/questions.js";
import { takeQuickly } from "./quick-event.js";
import type { Recent } from "./recent.js";
import { decodeLaunch, type Launch, type SignatureCheck } from "./request.js";

/** What judges a decoded launch. The sealed module stack is one. */
export interface Judge extends Authority {
  readonly signatureCheck: SignatureCheck | undefined;
  /** Structures that were seen before; one for all generations will do. */
  readonly recent: Recent;
  readonly walk: (launch: Launch) => Walk | StoppedWalk;
}

/** What became of a question: the policy's answer, or why there is none, which is a denial of the module that asked. */
export type Outcome = Answer | EvaluationError;

/** A walk that cannot go on before a policy has answered. */
export class StoppedWalk {
  readonly question: OpenQuestion;
  /** Goes on behind the module that asked; no module is asked twice. */
  readonly resume: (outcome: Outcome) => Walk | StoppedWalk;

  constructor(question: OpenQuestion, resume: StoppedWalk["resume"]) {
    this.question = question;
    this.resume = resume;
  }
}

/** A decision together with the event as it was taken over: what was judged, not what the caller may show next time. */
export interface Judged {
  readonly decision: Decision;
  /** Null where what was handed in is no event. */
  readonly event: TakenEvent | null;
  /** What each module that was asked has said; empty where none was. */
  readonly opinions: readonly Opinion[];
}

/**
 * Decides one event: takes over the bytes, decodes, asks the judge, and binds the answer to the bytes judged. The
 * judge is immutable, so a reload during the event changes nothing. Whoever asked must launch exactly those bytes.
 *
 * Nobody waits here: where a question is open, that is a denial `evaluator_failed` of the module that asked it.
 */
export function decide(given: unknown, judge: Judge): Judged {
  const judged = begin(given, judge);
  return judged instanceof Suspended ? unanswered(judged) : judged;
}

/** `decide` for those who can wait: what is judged at once, or an event that is suspended until its question has an answer. */
export function begin(given: unknown, judge: Judge): Judged | Suspended {
  let event: TakenEvent | null = null;
  try {
    event = takeQuickly(given, judge.recent) ?? takeEvent(given, judge.recent);
    const walk = judge.walk(decodeLaunch(event, judge.signatureCheck));
    if (walk instanceof StoppedWalk) return new Suspended(event, walk, judge);
    const { verdict, opinions } = walk;
    return { event, opinions, decision: new Decision(verdict, event, judge) };
  } catch (error) {
    return failed(error, event, judge);
  }
}

function unanswered(suspended: Suspended): Judged {
  let judged: Judged | Suspended = suspended;
  while (judged instanceof Suspended) judged = judged.resume(nobody());
  return judged;
}

/** An event whose judge waits for an answer. The event, the judge and what was said so far are fixed. */
export class Suspended {
  readonly event: TakenEvent;
  readonly #walk: StoppedWalk;
  readonly #judge: Judge;

  constructor(event: TakenEvent, walk: StoppedWalk, judge: Judge) {
    this.event = event;
    this.#walk = walk;
    this.#judge = judge;
  }

  get question(): OpenQuestion {
    return this.#walk.question;
  }

  /** Goes on with what became of the question: to the decision, or to the next question. To be called once. Never throws. */
  resume(outcome: Outcome): Judged | Suspended {
    try {
      const walk = this.#walk.resume(outcome);
      if (walk instanceof StoppedWalk) return new Suspended(this.event, walk, this.#judge);
      const { verdict, opinions } = walk;
      return { event: this.event, opinions, decision: new Decision(verdict, this.event, this.#judge) };
    } catch (error) {
      return failed(error, this.event, this.#judge);
    }
  }
}

function failed(error: unknown, event: TakenEvent | null, judge: Judge): Judged {
  return { event, opinions: [], decision: new Decision(denied(error), event, judge) };
}

function nobody(): EvaluationError {
  return new EvaluationError("evaluator_failed", "the policy has to be evaluated elsewhere, and nobody waits for it");
}

function denied(error: unknown): Verdict {
  return Object.freeze({ decision: "deny", reasons: Object.freeze([reasonOf(error)]), warnings: [], would_deny: [] });
}

/** Only our own words: the message of a foreign error may be a lie, a secret or a getter. */
function reasonOf(error: unknown): Reason {
  return error instanceof EventError ? reason(error.code, "event", error.message) : reason("internal", "engine");
}
