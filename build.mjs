/**
 * The build, in order: validators from the JSON Schemas (ajv, ahead of time), TypeScript to dist/, the shipped policies
 * to a bundle, what is in it embedded as a module, so that deciding reads no file and needs no OPA, and all of it packed
 * into few files, so that it starts quickly.
 */

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import standaloneCode from "ajv/dist/standalone/index.js";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const generated = join(root, "engine", "generated");
const at = (...parts) => join(root, ...parts);

/** The schemas of what comes in as JSON while Launchgate runs; the others describe what goes out, for readers and tests. */
const ENFORCED = ["event", "data", "manifest"];

function generateValidators() {
  for (const name of ENFORCED) {
    const ajv = new Ajv({
      code: { source: true, esm: true, lines: true },
      strict: true,
      strictTypes: false,
      strictRequired: false,
      allowUnionTypes: true,
      inlineRefs: false,
    });
    const schema = JSON.parse(readFileSync(at("policies", "schema", `${name}.schema.json`), "utf8"));
    const imports = new Set();
    const code = standaloneCode(ajv, ajv.compile(schema)).replaceAll(
      /require\("(ajv\/dist\/runtime\/(\w+))"\)/g,
      (_, path, runtime) => {
        // Test runners unwrap the default of a CommonJS module, Node does not.
        imports.add(
          `import ${runtime} from "${path}.js";\nconst runtime_${runtime} = { default: ${runtime}.default ?? ${runtime} };\n`,
        );
        return `runtime_${runtime}`;
      },
    );
    if (code.includes("require(")) throw new Error(`${name}: a keyword's validator is not self-contained`);
    writeFileSync(join(generated, `validate-${name}.js`), [...imports, code].join(""));
    writeFileSync(
      join(generated, `validate-${name}.d.ts`),
      'import type { ValidateFunction } from "ajv";\nexport const validate: ValidateFunction;\n',
    );
  }
}

/** The shipped signing policy in a module of its own, which only those load who ask for it. */
function generateShippedSigning(signing) {
  writeFileSync(join(generated, "shipped-signing.js"), `export const signing = ${JSON.stringify(signing)};\n`);
  writeFileSync(
    join(generated, "shipped-signing.d.ts"),
    'import type { EmbeddedPolicy } from "../policy/shipped.js";\n' +
      "/** Null until the build has made it. */\nexport const signing: EmbeddedPolicy | null;\n",
  );
}

/** What the engine embeds of the shipped policies; null while the program that builds them is itself being built. */
function generateShipped(shipped) {
  const { bundle: _, ...embedded } = shipped ?? { policy: null, profiles: {}, fragments: {} };
  const lines = Object.entries(embedded).map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`);
  writeFileSync(join(generated, "shipped.js"), lines.join(""));
  writeFileSync(
    join(generated, "shipped.d.ts"),
    'import type { JsonObject } from "../json.js";\n' +
      'import type { EmbeddedPolicy } from "../policy/shipped.js";\n' +
      "/** Null until the build has made it. */\nexport const policy: EmbeddedPolicy | null;\n" +
      "export const profiles: Readonly<Record<string, JsonObject>>;\n" +
      "export const fragments: Readonly<Record<string, JsonObject>>;\n",
  );
}

function compileTypeScript() {
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", at("tsconfig.build.json")], { stdio: "inherit", cwd: root });
}

const copyGenerated = () => cpSync(generated, at("dist", "engine", "generated"), { recursive: true });

/**
 * The library and the program in few files, so that starting is not mostly looking for files. Of the WASM SDK, its host
 * builtins are left out: no policy that needs one is ever loaded, and what they import takes longer than a decision.
 */
async function bundleForStart() {
  const packed = packing();
  await build({
    ...packed,
    entryPoints: { "cli/main": "dist/cli/main.js", "hooks/index": "dist/hooks/index.js" },
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
  });
  // Threads start from one file each, with nothing in it that only the others need.
  await build({
    ...packed,
    entryPoints: {
      "workers/evaluator": "dist/hooks/guarded/evaluator.js",
      "workers/audit-writer": "dist/hooks/audit/writer.js",
    },
  });
}

function packing() {
  return {
    absWorkingDir: root,
    outdir: "dist",
    allowOverwrite: true,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    external: ["commander", "yaml", "picocolors", "wrap-ansi", "prom-client", "@cedar-policy/*", "casbin"],
    legalComments: "inline",
    logLevel: "warning",
    plugins: [
      {
        name: "no-host-builtins",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^\.\/builtins\/index$/ }, () => ({ path: "builtins", namespace: "none" }));
          onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "module.exports = {};" }));
        },
      },
    ],
  };
}

/** launchgate(1), of what the commands say of themselves. */
async function writeManPage() {
  const urlOf = (path) => pathToFileURL(at("dist", "cli", path)).href;
  const [{ COMMANDS }, { manPage }] = await Promise.all([import(urlOf("commands.js")), import(urlOf("man/page.js"))]);
  const { version } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  const commands = await Promise.all(COMMANDS.map(async ({ load }) => (await load()).command({ env: {} })));
  mkdirSync(at("dist", "man"));
  writeFileSync(at("dist", "man", "launchgate.1"), manPage({ version, commands }));
}

mkdirSync(generated, { recursive: true });
rmSync(at("dist"), { recursive: true, force: true });
generateValidators();
generateShipped(null);
generateShippedSigning(null);
compileTypeScript();
copyGenerated();
const { buildShipped, buildShippedSigning } = await import(
  pathToFileURL(at("dist", "cli", "policy", "shipped.js")).href
);
const shipped = await buildShipped();
writeFileSync(at("dist", "policy.tar.gz"), Buffer.from(shipped.bundle, "base64"));
generateShipped(shipped);
generateShippedSigning(await buildShippedSigning());
copyGenerated();
await writeManPage();
await bundleForStart();
chmodSync(at("dist", "cli", "main.js"), 0o755);
