/**
 * What `vet`, `test`, `diff` and `replay` have to say, before anybody formats it: suites of cases with findings, as test
 * reports have them, and the matrices and comparisons that only some formats can draw.
 */

import type { JsonValue } from "../../engine/json.js";

export const REPORT_FORMATS = ["text", "json", "junit", "tap", "sarif", "github", "azure", "markdown", "html"] as const;

export type ReportFormat = (typeof REPORT_FORMATS)[number];

export interface Report {
  readonly command: "vet" | "test" | "diff" | "replay";
  /** What was looked at, in a line: `3 enclaves against signing policy launchgate`. */
  readonly title: string;
  /** Of the run, in Unix milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** What judged; empty where nothing did. */
  readonly policies: readonly { readonly name: string; readonly sha256: string; readonly revision: string }[];
  readonly suites: readonly ReportSuite[];
  readonly matrices: readonly ReportMatrix[];
  /** What is said of the run as a whole: counts, coverage, scores, exceptions used. */
  readonly facts: readonly ReportFact[];
  /** Every rule that a finding may name, for the formats that have a catalogue; findings repeat what matters. */
  readonly rules: readonly ReportRule[];
  /** The command's own document, which `--format json` prints as it is. */
  readonly document: JsonValue;
}

export interface ReportSuite {
  readonly name: string;
  readonly cases: readonly ReportCase[];
}

/** `error`: it could not be judged. `fail` has at least one finding of level error, `warn` at least one warning. */
export type CaseStatus = "pass" | "warn" | "fail" | "error" | "skip";

export interface ReportCase {
  /** Unique within its suite: an enclave, a test, a flip. */
  readonly name: string;
  /** As the user named it, relative where it was. */
  readonly file: string | null;
  /** From 1. */
  readonly line: number | null;
  readonly status: CaseStatus;
  readonly findings: readonly ReportFinding[];
  /** The case's identity and what matters about it: MRENCLAVE, MRSIGNER, ISVSVN … */
  readonly facts: readonly ReportFact[];
  /** Field by field, where two things were compared. */
  readonly changes: readonly ReportChange[];
  readonly durationMs: number | null;
}

export interface ReportFinding {
  readonly code: string;
  readonly level: "error" | "warning" | "note";
  readonly message: string;
  /** Why it matters, and what to do about it; null where nobody has said. */
  readonly why: string | null;
  readonly fix: string | null;
  /** The exception that lifted it, or that has expired: such findings are counted apart. */
  readonly exception: { readonly id: string; readonly state: "used" | "expired" } | null;
}

export interface ReportRule {
  readonly code: string;
  readonly title: string;
  readonly why: string | null;
  readonly fix: string | null;
}

export interface ReportFact {
  readonly name: string;
  readonly value: string;
}

export interface ReportChange {
  /** The SDM's name in lower case, with dots: `attributes.bits.debug`. */
  readonly field: string;
  /** Null where it was or is absent. */
  readonly before: string | null;
  readonly after: string | null;
  /** What the change means, in a sentence; null where the field says it all. */
  readonly meaning: string | null;
  readonly weight: "weaker" | "stronger" | "neutral";
}

export interface ReportMatrix {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly cells: readonly ReportCell[];
  }[];
}

export interface ReportCell {
  readonly status: CaseStatus;
  /** A word or two. */
  readonly text: string;
  /** The reasons; shown where there is room. */
  readonly details: readonly string[];
}
