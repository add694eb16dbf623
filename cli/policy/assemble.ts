/**
 * What is compiled: the folder's own sources and the shipped library, of which each package that the folder defines is
 * replaced as a whole, but for the one that is there to be added to. Shipped packages that carry an entrypoint are no part
 * of the library: what is asked is the folder's to answer. The signing decision alone comes with the library, since what a
 * folder says of signing is mostly data.
 */

import { realpathSync } from "node:fs";
import { CommandError } from "../io.js";
import { ENTRYPOINTS, type Entrypoint, isEntrypoint } from "./entrypoints.js";
import type { Finding } from "./findings.js";
import { type Module, type Rule, ruleName } from "./rego-ast.js";
import { isSigningPackage, SIGNING, SIGNING_EXTENSION } from "./signing-part.js";
import { byPath, readPolicyFolder, type SourceFile } from "./sources.js";

export interface Library {
  readonly files: readonly (SourceFile & { readonly package: string })[];
}

export interface Assembly {
  /** Own and shipped, sorted by path. */
  readonly sources: readonly SourceFile[];
  readonly shippedPaths: ReadonlySet<string>;
  /** Those that the library answers for the folder. */
  readonly shippedEntrypoints: readonly Entrypoint[];
}

/** Whether a folder is the shipped policies themselves. */
export function isShippedFolder(policiesDir: string, dir: string): boolean {
  return realpathSync(policiesDir) === realpathSync(dir);
}

/** The library for a folder, with the signing rules where they are wanted; none for the shipped policies themselves. */
export function readLibrary(policiesDir: string, dir: string, signing: boolean): Library {
  if (isShippedFolder(policiesDir, dir)) return { files: [] };
  const all = readPolicyFolder(policiesDir).sources.map((file) => ({ ...file, ...headOf(file) }));
  const asked = new Set(all.filter(({ entrypoint }) => entrypoint).map((file) => file.package));
  return {
    files: all.filter((file) => (isSigningPackage(file.package) ? signing : !asked.has(file.package))),
  };
}

/** Good for the shipped files, which are plainly written; those of others are parsed by OPA. */
function headOf({ path, bytes }: SourceFile): { readonly package: string; readonly entrypoint: boolean } {
  const text = new TextDecoder().decode(bytes);
  const name = /^package ([\w.]+)$/m.exec(text)?.[1];
  if (name === undefined) throw new CommandError(1, `the shipped ${path} has no package; the installation is damaged`);
  return { package: name, entrypoint: isAsked({ bytes }) };
}

/** Whether a shipped file carries an entrypoint. */
export function isAsked({ bytes }: Pick<SourceFile, "bytes">): boolean {
  return /^# entrypoint: true$/m.test(new TextDecoder().decode(bytes));
}

/** @throws CommandError where a file of the folder hides one of the library without replacing its package */
export function assemble(own: readonly SourceFile[], modules: readonly Module[], library: Library): Assembly {
  const defined = new Set(modules.map((module) => module.package.join(".")));
  const kept = library.files.filter((file) => !defined.has(file.package) || file.package === SIGNING_EXTENSION);
  const hidden = kept.find((file) => own.some(({ path }) => path === file.path));
  if (hidden !== undefined) {
    throw new CommandError(
      3,
      `${hidden.path} has the path of a shipped file, but not its package ${hidden.package}; rename it, or make it that package`,
    );
  }
  return {
    sources: [...own, ...kept.map(({ path, bytes }) => ({ path, bytes }))].sort(byPath),
    shippedPaths: new Set(kept.map(({ path }) => path)),
    shippedEntrypoints: kept.some((file) => file.package === "signing") ? [SIGNING] : [],
  };
}

/** The entrypoints of the folder and of the library for it, sorted, and what is wrong with them. */
export function entrypointsOf(
  modules: readonly Module[],
  shipped: readonly Entrypoint[],
): {
  readonly entrypoints: readonly Entrypoint[];
  readonly findings: readonly Finding[];
} {
  const findings: Finding[] = [];
  const marked = new Set<string>(shipped);
  for (const { file, path, line, entrypoint } of modules.flatMap(rulesIn)) {
    if (!entrypoint) continue;
    if (isEntrypoint(path)) marked.add(path);
    else
      findings.push(
        finding(
          "entrypoint",
          file,
          line,
          `${path} is no entrypoint that Launchgate asks for; expected one of ${ENTRYPOINTS.join(", ")}`,
        ),
      );
  }
  for (const { file, path, line } of modules.flatMap(rulesIn)) {
    if (!isEntrypoint(path) || marked.has(path)) continue;
    findings.push(
      finding(
        "unannotated_entrypoint",
        file,
        line,
        `data.${path.replaceAll("/", ".")} is never asked: put "# METADATA" and "# entrypoint: true" above it`,
      ),
    );
  }
  const replaced = modules.find((module) => module.package.join(".") === "signing");
  if (replaced !== undefined && !marked.has(SIGNING) && findings.length === 0) {
    const what = "the package signing replaces the shipped one, and has no rule decision";
    findings.push(
      finding(
        "entrypoint",
        replaced.file,
        null,
        `${what}; write one, or put rules of your own into ${SIGNING_EXTENSION}`,
      ),
    );
  }
  if (marked.size === 0 && findings.length === 0) {
    findings.push(
      finding(
        "entrypoint",
        null,
        null,
        `no rule is marked "# entrypoint: true"; expected one or more of ${ENTRYPOINTS.join(", ")}`,
      ),
    );
  }
  return { entrypoints: ENTRYPOINTS.filter((entrypoint) => marked.has(entrypoint)).sort(), findings };
}

function finding(code: Finding["code"], file: string | null, line: number | null, message: string): Finding {
  return { severity: "error", code, file, line, message };
}

interface NamedRule {
  readonly file: string;
  readonly path: string;
  readonly line: number | null;
  readonly entrypoint: boolean;
}

/** Rules, and packages that are marked themselves. */
function rulesIn(module: Module): readonly NamedRule[] {
  const named = (rule: Rule): NamedRule => ({
    file: module.file,
    path: [...module.package, ...ruleName(rule)].join("/"),
    line: rule.location?.row ?? null,
    entrypoint: (rule.annotations ?? []).some(({ entrypoint }) => entrypoint === true),
  });
  const marked = module.annotations.filter(({ scope, entrypoint }) => entrypoint === true && scope === "package");
  return [
    ...module.rules.map(named),
    ...marked.map(({ location }) => ({
      file: module.file,
      path: module.package.join("/"),
      line: location?.row ?? null,
      entrypoint: true,
    })),
  ];
}
