/** Read sets against OPA's own plans: what each way of looking at the input counts as. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compilePolicy } from "../../../cli/policy/compile.js";
import { effectiveFolderData } from "../../../cli/policy/effective.js";
import { runOpa } from "../../../cli/policy/opa.js";
import type { Plan } from "../../../cli/policy/plan.js";
import { type ReadSet, readSets } from "../../../cli/policy/read-sets.js";
import { policiesDir } from "../../../cli/policy/shipped.js";
import type { JsonObject, JsonValue } from "../../../engine/json.js";
import { readArchive } from "../../../engine/policy/archive.js";
import { readBundle, withData } from "../../../engine/policy/bundle.js";
import { createPolicy } from "../../../engine/policy/evaluate.js";
import { folderOf, opa } from "./folder.js";

async function planOf(rego: string, entrypoints: readonly string[] = ["p/q"]): Promise<Plan> {
  const dir = folderOf({ "p.rego": `package p\n\n${rego}\n` });
  const asked = entrypoints.flatMap((entrypoint) => ["-e", entrypoint]);
  const args = ["build", "--v1-compatible", "-t", "plan", ...asked, "-o", "out.tar.gz", "p.rego"];
  const { code, stderr } = await runOpa(opa, args, { cwd: dir });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const plan = readArchive(readFileSync(join(dir, "out.tar.gz")), 2 ** 24).get("plan.json");
  return JSON.parse(new TextDecoder().decode(plan)) as Plan;
}

/** Paths as `a.b`, sorted. */
function shown(reads: ReadSet = null): readonly string[] | null {
  return reads === null ? null : reads.map((path) => path.join("."));
}

