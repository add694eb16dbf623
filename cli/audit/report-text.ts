/** What `launchgate audit verify` found, for people. */

import { basename } from "node:path";
import type { LogReport } from "../../hooks/audit/verify.js";
import type { Io } from "../io.js";
import { printable, table } from "../output/table.js";

const MAX_SHOWN = 50;

export function reportText(report: LogReport, { colours }: Io): string {
  const { intact, faults, fault_count, notes, checkpoints, first, last } = report;
  const verdict = intact ? colours.green(colours.bold("intact")) : colours.red(colours.bold("not intact"));
  const lines = [`${verdict} ${report.lines} lines in ${report.files.length} files, ${report.bytes} bytes`];
  const rows = faults
    .slice(0, MAX_SHOWN)
    .map(({ kind, file, line, message }) => [
      colours.red(kind),
      line === 0 ? printable(basename(file)) : `${printable(basename(file))}:${line}`,
      printable(message),
    ]);
  if (rows.length > 0) lines.push(table(rows, "  "));
  if (fault_count > rows.length) lines.push(`  … and ${fault_count - rows.length} more`);
  const { signed, verified, unsigned, last_verified } = checkpoints;
  const facts = [
    ["log", printable(report.log_id ?? "unknown")],
    ["records", first === null || last === null ? "none" : `${first.seq} to ${last.seq}`],
    ["last", last === null ? "none" : `sha256:${last.sha256}`],
    ["checkpoints", `${signed} signed, ${verified} of them verified; ${unsigned} not signed`],
  ];
  if (last_verified !== null) {
    const time = new Date(last_verified.time * 1000).toISOString();
    facts.push(["proved", `up to record ${last_verified.seq}, by what was signed at ${time}`]);
  }
  lines.push(
    "",
    table(
      facts.map(([name = "", value = ""]) => [colours.dim(name), value]),
      "  ",
    ),
  );
  if (notes.length > 0) lines.push("", ...notes.map((note) => `  ${colours.yellow("note")} ${note}`));
  return `${lines.join("\n")}\n`;
}
