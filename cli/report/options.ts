/** `--format` and `--report`, the same for every command that reports, and what they ask for. */

import { type Command, InvalidArgumentError, Option } from "commander";
import picocolors from "picocolors";
import { writeWhole } from "../files.js";
import { CommandError, type Io } from "../io.js";
import { REPORT_FORMATS, type Report, type ReportFormat } from "./model.js";

export interface ReportOptions {
  /** On stdout. */
  readonly format: ReportFormat;
  /** Into files, beside it. */
  readonly report: readonly ReportTarget[];
}

interface ReportTarget {
  readonly format: ReportFormat;
  readonly file: string;
}

/** Adds both options; `emitReport` takes what commander makes of them. */
export function addReportOptions(command: Command): Command {
  return command
    .addOption(new Option("--format <format>", "how to print it").choices([...REPORT_FORMATS]).default("text"))
    .addOption(
      new Option(
        "--report <format=file>",
        `write it to a file too, in any format (${REPORT_FORMATS.join(", ")}); repeatable`,
      )
        .argParser(targetBeside)
        .default([], "none"),
    );
}

function targetBeside(text: string, before: readonly ReportTarget[]): readonly ReportTarget[] {
  const at = text.indexOf("=");
  const [name, file] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  const format = REPORT_FORMATS.find((known) => known === name);
  if (format === undefined)
    throw new InvalidArgumentError(
      `There is no format ${JSON.stringify(name)}, expected ${REPORT_FORMATS.join(", ")}.`,
    );
  if (file === "") throw new InvalidArgumentError(`Expected a file, as in ${format}=report.${EXTENSIONS[format]}.`);
  if (file === "-") throw new InvalidArgumentError(`Stdout is for one report alone: use --format ${format}.`);
  if (before.some((target) => target.file === file))
    throw new InvalidArgumentError(`Two reports would go to ${file}, expected a file for each.`);
  return [...before, { format, file }];
}

const EXTENSIONS: Readonly<Record<ReportFormat, string>> = {
  text: "txt",
  json: "json",
  junit: "xml",
  tap: "tap",
  sarif: "sarif",
  github: "txt",
  azure: "txt",
  markdown: "md",
  html: "html",
};

/**
 * Prints the report on stdout and writes it to the files asked for, each the whole new one or the old. Sets no exit code.
 * @throws CommandError exit 1 where a file cannot be written; the others and stdout have it all the same
 */
export async function emitReport(report: Report, { format, report: targets }: ReportOptions, io: Io): Promise<void> {
  io.out(await rendered(report, format, io));
  const failures: string[] = [];
  for (const target of targets) {
    try {
      writeWhole(target.file, await rendered(report, target.format, PLAIN));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new CommandError(1, failures.join("\n"));
}

type View = Pick<Io, "colours" | "terminal" | "columns">;

/** Of a file: without colours, in lines as long as they are. */
const PLAIN: View = { colours: picocolors.createColors(false), terminal: false };

/** Loads just the one format. */
async function rendered(report: Report, format: ReportFormat, view: View): Promise<string> {
  switch (format) {
    case "text":
      return (await import("./text.js")).textReport(report, view);
    case "json":
      return (await import("./json.js")).jsonReport(report);
    case "junit":
      return (await import("./junit.js")).junitReport(report);
    case "tap":
      return (await import("./tap.js")).tapReport(report);
    case "sarif":
      return (await import("./sarif.js")).sarifReport(report);
    case "github":
      return (await import("./github.js")).githubReport(report);
    case "azure":
      return (await import("./azure.js")).azureReport(report);
    case "markdown":
      return (await import("./markdown.js")).markdownReport(report);
    case "html":
      return (await import("./html.js")).htmlReport(report);
    default:
      return format satisfies never;
  }
}
