/** `launchgate audit verify` on a daemon's log, as a process of its own. */

import { spawnSync } from "node:child_process";
import { PROGRAM } from "../bench/daemon-process.js";

export interface AuditCheck {
  readonly intact: boolean;
  /** What kinds of faults it found. */
  readonly faults: readonly string[];
  readonly text: string;
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** @throws Error where it could not be run, or could not read the log */
export function verifyAudit(folder: string, publicKeyFile: string): AuditCheck {
  const args = [PROGRAM, "audit", "verify", folder, "--key", publicKeyFile, "--format", "json"];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: {},
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  if (error !== undefined) throw error;
  if (status !== 0 && status !== 2) throw new Error(`launchgate audit verify ended with ${status}: ${stderr.trim()}`);
  const report = JSON.parse(stdout) as { intact: boolean; faults: readonly { kind: string; message: string }[] };
  const text = report.faults.map(({ kind, message }) => `${kind}: ${message}`).join("; ");
  return { intact: status === 0 && report.intact, faults: report.faults.map(({ kind }) => kind), text };
}
