/** A replay as a report: a suite for each kind of change, a case for each group of records that change alike. */

import { type PolicyBundle, REASONS } from "../../engine/index.js";
import type { JsonValue } from "../../engine/json.js";
import type { CaseStatus, Report, ReportCase, ReportMatrix, ReportRule, ReportSuite } from "../report/model.js";
import type { GateResult } from "./gates.js";
import { CHANGES, type Change, type ChangedGroup, type Replay } from "./run.js";
import type { GroupTable } from "./tally.js";
import { CHANGE_WORDS, exampleText, headline, plural, spanText, whoText, whyText } from "./words.js";

export interface ReplayReportGiven {
  readonly replay: Replay;
  readonly gates: readonly GateResult[];
  readonly policies: readonly PolicyBundle[];
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** Broken lines that are put up with. */
  readonly skipInvalid: number;
}

export function replayReport(given: ReplayReportGiven): Report {
  const { replay, gates, policies, startedAt, durationMs, skipInvalid } = given;
  const failing = new Set(gates.filter(({ passed }) => !passed).map(({ change }) => change));
  const changed = CHANGES.filter((change) => replay.counts[change] > 0).map((change) =>
    suiteOf(change, replay, failing.has(change)),
  );
  const broken = brokenSuite(replay, skipInvalid);
  return {
    command: "replay",
    title: `${headline(replay)}: ${changesText(replay)}`,
    startedAt,
    durationMs,
    policies: replay.policies,
    suites: [...changed, ...unchangedSuite(replay), ...(broken === null ? [] : [broken]), ...gateSuite(gates)],
    matrices: [
      matrixOf("by origin", replay.by_origin, failing),
      matrixOf("by signer", replay.by_signer, failing),
      matrixOf("by hook", replay.by_hook, failing),
      matrixOf("by recorded policy", replay.by_policy, failing),
    ].filter(({ rows }) => rows.length > 0),
    facts: [
      { name: "logs", value: replay.logs.join(", ") },
      { name: "records", value: replay.summary.records.toLocaleString("en") },
      ...COUNTS.map((name) => ({ name: COUNT_WORDS[name], count: replay.counts[name] }))
        .concat({ name: "filtered out", count: replay.summary.filtered })
        .concat({ name: "lines that are no decision", count: replay.summary.others })
        .concat({ name: "broken lines", count: replay.summary.broken })
        .filter(({ count }) => count > 0)
        .map(({ name, count }) => ({ name, value: count.toLocaleString("en") })),
    ],
    rules: rulesOf(replay, policies),
    document: replayDocument(replay, gates),
  };
}

/** What `--format json` prints. */
function replayDocument(replay: Replay, gates: readonly GateResult[]): JsonValue {
  // INVARIANT: both are plain data, made of texts, numbers and null.
  return { ...replay, gates } as unknown as JsonValue;
}

const COUNT_WORDS: Readonly<Record<keyof Replay["counts"], string>> = {
  same: "the same",
  ...CHANGE_WORDS,
  new: "without a recorded decision",
  without_event: "denials of what was no event",
};
const COUNTS = Object.keys(COUNT_WORDS) as readonly (keyof Replay["counts"])[];

/** `3 allow → deny, 1 deny → allow`. */
function changesText({ counts }: Replay): string {
  const found = CHANGES.filter((change) => counts[change] > 0);
  if (found.length === 0) return "nothing changes";
  return found.map((change) => `${counts[change].toLocaleString("en")} ${CHANGE_WORDS[change]}`).join(", ");
}

function suiteOf(change: Change, { changes, changes_others }: Replay, fails: boolean): ReportSuite {
  const groups = changes.filter((group) => group.change === change);
  const cases = groups.map((group, at) => caseOf(group, at, fails));
  if (changes_others === 0) return { name: CHANGE_WORDS[change], cases };
  const rest = plainCase(`${plural(changes_others, "record")} that changed in further ways`, fails ? "fail" : "warn");
  return { name: CHANGE_WORDS[change], cases: [...cases, rest] };
}

function caseOf(group: ChangedGroup, at: number, fails: boolean): ReportCase {
  const { change, before, after, records, first, last, examples, mrsigner, hook, origin, isvprodid } = group;
  const [example] = examples;
  const level = fails ? "error" : change === "reasons_changed" ? "note" : "warning";
  const codes = change === "deny_to_allow" ? before : after;
  const said = `${plural(records, "record")}: ${CHANGE_WORDS[change]}`;
  // The finding's own code says why it is denied now.
  const message = change === "allow_to_deny" ? said : `${said}, ${whyText(group)}`;
  return {
    name: `${at + 1}. ${whoText(group)}: ${whyText(group)}`,
    file: example?.file ?? null,
    line: example?.line ?? null,
    status: fails ? "fail" : level === "note" ? "pass" : "warn",
    findings: codes.map((code) => ({ code, level, message, why: null, fix: null, exception: null })),
    facts: [
      { name: "records", value: String(records) },
      { name: "hook", value: hook },
      { name: "origin", value: origin },
      ...(mrsigner === null ? [] : [{ name: "mrsigner", value: mrsigner }]),
      ...(isvprodid === null ? [] : [{ name: "isvprodid", value: String(isvprodid) }]),
      { name: "when", value: spanText(first, last) },
      ...examples.map((one) => ({ name: "example", value: exampleText(one) })),
    ],
    changes: [
      {
        field: "decision",
        before: verdict(change, "before", before),
        after: verdict(change, "after", after),
        meaning: MEANINGS[change],
        weight: change === "deny_to_allow" ? "weaker" : change === "allow_to_deny" ? "stronger" : "neutral",
      },
    ],
    durationMs: null,
  };
}

