/**
 * Tests of the tests: boundary testing, what else the policy allows beside the cases, and mutation testing, which changes of
 * the policy no test would notice. Only for cases and tests that pass.
 */

import type { PolicyBundle } from "../../hooks/index.js";
import { CommandError, type Io } from "../io.js";
import { effectiveFolderData } from "../policy/effective.js";
import { findOpa } from "../policy/opa.js";
import { policiesDir } from "../policy/shipped.js";
import { isFolder, readDocuments } from "../policy-options.js";
import { gatesOf, judgeCase, type LaunchCase, overridden } from "./case.js";
import { type BoundaryReport, boundaryOf } from "./mutation/boundary.js";
import { caseKiller, regoKiller } from "./mutation/killers.js";
import { limitsIn } from "./mutation/limits.js";
import { type MutationResult, runMutants } from "./mutation/run.js";
import type { RegoSubject } from "./rego-tests.js";
import type { SubjectOptions } from "./subject.js";

export interface MutationWish {
  /** At most so many mutants; null: all. */
  readonly sample: number | null;
  /** In percent; null: none is demanded. */
  readonly threshold: number | null;
  /** Whether the shipped library is changed as well. */
  readonly library: boolean;
}

export interface BoundaryWish {
  /** In percent; null: none is demanded. */
  readonly threshold: number | null;
}

/** The variants of the cases, put to the gate of each. */
export function boundariesOf(policies: readonly PolicyBundle[], cases: readonly LaunchCase[]): BoundaryReport {
  const gates = gatesOf(policies);
  return boundaryOf(
    cases,
    // A variant of a SIGSTRUCT is signed by nobody, which must not be what denies it.
    (one) => gates({ ...one, signatureCheck: "never" }),
    ({ documents }) => ({ limits: limitsIn(policies.map((policy) => overridden(policy, documents).data)) }),
  );
}

/**
 * The mutants of the policy folder under test, put to the cases and to its Rego tests.
 * @throws CommandError exit 1 where the policy is no folder; and as `runMutants` does
 */
export async function mutantsKilled(
  { dir, policy, data, profile }: SubjectOptions,
  { sample, library }: MutationWish,
  given: {
    readonly cases: readonly LaunchCase[];
    readonly rego: RegoSubject | null;
    readonly jobs: number;
    readonly show: (text: string) => void;
  },
  io: Io,
): Promise<MutationResult> {
  const [folder = dir, ...others] = policy;
  if (others.length > 0 || !isFolder(folder)) {
    throw new CommandError(1, `${policy.join(", ")}: mutants are made of Rego, expected one policy folder`);
  }
  const opa = findOpa(io);
  const inCases = caseKiller(given.cases, (mutant) => {
    const gates = gatesOf([mutant]);
    return (one) => judgeCase(gates(one), one).passed;
  });
  return runMutants({
    dir: folder,
    opa,
    policies: policiesDir(),
    data: effectiveFolderData(readDocuments({ data, ...(profile === undefined ? {} : { profile }) })),
    killers: [inCases, ...(given.rego === null ? [] : [regoKiller({ opa, tests: given.rego.tests })])],
    library,
    ...(sample === null ? {} : { sample }),
    jobs: given.jobs,
    progress: (done, of) => given.show(`mutants ${done}/${of}`),
  });
}
