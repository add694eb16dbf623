#!/usr/bin/env node
/** The `launchgate` program: finds the command, loads just that one, and turns what it says into an exit code. */

import { Command, CommanderError } from "commander";
import picocolors from "picocolors";
import { LaunchError } from "../engine/errors.js";
import { COMMANDS } from "./commands.js";
import { CommandError, type Io } from "./io.js";

const io: Io = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colours: picocolors.createColors(picocolors.isColorSupported && process.stdout.isTTY === true),
  terminal: process.stdout.isTTY === true,
  progress: process.stderr.isTTY === true,
  env: process.env,
  exit: (code) => {
    process.exitCode = code;
  },
};

const program = new Command("launchgate")
  .description("Decides which SGX enclaves may launch: EINIT requests in, allow or deny with reasons out")
  .exitOverride()
  .configureOutput({ writeOut: io.out, writeErr: io.err })
  .showHelpAfterError("(launchgate --help lists the commands)");

const asked = process.argv[2];
for (const { name, summary, load } of COMMANDS) {
  if (name === asked) program.addCommand((await load()).command(io).exitOverride().copyInheritedSettings(program));
  else program.addCommand(new Command(name).summary(summary).description(summary));
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) io.exit(error.exitCode === 0 ? 0 : 1);
  else if (error instanceof CommandError) {
    io.err(`launchgate: ${error.message}\n`);
    io.exit(error.exitCode);
  } else if (error instanceof LaunchError) {
    io.err(`launchgate: ${error.message}\n`);
    io.exit(error.name === "PolicyError" ? 3 : 1);
  } else {
    io.err(`launchgate: ${error instanceof Error ? error.message : String(error)}\n`);
    io.exit(1);
  }
}