const TABLE: readonly (readonly [fact: string, rego: string, reads: readonly string[] | null])[] = [
  ["a policy that looks at nothing reads nothing", "q := 1", []],
  ["a compared field is read", 'q if input.a.b == "x"', ["a.b"]],
  ["a field that merely has to be true is read", "q if input.a.b", ["a.b"]],
  ["a field that merely has to be there is read", "q if _ = input.a.b", ["a.b"]],
  ["a field under not is read", "q if not input.a.b", ["a.b"]],
  ["a compared field under not is read", 'q if not input.a.b == "on"', ["a.b"]],
  ["brackets are dots", 'q if input["a"]["b-c"] == 1', ["a.b-c"]],
  ["a dynamic key reads the parent", "q if input.a[data.k] == 1", ["a"]],
  ["a key out of the input is read too", "q if input.a[input.k.v] == 1", ["a", "k.v"]],
  ["a dynamic first key reads everything", "q if input[data.k] == 1", null],
  ["an array element reads the array", 'q if input.a.b[0] == "x"', ["a.b"]],
  ["an iterated array is read", 'q if input.a.b[_] == "x"', ["a.b"]],
  ["an iterated object is read, whatever is looked at inside", "q if { some k, v in input.x; v.y == k }", ["x"]],
  ["membership reads the collection and the item", "q if input.i in input.x.y", ["i", "x.y"]],
  ["every reads its domain", "q if { every v in input.x.y { v > 1 } }", ["x.y"]],
  ["a comprehension reads what it runs over", "q := [v.n | v := input.x[_]]", ["x"]],
  ["a comprehension's condition is read", "q := {1 | input.a.b == 2}", ["a.b"]],
  ["a local alias goes on being the field", "q if { x := input.a; x.b.c == 1 }", ["a.b.c"]],
  ["an alias of the whole input goes on being the input", "q if { x := input; x.a.b == 1 }", ["a.b"]],
  ["the whole input compared is everything", "q if input == data.known", null],
  ["the whole input returned is everything", "q := input", null],
  ["the whole input inside a value is everything", 'q := {"i": input}', null],
  ["walk reads everything", "q if { some p, v; walk(input, [p, v]); v == 1 }", null],
  ["walk over a part reads the part", "q if { some p, v; walk(input.a, [p, v]); v == 1 }", ["a"]],
  ["a returned field is read with all below it", "q := input.a", ["a"]],
  ["a longer path is covered by a shorter one", 'q if { input.a.b == 1; input.a == {"b": 1} }', ["a"]],
  ["a builtin reads its argument", "q if count(input.a.b) > 1", ["a.b"]],
  ["object.get with one constant key reads below it", 'q if object.get(input.a, "b", 1) == 1', ["a.b"]],
  ["object.get with a constant path reads below it", 'q if object.get(input, ["a", "b"], 1) == 1', ["a.b"]],
  ["object.get reads its default", 'q if object.get(input.a, "b", input.d) == 1', ["a.b", "d"]],
  [
    "object.get with a path that is not constant reads all of it",
    'q if object.get(input, ["a", data.k], 1) == 1',
    null,
  ],
  [
    "object.get with a path made in a loop reads all of it",
    "q if object.get(input, [k | some k in data.ks], 1) == 1",
    null,
  ],
  ["object.get's result can be looked into", 'q if { x := object.get(input, "a", {}); x.b == 1 }', ["a.b"]],
  ["with input as is not followed: everything", 'r if input.a == 1\n\nq if r with input as {"a": 1}', null],
  ["with on a part of the input neither", "r if input.a == 1\n\nq if r with input.a as 1", null],
  ["a function's argument is followed", "f(x) := x.b\n\nq if f(input.a) == 1", ["a.b"]],
  [
    "a function called on two fields keeps them apart",
    "f(x) := x.v\n\nq if { f(input.a) == 1; f(input.b) == 2 }",
    ["a.v", "b.v"],
  ],
  ["a function given the input is followed", "f(x) if x.a.b == 1\n\nq if f(input)", ["a.b"]],
  ["a function's unused argument still has to be there", "f(x, y) := y\n\nq if f(input.a.b, 1) == 1", ["a.b"]],
  ["a function reads the input on its own account", "f(x) if x == input.z.y\n\nq if f(input.a)", ["a", "z.y"]],
  ["a default function is followed", "default f(_) := 0\n\nf(x) := x.b\n\nq if f(input.a) > 1", ["a.b"]],
  ["a function matching a constant argument reads it", 'f("x") := 1\n\nf("y") := 2\n\nq if f(input.a.b) > 1', ["a.b"]],
  ["a function's arguments taken apart are read", "f([x, y]) if x == y\n\nq if f([input.a, input.b.c])", ["a", "b.c"]],
  ["a rule's value is followed", "e := input.a\n\nq if e.b == 1", ["a.b"]],
  [
    "a rule with else is followed on both sides",
    "e := input.a if data.x else := input.b\n\nq if e.c == 1",
    ["a.c", "b.c"],
  ],
  ["partial sets read what they hold", "s contains input.a.b if input.c\n\nq := s", ["a.b", "c"]],
  ["partial objects read keys and values", "o[input.k] := input.v.w if true\n\nq := o", ["k", "v.w"]],
  [
    "tail paths through partial objects are followed",
    "o[k] := v if { some k, v in data.d; v == input.a.b }\n\nq if o.x",
    ["a.b"],
  ],
  ["equal arrays are read element by element", "q if [input.a.b, 1] == [1, input.c]", ["a.b", "c"]],
  ["unification is read", 'q if {"x": y} = input.a.b', ["a.b"]],
  ["a dynamic call into packages is everything", "r.x if input.a\n\nr.y if input.b\n\nq if data.p.r[data.k]", null],
  [
    "first-level keys are always there, so an alias in a nested block costs nothing",
    "q if { x := input.a; c := [1 | x.b == 1]; count(c) > 0 }",
    ["a.b"],
  ],
  [
    "a deeper one may be null, and then the nested block alone does not tell",
    "q if { x := input.a.b; c := [1 | x.c == 1]; count(c) == 0 }",
    ["a.b"],
  ],
];

describe("the read set of an entrypoint", () => {
  test.each(TABLE)("%s", async (_fact, rego, expected) => {
    expect(shown(readSets(await planOf(rego))["p/q"])).toEqual(expected);
  });

  test("each entrypoint has its own", async () => {
    const plan = await planOf("q if input.a == 1\n\nr if input.b == 1\n\ns if q", ["p/q", "p/r", "p/s"]);
    expect(readSets(plan)).toEqual({ "p/q": [["a"]], "p/r": [["b"]], "p/s": [["a"]] });
  });

  test("a statement that a newer OPA might bring counts as everything", async () => {
    const plan = await planOf("q := 1");
    const changed = JSON.stringify(plan).replace('"type":"ReturnLocalStmt"', '"type":"TeleportStmt"');
    expect(readSets(JSON.parse(changed) as Plan)["p/q"]).toBeNull();
  });
});

