/** How long `launchgate vet` takes over many enclaves: the whole process over a folder, from files to the report. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../io.js";
import { policiesDir } from "../policy/shipped.js";
import { rounded } from "./statistics.js";
import { eventStream } from "./workload.js";

export interface VetSpeed {
  readonly enclaves: number;
  readonly seconds: number;
  readonly enclaves_per_second: number;
}

const PROGRAM = join(policiesDir(), "..", "dist", "cli", "main.js");

/** Enclaves of one signer, each with a measurement of its own; their signatures are checked as any other's. */
export function measureVet(template: Uint8Array, enclaves: number, { env }: Io): VetSpeed {
  const folder = mkdtempSync(join(tmpdir(), "launchgate-bench-vet-"));
  try {
    const events = eventStream({ template, signers: "listed", enclaves: "new", series: 12 });
    mkdirSync(join(folder, "enclaves"));
    for (let at = 0; at < enclaves; at += 1) {
      writeFileSync(join(folder, "enclaves", `${String(at).padStart(6, "0")}.sig`), events(at).sigstruct as Uint8Array);
    }
    const started = process.hrtime.bigint();
    const { status, stderr, error } = spawnSync(
      process.execPath,
      [PROGRAM, "vet", "enclaves", "--format", "json", "--report", "junit=report.xml"],
      { cwd: folder, encoding: "utf8", env: { PATH: env["PATH"] }, maxBuffer: 2 ** 31 },
    );
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    if (error !== undefined) throw error;
    if (status !== 0 && status !== 2) throw new Error(`launchgate vet ended with ${status}: ${stderr.slice(0, 500)}`);
    return { enclaves, seconds: rounded(seconds), enclaves_per_second: Math.round(enclaves / seconds) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
