/** The log as the daemon uses it: what is in it, across files, restarts and damage. */

import { spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openAuditLog } from "../../../hooks/audit/audit-log.js";
import { checkpointVerifier } from "../../../hooks/audit/checkpoint.js";
import { verifyLog } from "../../../hooks/audit/verify.js";
import { auditRecord } from "../../../hooks/index.js";
import {
  allowed,
  appended,
  denied,
  emptyFolder,
  expectSchema,
  filesOf,
  kindsOf,
  linesOf,
  SIGNING_KEY,
  writtenLog,
} from "./logs.js";

async function verified(directory: string) {
  const verifiers = [await checkpointVerifier(SIGNING_KEY)];
  return verifyLog(filesOf(directory), { complete: true, verifiers });
}

const open = (directory: string, options = {}) => openAuditLog({ directory, checkpointKey: SIGNING_KEY, ...options });

describe.each(["before", "after"] as const)("with durability %s, a log", (durability) => {
  test("holds every decision as auditRecord has it, in order, and what the daemon notes", async () => {
    const directory = emptyFolder();
    const log = await open(directory, { durability });
    const judged = [allowed(), denied(), allowed({ id: "again" })];
    log.note("started", { version: "0.1.0" });
    expect(await Promise.all(judged.map((one) => appended(log, one)))).toEqual([null, null, null]);
    const result = { decision_id: judged[0]?.decision.decision_id ?? "", errno: 0, einit_error: null };
    log.result(result);
    await log.close();
    const lines = linesOf(directory);
    expectSchema(lines);
    expect(lines.map(({ kind }) => kind)).toEqual([
      "genesis",
      "checkpoint",
      "started",
      "decision",
      "decision",
      "decision",
      "result",
      "checkpoint",
    ]);
    const decisions = lines
      .filter(({ kind }) => kind === "decision")
      .map(({ kind: _, chain: __, ...record }) => record);
    expect(decisions).toEqual(judged.map((one) => JSON.parse(JSON.stringify(auditRecord(one)))));
    expect(lines[6]).toMatchObject(result);
    expect(await verified(directory)).toMatchObject({ intact: true, notes: [] });
  });

  test("has everything of a thousand launches at once, each answered once, in a few groups", async () => {
    const directory = emptyFolder();
    const log = await open(directory, { durability });
    const answers = new Map<string, number>();
    const judged = Array.from({ length: 1000 }, (_, n) => allowed({ id: String(n) }));
    await Promise.all(
      judged.map(
        (one) =>
          new Promise<void>((resolve) =>
            log.append(one, { timer_ns: 1 }, (failure) => {
              expect(failure).toBeNull();
              const id = one.decision.decision_id;
              answers.set(id, (answers.get(id) ?? 0) + 1);
              resolve();
            }),
          ),
      ),
    );
    expect([...answers.values()].every((count) => count === 1)).toBe(true);
    await log.flush();
    expect(log.stats()).toMatchObject({ appended: 1000, lag: 0, refused: 0, failure: null });
    const { last, file } = log.stats();
    await log.close();
    const ids = linesOf(directory).flatMap((line) => ("input" in line ? [(line["input"] as { id: string }).id] : []));
    expect(ids).toEqual(judged.map((_, n) => String(n)));
    const report = await verifyLog(filesOf(directory), { expected: last });
    expect({ intact: report.intact, file }).toEqual({ intact: true, file: basename(filesOf(directory)[0] as string) });
  });

  test("rotates under load, keeps so many files, and says which it retired", async () => {
    const directory = emptyFolder();
    const log = await open(directory, { durability, rotateBytes: 100_000, keepFiles: 3, checkpointRecords: 10 });
    for (let round = 0; round < 30; round += 1) {
      for (let n = 0; n < 20; n += 1) log.append(allowed());
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await log.close();
    const files = filesOf(directory);
    expect(files.length).toBe(3);
    expect(readdirSync(directory).sort()).toEqual(files.map((file) => basename(file)));
    for (const file of files) expect([statSync(file).mode & 0o777]).toEqual([0o600]);
    const lines = linesOf(directory);
    expectSchema(lines);
    expect(lines[0]).toMatchObject({ kind: "continued", reason: "size" });
    const report = await verified(directory);
    expect({ intact: report.intact, faults: report.faults }).toEqual({ intact: true, faults: [] });
    expect(report.first?.seq).toBeGreaterThan(100);
  });
});

describe("a log goes on where it ended", () => {
  test("in the same file, after a clean stop", async () => {
    const directory = await writtenLog(2);
    const log = await open(directory);
    log.note("started");
    await log.close();
    expect(filesOf(directory)).toHaveLength(1);
    expect(kindsOf(directory)).toEqual([
      ...["genesis", "checkpoint", "decision", "tick", "checkpoint"],
      ...["checkpoint", "started", "checkpoint"],
    ]);
    expect(await verified(directory)).toMatchObject({ intact: true, notes: [] });
  });

  test("in a new file, where it is signed by another key", async () => {
    const directory = await writtenLog(2);
    await (await openAuditLog({ directory })).close();
    expect(kindsOf(directory).slice(5)).toEqual(["continued", "checkpoint", "checkpoint"]);
    expect(linesOf(directory)[5]).toMatchObject({ reason: "configuration", key: null });
    expect((await verifyLog(filesOf(directory), { complete: true })).intact).toBe(true);
    expect((await verified(directory)).intact).toBe(false);
  });

  test("in a new file, once the old one is too old", async () => {
    const directory = emptyFolder();
    const log = await open(directory, { rotateSeconds: 1 });
    await appended(log, allowed());
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await appended(log, allowed());
    await log.close();
    expect(linesOf(directory).filter(({ kind }) => kind === "continued")).toMatchObject([{ reason: "age" }]);
    expect(await verified(directory)).toMatchObject({ intact: true });
  });

  test.each([
    ["in the middle of a line", (file: string, size: number) => truncateSync(file, size - 100)],
    ["before its line feed", (file: string, size: number) => truncateSync(file, size - 1)],
    ["after one byte more", (file: string) => appendFileSync(file, "{")],
    ["after zeros, as a file system may leave them", (file: string) => appendFileSync(file, Buffer.alloc(5000))],
  ])("after a crash %s, which it repairs and says", async (_, crash) => {
    const directory = await writtenLog(4);
    const file = filesOf(directory)[0] as string;
    crash(file, statSync(file).size);
    const cut = readFileSync(file).subarray(readFileSync(file).lastIndexOf("\n") + 1);
    expect(await verified(directory)).toMatchObject({ intact: false, faults: [{ kind: "torn" }] });
    await (await open(directory)).close();
    const repaired = linesOf(directory).find(({ kind }) => kind === "repaired");
    expect(repaired).toMatchObject({ file: basename(file), bytes: cut.length });
    expect(readFileSync(join(directory, String(repaired?.["kept_as"]))).equals(cut)).toBe(true);
    expectSchema(linesOf(directory));
    const { intact, notes } = await verified(directory);
    expect({ intact, notes }).toEqual({ intact: true, notes: [expect.stringContaining("repaired 1 times")] });
  });

  test("after a crash while a file was begun", async () => {
    const directory = await writtenLog(2);
    writeFileSync(join(directory, "audit-00000002-20260101T000000Z.jsonl"), '{"kind":"cont', { mode: 0o600 });
    await (await open(directory)).close();
    expect(linesOf(directory).filter(({ kind }) => kind === "repaired")).toMatchObject([{ bytes: 13 }]);
    expect(await verified(directory)).toMatchObject({ intact: true });
  });

  test("not after damage, unless the operator accepts it", async () => {
    const directory = await writtenLog(6);
    const file = filesOf(directory)[0] as string;
    const damaged = readFileSync(file, "utf8").replace('"n":2', '"n":3');
    writeFileSync(file, damaged);
    await expect(open(directory)).rejects.toMatchObject({
      code: "damaged",
      message: expect.stringMatching(/line \d+: record \d+ .* is not the one that record \d+ was written behind/),
    });
    expect(readFileSync(file, "utf8")).toBe(damaged);
    const log = await open(directory, { acceptDamage: true });
    await appended(log, allowed());
    await log.close();
    expect(kindsOf(directory).slice(-5)).toEqual(["continued", "repaired", "checkpoint", "decision", "checkpoint"]);
    expect(readFileSync(file, "utf8")).toBe(damaged);
    expect((await verified(directory)).faults).toMatchObject([{ kind: "altered" }]);
  });

  test("not where a checkpoint's signature is not its own", async () => {
    const directory = await writtenLog(6);
    const file = filesOf(directory)[0] as string;
    const text = readFileSync(file, "utf8");
    writeFileSync(
      file,
      text.replace(/"signature":"(.)/, (_, first) => `"signature":"${first === "e" ? "f" : "e"}`),
    );
    await expect(open(directory)).rejects.toMatchObject({ code: "damaged" });
  });
});

describe("a log is refused", () => {
  test("where another process or this one has it", async () => {
    const directory = emptyFolder();
    const log = await open(directory);
    await expect(open(directory)).rejects.toMatchObject({ code: "locked" });
    await log.close();
    await (await open(directory)).close();
  });

  test("not because of a lock whose process is gone", async () => {
    const directory = await writtenLog(1);
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    writeFileSync(join(directory, "lock"), JSON.stringify({ pid: gone, started: "1", boot: "" }));
    await (await open(directory)).close();
    writeFileSync(join(directory, "lock"), JSON.stringify({ pid: process.pid, started: "1", boot: "" }));
    await (await open(directory)).close();
    writeFileSync(join(directory, "lock"), "garbage");
    await (await open(directory)).close();
    expect(readdirSync(directory).filter((name) => name.startsWith("lock"))).toEqual([]);
  });

  test("where its directory cannot be one", async () => {
    const file = join(emptyFolder(), "file");
    writeFileSync(file, "");
    await expect(open(file)).rejects.toMatchObject({ code: "directory" });
  });

  test.each([
    { rotateBytes: 0 },
    { keepFiles: 0 },
    { checkpointRecords: 1.5 },
    { maxLagRecords: -1 },
    { checkpointSeconds: Number.NaN },
  ])("with %j", async (options) => {
    await expect(open(emptyFolder(), options)).rejects.toMatchObject({ code: "option" });
  });

  test("with a key that signs no checkpoints", async () => {
    const { generateKeyPairSync } = await import("node:crypto");
    const { publicKey } = generateKeyPairSync("ed25519");
    await expect(open(emptyFolder(), { checkpointKey: publicKey })).rejects.toMatchObject({ code: "option" });
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    await expect(open(emptyFolder(), { checkpointKey: rsa })).rejects.toMatchObject({ code: "option" });
  });
});

test("notes have kinds and fields of their own, and are never too long", async () => {
  const directory = emptyFolder();
  const log = await open(directory);
  for (const kind of ["decision", "checkpoint", "Kind", "a b", ""])
    expect(() => log.note(kind)).toThrow(/no kind of note/);
  expect(() => log.note("mine", { chain: 1 })).toThrow(/no field chain/);
  log.note("policy_refused", { message: "x".repeat(2_000_000) });
  await log.close();
  expect(linesOf(directory)[2]).toMatchObject({ kind: "policy_refused", shortened: true });
  expect(await verified(directory)).toMatchObject({ intact: true });
});

test("a closed log takes nothing more, and says so", async () => {
  const log = await open(emptyFolder());
  await log.close();
  expect(await appended(log, allowed())).toMatchObject({ code: "closed" });
  await expect(log.flush()).rejects.toMatchObject({ code: "closed" });
  await expect(log.close()).rejects.toMatchObject({ code: "closed" });
});

test("no key gets into a log", async () => {
  const directory = await writtenLog(3);
  const text = filesOf(directory)
    .map((file) => readFileSync(file, "utf8"))
    .join("");
  const { d } = SIGNING_KEY.export({ format: "jwk" });
  const der = SIGNING_KEY.export({ format: "der", type: "pkcs8" });
  for (const secret of [String(d), der.toString("base64"), der.toString("hex"), "PRIVATE"])
    expect(text).not.toContain(secret);
});
