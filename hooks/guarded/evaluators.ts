/**
 * The evaluators of one generation: threads, the questions that wait for one, and the clock over both.
 *
 * A question is settled exactly once: by its answer, or at its deadline, or because its thread failed, or at once where too
 * many wait. It is put to a thread only when that thread is idle, so nobody waits behind a policy that loops while another
 * thread is free; one thread more than may be busy stands ready for one that has to be replaced.
 */

import { EvaluationError } from "../../engine/index.js";
import type { Outcome } from "../../engine/launch.js";
import type { EvaluatorParts } from "../../engine/policy/evaluate.js";
import type { OpenQuestion } from "../../engine/policy/questions.js";
import { EvaluatorThread } from "./evaluator-thread.js";

export interface EvaluatorLimits {
  /** Threads that may be busy at a time. */
  readonly evaluators: number;
  /** Questions that may wait for one. */
  readonly maxQueued: number;
  /**
   * A thread is left at a question whose deadline has passed until it has run that long: a deadline of a millisecond is no
   * reason to start threads by the hundred. What it answers meanwhile is remembered.
   */
  readonly patienceMs: number;
  readonly heapMb: number;
  readonly loadMs: number;
}

export interface EvaluatorStats {
  /** Questions that a thread has answered, in time or not. */
  readonly evaluated: number;
  /** Questions that were not answered when their deadline came. */
  readonly deadline: number;
  /** Questions that too many others were waiting before. */
  readonly overloaded: number;
  /** Questions whose thread failed, or for which there was none. */
  readonly failed: number;
  /** Threads that were ended for being late, or failed. */
  readonly replaced: number;
  /** Questions that wait for a thread now. */
  readonly queued: number;
  /** Questions that are being evaluated now. */
  readonly running: number;
  /** Threads that are there now, starting ones included. */
  readonly threads: number;
}

/** One question, from when it is put until it is settled. */
interface Task {
  readonly question: OpenQuestion;
  /** On the clock of `performance.now`. */
  readonly due: number;
  readonly settle: (outcome: Outcome) => void;
  timer: NodeJS.Timeout | null;
  /** Who evaluates it; null while it waits. */
  seat: Seat | null;
  settled: boolean;
}

/** A thread, and what it is busy with: it may be the question of somebody whose deadline has passed. */
interface Seat {
  readonly thread: EvaluatorThread;
  task: Task | null;
  since: number;
  timer: NodeJS.Timeout | null;
}

/** Threads that fail so many times at once are replaced at once; what goes beyond waits, each time twice as long. */
const BURST = 3;
const BURST_FORGOTTEN_MS = 1000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 10_000;

const NOBODY = "no evaluator is running; they are being replaced";

export class Evaluators {
  readonly #policies: readonly EvaluatorParts[];
  readonly #limits: EvaluatorLimits;
  /** All threads but those that are being ended, starting ones included. */
  readonly #seats = new Set<Seat>();
  readonly #idle: Seat[] = [];
  readonly #waiting = new Set<Task>();
  readonly #ending = new Set<Promise<void>>();
  readonly #delayed = new Set<NodeJS.Timeout>();
  #running = 0;
  #failures = 0;
  #lastFailure = 0;
  #closed = false;
  #drained: (() => void) | null = null;
  #counts = { evaluated: 0, deadline: 0, overloaded: 0, failed: 0, replaced: 0 };

  private constructor(policies: readonly EvaluatorParts[], limits: EvaluatorLimits) {
    this.#policies = policies;
    this.#limits = limits;
  }

