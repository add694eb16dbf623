import { describe, expect, test } from "vitest";
import { parseModules } from "../../../../cli/policy/rego-ast.js";
import { policiesDir } from "../../../../cli/policy/shipped.js";
import { readPolicyFolder, type SourceFile } from "../../../../cli/policy/sources.js";
import { withStaged } from "../../../../cli/policy/staging.js";
import { applyMutant, type Mutant, mutantsOf } from "../../../../cli/testing/mutation/mutants.js";
import { MUTATION_OPERATORS } from "../../../../cli/testing/mutation/operators.js";
import { ROOT } from "../../../support/cli.js";
import { opa } from "../../policy/folder.js";

async function mutantsIn(
  files: readonly SourceFile[],
): Promise<readonly { text: string; mutants: readonly Mutant[] }[]> {
  const { modules, findings } = await withStaged(files, ({ dir }) =>
    parseModules(
      opa,
      dir,
      files.map(({ path }) => path),
    ),
  );
  expect(findings).toEqual([]);
  return modules.map((module) => {
    const text = new TextDecoder().decode(files.find(({ path }) => path === module.file)?.bytes);
    return { text, mutants: mutantsOf(module, text) };
  });
}

/** Of one rule, the operators and the lines that they make, without the rule's own dropping. */
async function mutantsOfRule(rule: string): Promise<readonly string[]> {
  const [module] = await mutantsIn([{ path: "x.rego", bytes: new TextEncoder().encode(`package x\n\n${rule}\n`) }]);
  return (module?.mutants ?? [])
    .filter(({ operator }) => operator !== "drop-rule")
    .map(({ operator, after }) => `${operator}: ${after}`);
}

