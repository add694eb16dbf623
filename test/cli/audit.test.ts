/** `launchgate audit` as a process: exit codes, what it prints, and that nothing in a log reaches the terminal as more than text. */

import { type ChildProcess, spawn } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { openAuditLog } from "../../hooks/audit/audit-log.js";
import { allowed, denied, emptyFolder, filesOf, linesOf, SIGNING_KEY, writtenLog } from "../hooks/audit/logs.js";
import { launchgate, MAIN } from "../support/cli.js";
import { testSigner } from "../support/sigstructs.js";

const folder = emptyFolder();
const pem = join(folder, "public.pem");
const jwk = join(folder, "public.jwk");
const jwks = join(folder, "public.jwks");
/** A log of each kind of line, in three files. */
let directory: string;

const origin = allowed().event?.origin ?? null;
const KVM = { ...origin, kind: "kvm", vm: { id: "vm-1", name: null } } as never;
/** What would clear a screen, ring, or turn the direction of writing, were it obeyed. */
const HOSTILE = "\u001b[2J\u009b31m\u202eexe\r\n";

beforeAll(async () => {
  const key = createPublicKey(SIGNING_KEY);
  writeFileSync(pem, key.export({ format: "pem", type: "spki" }));
  writeFileSync(jwk, JSON.stringify(key.export({ format: "jwk" })));
  writeFileSync(jwks, JSON.stringify({ keys: [key.export({ format: "jwk" })] }));
  directory = emptyFolder();
  const log = await openAuditLog({ directory, checkpointKey: SIGNING_KEY, rotateBytes: 12_000 });
  log.note("started", { version: "0.1.0" });
  await log.flush();
  for (let n = 0; n < 6; n += 1) {
    const time = 1_795_300_000 + n * 60;
    log.append(n % 2 === 0 ? allowed({ id: `a${n}`, time }) : denied({ id: `d${n}`, time, origin: KVM }));
    await log.flush();
  }
  const process = { pid: 1, tid: 1, uid: 0, gid: 0, comm: "x", exe: HOSTILE, cgroup: null };
  log.append(denied({ time: 1_795_400_000, origin: { ...origin, process } as never }));
  log.note("policy_refused", { message: HOSTILE });
  log.result({ decision_id: "some-launch", errno: 0, einit_error: null });
  await log.close();
  expect(filesOf(directory).length).toBeGreaterThan(2);
});

const verify = (...args: readonly string[]) => launchgate(["audit", "verify", ...args]);
const show = (...args: readonly string[]) => launchgate(["audit", "show", ...args]);

describe("audit verify", () => {
  test("exits 0 for a log that nobody has touched, and says what is proved", () => {
    for (const key of [pem, jwk, jwks]) {
      const { code, stdout, stderr } = verify(directory, "--key", key);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^intact \d+ lines in \d files/);
      expect(stdout).toMatch(/proved +up to record \d+, by what was signed at 20/);
      expect(stdout).not.toContain("note");
    }
    expect(verify(directory).stdout).toContain("without --key they were not verified");
  });

  test("takes files as well as a directory, in any order", () => {
    const files = filesOf(directory);
    expect(verify(...files.toReversed(), "--key", pem)).toMatchObject({ code: 0 });
    expect(verify(files[1] as string)).toMatchObject({ code: 0 });
  });

  test("gives one JSON document", () => {
    const report = JSON.parse(verify(directory, "--key", pem, "--format", "json").stdout);
    expect(report).toMatchObject({ intact: true, faults: [], fault_count: 0, first: { seq: 0 } });
    const { seq, sha256 } = report.last;
    const expected = ["--expect-seq", String(seq), "--expect-hash", sha256];
    expect(verify(directory, ...expected)).toMatchObject({ code: 0 });
    expect(verify(directory, "--expect-seq", String(seq + 1))).toMatchObject({ code: 2 });
    expect(verify(directory, "--expect-seq", String(seq), "--expect-hash", "0".repeat(64))).toMatchObject({ code: 2 });
  });

  test("exits 2 for one that was altered, and says where", async () => {
    const copy = await writtenLog(6);
    const file = filesOf(copy)[0] as string;
    const lines = readFileSync(file, "utf8").split("\n");
    writeFileSync(file, lines.toSpliced(3, 1).join("\n"));
    const { code, stdout } = verify(copy);
    expect(code).toBe(2);
    expect(stdout).toMatch(/^not intact/);
    expect(stdout).toMatch(/removed +audit-\d+-\w+\.jsonl:4 +record 3 is missing before this line/);
  });

  test("exits 1 for what cannot be read", () => {
    const notes = join(folder, "notes");
    writeFileSync(notes, "no key");
    for (const args of [
      [join(folder, "nowhere")],
      [folder],
      [directory, "--key", notes],
      [directory, "--key", join(folder, "nowhere")],
      [directory, directory],
      [directory, "--expect-hash", "0".repeat(64)],
      [directory, "--expect-seq", "x"],
      [],
    ]) {
      const { code, stdout, stderr } = verify(...args);
      expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: "" });
      expect(stderr).not.toBe("");
    }
  });
});

