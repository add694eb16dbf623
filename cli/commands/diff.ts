/** `launchgate diff`: what changed between the signatures of two enclaves, and what that means. Decides nothing. */

import { Command, Option } from "commander";
import { pairsOf } from "../diff/pairs.js";
import { diffDocument, diffReport } from "../diff/report.js";
import { diffText } from "../diff/text.js";
import type { Io } from "../io.js";

interface DiffOptions {
  readonly exitCode?: true;
  readonly format: "text" | "json";
}

export function command(io: Io): Command {
  return new Command("diff")
    .summary("show what changed between two enclaves' signatures")
    .description(
      "Compare two enclaves' SIGSTRUCTs field by field, say what each change means, and whether it guards less than\n" +
        "before. Where a file holds several enclaves, FILE@OFFSET names one.",
    )
    .argument("<before>", "the enclave as it was, in any form that holds a SIGSTRUCT; - for stdin")
    .argument("<after>", "the enclave as it is")
    .option("--exit-code", "exit 2 where the two are not identical, byte for byte")
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json"]).default("text"))
    .action((before: string, after: string, { exitCode, format }: DiffOptions) => {
      const startedAt = Date.now();
      const document = diffDocument(pairsOf(before, after));
      const mustBeSame = exitCode === true;
      const report = diffReport(document, { mustBeSame, startedAt, durationMs: Date.now() - startedAt });
      io.out(format === "json" ? `${JSON.stringify(report.document, null, 2)}\n` : diffText(document, io));
      io.exit(mustBeSame && document.result !== "identical" ? 2 : 0);
    });
}