describe("every construct has its mutants, and each changes just one place", () => {
  const RULES: readonly (readonly [name: string, rule: string, mutants: readonly string[]])[] = [
    ["a default", "default a := false", ["default-true: default a := true"]],
    ["a default that is no false", "default a := 1", ["integer-down: default a := 0", "integer-up: default a := 2"]],
    ["a rule without a body", "a := true", ["boolean: a := false"]],
    [
      "equality",
      'a if input.x == "y"',
      [
        "drop-expression: a if true",
        'negate: a if not input.x == "y"',
        'turn-neq: a if input.x != "y"',
        'string: a if input.x == ""',
      ],
    ],
    [
      "an order, whose bound moves and which is turned round",
      "a if input.x >= 2",
      [
        "drop-expression: a if true",
        "negate: a if not input.x >= 2",
        "turn-gt: a if input.x > 2",
        "turn-lt: a if input.x < 2",
        "integer-down: a if input.x >= 1",
        "integer-up: a if input.x >= 3",
      ],
    ],
    [
      "inequality, and a bound that is not reached",
      "a if {\n\tinput.x != input.y\n\tinput.x > input.z\n}",
      [
        "drop-expression: true",
        "negate: not input.x != input.y",
        "turn-eq: input.x == input.y",
        "drop-expression: true",
        "negate: not input.x > input.z",
        "turn-gte: input.x >= input.z",
        "turn-lte: input.x <= input.z",
      ],
    ],
    ["a negation", "a if {\n\tnot input.x # why\n}", ["drop-expression: true # why", "negate: input.x # why"]],
    [
      "a condition beside others, in a comparison with a negative number",
      'a if { input.x; "ä😀" == input.y; input.z < -1 }',
      [
        'drop-expression: a if { true; "ä😀" == input.y; input.z < -1 }',
        'negate: a if { not input.x; "ä😀" == input.y; input.z < -1 }',
        "drop-expression: a if { input.x; true; input.z < -1 }",
        'negate: a if { input.x; not "ä😀" == input.y; input.z < -1 }',
        'string: a if { input.x; "" == input.y; input.z < -1 }',
        'turn-neq: a if { input.x; "ä😀" != input.y; input.z < -1 }',
        'drop-expression: a if { input.x; "ä😀" == input.y; true }',
        'negate: a if { input.x; "ä😀" == input.y; not input.z < -1 }',
        'turn-gte: a if { input.x; "ä😀" == input.y; input.z >= -1 }',
        'turn-lte: a if { input.x; "ä😀" == input.y; input.z <= -1 }',
        'integer-down: a if { input.x; "ä😀" == input.y; input.z < -2 }',
        'integer-up: a if { input.x; "ä😀" == input.y; input.z < 0 }',
      ],
    ],
    [
      "some and every",
      "a if {\n\tsome x in input.xs\n\tx.y\n}",
      [
        "drop-expression: true",
        "some-to-every: every x in input.xs { x.y }",
        "drop-expression: true",
        "negate: not x.y",
      ],
    ],
    [
      "every",
      "a if every x in input.xs { x.y; x.z }",
      [
        "drop-expression: a if true",
        "every-to-some: a if some x in input.xs; x.y; x.z",
        "drop-expression: a if every x in input.xs { true; x.z }",
        "negate: a if every x in input.xs { not x.y; x.z }",
        "drop-expression: a if every x in input.xs { x.y; true }",
        "negate: a if every x in input.xs { x.y; not x.z }",
      ],
    ],
    [
      "else",
      "f(x) := 1 if x\n\nelse := 2 if input.y\n\nelse := input.z",
      [
        "integer-down: f(x) := 0 if x",
        "integer-up: f(x) := 2 if x",
        "drop-expression: f(x) := 1 if true",
        "negate: f(x) := 1 if not x",
        "drop-else: else := input.z",
        "integer-down: else := 1 if input.y",
        "integer-up: else := 3 if input.y",
        "drop-expression: else := 2 if true",
        "negate: else := 2 if not input.y",
        "drop-else: ",
      ],
    ],
    [
      "a table, with a comment in it",
      'a := {\n\t"b": 1, # one\n\t"c": {"d", "e"},\n}',
      [
        "drop-element: ",
        'integer-down: "b": 0, # one',
        'integer-up: "b": 2, # one',
        "drop-element: ",
        'drop-element: "c": { "e"},',
        'drop-element: "c": {"d", },',
      ],
    ],
    ["a set of one, which must not become an object", 'a := {"b"}', ["drop-element: a := set()"]],
    ["an object of one", "a := {input.x: null}", ["drop-element: a := {}"]],
    [
      "sets and arithmetic",
      "a := (data.b | data.c) - input.d",
      ["swap-operator: a := (data.b & data.c) - input.d", "swap-operator: a := (data.b | data.c) + input.d"],
    ],
    [
      "comprehensions and look-ups by constants",
      'a := {x: 1 | some x in data.b["c"].d[0]}',
      [
        'integer-down: a := {x: 0 | some x in data.b["c"].d[0]}',
        'integer-up: a := {x: 2 | some x in data.b["c"].d[0]}',
        "drop-expression: a := {x: 1 | true}",
        'string: a := {x: 1 | some x in data.b[""].d[0]}',
        'integer-down: a := {x: 1 | some x in data.b["c"].d[-1]}',
        'integer-up: a := {x: 1 | some x in data.b["c"].d[1]}',
      ],
    ],
    [
      "a reason, but not what it says to people",
      'a contains {"code": "b", "message": concat("", ["x", "y"])}',
      [
        'drop-element: a contains { "message": concat("", ["x", "y"])}',
        'string: a contains {"code": "", "message": concat("", ["x", "y"])}',
      ],
    ],
    ["an assignment, which cannot be negated", "a if x := `b`", ["drop-expression: a if true", 'string: a if x := ""']],
  ];

  test("no operator is without an example", () => {
    const shown = RULES.flatMap(([, , mutants]) => mutants.map((mutant) => mutant.split(":")[0]));
    expect([...new Set([...shown, "drop-rule"])].sort()).toEqual(Object.keys(MUTATION_OPERATORS).sort());
  });

  test.each(RULES)("%s", async (_, rule, mutants) => {
    expect(await mutantsOfRule(rule)).toEqual(mutants);
  });
});

