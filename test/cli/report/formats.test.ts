/** Every format, held against a reader that is not ours: parsers of XML and TAP, the SARIF schema, and the runners' rules. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import picocolors from "picocolors";
import { SaxesParser } from "saxes";
import { Parser as TapParser } from "tap-parser";
import { describe, expect, test } from "vitest";
import { azureReport } from "../../../cli/report/azure.js";
import { githubReport } from "../../../cli/report/github.js";
import { htmlReport } from "../../../cli/report/html.js";
import { jsonReport } from "../../../cli/report/json.js";
import { junitReport } from "../../../cli/report/junit.js";
import { markdownReport } from "../../../cli/report/markdown.js";
import type { Report } from "../../../cli/report/model.js";
import { sarifReport } from "../../../cli/report/sarif.js";
import { tapReport } from "../../../cli/report/tap.js";
import { textReport } from "../../../cli/report/text.js";
import {
  anyReport,
  bigReport,
  EMPTY,
  finding,
  HOSTILE_REPORT,
  RICH,
  report,
  reportCase,
} from "../../support/reports.js";

const PIPE = { colours: picocolors.createColors(false), terminal: false };
const TERMINAL = { colours: picocolors.createColors(false), terminal: true, columns: 100 };

const RENDERERS: Readonly<Record<string, (report: Report) => string>> = {
  text: (one) => textReport(one, PIPE),
  "text on a terminal": (one) => textReport(one, TERMINAL),
  json: jsonReport,
  junit: junitReport,
  tap: tapReport,
  sarif: sarifReport,
  github: githubReport,
  azure: azureReport,
  markdown: markdownReport,
  html: htmlReport,
};

/** What a terminal would obey. Line feeds are ours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/u;

const casesOf = ({ suites }: Report) => suites.flatMap(({ cases }) => cases);

describe.each(Object.keys(RENDERERS))("%s", (format) => {
  const render = RENDERERS[format] ?? jsonReport;
  const isCommand =
    format === "github" ? /^::(error|warning|notice) / : format === "azure" ? /^##vso\[task\.logissue / : null;

  test.each([
    ["a rich report", RICH],
    ["an empty report", EMPTY],
    ["a hostile report", HOSTILE_REPORT],
  ])("of %s ends its last line, and says the same when it is asked again", (_, one) => {
    const said = render(one);
    expect(said.endsWith("\n")).toBe(true);
    expect(render(one)).toBe(said);
  });

  test("holds no control character, no bidirectional override and no half character, whatever the report holds", () => {
    const holds = (one: Report): void => {
      expect(render(one)).not.toMatch(CONTROL);
    };
    fc.assert(fc.property(anyReport, holds));
    holds(HOSTILE_REPORT);
  });

  test("holds no line that a CI runner obeys besides those that the format is made of", () => {
    const foreign = (said: string): readonly string[] =>
      said
        .split(/[\r\n]/)
        .filter((line) => isCommand === null || !isCommand.test(line))
        .filter((line) => /^\s*::/.test(line) || /##(vso)?\[/.test(line));
    // Commands end with their line, so one within another's text is none; Azure's are looked for in all of a line.
    const nested = (said: string): readonly string[] =>
      said.split("\n").filter((line) => format === "azure" && /##(vso)?\[/.test(line.slice(2)));
    const holds = (one: Report): void => {
      const said = render(one);
      if (format !== "html" && format !== "markdown") expect([foreign(said), nested(said)]).toEqual([[], []]);
    };
    fc.assert(fc.property(anyReport, holds));
    holds(HOSTILE_REPORT);
  });
});

describe("text", () => {
  test("shows failures with code, message, why and fix, changes aligned, the matrix, and the counts last", () => {
    expect(textReport(RICH, PIPE)).toMatchInlineSnapshot(`
      "launchgate vet  8 enclaves against signing policy launchgate, baseline release-2026.3

      release 2026.4
        fail   build/payments.sig
               debug_launchable  DEBUG is outside of ATTRIBUTEMASK: the enclave may be launched with DEBUG=1
                 why  Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.
                 fix  Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
               isvsvn_unchanged  MRENCLAVE changed and ISVSVN is still 4
                 why  Secrets sealed by the old enclave can be read by the new one and the other way round.
                 fix  Raise ISVSVN with every security fix.
               date_zero  warning: DATE is 0
               mrenclave
                 - 7be07be07be07be07be07be07be07be07be07be07be07be07be07be07be07be0
                 + 5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c
                 another enclave
               attributemask.bits.debug      1  →  0  weaker
                 whoever launches it may choose DEBUG=1
               attributes.bits.provisionkey  1  →  0  stronger
                 no longer asks for the provisioning key
               isvfamilyid
                 - absent
                 + 00112233445566778899aabbccddeeff
               mrenclave  5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c
               mrsigner   361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30
               isvprodid  7
               isvsvn     4
        warn   build/ledger.signed.so
               debug_launchable  DEBUG is outside of ATTRIBUTEMASK
                 lifted by exception ticket-4711
                 why  Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.
                 fix  Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
               date_zero  warning: DATE is 0
                 fix  Give the signing tool a date.
               mrenclave  5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c
               mrsigner   361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30
               isvprodid  7
               isvsvn     4
        pass   build/vault.sig
        error  build/broken.sig
               malformed  SIGSTRUCT is 1807 bytes, expected 1808

      suites/launch.yaml
        fail   a revoked enclave does not launch, native  suites/launch.yaml:12  1.2 s
               decision  allow, expected deny with measurement_revoked
                 exception ticket-12 has expired
        pass   a listed enclave launches, native  suites/launch.yaml:30
        pass   a listed enclave launches, guest  suites/launch.yaml:30
        skip   token fields  suites/launch.yaml:41
               skipped  note: needs FLC=0

      Would it launch there?
                                production native  production guest  staging native  staging guest
        build/payments.sig      ✓ allow            ✕ deny            ✓ allow         ✕ deny
        build/ledger.signed.so  ✓ allow            ✓ allow           ! allow         ✓ allow
        build/vault.sig         ✓ allow            ✓ allow           ✓ allow         ✓ allow
        build/key-broker.sig    ✓ allow            ✓ allow           ✓ allow         ✓ allow
        build/broken.sig        ? no answer        ? no answer       ? no answer     ? no answer

        build/payments.sig × production guest, staging guest
          debug_unknown: the enclave may run with DEBUG=1: nothing pins the bit
          signer_not_listed: signer 361622d757649090 is not listed
        build/ledger.signed.so × staging native
          debug_launchable
        build/broken.sig × production native, production guest, staging native, staging guest
          the file holds no SIGSTRUCT

        exceptions used  ticket-4711 (until 2027-01-31)
        mutation score   94.2 % (threshold 90 %)
        baseline         release-2026.3
        policy           launchgate 0.1.0 sha256:077d8dd33899a9e6c1f40f5b9bb2f1b8f4d3a7a1c0d9e2b3a4958677f6e5d4c3

      error  8 cases: 1 cannot be judged, 2 fail, 1 with warnings, 1 skipped, 3 pass; exceptions: 1 used, 1 expired (842 ms)
      "
    `);
  });

  test("wraps to the terminal, and never breaks what is not looked at", () => {
    const lines = textReport(RICH, { ...TERMINAL, columns: 80 }).split("\n");
    expect(lines.filter((line) => line.length > 80 && !/[0-9a-f]{32}|staging native|[✓✕!?] /.test(line))).toEqual([]);
    expect(textReport(RICH, PIPE)).toContain(RICH.suites[0]?.cases[0]?.findings[0]?.why);
  });

  test("lists 50 passes and counts more", () => {
    const passes = (count: number) =>
      report({
        suites: [{ name: "s", cases: Array.from({ length: count }, (_, at) => reportCase({ name: `case ${at}` })) }],
      });
    expect(textReport(passes(50), PIPE).match(/^ {2}pass {3}case \d+/gm)).toHaveLength(50);
    expect(textReport(passes(51), PIPE)).toContain("  pass   51 cases with nothing to say, not listed\n");
    expect(textReport(passes(51), PIPE)).toMatch(/^pass {3}51 cases: 51 pass \(842 ms\)$/m);
  });

  test("says that an empty run judged nothing", () => {
    expect(textReport(EMPTY, PIPE)).toBe("launchgate vet  nothing\n\nno cases: nothing was judged (842 ms)\n");
  });
});

test("JSON is the command's own document", () => {
  const holds = (one: Report): void => {
    expect(JSON.parse(jsonReport(one))).toEqual(JSON.parse(JSON.stringify(one.document)));
  };
  fc.assert(fc.property(anyReport, holds));
  holds(HOSTILE_REPORT);
});

interface Node {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Node[];
  text: string;
}

/** The document element. @throws where it is no XML 1.0 */
function parsedXml(xml: string): Node {
  const parser = new SaxesParser();
  const root: Node = { name: "", attributes: {}, children: [], text: "" };
  const open = [root];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const node = { name, attributes: { ...attributes }, children: [], text: "" };
    open.at(-1)?.children.push(node);
    open.push(node);
  });
  parser.on("text", (text) => {
    const node = open.at(-1);
    if (node !== undefined) node.text += text;
  });
  parser.on("closetag", () => {
    open.pop();
  });
  parser.write(xml).close();
  const [document] = root.children;
  if (document === undefined) throw new Error("there is no element");
  return document;
}

