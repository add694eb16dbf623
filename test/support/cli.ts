/** The built program, run as its users run it: a process of its own, with an environment and a home of its own. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";

export const ROOT = resolve(import.meta.dirname, "../..");

/** What `npm run build` has made; `npm test` does that first. */
export const MAIN = join(ROOT, "dist/cli/main.js");

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  /** Beside PATH and HOME; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Another program than the repository's own. */
  readonly main?: string;
}

const home = mkdtempSync(join(tmpdir(), "launchgate-test-home-"));

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The environment of every run. The cache for compiled policies lies in a home that goes with the test file. */
function environment(more: RunOptions["env"] = {}): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: home, ...more };
}

export function launchgate(args: readonly string[], { main = MAIN, ...options }: RunOptions = {}): Run {
  return run(process.execPath, [main, ...args], options);
}

/** Any program, without a shell. */
export function run(program: string, args: readonly string[], options: Omit<RunOptions, "main"> = {}): Run {
  const { input = "", env, cwd = ROOT } = options;
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    env: environment(env),
    cwd,
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  return { code: status, stdout, stderr };
}

/** Whether a program is on PATH. */
export function has(program: string): boolean {
  return run("sh", ["-c", `command -v ${program}`]).code === 0;
}
