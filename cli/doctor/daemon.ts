/** What the daemon is told to do, and the files and sockets it does it with. */

import { lstatSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { CommandError, type Io } from "../io.js";
import { checkConfig } from "../serve/check.js";
import { type Config, type ReadConfig, readConfig } from "../serve/config.js";
import { type Finding, finding, messageOf, permissionsOf } from "./finding.js";

/** `named`: the configuration file; without, as `launchgate serve` finds one. */
export async function daemonFindings(named: string | undefined, io: Pick<Io, "env">): Promise<readonly Finding[]> {
  let read: ReadConfig;
  try {
    read = readConfig(named, io);
  } catch (error) {
    return [finding("configuration", "bad", messageOf(error), "launchgate serve --check says more")];
  }
  return [await configFinding(read), ...placeFindings(read.config)];
}

async function configFinding(read: ReadConfig): Promise<Finding> {
  const file = read.file ?? "embedded defaults";
  try {
    await checkConfig(read);
    return finding("configuration", "ok", `${file}: the daemon could start, its policies are good`);
  } catch (error) {
    // Somebody else may well be able to write there.
    const isForOthers = process.getuid?.() !== 0 && error instanceof CommandError && error.exitCode === 1;
    const advice = isForOthers
      ? "look at it as the daemon's own user"
      : "launchgate serve would not start like this, or would deny everything";
    return finding("configuration", isForOthers ? "unknown" : "bad", `${file}: ${messageOf(error)}`, advice);
  }
}

function placeFindings({ listeners, control, state_directory, audit, metrics }: Config): readonly Finding[] {
  const modes = new Map(listeners.map(({ path, mode }) => [path, Number.parseInt(mode, 8)]));
  if (metrics.listen?.startsWith("/")) modes.set(metrics.listen, 0o660);
  modes.set(control, 0o600);
  return [
    folderFinding("audit directory", audit.directory),
    folderFinding("state directory", state_directory),
    ...[...modes].flatMap(([path, mode]) => [socketFinding(path, mode), ...socketFolderFinding(path)]),
  ];
}

/** Who writes there can take records away, or put old policies in force again. */
export function folderFinding(check: string, path: string): Finding {
  const stat = statOf(path, statSync);
  if (stat === null) return finding(check, "ok", `${path}: not there yet, the daemon makes it`);
  if (stat === "unreadable") return finding(check, "unknown", `${path}: may not be looked at by this user`);
  const found = `${path}: ${permissionsOf(stat)}`;
  if (!stat.isDirectory()) return finding(check, "bad", `${path}: no directory`, "remove it, or name another");
  if ((stat.mode & 0o022) !== 0) {
    return finding(check, "bad", found, "others may write to it, and change what is recorded: chmod 0700");
  }
  if ((stat.mode & 0o004) !== 0)
    return finding(check, "warn", found, "everybody may read who launches what: chmod 0750");
  return finding(check, "ok", found);
}

export function socketFinding(path: string, mode: number): Finding {
  const check = "socket";
  const stat = statOf(path, lstatSync);
  if (stat === null) return finding(check, "ok", `${path}: not there, as while no daemon runs`);
  if (stat === "unreadable") return finding(check, "unknown", `${path}: may not be looked at by this user`);
  const found = `${path}: ${permissionsOf(stat)}`;
  if (!stat.isSocket()) return finding(check, "bad", `${path}: no socket`, "remove it, or name another path");
  // More may connect than the configuration says.
  if ((stat.mode & 0o777 & ~mode) !== 0) {
    const said = mode.toString(8).padStart(4, "0");
    return finding(check, "bad", `${found}, the configuration says ${said}`, "restart the daemon, or the socket unit");
  }
  return finding(check, "ok", found);
}

/** Whoever may write to the folder can put a socket of his own in this one's place, and answer allow. */
function socketFolderFinding(path: string): readonly Finding[] {
  const folder = dirname(path);
  const stat = statOf(folder, statSync);
  if (stat === null || stat === "unreadable" || !stat.isDirectory()) return [];
  const isSticky = (stat.mode & 0o1000) !== 0;
  if ((stat.mode & 0o022) === 0 || isSticky) return [];
  const advice = "others may put their own socket there and answer for the gate: chmod 0755";
  return [finding("socket", "bad", `${folder}: ${permissionsOf(stat)}`, advice)];
}

function statOf(path: string, look: (path: string) => Stats): Stats | "unreadable" | null {
  try {
    return look(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    return code === "ENOENT" || code === "ENOTDIR" ? null : "unreadable";
  }
}
