/**
 * The daemon's log on stderr: a line for each thing that an operator should know, for people or as JSON. Decisions are not
 * logged here, but in the audit log.
 */

import type { Io } from "../io.js";
import { printable } from "../output/table.js";

export type LogLevel = "debug" | "info" | "warn" | "error";
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface Log {
  /** `event` is a name for machines, `message` a sentence for people; fields may hold what a peer or a file says. */
  readonly write: (level: LogLevel, event: string, message: string, fields?: LogFields) => void;
  /** The same for what others can bring about at will: no more than some in a second, and then how many were left out. */
  readonly writeSome: (level: LogLevel, event: string, message: string, fields?: LogFields) => void;
}

export interface LogOptions {
  readonly format: "text" | "json";
  readonly level: LogLevel;
  readonly err: Io["err"];
}

const SOME_PER_SECOND = 20;

export function createLog({ format, level, err }: LogOptions): Log {
  const least = LOG_LEVELS.indexOf(level);
  const render = format === "json" ? asJson : asText;
  const write: Log["write"] = (at, event, message, fields = {}) => {
    if (LOG_LEVELS.indexOf(at) >= least) err(`${render(at, event, message, fields)}\n`);
  };
  let second = 0;
  let written = 0;
  let left = 0;
  const writeSome: Log["writeSome"] = (at, event, message, fields) => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      if (left > 0)
        write("warn", "log_suppressed", `${left} lines like the ones before were left out`, { lines: left });
      [second, written, left] = [now, 0, 0];
    }
    written += 1;
    if (written <= SOME_PER_SECOND) write(at, event, message, fields);
    else left += 1;
  };
  return Object.freeze({ write, writeSome });
}

function asJson(level: LogLevel, event: string, message: string, fields: LogFields): string {
  return JSON.stringify({ time: new Date().toISOString(), level, event, message, ...fields });
}

function asText(level: LogLevel, event: string, message: string, fields: LogFields): string {
  const more = Object.entries(fields).map(([name, value]) => ` ${name}=${printable(String(value))}`);
  return `${new Date().toISOString()} ${level.padEnd(5)} ${event}: ${printable(message)}${more.join("")}`;
}
