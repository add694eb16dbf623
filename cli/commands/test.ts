/** `launchgate test`: tests of a launch policy on the WebAssembly that hosts run. Exit 0 pass, 2 fail, 1 could not, 3 invalid. */

import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { PolicyError } from "../../engine/errors.js";
import { CommandError, type ExitCode, type Io } from "../io.js";
import { printable, printableLines } from "../output/table.js";
import { addReportOptions, emitReport, type ReportOptions } from "../report/options.js";
import { testReport } from "../testing/report.js";
import { exitCodeOf, listTests, PARTS, type Part, runTests, type TestOptions } from "../testing/run.js";
import { watching } from "../testing/watch.js";

interface TestCommandOptions extends ReportOptions {
  readonly policy: readonly string[];
  readonly data: readonly string[];
  readonly profile?: string;
  readonly filter?: RegExp;
  readonly only: readonly Part[];
  readonly coverageThreshold?: number;
  readonly strictConformance?: true;
  readonly boundary?: true;
  readonly boundaryThreshold?: number;
  readonly mutants?: number | true;
  readonly mutationThreshold?: number;
  readonly mutateLibrary?: true;
  readonly jobs: number;
  readonly list?: true;
  readonly watch?: true;
}

export function command(io: Io): Command {
  const command = new Command("test")
    .summary("test a launch policy on the WebAssembly that hosts run")
    .description(
      "Run the tests in a folder: Rego unit tests (*_test.rego), by opa test and compiled to WebAssembly, where a\n" +
        "difference fails; suites of launches (*_test.yaml, *_test.yml, *_test.json); and whether each of those launches\n" +
        "is answered alike as native and as guest. Without --policy, the policy is the folder's own.",
    )
    .argument("[dir]", "folder with the tests", ".")
    .option(
      "--policy <dir|bundle>",
      "the policy to test: a folder, or the bundle that hosts run; repeatable",
      collect,
      [],
    )
    .option("--data <file>", "data document, JSON or YAML, merged over the policy's; repeatable", collect, [])
    .option("--profile <name>", "strict, baseline or open")
    .option("--filter <regex>", "run only what matches, of `suite: case` and `package.test`", regexOf)
    .addOption(
      new Option("--only <part>", "run only this part; repeatable")
        .choices([...PARTS])
        .argParser(partOf)
        .default([]),
    )
    .option(
      "--coverage-threshold <percent>",
      "fail where the Rego tests cover less of the policy's own lines",
      percentOf,
    )
    .option("--strict-conformance", "fail where the policy answers by the origin and no case expects that")
    .option("--boundary", "try the neighbours of each launch: which weaker ones are allowed as well")
    .option("--boundary-threshold <percent>", "fail where fewer of the weaker ones are denied", percentOf)
    .option("--mutants [count]", "change the policy in one place at a time: which changes no test notices", countOf)
    .option("--mutation-threshold <percent>", "fail where the tests notice fewer of the changes", percentOf)
    .option("--mutate-library", "change the shipped rules as well")
    .option("--jobs <number>", "keys and OPA processes at a time", countOf, availableParallelism())
    .option("--list", "print the names of the tests and run none")
    .option("--watch", "run again after each change in the folder, until interrupted")
    .action(async (dir: string, options: TestCommandOptions) => {
      const tests = optionsOf(dir, options);
      if (options.list === true) await list(tests, options, io);
      else if (options.watch === true) await watchTests(tests, options, io);
      else io.exit(await once(tests, options, io));
    });
  return addReportOptions(command);
}

function optionsOf(dir: string, options: TestCommandOptions): TestOptions {
  const { policy, data, profile, filter, only, jobs } = options;
  return {
    dir,
    policy,
    data,
    ...(profile === undefined ? {} : { profile }),
    filter: filter ?? null,
    parts: only.length === 0 ? PARTS : only,
    jobs,
    coverageThreshold: options.coverageThreshold ?? null,
    strictConformance: options.strictConformance ?? false,
    boundary:
      options.boundary === true || options.boundaryThreshold !== undefined
        ? { threshold: options.boundaryThreshold ?? null }
        : null,
    mutation:
      options.mutants === undefined && options.mutationThreshold === undefined
        ? null
        : {
            sample: typeof options.mutants === "number" ? options.mutants : null,
            threshold: options.mutationThreshold ?? null,
            library: options.mutateLibrary ?? false,
          },
  };
}

async function once(tests: TestOptions, options: TestCommandOptions, io: Io): Promise<ExitCode> {
  const run = await runTests(tests, io);
  const report = testReport(run);
  await emitReport(report, options, io);
  if (report.suites.length === 0) io.err(`nothing in ${printable(tests.dir)} matches\n`);
  return exitCodeOf(run);
}

async function list(tests: TestOptions, { format }: TestCommandOptions, io: Io): Promise<void> {
  const found = await listTests(tests, io);
  io.out(
    format === "json"
      ? `${JSON.stringify(found, null, 2)}\n`
      : found
          .map(({ name, file, line }) => `${printable(name)}  ${io.colours.dim(`${printable(file)}:${line}`)}\n`)
          .join(""),
  );
  io.exit(0);
}

/** A run that cannot be made is said, and the next change tries again. The last run's exit code is the command's. */
async function watchTests(tests: TestOptions, options: TestCommandOptions, io: Io): Promise<void> {
  await watching(tests.dir, async () => {
    if (io.terminal) io.out("\u001b[2J\u001b[H");
    try {
      io.exit(await once(tests, options, io));
    } catch (error) {
      io.err(`launchgate: ${printableLines(error instanceof Error ? error.message : String(error))}\n`);
      io.exit(error instanceof CommandError ? error.exitCode : error instanceof PolicyError ? 3 : 1);
    }
    io.err("waiting for changes; interrupt to end\n");
  });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function partOf(value: string, before: readonly Part[]): readonly Part[] {
  const part = PARTS.find((name) => name === value);
  if (part === undefined) throw new InvalidArgumentError(`expected one of ${PARTS.join(", ")}`);
  return [...before, part];
}

function regexOf(text: string): RegExp {
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new InvalidArgumentError(`it is no regular expression: ${(error as Error).message}`);
  }
}

function percentOf(text: string): number {
  const percent = /^\d{1,3}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (percent >= 0 && percent <= 100) return percent;
  throw new InvalidArgumentError("expected a number from 0 to 100");
}

function countOf(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count >= 1) return count;
  throw new InvalidArgumentError("expected a number from 1 to 9999");
}
