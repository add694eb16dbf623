/**
 * `launchgate vet`: judges enclaves before they are released, by the signing policy. Exit 0 passed; 2 at least one failed,
 * whatever else could not be judged; 1 none failed, but something could not be judged; 3 the policy or data is invalid.
 */

import { Command, Option } from "commander";
import { createPolicy } from "../../engine/index.js";
import { secondsOf } from "../event-options.js";
import { CommandError, type ExitCode, type Io } from "../io.js";
import { addVerifyOptions, type VerifyOptions } from "../policy/signing.js";
import { signingPoliciesFromOptions } from "../policy-options.js";
import { addReportOptions, emitReport, type ReportOptions } from "../report/options.js";
import { FLEET_ORIGINS, type FleetOrigin, fleetsFrom } from "../vet/fleets.js";
import { countsOf, type VetRun, vetReport } from "../vet/report.js";
import { RULES_FORMATS, rulesText, signingRules } from "../vet/rules.js";
import { type Unvetted, type VetQuestion, type Vetted, vetFile } from "../vet/run.js";
import { baselinesAt, type Target, targetsOf } from "../vet/targets.js";

interface VetOptions extends ReportOptions, VerifyOptions {
  readonly policy: readonly string[];
  readonly data: readonly string[];
  readonly baseline?: string;
  readonly fleet: readonly string[];
  readonly requireLaunch: readonly FleetOrigin[];
  readonly time?: string;
  readonly rules?: true;
}

export function command(io: Io): Command {
  const command = new Command("vet")
    .summary("judge enclaves before they are released")
    .description(
      "Judge enclaves before they are released, by the built-in signing policy or one of your own. A folder stands for all\n" +
        "files in it. Exit 0 all passed, 2 some failed, 1 none failed but some could not be judged, 3 policy or data invalid.",
    )
    .argument("[file...]", "signed enclaves, or SIGSTRUCTs: files or folders; - for stdin")
    .option("--baseline <file|dir>", "the earlier release: a file, or a folder with files of the same names")
    .option("--policy <dir|bundle>", "policy folder or bundle; repeat to AND several", collect, [])
    .option("--data <file>", "data document, JSON or YAML, with the key signing; repeatable", collect, [])
    .option(
      "--fleet <[name=]bundle>",
      "ask the launch policy of a fleet, natively and as guest; repeatable",
      collect,
      [],
    )
    .addOption(
      new Option("--require-launch <origin>", "fail what a fleet would not launch so: native or kvm; repeatable")
        .argParser(originIn)
        .default([]),
    )
    .option("--time <rfc3339>", "when it is judged (default: now)")
    .option("--rules", "print the table of rules: code, level, meaning, why it matters, how to fix")
    .action((files: readonly string[], options: VetOptions) => vet(files, options, io));
  return addReportOptions(addVerifyOptions(command));
}

async function vet(files: readonly string[], options: VetOptions, io: Io): Promise<void> {
  if (options.rules === true && files.length > 0)
    throw new CommandError(1, "--rules prints the rules and vets nothing: leave the files out");
  if (options.rules !== true && files.length === 0) throw new CommandError(1, "nothing to vet: name a file or folder");
  if (options.requireLaunch.length > 0 && options.fleet.length === 0)
    throw new CommandError(1, "--require-launch asks fleets: name one with --fleet NAME=BUNDLE");
  const policies = await signingPoliciesFromOptions(options, io);
  if (options.rules === true) {
    const format = RULES_FORMATS.find((one) => one === options.format);
    if (format === undefined)
      throw new CommandError(1, `--rules prints ${RULES_FORMATS.join(", ")}, and not ${options.format}`);
    io.out(rulesText(signingRules(policies), format, io));
    return;
  }
  const startedAt = Date.now();
  const fleets = await fleetsFrom(options.fleet, io);
  const targets = targetsOf(files);
  const results = vetAll(
    targets,
    {
      policies: policies.map((policy) => createPolicy(policy)),
      fleets,
      requireLaunch: options.requireLaunch,
      baselines: baselinesAt(options.baseline, targets),
      comparing: options.baseline !== undefined,
      time: secondsOf(options.time),
    },
    io,
  );
  const run: VetRun = { policies, fleets, results, startedAt, durationMs: Date.now() - startedAt };
  io.exit(exitCodeOf(results));
  await emitReport(vetReport(run), options, io);
}

function vetAll(targets: readonly Target[], question: VetQuestion, io: Io): readonly (Vetted | Unvetted)[] {
  const results: (Vetted | Unvetted)[] = [];
  for (const [at, target] of targets.entries()) {
    if (io.progress && at > 0 && at % PROGRESS_EVERY === 0) io.err(`\rvetted ${at} of ${targets.length} files`);
    for (const result of vetFile(target, question)) results.push(result);
  }
  if (io.progress && targets.length > PROGRESS_EVERY) io.err(`\r${" ".repeat(60)}\r`);
  return results;
}

const PROGRESS_EVERY = 100;

/** A failure is a failure, whatever else could not be judged; without one, what could not be judged has not passed. */
function exitCodeOf(results: VetRun["results"]): ExitCode {
  const { fail, error, enclaves } = countsOf(results);
  if (fail > 0) return 2;
  return error > 0 || enclaves === 0 ? 1 : 0;
}

function originIn(value: string, before: readonly FleetOrigin[]): readonly FleetOrigin[] {
  const origin = FLEET_ORIGINS.find((known) => known === value);
  if (origin === undefined)
    throw new CommandError(1, `--require-launch is ${value}, expected ${FLEET_ORIGINS.join(" or ")}`);
  return [...before, origin];
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
