/**
 * The starter policy: files under policies/starter, to be copied into a new folder. They end in `.starter` there, so that
 * nothing takes them for a part of the shipped policies.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CommandError } from "../io.js";

const SUFFIX = ".starter";

/** Writes the starter into a folder that is empty or not there; returns the paths written, sorted. */
export function writeStarter(policies: string, dir: string): readonly string[] {
  refuseUnlessEmpty(dir);
  const starter = join(policies, "starter");
  const names = readdirSync(starter, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(SUFFIX));
  const written = names.map((name) => ({ from: join(starter, name), path: name.slice(0, -SUFFIX.length) }));
  for (const { from, path } of written) {
    const target = join(dir, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, readFileSync(from), { flag: "wx" });
  }
  return written.map(({ path }) => path).sort();
}

function refuseUnlessEmpty(dir: string): void {
  let there: readonly string[];
  try {
    there = readdirSync(dir);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    throw new CommandError(
      1,
      code === "ENOTDIR" ? `${dir} is a file, expected a folder, or nothing` : `cannot read ${dir}: ${message}`,
    );
  }
  if (there.length > 0)
    throw new CommandError(1, `${dir} is not empty (it has ${there[0]}); init writes into a new folder only`);
}
