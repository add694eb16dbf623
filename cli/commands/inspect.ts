/**
 * `launchgate inspect`: what a SIGSTRUCT, EINITTOKEN or SECS says, and what is odd about it; what an SGXS stream
 * measures. Decides nothing.
 */

import { Command, Option } from "commander";
import { IMAGE_CARRIERS } from "../../engine/index.js";
import { lookInto } from "../enclave-files.js";
import { CommandError, type Io } from "../io.js";
import { type Inspection, inspect, withMatches } from "../output/inspection.js";
import { inspectionText } from "../output/inspection-text.js";

export function command(io: Io): Command {
  return new Command("inspect")
    .summary("show what a SIGSTRUCT, EINITTOKEN or SECS says")
    .description(
      "Show the structures found in files, by content: raw, hex or base64; signed ELF and PE enclaves of Intel's SDK and\n" +
        "Open Enclave; sgx_sign gendata material; SGXS streams, which are measured and compared with the SIGSTRUCTs given\n" +
        "along with them. FILE@OFFSET shows one structure of several; `-` reads stdin.",
    )
    .argument("<file...>", "files to look into")
    .addOption(
      new Option("--format <format>", "text, or json (default: text on a terminal, json in a pipe)").choices([
        "text",
        "json",
      ]),
    )
    .action((files: readonly string[], { format }: { readonly format?: "text" | "json" }) => {
      const found = files.flatMap(inspectFile);
      const inspections = withMatches(found.map(({ inspection }) => inspection));
      const asText = format === undefined ? io.terminal : format === "text";
      const carriers = found.map(({ carrier }) => carrier);
      io.out(asText ? inspectionText(inspections, carriers, io) : `${JSON.stringify(inspections, null, 2)}\n`);
      if (inspections.some((one) => "error" in one)) io.exit(1);
    });
}

interface Found {
  readonly inspection: Inspection;
  /** What the structure was found in; null where it is the whole file. */
  readonly carrier: string | null;
}

function inspectFile(file: string): readonly Found[] {
  try {
    const { carrier, structures, problem } = lookInto(file).carried;
    if (problem !== null) return [{ inspection: { file, error: problem }, carrier: null }];
    const inside = carrier !== "SGXS stream" && IMAGE_CARRIERS.some((image) => image === carrier);
    return structures.map((structure) => ({ inspection: inspect(file, structure), carrier: inside ? carrier : null }));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return [{ inspection: { file, error: error.message }, carrier: null }];
  }
}