const MEANINGS: Readonly<Record<Change, string>> = {
  allow_to_deny: "what launched will no longer launch",
  deny_to_allow: "what was kept out will launch",
  reasons_changed: "still denied, for other reasons",
};

function verdict(change: Change, side: "before" | "after", codes: readonly string[]): string {
  const allowed = change === (side === "before" ? "allow_to_deny" : "deny_to_allow");
  return allowed ? "allow" : `deny ${codes.join(", ")}`;
}

function plainCase(name: string, status: CaseStatus): ReportCase {
  return { name, file: null, line: null, status, findings: [], facts: [], changes: [], durationMs: null };
}

/** What nobody has counted is no case that passes. */
function unchangedSuite({ counts, new: fresh }: Replay): readonly ReportSuite[] {
  const cases = [
    ...(counts.same === 0 ? [] : [plainCase(`${plural(counts.same, "record")} with the same decision`, "pass")]),
    ...(counts.new === 0
      ? []
      : [
          plainCase(
            `${plural(counts.new, "event")} without a recorded decision: ${fresh.allow} allowed, ${fresh.deny} denied`,
            "skip",
          ),
        ]),
    ...(counts.without_event === 0
      ? []
      : [plainCase(`${plural(counts.without_event, "denial")} of what was no event`, "skip")]),
  ];
  return cases.length === 0 ? [] : [{ name: "unchanged", cases }];
}

function brokenSuite({ summary: { broken, shown } }: Replay, skipInvalid: number): ReportSuite | null {
  if (broken === 0) return null;
  const status = broken > skipInvalid ? "error" : "warn";
  const cases = shown.map(({ file, line, why }): ReportCase => {
    const finding = { code: "broken_line", message: why, why: null, fix: null, exception: null } as const;
    const level = status === "error" ? "error" : "warning";
    return { ...plainCase(`${file}:${line}`, status), file, line, findings: [{ ...finding, level }] };
  });
  const rest = broken - shown.length;
  return {
    name: "broken lines",
    cases: rest === 0 ? cases : [...cases, plainCase(`${plural(rest, "further line")}`, status)],
  };
}

function gateSuite(gates: readonly GateResult[]): readonly ReportSuite[] {
  if (gates.length === 0) return [];
  const cases = gates.map(({ gate, found, limit, passed }): ReportCase => {
    const message = `${gate}: found ${plural(found, "record")}, expected at most ${limit}`;
    const finding = { code: "gate", level: "error", message, why: null, fix: null, exception: null } as const;
    return { ...plainCase(gate, passed ? "pass" : "fail"), findings: passed ? [] : [finding] };
  });
  return [{ name: "gates", cases }];
}

const COLUMNS = ["same", "allow_to_deny", "deny_to_allow", "reasons_changed", "new"] as const;
const MAX_MATRIX_ROWS = 200;

/** Without the columns that hold nothing but zeros. */
function matrixOf(title: string, { rows, others }: GroupTable, failing: ReadonlySet<Change>): ReportMatrix {
  const all = [...rows.slice(0, MAX_MATRIX_ROWS), ...(others === null ? [] : [{ ...others, name: "others" }])];
  const counted = [...rows, ...(others === null ? [] : [others])];
  const columns = COLUMNS.filter((column) => column === "same" || counted.some(({ counts }) => counts[column] > 0));
  const hidden = rows.length - MAX_MATRIX_ROWS;
  return {
    title: hidden > 0 ? `${title} (the first ${MAX_MATRIX_ROWS} of ${rows.length})` : title,
    columns: columns.map((column) => (column === "new" ? column : COUNT_WORDS[column])),
    rows: all.map(({ name, counts }) => ({
      name,
      cells: columns.map((column) => ({
        status: cellStatus(column, counts[column], failing),
        text: counts[column].toLocaleString("en"),
        details: [],
      })),
    })),
  };
}

function cellStatus(column: (typeof COLUMNS)[number], count: number, failing: ReadonlySet<Change>): CaseStatus {
  if (column === "new") return count === 0 ? "pass" : "skip";
  if (column === "same" || count === 0) return "pass";
  return failing.has(column) ? "fail" : "warn";
}

/** The rules of the policies that decide now, and the engine's own reasons, as far as findings name them. */
function rulesOf({ by_rule }: Replay, policies: readonly PolicyBundle[]): readonly ReportRule[] {
  const titles = new Map<string, string>(Object.entries(REASONS));
  for (const { rules } of policies) for (const { code, title } of rules) titles.set(code, title);
  return by_rule.map(({ code }) => ({ code, title: titles.get(code) ?? code, why: null, fix: null }));
}
