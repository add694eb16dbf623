/**
 * Everything that can be said of a policy folder before it is asked: OPA's own strict check against the schemas, references
 * and comparisons against the same, lints, entrypoints, and the data document.
 *
 * Not checked: that an entrypoint answers `{allow, deny, warn}`. The engine does that each time it asks.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PolicyError } from "../../engine/errors.js";
import type { JsonObject, JsonValue } from "../../engine/json.js";
import type { FolderData } from "./data-files.js";
import { folderData } from "./data-files.js";
import { type Finding, findingsOf, sortFindings } from "./findings.js";
import { lint } from "./lints.js";
import { type Opa, opaErrors, runOpa } from "./opa.js";
import { type Prepared, preparePolicy } from "./prepare.js";
import { checkReferences } from "./references.js";
import { type Module, parseModules } from "./rego-ast.js";
import { forOpa, readSchemas, type Schemas } from "./schemas.js";
import type { SigningPart } from "./signing-part.js";
import type { SourceFile } from "./sources.js";
import { withStaged } from "./staging.js";

export interface CheckOptions {
  readonly dir: string;
  readonly opa: Opa;
  /** The shipped policies: library, schemas and capabilities. Default: `dir`, which then is the shipped policies. */
  readonly policies?: string;
  /** Makes the whole `data` of the folder's own, throwing PolicyError where that does not fit. */
  readonly data: (own: FolderData) => JsonObject;
  /** Default: of the shipped policies everything, else what the folder says. */
  readonly signing?: SigningPart;
}

/** @throws CommandError (1) where the folder cannot be read, (3) where it holds what it must not */
export async function checkPolicy(options: CheckOptions): Promise<readonly Finding[]> {
  const { dir, opa, policies = dir, signing = policies === dir ? "with" : "as-said" } = options;
  const prepared = await preparePolicy({ dir, policies, opa, tests: true, signing });
  if ("unparsed" in prepared) return sortFindings(prepared.unparsed);
  const { modules, testModules, assembly, folder } = prepared;
  const { data, findings: dataFindings } = checkData(options, prepared);
  const library = await parseLibrary(opa, assembly.sources, assembly.shippedPaths);
  const known = [...modules, ...testModules, ...library];
  const schemas = readSchemas(policies, known, data.others);
  const around = (module: Module) => ({ inputs: schemas.inputs(module.package), data: schemas.data });
  const references = [
    ...[...modules, ...testModules].flatMap((module) => checkReferences(module, module.file, around(module))),
    ...library.flatMap((module) => checkReferences(module, `shipped:${module.file}`, around(module))),
  ];
  const lints = modules.flatMap((module) => lint(module, module.file, around(module)));
  const isShipped = (path: string): boolean => assembly.shippedPaths.has(path);
  const capabilities = readFileSync(join(policies, "capabilities.json"));
  const compiled = await opaCheck({
    opa,
    sources: assembly.sources,
    schemas,
    modules: [...modules, ...library],
    isShipped,
    capabilities,
  });
  const tests =
    compiled.length > 0 || folder.tests.length === 0
      ? []
      : await opaCheck({ opa, sources: [...assembly.sources, ...folder.tests], isShipped });
  return sortFindings([
    ...prepared.findings,
    ...dataFindings,
    ...references,
    ...lints,
    ...unsaid([...compiled, ...tests], references),
  ]);
}

function checkData(
  options: CheckOptions,
  { folder, modules }: Prepared,
): { readonly data: FolderData; readonly findings: readonly Finding[] } {
  try {
    const data = folderData(folder.data, modules);
    options.data(data);
    return { data, findings: [] };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const file = folder.data.find(({ path }) => /^launchgate\/data\.\w+$/.test(path))?.path ?? null;
    const message = error.message.replace(new RegExp(`^${file}: `), "");
    return {
      data: { launchgate: null, others: {} },
      findings: [{ severity: "error", code: "data", file, line: null, message }],
    };
  }
}

