/** What is under test: the policies that decide, as hosts would load them, and what Rego unit tests are compiled with. */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readArchive } from "../../engine/policy/archive.js";
import { DEFAULT_BUNDLE_MAX_BYTES } from "../../engine/policy/bundle.js";
import type { PolicyBundle } from "../../hooks/index.js";
import { CommandError, type Io } from "../io.js";
import { refused } from "../policy/findings.js";
import { findOpa } from "../policy/opa.js";
import { preparePolicy } from "../policy/prepare.js";
import { policiesDir } from "../policy/shipped.js";
import { type PolicyFolder, readPolicyFolder, type SourceFile } from "../policy/sources.js";
import { policiesFromOptions } from "../policy-options.js";
import type { RegoSubject } from "./rego-tests.js";

export interface SubjectOptions {
  /** Where the tests are, and the policy where no other is named. */
  readonly dir: string;
  readonly policy: readonly string[];
  readonly data: readonly string[];
  readonly profile?: string;
}

export interface Subject {
  readonly policies: readonly PolicyBundle[];
  /** Null: the folder has no Rego tests. */
  readonly rego: RegoSubject | null;
}

/**
 * The policies named; else the folder's own, compiled; else, where it has no Rego but tests, the built-in one with the
 * folder's data document.
 * @throws CommandError exit 1 unreadable, exit 3 where it does not compile; PolicyError where a policy or data is invalid
 */
export async function subjectOf(options: SubjectOptions, withRego: boolean, io: Io): Promise<Subject> {
  const { dir, policy } = options;
  const folder = readPolicyFolder(dir);
  const isBuiltIn = policy.length === 0 && folder.sources.length === 0;
  const own = isBuiltIn ? folder.data.filter(({ path }) => /^launchgate\/data\.(json|yaml|yml)$/.test(path)) : [];
  const policies = await policiesFromOptions(
    {
      policy: policy.length > 0 || isBuiltIn ? policy : [dir],
      data: [...own.map(({ path }) => join(dir, path)), ...options.data],
      ...(options.profile === undefined ? {} : { profile: options.profile }),
    },
    io,
  );
  if (!withRego || folder.tests.length === 0) return { policies, rego: null };
  const [first, ...others] = policies;
  if (first === undefined || others.length > 0)
    throw new CommandError(
      1,
      `${dir} has Rego tests, which are of one policy; name one by --policy, or leave them out by --only suites`,
    );
  const { sources, own: counted } = await sourcesOf(policy[0] ?? (isBuiltIn ? null : dir), dir, folder, io);
  return { policies, rego: { sources, tests: folder.tests, own: counted, data: first.data } };
}

interface Sources {
  readonly sources: readonly SourceFile[];
  /** Paths of those that are not the shipped library's. */
  readonly own: ReadonlySet<string>;
}

async function sourcesOf(policy: string | null, dir: string, tests: PolicyFolder, io: Io): Promise<Sources> {
  const shipped = readPolicyFolder(policiesDir()).sources;
  if (policy === null) return { sources: shipped, own: new Set() };
  if (statSync(policy).isDirectory()) return sourcesIn(policy, policy === dir ? tests : readPolicyFolder(policy), io);
  const sources: SourceFile[] = [];
  for (const [path, bytes] of readArchive(new Uint8Array(readFileSync(policy)), DEFAULT_BUNDLE_MAX_BYTES)) {
    if (path.endsWith(".rego")) sources.push({ path, bytes });
  }
  if (sources.length === 0)
    throw new CommandError(
      1,
      `${policy} holds no Rego, which the tests in ${dir} need; name the folder it was built from, or leave them out by --only suites`,
    );
  const library = new Map(shipped.map(({ path, bytes }) => [path, bytes]));
  const own = sources.filter(({ path, bytes }) => !Buffer.from(bytes).equals(library.get(path) ?? new Uint8Array()));
  return { sources, own: new Set(own.map(({ path }) => path)) };
}

async function sourcesIn(policy: string, folder: PolicyFolder, io: Io): Promise<Sources> {
  // Tests may be of signing rules whether or not hosts ask by them.
  const prepared = await preparePolicy({ dir: policy, policies: policiesDir(), opa: findOpa(io), signing: "with" });
  if ("unparsed" in prepared) throw refused(`${policy} does not parse:`, prepared.unparsed);
  return { sources: prepared.assembly.sources, own: new Set(folder.sources.map(({ path }) => path)) };
}