const MRSIGNER = "a".repeat(64);

const PROCESS = { pid: 1, tid: 1, uid: 0, gid: 0, comm: "app", exe: "/bin/app", cgroup: "/" };

function launch(enclave: JsonObject, rest: JsonObject = {}): JsonObject {
  const bits = { debug: "off", mode64bit: "on", provisionkey: "off", einittokenkey: "off", kss: "off", avx: "unknown" };
  return {
    v: 1,
    hook: "enclave_init",
    id: "1",
    time: 1_795_300_000,
    origin: { kind: "native", enforcement: "kernel", process: PROCESS, vm: null, guest: null },
    platform: { flc: true, lepubkeyhash: null },
    grants: { provisionkey: { granted: false, how: null } },
    sigstruct: { vendor: 0, signature: "unchecked", findings: [], attributes: { bits: { debug: false } } },
    token: null,
    secs: { attributes: { bits: { debug: "off" } }, configid: null, size: null },
    enclave: {
      ...{
        mrenclave: "e".repeat(64),
        mrsigner: MRSIGNER,
        isvprodid: 1,
        isvsvn: 1,
        isvfamilyid: null,
        isvextprodid: null,
      },
      ...{
        debug: "off",
        provisionkey: "off",
        einittokenkey: "off",
        kss: "off",
        bits,
        debug_launchable: true,
        signer: null,
      },
      ...enclave,
    },
    deadline_ms: 2000,
    synthetic: false,
    ...rest,
  };
}

const KVM = { kind: "kvm", enforcement: "kernel", process: PROCESS, vm: { id: "v1", name: null }, guest: null };
const TOKEN = { valid: true, mrenclave: "0".repeat(64), mismatches: ["mrenclave"], keyid: "00" };

const LAUNCHES: readonly JsonObject[] = [
  launch({}),
  launch({ debug: "on" }),
  launch({ provisionkey: "unknown", mrsigner: "b".repeat(64) }),
  launch({ signer: { name: "sample", key_is_public: true } }, { origin: KVM, token: TOKEN }),
];

/** Every input that differs from the given one in one leaf, with the path of the leaf. */
function variants(
  value: JsonValue,
  path: readonly string[] = [],
): readonly { path: readonly string[]; input: JsonValue }[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [null, false, "on", 65_535, [], "b".repeat(64)].map((input) => ({ path, input }));
  }
  return Object.entries(value).flatMap(([key, member]) =>
    variants(member, [...path, key]).map((variant) => ({ ...variant, input: { ...value, [key]: variant.input } })),
  );
}

test("what the shipped policies do not read changes no answer of theirs", async () => {
  const { bundle } = await compilePolicy({ dir: policiesDir(), opa, data: effectiveFolderData([]) });
  const shipped = readBundle(bundle);
  const reads = shipped.reads["launch/decision"] ?? [[]];
  const isRead = (path: readonly string[]): boolean =>
    reads.some((read) => read.every((key, index) => path[index] === key));
  const signers = { [MRSIGNER]: { name: "a signer" } };
  let changed = 0;
  for (const profile of ["strict", "baseline", "open"]) {
    const data = effectiveFolderData([{ version: 1, profile, signers }])({ launchgate: null, others: {} });
    const policy = createPolicy(withData(shipped, data));
    for (const given of LAUNCHES) {
      const answer = JSON.stringify(policy.evaluate("launch/decision", given));
      for (const { path, input } of variants(given)) {
        const other = JSON.stringify(policy.evaluate("launch/decision", input as JsonObject));
        if (isRead(path)) changed += other === answer ? 0 : 1;
        else expect(other, path.join(".")).toBe(answer);
      }
    }
  }
  expect(changed).toBeGreaterThan(100);
});
