/** `launchgate audit show`: lines of an audit log that are wanted, the newest of them, and those still to come. */

import { isUtf8 } from "node:buffer";
import { isJsonObject, type JsonObject } from "../../engine/json.js";
import { CommandError, type Io } from "../io.js";
import { printable } from "../output/table.js";
import { isWanted, type ShowFilter } from "./filter.js";
import { logPaths } from "./log-paths.js";
import { type LogLine, readLog } from "./read-log.js";
import { printableJson, recordText } from "./record-text.js";

export interface ShowOptions {
  readonly filter: ShowFilter;
  /** So many of what is there, the newest; null: all. */
  readonly limit: number | null;
  readonly follow: boolean;
  readonly format: "text" | "json" | "jsonl";
}

/** How many lines were no records. */
export async function showLog(path: string, options: ShowOptions, io: Io): Promise<number> {
  const { filter, limit, follow, format } = options;
  if (follow && format === "json") throw new CommandError(1, "--follow never ends a JSON document: use --format jsonl");
  const out = printer(format, io);
  let broken = 0;
  /** What is held back until it is known to be among the newest. */
  let held: string[] | null = limit === null ? null : [];
  const release = (): void => {
    for (const text of held === null ? [] : newest(held, limit)) out.record(text);
    held = null;
  };
  const following = follow ? { onCaughtUp: release, stopped: nobodyReads } : null;
  for await (const line of readLog(logPaths([path]), following)) {
    if (nobodyReads()) break;
    const record = recordOf(line);
    if (typeof record === "string") {
      broken += 1;
      io.err(`${printable(line.file)}:${line.number} ${record}\n`);
    } else if (isWanted(record, filter)) {
      const text = format === "text" ? recordText(record, io) : printableJson(JSON.stringify(record));
      if (held === null) out.record(text);
      else {
        held.push(text);
        // Let go of old ones now and then, not one by one.
        if (held.length > MAX_HELD_MORE + 2 * (limit ?? 0)) held = [...newest(held, limit)];
      }
    }
  }
  release();
  out.end();
  return broken;
}

const MAX_HELD_MORE = 64;

function newest(texts: readonly string[], limit: number | null): readonly string[] {
  return limit === null ? texts : texts.slice(Math.max(0, texts.length - limit));
}

/** Whoever read stdout has gone away, as `head` does. */
function nobodyReads(): boolean {
  return process.stdout.destroyed || process.stdout.errored !== null;
}

interface Printer {
  readonly record: (text: string) => void;
  readonly end: () => void;
}

function printer(format: ShowOptions["format"], io: Io): Printer {
  switch (format) {
    case "text":
      return { record: io.out, end: () => undefined };
    case "jsonl":
      return { record: (text) => io.out(`${text}\n`), end: () => undefined };
    case "json": {
      let before = "[\n";
      return {
        record: (text) => {
          io.out(`${before}${text}`);
          before = ",\n";
        },
        end: () => io.out(before === "[\n" ? "[]\n" : "\n]\n"),
      };
    }
    default:
      return format satisfies never;
  }
}

/** What a line holds, or what is wrong with it. */
function recordOf({ bytes, length, ended }: LogLine): JsonObject | string {
  if (!ended) return "is not finished: it is being written, or its writer was stopped";
  if (bytes.length < length) return `is no record: it is ${length} bytes long`;
  if (!isUtf8(bytes)) return "is no record: it is not UTF-8";
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return isJsonObject(value) ? value : "is no record: it is no JSON object";
  } catch {
    return "is no record: it is no JSON";
  }
}
