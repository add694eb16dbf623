/** The Rego library as source: its own tests, its form, the codes it documents, and what its WASM needs of a host. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { buildLibrary, buildModule, FOLDERS, hostBuiltins, opa, POLICIES, sources } from "./library.js";

const json = (...path: readonly string[]) => JSON.parse(readFileSync(join(POLICIES, ...path), "utf8"));

interface Builtin {
  readonly name: string;
  readonly nondeterministic?: boolean;
  readonly decl: { readonly args?: readonly unknown[]; readonly result?: unknown };
}
const capabilities: { readonly builtins: readonly Builtin[]; readonly allow_net: readonly string[] } =
  json("capabilities.json");

describe("the sources", () => {
  test("pass OPA's strict check under the shipped capabilities", () => {
    const strict = ["check", "--strict", "--v1-compatible", "--capabilities", "capabilities.json"];
    expect(opa([...strict, ...sources()])).toBe("");
  });

  test("are formatted", () => {
    expect(opa(["fmt", "--v1-compatible", "--list", ...FOLDERS])).toBe("");
  });

  test("pass their own tests", () => {
    const results: readonly { name: string; fail?: boolean; error?: unknown; skip?: boolean }[] = JSON.parse(
      opa(["test", "--v1-compatible", "--format", "json", ...FOLDERS]),
    );
    expect(results.filter(({ fail, error, skip }) => fail || error || skip)).toEqual([]);
    expect(results.length).toBeGreaterThan(100);
  });

  test("are covered by them", () => {
    const report = JSON.parse(opa(["test", "--v1-compatible", "--coverage", ...FOLDERS]));
    expect(report.coverage).toBeGreaterThanOrEqual(95);
    const files: Readonly<Record<string, { readonly not_covered?: unknown }>> = report.files;
    expect(sources().filter((file) => files[file]?.not_covered !== undefined)).toEqual([]);
  });

  test("have a test each", () => {
    const tested = new Set(
      FOLDERS.flatMap((folder) => readdirSync(join(POLICIES, folder)).map((f) => join(folder, f))),
    );
    // The entrypoints are a line each, and are tested with what they name.
    const entrypoints = ["launch/decision.rego", "enclave/create.rego", "enclave/provision.rego"];
    const exempt = new Set([...entrypoints, "vm/epc.rego", "vm/provision.rego"]);
    const untested = sources().filter((file) => !exempt.has(file) && !tested.has(file.replace(".rego", "_test.rego")));
    expect(untested).toEqual([]);
  });

  test("read nothing of the signature", () => {
    const readers = sources().filter((file) => readFileSync(join(POLICIES, file), "utf8").includes("input.sigstruct"));
    expect(readers).toEqual([]);
  });
});

interface Annotation {
  readonly scope: string;
  readonly title?: string;
  readonly description?: string;
  readonly custom?: { readonly code?: string; readonly fix?: string };
}

/** The codes that a rule's answer can have: the literals under the key `code`, and the first argument of `found`. */
function codesIn(node: unknown): readonly string[] {
  if (Array.isArray(node)) {
    const [key, value] = node;
    const isCode = node.length === 2 && key?.value === "code" && value?.type === "string";
    const isCall = key?.type === "ref" && key.value?.[0]?.value === "found" && value?.type === "string";
    return [...(isCode || isCall ? [String(value.value)] : []), ...node.flatMap(codesIn)];
  }
  return typeof node === "object" && node !== null ? Object.values(node).flatMap(codesIn) : [];
}

const files = sources().map((file) => {
  const module = JSON.parse(opa(["parse", "--v1-compatible", "--format", "json", file]));
  const rules: readonly { readonly annotations?: readonly Annotation[] }[] = module.rules;
  return { file, annotations: (module.annotations ?? []) as readonly Annotation[], rules };
});
const documented = files.flatMap(({ annotations }) => annotations.flatMap(({ custom }) => custom?.code ?? []));