/** Which children and attributes an element may have, by `junit-10.xsd` of Jenkins' xUnit plugin; `*` must be there. */
const JUNIT: Readonly<
  Record<string, { readonly children: readonly string[]; readonly attributes: readonly string[] }>
> = {
  testsuites: { children: ["testsuite"], attributes: ["name", "time", "tests", "failures", "errors"] },
  testsuite: {
    children: ["properties", "testcase", "system-out", "system-err"],
    attributes: [
      "*name",
      "*tests",
      "*failures",
      "*errors",
      "time",
      "skipped",
      "timestamp",
      "hostname",
      "id",
      "package",
    ],
  },
  properties: { children: ["property"], attributes: [] },
  property: { children: [], attributes: ["*name", "*value"] },
  testcase: {
    children: ["skipped", "error", "failure", "system-out", "system-err"],
    attributes: ["*name", "time", "classname", "group"],
  },
  failure: { children: [], attributes: ["type", "message"] },
  error: { children: [], attributes: ["type", "message"] },
  skipped: { children: [], attributes: ["type", "message"] },
  "system-out": { children: [], attributes: [] },
};

function junitFaults(node: Node): readonly string[] {
  const allowed = JUNIT[node.name];
  if (allowed === undefined) return [`there is no <${node.name}>`];
  const known = allowed.attributes.map((name) => name.replace("*", ""));
  return [
    ...Object.keys(node.attributes)
      .filter((name) => !known.includes(name))
      .map((name) => `${node.name} has ${name}`),
    ...allowed.attributes
      .filter((name) => name.startsWith("*") && !(name.slice(1) in node.attributes))
      .map((name) => `${node.name} lacks ${name.slice(1)}`),
    ...node.children
      .filter(({ name }) => !allowed.children.includes(name))
      .map(({ name }) => `${node.name} holds ${name}`),
    ...(node.attributes["time"] === undefined || /^\d+\.\d{3}$/.test(node.attributes["time"]) ? [] : ["time is none"]),
    ...node.children.flatMap(junitFaults),
  ];
}

