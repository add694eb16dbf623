/**
 * A report as SARIF, for code scanning. Truth: OASIS Static Analysis Results Interchange Format (SARIF) Version 2.1.0; what
 * of it GitHub shows, its "SARIF support for code scanning".
 */

import { createHash } from "node:crypto";
import { packageVersion } from "../policy/shipped.js";
import { json, oneLine, severalLines } from "./escape.js";
import type { Report, ReportCase, ReportFinding, ReportRule } from "./model.js";
import { failuresOf, rfc3339 } from "./summary.js";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

interface Found {
  readonly suite: string;
  readonly one: ReportCase;
  readonly finding: ReportFinding;
  /** Which of the case's findings of that code it is, from 1. */
  readonly nth: number;
}

export function sarifReport(report: Report): string {
  const found = report.suites.flatMap(({ name, cases }) => cases.flatMap((one) => foundIn(name, one)));
  const rules = rulesOf(report, found);
  const indexes = new Map(rules.map(({ code }, index) => [code, index]));
  const unjudged = report.suites.flatMap(({ cases }) => cases.filter(({ status }) => status === "error"));
  const version = packageVersion();
  const run = {
    tool: {
      driver: {
        name: "launchgate",
        version,
        semanticVersion: version,
        rules: rules.map((rule) => ruleObject(rule, found)),
      },
    },
    automationDetails: { id: `launchgate/${report.command}/` },
    invocations: [
      {
        executionSuccessful: unjudged.length === 0,
        startTimeUtc: rfc3339(report.startedAt),
        endTimeUtc: rfc3339(report.startedAt + report.durationMs),
        toolExecutionNotifications: unjudged.map((one) => ({
          level: "error",
          message: message(`${one.name}: ${failuresOf(one)[0]?.message ?? "it cannot be judged"}`),
        })),
      },
    ],
    columnKind: "utf16CodeUnits",
    results: found.map((each) => resultObject(each, indexes.get(each.finding.code) ?? 0)),
    properties: { title: report.title, policies: report.policies, facts: report.facts },
  };
  return `${json({ $schema: SCHEMA, version: "2.1.0", runs: [run] }, 2)}\n`;
}

function foundIn(suite: string, one: ReportCase): readonly Found[] {
  const own = one.findings.some(({ level }) => level === "error")
    ? one.findings
    : [...failuresOf(one), ...one.findings];
  const seen = new Map<string, number>();
  return own.map((finding) => {
    const nth = (seen.get(finding.code) ?? 0) + 1;
    seen.set(finding.code, nth);
    return { suite, one, finding, nth };
  });
}

/** The report's rules, and behind them what was found without a rule. */
function rulesOf({ rules }: Report, found: readonly Found[]): readonly ReportRule[] {
  const all = new Map<string, ReportRule>();
  for (const rule of rules) if (!all.has(rule.code)) all.set(rule.code, rule);
  for (const { finding } of found) {
    const { code, why, fix } = finding;
    if (!all.has(code)) all.set(code, { code, title: code, why, fix });
  }
  return [...all.values()];
}

function ruleObject({ code, title, why, fix }: ReportRule, found: readonly Found[]): object {
  const levels = found.filter(({ finding }) => finding.code === code).map(({ finding }) => finding.level);
  const level = (["error", "warning", "note"] as const).find((one) => levels.includes(one)) ?? "warning";
  const help = [...(why === null ? [] : [why]), ...(fix === null ? [] : [`Fix: ${fix}`])].join("\n\n");
  return {
    id: code,
    name: code,
    shortDescription: message(title),
    ...(why === null ? {} : { fullDescription: message(why) }),
    ...(help === "" ? {} : { help: message(help) }),
    defaultConfiguration: { level },
    properties: { tags: ["sgx"] },
  };
}

function resultObject({ suite, one, finding, nth }: Found, ruleIndex: number): object {
  const { code, level, why, fix } = finding;
  const identity = createHash("sha256")
    .update(JSON.stringify([code, one.file, suite, one.name, nth]))
    .digest("hex");
  return {
    ruleId: code,
    ruleIndex,
    level,
    message: message(finding.message),
    locations: [locationObject(suite, one)],
    // Neither message nor line is part of it: the finding stays the same where they change.
    partialFingerprints: { "launchgate/v1": identity, primaryLocationLineHash: `${identity.slice(0, 16)}:${nth}` },
    suppressions: suppressionsOf(finding),
    properties: { suite, case: one.name, ...(why === null ? {} : { why }), ...(fix === null ? {} : { fix }) },
  };
}

/** Empty where nothing suppresses it: a result without the property is one whose suppressions are unknown. */
function suppressionsOf({ exception }: ReportFinding): readonly object[] {
  if (exception === null) return [];
  const used = exception.state === "used";
  const justification = oneLine(`exception ${exception.id}${used ? "" : " has expired"}`);
  return [{ kind: "external", status: used ? "accepted" : "rejected", justification }];
}

function locationObject(suite: string, { name, file, line }: ReportCase): object {
  const logical = [{ name: nonEmpty(oneLine(name)), fullyQualifiedName: nonEmpty(oneLine(`${suite} > ${name}`)) }];
  if (file === null || file === "" || file === "-") return { logicalLocations: logical };
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(file) },
      // GitHub calls the line required; an enclave has none, and is then shown at its first.
      region: { startLine: line ?? 1 },
    },
    logicalLocations: logical,
  };
}

/** A relative reference where the path is relative; every character that a URI gives a meaning is escaped. */
function uriOf(file: string): string {
  const path = oneLine(file.replaceAll("\\", "/"));
  const drive = /^[a-z]:(?=\/)/i.exec(path)?.[0] ?? "";
  const segments = path.slice(drive.length).split("/").map(encodeURIComponent);
  if (drive !== "") return `file:///${drive}${segments.join("/")}`;
  if (path.startsWith("/")) return `file:///${segments.filter((segment) => segment !== "").join("/")}`;
  const kept = segments.filter((segment) => segment !== "" && segment !== ".");
  return kept.length === 0 ? "." : kept.join("/");
}

function message(text: string): { readonly text: string } {
  return { text: nonEmpty(severalLines(text)) };
}

function nonEmpty(text: string): string {
  return text === "" ? "(empty)" : text;
}
