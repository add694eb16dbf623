/** Vetting: every enclave of every file asked of the signing policies and the fleets, one after the other. */

import {
  judgeSigning,
  LaunchError,
  type Policy,
  type RuleReason,
  type SigningFacts,
  type SigningInput,
  type SigningSubject,
  signingInput,
} from "../../engine/index.js";
import { type EnclaveFile, enclavesIn } from "../enclave-files.js";
import { CommandError } from "../io.js";
import { askFleets, type Fleet, type FleetAnswers, type FleetOrigin } from "./fleets.js";
import type { Baselines, Target } from "./targets.js";

/** An exception that lifted something, or that has expired. */
export interface ExceptionUse {
  readonly exception: string;
  readonly rule: string;
  readonly state: "used" | "expired";
  readonly message: string;
}

export interface Vetted {
  readonly enclave: Omit<EnclaveFile, "sigstruct">;
  readonly facts: SigningFacts;
  /** `fail`: something denies; `warn`: nothing does, and something warns. */
  readonly verdict: "pass" | "warn" | "fail";
  readonly deny: readonly RuleReason[];
  readonly warn: readonly RuleReason[];
  /** What is said, and changes nothing: rules that the data document ignores, a baseline that is not there. */
  readonly notes: readonly RuleReason[];
  readonly exceptions: readonly ExceptionUse[];
  readonly baseline: SigningInput["baseline"];
  readonly fleets: readonly FleetAnswers[];
}

/** A file of which nothing can be said. */
export interface Unvetted {
  readonly file: string;
  readonly error: string;
}

export interface VetQuestion {
  readonly policies: readonly Policy[];
  readonly fleets: readonly Fleet[];
  /** Where each fleet must launch it; where it would not, that denies. */
  readonly requireLaunch: readonly FleetOrigin[];
  readonly baselines: Baselines;
  /** Whether baselines were asked for, so that a missing one is worth a note. */
  readonly comparing: boolean;
  /** Unix seconds. */
  readonly time: number;
}

/** The enclaves of one file. What cannot be judged comes back as that, and never as passed. */
export function vetFile(target: Target, question: VetQuestion): readonly (Vetted | Unvetted)[] {
  try {
    const enclaves = enclavesIn(target.file);
    const baselines = question.baselines(target);
    if (baselines !== null && baselines.length !== enclaves.length) {
      const found = `${target.file} holds ${enclaves.length} enclaves, its baseline ${baselines.length}`;
      throw new CommandError(1, `${found}: they cannot be told apart`);
    }
    return enclaves.map((enclave, at) => vetEnclave(enclave, baselines?.[at] ?? null, question));
  } catch (error) {
    if (error instanceof CommandError || error instanceof LaunchError)
      return [{ file: target.file, error: error.message }];
    throw error;
  }
}

function vetEnclave(enclave: EnclaveFile, before: EnclaveFile | null, question: VetQuestion): Vetted {
  const { policies, fleets, requireLaunch, comparing, time } = question;
  const baseline = before === null ? null : subjectOf(before);
  const input = signingInput({ subject: subjectOf(enclave), time, baseline });
  const verdicts = policies.map((policy) => judgeSigning(policy, input));
  const answers = askFleets(fleets, enclave, time);
  const deny = [...verdicts.flatMap((verdict) => verdict.deny), ...launchDenials(answers, requireLaunch)];
  const said = sorted(verdicts.flatMap((verdict) => verdict.warn));
  // Passing is what every policy has said, not what nobody has objected to.
  const passed = verdicts.length > 0 && verdicts.every((verdict) => verdict.passed) && deny.length === 0;
  const missing = comparing && before === null ? [BASELINE_MISSING] : [];
  return {
    enclave: {
      file: enclave.file,
      name: enclave.name,
      offset: enclave.offset,
      carrier: enclave.carrier,
      signed: enclave.signed,
    },
    facts: { file: input.file, signed: input.signed, sigstruct: input.sigstruct, enclave: input.enclave },
    verdict: passed ? (said.warn.length > 0 ? "warn" : "pass") : "fail",
    deny,
    warn: said.warn,
    notes: [...said.notes, ...missing],
    exceptions: said.exceptions,
    baseline: input.baseline,
    fleets: answers,
  };
}

function subjectOf({ sigstruct, signed, name, carrier }: EnclaveFile): SigningSubject {
  return { sigstruct, signed, file: { name, carrier } };
}

const BASELINE_MISSING: RuleReason = Object.freeze({
  code: "baseline_missing",
  message: "there is no earlier release of this name to compare with",
});

function launchDenials(answers: readonly FleetAnswers[], required: readonly FleetOrigin[]): readonly RuleReason[] {
  return answers.flatMap((answer) =>
    required.flatMap((origin): readonly RuleReason[] => {
      const found = answer[origin];
      if (found?.decision === "allow") return [];
      const why = found === null ? "it is not signed yet" : found.reasons.map(({ code }) => code).join(", ");
      const how = origin === "native" ? "natively" : "as a guest's";
      const message = `fleet ${answer.fleet} would not launch it ${how}: ${why}`;
      return [{ code: "fleet_denied", message, fleet: answer.fleet, origin }];
    }),
  );
}

/** Warnings proper, what is only said, and what is said of exceptions, each apart. */
function sorted(items: readonly RuleReason[]): Pick<Vetted, "warn" | "notes" | "exceptions"> {
  const warn: RuleReason[] = [];
  const notes: RuleReason[] = [];
  const exceptions: ExceptionUse[] = [];
  for (const item of items) {
    const { code, message, exception, rule } = item;
    const state = code === "exception_used" ? "used" : code === "exception_expired" ? "expired" : null;
    if (state !== null && typeof exception === "string" && typeof rule === "string")
      exceptions.push({ exception, rule, state, message });
    else if (code === "rule_ignored") notes.push(item);
    else warn.push(item);
  }
  return { warn, notes, exceptions };
}
