/**
 * Durability `before`: what was acknowledged is in the log, whenever the process is killed. `LAUNCHGATE_CRASHES` says how
 * often; a hundred times takes a minute.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import { openAuditLog } from "../../../hooks/audit/audit-log.js";
import { verifyLog } from "../../../hooks/audit/verify.js";
import { emptyFolder, expectSchema, filesOf, linesOf } from "./logs.js";

const CRASHES = Number(process.env["LAUNCHGATE_CRASHES"] ?? 8);
const folder = emptyFolder();

beforeAll(async () => {
  await build({
    entryPoints: { "tests/appender": "test/hooks/audit/appender.ts", "workers/audit-writer": "hooks/audit/writer.ts" },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  copyFileSync(join(folder, "workers/audit-writer.mjs"), join(folder, "workers/audit-writer.js"));
});

/** Runs until it has been killed, some time after it was ready; what it has said. */
function killed(directory: string, afterMs: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(process.execPath, [join(folder, "tests/appender.mjs"), directory]);
    let said = "";
    let errors = "";
    child.stdout?.on("data", (chunk) => {
      if (said === "") setTimeout(() => child.kill("SIGKILL"), afterMs);
      said += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      errors += chunk;
    });
    child.on("error", reject);
    child.on("close", (_, signal) => {
      if (signal !== "SIGKILL") reject(new Error(`the appender ended by itself: ${errors}`));
      // The last line may have been cut off by the kill.
      else resolve(said.split("\n").slice(0, -1));
    });
  });
}

test(`every acknowledged launch is in the log after ${CRASHES} kills, and the log repairs itself`, async () => {
  const directory = emptyFolder();
  const acknowledged: string[] = [];
  let torn = 0;
  for (let n = 0; n < CRASHES; n += 1) {
    const said = await killed(directory, Math.random() * 60);
    expect(said[0]).toBe("ready");
    for (const line of said.slice(1)) {
      const [verdict, id = ""] = line.split(" ");
      expect(verdict).toBe("allow");
      acknowledged.push(id);
    }
    const { faults } = await verifyLog(filesOf(directory), { complete: true });
    expect(faults.filter(({ kind }) => kind !== "torn")).toEqual([]);
    torn += faults.length;
  }
  await (await openAuditLog({ directory, rotateBytes: 2_000_000, checkpointRecords: 50 })).close();
  const lines = linesOf(directory);
  expectSchema(lines);
  const recorded = new Set(lines.flatMap((line) => (line.kind === "decision" ? [line["decision_id"]] : [])));
  expect(acknowledged.filter((id) => !recorded.has(id))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(CRASHES);
  expect(lines.filter(({ kind }) => kind === "repaired").length).toBeGreaterThanOrEqual(torn === 0 ? 0 : 1);
  expect(await verifyLog(filesOf(directory), { complete: true })).toMatchObject({ intact: true });
}, 600_000);
