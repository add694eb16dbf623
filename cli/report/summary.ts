/** What all formats count and say in the same words. */

import type { CaseStatus, Report, ReportCase, ReportFinding } from "./model.js";

/** From the worst on. */
export const STATUSES: readonly CaseStatus[] = ["error", "fail", "warn", "skip", "pass"];

const SAID: Readonly<Record<CaseStatus, string>> = {
  error: "cannot be judged",
  fail: "fail",
  warn: "with warnings",
  skip: "skipped",
  pass: "pass",
};

/** Beside or instead of the word, where there are many: colour alone says nothing. */
export const SIGNS: Readonly<Record<CaseStatus, string>> = { error: "?", fail: "✕", warn: "!", skip: "–", pass: "✓" };

export interface Counts {
  readonly cases: number;
  readonly status: Readonly<Record<CaseStatus, number>>;
  /** Findings that an exception lifted, and those whose exception has expired. */
  readonly exceptions: { readonly used: number; readonly expired: number };
}

export function countsOf({ suites }: Pick<Report, "suites">): Counts {
  const status = { error: 0, fail: 0, warn: 0, skip: 0, pass: 0 };
  const exceptions = { used: 0, expired: 0 };
  let cases = 0;
  for (const one of suites.flatMap((suite) => suite.cases)) {
    cases += 1;
    status[one.status] += 1;
    for (const { exception } of one.findings) if (exception !== null) exceptions[exception.state] += 1;
  }
  return { cases, status, exceptions };
}

/** The worst there is; null where nothing was looked at, which is no pass. */
export function verdictOf({ cases, status }: Counts): CaseStatus | null {
  return cases === 0 ? null : (STATUSES.find((one) => status[one] > 0) ?? null);
}

/** `11 cases: 1 cannot be judged, 2 fail, 8 pass; exceptions: 1 used, 1 expired`. */
export function sentence(counts: Counts): string {
  const { cases, status, exceptions } = counts;
  if (cases === 0) return "no cases: nothing was judged";
  const said = STATUSES.filter((one) => status[one] > 0).map((one) => `${grouped(status[one])} ${SAID[one]}`);
  const lifted = (["used", "expired"] as const).filter((state) => exceptions[state] > 0);
  const apart = lifted.map((state) => `${grouped(exceptions[state])} ${state}`).join(", ");
  return `${plural(cases, "case")}: ${said.join(", ")}${apart === "" ? "" : `; exceptions: ${apart}`}`;
}

/** Whether the finding still counts: an exception in force lifts it. */
export function counts({ exception }: ReportFinding): boolean {
  return exception?.state !== "used";
}

/** What the exception does to its finding, in words; null where there is none. */
export function exceptionSays({ exception }: ReportFinding): string | null {
  if (exception === null) return null;
  return exception.state === "used" ? `lifted by exception ${exception.id}` : `exception ${exception.id} has expired`;
}

/** The case's findings that count; one that says so much where a case that fails has none. */
export function failuresOf(one: ReportCase): readonly ReportFinding[] {
  const found = one.findings.filter((finding) => finding.level === "error" && counts(finding));
  if (found.length > 0 || (one.status !== "fail" && one.status !== "error")) return found;
  const message = one.status === "fail" ? "the case fails" : "the case cannot be judged";
  return [{ code: one.status, level: "error", message, why: null, fix: null, exception: null }];
}

/** A finding as CI systems show it beside a file: they say its code and the file themselves. */
export function annotationText({ name, file }: ReportCase, finding: ReportFinding): string {
  const exception = exceptionSays(finding);
  return [
    `${name === file ? "" : `${name}: `}${finding.message}`,
    ...(exception === null ? [] : [exception]),
    ...(finding.why === null ? [] : [`Why: ${finding.why}`]),
    ...(finding.fix === null ? [] : [`Fix: ${finding.fix}`]),
  ].join("\n");
}

/** File and line, as editors take them. */
export function placeOf({ file, line }: ReportCase): string | null {
  return file === null ? null : `${file}${line === null ? "" : `:${line}`}`;
}

/** RFC 3339; times beyond what a date can be are the epoch, so that a report comes out all the same. */
export function rfc3339(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 || date.getUTCFullYear() < 0
    ? "1970-01-01T00:00:00.000Z"
    : date.toISOString();
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `12,345`, whatever the locale. */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