  /** All threads started, their policies loaded. Throws PolicyError where they cannot be, Error where threads cannot. */
  static async start(policies: readonly EvaluatorParts[], limits: EvaluatorLimits): Promise<Evaluators> {
    const evaluators = new Evaluators(policies, limits);
    if (policies.length === 0) return evaluators;
    try {
      for (let count = 0; count <= limits.evaluators; count += 1) evaluators.#takeSeat();
      await Promise.all([...evaluators.#seats].map(({ thread }) => thread.ready));
    } catch (error) {
      await evaluators.close();
      throw error;
    }
    for (const seat of evaluators.#seats) evaluators.#seatIsReady(seat);
    return evaluators;
  }

  /**
   * Has a question answered until `due`, on the clock of `performance.now`. `settle` is called once, at once where nobody
   * will evaluate it: with the answer, or with an EvaluationError `deadline`, `overloaded`, `evaluator_failed` or one that
   * the evaluation came to.
   */
  put(question: OpenQuestion, due: number, settle: (outcome: Outcome) => void): void {
    const left = due - performance.now();
    const task: Task = { question, due, settle, timer: null, seat: null, settled: false };
    const full = this.#waiting.size >= this.#limits.maxQueued && !this.#hasFreeSeat();
    this.#waiting.add(task);
    if (!(left > 0)) this.#refuse(task, "deadline");
    else if (this.#seats.size === 0) this.#refuse(task, "failed", NOBODY);
    else if (full) this.#refuse(task, "overloaded");
    else {
      task.timer = setTimeout(() => this.#expire(task), Math.ceil(left));
      this.#dispatch();
    }
  }

  stats(): EvaluatorStats {
    return { ...this.#counts, queued: this.#waiting.size, running: this.#running, threads: this.#seats.size };
  }

  /** Lets what was put be settled, then ends all threads. Nothing may be put any more but what follows from that. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#waiting.size + this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    for (const timer of this.#delayed) clearTimeout(timer);
    for (const seat of this.#seats) this.#end(seat);
    await Promise.all(this.#ending);
  }

  #hasFreeSeat(): boolean {
    return this.#idle.length > 0 && this.#running < this.#limits.evaluators;
  }

  #dispatch(): void {
    for (const task of this.#waiting) {
      if (!this.#hasFreeSeat()) return;
      const outcome = outcomeAtHand(task.question);
      if (outcome instanceof InputJson) this.#run(task, this.#idle.pop() as Seat, outcome.text);
      else this.#settle(task, outcome);
    }
  }

  #run(task: Task, seat: Seat, inputJson: string): void {
    this.#waiting.delete(task);
    this.#running += 1;
    task.seat = seat;
    seat.task = task;
    seat.since = performance.now();
    seat.thread.ask(task.question, inputJson);
  }

  #answered(seat: Seat, outcome: Outcome): void {
    const { task } = seat;
    if (task === null) {
      this.#failed(seat, "an evaluator answered what it was not asked");
      return;
    }
    if (seat.timer !== null) clearTimeout(seat.timer);
    seat.timer = null;
    seat.task = null;
    this.#idle.push(seat);
    this.#counts.evaluated += 1;
    if (!(outcome instanceof EvaluationError)) task.question.keep(outcome);
    if (performance.now() < task.due) this.#settle(task, outcome);
    else this.#refuse(task, "deadline");
    this.#dispatch();
  }

  #expire(task: Task): void {
    const { seat } = task;
    seat?.thread.collect();
    this.#refuse(task, "deadline");
    if (seat === null || seat.task !== task) return;
    const left = this.#limits.patienceMs - (performance.now() - seat.since);
    if (left <= 0) this.#giveUp(seat, task);
    else seat.timer = setTimeout(() => this.#giveUp(seat, task), left);
  }

  /** A thread that has had enough time for a question. */
  #giveUp(seat: Seat, task: Task): void {
    seat.thread.collect();
    if (seat.task !== task || !this.#seats.has(seat)) return;
    this.#counts.replaced += 1;
    this.#end(seat);
    this.#replace(0);
    this.#dispatch();
  }

  /** A thread that ended, or says what nobody understands. Its question is denied, never put again: it may be the cause. */
  #failed(seat: Seat, what: string): void {
    if (!this.#seats.has(seat)) return;
    const { task } = seat;
    this.#counts.replaced += 1;
    this.#end(seat);
    this.#replace(this.#delay());
    if (task !== null) this.#refuse(task, "failed", what);
    this.#dispatch();
  }

  #delay(): number {
    const now = performance.now();
    this.#failures = Math.max(0, this.#failures - (now - this.#lastFailure) / BURST_FORGOTTEN_MS) + 1;
    this.#lastFailure = now;
    const beyond = this.#failures - BURST;
    return beyond <= 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** beyond);
  }

  #replace(delayMs: number): void {
    if (delayMs === 0) {
      this.#startAnother();
      return;
    }
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      this.#startAnother();
    }, delayMs);
    timer.unref();
    this.#delayed.add(timer);
    if (this.#seats.size > 0) return;
    for (const task of this.#waiting) this.#refuse(task, "failed", NOBODY);
  }

  #startAnother(): void {
    if (this.#closed && this.#waiting.size === 0) return;
    let seat: Seat;
    try {
      seat = this.#takeSeat();
    } catch {
      this.#replace(this.#delay());
      return;
    }
    seat.thread.ready.then(
      () => this.#seatIsReady(seat),
      () => this.#failed(seat, "an evaluator did not start"),
    );
  }

  #takeSeat(): Seat {
    const thread = new EvaluatorThread({
      policies: this.#policies,
      heapMb: this.#limits.heapMb,
      loadMs: this.#limits.loadMs,
      onAnswer: (outcome) => this.#answered(seat, outcome),
      onFailure: (what) => this.#failed(seat, what),
    });
    const seat: Seat = { thread, task: null, since: 0, timer: null };
    this.#seats.add(seat);
    return seat;
  }

  #seatIsReady(seat: Seat): void {
    if (!this.#seats.has(seat)) return;
    this.#idle.push(seat);
    this.#dispatch();
  }

  #end(seat: Seat): void {
    this.#seats.delete(seat);
    if (seat.timer !== null) clearTimeout(seat.timer);
    const at = this.#idle.indexOf(seat);
    if (at >= 0) this.#idle.splice(at, 1);
    const ended = seat.thread.end().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #refuse(task: Task, why: "deadline" | "overloaded" | "failed", what?: string): void {
    if (task.settled) return;
    this.#counts[why] += 1;
    this.#settle(task, refusal(why, what));
  }

  #settle(task: Task, outcome: Outcome): void {
    if (task.settled) return;
    task.settled = true;
    if (task.timer !== null) clearTimeout(task.timer);
    if (task.seat === null) this.#waiting.delete(task);
    else this.#running -= 1;
    try {
      task.settle(outcome);
    } catch (error) {
      // Whoever is told throws: that is for the process to hear of, and nothing that the others should suffer from.
      queueMicrotask(() => {
        throw error;
      });
    }
    if (this.#waiting.size + this.#running === 0) this.#drained?.();
  }
}

function refusal(why: "deadline" | "overloaded" | "failed", what: string | undefined): EvaluationError {
  switch (why) {
    case "deadline":
      return new EvaluationError("deadline", "the policy had not answered when the launch's deadline came");
    case "overloaded":
      return new EvaluationError("overloaded", "more launches wait for their policies than may");
    case "failed":
      return new EvaluationError("evaluator_failed", what ?? "the thread that evaluates the policy failed");
    default:
      return why satisfies never;
  }
}

/** What an evaluator is to be asked. */
class InputJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The question's answer, where one like it has got it meanwhile; else what to ask, or why that cannot be said. */
function outcomeAtHand(question: OpenQuestion): Outcome | InputJson {
  try {
    return question.find() ?? new InputJson(question.inputJson());
  } catch (error) {
    return error instanceof EvaluationError ? error : refusal("failed", "the input could not be made");
  }
}