describe("the codes", () => {
  test.each(files)("$file documents each of its codes once, on the rule that gives it", ({ rules, annotations }) => {
    const given = rules.flatMap((rule) => {
      const codes = new Set(codesIn({ ...rule, annotations: [] }));
      const named = (rule.annotations ?? []).flatMap(({ custom }) => custom?.code ?? []);
      expect([...codes]).toEqual(named);
      return named;
    });
    expect(new Set(given).size).toBe(given.length);
    for (const { custom, title, description } of annotations) {
      expect(title).toMatch(/\S/);
      if (custom?.code === undefined) continue;
      expect(custom.code).toMatch(/^[a-z][a-z0-9_]{0,63}$/);
      expect(custom.fix).toMatch(/\S/);
      expect(description).toMatch(/\S/);
    }
  });

  test("are the ones that operators know", () => {
    expect([...new Set(documented)].sort()).toMatchInlineSnapshot(`
      [
        "attribute_forbidden",
        "attribute_forbidden_unknown",
        "attribute_required",
        "attribute_required_unknown",
        "debug_launchable",
        "debug_on",
        "debug_unknown",
        "einittokenkey_not_listed",
        "einittokenkey_unknown",
        "exception_expired",
        "exception_used",
        "isvextprodid_not_listed",
        "isvfamilyid_not_listed",
        "isvsvn_too_low",
        "lepubkeyhash_none_listed",
        "lepubkeyhash_not_listed",
        "lepubkeyhash_unknown",
        "mrenclave_expired",
        "mrenclave_isvsvn_too_low",
        "mrenclave_not_yet_valid",
        "mrenclave_product_mismatch",
        "mrenclave_revoked",
        "mrenclave_signer_mismatch",
        "mrsigner_revoked",
        "origin_debug",
        "origin_disabled",
        "origin_einittokenkey",
        "origin_enforcement",
        "origin_mrenclave_not_listed",
        "origin_provisionkey",
        "origin_signer_not_listed",
        "product_not_listed",
        "product_revoked",
        "provisionkey_not_granted",
        "provisionkey_not_listed",
        "provisionkey_unknown",
        "signer_expired",
        "signer_key_public",
        "signer_not_listed",
        "signer_not_yet_valid",
        "token_mismatch",
        "vm_debug",
        "vm_disabled",
        "vm_einittokenkey",
        "vm_enforcement",
        "vm_epc",
        "vm_epc_not_listed",
        "vm_mrenclave_not_listed",
        "vm_provisionkey",
        "vm_provisionkey_not_listed",
        "vm_signer_not_listed",
        "vm_unknown",
      ]
    `);
  });

  test("that baseline tolerates all exist", () => {
    const table = JSON.parse(
      opa([
        "eval",
        "--v1-compatible",
        "--format",
        "raw",
        "-d",
        "lib/profile.rego",
        "data.lib.profile.baseline_tolerates",
      ]),
    );
    expect(Object.keys(table).filter((code) => !documented.includes(code))).toEqual([]);
  });
});

describe("the WASM", () => {
  test("of the library wants no builtin of its host", () => {
    expect(hostBuiltins(buildLibrary())).toEqual([]);
  });

  test("of every builtin that capabilities.json allows wants none either", () => {
    const rules = capabilities.builtins
      .filter(({ name }) => name !== "assign")
      .map(({ name, decl }, index) => {
        const args = (decl.args ?? []).map((_, position) => `input.a${position}`);
        if (name === "eq") return `r${index} if ${args.join(" = ")}`;
        if (name.startsWith("internal.member_"))
          return `r${index} if ${args.slice(0, -1).join(", ")} in ${args.at(-1)}`;
        return `r${index} := result if result := ${name}(${args.join(", ")})`;
      });
    expect(hostBuiltins(buildModule(["package native", ...rules, ""].join("\n\n"), "native"))).toEqual([]);
  });

  test.each([
    "sprintf(input.x, [])",
    "time.now_ns()",
    "http.send({})",
    "rand.intn(input.x, 2)",
    "regex.split(input.x, input.x)",
    "yaml.unmarshal(input.x)",
    "opa.runtime()",
    "hex.decode(input.x)",
  ])("%s is refused at build", (call) => {
    expect(() => buildModule(`package refused\n\nr := ${call}\n`, "refused/r")).toThrow(/undefined function/);
  });

  test("of a rule that prints wants none: OPA erases print", () => {
    expect(hostBuiltins(buildModule("package printing\n\nr if print(input.x)\n", "printing/r"))).toEqual([]);
  });

  test("may reach no network and gives the same answer twice", () => {
    expect(capabilities.allow_net).toEqual([]);
    expect(capabilities.builtins.filter(({ nondeterministic }) => nondeterministic === true)).toEqual([]);
  });
});

describe("the profiles and fragments", () => {
  const validate = new Ajv({ strict: false, formats: { "date-time": true } }).compile(
    json("schema", "data.schema.json"),
  );
  const read = (...path: readonly string[]) => parse(readFileSync(join(POLICIES, "profiles", ...path), "utf8"));

  test.each(["strict", "baseline", "open"])("%s is a data document that names itself and lists nothing", (name) => {
    const document = read(`${name}.yaml`);
    expect(validate(document)).toBe(true);
    expect(document).toEqual({ version: 1, profile: name });
  });

  test("intel-dcap lists Intel's enclaves by signer and product, none with DEBUG or EINITTOKENKEY", () => {
    const document = read("fragments", "intel-dcap.yaml");
    expect(validate(document)).toBe(true);
    expect(document).toEqual({
      version: 1,
      signers: {
        c54a62f2be9ef76efb1f3930ad81ea7f60defc1f5f25e09b7c067a815ae0c6cb: {
          name: "Intel PCE",
          products: { "1": { name: "PCE", min_isvsvn: 1 } },
          debug: false,
          provisionkey: true,
          einittokenkey: false,
        },
        "8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff": {
          name: "Intel DCAP",
          products: {
            "1": { name: "QE3 and ID enclave", min_isvsvn: 1 },
            "2": { name: "TDQE and QvE", min_isvsvn: 1 },
          },
          debug: false,
          provisionkey: true,
          einittokenkey: false,
        },
      },
    });
  });
});
