/** Comparisons as text for people: what changed, from what to what, and under it what that means. */

import type { ChangeWeight, SigstructChange } from "../../engine/index.js";
import type { Io } from "../io.js";
import { printable, table } from "../output/table.js";
import { type DiffDocument, RESULT_WORDS } from "./report.js";

/** Longer values stand below each other, so that digits that differ can be seen. */
const INLINE = 24;

export function diffText({ comparisons }: DiffDocument, { colours }: Pick<Io, "colours">): string {
  const blocks = comparisons.map(({ before, after, result, changes }) => {
    const title = `${printable(before.name)} → ${printable(after.name)}: ${RESULT_WORDS[result]}`;
    return [colours.bold(title), ...changeLines(changes, colours), ...countLine(changes)].join("\n");
  });
  return `${blocks.join("\n\n")}\n`;
}

function changeLines(changes: readonly SigstructChange[], colours: Io["colours"]): readonly string[] {
  if (changes.length === 0) return [];
  const rows = changes.flatMap(({ field, before, after, meaning, weight }) => {
    const [was, is] = [before ?? "absent", after ?? "absent"].map(printable) as [string, string];
    const under = meaning === null ? [] : [["", "", colours.dim(meaning)]];
    const head = [colourOf(weight, colours)(weight), field];
    if (was.length <= INLINE && is.length <= INLINE) return [[...head, `${was} → ${is}`], ...under];
    return [[...head, `- ${was}`], ["", "", `+ ${is}`], ...under];
  });
  return [table(rows, "  ")];
}

function countLine(changes: readonly SigstructChange[]): readonly string[] {
  const weights = (["weaker", "stronger", "neutral"] as const).flatMap((weight) => {
    const count = changes.filter((change) => change.weight === weight).length;
    return count === 0 ? [] : [`${count} ${weight}`];
  });
  return weights.length === 0 ? [] : ["", `  ${weights.join(", ")}`];
}

function colourOf(weight: ChangeWeight, colours: Io["colours"]): (text: string) => string {
  switch (weight) {
    case "weaker":
      return colours.red;
    case "stronger":
      return colours.green;
    case "neutral":
      return colours.dim;
    default:
      return weight satisfies never;
  }
}
