/** What `launchgate check` refuses and warns of, against the shipped schemas and library. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkPolicy } from "../../../cli/policy/check.js";
import { effectiveFolderData } from "../../../cli/policy/effective.js";
import { FINDING_CODES, type Finding, findingText } from "../../../cli/policy/findings.js";
import { policiesDir } from "../../../cli/policy/shipped.js";
import { decisionRego, folderOf, opa } from "./folder.js";

function check(files: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  return checkPolicy({ dir: folderOf(files), opa, policies: policiesDir(), data: effectiveFolderData([]) });
}

/** Findings as `severity code file:line: message`. */
function shown(findings: readonly Finding[]): readonly string[] {
  return findings.map((finding) => `${finding.severity} ${finding.code} ${findingText(finding)}`);
}

/** The shipped schemas and capabilities with a library of two files, which is quicker to check. */
const small = folderOf({
  ...Object.fromEntries(
    ["capabilities.json", "schema/input.schema.json", "schema/data.schema.json"].map((path) => [
      path,
      readFileSync(join(policiesDir(), path), "utf8"),
    ]),
  ),
  "launch/standard.rego": "package launch.standard\n\ndefault allow := false\n",
  "lib/attestation.rego": "package lib.attestation\n\nsgx.sgx_mrsigner := input.enclave.mrsigner\n",
});

/** Of a rule, in line 11 of launch/decision.rego. */
async function findingsOn(rule: string): Promise<readonly string[]> {
  const dir = folderOf({ "launch/decision.rego": decisionRego(`deny contains "x" if false\n\n${rule}`) });
  return shown(await checkPolicy({ dir, opa, policies: small, data: effectiveFolderData([]) }));
}

const AT = "launch/decision.rego:11:";

