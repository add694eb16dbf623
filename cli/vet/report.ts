/** What `launchgate vet` has found, as a report that any format can be made of, and as its own JSON document. */

import type { PolicyBundle, RuleReason } from "../../engine/index.js";
import type { JsonObject, JsonValue } from "../../engine/json.js";
import type {
  Report,
  ReportCase,
  ReportCell,
  ReportChange,
  ReportFact,
  ReportFinding,
  ReportMatrix,
} from "../report/model.js";
import { FLEET_ORIGINS, type Fleet, type FleetAnswer } from "./fleets.js";
import { OWN_RULES, signingRules } from "./rules.js";
import type { ExceptionUse, Unvetted, Vetted } from "./run.js";

export interface VetRun {
  readonly policies: readonly PolicyBundle[];
  readonly fleets: readonly Pick<Fleet, "name" | "policy">[];
  /** In the order of the files, then of the offsets in them. */
  readonly results: readonly (Vetted | Unvetted)[];
  /** Of the run, in Unix milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
}

type Counts = Readonly<Record<"enclaves" | "pass" | "warn" | "fail" | "error", number>>;

function isVetted(result: Vetted | Unvetted): result is Vetted {
  return "verdict" in result;
}

/** `enclaves` counts those that were judged, `error` the files that could not be. */
export function countsOf(results: VetRun["results"]): Counts {
  const vetted = results.filter(isVetted);
  const having = (verdict: Vetted["verdict"]) => vetted.filter((one) => one.verdict === verdict).length;
  return {
    enclaves: vetted.length,
    pass: having("pass"),
    warn: having("warn"),
    fail: having("fail"),
    error: results.length - vetted.length,
  };
}

/** The whole run as a report. */
export function vetReport(run: VetRun): Report {
  const counts = countsOf(run.results);
  const exceptions = exceptionsOf(run.results);
  const advice = new Map([...OWN_RULES, ...signingRules(run.policies)].map((rule) => [rule.code, rule]));
  return {
    command: "vet",
    title: `${counted(counts.enclaves, "enclave")} against signing policy ${run.policies.map(({ name }) => name).join(", ")}`,
    startedAt: run.startedAt,
    durationMs: run.durationMs,
    policies: policiesOf(run.policies),
    suites: [{ name: "vet", cases: run.results.map((result) => caseOf(result, advice)) }],
    matrices: matricesOf(run),
    // Every format counts verdicts and exceptions by itself.
    facts: [],
    rules: [...advice.values()].map(({ code, title, why, fix }) => ({ code, title, why, fix })),
    document: {
      version: 1,
      passed: counts.enclaves > 0 && counts.fail === 0 && counts.error === 0,
      counts,
      exceptions,
      enclaves: run.results.map(documentOf),
      policies: policiesOf(run.policies),
      fleets: run.fleets.map(({ name, policy: { sha256, revision } }) => ({ fleet: name, sha256, revision })),
    },
  };
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function policiesOf(policies: readonly PolicyBundle[]) {
  return policies.map(({ name, sha256, revision }) => ({ name, sha256, revision }));
}

function exceptionsOf(results: VetRun["results"]) {
  const states = results.filter(isVetted).flatMap(({ exceptions }) => exceptions.map(({ state }) => state));
  const used = states.filter((state) => state === "used").length;
  return { used, expired: states.length - used };
}

type Advice = ReadonlyMap<string, { readonly why: string | null; readonly fix: string | null }>;

function caseOf(result: Vetted | Unvetted, advice: Advice): ReportCase {
  if (!isVetted(result)) {
    const { file, error } = result;
    const found: ReportFinding = {
      code: "unreadable",
      level: "error",
      message: error.startsWith(`${file}: `) ? error.slice(file.length + 2) : error,
      why: null,
      fix: null,
      exception: null,
    };
    return { ...NO_LINE, name: file, file, status: "error", findings: [found], facts: [], changes: [] };
  }
  const { enclave, verdict, deny, warn, notes, exceptions } = result;
  const finding = (level: ReportFinding["level"]) => (reason: RuleReason) => findingOf(reason, level, advice);
  return {
    ...NO_LINE,
    name: enclave.name,
    file: enclave.file,
    status: verdict,
    findings: [
      ...deny.map(finding("error")),
      ...warn.map(finding("warning")),
      ...exceptions.map((used) => exceptionFinding(used, advice)),
      ...notes.map(finding("note")),
    ],
    facts: factsOf(result),
    changes: changesOf(result),
  };
}

const NO_LINE = { line: null, durationMs: null } as const;

function findingOf({ code, message }: RuleReason, level: ReportFinding["level"], advice: Advice): ReportFinding {
  const { why = null, fix = null } = advice.get(code) ?? {};
  return { code, level, message, why, fix, exception: null };
}

function exceptionFinding({ exception, rule, state, message }: ExceptionUse, advice: Advice): ReportFinding {
  const { why = null } = advice.get(rule) ?? {};
  const { fix = null } = advice.get(`exception_${state}`) ?? {};
  return { code: rule, level: "note", message, why, fix, exception: { id: exception, state } };
}

function factsOf({ enclave: { carrier, offset }, facts: { sigstruct, enclave } }: Vetted): readonly ReportFact[] {
  const facts: readonly (readonly [string, string | number | null])[] = [
    ["carrier", carrier],
    ["offset", offset],
    ["mrenclave", enclave.mrenclave],
    ["mrsigner", enclave.mrsigner ?? "not signed yet"],
    ["signer", enclave.signer?.name ?? null],
    ["isvprodid", enclave.isvprodid],
    ["isvsvn", enclave.isvsvn],
    ["date", sigstruct.date],
    ["signature", sigstruct.signature],
    ["debug", enclave.debug],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value: String(value) }]));
}

