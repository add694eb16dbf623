/** One line of an audit log as one line for people, or as JSON that no terminal obeys. */

import type { JsonObject, JsonValue } from "../../engine/json.js";
import type { Io } from "../io.js";
import { printable } from "../output/table.js";
import { at, codesOf, kindOf, textAt } from "./filter.js";

const MAX_VALUE = 200;

export function recordText(record: JsonObject, { colours }: Io): string {
  const time = colours.dim(printable(textAt(record, "timestamp") || "no time").replace(/\.000Z$/, "Z"));
  const seq = at(record, "chain", "seq");
  const number = colours.dim(typeof seq === "number" ? `#${seq}` : "#?");
  const rest = kindOf(record) === "decision" ? decisionParts(record, colours) : noteParts(record, colours);
  return `${[time, number, ...rest].join("  ")}\n`;
}

function decisionParts(record: JsonObject, colours: Io["colours"]): readonly string[] {
  const decision = textAt(record, "result", "decision");
  const word = decision === "allow" ? colours.green("allow") : colours.red(printable(decision) || "deny?");
  const parts = [word, shown(textAt(record, "result", "hook")), shown(textAt(record, "input", "origin", "kind"))];
  const vm = textAt(record, "input", "origin", "vm", "id");
  const exe = textAt(record, "input", "origin", "process", "exe");
  if (vm !== "") parts.push(`vm ${shown(vm)}`);
  if (exe !== "") parts.push(shown(exe));
  const mrsigner = textAt(record, "identity", "mrsigner");
  const mrenclave = textAt(record, "identity", "mrenclave");
  if (mrsigner !== "") parts.push(`mrsigner ${shown(mrsigner).slice(0, 16)}…`);
  if (mrenclave !== "") parts.push(`mrenclave ${shown(mrenclave).slice(0, 16)}…`);
  const codes = codesOf(record);
  if (codes.length > 0) parts.push(colours.yellow(codes.map(shown).join(",")));
  if (textAt(record, "mode") === "permissive") parts.push("permissive");
  parts.push(colours.dim(shown(textAt(record, "decision_id"))));
  return parts.filter((part) => part !== "");
}

function noteParts(record: JsonObject, colours: Io["colours"]): readonly string[] {
  const fields = Object.entries(record).filter(([name]) => !["kind", "timestamp", "chain"].includes(name));
  return [colours.cyan(shown(kindOf(record))), ...fields.map(([name, value]) => `${shown(name)}=${valueText(value)}`)];
}

function valueText(value: JsonValue): string {
  return shown(typeof value === "string" ? value : JSON.stringify(value));
}

function shown(text: string): string {
  const short = printable(text);
  return short.length > MAX_VALUE ? `${short.slice(0, MAX_VALUE)}…` : short;
}

/** The same JSON, with escapes for what a terminal might take as something else than text. */
export function printableJson(text: string): string {
  return text.replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
