/**
 * `launchgate suggest`: from recorded or would-be denials to a proposed data document that names what justifies it. Exit 0
 * proposed, or nothing to propose; 2 where replaying the log shows that the proposal does not do what it says, or denies
 * what was allowed; 1 could not or not all of it; 3 policy or data invalid.
 */

import { Command, Option } from "commander";
import { CommandError, type Io } from "../io.js";
import { policiesFromOptions } from "../policy-options.js";
import { logSource, rereadable } from "../replay/log-source.js";
import { addLogOptions, checkSources, filterOf, type LogOptions, totalBytes, unusable } from "../replay/options.js";
import { progressOf } from "../replay/progress.js";
import { GRANULARITIES, type Granularity, type PlanOptions } from "../suggest/plan.js";
import { suggestionJson, suggestionNotes, suggestionYaml } from "../suggest/render.js";
import { type Suggestion, suggest } from "../suggest/run.js";

interface SuggestOptions extends LogOptions {
  readonly by: Granularity;
  readonly all?: true;
  readonly allowDebug?: true;
  readonly allowEinittokenkey?: true;
  readonly allowVmProvisionkey?: true;
  readonly format: "yaml" | "json";
}

export function command(io: Io): Command {
  return addLogOptions(
    new Command("suggest")
      .summary("propose data from recorded denials")
      .description(
        "Propose a data document that would allow what a log says was denied, or would have been: each entry with the events\n" +
          "that justify it. The denials are those of the policy given here; every signature is verified first. Never proposed:\n" +
          "what is revoked, what anybody could have signed, what a data document forbids, PROVISIONKEY without a grant.",
      ),
  )
    .addOption(new Option("--by <what>", "what to list").choices([...GRANULARITIES]).default("product"))
    .option("--all", "consider what was recorded as allowed, too: for moving to a stricter policy")
    .option("--allow-debug", "propose to let enclaves run with DEBUG=1")
    .option("--allow-einittokenkey", "propose to let enclaves have the launch key")
    .option("--allow-vm-provisionkey", "propose to give VMs the provision device")
    .addOption(new Option("--format <format>", "how to print it").choices(["yaml", "json"]).default("yaml"))
    .action((logs: readonly string[], options: SuggestOptions) => run(logs, options, io));
}

async function run(logs: readonly string[], options: SuggestOptions, io: Io): Promise<void> {
  const named = logs.map(logSource);
  checkSources(named);
  const policies = await policiesFromOptions(options, io);
  const held: (() => void)[] = [];
  try {
    const sources = [];
    for (const source of named) {
      const again = await rereadable(source);
      held.push(again.release);
      sources.push(again.source);
    }
    const total = totalBytes(sources);
    const found = await suggest({
      sources,
      filter: filterOf(options),
      policies,
      lockdown: options.lockdown,
      by: options.by,
      allowed: allowedBy(options),
      all: options.all ?? false,
      examples: options.examples,
      progress: (pass) => progressOf(`suggest ${pass}`, total, io),
    });
    deliver(found, options, io);
  } finally {
    for (const release of held) release();
  }
}

function deliver(found: Suggestion, { format, skipInvalid }: SuggestOptions, io: Io): void {
  io.out(format === "json" ? suggestionJson(found) : suggestionYaml(found));
  io.err(suggestionNotes(found));
  const why = unusable(found.summary, skipInvalid);
  if (why !== null) throw new CommandError(1, why);
  const { newly_denied, still_denied } = found.counts;
  io.exit(newly_denied + still_denied > 0 ? 2 : 0);
}

/** PROVISIONKEY is proposed only for who was granted it: without a grant the policy's denial is another one. */
function allowedBy(options: SuggestOptions): PlanOptions["allowed"] {
  return new Set([
    "provisionkey" as const,
    ...(options.allowDebug === true ? (["debug"] as const) : []),
    ...(options.allowEinittokenkey === true ? (["einittokenkey"] as const) : []),
    ...(options.allowVmProvisionkey === true ? (["vm_provisionkey"] as const) : []),
  ]);
}
