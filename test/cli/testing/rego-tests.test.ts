/** Rego tests are run twice, and a test that comes out another way as WebAssembly fails, whatever the interpreter says. */

import { describe, expect, test } from "vitest";
import { listRegoTests, type RegoSubject, runRegoTests } from "../../../cli/testing/rego-tests.js";
import { opa } from "../policy/folder.js";

const bytes = (text: string) => new TextEncoder().encode(text);

const POLICY = `package launch

# METADATA
# entrypoint: true
decision := {"allow": allow, "deny": [], "warn": []}

default allow := false

allow if input.enclave.isvsvn > 1

allow if {
	input.enclave.isvsvn == 0
	data.lab == true
}
`;

function subject(tests: string, policy = POLICY): RegoSubject {
  return {
    sources: [{ path: "launch/decision.rego", bytes: bytes(policy) }],
    tests: [
      { path: "launch/decision_test.rego", bytes: bytes(`package launch_test\n\nimport data.launch\n\n${tests}\n`) },
    ],
    own: new Set(["launch/decision.rego"]),
    data: { lab: false, launchgate: { version: 1 } },
  };
}

function runOf(given: RegoSubject, wanted = (_: string) => true) {
  return runRegoTests(given, { opa, jobs: 2, wanted, progress: () => undefined });
}

describe("a Rego test", () => {
  test.each([
    [
      "that is true passes",
      'test_x if launch.decision.allow with input as {"enclave": {"isvsvn": 2}}',
      "pass",
      "pass",
      "pass",
      null,
    ],
    [
      "may replace data and builtins",
      "test_x if {\n\tlaunch.allow with input.enclave.isvsvn as 0 with data.lab as true\n\tcount([]) == 7 with count as 7\n}",
      "pass",
      "pass",
      "pass",
      null,
    ],
    ["sees the policy's data", "test_x if data.lab == false", "pass", "pass", "pass", null],
    ["has no input but what it gives", "test_x if not input", "pass", "pass", "pass", null],
    [
      "may call what calls an entrypoint",
      "f(svn) if {\n\tlaunch.decision.allow with input.enclave.isvsvn as svn\n}\n\ntest_x if f(2)",
      "pass",
      "pass",
      "pass",
      null,
    ],
    ["may print", 'test_x if {\n\tprint("x")\n}', "pass", "pass", "pass", null],
    [
      "that is not true fails",
      "test_x if launch.allow with input as {}",
      "fail",
      "fail",
      "fail",
      "the rule is not true",
    ],
    ["that is false fails", "test_x := false", "fail", "fail", "fail", "the rule is not true"],
    ["that is to be written is skipped", "todo_test_x if false", "skip", "skip", null, "it is to be written"],
    [
      "that traps as WebAssembly fails",
      'test_x if format_int(2147483648, 10) == "2147483648"',
      "fail",
      "pass",
      "trap",
      /^interpreter and WebAssembly differ: it passes in opa test, and traps \(the policy aborted: .*\) compiled, as hosts run it$/,
    ],
    [
      "that rests on the order of a set fails",
      'items := {{"c": "debug_on"}, {"c": "origin_disabled"}, {"c": "signer_key_public"}, {"c": "vm_disabled"}, {"c": "token_mismatch"}, {"c": "mrsigner_revoked"}}\n\ntest_x if [i.c | some i in items] == sort([i.c | some i in items])',
      "fail",
      "pass",
      "fail",
      "interpreter and WebAssembly differ: it passes in opa test, and fails compiled, as hosts run it",
    ],
    [
      "that calls a builtin of a host cannot be judged",
      'test_x if sprintf("%d", [1]) == "1"',
      "error",
      "pass",
      null,
      "it cannot be run as WebAssembly: it calls sprintf, which compiled policies do not have; use concat and format_int, or put the values into fields of the reason",
    ],
    [
      "that is no boolean cannot be compared",
      "test_x := 7",
      "fail",
      "fail",
      null,
      "its value is neither true nor false, by which interpreter and WebAssembly could be compared",
    ],
  ] as const)("%s", async (_, rego, status, interpreted, compiled, message) => {
    const { tests } = await runOf(subject(`${rego}\n\ntest_other if true`));
    const expected = {
      status,
      interpreted,
      compiled,
      message: message instanceof RegExp ? expect.stringMatching(message) : message,
    };
    expect(tests.find(({ name }) => name.endsWith("test_x"))).toMatchObject(expected);
    // What is wrong with one test is not said of another.
    expect(tests.find(({ name }) => name.endsWith("test_other"))).toMatchObject({
      status: "pass",
      compiled: "pass",
      message: null,
    });
  });

  test("of a name that another has cannot be told from it", async () => {
    const { tests } = await runOf(subject("test_x if true\n\ntest_x if 1 == 1\n\ntest_y if true"));
    expect(tests.map(({ name, status }) => [name, status])).toEqual([
      ["launch_test.test_x", "error"],
      ["launch_test.test_x#01", "error"],
      ["launch_test.test_y", "pass"],
    ]);
  });
});

test("tests are listed, and run, by name, with their places", async () => {
  const given = subject("test_a if true\n\ntest_b if true");
  const [a, b] = ["a", "b"].map((name, at) => ({
    name: `launch_test.test_${name}`,
    file: "launch/decision_test.rego",
    line: 5 + 2 * at,
  }));
  expect(await listRegoTests(given, opa)).toEqual([a, b]);
  const { tests } = await runOf(given, (name) => name.endsWith("_b"));
  expect(tests).toMatchObject([{ ...b, status: "pass" }]);
});

test("coverage is of the policy's own lines, and there is none where a test fails", async () => {
  const half = "test_a if launch.decision.allow with input.enclave.isvsvn as 2";
  const { coverage } = await runOf(subject(half));
  expect(coverage?.files).toEqual([
    {
      file: "launch/decision.rego",
      covered: 2,
      lines: 6,
      missed: [
        [7, 7],
        [11, 13],
      ],
    },
  ]);
  expect(coverage?.percent).toBeCloseTo(100 / 3);
  const whole =
    "test_b if launch.decision.allow with input.enclave.isvsvn as 0 with data.lab as true\n\ntest_c if not launch.allow with input as {}";
  expect((await runOf(subject(`${half}\n\n${whole}`))).coverage).toMatchObject({ percent: 100 });
  expect((await runOf(subject(`${half}\n\ntest_d if false`))).coverage).toBeNull();
});

test("tests that do not compile are refused with their place", async () => {
  await expect(runOf(subject("test_a if nothing_of_that_name"))).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(
      /^the Rego tests do not compile:\n {2}launch\/decision_test\.rego:5: .*nothing_of_that_name is unsafe/,
    ),
  });
});

test("no tests are no tests", async () => {
  const none = { ...subject(""), tests: [] };
  expect(await runOf(none)).toEqual({ tests: [], coverage: null });
  expect(await listRegoTests(none, opa)).toEqual([]);
  expect((await runOf(subject("helper := 1"))).tests).toEqual([]);
});
