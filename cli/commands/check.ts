/** `launchgate check`: what is wrong with a policy folder, before anything is decided with it. */

import { Command, Option } from "commander";
import type { Io } from "../io.js";
import { printable } from "../output/table.js";
import { checkPolicy } from "../policy/check.js";
import { readDataFile } from "../policy/data-files.js";
import { effectiveFolderData } from "../policy/effective.js";
import { type Finding, findingText } from "../policy/findings.js";
import { findOpa } from "../policy/opa.js";
import { policiesDir } from "../policy/shipped.js";

interface CheckCommandOptions {
  readonly data: readonly string[];
  readonly format: "text" | "json";
}

export function command(io: Io): Command {
  return new Command("check")
    .summary("check a policy folder against the schemas")
    .description(
      "Check a policy folder: Rego, references to input and data, comparisons, entrypoints, the data document. " +
        "Exit 3 where something is refused; warnings refuse nothing.",
    )
    .argument("<dir>", "policy folder")
    .option("--data <file>", "data document, JSON or YAML, merged over the folder's; repeatable", collect, [])
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json"]).default("text"))
    .action(async (dir: string, { data, format }: CheckCommandOptions) => {
      const findings = await checkPolicy({
        dir,
        opa: findOpa(io),
        policies: policiesDir(),
        data: effectiveFolderData(data.map(readDataFile)),
      });
      const errors = findings.filter(({ severity }) => severity === "error");
      const warnings = findings.filter(({ severity }) => severity === "warning");
      if (format === "json")
        io.out(`${JSON.stringify({ errors: errors.map(plain), warnings: warnings.map(plain) }, null, 2)}\n`);
      else io.out(findingsText(findings, io.colours));
      if (format === "text") io.err(`${dir}: ${count(errors.length, "error")}, ${count(warnings.length, "warning")}\n`);
      io.exit(errors.length > 0 ? 3 : 0);
    });
}

/** A line for each: place, severity, what was found and expected, code. */
export function findingsText(findings: readonly Finding[], colours: Io["colours"]): string {
  return findings
    .map((finding) => {
      const severity = finding.severity === "error" ? colours.red("error") : colours.yellow("warning");
      return `${severity} ${printable(findingText(finding))} ${colours.dim(`[${finding.code}]`)}\n`;
    })
    .join("");
}

function plain({ code, file, line, message }: Finding): Omit<Finding, "severity"> {
  return { code, file, line, message };
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