describe("JUnit", () => {
  const casesIn = (node: Node): readonly Node[] => (node.name === "testcase" ? [node] : node.children.flatMap(casesIn));

  test.each([
    ["a rich report", RICH],
    ["an empty report", EMPTY],
    ["a hostile report", HOSTILE_REPORT],
  ])("of %s is XML as the schema has it, with a failure, error or skipped exactly where the case has", (_, one) => {
    const root = parsedXml(junitReport(one));
    expect(junitFaults(root)).toEqual([]);
    const outcomes = casesIn(root).map(({ children }) =>
      children.map(({ name }) => name).filter((name) => name !== "system-out"),
    );
    const expected = { pass: [], warn: [], fail: ["failure"], error: ["error"], skip: ["skipped"] };
    expect(outcomes).toEqual(casesOf(one).map(({ status }) => expected[status]));
  });

  test("of any report is XML as the schema has it", () => {
    fc.assert(
      fc.property(anyReport, (one) => {
        const root = parsedXml(junitReport(one));
        expect([root.name, junitFaults(root), casesIn(root).length]).toEqual(["testsuites", [], casesOf(one).length]);
      }),
    );
  });

  test("counts as the report does", () => {
    expect(parsedXml(junitReport(RICH)).attributes).toEqual({
      name: "launchgate vet",
      tests: "8",
      failures: "2",
      errors: "1",
      time: "0.842",
    });
  });

  test("says in a failure what failed, why and how to fix it, and in the output what else there is", () => {
    const [first, second] = casesIn(parsedXml(junitReport(RICH)));
    const [failure, output] = first?.children ?? [];
    expect(failure?.attributes["type"]).toBe("debug_launchable");
    expect(failure?.text).toMatch(
      /^build\/payments\.sig\n\nerror debug_launchable: .*\n {2}why: .*\n {2}fix: .*\n\nerror isvsvn_unchanged/,
    );
    expect(output?.text).toContain("warning date_zero: DATE is 0");
    expect(output?.text).toContain("attributemask.bits.debug: 1 -> 0 (weaker: whoever launches it may choose DEBUG=1)");
    expect(second?.children[0]?.text).toContain("lifted by exception ticket-4711");
  });
});

