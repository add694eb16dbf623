import { describe, expect, test } from "vitest";
import { effectiveFolderData } from "../../../../cli/policy/effective.js";
import { policiesDir } from "../../../../cli/policy/shipped.js";
import { readPolicyFolder } from "../../../../cli/policy/sources.js";
import { caseKiller, type Killer, regoKiller } from "../../../../cli/testing/mutation/killers.js";
import { type MutationOptions, type MutationResult, runMutants } from "../../../../cli/testing/mutation/run.js";
import { createGate, type LaunchEvent, type PolicyBundle } from "../../../../hooks/index.js";
import { ROOT } from "../../../support/cli.js";
import { makeEvent, makeSecs } from "../../../support/events.js";
import { makeSigstruct } from "../../../support/sigstructs.js";
import { folderOf, opa } from "../../policy/folder.js";

const POLICY = `package launch

# METADATA
# entrypoint: true
decision := {"allow": allow, "deny": deny, "warn": []}

default allow := false

allow if input.enclave.isvsvn >= 2

deny contains {"code": "debug", "message": "no debugging"} if not input.enclave.debug == "off"
`;

interface Case {
  readonly name: string;
  readonly event: LaunchEvent;
  readonly codes: readonly string[] | "allow";
}

function launch(isvsvn: number, debug = false): LaunchEvent {
  const attributes = { flags: debug ? 6n : 4n, xfrm: 3n };
  return makeEvent({
    sigstruct: makeSigstruct({ isvsvn, attributes }),
    secs: makeSecs({ attributes: { flags: debug ? "0x6" : "0x4", xfrm: "0x3" } }),
  });
}

const CASES: readonly Case[] = [
  { name: "the release launches", event: launch(2), codes: "allow" },
  { name: "the next release launches", event: launch(3), codes: "allow" },
  { name: "an older one does not", event: launch(1), codes: ["not_allowed"] },
  { name: "nobody debugs it", event: launch(2, true), codes: ["debug"] },
];

function passes(policy: PolicyBundle): (one: Case) => boolean {
  const gate = createGate({ policies: [policy], signatureCheck: "never" });
  return ({ event, codes }) => {
    const { decision, reasons } = gate.decide(event);
    if (codes === "allow") return decision === "allow";
    return decision === "deny" && JSON.stringify(reasons.map(({ code }) => code)) === JSON.stringify(codes);
  };
}

const strong = caseKiller(CASES, passes);
const weak = caseKiller(CASES.slice(0, 1), passes);

function mutate(
  rego: string,
  killers: readonly Killer[],
  more: Partial<MutationOptions> = {},
): Promise<MutationResult> {
  const dir = folderOf({ "launch/decision.rego": rego });
  return runMutants({ dir, opa, policies: policiesDir(), data: { launchgate: {} }, killers, ...more });
}

function inState({ mutants }: MutationResult, state: string): readonly string[] {
  return mutants.filter((mutant) => mutant.state === state).map(({ id }) => id.replace("launch/decision.rego:", ""));
}

describe("a small policy", () => {
  const all = mutate(POLICY, [strong]);

  test("whose every line is tested has no survivors", async () => {
    const result = await all;
    expect(inState(result, "survived")).toEqual([]);
    expect(result).toMatchObject({ score: 100, found: result.tried });
    expect([...new Set(result.mutants.map(({ by }) => by))].sort()).toEqual([
      "an older one does not",
      "nobody debugs it",
      "the release launches",
    ]);
  });

  test("which is tested by one launch alone has just the survivors that only others would kill", async () => {
    const result = await mutate(POLICY, [weak]);
    expect(inState(result, "survived")).toEqual([
      "7:1:drop-rule",
      "7:18:default-true",
      "9:10:drop-expression",
      "9:34:integer-down",
      "11:1:drop-rule",
      "11:16:drop-element",
      "11:24:string",
    ]);
  });

  test("says of each mutant where it is, what it changes and who killed it", async () => {
    const { mutants } = await all;
    expect(mutants.find(({ operator }) => operator === "turn-gt")).toEqual({
      id: "launch/decision.rego:9:31:turn-gt",
      file: "launch/decision.rego",
      line: 9,
      operator: "turn-gt",
      before: "allow if input.enclave.isvsvn >= 2",
      after: "allow if input.enclave.isvsvn > 2",
      state: "killed",
      by: "the release launches",
    });
  });

  test("mutants that do not compile, and those that change nothing, count for no score", async () => {
    const unreached = `${POLICY}\nunreached if input.enclave.isvprodid == 3\n\nunbound(x) := y if { y := x; x }\n`;
    const result = await mutate(unreached, [strong]);
    expect(inState(result, "invalid")).toEqual(["15:22:drop-expression"]);
    expect(inState(result, "equivalent").every((id) => Number(id.split(":")[0]) >= 13)).toBe(true);
    expect(inState(result, "equivalent").length).toBeGreaterThan(5);
    expect(result).toMatchObject({ score: 100 });
    expect(Object.values(result.counts).reduce((sum, count) => sum + count)).toBe(result.tried);
  });

  test("whoever is asked next kills what the first did not", async () => {
    const named: Killer = (policy) => (passes(policy)(CASES[2] as Case) ? null : "an extra killer");
    const { mutants } = await mutate(POLICY, [weak, async () => null, named]);
    expect(mutants.find(({ id }) => id.endsWith(":9:34:integer-down"))).toMatchObject({ by: "an extra killer" });
  });

  test("a mutant that does not come to an end is killed by that", async () => {
    const slow = `${POLICY}
deny contains {"code": "slow", "message": "slow"} if {
	not input.enclave.debug == "off"
	r := numbers.range(1, 3000)
	count([1 | some x in r; some y in r; some z in r; x + y == z]) < 0
}
`;
    const launches = caseKiller(CASES.slice(0, 2), passes);
    const result = await mutate(slow, [launches], { timeoutMs: 500 });
    expect(inState(result, "timeout").length).toBeGreaterThan(0);
    expect(inState(result, "timeout").every((id) => Number(id.split(":")[0]) >= 13)).toBe(true);
  });

  test("a sample is the same each time, a part of all, and says of how many", async () => {
    const sample = await mutate(POLICY, [strong], { sample: 5, jobs: 1 });
    const again = await mutate(POLICY, [strong], { sample: 5, jobs: 3 });
    expect(sample).toEqual(again);
    expect(sample).toMatchObject({ found: (await all).found, tried: 5 });
    const results = new Set((await all).mutants.map((mutant) => JSON.stringify(mutant)));
    expect(sample.mutants.every((mutant) => results.has(JSON.stringify(mutant)))).toBe(true);
  });

  test("progress counts up to all of them", async () => {
    const told: string[] = [];
    const { tried } = await mutate(POLICY, [strong], {
      sample: 4,
      progress: (done, total) => told.push(`${done}/${total}`),
    });
    expect(told).toEqual(Array.from({ length: tried }, (_, at) => `${at + 1}/${tried}`));
  });
});

