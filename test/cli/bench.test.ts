/** `launchgate bench` as a process, and what it makes of figures: shapes and sums, never how fast this machine is. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareRatios, readBaseline } from "../../cli/bench/compare.js";
import type { DaemonSpeed, DaemonSubject } from "../../cli/bench/daemon.js";
import { goalsOf } from "../../cli/bench/goals.js";
import { markdown, text } from "../../cli/bench/render.js";
import type { BenchReport } from "../../cli/bench/report.js";
import { measure, type Subject } from "../../cli/bench/rounds.js";
import { NAMES } from "../../cli/bench/run.js";
import { statisticsOf } from "../../cli/bench/statistics.js";
import { eventStream, listedSigners, signedSigstruct } from "../../cli/bench/workload.js";
import { CommandError } from "../../cli/io.js";
import { decodeSigstruct, mrsignerOf } from "../../engine/index.js";
import { launchgate } from "../support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const report = (ratios: unknown): unknown => ({ schema: "launchgate-bench-v1", ratios });

const DAEMONS = ["warm_after", "cold_after", "warm_before", "cold_before"];

describe("a quick run", () => {
  let ran: ReturnType<typeof launchgate>;
  let found: BenchReport;

  beforeAll(() => {
    ran = launchgate(["bench", "--quick", "--count", "200", "--format", "json"]);
    found = JSON.parse(ran.stdout);
  });

  test("exits 0 with one JSON document on stdout, and says nothing in a pipe", () => {
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
    expect(found.schema).toBe("launchgate-bench-v1");
  });

  test("measures every subject of our own, and the SDK, which all agree", () => {
    expect(found.subjects.map(({ name, class: kind, answer }) => [name, kind, answer])).toEqual([
      ["decode", "codec", null],
      ["verify", "codec", "valid"],
      ["input", "codec", null],
      ["cold", "decide", "allow"],
      ["cold_deny", "decide", "deny signer_not_listed"],
      ["cold_new_signer", "decide", "deny signer_not_listed"],
      ["warm", "decide", "allow"],
      ["warm_some", "decide", "allow"],
      ["warm_json", "decide", "allow"],
      ["warm_sha256", "decide", "allow"],
      ["mixed", "decide", "allow"],
      ["guest_cold", "decide", "allow"],
      ["load", "load", "allow"],
      ["sdk_evaluate", "baseline", "allow"],
      ["sdk_projected", "baseline", "allow"],
    ]);
  });

  test("gives each its percentiles in order, of as many calls as it says", () => {
    for (const { name, ns } of found.subjects) {
      const ordered = [ns.min_ns, ns.median_ns, ns.p90_ns, ns.p99_ns, ns.p999_ns, ns.max_ns];
      expect({ name, ordered }).toEqual({ name, ordered: [...ordered].sort((a, b) => a - b) });
      expect(ns.min_ns).toBeGreaterThan(0);
      expect(ns.count).toBe(name === "cold" || name === "warm" ? 200 : 20 * Math.ceil(ns.count / 20));
    }
  });

  test("has a ratio to the SDK for each of our own, and none for anybody else's", () => {
    const own = found.subjects
      .filter(({ class: kind }) => kind !== "baseline")
      .map(({ name }) => `${name} / sdk_evaluate`);
    expect(Object.keys(found.ratios)).toEqual([
      ...own,
      "cold, most signers / fewest",
      "warm, most signers / fewest",
      "script that loads a bundle and decides / node",
      "launchgate eval / node",
      ...DAEMONS.map((name) => `round trip, ${name} / echo`),
      ...DAEMONS.map((name) => `sustained, echo / ${name}`),
    ]);
    for (const ratio of Object.values(found.ratios)) expect(ratio).toBeGreaterThan(0);
  });

  test("measures processes, signers, memory, replay, vet and the daemon, and says why not rules", () => {
    expect(found.scaling).toMatchObject({
      signers: [{ signers: 10 }, { signers: 100 }, { signers: 1000 }],
      rules: [],
      reasons: [],
    });
    expect(found.memory.map(({ subject, decisions }) => [subject, decisions])).toEqual([
      ["cold", 200],
      ["warm", 200],
    ]);
    expect(found.replay).toMatchObject({ records: 200, records_per_second: expect.any(Number) });
    expect(found.vet).toMatchObject({ enclaves: 200, enclaves_per_second: expect.any(Number) });
    expect(found.processes?.runs).toBe(2);
    expect(found.daemon?.round_trips.map(({ name }) => name)).toEqual(["echo", ...DAEMONS]);
    expect(found.absent).toEqual([{ name: "rules", why: expect.stringContaining("--quick") }]);
  });

  test("judges every goal, and compares with nothing", () => {
    const judged = found.goals.filter(({ met }) => met !== null);
    expect(judged.map(({ name, met }) => [name, typeof met])).toEqual(
      [
        "cold",
        "warm",
        "cold_p99",
        "warm_p99",
        "cold_growth",
        "warm_growth",
        "replay_growth",
        "vet",
        "cold_flat",
        "warm_flat",
        "load",
        "eval",
        "daemon_echo_after",
        "daemon_echo_before",
      ].map((name) => [name, "boolean"]),
    );
    const others = found.goals.filter(({ met }) => met === null).map(({ name }) => name);
    expect(others).toEqual(["after", "before"].flatMap((when) => [`daemon_opa_${when}`, `daemon_sustained_${when}`]));
    expect(found.comparison).toBeNull();
  });

  test("names the machine, the method and the policy measured", () => {
    expect(found.machine).toMatchObject({
      node: process.versions.node,
      cores: expect.any(Number),
      cpu: expect.any(String),
    });
    expect(found.method).toMatchObject({ quick: true, count: 200, rounds: 4 });
    expect(found).toMatchObject({ signers: 1000, revoked: 1000 });
    expect(found.policies).toEqual([
      { name: "launchgate", revision: found.launchgate, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    expect(found.input_bytes).toBeGreaterThan(found.projected_bytes ?? Number.POSITIVE_INFINITY);
  });

  test("is rendered with every subject and goal in it, as Markdown and as text", () => {
    for (const rendered of [markdown(found), text(found)]) {
      for (const { name } of found.subjects) expect(rendered.replaceAll("\\", "")).toContain(name);
      for (const { criterion } of found.goals) expect(rendered.replaceAll("\\", "")).toContain(criterion);
    }
    expect(markdown(found)).toMatch(
      /^# Benchmark of Launchgate \d.*\n\n## Goals\n\n\| {2}\| goal \| found \|\n\| --- \| --- \| --- \|\n/,
    );
  });

  test("may leave its report in a file, and then says nothing on stdout", () => {
    const out = join(folder, "report.md");
    const { code, stdout } = launchgate([
      "bench",
      "--quick",
      "--count",
      "20",
      "--only",
      "decode",
      "--format",
      "markdown",
      "--out",
      out,
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(readFileSync(out, "utf8")).toMatch(/^# Benchmark of Launchgate/);
  });
});

describe("--only", () => {
  test("measures just that, and the SDK for the ratio", () => {
    const { code, stdout } = launchgate([
      "bench",
      "--quick",
      "--count",
      "50",
      "--only",
      "warm,decode",
      "--format",
      "json",
    ]);
    const found = JSON.parse(stdout) as BenchReport;
    expect(code).toBe(0);
    expect(found.subjects.map(({ name }) => name)).toEqual(["decode", "warm", "sdk_evaluate"]);
    const { memory, processes, replay, vet, daemon } = found;
    const none = { processes: null, replay: null, vet: null, daemon: null };
    expect({ memory, processes, replay, vet, daemon }).toEqual({ memory: [], ...none });
    expect(found.goals.filter(({ met }) => met !== null).map(({ name }) => name)).toEqual(["warm", "warm_p99"]);
  });
});

describe("--compare", () => {
  const bench = (baseline: unknown, ...more: readonly string[]) => {
    const path = file("baseline.json", baseline);
    const args = ["bench", "--quick", "--count", "50", "--only", "cold", "--compare", path, ...more];
    return launchgate([...args, "--format", "json"]);
  };

  test("is exit 2 where a ratio got worse, and names it", () => {
    const { code, stdout, stderr } = bench(report({ "cold / sdk_evaluate": 1e-9 }));
    expect(code).toBe(2);
    expect(stderr).toMatch(/^worse: cold \/ sdk_evaluate is \d+ times what it was\n$/);
    const { comparison } = JSON.parse(stdout) as BenchReport;
    expect(comparison).toMatchObject({ threshold: 1.2, compared: 1, regressions: [{ ratio: "cold / sdk_evaluate" }] });
  });

  test("is exit 0 where none did, and names what it had nothing to compare with", () => {
    const { code, stdout, stderr } = bench(report({ "cold / sdk_evaluate": 1e9, "warm / sdk_evaluate": 1 }));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { comparison } = JSON.parse(stdout) as BenchReport;
    expect(comparison).toEqual({ threshold: 1.2, compared: 1, regressions: [], missing: ["warm / sdk_evaluate"] });
  });

  test("takes a threshold", () => {
    const { code, stdout } = bench(report({ "cold / sdk_evaluate": 1e-9 }), "--threshold", "9".repeat(30));
    expect({ code, regressions: JSON.parse(stdout).comparison.regressions }).toEqual({ code: 0, regressions: [] });
  });
});

describe("a regression", () => {
  const before = { a: 1, b: 2, c: 4 };

  test.each<[string, Readonly<Record<string, number>>, readonly (readonly [string, number])[]]>([
    ["is none where everything is as it was", before, []],
    ["is none where things got better", { a: 0.1, b: 0.1, c: 0.1 }, []],
    ["is none at exactly the threshold", { a: 1.5, b: 3, c: 6 }, []],
    ["is one just above it", { a: 1.5001, b: 3, c: 6 }, [["a", 1.5]]],
    ["is not made up for by what got better", { a: 0.1, b: 4, c: 0.1 }, [["b", 2]]],
    [
      "is listed with the worst first",
      { a: 2, b: 10, c: 12 },
      [
        ["b", 5],
        ["c", 3],
        ["a", 2],
      ],
    ],
    ["is none in what the earlier run did not have", { ...before, d: 1e6 }, []],
  ])("%s", (_, now, expected) => {
    const { regressions } = compareRatios(now, before, 1.5);
    expect(regressions.map(({ ratio, factor }) => [ratio, factor])).toEqual(expected);
  });

  test("keeps both ratios for people to see", () => {
    expect(compareRatios({ a: 3 }, { a: 1 }, 1.2)).toEqual({
      threshold: 1.2,
      compared: 1,
      regressions: [{ ratio: "a", before: 1, now: 3, factor: 3 }],
      missing: [],
    });
  });

  test("cannot be looked for where the runs have nothing in common", () => {
    expect(() => compareRatios({ a: 1 }, { b: 1 }, 1.2)).toThrow(expect.objectContaining({ exitCode: 1 }));
  });

  test("is a ratio that is no number", () => {
    expect(compareRatios({ a: Number.NaN }, { a: 1 }, 1.2).regressions).toHaveLength(1);
  });
});

describe("an earlier report that cannot be used is exit 1", () => {
  test.each<[string, unknown, RegExp]>([
    ["no JSON", "not json", /is no JSON/],
    ["another document", { schema: "other", ratios: { a: 1 } }, /is no report of launchgate bench/],
    ["null", null, /is no report of launchgate bench/],
    ["no ratios", report(undefined), /has no ratios/],
    ["empty ratios", report({}), /has no ratios/],
    ["a ratio that is text", report({ a: "1" }), /has no ratios/],
    ["a ratio of zero", report({ a: 0 }), /has no ratios/],
    ["a negative ratio", report({ a: -1 }), /has no ratios/],
    ["a list", report([]), /has no ratios/],
  ])("%s", (_, content, message) => {
    const path = file("earlier.json", content);
    let thrown: unknown;
    try {
      readBaseline(path);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CommandError);
    expect(thrown).toMatchObject({ exitCode: 1, message: expect.stringMatching(message) });
  });

  test("before anything is measured", () => {
    const { code, stdout, stderr } = launchgate(["bench", "--compare", join(folder, "nowhere.json")]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("there is no such file");
  });
});

describe("a mistake in the options is exit 1", () => {
  test.each<[readonly string[], RegExp]>([
    [["--only", "colt"], /There is no "colt"/],
    [["--count", "0"], /whole number/],
    [["--count", "1.5"], /whole number/],
    [["--threshold", "0.9"], /at least 1/],
    [["--threshold", "much"], /at least 1/],
    [["--format", "xml"], /Allowed choices are text, json, markdown/],
    [["--policy", "/nowhere"], /no such policy folder or bundle/],
  ])("%j", (args, advice) => {
    const { code, stdout, stderr } = launchgate(["bench", ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(advice);
  });
});

test("a profile that is none is exit 3", () => {
  const { code, stdout, stderr } = launchgate(["bench", "--quick", "--profile", "lax"]);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toContain("profile");
});

describe("goals", () => {
  const subject = (name: string, median_ns: number, p99_ns: number) => ({
    name,
    class: "decide" as const,
    what: "",
    answer: null,
    ns: { ...statisticsOf([median_ns]), p99_ns },
  });
  const growth = (name: string, growth_bytes: number) => ({
    subject: name,
    decisions: 1,
    allocated_bytes_per_decision: 0,
    before_bytes: 0,
    after_bytes: growth_bytes,
    growth_bytes,
    rss_growth_bytes: 0,
  });
  const row = (signers: number, cold_ns: number, warm_ns: number) => ({
    signers,
    cold_ns,
    warm_ns,
    memory_bytes: 0,
    load_ms: 0,
  });
  const processes = (decide: number, whole: number) => ({
    runs: 1,
    node_ms: 40,
    node_module_ms: 40,
    builtin_script_ms: 41,
    bundle_script_ms: decide,
    bundle_load_ms: 1,
    sdk_script_ms: 45,
    eval_ms: whole,
    eval_bundle_ms: 1000,
  });
  const replay = (growth_bytes: number) => ({
    ...{ records: 1, bytes: 1, seconds: 1, records_per_second: 1, rss_growth_bytes: 0 },
    growth_bytes,
  });
  const daemon = (warm_ns: number, opa_ns: number, warm_per_second: number): DaemonSpeed => {
    const times = { echo: 10_000, opa: opa_ns, warm_after: warm_ns, warm_before: warm_ns };
    const rates = { opa: 1000, warm_after: warm_per_second, warm_before: warm_per_second };
    const named = <Value>(values: Readonly<Record<string, Value>>) =>
      Object.entries(values) as readonly (readonly [DaemonSubject, Value])[];
    return {
      ...{ request_bytes: 1, verdict_bytes: 1, connections: 1, in_flight: 1, filesystem: "ext4" },
      round_trips: named(times).map(([name, ns]) => ({ name, what: "", ns: statisticsOf([ns]) })),
      sustained: named(rates).map(([name, per_second]) => ({ name, per_second, overloaded: 0 })),
    };
  };
  const NOTHING = {
    ...{ subjects: [], memory: [], signers: [] },
    ...{ processes: null, replay: null, vet: null, daemon: null },
  };
  const vet = (seconds: number) => ({ enclaves: 10_000, seconds, enclaves_per_second: 1 });
  const met = (figures: Parameters<typeof goalsOf>[0]) =>
    Object.fromEntries(goalsOf(figures).map((goal) => [goal.name, goal.met]));

  test("at their limits are met", () => {
    const subjects = [subject("sdk_evaluate", 24_000, 0), subject("cold", 3000, 9000), subject("warm", 400, 1200)];
    const memory = [growth("cold", 1_048_576), growth("warm", -5)];
    const signers = [row(10, 1000, 100), row(100, 1100, 110), row(1000, 900, 90)];
    expect(
      new Set(
        Object.values(
          met({
            ...{ subjects, memory, signers, processes: processes(45, 120), replay: replay(1_048_576), vet: vet(60) },
            daemon: daemon(13_000, 39_000, 20_000),
          }),
        ),
      ),
    ).toEqual(new Set([true]));
  });

  test("just beyond are missed, each by itself", () => {
    const subjects = [subject("sdk_evaluate", 23_900, 0), subject("cold", 3000, 9100), subject("warm", 400, 1210)];
    const memory = [growth("cold", 1_048_577), growth("warm", 1_048_577)];
    const signers = [row(10, 1000, 100), row(100, 1101, 111)];
    expect(
      new Set(
        Object.values(
          met({
            subjects,
            memory,
            signers,
            processes: processes(45.1, 120.1),
            replay: replay(1_048_577),
            vet: vet(60.1),
            daemon: daemon(13_001, 39_002, 19_999),
          }),
        ),
      ),
    ).toEqual(new Set([false]));
  });

  test("are judged as they are, not as they are shown", () => {
    const subjects = [subject("sdk_evaluate", 799_999, 0), subject("cold", 100_000, 1)];
    const [cold] = goalsOf({ ...NOTHING, subjects });
    expect(cold).toMatchObject({ name: "cold", value: 8, met: false });
  });

  test("that were not measured are neither", () => {
    expect(new Set(Object.values(met(NOTHING)))).toEqual(new Set([null]));
  });
});

describe("statistics", () => {
  test.each<[string, readonly number[], readonly number[]]>([
    ["one time is every percentile", [7], [7, 7, 7, 7, 7, 7]],
    ["nearest rank, in whatever order they come", [4, 1, 3, 2], [1, 2, 4, 4, 4, 4]],
    ["a thousand times", Array.from({ length: 1000 }, (_, at) => 1000 - at), [1, 500, 900, 990, 999, 1000]],
  ])("%s", (_, times, expected) => {
    const { min_ns, median_ns, p90_ns, p99_ns, p999_ns, max_ns } = statisticsOf(times);
    expect([min_ns, median_ns, p90_ns, p99_ns, p999_ns, max_ns]).toEqual(expected);
  });

  test("are without what the clock takes, and never below 1 ns", () => {
    expect(statisticsOf([10, 40, 100], 30)).toEqual({
      count: 3,
      min_ns: 1,
      median_ns: 10,
      p90_ns: 70,
      p99_ns: 70,
      p999_ns: 70,
      max_ns: 70,
      mean_ns: 27,
      per_second: 37_037_037,
    });
  });
});

describe("rounds", () => {
  test("prepare each call once, with a number that never comes again, and time as many as asked", () => {
    const seen: number[] = [];
    const subject: Subject<number> = {
      name: "counted",
      what: "",
      class: "decide",
      count: 17,
      prepare: (at) => at,
      run: (at) => seen.push(at),
    };
    const { measured } = measure([subject as Subject], { rounds: 5, warmup: 3 });
    expect(seen).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(measured.map(({ name, ns }) => [name, ns.count])).toEqual([["counted", 17]]);
  });

  test("let all take their turn in each", () => {
    const turns: string[] = [];
    const subject = (name: string): Subject => ({
      name,
      what: "",
      class: "decide",
      count: 3,
      prepare: () => null,
      run: () => turns.push(name),
    });
    measure([subject("a"), subject("b")], { rounds: 3, warmup: 0 });
    expect(turns.length).toBe(6);
    for (const round of [0, 2, 4]) expect(new Set(turns.slice(round, round + 2))).toEqual(new Set(["a", "b"]));
  });
});

describe("the workload", () => {
  const template = signedSigstruct();
  const hashOf = (event: { readonly sigstruct: unknown }) =>
    Buffer.from(decodeSigstruct(event.sigstruct as Uint8Array).enclavehash).toString("hex");
  const signerOf = (event: { readonly sigstruct: unknown }) =>
    mrsignerOf(decodeSigstruct(event.sigstruct as Uint8Array).modulus);
  const many = Array.from({ length: 1000 }, (_, at) => at);

  test("of new enclaves never repeats one, in one series or between two", () => {
    const hashes = [0, 1].flatMap((series) => {
      const stream = eventStream({ template, signers: "listed", enclaves: "new", series });
      return many.map((at) => hashOf(stream(at)));
    });
    expect(new Set(hashes).size).toBe(2000);
  });

  test("of the same enclaves has eight", () => {
    const stream = eventStream({ template, signers: "listed", enclaves: "some" });
    expect(new Set(many.map((at) => hashOf(stream(at)))).size).toBe(8);
  });

  test("is the same in each run, whoever signed the template", () => {
    const bytes = [template, signedSigstruct()].map((from) => {
      const stream = eventStream({ template: from, signers: "listed", enclaves: "new" });
      return many.map((at) => Buffer.from(stream(at).sigstruct as Uint8Array).toString("base64"));
    });
    expect(bytes[0]).toEqual(bytes[1]);
  });

  test.each([10, 100, 1000])("comes from eight signers who are listed among %i, or from eight who are not", (size) => {
    const listed = new Set(listedSigners(size));
    expect(listed.size).toBe(size);
    for (const signers of ["listed", "unlisted"] as const) {
      const stream = eventStream({ template, signers, enclaves: "new" });
      const seen = new Set(many.map((at) => signerOf(stream(at))));
      expect({ seen: seen.size, listed: [...seen].every((signer) => listed.has(signer)) }).toEqual({
        seen: 8,
        listed: signers === "listed",
      });
    }
  });

  test("of new signers never repeats one", () => {
    const stream = eventStream({ template, signers: "new", enclaves: "new" });
    expect(new Set(many.map((at) => signerOf(stream(at)))).size).toBe(1000);
  });
});

test("--help names everything that --only takes", () => {
  const help = launchgate(["bench", "--help"]).stdout.replaceAll(/\s+/g, " ");
  for (const name of NAMES) expect(help).toContain(name);
});
