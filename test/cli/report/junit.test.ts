/** The report as JUnit XML, held against an XML parser and the strictest schema in use. */

import fc from "fast-check";
import { SaxesParser } from "saxes";
import { describe, expect, test } from "vitest";
import { junitReport } from "../../../cli/report/junit.js";
import type { Report } from "../../../cli/report/model.js";
import { anyReport, EMPTY, HOSTILE_REPORT, RICH } from "../../support/reports.js";

const casesOf = ({ suites }: Report) => suites.flatMap(({ cases }) => cases);

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
