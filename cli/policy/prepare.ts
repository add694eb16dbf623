/** A policy folder read, parsed and put together with the library: what both check and compile start from. */

import { type Assembly, assemble, entrypointsOf, isAsked, isShippedFolder, readLibrary } from "./assemble.js";
import type { Entrypoint } from "./entrypoints.js";
import type { Finding } from "./findings.js";
import type { Opa } from "./opa.js";
import { type Module, parseModules } from "./rego-ast.js";
import { folderSaysSigning, isSigningSource, type SigningPart } from "./signing-part.js";
import { type PolicyFolder, readPolicyFolder, type SourceFile } from "./sources.js";
import { withStaged } from "./staging.js";

export interface Prepared {
  readonly folder: PolicyFolder;
  /** The folder's own, without tests. */
  readonly modules: readonly Module[];
  readonly testModules: readonly Module[];
  readonly assembly: Assembly;
  readonly entrypoints: readonly Entrypoint[];
  /** What is wrong with the entrypoints. */
  readonly findings: readonly Finding[];
}

export interface Unparsed {
  readonly unparsed: readonly Finding[];
}

/**
 * A policy folder, ready to be checked or compiled.
 *
 * What does not parse is all that comes back. `policies` is the folder of the shipped policies. Tests are parsed only
 * where asked for.
 * @throws CommandError (1) where the folder cannot be read, (3) where it holds what it must not
 */
export async function preparePolicy(options: {
  readonly dir: string;
  readonly policies: string;
  readonly opa: Opa;
  readonly tests?: boolean;
  /** Default `as-said`; of the shipped policies, that is without the signing decision. */
  readonly signing?: SigningPart;
}): Promise<Prepared | Unparsed> {
  const { dir, policies, signing = "as-said" } = options;
  const whole = readPolicyFolder(dir);
  const isShipped = isShippedFolder(policies, dir);
  const folder = isShipped ? shippedPart(whole, signing) : whole;
  const tests = options.tests === true ? folder.tests : [];
  const paths = [...folder.sources, ...tests].map(({ path }) => path);
  const parsed = await withStaged([...folder.sources, ...tests], ({ dir }) => parseModules(options.opa, dir, paths));
  if (parsed.findings.length > 0) return { unparsed: parsed.findings };
  const isTest = new Set(tests.map(({ path }) => path));
  const modules = parsed.modules.filter(({ file }) => !isTest.has(file));
  const wanted = signing !== "as-said" || (!isShipped && folderSaysSigning(folder, modules));
  const assembly = assemble(folder.sources, modules, readLibrary(policies, dir, wanted));
  const { entrypoints, findings } = entrypointsOf(modules, assembly.shippedEntrypoints);
  return {
    folder,
    modules,
    testModules: parsed.modules.filter(({ file }) => isTest.has(file)),
    assembly,
    entrypoints,
    findings,
  };
}

/** The part of the shipped policies that is asked: OPA makes an entrypoint of whatever is marked as one. */
function shippedPart(folder: PolicyFolder, signing: SigningPart): PolicyFolder {
  const { sources, tests } = folder;
  switch (signing) {
    case "with":
      return folder;
    case "as-said":
      return { ...folder, sources: sources.filter(notSigning), tests: tests.filter(notSigning) };
    case "only":
      return { ...folder, sources: sources.filter((file) => isSigningSource(file) || !isAsked(file)), tests: [] };
    default:
      return signing satisfies never;
  }
}

function notSigning(file: SourceFile): boolean {
  return !isSigningSource(file);
}