test("nothing is changed in texts for people, nor where OPA does not say what stands there", () => {
  const location = { file: "x.rego", row: 3, col: 1, text: Buffer.from("a := false").toString("base64") };
  const value = { type: "boolean", value: true, location } as const;
  const rule = { location, head: { ref: [], value, location }, body: [] };
  const module = { file: "x.rego", package: ["x"], imports: [], annotations: [], rules: [rule] };
  expect(mutantsOf(module, "package x\n\na := true\n")).toEqual([]);
  expect(mutantsOf(module, "package x\n")).toEqual([]);
});

describe("a rule that is dropped can never apply", () => {
  const RULES: readonly (readonly [name: string, rule: string, dropped: string])[] = [
    ["with one condition", 'a contains "b" if input.x == 1', 'a contains "b" if { false; input.x == 1 }'],
    ["with a body in braces", "a if {\n\t# note {\n\tinput.x\n}", "a if {\n\t# note {\n\tfalse; input.x\n}"],
    ["with none", 'a := {"b": 1}', 'a := {"b": 1} if false'],
    ["with other branches, which still do", "f(x) := 1 if x\n\nelse := 2", "f(x) := 1 if { false; x }\n\nelse := 2"],
    [
      "that binds what its head says",
      "a contains x if some x in input.y",
      "a contains x if { false; some x in input.y }",
    ],
  ];

  test.each(RULES)("%s", async (_, rule, dropped) => {
    const text = `package x\n\n${rule}\n`;
    const [module] = await mutantsIn([{ path: "x.rego", bytes: new TextEncoder().encode(text) }]);
    const drops = module?.mutants.filter(({ operator }) => operator === "drop-rule") ?? [];
    expect(drops.map((mutant) => [mutant.id, applyMutant(text, mutant)])).toEqual([
      ["x.rego:3:1:drop-rule", `package x\n\n${dropped}\n`],
    ]);
  });
});

test("a default goes with the comments above it, so that its annotations do not become its neighbour's", async () => {
  const text = "package x\n\n# METADATA\n# title: no\ndefault a := 1\n\nb := 2\n";
  const [module] = await mutantsIn([{ path: "x.rego", bytes: new TextEncoder().encode(text) }]);
  const [first] = module?.mutants ?? [];
  expect(first).toMatchObject({ id: "x.rego:5:1:drop-rule", line: 5, before: "default a := 1", after: "" });
  expect(applyMutant(text, first as Mutant)).toBe("package x\n\n\n\n\n\nb := 2\n");
});

test("line breaks of Windows stay what they are", async () => {
  const text = "package x\r\n\r\na if {\r\n\tnot\r\n\tinput.x\r\n}\r\n";
  const [module] = await mutantsIn([{ path: "x.rego", bytes: new TextEncoder().encode(text) }]);
  const breaks = (whole: string) => whole.match(/\r\n/g)?.length;
  expect(module?.mutants.map((mutant) => breaks(applyMutant(text, mutant)))).toEqual([6, 6, 6]);
});

describe("of every policy that is shipped or shown", () => {
  const folders = [policiesDir(), `${ROOT}/examples/own-policy`];

  test("mutants have ids of their own, keep the lines of the file, and change it", async () => {
    for (const folder of folders) {
      const modules = await mutantsIn(readPolicyFolder(folder).sources);
      const ids = modules.flatMap(({ mutants }) => mutants.map(({ id }) => id));
      expect(new Set(ids).size).toBe(ids.length);
      for (const { text, mutants } of modules) {
        for (const mutant of mutants) {
          const changed = applyMutant(text, mutant);
          expect(changed, mutant.id).not.toBe(text);
          expect(changed.split("\n").length, mutant.id).toBe(text.split("\n").length);
          expect(text.split("\n")[mutant.line - 1]?.trim(), mutant.id).not.toBe("");
        }
      }
    }
  });
});