async function parseLibrary(
  opa: Opa,
  sources: readonly SourceFile[],
  shipped: ReadonlySet<string>,
): Promise<readonly Module[]> {
  const files = sources.filter(({ path }) => shipped.has(path));
  const parsed = await withStaged(files, ({ dir }) =>
    parseModules(
      opa,
      dir,
      files.map(({ path }) => path),
    ),
  );
  return parsed.modules;
}

interface OpaCheck {
  readonly opa: Opa;
  readonly sources: readonly SourceFile[];
  readonly isShipped: (path: string) => boolean;
  /** Left out for tests, which may use what a compiled policy cannot, and make up any input. */
  readonly schemas?: Schemas;
  readonly modules?: readonly Module[];
  readonly capabilities?: Uint8Array;
}

function opaCheck({
  opa,
  sources,
  schemas,
  modules = [],
  isShipped,
  capabilities,
}: OpaCheck): Promise<readonly Finding[]> {
  const annotated = schemas === undefined ? [] : annotations(schemas, modules);
  const staged = [
    ...sources,
    ...annotated.flatMap(({ files }) => files),
    ...(capabilities === undefined ? [] : [{ path: "../out/capabilities.json", bytes: capabilities }]),
  ];
  const flags = [
    ...(capabilities === undefined ? [] : ["--capabilities", "../out/capabilities.json"]),
    ...(annotated.length === 0 ? [] : ["--schema", SCHEMAS]),
  ];
  return withStaged(staged, async ({ dir }) => {
    const result = await runOpa(
      opa,
      ["check", "--strict", "--v1-compatible", "--format", "json", "--max-errors", "100", ...flags, "."],
      { cwd: dir },
    );
    return result.code === 0 ? [] : findingsOf(opaErrors(result), isShipped);
  });
}

/** Names that no policy folder has: what begins with a dot is not read. OPA ignores the folder, being no Rego. */
const SCHEMAS = "../out/schemas";

/** The packages whose rules see one kind of input, by their first name. */
const ROOTS = ["launch", "enclave", "vm", "signing"] as const;

/**
 * A module without rules for each root package, whose annotation gives the schemas to all packages below. Where the folder
 * has an annotation of that scope itself, its word stands; references are checked all the same.
 */
function annotations(
  schemas: Schemas,
  modules: readonly Module[],
): readonly { readonly files: readonly SourceFile[] }[] {
  const annotatedAlready = (root: string): boolean =>
    modules.some(
      (module) => module.package.join(".") === root && module.annotations.some(({ scope }) => scope === "subpackages"),
    );
  const roots = ROOTS.filter((root) => modules.some((module) => module.package[0] === root) && !annotatedAlready(root));
  return roots.map((root) => ({
    files: [
      file(`.launchgate-schemas-${root}.rego`, annotationRego(root)),
      file(`${SCHEMAS}/input_${root}.json`, JSON.stringify(forOpa(oneOf(schemas.inputs([root]))))),
      file(`${SCHEMAS}/launchgate_${root}.json`, JSON.stringify(forOpa(schemas.launchgate))),
    ],
  }));
}

function annotationRego(root: string): string {
  return [
    "# METADATA",
    "# scope: subpackages",
    "# schemas:",
    `#   - input: schema.input_${root}`,
    `#   - data.launchgate: schema.launchgate_${root}`,
    `package ${root}`,
    "",
  ].join("\n");
}

function oneOf(schemas: readonly JsonObject[]): JsonValue {
  const [first, ...more] = schemas;
  if (first === undefined) return {};
  const { definitions = {} } = first;
  return more.length === 0 ? first : { definitions, anyOf: schemas.map(({ definitions: _, ...schema }) => schema) };
}

function file(path: string, text: string): SourceFile {
  return { path, bytes: new TextEncoder().encode(text) };
}

/** OPA's word on a reference or comparison that has been reported in full at the same place is left out. */
function unsaid(found: readonly Finding[], references: readonly Finding[]): readonly Finding[] {
  const isSaid = ({ message, file: at, line }: Finding): boolean =>
    /^(undefined ref|match error)/.test(message) && references.some((said) => said.file === at && said.line === line);
  return found.filter((finding) => !isSaid(finding));
}
