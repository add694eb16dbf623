/** A log that cannot be written closes the gate, opens it again by itself, and says what is missing. */

import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type AuditLog, openAuditLog } from "../../../hooks/audit/audit-log.js";
import type { AuditError } from "../../../hooks/audit/errors.js";
import type { AuditLogOptions } from "../../../hooks/audit/options.js";
import { verifyLog } from "../../../hooks/audit/verify.js";
import { allowed, appended, denied, emptyFolder, expectSchema, filesOf, linesOf } from "./logs.js";

interface Opened {
  readonly log: AuditLog;
  readonly states: (string | null)[];
}

async function open(directory: string, options: Partial<AuditLogOptions> = {}): Promise<Opened> {
  const states: (string | null)[] = [];
  const onState = (failure: AuditError | null) => states.push(failure?.code ?? null);
  return { log: await openAuditLog({ directory, onState, ...options }), states };
}

const until = (what: () => boolean) => vi.waitFor(() => expect(what()).toBe(true), { timeout: 15_000, interval: 20 });

const gapsOf = (directory: string) => linesOf(directory).filter(({ kind }) => kind === "gap");

/** What all gap records together count. */
function unwritten(directory: string) {
  const sum = { allow: 0, deny: 0, other: 0 };
  for (const gap of gapsOf(directory)) {
    const counts = gap["unwritten"] as typeof sum;
    for (const as of ["allow", "deny", "other"] as const) sum[as] += counts[as];
  }
  return sum;
}

