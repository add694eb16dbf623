/**
 * `launchgate serve`: the daemon that hooks ask. Runs until SIGTERM or SIGINT; SIGHUP reads configuration and policies again.
 * Exit 0 ended as told, or `--check` passed; 1 could not; 3 configuration, policy or data invalid.
 */

import { Command, Option } from "commander";
import type { Io } from "../io.js";
import { checkConfig } from "../serve/check.js";
import { readConfig } from "../serve/config.js";
import { Daemon } from "../serve/daemon.js";
import { listenFds } from "../serve/listen-fds.js";
import { createLog, LOG_LEVELS, type LogLevel } from "../serve/log.js";
import { type Notifier, notifier } from "../serve/notify.js";

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

const IDLE_MS = 60_000;
/** For what ends after the requests have been answered: threads, files. */
const OVERTIME_MS = 15_000;

async function serve(options: ServeOptions, io: Io): Promise<void> {
  const read = () => readConfig(options.config, io);
  if (options.check === true) {
    io.out(await checkConfig(read()));
    io.exit(0);
    return;
  }
  const log = createLog({ format: options.logFormat, level: options.logLevel, err: io.err });
  const notify = notifier(io.env, (message) => log.write("warn", "notify", message));
  // Heard from the beginning: who tells a daemon to end or to reload as it starts does not kill it by that.
  const end = told(["SIGTERM", "SIGINT"], notify);
  let started: Daemon | null = null;
  let hungUp = false;
  const reload = (daemon: Daemon): void => {
    notify.reloading();
    void daemon.reload().finally(() => notify.ready(`serving, generation ${daemon.status().generation}`));
  };
  process.on("SIGHUP", () => {
    if (started === null) hungUp = true;
    else reload(started);
  });
  try {
    const daemon = await Daemon.start({
      read,
      log,
      sockets: listenFds(io.env),
      overrides: { allowRollback: options.allowRollback === true, allowRemoval: options.allowRemoval === true },
    });
    started = daemon;
    notify.ready(`serving, generation ${daemon.status().generation}`);
    if (hungUp) reload(daemon);
    await end.come;
    notify.stopping();
    // Told again, it ends as it is; so it does where something never comes to its end.
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(1));
    setTimeout(() => process.exit(1), daemon.shutdownMs + OVERTIME_MS).unref();
    await daemon.stop();
    io.exit(0);
  } finally {
    end.forget();
  }
}

interface Told {
  readonly come: Promise<void>;
  readonly forget: () => void;
}

/** Waits for one of the signals; whoever watches hears meanwhile that the daemon's loop turns. */
function told(signals: readonly NodeJS.Signals[], { watchdog, watchdogMs }: Notifier): Told {
  const alive = setInterval(watchdog, watchdogMs ?? IDLE_MS);
  const come = new Promise<void>((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve());
  });
  return { come, forget: () => clearInterval(alive) };
}