describe("what goes wrong is an error, and no score", () => {
  const FAILURES: readonly (readonly [string, () => Promise<MutationResult>, number, RegExp])[] = [
    ["a policy that its tests fail", () => mutate(POLICY, [() => "the first case"]), 2, /fails the first case/],
    ["no policy", () => mutate("package launch\n", [strong]), 3, /entrypoint/],
    ["a policy that does not parse", () => mutate("package launch\n\na :=\n", [strong]), 3, /does not parse/],
    [
      "one that does not compile",
      () => mutate(POLICY.replace('"deny": deny', '"deny": denied'), [strong]),
      3,
      /does not compile/,
    ],
    ["a folder that is not there", () => runMutants({ ...OPTIONS, dir: "/nowhere" }), 1, /nowhere/],
    ["no mutants wanted", () => mutate(POLICY, [strong], { sample: 0 }), 1, /number of mutants is 0/],
    ["no jobs", () => mutate(POLICY, [strong], { jobs: 0.5 }), 1, /number of jobs is 0.5/],
    [
      "an OPA that does not run",
      () => mutate(POLICY, [strong], { opa: { path: "/nowhere", version: "1" } }),
      1,
      /cannot run/,
    ],
  ];
  const OPTIONS = { dir: "", opa, policies: policiesDir(), data: {}, killers: [] };

  test.each(FAILURES)("%s", async (_, run, exitCode, message) => {
    await expect(run()).rejects.toMatchObject({ exitCode, message: expect.stringMatching(message) });
  });

  test("a killer that throws ends the run", async () => {
    let asked = 0;
    const broken: Killer = () => {
      asked += 1;
      if (asked > 3) throw new RangeError("broken");
      return null;
    };
    await expect(mutate(POLICY, [broken])).rejects.toThrow("broken");
  });

  test("where nobody is there to kill, everything survives", async () => {
    expect(await mutate(POLICY, [], { sample: 3 })).toMatchObject({ score: 0, tried: 3, counts: { survived: 3 } });
  });
});

describe("the policy of examples/own-policy", () => {
  const dir = `${ROOT}/examples/own-policy`;
  const options: MutationOptions = {
    dir,
    opa,
    policies: policiesDir(),
    data: effectiveFolderData([]),
    killers: [regoKiller({ opa, tests: readPolicyFolder(dir).tests })],
  };

  test("its own Rego tests let live just what they do not look at", async () => {
    const result = await runMutants(options);
    expect(inState(result, "survived")).toEqual([
      // Warnings, and what is denied already where the standard policy does not allow.
      "18:2:drop-element",
      "24:2:drop-expression",
      // Guests whose agent tells of the launch.
      "43:1:drop-rule",
      "43:31:string",
      // Without it, hosts would be denied; the product is undefined there.
      "69:2:drop-expression",
    ]);
    expect(result.mutants.find(({ id }) => id.endsWith(":74:32:turn-gt"))).toMatchObject({
      state: "killed",
      by: "data.launch_test.test_an_older_release_does_not_launch",
    });
  });

  test("the shipped library has mutants as well, on request", async () => {
    const own = await runMutants({ ...options, killers: [], sample: 1 });
    const all = await runMutants({ ...options, killers: [], sample: 1, library: true });
    expect(all.found).toBeGreaterThan(5 * own.found);
  });
});

test("Rego tests that no longer compile with a mutant kill it; an OPA that fails does not", async () => {
  const tests = [{ path: "x_test.rego", bytes: new TextEncoder().encode("package x_test\n\ntest_a if data.x.f(1)\n") }];
  const sources = [{ path: "x.rego", bytes: new TextEncoder().encode("package x\n\nf(a) if a == 1\n") }];
  const policy = { data: {} } as PolicyBundle;
  const kill = regoKiller({ opa, tests });
  expect(await kill(policy, sources)).toBe(null);
  const gone = [{ path: "x.rego", bytes: new TextEncoder().encode("package x\n\ng(a) if a == 1\n") }];
  expect(await kill(policy, gone)).toMatch(/^opa test: .*undefined function data.x.f/);
  const failing = regoKiller({ opa: { path: "/bin/false", version: "1" }, tests });
  await expect(failing(policy, sources)).rejects.toMatchObject({ exitCode: 1 });
});