function changesOf({ facts, baseline }: Vetted): readonly ReportChange[] {
  if (baseline === null) return [];
  const [before, after] = [baseline, facts].map(comparedOf) as [Compared, Compared];
  return (Object.keys(after) as (keyof Compared)[])
    .filter((field) => before[field] !== after[field])
    .map((field) => ({
      field,
      before: before[field],
      after: after[field],
      meaning: null,
      weight: weightOf(field, baseline, facts),
    }));
}

type Compared = ReturnType<typeof comparedOf>;

function comparedOf({ sigstruct, enclave }: Vetted["facts"]) {
  const text = (value: string | number | null) => (value === null ? null : String(value));
  return {
    mrenclave: text(enclave.mrenclave),
    mrsigner: text(enclave.mrsigner),
    isvprodid: text(enclave.isvprodid),
    isvsvn: text(enclave.isvsvn),
    date: text(sigstruct.date),
    "attributes.flags": text(sigstruct.attributes.flags),
    "attributes.xfrm": text(sigstruct.attributes.xfrm),
    "attributemask.flags": text(sigstruct.attributemask.flags),
    "attributemask.xfrm": text(sigstruct.attributemask.xfrm),
    miscselect: text(sigstruct.miscselect),
    miscmask: text(sigstruct.miscmask),
  };
}

function weightOf(
  field: keyof Compared,
  baseline: NonNullable<Vetted["baseline"]>,
  { enclave }: Vetted["facts"],
): ReportChange["weight"] {
  if (field === "isvsvn") return (enclave.isvsvn ?? 0) < (baseline.enclave.isvsvn ?? 0) ? "weaker" : "stronger";
  if (field === "miscmask")
    return baseline.unmasked.some((bit) => bit.startsWith("miscselect ")) ? "weaker" : "stronger";
  if (!field.startsWith("attributemask.")) return "neutral";
  const weaker = baseline.unmasked.some((bit) => !bit.startsWith("miscselect ") && !bit.startsWith("cet_attributes "));
  return weaker ? "weaker" : "stronger";
}

function matricesOf({ fleets, results }: VetRun): readonly ReportMatrix[] {
  if (fleets.length === 0) return [];
  return [
    {
      title: "Would it launch there?",
      columns: fleets.flatMap(({ name }) => FLEET_ORIGINS.map((origin) => `${name} ${origin}`)),
      rows: results.filter(isVetted).map(({ enclave, fleets: answers }) => ({
        name: enclave.name,
        cells: answers.flatMap((answer) => FLEET_ORIGINS.map((origin) => cellOf(answer[origin]))),
      })),
    },
  ];
}

function cellOf(answer: FleetAnswer | null): ReportCell {
  if (answer === null) return { status: "skip", text: "not signed", details: [] };
  const { decision, reasons } = answer;
  return {
    status: decision === "allow" ? "pass" : "fail",
    text: decision,
    details: reasons.map(({ code, message }) => `${code}: ${message}`),
  };
}

function documentOf(result: Vetted | Unvetted): JsonObject {
  if (!isVetted(result)) return { file: result.file, verdict: "error", error: result.error };
  const { enclave, facts, verdict, deny, warn, notes, exceptions, baseline, fleets } = result;
  return {
    ...enclave,
    ...identityOf(facts),
    verdict,
    deny,
    warn,
    notes,
    exceptions: exceptions.map((used) => ({ ...used })),
    baseline:
      baseline === null
        ? null
        : {
            name: baseline.file?.name ?? null,
            ...identityOf(baseline),
            unmasked: baseline.unmasked,
            gained: baseline.gained,
          },
    fleets: fleets as unknown as JsonValue,
  };
}

function identityOf({ enclave }: Vetted["facts"]) {
  const { mrsigner, mrenclave, isvprodid, isvsvn } = enclave;
  return { mrsigner, mrenclave, isvprodid, isvsvn };
}
