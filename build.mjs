/**
 * The build, in order: validators from the JSON Schemas (ajv, ahead of time), TypeScript to dist/, the shipped policies
 * to a bundle, and that bundle with the profiles embedded as a module, so that deciding reads no file and needs no OPA.
 */

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import standaloneCode from "ajv/dist/standalone/index.js";

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

/** `shipped` is null while the program that builds the policies is itself being built. */
function generateShipped(shipped) {
  writeFileSync(
    join(generated, "shipped.js"),
    `export const bundle = ${JSON.stringify(shipped?.bundle ?? "")};\n` +
      `export const profiles = ${JSON.stringify(shipped?.profiles ?? {})};\n` +
      `export const fragments = ${JSON.stringify(shipped?.fragments ?? {})};\n`,
  );
  writeFileSync(
    join(generated, "shipped.d.ts"),
    'import type { JsonObject } from "../json.js";\n' +
      "/** The shipped policy bundle, base64; empty until the build has made it. */\nexport const bundle: string;\n" +
      "export const profiles: Readonly<Record<string, JsonObject>>;\n" +
      "export const fragments: Readonly<Record<string, JsonObject>>;\n",
  );
}

function compileTypeScript() {
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", at("tsconfig.build.json")], { stdio: "inherit", cwd: root });
  chmodSync(at("dist", "cli", "main.js"), 0o755);
}

const copyGenerated = () => cpSync(generated, at("dist", "engine", "generated"), { recursive: true });

mkdirSync(generated, { recursive: true });
rmSync(at("dist"), { recursive: true, force: true });
generateValidators();
if (!existsSync(join(generated, "shipped.js"))) generateShipped(null);
compileTypeScript();
copyGenerated();
const { buildShipped } = await import(pathToFileURL(at("dist", "cli", "policy", "shipped.js")).href);
generateShipped(await buildShipped());
copyGenerated();