/** A file system that is full after so many bytes; null where this process may not mount one. */
const mounted: string[] = [];
function smallDisk(sizeBytes: number): string | null {
  const folder = emptyFolder();
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes},mode=700`, "tmpfs", folder]);
  if (status !== 0) return null;
  mounted.push(folder);
  return folder;
}
afterEach(() => {
  for (const folder of mounted.splice(0)) spawnSync("umount", ["-l", folder]);
});
const canMount = (() => {
  const folder = smallDisk(65_536);
  for (const one of mounted.splice(0)) spawnSync("umount", ["-l", one]);
  return folder !== null;
})();

describe.skipIf(!canMount)("on a full disk (needs mount)", () => {
  test("launches are refused until there is room, and the log counts them", async () => {
    const disk = smallDisk(256 * 1024) as string;
    const directory = join(disk, "log");
    const { log, states } = await open(directory);
    const answers: { readonly id: string; readonly failure: AuditError | null }[] = [];
    for (let n = 0; n < 120; n += 1) {
      const judged = n % 2 === 0 ? allowed() : denied();
      answers.push({ id: judged.decision.decision_id, failure: await appended(log, judged) });
    }
    expect(states).toEqual(["sink"]);
    expect(log.failure).toMatchObject({ code: "sink", message: expect.stringContaining("ENOSPC") });
    expect((await verifyLog(filesOf(directory))).faults).toMatchObject([]);
    // Room: the disk grows.
    expect(spawnSync("mount", ["-o", "remount,size=4194304", disk]).status).toBe(0);
    await until(() => log.failure === null);
    expect(await appended(log, allowed())).toBeNull();
    await log.close();

    expect(states).toEqual(["sink", null]);
    expectSchema(linesOf(directory));
    const written = new Set(linesOf(directory).map((line) => line["decision_id"]));
    for (const { id, failure } of answers)
      expect([failure === null, written.has(id)]).toEqual([failure === null, failure === null]);
    const refused = answers.filter(({ failure }) => failure !== null).length;
    const { allow, deny } = unwritten(directory);
    expect(allow + deny).toBe(refused);
    expect(gapsOf(directory)).toMatchObject([{ answered: "audit_unavailable" }, { answered: "audit_unavailable" }]);
    expect(await verifyLog(filesOf(directory), { complete: true })).toMatchObject({ intact: true, unwritten: refused });
  });

  test.each(["before", "after"] as const)(
    "with onFailure open and durability %s, launches go ahead, and nothing is lost while there is memory",
    async (durability) => {
      const disk = smallDisk(128 * 1024) as string;
      const directory = join(disk, "log");
      const { log, states } = await open(directory, { onFailure: "open", durability, syncMs: 10 });
      const judged = Array.from({ length: 100 }, () => allowed());
      for (const one of judged) expect(await appended(log, one)).toBeNull();
      await until(() => states.length === 1);
      expect(log.failure).toBeNull();
      expect(spawnSync("mount", ["-o", "remount,size=4194304", disk]).status).toBe(0);
      await until(() => states.length === 2);
      await log.close();
      const ids = linesOf(directory).flatMap((line) => (line.kind === "decision" ? [line["decision_id"]] : []));
      expect(ids).toEqual(judged.map(({ decision }) => decision.decision_id));
      expect(unwritten(directory)).toEqual({ allow: 0, deny: 0, other: 0 });
      expect(await verifyLog(filesOf(directory), { complete: true })).toMatchObject({ intact: true });
    },
  );

  test("with durability after, records wait in memory, and the gate closes", async () => {
    const disk = smallDisk(128 * 1024) as string;
    const directory = join(disk, "log");
    const { log, states } = await open(directory, { durability: "after", syncMs: 10 });
    const accepted: string[] = [];
    for (let n = 0; n < 300 && states.length === 0; n += 1) {
      const judged = allowed();
      if ((await appended(log, judged)) === null) accepted.push(judged.decision.decision_id);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => states.length === 1);
    expect(await appended(log, denied())).toMatchObject({ code: "sink" });
    expect(spawnSync("mount", ["-o", "remount,size=4194304", disk]).status).toBe(0);
    await until(() => log.failure === null);
    await log.close();
    const ids = linesOf(directory).flatMap((line) => (line.kind === "decision" ? [line["decision_id"]] : []));
    expect(ids).toEqual(accepted);
    expect(unwritten(directory)).toEqual({ allow: 0, deny: 1, other: 0 });
  });

  test("notes are kept and written later", async () => {
    const disk = smallDisk(64 * 1024) as string;
    const directory = join(disk, "log");
    const { log, states } = await open(directory);
    while (states.length === 0) await appended(log, allowed());
    log.note("policy_refused", { source: "a.tar.gz" });
    expect(spawnSync("mount", ["-o", "remount,size=4194304", disk]).status).toBe(0);
    await until(() => log.failure === null);
    expect(linesOf(directory).filter(({ kind }) => kind === "policy_refused")).toMatchObject([{ source: "a.tar.gz" }]);
    await log.close();
  });
});

describe("what somebody else does to the file is found before the next write, and the log goes on in another:", () => {
  test.each<[string, (file: string) => void]>([
    ["it is removed", (file) => rmSync(file)],
    ["it is renamed", (file) => renameSync(file, `${file}.old`)],
    [
      "it is replaced",
      (file) => {
        rmSync(file);
        writeFileSync(file, "");
      },
    ],
    ["it is cut off", (file) => truncateSync(file, 100)],
    ["something is appended", (file) => appendFileSync(file, "x\n")],
  ])("%s", async (_, harm) => {
    const directory = emptyFolder();
    const { log, states } = await open(directory);
    expect(await appended(log, allowed())).toBeNull();
    harm(filesOf(directory)[0] as string);
    expect(await appended(log, allowed())).toMatchObject({ code: "sink" });
    await until(() => states.length === 2);
    const judged = allowed();
    expect(await appended(log, judged)).toBeNull();
    await log.close();
    const last = filesOf(directory).at(-1) as string;
    const report = await verifyLog([last]);
    expect({ intact: report.intact, unwritten: report.unwritten }).toEqual({ intact: true, unwritten: 1 });
    expect((await verifyLog(filesOf(directory), { complete: true })).intact).toBe(false);
  });

  test("the whole directory is gone", async () => {
    const directory = join(emptyFolder(), "log");
    const { log, states } = await open(directory);
    rmSync(directory, { recursive: true });
    expect(await appended(log, allowed())).toMatchObject({ code: "sink" });
    await until(() => states.length === 2);
    expect(await appended(log, allowed())).toBeNull();
    await log.close();
    mkdirSync(directory, { recursive: true });
    expect(linesOf(directory)[0]).toMatchObject({ kind: "continued", reason: "replaced" });
  });
});

test("a log that is closed while nothing can be written says how much is missing", async () => {
  const directory = join(emptyFolder(), "log");
  const { log } = await open(directory);
  rmSync(directory, { recursive: true });
  writeFileSync(directory, "");
  expect(await appended(log, allowed())).toMatchObject({ code: "sink" });
  log.note("policy_loaded");
  const message = expect.stringContaining("2 records could not be written");
  await expect(log.close()).rejects.toMatchObject({ code: "sink", message });
});

test("more records than may be under way are refused, and the log counts them", async () => {
  const directory = emptyFolder();
  const { log } = await open(directory, { maxLagRecords: 10 });
  const answers = await Promise.all(Array.from({ length: 25 }, () => appended(log, allowed())));
  const refused = answers.filter((failure) => failure !== null);
  expect(refused.map(({ code }) => code)).toEqual(Array(15).fill("lag"));
  expect(log.failure).toBeNull();
  expect(await appended(log, allowed())).toBeNull();
  await log.close();
  expect(unwritten(directory)).toEqual({ allow: 15, deny: 0, other: 0 });
  expect(linesOf(directory).filter(({ kind }) => kind === "decision")).toHaveLength(11);
});

describe("a writing thread that ends", () => {
  test("denies what it had, is replaced, and what nobody knows of is counted", async () => {
    const workers: Worker[] = [];
    const seen = (worker: Worker) => workers.push(worker);
    process.on("worker", seen);
    const directory = emptyFolder();
    const { log, states } = await open(directory);
    expect(await appended(log, allowed())).toBeNull();
    const under = Array.from({ length: 50 }, () => appended(log, allowed()));
    await workers[0]?.terminate();
    const failed = (await Promise.all(under)).filter((failure) => failure !== null);
    expect(await appended(log, denied())).toMatchObject({ code: "writer" });
    await until(() => log.failure === null);
    expect(states).toEqual(["writer", null]);
    expect(await appended(log, allowed())).toBeNull();
    await log.close();
    process.off("worker", seen);
    expect(workers).toHaveLength(2);
    expect(unwritten(directory)).toEqual({ allow: failed.length, deny: 1, other: 0 });
    expect(await verifyLog(filesOf(directory), { complete: true })).toMatchObject({ intact: true });
  });
});
