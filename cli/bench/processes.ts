/**
 * Whole processes, as a user waits for them: Node alone, Node that loads Launchgate and decides once, and
 * `launchgate eval`. Started in turns, one at a time, timed from spawn to exit.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { readBundle } from "../../engine/index.js";
import type { Io } from "../io.js";
import { policiesDir } from "../policy/shipped.js";
import { ENTRYPOINT, inputDocument } from "./sdk.js";
import { median, rounded } from "./statistics.js";

export interface ProcessTimes {
  readonly runs: number;
  /** `node -e 0` */
  readonly node_ms: number;
  /** `node --input-type=module -e ""`: what a script that imports anything pays before it begins. */
  readonly node_module_ms: number;
  /** A script that imports Launchgate, decides once by the built-in policy and ends. */
  readonly builtin_script_ms: number;
  /** The same by the policies measured, read from bundles. */
  readonly bundle_script_ms: number;
  /** Within that script: readBundle, createGate and the first decision, the import left out. */
  readonly bundle_load_ms: number;
  /** A script that imports the WASM SDK alone, loads the same WASM and data, and asks each once with a ready-made input. */
  readonly sdk_script_ms: number;
  /** `launchgate eval --sigstruct FILE` */
  readonly eval_ms: number;
  /** `launchgate eval --sigstruct FILE --policy BUNDLE` */
  readonly eval_bundle_ms: number;
}

export interface ProcessesGiven {
  readonly runs: number;
  readonly bundles: readonly Uint8Array[];
  readonly event: object;
  readonly sigstruct: Uint8Array;
}

/** As built: this very file may by then be part of another one. */
const DIST = join(policiesDir(), "..", "dist");
const LIBRARY = pathToFileURL(join(DIST, "hooks", "index.js")).href;
const PROGRAM = join(DIST, "cli", "main.js");

export function measureProcesses(given: ProcessesGiven, io: Io): ProcessTimes {
  const folder = mkdtempSync(join(tmpdir(), "launchgate-bench-"));
  try {
    return inFolder(folder, given, io);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inFolder(folder: string, { runs, bundles, event, sigstruct }: ProcessesGiven, io: Io): ProcessTimes {
  const files = bundles.map((bytes, at) => write(folder, `policy-${at}.tar.gz`, bytes));
  const eventFile = write(folder, "event.json", JSON.stringify(event));
  const builtin = write(folder, "builtin.mjs", decideScript("", "{}", eventFile));
  const reading = `const files = ${JSON.stringify(files)}.map((file) => readFileSync(file));`;
  const loading = "{ policies: files.map((bytes) => readBundle(bytes)) }";
  const bundle = write(folder, "bundle.mjs", decideScript(reading, loading, eventFile));
  const sdk = write(folder, "sdk.mjs", sdkScript(folder, bundles, event));
  const signed = write(folder, "enclave.sig", sigstruct);
  const policies = files.flatMap((file) => ["--policy", file]);
  const commands = {
    node: ["-e", "0"],
    module: ["--input-type=module", "-e", ""],
    builtin: [builtin],
    bundle: [bundle],
    sdk: [sdk],
    eval: [PROGRAM, "eval", "--sigstruct", signed],
    evalBundle: [PROGRAM, "eval", "--sigstruct", signed, ...policies],
  } as const;
  const times = {
    node: [],
    module: [],
    builtin: [],
    bundle: [],
    sdk: [],
    eval: [],
    evalBundle: [],
    inside: [],
  } as Record<keyof typeof commands | "inside", number[]>;
  // The first turn fills the file system's cache, and is not counted.
  for (let run = 0; run <= runs; run += 1) {
    for (const [name, args] of Object.entries(commands) as [keyof typeof commands, readonly string[]][]) {
      const { ms, stdout } = spawn(args, folder, io);
      if (run === 0) continue;
      times[name].push(ms);
      if (name === "bundle") times.inside.push(Number(stdout) / 1e6);
    }
  }
  return {
    runs,
    node_ms: rounded(median(times.node)),
    node_module_ms: rounded(median(times.module)),
    builtin_script_ms: rounded(median(times.builtin)),
    bundle_script_ms: rounded(median(times.bundle)),
    bundle_load_ms: rounded(median(times.inside)),
    sdk_script_ms: rounded(median(times.sdk)),
    eval_ms: rounded(median(times.eval)),
    eval_bundle_ms: rounded(median(times.evalBundle)),
  };
}

function write(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600, flag: "wx" });
  return path;
}

/** Prints the nanoseconds from what the policy is in memory to the decision. */
function decideScript(before: string, gateOptions: string, event: string): string {
  return `import { readFileSync } from "node:fs";
import { createGate, readBundle } from ${JSON.stringify(LIBRARY)};
${before}
const event = JSON.parse(readFileSync(${JSON.stringify(event)}, "utf8"));
const start = process.hrtime.bigint();
const { decision } = createGate(${gateOptions}).decide(event);
const end = process.hrtime.bigint();
if (decision !== "allow" && decision !== "deny") throw new Error("no decision");
process.stdout.write(String(end - start));
`;
}

/** What anybody pays who asks OPA's WASM once: no archive, no digest, no check, no decoding. */
function sdkScript(folder: string, bundles: readonly Uint8Array[], event: object): string {
  const policies = bundles.map((bytes, at) => {
    const { wasm, data } = readBundle(bytes);
    return {
      wasm: write(folder, `policy-${at}.wasm`, wasm),
      data: write(folder, `data-${at}.json`, JSON.stringify(data)),
    };
  });
  const input = write(folder, "input.json", JSON.stringify(inputDocument(event)));
  return `import { readFileSync } from "node:fs";
import sdk from ${JSON.stringify(import.meta.resolve("@open-policy-agent/opa-wasm"))};
const input = JSON.parse(readFileSync(${JSON.stringify(input)}, "utf8"));
for (const { wasm, data } of ${JSON.stringify(policies)}) {
  const policy = sdk.loadPolicySync(readFileSync(wasm));
  policy.setData(JSON.parse(readFileSync(data, "utf8")));
  if (policy.evaluate(input, ${JSON.stringify(ENTRYPOINT)}).length !== 1) throw new Error("no answer");
}
`;
}

/** Exit 2 is a denial, and as long a way as an allow. */
function spawn(args: readonly string[], cwd: string, { env }: Io): { readonly ms: number; readonly stdout: string } {
  const start = process.hrtime.bigint();
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, {
    cwd,
    encoding: "utf8",
    env: { PATH: env["PATH"] },
    timeout: 60_000,
  });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (error !== undefined) throw error;
  if (status !== 0 && status !== 2)
    throw new Error(`node ${args.join(" ")} ended with ${status}: ${stderr.slice(0, 500)}`);
  return { ms, stdout };
}
