/** `launchgate version`: the versions of all that has a say in a decision. */

import { Command, Option } from "commander";
import { shippedPolicy } from "../../engine/index.js";
import type { Io } from "../io.js";
import { table } from "../output/table.js";
import { findOpa } from "../policy/opa.js";
import { packageVersion } from "../policy/shipped.js";

export function command(io: Io): Command {
  return new Command("version")
    .summary("print the versions of what decides")
    .description("Print the versions of Launchgate, of the contract, of the built-in policy, of Node and of OPA.")
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json"]).default("text"))
    .action(async ({ format }: { readonly format: "text" | "json" }) => {
      const versions = await versionsOf(io.env);
      if (format === "json") io.out(`${JSON.stringify(versions, null, 2)}\n`);
      else io.out(`${table(Object.entries(versions).map(([what, version]) => [what, version ?? "none"]))}\n`);
    });
}

async function versionsOf(env: Io["env"]): Promise<Readonly<Record<string, string | null>>> {
  const policy = shippedPolicy();
  return {
    launchgate: packageVersion(),
    contract: "1",
    policy: `${policy.name} ${policy.revision} sha256:${policy.sha256}`,
    "policy built with OPA": policy.opa,
    node: process.versions.node,
    opa: await opaVersion(env),
  };
}

/** Null where there is no OPA: deciding needs none. */
async function opaVersion(env: Io["env"]): Promise<string | null> {
  try {
    const { version, path } = await findOpa({ env });
    return `${version} (${path})`;
  } catch {
    return null;
  }
}
