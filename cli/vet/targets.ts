/** Which files are vetted, and which earlier release each of them is compared with. */

import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type EnclaveFile, enclavesIn } from "../enclave-files.js";
import { CommandError } from "../io.js";

/** A file to vet. */
export interface Target {
  /** As the user named it, or a path below the folder that the user named. */
  readonly file: string;
  /** What it is called in a folder of baselines: its path below the folder named, or its last name. */
  readonly key: string;
}

/**
 * The files named, each once. A folder stands for every file in it, however deep, but hidden ones; none is passed over, so
 * that what cannot be read as an enclave shows as that.
 * @throws CommandError exit 1 where a folder is empty or cannot be read
 */
export function targetsOf(paths: readonly string[]): readonly Target[] {
  const targets = paths.flatMap((path): readonly Target[] => {
    if (!isFolder(path)) return [{ file: path, key: basename(path) }];
    const keys = filesBelow(path, "");
    if (keys.length === 0) throw new CommandError(1, `${path} holds no file`);
    return keys.map((key) => ({ file: join(path, key), key }));
  });
  return [...new Map(targets.map((target) => [target.file, target])).values()];
}

function filesBelow(root: string, below: string): readonly string[] {
  const found = entriesOf(join(root, below)).filter(({ name }) => !name.startsWith("."));
  return found
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry): readonly string[] => {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(root, path);
      // A link to a folder could lead in a circle; a link that leads nowhere is left for the reader to refuse.
      return entry.isFile() || (entry.isSymbolicLink() && !isFolder(join(root, path))) ? [path] : [];
    });
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    throw new CommandError(1, `cannot read ${folder}: ${(error as Error).message}`);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isFolder(path: string): boolean {
  return path !== "-" && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

/** The enclaves that those of a target are compared with, in the same order; null where the target is new. */
export type Baselines = (target: Target) => readonly EnclaveFile[] | null;

/**
 * `--baseline`: a folder, in which the earlier release has the target's name, or one file for one target.
 * @throws CommandError exit 1 where one file is to serve several targets, or cannot be read
 */
export function baselinesAt(path: string | undefined, targets: readonly Target[]): Baselines {
  if (path === undefined) return () => null;
  if (isFolder(path)) {
    return ({ key }) => {
      const file = join(path, key);
      // Of several enclaves in a file one may be named: that it is new is no matter of its offset.
      return exists(file) || exists(file.replace(/@\d{1,15}$/, "")) ? enclavesIn(file) : null;
    };
  }
  if (targets.length !== 1)
    throw new CommandError(
      1,
      `--baseline ${path} is one file for ${targets.length}: name a folder with the earlier ones`,
    );
  const enclaves = enclavesIn(path);
  return () => enclaves;
}
