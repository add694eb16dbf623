/** What holds for every format, whatever a report holds; and JSON, GitHub and Azure DevOps, which CI runners read. */

import fc from "fast-check";
import picocolors from "picocolors";
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
import { anyReport, EMPTY, finding, HOSTILE_REPORT, RICH, report, reportCase } from "../../support/reports.js";

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

test("JSON is the command's own document", () => {
  const holds = (one: Report): void => {
    expect(JSON.parse(jsonReport(one))).toEqual(JSON.parse(JSON.stringify(one.document)));
  };
  fc.assert(fc.property(anyReport, holds));
  holds(HOSTILE_REPORT);
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
