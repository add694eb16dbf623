/** `launchgate inspect`: what a SIGSTRUCT, EINITTOKEN or SECS says, and what is odd about it. Decides nothing. */

import { Command, Option } from "commander";
import { type FoundStructure, findStructures } from "../../engine/index.js";
import { readBytes } from "../files.js";
import type { Io } from "../io.js";
import { type Inspection, inspect } from "../output/inspection.js";
import { inspectionText } from "../output/inspection-text.js";

export function command(io: Io): Command {
  return new Command("inspect")
    .summary("show what a SIGSTRUCT, EINITTOKEN or SECS says")
    .description("Show the structures found in files, by content: raw, hex or base64; `-` reads stdin.")
    .argument("<file...>", "files to look into")
    .addOption(
      new Option("--format <format>", "text, or json (default: text on a terminal, json in a pipe)").choices([
        "text",
        "json",
      ]),
    )
    .action((files: readonly string[], { format }: { readonly format?: "text" | "json" }) => {
      const inspections = files.flatMap(inspectFile);
      const asText = format === undefined ? io.terminal : format === "text";
      io.out(asText ? inspectionText(inspections, io) : `${JSON.stringify(inspections, null, 2)}\n`);
      if (inspections.some((one) => "error" in one)) io.exit(1);
    });
}

function inspectFile(file: string): readonly Inspection[] {
  let bytes: Uint8Array;
  try {
    bytes = readBytes(file);
  } catch (error) {
    return [{ file, error: (error as Error).message }];
  }
  const found: readonly FoundStructure[] = findStructures(bytes);
  if (found.length > 0) return found.map((structure) => inspect(file, structure));
  const expected = "expected a SIGSTRUCT (1808), an EINITTOKEN (304, or 1024 as launch token) or a SECS (4096)";
  return [{ file, error: `no structure found in ${bytes.length} bytes, ${expected}` }];
}
