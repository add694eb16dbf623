/** The signing policy as source: its form, its own tests, and the table of its rules beside the metadata they stand in. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildShippedSigning } from "../../cli/policy/shipped.js";
import { signingRules } from "../../cli/vet/rules.js";
import { shippedPolicy, shippedSigningPolicy } from "../../hooks/index.js";
import { SIGNING_CASES } from "../support/signing-cases.js";
import { hostBuiltins, opa, POLICIES } from "./library.js";

const FOLDERS = ["lib", "launch", "signing"] as const;
const all = readdirSync(join(POLICIES, "signing")).filter((file) => file.endsWith(".rego"));
const sources = all.filter((file) => !file.endsWith("_test.rego"));
const shipped = await shippedSigningPolicy();
const rules = signingRules([shipped]);

describe("the sources", () => {
  test("pass OPA's strict check under the shipped capabilities", () => {
    const strict = ["check", "--strict", "--v1-compatible", "--capabilities", "capabilities.json"];
    expect(opa([...strict, ...FOLDERS])).toBe("");
  });

  test("are formatted", () => {
    expect(opa(["fmt", "--v1-compatible", "--list", "signing"])).toBe("");
  });

  test("pass their own tests, which cover them", () => {
    const results: readonly { fail?: boolean; error?: unknown; skip?: boolean }[] = JSON.parse(
      opa(["test", "--v1-compatible", "--format", "json", ...FOLDERS]),
    );
    expect(results.filter(({ fail, error, skip }) => fail || error || skip)).toEqual([]);
    const report = JSON.parse(opa(["test", "--v1-compatible", "--coverage", ...FOLDERS]));
    const uncovered = sources.filter((file) => report.files[join("signing", file)]?.not_covered !== undefined);
    expect(uncovered).toEqual([]);
  });

  test("have a test each", () => {
    // The entrypoint is a line, and is tested with what it names.
    const untested = sources.filter((file) => !all.includes(file.replace(".rego", "_test.rego")));
    expect(untested).toEqual(["decision.rego"]);
  });
});

interface Annotation {
  readonly title?: string;
  readonly description?: string;
  readonly custom?: { readonly code?: string; readonly fix?: string };
}

/** The literals under the key `code` in a rule. */
function codesIn(node: unknown): readonly string[] {
  if (Array.isArray(node)) {
    const [key, value] = node;
    const isCode = node.length === 2 && key?.value === "code" && value?.type === "string";
    return [...(isCode ? [String(value.value)] : []), ...node.flatMap(codesIn)];
  }
  return typeof node === "object" && node !== null ? Object.values(node).flatMap(codesIn) : [];
}

const line = (text: string | undefined) => text?.replaceAll(/\s+/g, " ").trim() ?? null;

/** Every rule with a code, as it stands in the sources. */
const documented = sources.flatMap((file) => {
  const { rules: own } = JSON.parse(opa(["parse", "--v1-compatible", "--format", "json", join("signing", file)]));
  return (own as readonly { readonly head: { readonly name: string }; readonly annotations?: readonly Annotation[] }[])
    .flatMap((rule) => (rule.annotations ?? []).map((annotation) => ({ file, rule, annotation })))
    .filter(({ annotation }) => annotation.custom?.code !== undefined);
});

describe("the table of rules", () => {
  test("is what the metadata of the rules says, each code once", () => {
    const said = documented.map(({ rule, annotation: { title, description, custom } }) => ({
      code: custom?.code,
      level: ["violation", "deny", "warn"].includes(rule.head.name) ? rule.head.name : "note",
      title,
      why: line(description),
      fix: line(custom?.fix),
    }));
    const ofLaunch = ["exception_expired", "exception_used"];
    const sorted = said.sort((a, b) => String(a.code).localeCompare(String(b.code), "en"));
    const own = rules.filter(({ code }) => !ofLaunch.includes(code));
    expect([...own].sort((a, b) => a.code.localeCompare(b.code, "en"))).toEqual(sorted);
    expect(rules.filter(({ code }) => ofLaunch.includes(code)).map(({ level }) => level)).toEqual(["note", "note"]);
  });

  test("says of each rule what it means, why it matters and how to fix it", () => {
    const wanting = rules.filter(({ title, why, fix }) => !title || !why || !fix);
    expect(wanting).toEqual([]);
  });

  test("has the code that each documented rule gives, and every code that any rule gives", () => {
    for (const { file, rule, annotation } of documented) {
      const own = new Set(codesIn({ ...rule, annotations: [] }));
      expect([file, ...own]).toEqual([file, annotation.custom?.code]);
    }
    const given = sources.flatMap((file) =>
      codesIn(JSON.parse(opa(["parse", "--v1-compatible", "--format", "json", join("signing", file)])).rules),
    );
    // Rules of one's own that name no code get this one; the metadata is their author's.
    const known = new Set([...rules.map(({ code }) => code), "custom"]);
    expect(given.filter((code) => !known.has(code))).toEqual([]);
  });

  test("has an enclave for each code that gets it", () => {
    const fired = new Set(SIGNING_CASES.flatMap(({ deny, warn }) => [...deny, ...warn]));
    // What no engine of this version finds: the Rego tests make it up.
    fired.add("finding_unknown");
    // Nobody's key of the public ones lies here to sign with; real enclaves signed so are in the corpus.
    fired.add("key_is_public");
    expect([...fired].sort()).toEqual(rules.map(({ code }) => code));
  });

  test("shares no code with the launch rules that deny, so that no exception of the one lifts the other", () => {
    const launch = shippedPolicy().rules.filter(({ path }) => path.endsWith(".violation"));
    const shared = launch.map(({ code }) => code).filter((code) => rules.some((rule) => rule.code === code));
    expect(shared).toEqual([]);
  });

  test("and the data schema agree on what cannot be lowered", () => {
    const schema = JSON.parse(readFileSync(join(POLICIES, "schema", "data.schema.json"), "utf8"));
    const { properties, patternProperties } = schema.properties.signing.properties.rules;
    const violations = rules.filter(({ level }) => level === "violation").map(({ code }) => code);
    expect(Object.keys(properties).sort()).toEqual(violations);
    const [pattern = ""] = Object.keys(patternProperties);
    expect(violations.filter((code) => new RegExp(pattern).test(code))).toEqual([]);
    expect(rules.filter(({ code, level }) => level !== "violation" && !new RegExp(pattern).test(code))).toEqual([]);
  });
});

describe("the WASM", () => {
  test("answers the signing decision alone, and wants no builtin of its host", () => {
    expect([shipped.name, shipped.entrypoints]).toEqual(["launchgate-signing", ["signing/decision"]]);
    expect(hostBuiltins(new Uint8Array(shipped.wasm))).toEqual([]);
  });

  test("comes out the same when it is built again", async () => {
    const { wasm, data } = await buildShippedSigning();
    expect([Buffer.from(shipped.wasm).equals(Buffer.from(wasm, "base64")), data]).toEqual([true, shipped.data]);
  });

  test("is not in the policy that hosts load", () => {
    expect(shippedPolicy().entrypoints).not.toContain("signing/decision");
    expect(shippedPolicy().rules.filter(({ path }) => path.startsWith("data.signing"))).toEqual([]);
  });
});
