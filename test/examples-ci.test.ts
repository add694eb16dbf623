/** What is there to adopt: templates are valid, ask for options that exist, fail where they must; the sample repository runs. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { COMMANDS } from "../cli/commands.js";
import type { DiffDocument } from "../cli/diff/report.js";
import { REPORT_FORMATS } from "../cli/report/model.js";
import { launchgate, MAIN, ROOT, run } from "./support/cli.js";
import { OPA } from "./support/policies.js";
import { makeSigstruct } from "./support/sigstructs.js";

const CI = join(ROOT, "examples/ci");
const SAMPLE = join(ROOT, "examples/signing-repository");
const VERSION = String(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);

interface Step {
  readonly id?: string;
  readonly shell?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, string>>;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

interface Job {
  readonly before_script: readonly string[];
  readonly script: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly artifacts: { readonly when: string; readonly reports: { readonly junit: string } };
}

interface Hook {
  readonly id: string;
  readonly entry: string;
  readonly args?: readonly string[];
  readonly files: string;
  readonly additional_dependencies: readonly string[];
}

function yaml<Shape>(path: string): Shape {
  const document = parseDocument(readFileSync(path, "utf8"), { prettyErrors: true });
  expect([path, ...document.errors, ...document.warnings]).toEqual([path]);
  return document.toJS();
}

const action = yaml<Action>(join(CI, "action.yml"));
const gitlab = yaml<Readonly<Record<".launchgate-vet" | ".launchgate-test", Job>>>(join(CI, "gitlab.yml"));
const hooks = yaml<readonly Hook[]>(join(CI, ".pre-commit-hooks.yaml"));
const workflow = yaml<{ readonly jobs: { readonly vet: { readonly steps: readonly Step[] } } }>(
  join(SAMPLE, ".github/workflows/release.yml"),
);
const ciSh = readFileSync(join(SAMPLE, "ci.sh"), "utf8");

const JOBS = [".launchgate-vet", ".launchgate-test"] as const;
const actionScripts: readonly string[] = action.runs.steps.map((step) => String(step.run));
const vetScript = actionScripts.at(-1) ?? "";
const workflowScripts: readonly string[] = workflow.jobs.vet.steps.flatMap((step) => step.run ?? []);

/** Every script, by where it stands. */
const SCRIPTS: Readonly<Record<string, string>> = {
  "action.yml": actionScripts.join("\n"),
  "gitlab.yml": JOBS.flatMap((job) => [...gitlab[job].before_script, ...gitlab[job].script]).join("\n"),
  ".pre-commit-hooks.yaml": hooks.map((hook) => [hook.entry, ...(hook.args ?? [])].join(" ")).join("\n"),
  "release.yml": workflowScripts.join("\n"),
  "ci.sh": ciSh,
};

/** The `launchgate` command lines of a script, continued lines joined, and arrays of options put where they are used. */
function commandLines(script: string): readonly (readonly [string, string])[] {
  const arrays = [...script.matchAll(/options\+=\(([^)]*)\)/g)].map(([, words]) => words).join(" ");
  const whole = script.replaceAll("\\\n", " ").replaceAll(/"\$\{options\[@\]\}"/g, () => arrays);
  const lines = [...whole.matchAll(/(?:^|[\s;|])launchgate ([a-z]+)([^\n|;]*)/gm)];
  return lines.filter(([line]) => !line.includes("#")).map(([, name = "", rest = ""]) => [name, rest]);
}

const LINES = Object.entries(SCRIPTS).flatMap(([file, script]) =>
  commandLines(script).map(([name, rest]) => ({ file, name, rest })),
);

