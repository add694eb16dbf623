/** A decision as text for people: the verdict and its reasons first, then what was judged, and by what. */

import type { EnclaveInput, Input, Judged, Reason } from "../../engine/index.js";
import type { Io } from "../io.js";
import { printable, table } from "./table.js";

/** `rules`: the rules that the policies in force consist of, for `--explain`. */
export interface Explanation {
  readonly modules: readonly string[];
  readonly rules: readonly { readonly code: string; readonly title: string; readonly path: string }[];
}

export function decisionText(
  { decision, opinions }: Judged,
  input: Input | null,
  { colours }: Io,
  explanation?: Explanation,
): string {
  const verdict =
    decision.decision === "allow" ? colours.green(colours.bold("allow")) : colours.red(colours.bold("deny"));
  const lines = [[verdict, decision.hook ?? "", input === null ? "" : `(${input.origin.kind})`].join(" ").trimEnd()];
  lines.push(
    ...reasonLines(decision.reasons, colours.red),
    ...reasonLines(decision.would_deny, colours.yellow, "would deny"),
  );
  lines.push(...reasonLines(decision.warnings, colours.yellow, "warning"));
  const facts = [...(input?.enclave ? enclaveRows(input.enclave) : []), ...policyRows(decision)];
  if (facts.length > 0)
    lines.push(
      "",
      table(
        facts.map(([name = "", ...rest]) => [colours.dim(name), ...rest]),
        "  ",
      ),
    );
  if (explanation !== undefined) lines.push("", ...explain(opinions, explanation, colours));
  return `${lines.join("\n")}\n`;
}

function reasonLines(reasons: readonly Reason[], colour: (text: string) => string, label?: string): readonly string[] {
  if (reasons.length === 0) return [];
  const rows = reasons.map(({ code, message, module }) => [
    ...(label === undefined ? [] : [label]),
    colour(printable(code)),
    `${printable(message)} [${module}]`,
  ]);
  return [table(rows, "  ")];
}

function enclaveRows(enclave: EnclaveInput): readonly (readonly string[])[] {
  const { mrenclave, mrsigner, signer, isvprodid, isvsvn, debug, provisionkey, einittokenkey, debug_launchable } =
    enclave;
  const who = signer === null ? "" : ` (${signer.name}${signer.key_is_public ? ", private key is public" : ""})`;
  return [
    ["mrenclave", mrenclave ?? "unknown"],
    ["mrsigner", `${mrsigner ?? "unknown"}${who}`],
    ["isvprodid", `${isvprodid ?? "unknown"}, isvsvn ${isvsvn ?? "unknown"}`],
    ["debug", `${debug}${debug_launchable === true && debug !== "on" ? " (debug-launchable)" : ""}`],
    ["keys", `provisionkey ${provisionkey}, einittokenkey ${einittokenkey}`],
  ];
}

function policyRows({ policy, generation }: Judged["decision"]): readonly (readonly string[])[] {
  return policy.map(({ name, revision, sha256 }) => [
    "policy",
    `${name}${revision === "" ? "" : ` ${printable(revision)}`} sha256:${sha256.slice(0, 16)}… generation ${generation}`,
  ]);
}

/** Every module in the order of the walk, and under a policy every rule it consists of, with what each said. */
function explain(
  opinions: Judged["opinions"],
  { modules, rules }: Explanation,
  colours: Io["colours"],
): readonly string[] {
  const lines = [colours.bold("how it was decided")];
  for (const module of modules) {
    const opinion = opinions.find((one) => one.module === module);
    if (opinion === undefined) {
      lines.push(`  ${module}: ${colours.dim("not asked: the walk had ended")}`);
      continue;
    }
    const { answer, permissive, reasons, warnings } = opinion;
    const said = answer === "deny" ? colours.red(answer) : answer === "allow" ? colours.green(answer) : answer;
    lines.push(`  ${module}: ${said}${permissive ? " (permissive)" : ""}`);
    if (module === "policy" || module.startsWith("policy:"))
      lines.push(...ruleLines(rules, reasons, warnings, colours));
  }
  return lines;
}

function ruleLines(
  rules: Explanation["rules"],
  reasons: readonly Reason[],
  warnings: readonly Reason[],
  colours: Io["colours"],
): readonly string[] {
  const rows = rules.map(({ code, title, path }) => {
    const mark = reasons.some((reason) => reason.code === code)
      ? colours.red("objects")
      : warnings.some((warning) => warning.code === code)
        ? colours.yellow("warns")
        : colours.dim("silent");
    return [mark, printable(code), colours.dim(`${printable(title)} [${path}]`)];
  });
  return rows.length === 0 ? [] : [table(rows, "    ")];
}
