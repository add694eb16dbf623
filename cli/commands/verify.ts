/**
 * `launchgate verify`: whether a key vouches for a bundle, and for what. Exit 0 verified, 2 not, 1 could not (key or file
 * unreadable).
 */

import { Command, Option } from "commander";
import {
  PolicyError,
  type SignatureAlgorithm,
  sha256Hex,
  type VerifiedBundle,
  verifyBundle,
} from "../../engine/index.js";
import { readBytes } from "../files.js";
import type { Io } from "../io.js";
import { printable, table } from "../output/table.js";
import { algorithmOption, keyOptions, now, readVerificationKeys, signatureText } from "../policy/signing.js";

interface VerifyCommandOptions {
  readonly key: string;
  readonly alg?: SignatureAlgorithm;
  readonly keyId?: string;
  readonly scope?: string;
  readonly format: "text" | "json";
}

export function command(io: Io): Command {
  return new Command("verify")
    .summary("verify the signature of a bundle")
    .description("Verify that a bundle is signed with a key, every file of it and nothing else, and say what it is.")
    .argument("<bundle>", "the bundle, a .tar.gz; - for stdin")
    .requiredOption("--key <file>", "public key: PEM, JWK or JWK Set")
    .addOption(algorithmOption("--alg <alg>", "algorithm of the key, where it does not say (default: as the key is)"))
    .option("--key-id <id>", "id of the key, which the signature then must name, if it names one")
    .option("--scope <text>", "scope that the signature must have")
    .addOption(new Option("--format <format>", "how to print the result").choices(["text", "json"]).default("text"))
    .action((path: string, options: VerifyCommandOptions) => verify(path, options, io));
}

async function verify(path: string, options: VerifyCommandOptions, io: Io): Promise<void> {
  const { key, alg, keyId, scope, format } = options;
  const keys = readVerificationKeys(key, keyOptions(alg, keyId));
  const bytes = readBytes(path);
  try {
    const verified = await verifyBundle(bytes, { keys, ...(scope === undefined ? {} : { scope }), time: now() });
    io.out(format === "json" ? json(resultOf(verified, bytes)) : textOf(verified, bytes, io));
    io.exit(0);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const { code, message } = error;
    io.out(
      format === "json"
        ? json({ verified: false, code, message })
        : `${io.colours.red("not verified")}: ${printable(message)} [${code}]\n`,
    );
    io.exit(2);
  }
}

function resultOf({ bundle, signature }: VerifiedBundle, bytes: Uint8Array) {
  const { keyId, algorithm, scope, expires, files } = signature;
  return {
    verified: true,
    name: bundle.name,
    revision: bundle.revision,
    sha256: bundle.sha256,
    file_sha256: sha256Hex(bytes),
    entrypoints: bundle.entrypoints,
    key_id: keyId,
    algorithm,
    scope,
    expires,
    files,
  };
}

function textOf({ bundle, signature }: VerifiedBundle, bytes: Uint8Array, { colours }: Io): string {
  const { scope, expires, files } = signature;
  const rows = [
    ["name", bundle.name],
    ["revision", bundle.revision === "" ? "none" : bundle.revision],
    ["policy", `sha256:${bundle.sha256}`],
    ["bundle file", `sha256:${sha256Hex(bytes)}`],
    ["entrypoints", bundle.entrypoints.join(", ")],
    ["signature", signatureText(signature)],
    ...(scope === null ? [] : [["scope", scope]]),
    ["expires", expires === null ? "never" : dateText(expires)],
    ["files", String(files.length)],
  ];
  const shown = rows.map(([label = "", text = ""]) => [label, printable(text)]);
  return `${colours.green("verified")}\n${table(shown, "  ")}\n`;
}

/** A time that no calendar has is shown as it is. */
function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
