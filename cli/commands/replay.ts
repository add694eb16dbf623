/**
 * `launchgate replay`: recorded decisions against another policy, and what would change. Exit 0 replayed, 2 where a gate
 * that was asked for is not passed, 1 could not or not all of it, 3 policy or data invalid. Without a gate, changes are
 * reported and are no failure.
 */

import { Command, Option } from "commander";
import { CommandError, type Io } from "../io.js";
import { printable } from "../output/table.js";
import { policiesFromOptions } from "../policy-options.js";
import { type ReplaySignatureCheck, SIGNATURE_CHECKS } from "../replay/decide-again.js";
import { CHANGE_NAMES, type GateOptions, gateResults } from "../replay/gates.js";
import { logSource } from "../replay/log-source.js";
import {
  addLogOptions,
  checkSources,
  collect,
  filterOf,
  type LogOptions,
  oneOf,
  totalBytes,
  unusable,
  wholeNumber,
} from "../replay/options.js";
import { progressOf } from "../replay/progress.js";
import { replayReport } from "../replay/report.js";
import { CHANGES, type Replay, replay } from "../replay/run.js";
import { addReportOptions, emitReport, type ReportOptions } from "../report/options.js";

interface ReplayOptions extends LogOptions, ReportOptions {
  readonly old: readonly string[];
  readonly oldData: readonly string[];
  readonly oldProfile?: string;
  readonly would?: true;
  readonly signatureCheck: ReplaySignatureCheck;
  readonly failOn: readonly string[];
  readonly maxAllowToDeny?: number;
  readonly maxDenyToAllow?: number;
}

export function command(io: Io): Command {
  const names = [...Object.values(CHANGE_NAMES), "any"];
  const command = addLogOptions(
    new Command("replay")
      .summary("put recorded decisions to another policy and show what changes")
      .description(
        "Decide every record of a log again, at its own time, with another policy, and compare. Audit records bring the\n" +
          "decision to compare with; bare LaunchEvents need --old for that. Exit 0 whatever changes, unless a gate is asked for.",
      ),
  )
    .option(
      "--old <dir|bundle>",
      "compare with what this policy decides, not with what was recorded; repeatable",
      collect,
      [],
    )
    .option("--old-data <file>", "data document for --old; without --old, for the built-in policy", collect, [])
    .option("--old-profile <name>", "profile for --old; without --old, of the built-in policy")
    .option("--would", "what permissive modules only recorded counts as denied")
    .addOption(
      new Option("--signature-check <when>", "auto: by origin, and always before a denial becomes an allow")
        .choices([...SIGNATURE_CHECKS])
        .default("auto"),
    )
    .option("--fail-on <changes>", `exit 2 where one is found; comma-separated: ${names.join(", ")}`, (text) =>
      oneOf(names, text),
    )
    .option("--max-allow-to-deny <n>", "exit 2 where more records go from allow to deny", wholeNumber)
    .option("--max-deny-to-allow <n>", "exit 2 where more records go from deny to allow", wholeNumber)
    .action((logs: readonly string[], options: ReplayOptions) => run(logs, options, io));
  return addReportOptions(command);
}

async function run(logs: readonly string[], options: ReplayOptions, io: Io): Promise<void> {
  const startedAt = Date.now();
  const sources = logs.map(logSource);
  checkSources(sources);
  const policies = await policiesFromOptions(options, io);
  const found = await replay(
    {
      sources,
      filter: filterOf(options),
      policies,
      lockdown: options.lockdown,
      old: await oldPolicies(options, io),
      would: options.would ?? false,
      signatureCheck: options.signatureCheck,
      examples: options.examples,
    },
    progressOf("replay", totalBytes(sources), io),
  );
  const gates = gateResults(found.counts, gatesOf(options));
  const report = replayReport({
    replay: found,
    gates,
    policies,
    startedAt,
    durationMs: Date.now() - startedAt,
    skipInvalid: options.skipInvalid,
  });
  await emitReport(report, options, io);
  const why = unusable(found.summary, options.skipInvalid) ?? incomparable(found, gates.length > 0);
  if (why !== null) throw new CommandError(1, why);
  if (found.summary.limited) io.err(`launchgate: --limit ended the replay after ${found.summary.records} records\n`);
  const missed = gates.filter(({ passed }) => !passed);
  for (const { gate, found: count, limit } of missed)
    io.err(`launchgate: ${printable(gate)}: found ${count}, expected at most ${limit}\n`);
  io.exit(missed.length > 0 ? 2 : 0);
}

function gatesOf({ failOn = [], maxAllowToDeny, maxDenyToAllow }: Partial<ReplayOptions>): GateOptions {
  return { failOn, maxAllowToDeny: maxAllowToDeny ?? null, maxDenyToAllow: maxDenyToAllow ?? null };
}

/** A gate that compared nothing has not been passed. */
function incomparable({ counts }: Replay, gated: boolean): string | null {
  if (!gated) return null;
  if (counts.new > 0)
    return `${counts.new} of the records are bare events, so no gate can speak for them: give --old what decided before`;
  const compared = counts.same + CHANGES.reduce((sum, change) => sum + counts[change], 0);
  return compared === 0 ? "there is no record that could be compared, so no gate is passed" : null;
}

function oldPolicies({ old, oldData, oldProfile }: ReplayOptions, io: Io) {
  if (old.length === 0 && oldData.length === 0 && oldProfile === undefined) return null;
  const profile = oldProfile === undefined ? {} : { profile: oldProfile };
  return policiesFromOptions({ policy: old, data: oldData, ...profile }, io);
}
