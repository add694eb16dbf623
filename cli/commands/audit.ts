/** `launchgate audit`: whether an audit log is the one that was written, and what is in it. */

import { Command, InvalidArgumentError, Option } from "commander";
import { verifyLog } from "../../hooks/audit/verify.js";
import { checkpointKeys } from "../audit/keys.js";
import { logPaths } from "../audit/log-paths.js";
import { reportText } from "../audit/report-text.js";
import { showLog } from "../audit/show.js";
import { CommandError, type Io } from "../io.js";
import { printableLines } from "../output/table.js";

export function command(io: Io): Command {
  const audit = new Command("audit")
    .summary("check and read the audit log")
    .description("Check that an audit log is the one that was written, or read it.");
  for (const sub of [verifyCommand(io), showCommand(io)]) {
    sub
      .exitOverride()
      .configureOutput({ writeOut: io.out, writeErr: (text) => io.err(printableLines(text)) })
      .showHelpAfterError(`(launchgate audit ${sub.name()} --help shows its options)`);
    audit.addCommand(sub);
  }
  return audit;
}

interface VerifyFlags {
  readonly key: readonly string[];
  readonly expectSeq?: number;
  readonly expectHash?: string;
  readonly format: "text" | "json";
}

/** A log that is written meanwhile may end in the middle of a line for so long. */
const SETTLE_MS = 250;

function verifyCommand(io: Io): Command {
  return new Command("verify")
    .summary("find removed, altered and reordered records")
    .description(
      "Check an audit log: its directory, or some of its files. Exit 0 intact, 2 not intact, 1 could not be read.\n" +
        "Without --key, or without signed checkpoints, a log that was wholly written anew looks intact.",
    )
    .argument("<path...>", "the log's directory, or files of one log")
    .option("--key <file>", "public key that checkpoints are signed with: PEM, JWK or JWKS; repeatable", collect, [])
    .option("--expect-seq <number>", "a record that must be there, as `launchgate status` names it", count)
    .option("--expect-hash <hex>", "SHA-256 of that record's line", hash)
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json"]).default("text"))
    .action(async (paths: readonly string[], { key, expectSeq, expectHash, format }: VerifyFlags) => {
      if (expectHash !== undefined && expectSeq === undefined)
        throw new CommandError(1, "--expect-hash needs --expect-seq: which record's hash it is");
      const { files, directory } = logPaths(paths);
      const report = await verifyLog(files, {
        verifiers: await checkpointKeys(key),
        complete: directory !== null,
        settleMs: SETTLE_MS,
        ...(expectSeq === undefined ? {} : { expected: { seq: expectSeq, sha256: expectHash ?? null } }),
        ...(io.progress ? { onProgress: progress(io) } : {}),
      }).catch((error: Error) => {
        throw new CommandError(1, `cannot read the audit log: ${error.message}`);
      });
      if (io.progress) io.err("\r\u001b[K");
      io.out(format === "json" ? `${JSON.stringify(report, null, 2)}\n` : reportText(report, io));
      io.exit(report.intact ? 0 : 2);
    });
}

function progress(io: Io): (bytes: number) => void {
  let total = 0;
  return (bytes) => {
    total += bytes;
    io.err(`\r${Math.round(total / 1e6)} MB checked`);
  };
}

interface ShowFlags {
  readonly follow?: true;
  readonly since?: number;
  readonly until?: number;
  readonly decision?: string;
  readonly origin: readonly string[];
  readonly mrsigner?: string;
  readonly mrenclave?: string;
  readonly reason: readonly string[];
  readonly kind: readonly string[];
  readonly limit?: number;
  readonly format: "text" | "json" | "jsonl";
}

function showCommand(io: Io): Command {
  return new Command("show")
    .summary("print records, and follow what is written")
    .description("Print an audit log's records, oldest first. Exit 1 where lines are no records: see `audit verify`.")
    .argument("<path>", "the log's directory, or one of its files")
    .option("-f, --follow", "go on with what is written, across rotations")
    .option("--since <rfc3339>", "from this time on", time)
    .option("--until <rfc3339>", "up to this time", time)
    .addOption(new Option("--decision <decision>", "decisions of this kind").choices(["allow", "deny"]))
    .option("--origin <kind>", "launches from there: native, kvm, guest-agent or file; repeatable", origin, [])
    .option("--mrsigner <hex>", "enclaves of this signer, or whose MRSIGNER begins so", hexPrefix)
    .option("--mrenclave <hex>", "this enclave, or those whose MRENCLAVE begins so", hexPrefix)
    .option("--reason <code>", "with this reason, or with it in would_deny; repeatable", collect, [])
    .option("--kind <kind>", "lines of this kind: decision, result, policy_loaded, …; repeatable", collect, [])
    .option("--limit <number>", "of what is there, so many, the newest", count)
    .addOption(
      new Option("--format <format>", "text, one JSON array, or a JSON document a line")
        .choices(["text", "json", "jsonl"])
        .default("text"),
    )
    .action(async (path: string, flags: ShowFlags) => {
      const filter = {
        since: flags.since ?? null,
        until: flags.until ?? null,
        decision: flags.decision ?? null,
        origins: flags.origin,
        mrsigner: flags.mrsigner ?? null,
        mrenclave: flags.mrenclave ?? null,
        reasons: flags.reason,
        kinds: flags.kind,
      };
      const options = { filter, limit: flags.limit ?? null, follow: flags.follow === true, format: flags.format };
      const broken = await showLog(path, options, io);
      if (broken > 0) io.exit(1);
    });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function origin(value: string, before: readonly string[]): readonly string[] {
  if (["native", "kvm", "guest-agent", "file"].includes(value)) return [...before, value];
  throw new InvalidArgumentError("expected native, kvm, guest-agent or file");
}

function count(value: string): number {
  if (/^[0-9]{1,15}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("expected a number");
}

function hash(value: string): string {
  if (/^[0-9a-f]{64}$/.test(value)) return value;
  throw new InvalidArgumentError("expected 64 lower-case hex digits");
}

function hexPrefix(value: string): string {
  if (/^[0-9a-f]{1,64}$/.test(value)) return value;
  throw new InvalidArgumentError("expected up to 64 lower-case hex digits");
}

function time(value: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?$/.test(value)
    ? Date.parse(value)
    : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new InvalidArgumentError("expected a time as in RFC 3339, such as 2026-11-21T22:26:40Z");
}