const REFUSED: readonly (readonly [fact: string, rule: string, finding: string])[] = [
  [
    "a misspelt field",
    'allow if input.enclave.mrsignr == "a"',
    `unknown_field ${AT} input.enclave.mrsignr does not exist; did you mean mrsigner?`,
  ],
  [
    "a misspelt field in brackets",
    'allow if input["enclave"]["mrsignr"] == 1',
    `unknown_field ${AT} input.enclave.mrsignr does not exist; did you mean mrsigner?`,
  ],
  [
    "a misspelt field behind what may be null",
    'allow if input.secs.atributes.bits.debug == "off"',
    `unknown_field ${AT} input.secs.atributes does not exist; did you mean attributes?`,
  ],
  [
    "a misspelt first key",
    "allow if input.enclaves.isvsvn > 1",
    `unknown_field ${AT} input.enclaves does not exist; did you mean enclave?`,
  ],
  [
    "a field of a field that has none",
    "allow if input.enclave.isvsvn.min > 1",
    `unknown_field ${AT} input.enclave.isvsvn.min does not exist; there is nothing below input.enclave.isvsvn`,
  ],
  [
    "a misspelt field of a variable",
    'allow if { x := input.enclave; x.mrsignr == "a" }',
    `unknown_field ${AT} input.enclave.mrsignr does not exist; did you mean mrsigner?`,
  ],
  [
    "a misspelt field of a variable declared below",
    'allow if { x.bits.debg == "off"; x = input.enclave }',
    `unknown_field ${AT} input.enclave.bits.debg does not exist; did you mean debug?`,
  ],
  [
    "a misspelt field of an item",
    "allow if { some id, e in data.launchgate.signers; e.nme == id }",
    `unknown_field ${AT} data.launchgate.signers[_].nme does not exist; did you mean name?`,
  ],
  [
    "a misspelt field under every",
    "allow if { every v in data.launchgate.vms { v.ecp } }",
    `unknown_field ${AT} data.launchgate.vms[_].ecp does not exist; did you mean epc?`,
  ],
  [
    "a misspelt field in a comprehension",
    "allow if count([1 | input.grants.provisonkey.granted]) > 0",
    `unknown_field ${AT} input.grants.provisonkey does not exist; did you mean provisionkey?`,
  ],
  [
    "a misspelt field in a head",
    'deny contains {"code": "a", "message": input.enclave.mrenclve}',
    `unknown_field ${AT} input.enclave.mrenclve does not exist; did you mean mrenclave?`,
  ],
  [
    "a misspelt field in else",
    "r := 1 if false else := input.tme",
    `unknown_field ${AT} input.tme does not exist; did you mean time?`,
  ],
  [
    "a misspelt key of the data document",
    "allow if data.launchgate.signer[input.enclave.mrsigner]",
    `unknown_field ${AT} data.launchgate.signer does not exist; did you mean signers?`,
  ],
  [
    "a data key that can never be one",
    'allow if data.launchgate.signers["ABC"]',
    `unknown_field ${AT} data.launchgate.signers.ABC does not exist; expected one of /^[0-9a-f]{64}$/`,
  ],
  [
    "include, which is gone when Rego reads the data",
    "allow if data.launchgate.include[_]",
    `unknown_field ${AT} data.launchgate.include does not exist; expected one of attributes, exceptions, lepubkeyhashes, mrenclaves, origins, profile, revoked, signers, signing, version, vms`,
  ],
  [
    "a package that is not there",
    "allow if data.launch.standrd.allow",
    `unknown_package ${AT} data.launch.standrd does not exist; did you mean standard?`,
  ],
  [
    "a rule that is not there",
    "allow if data.launch.standard.alow",
    `unknown_package ${AT} data.launch.standard.alow does not exist; did you mean allow?`,
  ],
  [
    "a word that is none of the words",
    'allow if input.enclave.debug == "true"',
    `impossible_comparison ${AT} input.enclave.debug is never "true"; expected one of "on", "off", "unknown"`,
  ],
  [
    "a boolean against a word",
    "allow if input.enclave.debug == false",
    `impossible_comparison ${AT} input.enclave.debug is never false; expected one of "on", "off", "unknown"`,
  ],
  [
    "a word against the bit of a SIGSTRUCT",
    'allow if input.sigstruct.attributes.bits.debug == "off"',
    `impossible_comparison ${AT} input.sigstruct.attributes.bits.debug is never "off", a string; expected boolean`,
  ],
  [
    "a number against a string",
    'allow if input.enclave.isvprodid == "1"',
    `impossible_comparison ${AT} input.enclave.isvprodid is never "1", a string; expected null or number`,
  ],
  [
    "a number ordered against a string",
    'allow if input.enclave.isvsvn >= "2"',
    `impossible_comparison ${AT} input.enclave.isvsvn is null or number, and is ordered against "2", a string`,
  ],
  [
    "a hash in capitals",
    `allow if input.enclave.mrsigner == "${"A".repeat(64)}"`,
    `impossible_comparison ${AT} input.enclave.mrsigner is never "${"A".repeat(64)}"; expected what matches ^[0-9a-f]{64}$`,
  ],
  [
    "a number out of bounds",
    "allow if input.enclave.isvsvn != 65536",
    `impossible_comparison ${AT} input.enclave.isvsvn is never 65536; expected a value within its bounds`,
  ],
  [
    "a member of a list that can never be",
    'allow if input.origin.kind in {"native", "qemu"}',
    `impossible_comparison ${AT} input.origin.kind is never "qemu"; expected one of "native", "kvm", "guest-agent", "file"`,
  ],
  [
    "a date of the data compared with a text",
    'allow if { some s in data.launchgate.signers; s.not_after > "2026" }',
    `impossible_comparison ${AT} data.launchgate.signers[_].not_after is number, and is ordered against "2026", a string`,
  ],
  [
    "a word as a condition",
    "allow if input.enclave.kss",
    `always_true ${AT} input.enclave.kss is there and not false, whatever it is, so it always holds; write input.enclave.kss == "on"`,
  ],
  [
    "the negation of a word",
    "allow if not input.enclave.debug",
    `always_true ${AT} input.enclave.debug is there and not false, whatever it is, so not of it never holds; write input.enclave.debug == "on"`,
  ],
  [
    "the negation of what may be null",
    "allow if not input.origin.vm",
    `always_true ${AT} input.origin.vm is there and not false, whatever it is, so not of it never holds; write input.origin.vm != null`,
  ],
  [
    "allowing because the signature is valid",
    'allow if input.sigstruct.signature == "valid"',
    `trusts_signature ${AT} input.sigstruct.signature may be "unchecked", since EINIT verifies it itself: do not allow for "valid", or deny for "unchecked"`,
  ],
  [
    "denying because it is unchecked",
    'deny contains "u" if { s := input.sigstruct; s.signature != "valid" }',
    `trusts_signature ${AT} input.sigstruct.signature may be "unchecked", since EINIT verifies it itself: do not allow for "valid", or deny for "unchecked"`,
  ],
  [
    "the clock",
    "allow if time.now_ns() > 1",
    `forbidden_builtin ${AT} time.now_ns does not work in a compiled policy; use input.time, the event's Unix seconds`,
  ],
  [
    "sprintf",
    'deny contains sprintf("%d", [1])',
    `forbidden_builtin ${AT} sprintf does not work in a compiled policy; use concat and format_int, or put the values into fields of the reason`,
  ],
  [
    "the network",
    'allow if http.send({"method": "get", "url": "x"}).body',
    `forbidden_builtin ${AT} http.send does not work in a compiled policy; a decision depends on the event and the data alone; put what is needed into the data document`,
  ],
  [
    "chance",
    'allow if rand.intn("x", 2) == 1',
    `forbidden_builtin ${AT} rand.intn does not work in a compiled policy; a decision must come out the same each time it is made`,
  ],
  [
    "a function that nobody has",
    "allow if nosuch(1)",
    `unknown_function ${AT} there is no function nosuch that a compiled policy can call`,
  ],
  [
    "a builtin given what it does not take",
    "allow if count(input.time) > 1",
    `type ${AT} count: invalid argument(s): found number, expected string | array | object | set`,
  ],
  ["what strict Rego refuses", "allow if { x := 1 }", `rego ${AT} assigned var x unused`],
];

