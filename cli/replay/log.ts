/**
 * Reads logs record by record: one chunk and one line in memory at a time. What is broken is counted, and the first of it
 * shown by its line; nothing is passed over in silence.
 */

import type { HookName, Origin } from "../../engine/index.js";
import type { JsonObject, JsonValue } from "../../engine/json.js";
import { type Line, LineSplitter, MAX_LINE_BYTES } from "./log-lines.js";
import { type LogRecord, readRecord } from "./log-record.js";
import type { LogSource } from "./log-source.js";
import type { Progress } from "./progress.js";

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** Which records are wanted. A record that does not say what it is asked for is wanted: it is the gate that refuses it. */
export interface LogFilter {
  /** Unix seconds, inclusive. */
  readonly since: number | null;
  readonly until: number | null;
  readonly origins: ReadonlySet<Origin["kind"]> | null;
  readonly hooks: ReadonlySet<HookName> | null;
  /** Records to look at, after the filters. */
  readonly limit: number | null;
}

interface BrokenLine extends Place {
  readonly why: string;
}

export interface LogSummary {
  /** Of all logs, blank ones left out. */
  readonly lines: number;
  /** What was looked at: neither broken nor filtered out. */
  readonly records: number;
  readonly filtered: number;
  /** Of an audit log's own: what is no decision. */
  readonly others: number;
  readonly broken: number;
  /** The first of them. */
  readonly shown: readonly BrokenLine[];
  /** Whether `limit` ended the reading before the log ended. */
  readonly limited: boolean;
}

const MAX_SHOWN = 10;

/** What is done with a record; a sentence where the record turns out to be none. */
export type Visit = (record: LogRecord, place: Place) => string | null;

/** @throws CommandError exit 1 where a log cannot be read to its end */
export async function readLogs(
  sources: readonly LogSource[],
  filter: LogFilter,
  visit: Visit,
  progress: Progress,
): Promise<LogSummary> {
  const reader = new LogReader(filter, visit, progress);
  try {
    for (const source of sources) {
      await reader.read(source);
      if (reader.limited) break;
    }
  } finally {
    progress.clear();
  }
  return reader.summary();
}

class LogReader {
  readonly #filter: LogFilter;
  readonly #visit: Visit;
  readonly #progress: Progress;
  readonly #shown: BrokenLine[] = [];
  #lines = 0;
  #records = 0;
  #filtered = 0;
  #others = 0;
  #broken = 0;
  #bytes = 0;
  limited = false;

  constructor(filter: LogFilter, visit: Visit, progress: Progress) {
    this.#filter = filter;
    this.#visit = visit;
    this.#progress = progress;
  }

  async read({ name, open }: LogSource): Promise<void> {
    const splitter = new LineSplitter();
    const onRead = (more: number): void => {
      this.#bytes += more;
    };
    for await (const chunk of open(onRead)) {
      for (const line of splitter.push(chunk)) {
        this.#look(line, name);
        if (this.limited) return;
      }
    }
    const last = splitter.end();
    if (last !== null) this.#look(last, name);
  }

  #look({ bytes, number, ended }: Line, file: string): void {
    if (bytes !== null && isBlank(bytes)) return;
    const place = { file, line: number };
    const record = bytes === null ? `it is longer than ${MAX_LINE_BYTES} bytes` : readRecord(bytes);
    if (typeof record === "string") {
      this.#breaks(place, ended ? record : `${record}; ${TORN}`);
    } else if (record === null) {
      this.#lines += 1;
      this.#others += 1;
    } else if (!wanted(record, this.#filter)) {
      this.#lines += 1;
      this.#filtered += 1;
    } else if (this.#records === this.#filter.limit) {
      this.limited = true;
    } else {
      const fault = this.#visit(record, place);
      if (fault !== null) {
        this.#breaks(place, fault);
        return;
      }
      this.#lines += 1;
      this.#records += 1;
      this.#progress.at(this.#records, this.#bytes);
    }
  }

  #breaks(place: Place, why: string): void {
    this.#lines += 1;
    this.#broken += 1;
    if (this.#shown.length < MAX_SHOWN) this.#shown.push({ ...place, why });
  }

  summary(): LogSummary {
    return {
      lines: this.#lines,
      records: this.#records,
      filtered: this.#filtered,
      others: this.#others,
      broken: this.#broken,
      shown: this.#shown,
      limited: this.limited,
    };
  }
}

const TORN = "the log ends in the middle of this line";

function isBlank(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  return true;
}

function wanted({ event, recorded }: LogRecord, { since, until, origins, hooks }: LogFilter): boolean {
  const time = event === null ? recorded?.time : event["time"];
  if (typeof time === "number" && ((since !== null && time < since) || (until !== null && time > until))) return false;
  const hook = event === null ? recorded?.hook : event["hook"];
  if (hooks !== null && typeof hook === "string" && !(hooks as ReadonlySet<string>).has(hook)) return false;
  const kind = originKind(event);
  return origins === null || kind === null || (origins as ReadonlySet<string>).has(kind);
}

/** What the event says its origin is; null where it says nothing that could be one. */
function originKind(event: JsonObject | null): string | null {
  const origin: JsonValue | undefined = event?.["origin"];
  const kind = typeof origin === "object" && origin !== null ? (origin as JsonObject)["kind"] : undefined;
  return typeof kind === "string" ? kind : null;
}