describe("TAP", () => {
  const parse = (tap: string) => {
    const results: { ok: boolean; skip: boolean; todo: boolean; name: string }[] = [];
    const parser = new TapParser();
    const extra: string[] = [];
    parser.on("assert", ({ ok, skip, todo, name }) =>
      results.push({ ok, skip: Boolean(skip), todo: Boolean(todo), name }),
    );
    parser.on("extra", (line) => extra.push(line));
    parser.end(tap);
    return {
      results,
      extra,
      failures: parser.failures.filter(({ tapError }) => tapError !== null),
      bailed: parser.bailedOut,
    };
  };

  const outcomes = (one: Report) =>
    casesOf(one).map(({ status }) => ({ ok: status !== "fail" && status !== "error", skip: status === "skip" }));

  test.each([
    ["a rich report", RICH],
    ["an empty report", EMPTY],
    ["a hostile report", HOSTILE_REPORT],
  ])("of %s has a point for each case, and nothing that a reader does not understand", (_, one) => {
    const { results, ...rest } = parse(tapReport(one));
    expect(results.map(({ ok, skip }) => ({ ok, skip }))).toEqual(outcomes(one));
    expect(rest).toEqual({ extra: [], failures: [], bailed: false });
  });

  test("of any report has a point for each case", () => {
    fc.assert(
      fc.property(anyReport, (one) => {
        const { results, extra, failures, bailed } = parse(tapReport(one));
        expect(results.map(({ ok, skip }) => ({ ok, skip }))).toEqual(outcomes(one));
        expect([extra, failures, bailed, results.some(({ todo }) => todo)]).toEqual([[], [], false, false]);
      }),
    );
  });
});

describe("SARIF", () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  /** OASIS's own schema, as Microsoft's SARIF tools carry it. */
  const tools = dirname(createRequire(import.meta.url).resolve("@microsoft/sarif-multitool-ts"));
  const schema = JSON.parse(readFileSync(join(tools, "../assets/sarif-2.1.0.schema.json"), "utf8"));
  const validate = ajv.compile(schema);

  const valid = (one: Report) => {
    const sarif = JSON.parse(sarifReport(one));
    validate(sarif);
    expect(validate.errors ?? []).toEqual([]);
    return sarif.runs[0];
  };

  test("of any report is valid by the schema, and every result's rule is the one of its index", () => {
    const holds = (one: Report): void => {
      const { results, tool } = valid(one);
      for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId);
    };
    fc.assert(fc.property(anyReport, holds));
    for (const one of [RICH, EMPTY, HOSTILE_REPORT]) holds(one);
  });

  test("says of a finding its rule, level, place and identity, and of an exception that it suppresses", () => {
    const { results, tool, invocations } = valid(RICH);
    expect(tool.driver.rules[0]).toMatchObject({
      id: "debug_launchable",
      help: { text: expect.stringMatching(/^Whoever launches[\s\S]*\n\nFix: Sign with DEBUG/) },
      defaultConfiguration: { level: "error" },
    });
    expect(results[0]).toMatchObject({
      ruleId: "debug_launchable",
      level: "error",
      locations: [{ physicalLocation: { artifactLocation: { uri: "build/payments.sig" }, region: { startLine: 1 } } }],
      suppressions: [],
    });
    const suppressions = results.map((result: { suppressions: readonly { status: string }[] }) =>
      result.suppressions.map(({ status }) => status),
    );
    expect(suppressions).toEqual([[], [], [], ["accepted"], [], [], ["rejected"], []]);
    expect(invocations[0].executionSuccessful).toBe(false);
  });

  test("identifies a finding by rule, file and case, whatever its message and line", () => {
    const prints = (one: Report): readonly string[] =>
      valid(one).results.map(
        (result: { partialFingerprints: Record<string, string> }) => result.partialFingerprints["launchgate/v1"],
      );
    const of = (message: string, line: number | null, name = "a") =>
      prints(
        report({
          suites: [
            {
              name: "s",
              cases: [
                reportCase({ name, line, status: "fail", findings: [finding({ message }), finding({ message })] }),
              ],
            },
          ],
        }),
      );
    expect(of("one", 1)).toEqual(of("other", 9));
    expect(new Set([...of("one", 1), ...of("one", 1, "b")]).size).toBe(4);
  });

  test.each([
    ["build/a b.sig", "build/a%20b.sig"],
    ["./build//x.sig", "build/x.sig"],
    ["/srv/x.sig", "file:///srv/x.sig"],
    ["//host/x.sig", "file:///host/x.sig"],
    ["C:\\out\\x.sig", "file:///C:/out/x.sig"],
    ["javascript:alert(1)", "javascript%3Aalert(1)"],
    ["a#b?c%41.sig", "a%23b%3Fc%2541.sig"],
  ])("names the file %s by %s", (file, uri) => {
    const one = report({
      suites: [{ name: "s", cases: [reportCase({ file, status: "fail", findings: [finding()] })] }],
    });
    expect(valid(one).results[0].locations[0].physicalLocation.artifactLocation.uri).toBe(uri);
  });

  test.each([["-"], [null]])("gives %s, which is no file, no physical location", (file) => {
    const one = report({ suites: [{ name: "s", cases: [reportCase({ file, status: "fail" })] }] });
    expect(Object.keys(valid(one).results[0].locations[0])).toEqual(["logicalLocations"]);
  });
});