const WARNED: readonly (readonly [fact: string, rule: string, finding: string])[] = [
  [
    "a negation that takes unknown for off",
    'allow if not input.enclave.debug == "on"',
    `not_unknown ${AT} the negation also holds where input.enclave.debug is "unknown"; write input.enclave.debug == "off" for what is known to be off`,
  ],
  [
    "a negation that takes null for false",
    "allow if not input.enclave.debug_launchable == true",
    `not_unknown ${AT} the negation also holds where input.enclave.debug_launchable is null`,
  ],
  [
    "a negation below what may be null",
    "allow if not input.token.valid",
    `not_unknown ${AT} the negation also holds where input.token is null`,
  ],
  [
    "a denial that vanishes with its text",
    'deny contains {"code": "a", "message": concat("", ["vm ", input.origin.vm.name])} if input.time > 1',
    `vanishing_rule ${AT} where input.origin.vm is null this has no value, and the rule does not apply; test for it, or keep it out of the text`,
  ],
  [
    "a denial whose text is made in the body",
    'deny contains {"code": "a", "message": m} if { input.time > 1; m := concat("", ["exe ", upper(input.enclave.mrsigner)]) }',
    `vanishing_rule ${AT} where input.enclave.mrsigner is null this has no value, and the rule does not apply; test for it, or keep it out of the text`,
  ],
];

