/** A folder for OPA to work in: private, temporary, holding exactly the files it is to see under their relative paths. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { SourceFile } from "./sources.js";

/** Stages the files (and an empty `out` folder beside them), runs `work`, and removes everything whatever happened. */
export async function withStaged<T>(
  files: readonly SourceFile[],
  work: (stage: { readonly dir: string; readonly out: string }) => Promise<T>,
): Promise<T> {
  const base = mkdtempSync(join(realpathSync(tmpdir()), "launchgate-"));
  try {
    const dir = join(base, "policy");
    const out = join(base, "out");
    mkdirSync(dir);
    mkdirSync(out);
    for (const { path, bytes } of files) {
      const target = join(dir, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, bytes, { mode: 0o600 });
    }
    return await work({ dir, out });
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}
