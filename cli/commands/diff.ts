/** `launchgate diff`: what changed between the signatures of two enclaves, and what that means. Decides nothing. */

import { Command } from "commander";
import { pairsOf } from "../diff/pairs.js";
import { diffDocument, diffReport } from "../diff/report.js";
import type { Io } from "../io.js";
import { addReportOptions, emitReport, type ReportOptions } from "../report/options.js";

interface DiffOptions extends ReportOptions {
  readonly exitCode?: true;
}

export function command(io: Io): Command {
  const diff = new Command("diff")
    .summary("show what changed between two enclaves' signatures")
    .description(
      "Compare two enclaves' SIGSTRUCTs field by field, say what each change means, and whether it guards less than\n" +
        "before. Where a file holds several enclaves, FILE@OFFSET names one.",
    )
    .argument("<before>", "the enclave as it was, in any form that holds a SIGSTRUCT; - for stdin")
    .argument("<after>", "the enclave as it is")
    .option("--exit-code", "exit 2 where the two are not identical, byte for byte")
    .action(async (before: string, after: string, options: DiffOptions) => {
      const startedAt = Date.now();
      const document = diffDocument(pairsOf(before, after));
      const mustBeSame = options.exitCode === true;
      const report = diffReport(document, { mustBeSame, startedAt, durationMs: Date.now() - startedAt });
      io.exit(mustBeSame && document.result !== "identical" ? 2 : 0);
      await emitReport(report, options, io);
    });
  return addReportOptions(diff);
}
