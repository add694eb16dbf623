/**
 * `launchgate serve`: the daemon that hooks ask. Runs until SIGTERM or SIGINT; SIGHUP reads configuration and policies again.
 * Exit 0 ended as told, or `--check` passed; 1 could not; 3 configuration, policy or data invalid.
 */

import { Command, Option } from "commander";
import type { Io } from "../io.js";
import { checkConfig } from "../serve/check.js";
import { readConfig } from "../serve/config.js";
import { Daemon } from "../serve/daemon.js";
import { createLog, LOG_LEVELS, type LogLevel } from "../serve/log.js";
import { peersFor } from "../serve/peers.js";

interface ServeOptions {
  readonly config?: string;
  readonly check?: true;
  readonly allowRollback?: true;
  readonly allowRemoval?: true;
  readonly logFormat: "text" | "json";
  readonly logLevel: LogLevel;
}

export function command(io: Io): Command {
  return new Command("serve")
    .summary("answer hooks over a socket")
    .description(
      "Decide for everybody on this host: launchers, supervisors and guests ask over unix sockets, and every decision is\n" +
        "recorded. Without a configuration the built-in strict policy decides. SIGHUP reads configuration and policies again;\n" +
        "SIGTERM answers what is in flight, and ends.",
    )
    .option("--config <file>", "configuration, YAML (default: /etc/launchgate/launchgate.yaml where it is there)")
    .option("--check", "only check the configuration and all it names, and print it with its defaults")
    .option("--allow-rollback", "at this start, let policies of older revisions in")
    .option("--allow-removal", "at this start, let policies be gone that were there")
    .addOption(new Option("--log-format <format>", "how stderr is written").choices(["text", "json"]).default("text"))
    .addOption(new Option("--log-level <level>", "the least that is logged").choices([...LOG_LEVELS]).default("info"))
    .action((options: ServeOptions) => serve(options, io));
}

async function serve(options: ServeOptions, io: Io): Promise<void> {
  const read = () => readConfig(options.config, io);
  if (options.check === true) {
    io.out(await checkConfig(read()));
    io.exit(0);
    return;
  }
  const log = createLog({ format: options.logFormat, level: options.logLevel, err: io.err });
  const { config } = read();
  const daemon = await Daemon.start({
    read,
    log,
    peers: await peersFor(config),
    overrides: { allowRollback: options.allowRollback === true, allowRemoval: options.allowRemoval === true },
  });
  process.on("SIGHUP", () => void daemon.reload());
  await told(["SIGTERM", "SIGINT"]);
  // Told again, it ends as it is.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(1));
  await daemon.stop();
  io.exit(0);
}

function told(signals: readonly NodeJS.Signals[]): Promise<void> {
  // A pending promise alone keeps no process alive, and no listener may be left that does.
  const alive = setInterval(() => undefined, 60_000);
  return new Promise((resolve) => {
    for (const signal of signals) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve();
      });
    }
  });
}