describe("audit show", () => {
  const idsOf = (...args: readonly string[]) => {
    const { code, stdout } = show(directory, "--format", "json", ...args);
    expect(code).toBe(0);
    return JSON.parse(stdout).map((line: { readonly input?: { readonly id: string }; readonly kind: string }) =>
      line.kind === "decision" ? line.input?.id : line.kind,
    );
  };

  test("prints every line of every file", () => {
    expect(show(directory, "--format", "json").stdout).toBe(show(directory, "--format", "json").stdout);
    expect(JSON.parse(show(directory, "--format", "json").stdout)).toEqual(linesOf(directory));
    const { stdout } = show(directory, "--format", "jsonl");
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(linesOf(directory));
    expect(show(directory).stdout.trimEnd().split("\n")).toHaveLength(linesOf(directory).length);
  });

  test.each<[string, readonly string[], readonly string[]]>([
    ["allowed launches", ["--decision", "allow"], ["a0", "a2", "a4"]],
    ["denied ones", ["--decision", "deny"], ["d1", "d3", "d5", "test"]],
    ["guests'", ["--origin", "kvm"], ["d1", "d3", "d5"]],
    ["from two places", ["--origin", "kvm", "--origin", "native", "--decision", "allow"], ["a0", "a2", "a4"]],
    ["a signer's", ["--mrsigner", testSigner().slice(0, 12)], ["a0", "a2", "a4"]],
    ["an enclave's", ["--mrenclave", "aa".repeat(32), "--decision", "allow"], ["a0", "a2", "a4"]],
    ["no enclave's", ["--mrenclave", "bb"], []],
    ["with a reason", ["--reason", "signer_not_listed", "--origin", "kvm"], ["d1", "d3", "d5"]],
    ["from a time on", ["--since", "2026-11-21T22:29:40Z", "--until", "2026-11-21T22:30:40Z"], ["d3", "a4"]],
    ["until a day", ["--until", "2026-11-21", "--kind", "decision"], []],
    ["of a kind", ["--kind", "started", "--kind", "result"], ["started", "result"]],
    ["the newest two", ["--limit", "2", "--kind", "decision"], ["d5", "test"]],
    ["none", ["--limit", "0"], []],
  ])("filters: %s", (_, args, ids) => {
    expect(idsOf(...args)).toEqual(ids);
  });

  test("shows decisions on one line each", () => {
    expect(show(directory, "--decision", "deny", "--limit", "2").stdout).toMatch(
      /^2026-11-21T22:31:40Z {2}#\d+ {2}deny {2}enclave_init {2}kvm {2}vm vm-1 {2}mrsigner [0-9a-f]{16}… {2}mrenclave a{16}… {2}signer_not_listed {2}[0-9a-f-]{36}\n/,
    );
    expect(show(directory, "--kind", "started").stdout).toMatch(/#2 {2}started {2}version=0\.1\.0\n$/);
  });

  test.each(["text", "json", "jsonl"])("prints nothing that a terminal obeys, as %s", (format) => {
    const { stdout } = show(directory, "--format", format);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    if (format === "json") expect(JSON.stringify(JSON.parse(stdout))).toContain("\u202eexe");
  });

  test("exits 1 where lines are no records, says which, and shows the others", () => {
    const file = join(folder, "damaged.jsonl");
    writeFileSync(file, `${HOSTILE}{"kind":"a"}\n[]\n{"__proto__":{"kind":"b"}}\n\xff\n{"kind":"c"`);
    const { code, stdout, stderr } = show(file, "--format", "jsonl");
    expect({ code, stdout }).toEqual({ code: 1, stdout: '{"kind":"a"}\n{"__proto__":{"kind":"b"}}\n' });
    expect(stderr.match(/damaged\.jsonl:\d+/g)).toEqual([1, 3, 5, 6].map((line) => `damaged.jsonl:${line}`));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u009b]/);
  });

  test.each([
    [[join(folder, "nowhere")]],
    [["--follow", "--format", "json"]],
    [["--since", "yesterday"]],
    [["--origin", "moon"]],
    [["--mrsigner", "XY"]],
    [["--decision", "maybe"]],
  ])("exits 1 for %j", (args) => {
    const { code, stdout, stderr } = show(...(args[0]?.startsWith("--") ? [directory, ...args] : args));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).not.toBe("");
  });
});

