/** `launchgate build`: a policy folder, checked, to a bundle that hosts decide with. */

import { Command, Option } from "commander";
import picocolors from "picocolors";
import type { JsonObject } from "../../engine/json.js";
import { readBundle } from "../../engine/policy/bundle.js";
import { writeWhole } from "../files.js";
import { CommandError, type Io } from "../io.js";
import { printable } from "../output/table.js";
import { checkPolicy } from "../policy/check.js";
import { compilePolicy } from "../policy/compile.js";
import { readDataFile } from "../policy/data-files.js";
import { effectiveFolderData } from "../policy/effective.js";
import { findOpa } from "../policy/opa.js";
import { policiesDir } from "../policy/shipped.js";
import { addSignOptions, type SignOptions, signatureText, signerOf } from "../policy/signing.js";
import { documentsSaySigning } from "../policy/signing-part.js";
import { findingsText } from "./check.js";

interface BuildOptions extends SignOptions {
  readonly output: string;
  readonly data: readonly string[];
  readonly profile?: string;
  readonly name?: string;
  readonly revision?: string;
  readonly check: boolean;
  readonly format: "text" | "json";
}

export function command(io: Io): Command {
  const builder = new Command("build")
    .summary("compile a policy folder to a bundle")
    .description(
      "Check a policy folder and compile it, with the shipped library and its data, to an OPA bundle with WASM.",
    )
    .argument("<dir>", "policy folder")
    .requiredOption("-o, --output <bundle>", "the bundle to write, a .tar.gz")
    .option("--data <file>", "data document, JSON or YAML, merged over the folder's; repeatable", collect, [])
    .option("--profile <name>", "strict, baseline or open")
    .option("--name <name>", "the policy's name in decisions")
    .option("--revision <text>", "what to call this state of the policy")
    .option("--no-check", "compile without checking first")
    .addOption(new Option("--format <format>", "how to print the result").choices(["text", "json"]).default("text"))
    .action((dir: string, options: BuildOptions) => build(dir, options, io));
  return addSignOptions(builder);
}

async function build(dir: string, options: BuildOptions, io: Io): Promise<void> {
  const sign = signerOf(options);
  const opa = findOpa(io);
  const policies = policiesDir();
  const documents = documentsOf(options);
  const data = effectiveFolderData(documents);
  const signing = documentsSaySigning(documents) ? "with" : "as-said";
  if (options.check) {
    const findings = await checkPolicy({ dir, opa, policies, data, signing });
    io.err(findingsText(findings, picocolors.createColors(false)));
    if (findings.some(({ severity }) => severity === "error"))
      throw new CommandError(3, `${dir} is refused, no bundle was written`);
  }
  const { name, revision } = options;
  const { bundle: compiled, entrypoints } = await compilePolicy({
    dir,
    opa,
    policies,
    data,
    signing,
    ...(name === undefined ? {} : { name }),
    ...(revision === undefined ? {} : { revision }),
  });
  // Read back as a host will, digests and all, before anybody relies on it.
  const signed = sign === null ? null : await sign(compiled);
  const bundle = signed?.bytes ?? compiled;
  const policy = signed?.bundle ?? readBundle(bundle);
  writeWhole(options.output, bundle);
  io.err(`${bundle.length} bytes, entrypoints ${entrypoints.join(", ")}, compiled by OPA ${opa.version}\n`);
  if (signed !== null) io.err(`signed: ${printable(signatureText(signed.signature))}\n`);
  const result = {
    name: policy.name,
    revision: policy.revision,
    sha256: policy.sha256,
    entrypoints,
    output: options.output,
    size_bytes: bundle.length,
    ...(signed === null
      ? {}
      : { signature: { key_id: signed.signature.keyId, algorithm: signed.signature.algorithm } }),
  };
  io.out(
    options.format === "json"
      ? `${JSON.stringify(result, null, 2)}\n`
      : `${policy.name} sha256:${policy.sha256} ${options.output}\n`,
  );
  io.exit(0);
}

function documentsOf({ data, profile }: BuildOptions): readonly JsonObject[] {
  const documents = data.map(readDataFile);
  return profile === undefined ? documents : [{ version: 1, profile }, ...documents];
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
