/**
 * What mutation and boundary testing have to say, as parts of a report. Truth for the parts: the report model
 * (cli/report/model.ts).
 *
 * Thresholds are percentages. Below one, everything that was missed is an error; a threshold over nothing is missed.
 */

import type { CaseStatus, ReportCase, ReportFact, ReportFinding, ReportRule, ReportSuite } from "../../report/model.js";
import type { BoundaryReport, BoundaryResult } from "./boundary.js";
import { MUTATION_OPERATORS } from "./operators.js";
import type { MutantResult, MutationResult } from "./run.js";

/** Every code that the findings here have. */
export const MUTATION_RULES: readonly ReportRule[] = [
  {
    code: "mutant_survived",
    title: "A changed policy passes every test",
    why: "whoever makes this change by mistake will not be told",
    fix: "add a case that expects what the change breaks; leave it where the change means nothing",
  },
  {
    code: "mutation_score",
    title: "Too few mutants are killed",
    why: "the tests would not notice much of what can go wrong with the policy",
    fix: "add cases for the mutants that survived, or lower the threshold",
  },
  {
    code: "boundary_survivor",
    title: "A weaker launch is allowed as well",
    why: "no rule stands between the launch that is meant and this one",
    fix: "let the policy or its data draw the line, or add a case that says that this launch is meant",
  },
  {
    code: "boundary_score",
    title: "Too few weaker launches are denied",
    why: "the policy allows much that is weaker than what the cases show",
    fix: "look at the launches that are allowed as well, or lower the threshold",
  },
];

export interface Threshold {
  /** 0 to 100. Null: nothing is demanded. */
  readonly threshold: number | null;
}

/** The suite `mutants`: the score, and a case for each mutant that was tried. */
export function mutantSuite(result: MutationResult, { threshold }: Threshold): ReportSuite {
  const level = isMissed(result.score, threshold) ? "error" : "warning";
  return {
    name: "mutants",
    cases: [
      scoreCase(
        "mutation score",
        "mutation_score",
        result.score,
        threshold,
        "mutants were killed",
        mutationFacts(result),
      ),
      ...result.mutants.map((mutant) => mutantCase(mutant, level)),
    ],
  };
}

/** What there is to say of the run as a whole. */
export function mutationFacts({ found, tried, counts, score }: MutationResult): readonly ReportFact[] {
  return [
    { name: "mutation score", value: percent(score) },
    { name: "mutants", value: tried === found ? `${found}` : `${tried} of ${found}` },
    ...Object.entries(counts).map(([state, count]) => ({ name: `mutants ${state}`, value: `${count}` })),
  ];
}

function mutantCase(mutant: MutantResult, level: "error" | "warning"): ReportCase {
  const { id, file, line, operator, before, after, state, by } = mutant;
  const what = MUTATION_OPERATORS[operator];
  const survived = state === "survived";
  return {
    name: id,
    file,
    line,
    status: survived ? statusOf(level) : state === "killed" || state === "timeout" ? "pass" : "skip",
    findings: survived
      ? [
          finding(
            "mutant_survived",
            level,
            `${what}, and no test notices: ${before} → ${after === "" ? "(nothing)" : after}`,
          ),
        ]
      : [],
    facts: [
      { name: "state", value: state },
      { name: "operator", value: what },
      ...(by === null ? [] : [{ name: "killed by", value: by }]),
    ],
    changes: [
      { field: `${file}:${line}`, before, after: after === "" ? null : after, meaning: what, weight: "neutral" },
    ],
    durationMs: null,
  };
}

/** The suite `boundary`: the score, and a case for each case whose variants were judged. */
export function boundarySuite(report: BoundaryReport, { threshold }: Threshold): ReportSuite {
  const level = isMissed(report.score, threshold) ? "error" : "warning";
  return {
    name: "boundary",
    cases: [
      scoreCase(
        "boundary score",
        "boundary_score",
        report.score,
        threshold,
        "weaker launches were denied",
        boundaryFacts(report),
      ),
      ...report.results.map((result) => boundaryCase(result, level)),
    ],
  };
}

/** What there is to say of all variants. */
export function boundaryFacts({ results, counts, score }: BoundaryReport): readonly ReportFact[] {
  const variants = results.reduce((sum, result) => sum + result.variants.length, 0);
  return [
    { name: "boundary score", value: percent(score) },
    { name: "variants", value: `${variants} of ${results.length} cases` },
    ...Object.entries(counts).map(([direction, { allowed, denied }]) => ({
      name: `${direction} variants`,
      value: `${allowed} allowed, ${denied} denied`,
    })),
  ];
}

function boundaryCase(result: BoundaryResult, level: "error" | "warning"): ReportCase {
  const { suite, name, file, line, decision, variants, survivors } = result;
  // A weaker launch that is allowed where the case itself is denied counts for no score, and is worth a word.
  const worth = decision === "allow" ? level : "warning";
  return {
    name: `${suite}: ${name}`,
    file,
    line,
    status: survivors.length === 0 ? "pass" : statusOf(worth),
    findings: survivors.map(({ id, description }) =>
      finding(
        "boundary_survivor",
        worth,
        `${description}: allowed ${decision === "allow" ? "as well" : "although the case is denied"} (${id})`,
      ),
    ),
    facts: [
      { name: "decision", value: decision },
      { name: "variants", value: `${variants.length}` },
      { name: "variants allowed", value: `${variants.filter((one) => one.decision === "allow").length}` },
    ],
    changes: [],
    durationMs: null,
  };
}

function isMissed(score: number | null, threshold: number | null): boolean {
  return threshold !== null && (score === null || score < threshold);
}

function scoreCase(
  name: string,
  code: string,
  score: number | null,
  threshold: number | null,
  what: string,
  facts: readonly ReportFact[],
): ReportCase {
  const missed = isMissed(score, threshold);
  const found =
    score === null
      ? `there was nothing to judge, expected ${threshold} %`
      : `${percent(score)} of the ${what}, expected ${threshold} %`;
  return {
    name,
    file: null,
    line: null,
    status: missed ? "fail" : score === null ? "skip" : "pass",
    findings: missed ? [finding(code, "error", found)] : [],
    facts,
    changes: [],
    durationMs: null,
  };
}

function statusOf(level: "error" | "warning"): CaseStatus {
  return level === "error" ? "fail" : "warn";
}

function finding(code: string, level: ReportFinding["level"], message: string): ReportFinding {
  const { why = null, fix = null } = MUTATION_RULES.find((rule) => rule.code === code) ?? {};
  return { code, level, message, why, fix, exception: null };
}

/** Rounded down, so that only all is 100 %. */
function percent(score: number | null): string {
  return score === null ? "nothing to judge" : `${Math.floor(score * 10) / 10} %`;
}
