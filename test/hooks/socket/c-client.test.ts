/**
 * The C client: compiled with every warning an error, held against the vectors of the page, run against the real server and
 * against daemons that lie, and its decoder fed with what no daemon says, under the sanitizers where there are any.
 */

import { execFile, spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { decodeVerdict } from "../../../hooks/socket/wire.js";
import { ROOT } from "../../support/cli.js";
import { codeOf } from "../../support/codes.js";
import { HARMLESS, HOSTILE, play } from "./hostile-daemons.js";
import { serve } from "./server.js";
import { REFUSALS, vector } from "./vectors.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-c-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CC = process.env["CC"] ?? "cc";
const SOURCES = join(ROOT, "hooks/socket/c");
const STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2", `-I${SOURCES}`];
const SANITIZED = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

function compile(name: string, sources: readonly string[], flags: readonly string[]): string {
  const program = join(folder, name);
  const { status, stderr } = spawnSync(CC, [...STRICT, ...flags, "-o", program, ...sources], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return program;
}

const hasCompiler = spawnSync(CC, ["--version"]).status === 0;
const hasSanitizers = hasCompiler && canSanitize();

function canSanitize(): boolean {
  const source = join(folder, "nothing.c");
  const program = join(folder, "nothing");
  writeFileSync(source, "int main(void) { return 0; }\n");
  return spawnSync(CC, [...SANITIZED, "-o", program, source]).status === 0 && spawnSync(program).status === 0;
}

/** What the harness answers to these lines. Without blocking, since daemons in this process are to answer it. */
function answers(program: string, lines: readonly string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null && stderr === "") resolve(stdout.split("\n").slice(0, -1));
      else reject(new Error(`the harness failed: ${stderr.slice(0, 4000)}`, { cause: error }));
    });
    child.stdin?.end(`${lines.join("\n")}\n`);
  });
}

const LIBRARY = join(SOURCES, "launchgate.c");
const HARNESS = join(ROOT, "test/hooks/socket/c/harness.c");