describe("audit show --follow", () => {
  /** Runs until killed; what it has printed so far, by lines. */
  function following(directory: string, ...args: readonly string[]) {
    const child: ChildProcess = spawn(process.execPath, [
      ...[MAIN, "audit", "show", directory, "--follow", "--format", "jsonl"],
      ...args,
    ]);
    let text = "";
    child.stdout?.on("data", (chunk) => {
      text += chunk;
    });
    const closed = new Promise((resolve) => child.on("close", resolve));
    return {
      child,
      lines: () =>
        text
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line)),
      stop: async () => {
        child.kill();
        await closed;
      },
      closed,
    };
  }
  const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 50 });

  test("goes on with what is written, across rotations, and leaves nothing out", async () => {
    const live = emptyFolder();
    const log = await openAuditLog({ directory: live, rotateBytes: 30_000 });
    log.note("old", { n: 1 });
    log.note("old", { n: 2 });
    await log.flush();
    const follower = following(live, "--limit", "1");
    await until(() => expect(follower.lines()).toMatchObject([{ kind: "old", n: 2 }]));
    for (let n = 0; n < 60; n += 1) {
      log.append(allowed());
      await new Promise((resolve) => setTimeout(resolve, n % 10 === 0 ? 40 : 0));
    }
    await log.close();
    expect(filesOf(live).length).toBeGreaterThan(3);
    const all = linesOf(live);
    await until(() => expect(follower.lines().length).toBe(all.length - 3));
    expect(follower.lines()).toEqual(all.slice(3));
    await follower.stop();
  });

  test("reads a line that is written in two halves as one", async () => {
    const live = await writtenLog(1);
    const file = filesOf(live)[0] as string;
    const follower = following(live);
    const before = linesOf(live).length;
    await until(() => expect(follower.lines()).toHaveLength(before));
    appendFileSync(file, '{"kind":"ha');
    await new Promise((resolve) => setTimeout(resolve, 400));
    appendFileSync(file, 'lf"}\n');
    await until(() => expect(follower.lines()[before]).toEqual({ kind: "half" }));
    await follower.stop();
  });

  test("ends when nobody reads any more", async () => {
    const live = emptyFolder();
    const log = await openAuditLog({ directory: live });
    const follower = following(live);
    await until(() => expect(follower.lines().length).toBeGreaterThan(0));
    follower.child.stdout?.destroy();
    const ended = Promise.race([
      follower.closed,
      new Promise((_, reject) => setTimeout(reject, 20_000, new Error("runs on"))),
    ]);
    const writing = setInterval(() => log.note("tick"), 20);
    await ended;
    clearInterval(writing);
    await log.close();
  });

  test("ends with the only file that was named, where that is renamed", async () => {
    const live = await writtenLog(1);
    const file = filesOf(live)[0] as string;
    renameSync(file, `${file}.gz`);
    expect(show(`${file}.gz`)).toMatchObject({ code: 0 });
  });
});
