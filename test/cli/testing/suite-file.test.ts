/** What is wrong with a suite file is said with line and column, what was found and what was expected; all of it at once. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MAX_SUITE_BYTES } from "../../../cli/testing/suite-file.js";
import { ATTRIBUTE_BITS } from "../../../engine/index.js";
import { ROOT } from "../../support/cli.js";
import { refusalOf, suiteOf } from "./suites.js";

const CASE = "  - { name: a, enclave: app, expect: allow }\n";

describe("a suite is refused, with place and advice,", () => {
  test.each([
    [
      "an unknown key",
      `version: 1\ncases:\n  - name: a\n    enclav: app\n    expect: allow\n`,
      ["a_test.yaml:4:5: cases[0].enclav is an unknown key; did you mean enclave?"],
    ],
    [
      "an unknown key like no other",
      suiteOf(CASE, "zzzzzz: 1\n"),
      [
        "a_test.yaml:3:1: zzzzzz is an unknown key; expected one of version, suite, description, time, profile, data, enclaves, cases",
      ],
    ],
    ["a key that stands twice", `version: 1\ncases: []\ncases: []\n`, ["a_test.yaml:3:1: Map keys must be unique"]],
    ["no cases", "version: 1\n", ["a_test.yaml:1:1: the suite lacks the key cases"]],
    [
      "an empty list of cases",
      "version: 1\ncases: []\n",
      ["a_test.yaml:2:8: cases is an empty list, expected a list of cases"],
    ],
    ["another version", suiteOf(CASE).replace("1", "2"), ["a_test.yaml:1:10: version is 2, expected 1"]],
    [
      "a number too large",
      suiteOf(CASE).replace("app: {}", "app: { sigstruct: { isvsvn: 65536 } }"),
      ["a_test.yaml:4:31: enclaves.app.sigstruct.isvsvn is 65536, expected an integer from 0 to 65535"],
    ],
    [
      "a bit that nobody named",
      suiteOf("  - { name: a, enclave: app, attributes: [debg], expect: allow }\n"),
      [`a_test.yaml:6:43: cases[0].attributes[0] is "debg", expected one of ${Object.keys(ATTRIBUTE_BITS).join(", ")}`],
    ],
    [
      "an expectation that is none",
      suiteOf("  - { name: a, enclave: app, expect: maybe }\n"),
      [
        'a_test.yaml:6:38: cases[0].expect is "maybe", expected allow, deny, {deny: [codes]}, or one of these for each origin',
      ],
    ],
    [
      "digits that YAML takes for a number",
      suiteOf(CASE).replace("app: {}", "app: { sigstruct: { isvfamilyid: 00000000000000000000000000000001 } }"),
      ["a_test.yaml:4:36: enclaves.app.sigstruct.isvfamilyid is 1, expected 32 hex digits, in quotes"],
    ],
    [
      "a name that is none",
      suiteOf(CASE).replace("app: {}", '"a b": {}'),
      ['a_test.yaml:4:3: "a b" in enclaves is no name, expected letters, digits, _, . and -'],
    ],
    [
      "several faults",
      suiteOf("  - { name: a, expekt: allow }\n  - { name: 7, enclave: app, expect: allow }\n"),
      [
        "a_test.yaml:6:5: cases[0] lacks the key expect",
        "a_test.yaml:6:16: cases[0].expekt is an unknown key; did you mean expect?",
        "a_test.yaml:7:13: cases[1].name is 7, expected what the case shows, at most 200 characters",
      ],
    ],
    [
      "no YAML",
      "version: [1\n",
      ["a_test.yaml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]"],
    ],
    [
      "an enclave that there is not",
      suiteOf("  - { name: a, enclave: ap, expect: allow }\n"),
      ["a_test.yaml:6:5: there is no enclave ap; did you mean app?"],
    ],
    [
      "enclave_init without an enclave",
      suiteOf("  - { name: a, expect: allow }\n"),
      ["a_test.yaml:6:5: enclave_init needs an enclave: name one"],
    ],
    [
      "a SIGSTRUCT where there is none",
      suiteOf("  - { name: a, hook: vm_epc, vm: v, enclave: app, expect: allow }\n"),
      ["a_test.yaml:6:5: vm_epc has no SIGSTRUCT, so enclave has no place there"],
    ],
    [
      "an event that no source hands in",
      suiteOf("  - { name: a, hook: vm_epc, origin: native, vm: v, expect: allow }\n"),
      ["a_test.yaml:6:5: no source hands in such an event: event.origin.vm must be object"],
    ],
    [
      "two cases of one name",
      suiteOf(CASE + CASE),
      ["[native]", "[kvm]"].map((origin) => `a_test.yaml:7:13: there is another case named "a ${origin}"`),
    ],
    [
      "reasons of an allow",
      suiteOf("  - { name: a, enclave: app, expect: { decision: allow, reasons: [x] } }\n"),
      ["a_test.yaml:6:5: expect has reasons for an allow, which has none; for warnings say warnings"],
    ],
    [
      "deny beside decision",
      suiteOf("  - { name: a, enclave: app, expect: { decision: deny, deny: [x] } }\n"),
      [
        "a_test.yaml:6:5: expect has deny, which says decision and reasons: neither they nor includes have a place beside it",
      ],
    ],
    [
      "neither allow nor deny",
      suiteOf("  - { name: a, enclave: app, expect: { warnings: [] } }\n"),
      ["a_test.yaml:6:5: expect does not say whether to allow or deny"],
    ],
    [
      "an origin that nothing is expected of",
      suiteOf("  - { name: a, enclave: app, origin: [native, kvm], expect: { native: allow } }\n"),
      ["a_test.yaml:6:5: expect says nothing of origin kvm"],
    ],
    [
      "an origin that the case has not",
      suiteOf("  - { name: a, enclave: app, origin: native, expect: { native: allow, kvm: deny } }\n"),
      ["a_test.yaml:6:5: expect speaks of kvm, but the case has no such origin"],
    ],
    [
      "an enclave that extends itself",
      suiteOf(CASE).replace("app: {}", "app: { extends: app }"),
      ["a_test.yaml:4:8: enclave app: extends more than 16 others, or itself"],
    ],
    [
      "a placeholder of no key",
      suiteOf(CASE, `data: { signers: { '\${mrsigner:autor}': { name: x } } }\n`),
      ["a_test.yaml:3:7: there is no key autor; did you mean author?"],
    ],
    [
      "a placeholder that is none",
      suiteOf(CASE, `data: { signers: { '\${signer:author}': { name: x } } }\n`),
      [`a_test.yaml:3:7: \${signer:author} is no placeholder, expected \${mrsigner:KEY} or \${mrenclave:ENCLAVE}`],
    ],
    [
      "data that does not fit",
      suiteOf(CASE, "data: { signres: {} }\n"),
      ['a_test.yaml:3:7: data.launchgate has the unknown key "signres"'],
    ],
    [
      "a day that the calendar has not",
      suiteOf(CASE, "time: 2026-02-31T00:00:00Z\n"),
      ["a_test.yaml:7:5: time is 2026-02-31T00:00:00Z, which is no moment of the calendar"],
    ],
  ])("%s", async (_, text, expected) => {
    const { exitCode, lines } = await refusalOf(text);
    expect({ exitCode, lines }).toEqual({ exitCode: 3, lines: expected });
  });

  test("bytes that are no text, or too many", async () => {
    expect(await refusalOf(`# ${"x".repeat(MAX_SUITE_BYTES)}`)).toEqual({
      exitCode: 3,
      lines: [`a_test.yaml:1:1: it is ${MAX_SUITE_BYTES + 2} bytes, expected at most ${MAX_SUITE_BYTES}`],
    });
  });

  test("aliases that grow without end", async () => {
    const bomb = Array.from({ length: 9 }, (_, at) => `  - &a${at + 1} [${`*a${at},`.repeat(9)}]\n`).join("");
    const { exitCode, lines } = await refusalOf(`version: 1\ncases:\n  - &a0 [x]\n${bomb}`);
    expect({ exitCode, line: lines[0] }).toEqual({
      exitCode: 3,
      line: "a_test.yaml:1:1: Excessive alias count indicates a resource exhaustion attack",
    });
  });

  test("JSON that is none, for a file that says it is", async () => {
    const { exitCode, lines } = await refusalOf("version: 1\ncases: []\n", "a_test.json");
    expect(exitCode).toBe(3);
    expect(lines[0]).toMatch(/^a_test\.json:1:1: it is no JSON: /);
  });

  test("a file that it names and that is not there, by exit 1", async () => {
    const { exitCode, lines } = await refusalOf(suiteOf(CASE).replace("app: {}", "app: { file: nowhere.sig }"));
    expect({ exitCode, line: lines[0] }).toMatchObject({
      exitCode: 1,
      line: expect.stringMatching(/^a_test\.yaml:4:8: enclave app: cannot read .*nowhere\.sig: there is no such file$/),
    });
  });
});

test("the schema names the attribute bits that the engine names", () => {
  const schema = JSON.parse(readFileSync(join(ROOT, "policies/schema/suite.schema.json"), "utf8"));
  expect(schema.definitions.bit.pattern).toBe(`^(${Object.keys(ATTRIBUTE_BITS).join("|")})$`);
});
