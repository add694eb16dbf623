/** The manual page launchgate(1), made of what `--help` says, so that the two cannot differ. Truth: man-pages(7), groff_man(7). */

import type { Command } from "commander";

export interface PageOptions {
  readonly version: string;
  /** In the order they are to be in. */
  readonly commands: readonly Command[];
}

const ABOUT =
  "Launchgate decides which SGX enclaves may launch. Bytes of a launch request go in, one decision with reasons comes out, and " +
  "nothing that goes wrong on the way can come out as allow.";

const EXITS = [
  ["0", "allow, or passed"],
  ["1", "could not: a file, the usage, a crash"],
  ["2", "deny, or failed"],
  ["3", "policy, data or configuration is invalid"],
] as const;

const FILES = [
  ["/etc/launchgate/launchgate.yaml", "Configuration of the daemon. Without it, embedded defaults hold."],
  ["/run/launchgate/gate.sock", "Where hooks ask."],
  ["/var/lib/launchgate/audit", "Every decision, as a record."],
] as const;

const ENVIRONMENT = [
  ["LAUNCHGATE_OPA", "The OPA that compiles policies, instead of the one on PATH."],
  ["NO_COLOR", "No colours, whatever stdout is."],
  ["RUNTIME_DIRECTORY, STATE_DIRECTORY", "Where the daemon has its sockets and its state, as systemd sets them."],
  ["NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS", "As systemd sets them: sd_notify(3), sd_listen_fds(3)."],
] as const;

/** The page as roff. The same for the same commands, whenever it is made. */
export function manPage({ version, commands }: PageOptions): string {
  return [
    '.\\" Made of the help of the commands.',
    `.TH LAUNCHGATE 1 "" "launchgate ${roff(version)}" "User Commands"`,
    ".SH NAME",
    "launchgate \\- launch policies for Intel SGX enclaves",
    ".SH SYNOPSIS",
    ".B launchgate",
    ".I command",
    "[options]",
    ".SH DESCRIPTION",
    roff(ABOUT),
    ".SH COMMANDS",
    ...commands.flatMap(commandPart),
    ".SH EXIT STATUS",
    ...EXITS.flatMap(([code, text]) => tagged(code, text)),
    ".SH FILES",
    ...FILES.flatMap(([path, text]) => tagged(path, text)),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, text]) => tagged(name, text)),
    "",
  ].join("\n");
}

function commandPart(command: Command): readonly string[] {
  const help = command.createHelp();
  const usage = `launchgate ${command.name()} ${command.usage()}`;
  const terms = [
    ...help.visibleArguments(command).map((each) => [help.argumentTerm(each), help.argumentDescription(each)] as const),
    ...help.visibleOptions(command).map((each) => [help.optionTerm(each), help.optionDescription(each)] as const),
  ];
  const own = [
    `.SS ${roff(usage)}`,
    roff(command.description()),
    ...terms.flatMap(([term, text]) => tagged(term, text)),
  ];
  const parts = command.commands.flatMap((part) => {
    const [first = "", ...rest] = commandPart(part);
    return [first.replace("launchgate ", `launchgate ${roff(command.name())} `), ...rest];
  });
  return [...own, ...parts];
}

function tagged(term: string, text: string): readonly string[] {
  return [".TP", `.B ${roff(term)}`, roff(text)];
}

/** Text that is text to roff, whatever is in it: one line, with nothing that begins a request. */
function roff(text: string): string {
  const plain = text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll('"', "\\(dq")
    .replaceAll(/[^\x20-\x7e]/gu, (other) => `\\[u${hexOf(other)}]`);
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}

/** Of what is not ASCII, as groff_char(7) wants it: four upper-case digits at least. */
function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
