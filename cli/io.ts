/** What a command may touch of the world: the streams, the exit code, the environment. Commands get it handed in. */

import type picocolors from "picocolors";

/** 0 allow or pass; 1 could not (file, usage, crash); 2 deny or fail; 3 policy or data invalid. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface Io {
  /** Results, and nothing else. */
  readonly out: (text: string) => void;
  /** Everything else: progress, advice, errors. */
  readonly err: (text: string) => void;
  /** Colours of stdout; every function is the identity where stdout is no terminal or NO_COLOR is set. */
  readonly colours: ReturnType<typeof picocolors.createColors>;
  /** Whether a person reads stdout. */
  readonly terminal: boolean;
  /** How many characters a line of that terminal holds; unknown where stdout is none. */
  readonly columns?: number | undefined;
  /** Whether progress may be drawn on stderr. */
  readonly progress: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly exit: (code: ExitCode) => void;
}

/** Ends a command with a message for people on stderr. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
