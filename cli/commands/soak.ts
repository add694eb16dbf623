/**
 * `launchgate soak`: a real daemon under load for a long time, killed, reloaded. Exit 0 when every promise was kept, 2 where
 * one was broken, 1 could not.
 */

import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { CommandError, type Io } from "../io.js";
import { soakText } from "../soak/render.js";
import { runSoak } from "../soak/run.js";

interface SoakOptions {
  readonly minutes?: number;
  readonly kill?: number;
  readonly reload?: number;
  readonly rate: number;
  readonly format: "text" | "json";
  readonly out?: string;
}

const MINUTES = 10;
const RATE = 2000;

export function command(io: Io): Command {
  return new Command("soak")
    .summary("put a daemon under load for a long time")
    .description(
      "Start a daemon of its own in a temporary folder and put mixed load on it: its memory stays flat, every request is\n" +
        "answered and every answer matches. With --kill and --reload just those storms, unless --minutes is given, too.",
    )
    .option("--minutes <n>", `how long, fractions too (default: ${MINUTES})`, positive)
    .option("--kill <n>", "kill -9 so often under load: no allow was read that is not in the log", whole)
    .option("--reload <n>", "reload so often under load: every decision is by exactly one generation in force", whole)
    .option("--rate <n>", "requests a second", whole, RATE)
    .addOption(new Option("--format <format>", "how to print the report").choices(["text", "json"]).default("text"))
    .option("--out <file>", "write the report there instead of to stdout")
    .action((options: SoakOptions) => soak(options, io));
}

async function soak({ minutes, kill, reload, rate, format, out }: SoakOptions, io: Io): Promise<void> {
  const storms = kill !== undefined || reload !== undefined;
  const report = await runSoak(
    {
      minutes: minutes ?? (storms ? null : MINUTES),
      kills: kill ?? null,
      reloads: reload ?? null,
      perSecond: rate,
      progress: io.progress ? (text) => io.err(`\r\u001b[Ksoak: ${text}`) : () => undefined,
    },
    io,
  );
  if (io.progress) io.err("\r\u001b[K");
  const text = format === "json" ? `${JSON.stringify(report, null, 2)}\n` : soakText(report);
  if (out === undefined) io.out(text);
  else {
    try {
      writeFileSync(out, text);
    } catch (error) {
      throw new CommandError(1, `cannot write ${out}: ${(error as Error).message}`);
    }
  }
  io.exit(report.broken.length > 0 ? 2 : 0);
}

function whole(value: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number from 1 to 999999.");
}

function positive(value: string): number {
  const number = /^[0-9]{1,4}(\.[0-9]{1,3})?$/.test(value) ? Number(value) : 0;
  if (number > 0) return number;
  throw new InvalidArgumentError("Expected minutes above 0, such as 10 or 0.5.");
}