const FINE: readonly (readonly [fact: string, rule: string])[] = [
  [
    "fields, words and numbers as they are",
    'allow if { input.enclave.debug == "off"; input.enclave.isvsvn >= 2; input.origin.kind in {"native", "kvm"} }',
  ],
  [
    "a listed hash",
    `allow if { input.enclave.mrsigner == "${"a".repeat(64)}"; data.launchgate.signers["${"a".repeat(64)}"].name }`,
  ],
  [
    "looking up by a field",
    "allow if data.launchgate.signers[input.enclave.mrsigner].products[format_int(input.enclave.isvprodid, 10)]",
  ],
  ["dates as numbers", "allow if { some s in data.launchgate.signers; s.not_after > input.time }"],
  ["a field that is there only where its parent is", "allow if input.origin.vm.id"],
  ["a nullable boolean", "allow if input.platform.flc"],
  ["a null looked for", "allow if input.token == null"],
  ["a negation that knows what it denies", 'allow if not input.enclave.debug in {"on", "unknown"}'],
  [
    "a negation that also denies the unknown",
    'deny contains {"code": "a", "message": "b"} if not input.enclave.debug == "off"',
  ],
  ["a signature found invalid", 'deny contains "i" if input.sigstruct.signature == "invalid"'],
  [
    "a text about what the body has tested",
    'deny contains {"code": "a", "message": concat("", ["vm ", input.origin.vm.id])} if input.origin.vm.id != "x"',
  ],
  [
    "a nullable field beside the text",
    'deny contains {"code": "a", "message": "b", "vm": input.origin.vm} if input.time > 1',
  ],
  ["a parameter that has the name of an import's kind", "f(enclave) := enclave.anything\n\nallow if f({}) == 1"],
  ["a variable of its own that hides a rule", "e := input.enclave\n\nallow if { some e in [{}]; e.what }"],
  ["the shipped library", "allow if { data.launch.standard.allow; count(data.lib.attestation.sgx) > 0 }"],
];

describe("check refuses", () => {
  test.each(REFUSED)("%s", async (_fact, rule, finding) => {
    expect(await findingsOn(rule)).toEqual([`error ${finding}`]);
  });
});

describe("check warns of", () => {
  test.each(WARNED)("%s", async (_fact, rule, finding) => {
    expect(await findingsOn(rule)).toEqual([`warning ${finding}`]);
  });
});

describe("check has nothing to say to", () => {
  test.each(FINE)("%s", async (_fact, rule) => {
    expect(await findingsOn(rule)).toEqual([]);
  });

  test("the shipped policies, but warnings", async () => {
    const dir = policiesDir();
    const findings = await checkPolicy({ dir, opa, data: effectiveFolderData([]) });
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
  });
});

const MINIMAL = decisionRego('deny contains "x" if false');