describe("GitHub", () => {
  test("annotates the worst first, and ends with the counts", () => {
    expect(githubReport(RICH)).toMatchInlineSnapshot(`
      "::error file=build/payments.sig,title=debug_launchable::DEBUG is outside of ATTRIBUTEMASK: the enclave may be launched with DEBUG=1%0AWhy: Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.%0AFix: Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      ::error file=build/payments.sig,title=isvsvn_unchanged::MRENCLAVE changed and ISVSVN is still 4%0AWhy: Secrets sealed by the old enclave can be read by the new one and the other way round.%0AFix: Raise ISVSVN with every security fix.
      ::error file=build/broken.sig,title=malformed::SIGSTRUCT is 1807 bytes, expected 1808
      ::error file=suites/launch.yaml,line=12,title=decision::a revoked enclave does not launch, native: allow, expected deny with measurement_revoked%0Aexception ticket-12 has expired
      ::warning file=build/payments.sig,title=date_zero::DATE is 0
      ::warning file=build/ledger.signed.so,title=date_zero::DATE is 0%0AFix: Give the signing tool a date.
      ::notice file=build/ledger.signed.so,title=debug_launchable::DEBUG is outside of ATTRIBUTEMASK%0Alifted by exception ticket-4711%0AWhy: Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.%0AFix: Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      ::notice file=suites/launch.yaml,line=41,title=skipped::token fields: needs FLC=0
      8 cases: 1 cannot be judged, 2 fail, 1 with warnings, 1 skipped, 3 pass; exceptions: 1 used, 1 expired
      "
    `);
  });

  test("escapes what its documents say: % and line feeds, and in properties : and , too", () => {
    const one = reportCase({
      name: "n",
      file: "a,b:c%\nd",
      status: "fail",
      findings: [finding({ code: "x:y,z", message: "1%\n::2", why: null, fix: null })],
    });
    expect(githubReport(report({ suites: [{ name: "s", cases: [one] }] })).split("\n")[0]).toBe(
      "::error file=a%2Cb%3Ac%25�d,title=x%3Ay%2Cz::n: 1%25%0A::2",
    );
  });
});

