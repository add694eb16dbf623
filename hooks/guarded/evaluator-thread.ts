/**
 * One evaluator thread, from its start to its end. Truth about threads: Node's documentation, "Worker threads".
 *
 * Which questions it is put, and when it has had enough time for one, is for others to say.
 */

import { existsSync } from "node:fs";
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { PolicyError } from "../../engine/index.js";
import type { Outcome } from "../../engine/launch.js";
import type { EvaluatorParts } from "../../engine/policy/evaluate.js";
import type { OpenQuestion } from "../../engine/policy/questions.js";
import { type QuestionMessage, readOutcome, readStarted } from "./messages.js";

export interface ThreadOptions {
  readonly policies: readonly EvaluatorParts[];
  /** Of the thread's JavaScript heap, in MiB. The policies' own memory is bounded by their limits. */
  readonly heapMb: number;
  /** How long loading the policies may take: that runs them, too. */
  readonly loadMs: number;
  /** It has answered what it was asked last. */
  readonly onAnswer: (outcome: Outcome) => void;
  /** It ended without having been told to, or said what nobody understands; never before `ready`. */
  readonly onFailure: (what: string) => void;
}

export class EvaluatorThread {
  /** Settled when the policies are loaded, or cannot be: PolicyError, or Error where the thread itself did not start. */
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #options: ThreadOptions;
  #state: "loading" | "ready" | "over" = "loading";
  #asked = 0;
  #started: (error: Error | null) => void = () => undefined;

  constructor(options: ThreadOptions) {
    const { port1, port2 } = new MessageChannel();
    this.#options = options;
    this.#port = port1;
    this.#worker = new Worker(entryFile(), {
      name: "launchgate evaluator",
      workerData: { port: port2, policies: options.policies },
      transferList: [port2],
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
    });
    this.#worker.on("error", (error: Error & { readonly code?: unknown }) => {
      const memory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      this.#fail(memory ? "an evaluator ran out of memory" : "an evaluator threw an error");
    });
    this.#worker.on("exit", () => this.#fail("an evaluator ended by itself"));
    this.#port.on("messageerror", () => this.#fail("an evaluator sent what cannot be read"));
    this.#port.on("message", (message: unknown) => this.#receive(message));
    this.ready = this.#start();
  }

  async #start(): Promise<void> {
    const { loadMs } = this.#options;
    const late = `the policy's WASM cannot be used: it was not loaded within ${loadMs} ms`;
    const timer = setTimeout(() => this.#fail(late, new PolicyError("wasm_invalid", late)), loadMs);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#started = (error) => (error === null ? resolve() : reject(error));
      });
    } catch (error) {
      await this.end();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    // A thread that nobody waits for keeps no process alive; who waits has a timer.
    this.#worker.unref();
    this.#port.unref();
  }

  #receive(message: unknown): void {
    switch (this.#state) {
      case "loading": {
        const error = readStarted(message);
        if (error === null) {
          this.#state = "ready";
          this.#started(null);
        } else this.#fail(error.message, error);
        break;
      }
      case "ready": {
        const outcome = readOutcome(message, this.#asked);
        if (outcome === null) this.#fail("an evaluator answered what is no answer");
        else this.#options.onAnswer(outcome);
        break;
      }
      case "over":
        break;
      default:
        this.#state satisfies never;
    }
  }

  #fail(what: string, error: Error = new Error(what)): void {
    const before = this.#state;
    this.#state = "over";
    if (before === "loading") this.#started(error);
    if (before === "ready") this.#options.onFailure(what);
  }

  /** To be called when it is ready, and has answered what it was asked before. */
  ask({ policy, entrypoint }: OpenQuestion, inputJson: string): void {
    this.#asked += 1;
    this.#port.postMessage({ id: this.#asked, policy, entrypoint, inputJson } satisfies QuestionMessage);
  }

  /** Takes an answer that has come and was not looked at yet, since this thread was busy. */
  collect(): void {
    const received = this.#state === "ready" ? receiveMessageOnPort(this.#port) : undefined;
    if (received !== undefined) this.#receive(received.message);
  }

  /** Ends it, in the middle of an evaluation too. What it says from now on counts for nothing. */
  async end(): Promise<void> {
    const before = this.#state;
    this.#state = "over";
    if (before === "loading") this.#started(new Error("an evaluator was ended while it started"));
    this.#port.close();
    await this.#worker.terminate();
  }
}

/** Where the build puts the evaluator: beside the packed files, beside the single ones, and seen from the sources. */
const ENTRY_FILES = ["../workers/evaluator.js", "../../workers/evaluator.js", "../../dist/workers/evaluator.js"];

function entryFile(): URL {
  const found = ENTRY_FILES.map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
  if (found === undefined) throw new Error("dist/workers/evaluator.js is missing: install again, or run npm run build");
  return found;
}
