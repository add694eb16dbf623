/**
 * `launchgate bench`: how fast decisions are here, with this policy, beside what else could decide. Exit 0 when it ran, 2
 * where --compare finds a regression or --check a goal that is missed, 1 could not, 3 policy or data invalid.
 */

import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { readBaseline } from "../bench/compare.js";
import { policyFiles } from "../bench/policy-files.js";
import { markdown, text } from "../bench/render.js";
import type { BenchReport } from "../bench/report.js";
import { NAMES, runBench } from "../bench/run.js";
import { CommandError, type Io } from "../io.js";
import { type PolicyOptions, policiesFromOptions } from "../policy-options.js";

interface BenchOptions extends PolicyOptions {
  readonly peers?: true;
  readonly quick?: true;
  readonly count?: number;
  readonly only?: ReadonlySet<string>;
  readonly format: "text" | "json" | "markdown";
  readonly out?: string;
  readonly compare?: string;
  readonly threshold: number;
  readonly check?: true;
}

const FULL_COUNT = 1_000_000;
const QUICK_COUNT = 2_000;

export function command(io: Io): Command {
  return new Command("bench")
    .summary("measure how fast decisions are here")
    .description(
      "Measure decisions from raw bytes, cold and warm, beside the WASM SDK's evaluate() on the same bundle, with the\n" +
        "built-in policy or your own. The policy's data gets 1,000 generated signers and 1,000 revoked measurements.",
    )
    .option("--policy <dir|bundle>", "policy folder or bundle; repeat to AND several", collect, [])
    .option("--data <file>", "data document, JSON or YAML, merged over the profile; repeatable", collect, [])
    .option("--profile <name>", "strict, baseline or open")
    .option("--peers", "measure OPA, cedar-wasm and casbin too, those that are installed")
    .option("--quick", "a look that takes seconds: the figures are rough")
    .option("--count <n>", "decisions cold and warm each (default: 1,000,000)", positiveInteger)
    .option("--only <names>", `just these, comma-separated: ${NAMES.join(", ")}`, namesOf)
    .addOption(
      new Option("--format <format>", "how to print the report").choices(["text", "json", "markdown"]).default("text"),
    )
    .option("--out <file>", "write the report there instead of to stdout")
    .option("--compare <report>", "an earlier report in JSON: exit 2 where a ratio got worse")
    .option("--threshold <factor>", "by more than how much worse", factor, 1.2)
    .option("--check", "exit 2 where a goal is missed")
    .action((options: BenchOptions) => bench(options, io));
}

async function bench(options: BenchOptions, io: Io): Promise<void> {
  const { quick = false, compare, threshold } = options;
  const baseline = compare === undefined ? null : readBaseline(compare);
  const policies = await policiesFromOptions(options, io);
  const report = await runBench(
    {
      policies,
      files: await policyFiles(options.policy, io),
      count: options.count ?? (quick ? QUICK_COUNT : FULL_COUNT),
      quick,
      peers: options.peers ?? false,
      only: options.only ?? null,
      compare: baseline === null ? null : { baseline, threshold },
    },
    io,
  );
  deliver(render(report, options.format), options, io);
  const regressions = report.comparison?.regressions ?? [];
  for (const { ratio, factor: times } of regressions) io.err(`worse: ${ratio} is ${times} times what it was\n`);
  const missed = options.check === true ? report.goals.filter(({ met }) => met === false) : [];
  for (const { criterion, value, unit } of missed) io.err(`missed: ${criterion}; found ${value} ${unit}\n`);
  io.exit(regressions.length + missed.length > 0 ? 2 : 0);
}

function render(report: BenchReport, format: BenchOptions["format"]): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(report, null, 2)}\n`;
    case "markdown":
      return markdown(report);
    case "text":
      return text(report);
    default:
      return format satisfies never;
  }
}

function deliver(report: string, { out }: BenchOptions, io: Io): void {
  if (out === undefined) {
    io.out(report);
    return;
  }
  try {
    writeFileSync(out, report);
  } catch (error) {
    throw new CommandError(1, `cannot write ${out}: ${(error as Error).message}`);
  }
}

function namesOf(value: string): ReadonlySet<string> {
  const names = value.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no ${JSON.stringify(unknown)}.`);
  return new Set(names);
}

function positiveInteger(value: string): number {
  if (/^[1-9][0-9]{0,7}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number from 1 to 99999999.");
}

function factor(value: string): number {
  const number = /^[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : Number.NaN;
  if (number >= 1) return number;
  throw new InvalidArgumentError("Expected a factor of at least 1, such as 1.2.");
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
