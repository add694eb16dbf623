/**
 * Which rules a compiled policy consists of: the metadata of those that OPA's plan can reach, by their codes, for whoever
 * asks what was consulted. Truth: OPA's annotations, `custom.code` of a rule that denies or warns.
 */

import type { PolicyRule } from "../../engine/index.js";
import { CommandError } from "../io.js";
import { type Opa, runOpa } from "./opa.js";
import type { Plan } from "./plan.js";

interface Inspected {
  readonly annotations?: readonly {
    readonly path?: readonly { readonly value: string }[];
    readonly annotations: {
      readonly title?: string;
      readonly description?: string;
      readonly custom?: { readonly code?: unknown; readonly fix?: unknown };
    };
  }[];
}

/** The rules with a code in the sources staged at `dir`, sorted by code, with the entrypoints that can reach each. */
export async function rulesOf(opa: Opa, dir: string, plan: Plan): Promise<readonly PolicyRule[]> {
  const result = await runOpa(opa, ["inspect", "--v1-compatible", "-a", "-f", "json", "."], { cwd: dir });
  if (result.code !== 0) throw new CommandError(1, `opa inspect failed: ${result.stderr.slice(0, 500)}`);
  const { annotations = [] } = JSON.parse(result.stdout) as Inspected;
  const reached = reachable(plan);
  const rules = annotations.flatMap(({ path = [], annotations: found }): readonly PolicyRule[] => {
    const { title = "", description, custom: { code, fix } = {} } = found;
    if (typeof code !== "string") return [];
    const name = path.map(({ value }) => value).join(".");
    const entrypoints = [...reached].filter(([, functions]) => functions.has(name)).map(([entrypoint]) => entrypoint);
    return entrypoints.length === 0
      ? []
      : [{ code, title, description: textOf(description), fix: textOf(fix), path: name, entrypoints }];
  });
  return rules.sort((a, b) => (a.code < b.code ? -1 : a.code > b.code ? 1 : a.path < b.path ? -1 : 1));
}

/** One line of it, however it was folded in the metadata. */
function textOf(said: unknown): string | null {
  const text = typeof said === "string" ? said.replaceAll(/\s+/g, " ").trim() : "";
  return text === "" ? null : text;
}

/** By entrypoint, the rules and builtins that its plan calls, however far down: `data.launch.signer.violation`, `concat`. */
export function reachable(plan: Plan): ReadonlyMap<string, ReadonlySet<string>> {
  const called = new Map((plan.funcs?.funcs ?? []).map(({ name, blocks }) => [name, callsIn(blocks)]));
  return new Map(
    plan.plans.plans.map(({ name, blocks }) => {
      const seen = new Set<string>();
      const next = [...callsIn(blocks)];
      for (let at = next.pop(); at !== undefined; at = next.pop()) {
        if (seen.has(at)) continue;
        seen.add(at);
        next.push(...(called.get(at) ?? []));
      }
      return [name, new Set([...seen].map((planned) => planned.replace(/^g\d+\./, "")))];
    }),
  );
}

/** Names of the functions that are called anywhere in a piece of plan. */
function callsIn(piece: unknown): ReadonlySet<string> {
  const calls = new Set<string>();
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { type, stmt } = value as { type?: unknown; stmt?: { func?: unknown } };
    if (type === "CallStmt" && typeof stmt?.func === "string") calls.add(stmt.func);
    for (const inner of Object.values(value)) look(inner);
  };
  look(piece);
  return calls;
}