const FOLDERS: readonly (readonly [
  fact: string,
  files: Readonly<Record<string, string>>,
  findings: readonly string[],
])[] = [
  [
    "without any entrypoint is refused",
    { "a.rego": "package a\n\nb := 1\n" },
    [
      'error entrypoint no rule is marked "# entrypoint: true"; expected one or more of launch/decision, enclave/create, enclave/provision, vm/epc, vm/provision, signing/decision',
    ],
  ],
  [
    "with an entrypoint that nobody asks for is refused",
    { "a.rego": "package a\n\n# METADATA\n# entrypoint: true\nb := 1\n", "d.rego": MINIMAL },
    [
      "error entrypoint a.rego:5: a/b is no entrypoint that Launchgate asks for; expected one of launch/decision, enclave/create, enclave/provision, vm/epc, vm/provision, signing/decision",
    ],
  ],
  [
    "with an entrypoint's name and no mark is refused",
    { "vm/epc.rego": "package vm\n\nepc := 1\n", "d.rego": MINIMAL },
    [
      'error unannotated_entrypoint vm/epc.rego:3: data.vm.epc is never asked: put "# METADATA" and "# entrypoint: true" above it',
    ],
  ],
  [
    "that allows by default is refused",
    { "d.rego": MINIMAL.replace("default allow := false", "default allow := true") },
    ["error default_allow d.rego:7: allow allows by default; start from false, and say what must be true"],
  ],
  [
    "that does not parse is refused, and that is all",
    { "d.rego": "package launch\n\nallow if {\n", "e.rego": "package e\n\nx := data.nothing.y\n" },
    ["error rego d.rego:4: unexpected eof token"],
  ],
  [
    "whose hook has no enclave to speak of is told so",
    { "d.rego": MINIMAL, "vm/x.rego": "package vm.x\n\na if input.enclave.isvsvn == 1\n" },
    ["error unknown_field vm/x.rego:3: input.enclave.isvsvn does not exist; there is nothing below input.enclave"],
  ],
  [
    "with a test that refers to nothing is refused",
    { "d.rego": MINIMAL, "d_test.rego": "package launch_test\n\ntest_a if data.launch.decisio.allow\n" },
    ["error unknown_package d_test.rego:3: data.launch.decisio does not exist; did you mean decision?"],
  ],
  [
    "whose test replaces the input may look at any, but replaces only what there is",
    {
      "d.rego": MINIMAL,
      "d_test.rego":
        'package launch_test\n\ntest_a if {\n\tinput.a == 1 with input as {"a": 1}\n\tdata.launch.decision with input.enclave.dbg as "on"\n}\n',
    },
    ["error unknown_field d_test.rego:5: input.enclave.dbg does not exist; did you mean debug?"],
  ],
  [
    "whose tests print is fine",
    { "d.rego": MINIMAL, "d_test.rego": 'package launch_test\n\ntest_a if print("a")\n' },
    [],
  ],
  [
    "whose data document has an unknown key is refused",
    { "d.rego": MINIMAL, "launchgate/data.yaml": "version: 1\nsinger: {}\n" },
    ['error data launchgate/data.yaml: data.launchgate has the unknown key "singer"'],
  ],
  [
    "whose data document is no YAML is refused",
    { "d.rego": MINIMAL, "launchgate/data.yaml": "a: [\n" },
    [expect.stringContaining("error data launchgate/data.yaml: ") as unknown as string],
  ],
  [
    "whose data lies where a package is is refused",
    { "d.rego": MINIMAL, "launch/data.json": "{}" },
    ["error data launch/data.json sets data.launch, where the package launch is"],
  ],
  [
    "with data of its own may refer to it",
    { "d.rego": MINIMAL.replace("if false", "if data.fleet.a.b.c"), "fleet/a/data.json": '{"b": 1}' },
    [],
  ],
  [
    "with its own annotation of the same scope is checked all the same",
    {
      "d.rego": MINIMAL,
      "own.rego": '# METADATA\n# scope: subpackages\n# title: mine\npackage launch\n\nr if input.enclave.dbg == "on"\n',
    },
    ["error unknown_field own.rego:6: input.enclave.dbg does not exist; did you mean debug?"],
  ],
  [
    "that replaces a shipped package and leaves out what others need is refused",
    {
      "d.rego": MINIMAL,
      "mine/signer.rego":
        "package launch.signer\n\nentry := data.launchgate.signers[input.enclave.mrsigner]\n\nobjection := []\n",
    },
    [
      expect.stringMatching(
        /^error unknown_package shipped:launch\/standard\.rego:\d+: data\.launch\.signer\.violation does not exist/,
      ) as unknown as string,
    ],
  ],
];

describe("a folder", () => {
  test.each(FOLDERS)("%s", async (_fact, files, findings) => {
    expect(shown(await check(files))).toEqual(findings);
  });
});

test("every code that there is has been seen here", () => {
  const seen = [...REFUSED, ...WARNED].map(([, , finding]) => finding.split(" ", 1)[0]);
  const folders = FOLDERS.flatMap(([, , findings]) => findings.map((finding) => String(finding).split(" ")[1]));
  expect(Object.keys(FINDING_CODES).filter((code) => ![...seen, ...folders].includes(code))).toEqual([]);
});