test("its source is C99 without dependencies, and short", () => {
  const source = readFileSync(LIBRARY, "utf8");
  expect(source.split("\n").length).toBeLessThanOrEqual(501);
  expect(source).not.toMatch(/\b(malloc|calloc|realloc|free|strcpy|sprintf|gets)\(/);
});

describe.skipIf(!hasCompiler)("compiled (skipped without cc)", () => {
  for (const [kind, flags, skipped] of [
    ["strictly", ["-Wshadow", "-Wconversion"], false],
    ["with sanitizers (skipped where cc has none)", SANITIZED, !hasSanitizers],
  ] as const) {
    describe.skipIf(skipped)(kind, () => {
      const program = join(folder, `harness-${kind.length}`);
      test("compiles", () => {
        compile(`harness-${kind.length}`, [HARNESS, LIBRARY], flags);
      });

      test("writes the requests of the page", async () => {
        const lines = ["encode short 1 2000", `encode full ${Number.MAX_SAFE_INTEGER} 0`, "encode vm 3 1"];
        const names = ["request with a SIGSTRUCT and nothing else", "request with everything", "request about a VM"];
        expect(await answers(program, lines)).toEqual(names.map((name) => vector(name).toString("hex")));
        expect(await answers(program, ["encode short 0 1", "encode short 9007199254740992 1"])).toEqual(["", ""]);
      });

      test("hashes as FIPS 180-4 does, whatever the length", async () => {
        const texts = Array.from({ length: 200 }, (_, length) => Buffer.alloc(length + 1, length));
        const expected = texts.map((text) => hash("sha256", text, "hex"));
        expect(
          await answers(
            program,
            texts.map((text) => `sha256 ${text.toString("hex")}`),
          ),
        ).toEqual(expected);
      });

      test("reads the verdicts of the page", async () => {
        const allow = vector("verdict that allows and may be held").toString("hex", 8);
        const deny = vector("verdict that denies, with reasons").toString("hex", 8);
        const [ee, ff] = ["ee".repeat(32), "ff".repeat(32)];
        expect(
          await answers(program, [
            `decode ${allow} ${ee} -`,
            `decode ${deny} ${ee} ${ff}`,
            `decode ${allow} ${ff} -`,
            `decode ${allow} ${ee} ${ff}`,
            `decode ${allow} - -`,
            `decode ${deny} ${ee} -`,
          ]),
        ).toEqual([
          "0 1 1 0 0 60000 7 1 0 |",
          "0 0 1 13 16 0 7 2 2 signer_not_listed|nicht gelistet: „x“",
          ...["1", "1", "1", "2"].map(
            (id) =>
              `-1 0 0 13 16 0 0 ${id} 1 digest_mismatch|The daemon's verdict is about other bytes than were sent.`,
          ),
        ]);
      });

      test("refuses the verdicts that the page refuses", async () => {
        const bodies = [...REFUSALS.values()].filter((frame) => frame[4] === 3);
        const lines = bodies.map((frame) => `decode ${frame.toString("hex", 8)} - -`);
        expect(bodies.length).toBe(3);
        for (const line of await answers(program, lines))
          expect(line).toMatch(/^-1 0 0 13 16 0 0 \d+ 1 protocol_error\|/);
      });

      test("makes of any bytes what the TypeScript client makes of them", async () => {
        const vectors = ["verdict that allows and may be held", "verdict that denies, with reasons"].map((name) =>
          vector(name).subarray(8),
        );
        const change = fc.tuple(fc.nat(400), fc.nat(255), fc.constantFrom("set", "cut", "add", "end"));
        const mutants = fc.sample(
          fc.tuple(fc.nat(1), fc.array(change, { maxLength: 4 })).map(([which, changes]) =>
            changes.reduce((body, [at, byte, kind]) => {
              const place = at % (body.length + 1);
              if (kind === "end") return body.subarray(0, place);
              const rest = body.subarray(kind === "add" ? place : place + 1);
              return Buffer.concat([body.subarray(0, place), Buffer.from(kind === "cut" ? [] : [byte]), rest]);
            }, vectors[which] as Buffer),
          ),
          4000,
        );
        const [ee, ff] = ["ee".repeat(32), "ff".repeat(32)];
        const expected = mutants.map((body) => wellFormed(body, ee, ff));
        const lines = mutants.map((body) => `decode ${body.toString("hex") || "-"} ${ee} ${ff}`);
        const got = (await answers(program, lines)).map((line) => line.split(" ").slice(0, 2).join(" "));
        // One difference: C does not look whether a reason's text is UTF-8, and so reads some denials that TypeScript refuses.
        const different = got.flatMap((line, at) => (line === expected[at] ? [] : [[line, expected[at], at] as const]));
        for (const [line, wanted] of different) expect([line, wanted]).toEqual(["0 0", "-1 0"]);
        expect(different.length).toBeLessThan(600);
        expect(new Set(expected)).toEqual(new Set(["0 0", "-1 0"]));
      });

      test("asks the real server, thousands of times over one connection", async () => {
        const { path, server, results } = await serve();
        const lines = [`session ${path} 2000 2 5000`, `session ${path} 100 3 5000`];
        expect(await answers(program, lines)).toEqual(["2000 0 -", "0 100 odd"]);
        expect(server.stats()).toMatchObject({ requests: 2100, verdicts: 2100 });
        expect(results.length).toBe(2100);
        expect(results.at(-1)).toMatchObject({ outcome: "errno", value: 13 });
      });

      test.each(HOSTILE)("allows nothing where the daemon %s", async (_, act, code) => {
        const daemon = await play(act);
        const [line] = await answers(program, [`session ${daemon.path} 1 2 300`]);
        daemon.close();
        expect(line).toBe(`0 1 ${code}`);
      });

      test.each(HARMLESS)("understands a daemon that %s", async (_, act) => {
        const daemon = await play(act);
        const [line] = await answers(program, [`session ${daemon.path} 1 2 2000`]);
        daemon.close();
        expect(line).toBe("1 0 -");
      });

      test("says why it cannot connect", async () => {
        const { path } = await serve({
          peerOf: () => {
            throw new Error("no");
          },
        });
        expect(await answers(program, [`session ${folder}/none 1 2 300`, `session ${path} 1 2 300`])).toEqual([
          "0 0 the daemon cannot be reached",
          "0 0 the daemon refuses this peer or version",
        ]);
      });
    });
  }

  test("the example asks for a file, and exits as it should", async () => {
    const program = compile("ask", [join(SOURCES, "ask.c"), LIBRARY], []);
    const { path } = await serve();
    const ask = (...args: string[]) =>
      new Promise((resolve) => {
        const child = execFile(program, args, (_, stdout, stderr) => resolve([child.exitCode, stdout, stderr]));
      });
    const files = {
      even: Buffer.alloc(1808, 2),
      odd: Buffer.alloc(1808, 3),
      short: Buffer.alloc(1807),
      token: Buffer.alloc(304),
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    const file = (name: keyof typeof files) => join(folder, name);
    expect(await ask(path, file("even"))).toEqual([0, "allow\n", ""]);
    expect(await ask(path, file("even"), file("token"))).toEqual([0, "allow\n", ""]);
    expect(await ask(path, file("odd"))).toEqual([2, "deny odd\n", ""]);
    expect(await ask(path, file("short"))).toEqual([1, "", `ask: ${file("short")} is not a file of 1808 bytes\n`]);
    expect(await ask(join(folder, "none"), file("even"))).toEqual([1, "", "ask: the daemon cannot be reached\n"]);
    expect(await ask()).toEqual([1, "", "usage: ask SOCKET SIGSTRUCT [TOKEN]\n"]);
  });
});

/** "RESULT ALLOW", as the harness says it. */
function wellFormed(body: Buffer, sigstruct: string, token: string): string {
  let line = "-1 0";
  codeOf(() => {
    const verdict = decodeVerdict(body);
    const none = verdict.sigstruct_sha256 === null && verdict.token_sha256 === null;
    const about = verdict.sigstruct_sha256 === sigstruct && verdict.token_sha256 === token;
    if (verdict.decision === "allow" ? about : about || none) line = `0 ${verdict.decision === "allow" ? 1 : 0}`;
  });
  return line;
}
