/** The options that replay and suggest have in common: which records of which logs, and what is put up with. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { HOOKS, type HookName, LOCKDOWN_LEVELS, type LockdownLevel, type Origin } from "../../hooks/index.js";
import { unixSeconds } from "../event-options.js";
import { CommandError } from "../io.js";
import { addVerifyOptions } from "../policy/signing.js";
import type { PolicyOptions } from "../policy-options.js";
import type { LogFilter, LogSummary } from "./log.js";
import type { LogSource } from "./log-source.js";

export interface LogOptions extends PolicyOptions {
  readonly lockdown: LockdownLevel;
  readonly since?: string;
  readonly until?: string;
  readonly origin: readonly Origin["kind"][];
  readonly hook: readonly HookName[];
  readonly limit?: number;
  readonly skipInvalid: number;
  readonly examples: number;
}

const ORIGINS: readonly Origin["kind"][] = ["native", "kvm", "guest-agent", "file"];

export function addLogOptions(command: Command): Command {
  const withLog = command
    .argument("<log...>", "audit records or LaunchEvents as JSON Lines, gzip or not; - for stdin")
    .option(
      "--policy <dir|bundle>",
      "policy folder or bundle; repeat to AND several (default: the built-in one)",
      collect,
      [],
    )
    .option("--data <file>", "data document, JSON or YAML, merged over the profile; repeatable", collect, [])
    .option("--profile <name>", "strict, baseline or open")
    .addOption(new Option("--lockdown <level>", "floor rules").choices([...LOCKDOWN_LEVELS]).default("none"))
    .option("--since <rfc3339>", "only records of then or later, by the event's own time")
    .option("--until <rfc3339>", "only records of then or earlier")
    .option(
      "--origin <kinds>",
      `only these, comma-separated: ${ORIGINS.join(", ")}`,
      (text) => oneOf(ORIGINS, text),
      [],
    )
    .option("--hook <hooks>", `only these, comma-separated: ${HOOKS.join(", ")}`, (text) => oneOf(HOOKS, text), [])
    .option("--limit <n>", "look at no more than so many records", wholeNumber)
    .option("--skip-invalid <n>", "put up with so many broken lines; more make the exit code 1", wholeNumber, 0)
    .option("--examples <n>", "records to name in each group", wholeNumber, 3);
  return addVerifyOptions(withLog);
}

export function filterOf(options: LogOptions): LogFilter {
  const { since, until, origin, hook, limit } = options;
  return {
    since: since === undefined ? null : unixSeconds("--since", since),
    until: until === undefined ? null : unixSeconds("--until", until),
    origins: origin.length === 0 ? null : new Set(origin),
    hooks: hook.length === 0 ? null : new Set(hook),
    limit: limit ?? null,
  };
}

/** @throws CommandError exit 1 where stdin is named twice: it can be read once */
export function checkSources(sources: readonly LogSource[]): void {
  if (sources.filter(({ name }) => name === "-").length > 1)
    throw new CommandError(1, "- is named twice, and stdin can be read only once");
}

/** The size of all of them; null where one does not say. */
export function totalBytes(sources: readonly LogSource[]): number | null {
  return sources.reduce<number | null>(
    (sum, { sizeBytes }) => (sum === null || sizeBytes === null ? null : sum + sizeBytes),
    0,
  );
}

/** What makes the exit code 1 although a result was printed; null: nothing. */
export function unusable(summary: LogSummary, skipInvalid: number): string | null {
  if (summary.broken > skipInvalid) {
    const many = summary.broken === 1 ? "1 line is broken" : `${summary.broken} lines are broken`;
    return `${many}, so the figures are not of the whole log (--skip-invalid ${summary.broken} puts up with that)`;
  }
  return summary.records === 0 ? "the log holds no record to look at" : null;
}

export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

export function oneOf<Name extends string>(names: readonly Name[], text: string): readonly Name[] {
  return text.split(",").map((part) => {
    const name = names.find((known) => known === part.trim());
    if (name === undefined) throw new InvalidArgumentError(`Expected some of ${names.join(", ")}.`);
    return name;
  });
}

export function wholeNumber(text: string): number {
  if (/^(0|[1-9][0-9]{0,11})$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number.");
}
