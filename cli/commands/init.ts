/** `launchgate init`: a policy folder to start from, with data and tests. */

import { join } from "node:path";
import { Command } from "commander";
import type { Io } from "../io.js";
import { policiesDir } from "../policy/shipped.js";
import { writeStarter } from "../policy/starter.js";

export function command(io: Io): Command {
  return new Command("init")
    .summary("make a starter policy with data and tests")
    .description(
      "Write a policy to start from: the standard policy with one rule of your own, its data document and tests.",
    )
    .argument("<dir>", "a new or empty folder")
    .action((dir: string) => {
      for (const path of writeStarter(policiesDir(), dir)) io.out(`${join(dir, path)}\n`);
      const bundle = join(dir, "policy.tar.gz");
      io.err(
        [
          `next: list your signers in ${join(dir, "launchgate", "data.yaml")}, then`,
          `  launchgate check ${dir}`,
          `  launchgate test ${dir}`,
          `  launchgate build ${dir} -o ${bundle}`,
          `  opa test --v1-compatible ${bundle} ${join(dir, "launch", "decision_test.rego")}`,
          "",
        ].join("\n"),
      );
      io.exit(0);
    });
}