describe("Azure DevOps", () => {
  test("logs errors and warnings as issues, and ends with the counts", () => {
    expect(azureReport(RICH)).toMatchInlineSnapshot(`
      "##vso[task.logissue type=error;sourcepath=build/payments.sig;code=debug_launchable;]DEBUG is outside of ATTRIBUTEMASK: the enclave may be launched with DEBUG=1%0AWhy: Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.%0AFix: Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      ##vso[task.logissue type=error;sourcepath=build/payments.sig;code=isvsvn_unchanged;]MRENCLAVE changed and ISVSVN is still 4%0AWhy: Secrets sealed by the old enclave can be read by the new one and the other way round.%0AFix: Raise ISVSVN with every security fix.
      ##vso[task.logissue type=warning;sourcepath=build/payments.sig;code=date_zero;]DATE is 0
      note: debug_launchable: DEBUG is outside of ATTRIBUTEMASK lifted by exception ticket-4711 Why: Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR. Fix: Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      ##vso[task.logissue type=warning;sourcepath=build/ledger.signed.so;code=date_zero;]DATE is 0%0AFix: Give the signing tool a date.
      ##vso[task.logissue type=error;sourcepath=build/broken.sig;code=malformed;]SIGSTRUCT is 1807 bytes, expected 1808
      ##vso[task.logissue type=error;sourcepath=suites/launch.yaml;linenumber=12;code=decision;]a revoked enclave does not launch, native: allow, expected deny with measurement_revoked%0Aexception ticket-12 has expired
      note: skipped: token fields: needs FLC=0
      8 cases: 1 cannot be judged, 2 fail, 1 with warnings, 1 skipped, 3 pass; exceptions: 1 used, 1 expired
      "
    `);
  });

  test("escapes % and line feeds, and in properties ; and ] too", () => {
    const one = reportCase({
      name: "n",
      file: "a;b]c%",
      line: 7,
      status: "fail",
      findings: [finding({ code: "x", message: "1%\n##vso[y]", why: null, fix: null })],
    });
    expect(azureReport(report({ suites: [{ name: "s", cases: [one] }] })).split("\n")[0]).toBe(
      "##vso[task.logissue type=error;sourcepath=a%3Bb%5Dc%AZP25;linenumber=7;code=x;]n: 1%AZP25%0A# #vso[y]",
    );
  });
});

