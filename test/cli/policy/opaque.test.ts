/** Which policies use MRENCLAVE as a name only, and which look into it. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { opaqueEntrypoints } from "../../../cli/policy/opaque.js";
import type { Plan } from "../../../cli/policy/plan.js";
import { readArchive } from "../../../engine/policy/archive.js";
import { OPA } from "../../support/policies.js";

/** OPA's plan of a module whose entrypoint is `launch/decision`. */
function planOf(body: string): Plan {
  const work = mkdtempSync(join(tmpdir(), "launchgate-opaque-"));
  try {
    writeFileSync(join(work, "p.rego"), `package launch\nimport rego.v1\n${body}\n`);
    const out = join(work, "plan.tar.gz");
    execFileSync(OPA, ["build", "--v1-compatible", "-t", "plan", "-e", "launch/decision", "-o", out, "p.rego"], {
      cwd: work,
    });
    const plan = readArchive(readFileSync(out), 1 << 24).get("plan.json");
    return JSON.parse(new TextDecoder().decode(plan)) as Plan;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const isOpaque = (body: string) => opaqueEntrypoints(planOf(body)).has("launch/decision");

const NAMES_ONLY: readonly (readonly [string, string])[] = [
  ["does not read it", "decision := input.time"],
  ["looks it up in the data", "decision if data.launchgate.mrenclaves[input.enclave.mrenclave]"],
  ["looks it up in the data, negated", "decision if not data.launchgate.revoked[input.enclave.mrenclave]"],
  [
    "looks it up through a variable",
    "decision if { e := input.enclave; m := e.mrenclave; data.launchgate.mrenclaves[m].debug }",
  ],
  ["compares it with the data", "decision if input.enclave.mrenclave == data.launchgate.golden"],
  [
    "looks for it among the data",
    "decision if { some name, _ in data.launchgate.mrenclaves; name == input.enclave.mrenclave }",
  ],
  ["asks whether it is a member", "decision if input.enclave.mrenclave in data.launchgate.list"],
  ["asks whether it is a string", "decision if is_string(input.enclave.mrenclave)"],
  [
    "passes it to a function that looks it up",
    "decision if known(input.enclave.mrenclave)\nknown(m) if data.launchgate.mrenclaves[m]",
  ],
  [
    "says it in a message",
    'decision contains {"code": "x", "message": concat(" ", ["measurement", input.enclave.mrenclave])} if data.x',
  ],
  [
    "says it uncut in a message",
    'decision contains {"code": "x", "message": substring(input.enclave.mrenclave, 0, 200)} if data.x',
  ],
  [
    "counts what it says",
    'deny contains {"code": "x", "message": input.enclave.mrenclave} if data.x\ndecision := count(deny)',
  ],
  ["takes a lower bound of another field", "decision if input.enclave.isvsvn >= data.min[input.enclave.mrenclave]"],
  [
    "reads the rest of the enclave by name",
    'decision if { input.enclave.mrsigner == data.s; startswith(input.enclave.debug, "o") }',
  ],
];

const LOOKS_INTO_IT: readonly (readonly [string, string])[] = [
  ["looks at how it begins", 'decision if startswith(input.enclave.mrenclave, "ab")'],
  ["cuts it", 'decision if substring(input.enclave.mrenclave, 0, 2) == "ab"'],
  ["cuts something off its front", "decision if substring(input.enclave.mrenclave, 1, 200) == data.x"],
  ["cuts it where the data says", "decision if substring(input.enclave.mrenclave, 0, data.n) == data.x"],
  [
    "cuts it where the data says, and elsewhere not at all",
    "decision if short(input.enclave.mrenclave) == data.x\nshort(m) := substring(m, 0, 200) if data.a\nelse := substring(m, 0, data.n)",
  ],
  ["orders it", "decision if input.enclave.mrenclave < data.x"],
  ["sorts by it", "decision := sort([input.enclave.mrenclave, data.x])"],
  ["takes the greatest", "decision := max({input.enclave.mrenclave, data.x})"],
  ["matches it", 'decision if regex.match("^a", input.enclave.mrenclave)'],
  ["splits it", 'decision := split(input.enclave.mrenclave, "a")'],
  ["changes its case", "decision := data.x[upper(input.enclave.mrenclave)]"],
  ["counts its digits through a function", 'decision if odd(input.enclave.mrenclave)\nodd(m) if contains(m, "0")'],
  ["writes it as JSON", "decision := json.marshal(input.enclave)"],
  ["writes all of the input", "decision := json.marshal(input)"],
  [
    "compares it with a text put together from data",
    'decision if concat("", [data.a, data.b]) == input.enclave.mrenclave',
  ],
  [
    "looks it up among texts put together",
    'decision if { known := {concat("", [a, data.b]) | some a in data.list}; input.enclave.mrenclave in known }',
  ],
  [
    "looks up a text put together, in an object keyed by it",
    'decision if { o := {input.enclave.mrenclave: 1}; o[concat("", [data.a, data.b])] }',
  ],
  ["reads a field whose name the data says", 'decision if startswith(input.enclave[data.field], "ab")'],
  ["reads all fields of the enclave", 'decision if { some value in input.enclave; startswith(value, "ab") }'],
  ["walks the input", 'decision if { walk(input, [_, value]); startswith(value, "ab") }'],
  [
    "looks into its own messages",
    'deny contains {"code": "x", "message": input.enclave.mrenclave} if data.x\ndecision if { some d in deny; startswith(d.message, "ab") }',
  ],
  [
    "looks into its own items, key unknown",
    'deny contains {"code": "x", "message": input.enclave.mrenclave} if data.x\ndecision if { some d in deny; startswith(d[data.key], "ab") }',
  ],
  ["knows names itself", `decision if input.enclave.mrenclave == "${"ab".repeat(32)}"`],
  [
    "puts another input in its place",
    'decision if p with input as {"enclave": {"mrenclave": data.x}}\np if startswith(input.enclave.mrenclave, "a")',
  ],
];

describe("MRENCLAVE is a name only, for a policy that", () => {
  test.each(NAMES_ONLY)("%s", (_, body) => {
    expect(isOpaque(body)).toBe(true);
  });
});

describe("MRENCLAVE is more than a name, for a policy that", () => {
  test.each(LOOKS_INTO_IT)("%s", (_, body) => {
    expect(isOpaque(body)).toBe(false);
  });
});
