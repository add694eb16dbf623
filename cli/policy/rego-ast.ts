/** Rego's syntax tree as `opa parse --format json` prints it, as far as it is read here. Truth: OPA's package v1/ast. */

import { type Finding, findingsOf } from "./findings.js";
import { type Opa, opaErrors, runOpa } from "./opa.js";

export interface Location {
  readonly file: string;
  /** Rows and columns count from 1, columns in Unicode code points. */
  readonly row: number;
  readonly col: number;
  /** What stands there, in base64; for some constructs only their first word. */
  readonly text?: string;
}

interface Located {
  readonly location?: Location;
}

export type Term = Located &
  (
    | { readonly type: "null" }
    | { readonly type: "boolean"; readonly value: boolean }
    | { readonly type: "number"; readonly value: number }
    | { readonly type: "string"; readonly value: string }
    | { readonly type: "var"; readonly value: string }
    | { readonly type: "ref" | "array" | "set" | "call"; readonly value: readonly Term[] }
    | { readonly type: "object"; readonly value: readonly (readonly [Term, Term])[] }
    | {
        readonly type: "arraycomprehension" | "setcomprehension";
        readonly value: { readonly term: Term; readonly body: Body };
      }
    | {
        readonly type: "objectcomprehension";
        readonly value: { readonly key: Term; readonly value: Term; readonly body: Body };
      }
  );

export type Body = readonly Expression[];

interface SomeDeclaration {
  readonly symbols: readonly Term[];
}

export interface Every {
  readonly key: Term | null;
  readonly value: Term;
  readonly domain: Term;
  readonly body: Body;
}

export interface Expression extends Located {
  /** A term; a call, operator first; `some`; `every`. */
  readonly terms: Term | readonly Term[] | SomeDeclaration | Every;
  readonly negated?: boolean;
  readonly with?: readonly { readonly target: Term; readonly value: Term }[];
}

export interface Rule extends Located {
  readonly default?: boolean;
  readonly head: Located & {
    readonly ref: readonly Term[];
    readonly args?: readonly Term[];
    readonly key?: Term;
    readonly value?: Term;
  };
  readonly body: Body;
  readonly else?: Rule;
  readonly annotations?: readonly Annotation[];
}

interface Annotation extends Located {
  readonly scope: string;
  readonly entrypoint?: boolean;
}

export interface Module {
  /** As given to OPA. */
  readonly file: string;
  /** Without `data`. */
  readonly package: readonly string[];
  readonly imports: readonly { readonly path: Term; readonly alias?: string }[];
  readonly annotations: readonly Annotation[];
  readonly rules: readonly Rule[];
}

/** Parses staged files. What does not parse comes back as findings. */
export async function parseModules(
  opa: Opa,
  dir: string,
  paths: readonly string[],
): Promise<{ readonly modules: readonly Module[]; readonly findings: readonly Finding[] }> {
  const modules: Module[] = [];
  const findings: Finding[] = [];
  for (let next = 0; next < paths.length; next += AT_ONCE) {
    const parsed = await Promise.all(paths.slice(next, next + AT_ONCE).map((path) => parse(opa, dir, path)));
    for (const result of parsed) {
      if ("errors" in result) findings.push(...result.errors);
      else modules.push(result);
    }
  }
  return { modules, findings };
}

/** How many OPA processes run side by side. */
const AT_ONCE = 8;

async function parse(opa: Opa, dir: string, path: string): Promise<Module | { readonly errors: readonly Finding[] }> {
  const result = await runOpa(
    opa,
    ["parse", "--v1-compatible", "--format", "json", "--json-include", "locations,-comments", path],
    {
      cwd: dir,
    },
  );
  if (result.code !== 0) return { errors: findingsOf(opaErrors(result), () => false) };
  const raw = JSON.parse(result.stdout) as Partial<Omit<Module, "package">> & {
    readonly package: { readonly path: readonly Term[] };
  };
  return {
    file: path,
    package: raw.package.path.slice(1).map((term) => (term.type === "string" ? term.value : "")),
    imports: raw.imports ?? [],
    annotations: raw.annotations ?? [],
    rules: raw.rules ?? [],
  };
}

/** The name of a rule below its package: the constant part of its head. */
export function ruleName({ head }: Rule): readonly string[] {
  const names: string[] = [];
  for (const [index, term] of head.ref.entries()) {
    if ((index > 0 || term.type !== "var") && term.type !== "string") break;
    names.push(term.value);
  }
  return names;
}
