/**
 * The rules that a signing policy asks by: code, level, meaning, why it matters, how to fix. Truth: the metadata of the Rego
 * rules, as the bundle's manifest has it, and the levels that its data document sets.
 */

import { type PolicyBundle, REASONS, SIGNING_ENTRYPOINT } from "../../engine/index.js";
import { isJsonObject, type JsonValue } from "../../engine/json.js";
import type { Io } from "../io.js";
import { printable } from "../output/table.js";

/** `violation`: denies, whatever the data document says. `note`: said, and changes nothing. */
type RuleLevel = "violation" | "deny" | "warn" | "ignore" | "note";

export interface SigningRule {
  readonly code: string;
  readonly level: RuleLevel;
  readonly title: string;
  readonly why: string | null;
  readonly fix: string | null;
}

/** The rules that these policies ask by, each code once, sorted by code. */
export function signingRules(policies: readonly PolicyBundle[]): readonly SigningRule[] {
  const rules = policies.flatMap((policy) => {
    const asked = policy.rules.filter(({ entrypoints }) => entrypoints.includes(SIGNING_ENTRYPOINT));
    return asked.map(({ code, title, description, fix, path }) => ({
      code,
      level: levelOf(code, path, policy),
      title,
      why: description,
      fix,
    }));
  });
  return [...new Map(rules.map((rule) => [rule.code, rule])).values()].sort(byCode);
}

function byCode(a: { readonly code: string }, b: { readonly code: string }): number {
  return a.code < b.code ? -1 : a.code > b.code ? 1 : 0;
}

/** The name of the rule is its usual level, in conftest's manner. */
function levelOf(code: string, path: string, { data }: PolicyBundle): RuleLevel {
  const usual = path.split(".").at(-1);
  if (usual === "violation") return "violation";
  if (usual !== "deny" && usual !== "warn") return "note";
  const said = ["launchgate", "signing", "rules", code].reduce<JsonValue | undefined>(
    (at, key) => (isJsonObject(at) && Object.hasOwn(at, key) ? at[key] : undefined),
    data,
  );
  return said === "deny" || said === "warn" || said === "ignore" ? said : usual;
}

/** What vet itself can say beside the rules of a policy. */
export const OWN_RULES: readonly Omit<SigningRule, "level">[] = [
  {
    code: "unreadable",
    title: "The file could not be judged",
    why: "What nobody could read has not passed.",
    fix: "name the signed enclave or its SIGSTRUCT, and leave other files out",
  },
  {
    code: "fleet_denied",
    title: "A fleet would not launch it",
    why: "--require-launch asks that each fleet named launches what is released, and the launch policy of one denies it.",
    fix: "have the enclave listed there, or sign it as that policy asks; launchgate eval --explain says more",
  },
  {
    code: "baseline_missing",
    title: "There is nothing to compare with",
    why: "The folder of baselines has no file of this name: nothing was asked of what changed.",
    fix: "none where the enclave is new; else give the earlier release the same name",
  },
  ...(
    ["not_allowed", "policy_undefined", "policy_result", "policy_trap", "policy_memory", "policy_input"] as const
  ).map((code) => ({
    code,
    title:
      code === "not_allowed" ? "The policy did not allow the release, and gave no reason" : sentence(REASONS[code]),
    why: "Passing is a positive statement: a policy that does not say it has not passed the enclave.",
    fix: "launchgate check finds what is wrong with a policy folder",
  })),
];

function sentence(text: string): string {
  return text.replace(/\.$/, "");
}

export const RULES_FORMATS = ["text", "json", "markdown"] as const;

/** The table of rules. */
export function rulesText(
  rules: readonly SigningRule[],
  format: (typeof RULES_FORMATS)[number],
  { colours }: Pick<Io, "colours">,
): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(rules, null, 2)}\n`;
    case "markdown":
      return [
        "| Code | Level | Meaning | Why it matters | How to fix |",
        "| --- | --- | --- | --- | --- |",
        ...rules.map(
          ({ code, level, title, why, fix }) => `| \`${code}\` | ${[level, title, why, fix].map(cell).join(" | ")} |`,
        ),
        "",
      ].join("\n");
    case "text":
      return rules
        .map(({ code, level, title, why, fix }) => {
          const lines = [`${colours.bold(printable(code))} (${level}): ${printable(title)}`];
          if (why !== null) lines.push(`  ${printable(why)}`);
          if (fix !== null) lines.push(`  ${colours.dim("fix:")} ${printable(fix)}`);
          return `${lines.join("\n")}\n`;
        })
        .join("\n");
    default:
      return format satisfies never;
  }
}

function cell(text: string | null): string {
  return printable(text ?? "")
    .replaceAll("\\", "\\\\")
    .replaceAll("|", "\\|")
    .replaceAll("<", "&lt;");
}
