/**
 * `launchgate doctor`: whether this host can have a gate that holds, and what to do where not. Looks, and changes nothing.
 * Exit 0 nothing is bad, 2 something is.
 */

import { Command } from "commander";
import { daemonFindings } from "../doctor/daemon.js";
import type { Finding, State } from "../doctor/finding.js";
import { HOST_ROOTS, hostFindings } from "../doctor/host.js";
import { softwareFindings } from "../doctor/software.js";
import type { Io } from "../io.js";
import { printable, printableLines, table } from "../output/table.js";

interface DoctorOptions {
  readonly config?: string;
  readonly json?: true;
}

export function command(io: Io): Command {
  return new Command("doctor")
    .summary("look at this host, with advice")
    .description(
      "Look at CPU, kernel, devices, software, configuration and permissions on this host, and say what to do where\n" +
        "something is amiss. Changes nothing. Run it as the daemon's user, or as root, to see all.",
    )
    .option("--config <file>", "configuration (default: as launchgate serve finds it)")
    .option("--json", "print the findings as JSON")
    .action((options: DoctorOptions) => doctor(options, io));
}

async function doctor({ config, json }: DoctorOptions, io: Io): Promise<void> {
  const findings = [
    ...hostFindings(HOST_ROOTS),
    ...softwareFindings(io.env, new Date()),
    ...(await daemonFindings(config, io)),
  ];
  io.out(json === true ? `${JSON.stringify({ findings }, null, 2)}\n` : textOf(findings, io));
  io.exit(findings.some(({ state }) => state === "bad") ? 2 : 0);
}

function textOf(findings: readonly Finding[], { colours }: Io): string {
  const paint: Readonly<Record<State, (text: string) => string>> = {
    ok: colours.green,
    warn: colours.yellow,
    bad: colours.red,
    unknown: colours.dim,
  };
  const rows = findings.flatMap(({ check, state, found, advice }) => {
    const [first = "", ...rest] = printableLines(found).split("\n");
    return [
      [paint[state](state), printable(check), first],
      ...rest.map((line) => ["", "", line]),
      ...(advice === null ? [] : [["", "", `-> ${printable(advice)}`]]),
    ];
  });
  const count = (wanted: State): number => findings.filter(({ state }) => state === wanted).length;
  const sum = `${count("ok")} ok, ${count("warn")} to be looked at, ${count("bad")} bad, ${count("unknown")} unknown`;
  return `${table(rows)}\n\n${sum}\n`;
}
