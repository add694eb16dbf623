#!/usr/bin/env node
/** The `launchgate` program: finds the command, loads just that one, and turns what it says into an exit code. */

import { Command, CommanderError } from "commander";
import picocolors from "picocolors";
import { PolicyError } from "../engine/errors.js";
import { COMMANDS } from "./commands.js";
import { CommandError, type ExitCode, type Io } from "./io.js";
import { printableLines } from "./output/table.js";

const io: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colours: picocolors.createColors(picocolors.isColorSupported && process.stdout.isTTY === true),
  terminal: process.stdout.isTTY === true,
  columns: process.stdout.columns,
  progress: process.stderr.isTTY === true,
  env: process.env,
  exit: (code) => {
    process.exitCode = code;
  },
};

// Whoever reads the results may stop early, as `head` does; what was decided stays the exit code.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const program = new Command("launchgate")
  .description("Decides which SGX enclaves may launch: EINIT requests in, allow or deny with reasons out")
  .exitOverride()
  .configureOutput({ writeOut: io.out, writeErr: (text) => io.err(printableLines(text)) })
  .showHelpAfterError("(launchgate --help lists the commands)");

const asked = process.argv.slice(2).find((argument) => argument !== "help" && !argument.startsWith("-"));
for (const { name, summary, load } of COMMANDS) {
  if (name === asked) {
    const command = (await load()).command(io).exitOverride().copyInheritedSettings(program);
    program.addCommand(command.showHelpAfterError(`(launchgate ${name} --help shows its options)`));
  } else program.addCommand(new Command(name).summary(summary).description(summary));
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  // Commander has already said what is wrong; all other messages may hold what a file or its name says.
  if (!(error instanceof CommanderError)) io.err(`launchgate: ${printableLines(messageOf(error))}\n`);
  io.exit(exitCodeOf(error));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
  if (error instanceof CommandError) return error.exitCode;
  return error instanceof PolicyError ? 3 : 1;
}