describe("command lines in templates", () => {
  test("are found in each", () => {
    const found = Object.keys(SCRIPTS).map((file) => [
      file,
      LINES.filter((line) => line.file === file).map(({ name }) => name),
    ]);
    expect(Object.fromEntries(found)).toEqual({
      "action.yml": ["vet"],
      "gitlab.yml": ["vet", "check", "test"],
      ".pre-commit-hooks.yaml": ["vet", "check", "test"],
      "release.yml": ["build"],
      "ci.sh": ["check", "test", "build", "diff", "vet"],
    });
  });

  test.each(LINES)("$file: launchgate $name has the options$rest", ({ name, rest }) => {
    const { code, stdout } = launchgate([name, "--help"]);
    expect(code).toBe(0);
    const [options = ""] = rest.split(/ -- /);
    for (const [, option = ""] of options.matchAll(/(?:^|\s)(--?[a-z][a-z-]*)/g)) {
      expect([option, new RegExp(`(^|[\\s,])${option}([\\s,]|$)`, "m").test(stdout)]).toEqual([option, true]);
    }
    for (const [, format = ""] of options.matchAll(/--(?:format|report) "?([a-z]+)/g))
      expect(REPORT_FORMATS).toContain(format);
  });

  test("are all of commands that there are", () => {
    const known = new Set(COMMANDS.map(({ name }) => name));
    expect(LINES.filter(({ name }) => !known.has(name))).toEqual([]);
  });

  test("name this version", () => {
    expect([action.inputs["version"]?.default, ...JOBS.map((job) => gitlab[job].variables.LAUNCHGATE_VERSION)]).toEqual(
      [VERSION, VERSION, VERSION],
    );
    for (const { additional_dependencies } of hooks) expect(additional_dependencies).toEqual([`launchgate@${VERSION}`]);
  });
});

describe("the GitHub Action", () => {
  test("is composite, and uses each of its inputs, by the environment alone", () => {
    expect(action.runs.using).toBe("composite");
    const used = action.runs.steps.flatMap((step) => Object.values(step.env ?? {}));
    expect(used.sort()).toEqual(
      Object.keys(action.inputs)
        .map((name) => `\${{ inputs.${name} }}`)
        .sort(),
    );
    for (const { run: script, shell } of action.runs.steps) {
      expect(shell).toBe("bash");
      expect(script).not.toContain("${{");
      expect(run("bash", ["-n"], { input: script ?? "" })).toEqual({ code: 0, stdout: "", stderr: "" });
    }
  });

  test("is asked for inputs that it has", () => {
    const step = workflow.jobs.vet.steps.find((one) => one.id === "launchgate");
    for (const name of Object.keys(step?.with ?? {})) expect(Object.keys(action.inputs)).toContain(name);
    expect(Object.keys(action.outputs)).toContain("sarif");
  });

  /** What the action's step does in a folder with two enclaves, with `launchgate` on PATH as its first step leaves it. */
  function vet(env: Readonly<Record<string, string>>) {
    const cwd = folder();
    const empty = { BASELINE: "", POLICY: "", DATA: "", FLEETS: "", SARIF: "out.sarif" };
    const summary = join(cwd, "summary.md");
    writeFileSync(summary, "before\n");
    mkdirSync(join(cwd, "dist/a b"), { recursive: true });
    for (const file of ["dist/one.sig", "dist/a b/two.sig"]) writeFileSync(join(cwd, file), makeSigstruct());
    const result = run("bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", vetScript], {
      cwd,
      env: { ...empty, PATH: path(), RUNNER_TEMP: cwd, GITHUB_STEP_SUMMARY: summary, ...env },
    });
    return { ...result, cwd, summary: readFileSync(summary, "utf8") };
  }

  test("fails where nothing fits, since nothing was vetted", () => {
    expect(vet({ FILES: "dist/*.css\n" })).toMatchObject({
      code: 1,
      stdout: "::error title=launchgate::there is no enclave to vet: no file fits what files names\n",
    });
  });

  test("vets every file that fits, and leaves SARIF and a summary", () => {
    const { code, cwd, summary, stderr } = vet({ FILES: "dist/**/*.sig" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const sarif = JSON.parse(readFileSync(join(cwd, "out.sarif"), "utf8"));
    expect(sarif.version).toBe("2.1.0");
    expect(summary).toMatch(/^before\n[\s\S]*two\.sig/);
  });

  test("fails where an enclave fails, and says so all the same", () => {
    const { code, stdout, summary } = vet({ FILES: "dist/one.sig\nnowhere.sig" });
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/^::error /m);
    expect(summary).not.toBe("before\n");
  });
});

test("GitLab is given the JUnit report that the script writes", () => {
  for (const job of JOBS) {
    const { artifacts, script } = gitlab[job];
    expect(artifacts).toMatchObject({ when: "always", reports: { junit: "launchgate-junit.xml" } });
    expect(script.join("\n")).toContain(`--report junit=${artifacts.reports.junit}`);
    for (const line of script) expect(run("sh", ["-n"], { input: line }).code).toBe(0);
  }
});

test("each pre-commit hook has what a hook must have, and takes the files it is for", () => {
  for (const hook of hooks) {
    expect(hook).toMatchObject({ id: expect.any(String), name: expect.any(String), language: "node" });
    expect(hook.entry).toBe(hook.id.replace("-", " "));
  }
  const files = new RegExp(hooks[0]?.files ?? "");
  expect(["a.sig", "b.signed.so", "le.css", "c.so", "sig"].filter((name) => files.test(name))).toEqual([
    "a.sig",
    "b.signed.so",
    "le.css",
  ]);
});

describe("the sample repository", () => {
  test("makes two releases, of which the second is the newer", () => {
    const out = folder();
    const made = run(process.execPath, ["make-enclaves.mjs", out], { cwd: SAMPLE });
    expect(made).toEqual({ code: 0, stdout: "", stderr: "" });
    const { stdout } = launchgate(["diff", "released/service.sig", "candidate/service.sig", "--format", "json"], {
      cwd: out,
    });
    const { comparisons, counts } = JSON.parse(stdout) as DiffDocument;
    expect(comparisons[0]?.changes.map(({ field }) => field)).toEqual(["date", "enclavehash", "isvsvn"]);
    expect(counts.weaker).toBe(0);
  });

  test("has a fleet policy that launches the release, and not a stranger's", () => {
    const out = folder();
    run(process.execPath, ["make-enclaves.mjs", out], { cwd: SAMPLE });
    const args = ["eval", "--policy", join(SAMPLE, "fleet"), "--data", join(out, "signers.yaml"), "--sigstruct"];
    writeFileSync(join(out, "stranger.sig"), makeSigstruct());
    const code = (file: string) => launchgate([...args, join(out, file)], { env: { PATH: path() } }).code;
    expect([code("candidate/service.sig"), code("stranger.sig")]).toEqual([0, 2]);
  });

  test("runs its CI from end to end", () => {
    const out = join(folder(), "build");
    const { code, stderr } = run("sh", ["ci.sh", out], { cwd: SAMPLE, env: { PATH: path() } });
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    for (const file of ["junit.xml", "report.html", "production.tar.gz"])
      expect([file, existsSync(join(out, file))]).toEqual([file, true]);
  });
});

const made: string[] = [];
afterAll(() => {
  for (const one of made) rmSync(one, { recursive: true, force: true });
});

function folder(): string {
  const one = mkdtempSync(join(tmpdir(), "launchgate-test-"));
  made.push(one);
  return one;
}

/** PATH with launchgate and OPA on it. */
function path(): string {
  const bin = folder();
  symlinkSync(MAIN, join(bin, "launchgate"));
  return `${bin}:${dirname(OPA)}:${process.env["PATH"]}`;
}
