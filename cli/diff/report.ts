/** What `launchgate diff` has to say: the comparisons, as its own document and as the report that all formats draw from. */

import {
  type ChangeWeight,
  type Comparison,
  compareSigstructs,
  decodeSigstruct,
  mrenclaveOf,
  mrsignerOf,
  type SigstructChange,
  sha256Hex,
} from "../../engine/index.js";
import type { EnclaveFile } from "../enclave-files.js";
import type { CaseStatus, Report, ReportCase, ReportFact, ReportFinding, ReportRule } from "../report/model.js";
import type { Pair } from "./pairs.js";

/** The document that `--format json` prints. */
export interface DiffDocument {
  readonly version: 1;
  /** The most that any of the comparisons says. */
  readonly result: Comparison["result"];
  readonly counts: Readonly<Record<ChangeWeight, number>>;
  readonly comparisons: readonly ComparedPair[];
}

interface ComparedPair {
  readonly before: SideFacts;
  readonly after: SideFacts;
  readonly result: Comparison["result"];
  readonly changes: readonly SigstructChange[];
}

interface SideFacts {
  readonly file: string;
  readonly name: string;
  readonly offset: number;
  readonly carrier: string;
  readonly signed: boolean;
  /** Of the SIGSTRUCT's 1808 bytes. */
  readonly sha256: string;
  readonly mrenclave: string;
  /** Null where it is not signed. */
  readonly mrsigner: string | null;
  readonly isvprodid: number;
  readonly isvsvn: number;
}

const RESULTS: readonly Comparison["result"][] = ["identical", "resigned", "different"];

const RESULT_WORDS: Readonly<Record<Comparison["result"], string>> = {
  identical: "identical",
  resigned: "the same enclave, signed otherwise",
  different: "different",
};

export function diffDocument(pairs: readonly Pair[]): DiffDocument {
  const comparisons = pairs.map(({ before, after }) => ({
    before: factsOf(before),
    after: factsOf(after),
    ...compareSigstructs(before, after),
  }));
  const weights = comparisons.flatMap(({ changes }) => changes.map(({ weight }) => weight));
  const count = (weight: ChangeWeight) => weights.filter((one) => one === weight).length;
  return {
    version: 1,
    result: RESULTS[Math.max(...comparisons.map(({ result }) => RESULTS.indexOf(result)))] ?? "different",
    counts: { weaker: count("weaker"), stronger: count("stronger"), neutral: count("neutral") },
    comparisons,
  };
}

function factsOf({ file, name, offset, carrier, signed, sigstruct }: EnclaveFile): SideFacts {
  const decoded = decodeSigstruct(sigstruct);
  return {
    file,
    name,
    offset,
    carrier,
    signed,
    sha256: sha256Hex(sigstruct),
    mrenclave: mrenclaveOf(decoded),
    mrsigner: signed ? mrsignerOf(decoded.modulus) : null,
    isvprodid: decoded.isvprodid,
    isvsvn: decoded.isvsvn,
  };
}

const RULES: readonly ReportRule[] = [
  {
    code: "enclave_differs",
    title: "The two enclaves are not the same",
    why: "a release was asked to be what it was before",
    fix: "sign what was signed before, or release it as something new",
  },
  {
    code: "enclave_weaker",
    title: "The signature guards less than before",
    why: "what was refused at launch, or kept from an enclave, is not any more",
    fix: "sign with what the signature before had, unless the change is meant",
  },
];

/** `mustBeSame`: a difference is a failure, as `--exit-code` asks for. Times are Unix milliseconds. */
export function diffReport(
  document: DiffDocument,
  run: { readonly mustBeSame: boolean; readonly startedAt: number; readonly durationMs: number },
): Report {
  const { counts, comparisons } = document;
  return {
    command: "diff",
    title: `${whatOf(comparisons)}: ${RESULT_WORDS[document.result]}`,
    startedAt: run.startedAt,
    durationMs: run.durationMs,
    policies: [],
    suites: [{ name: "diff", cases: comparisons.map((pair) => caseOf(pair, run.mustBeSame)) }],
    matrices: [],
    facts: [{ name: "changes", value: changesText(counts) }],
    rules: RULES,
    document: JSON.parse(JSON.stringify(document)),
  };
}

function whatOf(comparisons: readonly ComparedPair[]): string {
  const [first, second] = comparisons;
  if (first === undefined) return "nothing";
  const { before, after } = first;
  return second === undefined
    ? `${before.name} → ${after.name}`
    : `${comparisons.length} enclaves in ${before.file} → ${after.file}`;
}

/** `2 weaker, 1 neutral`. */
function changesText(counts: DiffDocument["counts"]): string {
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  return found.length === 0 ? "none" : found.map(([weight, count]) => `${count} ${weight}`).join(", ");
}

function caseOf(pair: ComparedPair, mustBeSame: boolean): ReportCase {
  const { before, after, result, changes } = pair;
  const findings = [...(mustBeSame && result !== "identical" ? [differs(pair)] : []), ...weakening(changes)];
  return {
    name: `${before.name} → ${after.name}`,
    file: after.file,
    line: null,
    status: statusOf(findings),
    findings,
    facts: [{ name: "result", value: RESULT_WORDS[result] }, ...sideFacts(after)],
    changes,
    durationMs: null,
  };
}

function statusOf(findings: readonly ReportFinding[]): CaseStatus {
  if (findings.some(({ level }) => level === "error")) return "fail";
  return findings.length > 0 ? "warn" : "pass";
}

function differs({ before, after, result, changes }: ComparedPair): ReportFinding {
  const fields = changes.map(({ field }) => field).join(", ");
  const what = `${after.name} is not ${before.name}: ${RESULT_WORDS[result]}${fields === "" ? "" : ` (${fields})`}`;
  return finding("enclave_differs", "error", what);
}

/** What each of the changes means stands beside the change. */
function weakening(changes: readonly SigstructChange[]): readonly ReportFinding[] {
  const weaker = changes.filter(({ weight }) => weight === "weaker");
  if (weaker.length === 0) return [];
  const said = weaker.map(({ field, before, after }) => `${field} ${before ?? "absent"} → ${after ?? "absent"}`);
  return [finding("enclave_weaker", "warning", `guards less than before: ${said.join(", ")}`)];
}

function finding(code: string, level: ReportFinding["level"], message: string): ReportFinding {
  const rule = RULES.find((one) => one.code === code);
  return { code, level, message, why: rule?.why ?? null, fix: rule?.fix ?? null, exception: null };
}

function sideFacts({ mrenclave, mrsigner, isvprodid, isvsvn, carrier }: SideFacts): readonly ReportFact[] {
  return [
    { name: "mrenclave", value: mrenclave },
    { name: "mrsigner", value: mrsigner ?? "not signed" },
    { name: "isvprodid", value: String(isvprodid) },
    { name: "isvsvn", value: String(isvsvn) },
    { name: "carrier", value: carrier },
  ];
}