describe("Markdown", () => {
  test("shows counts, matrix, failures unfolded, and passes folded", () => {
    expect(markdownReport(RICH)).toMatchInlineSnapshot(`
      "## ⛔ launchgate vet: 8 enclaves against signing policy launchgate, baseline release-2026.3

      8 cases: 1 cannot be judged, 2 fail, 1 with warnings, 1 skipped, 3 pass; exceptions: 1 used, 1 expired (842 ms, 2026-11-22T20:15:00Z)

      |  | ⛔ error | ❌ fail | ⚠️ warn | ⏭️ skip | ✅ pass |
      | --- | --- | --- | --- | --- | --- |
      | release 2026.4 | 1 | 1 | 1 |  | 1 |
      | suites/launch.yaml |  | 1 |  | 1 | 2 |

      ### Would it launch there?

      |  | production native | production guest | staging native | staging guest |
      | --- | --- | --- | --- | --- |
      | build/payments.sig | ✅ allow | ❌ deny | ✅ allow | ❌ deny |
      | build/ledger.signed.so | ✅ allow | ✅ allow | ⚠️ allow | ✅ allow |
      | build/vault.sig | ✅ allow | ✅ allow | ✅ allow | ✅ allow |
      | build/key-broker.sig | ✅ allow | ✅ allow | ✅ allow | ✅ allow |
      | build/broken.sig | ⛔ no answer | ⛔ no answer | ⛔ no answer | ⛔ no answer |

      <details><summary>Why</summary>

      - build/payments.sig × production guest: debug_unknown&#58; the enclave may run with DEBUG&#61;1&#58; nothing pins the bit; signer_not_listed&#58; signer 361622d757649090 is not listed
      - build/payments.sig × staging guest: debug_unknown&#58; the enclave may run with DEBUG&#61;1&#58; nothing pins the bit; signer_not_listed&#58; signer 361622d757649090 is not listed
      - build/ledger.signed.so × staging native: debug_launchable
      - build/broken.sig × production native: the file holds no SIGSTRUCT
      - build/broken.sig × production guest: the file holds no SIGSTRUCT
      - build/broken.sig × staging native: the file holds no SIGSTRUCT
      - build/broken.sig × staging guest: the file holds no SIGSTRUCT

      </details>

      <details open><summary>⛔ <strong>build/broken.sig</strong> (release 2026.4)</summary>

      - ❌ <code>malformed</code> SIGSTRUCT is 1807 bytes, expected 1808

      </details>

      <details open><summary>❌ <strong>build/payments.sig</strong> (release 2026.4)</summary>

      - ❌ <code>debug_launchable</code> DEBUG is outside of ATTRIBUTEMASK&#58; the enclave may be launched with DEBUG&#61;1<br><strong>Why</strong> Whoever launches an enclave with DEBUG&#61;1 reads and writes its memory with EDBGRD and EDBGWR.<br><strong>Fix</strong> Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      - ❌ <code>isvsvn_unchanged</code> MRENCLAVE changed and ISVSVN is still 4<br><strong>Why</strong> Secrets sealed by the old enclave can be read by the new one and the other way round.<br><strong>Fix</strong> Raise ISVSVN with every security fix.
      - ⚠️ <code>date_zero</code> DATE is 0

      | field | before | after | what it means |
      | --- | --- | --- | --- |
      | <code>mrenclave</code> | <code>7be07be07be07be07be07be07be07be07be07be07be07be07be07be07be07be0</code> | <code>5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c</code> | another enclave |
      | <code>attributemask.bits.debug</code> | <code>1</code> | <code>0</code> | <strong>weaker</strong> whoever launches it may choose DEBUG&#61;1 |
      | <code>attributes.bits.provisionkey</code> | <code>1</code> | <code>0</code> | <strong>stronger</strong> no longer asks for the provisioning key |
      | <code>isvfamilyid</code> | absent | <code>00112233445566778899aabbccddeeff</code> |  |

      mrenclave <code>5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c</code> · mrsigner <code>361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30</code> · isvprodid <code>7</code> · isvsvn <code>4</code>

      </details>

      <details open><summary>❌ <strong>a revoked enclave does not launch, native</strong> (suites/launch.yaml) <code>suites/launch.yaml&#58;12</code></summary>

      - ❌ <code>decision</code> allow, expected deny with measurement_revoked<br><em>exception ticket-12 has expired</em>

      </details>

      <details><summary>⚠️ <strong>build/ledger.signed.so</strong> (release 2026.4)</summary>

      - ➖ <code>debug_launchable</code> DEBUG is outside of ATTRIBUTEMASK<br><em>lifted by exception ticket-4711</em><br><strong>Why</strong> Whoever launches an enclave with DEBUG&#61;1 reads and writes its memory with EDBGRD and EDBGWR.<br><strong>Fix</strong> Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      - ⚠️ <code>date_zero</code> DATE is 0<br><strong>Fix</strong> Give the signing tool a date.

      mrenclave <code>5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c</code> · mrsigner <code>361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30</code> · isvprodid <code>7</code> · isvsvn <code>4</code>

      </details>

      <details><summary>⏭️ <strong>token fields</strong> (suites/launch.yaml) <code>suites/launch.yaml&#58;41</code></summary>

      - ℹ️ <code>skipped</code> needs FLC&#61;0

      </details>

      <details><summary>✅ 3 cases: pass</summary>

      - release 2026.4: build/vault.sig
      - suites/launch.yaml: a listed enclave launches, native
      - suites/launch.yaml: a listed enclave launches, guest

      </details>

      <details><summary>About this run</summary>

      - exceptions used: <code>ticket-4711 &#40;until 2027-01-31&#41;</code>
      - mutation score: <code>&#57;&#52;.2 % &#40;threshold 90 %&#41;</code>
      - baseline: <code>release-2026.3</code>
      - policy launchgate 0.1.0: <code>sha256&#58;077d8dd33899a9e6c1f40f5b9bb2f1b8f4d3a7a1c0d9e2b3a4958677f6e5d4c3</code>

      </details>

      "
    `);
  });

  test("takes nothing from a file for markup, a link or a mention", () => {
    const said = markdownReport(HOSTILE_REPORT);
    expect(said).not.toMatch(/<(script|img|b)\b|@team|\]\(|http:|`|\*\*|^# |\|\s*cell\s*\|/m);
    const count = (pattern: RegExp): number => said.match(pattern)?.length ?? 0;
    expect(count(/<details/g)).toBe(count(/<\/details>/g));
  });

  test("fits into a job summary, and says how much is left out", () => {
    const said = markdownReport(bigReport(10_000));
    expect(Buffer.byteLength(said)).toBeLessThan(1_048_576);
    expect(said.slice(-400)).toMatch(
      /Left out for want of space: .*[\d,]+ rows of the matrix Would it launch there\?; [\d,]+ cases: fail; [\d,]+ cases: pass\.\n$/,
    );
    expect(said.match(/<details/g)?.length).toBe(said.match(/<\/details>/g)?.length);
  });

  test("shows a failure even where the matrix is huge", () => {
    expect(markdownReport(bigReport(30_000))).toContain("debug_launchable");
  });
});
