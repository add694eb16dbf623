/** A replay as text for people: how much changes first, then what and whose, then where to look it up. */

import type { Io } from "../io.js";
import { printable, table } from "../output/table.js";
import type { GateResult } from "./gates.js";
import type { Replay } from "./run.js";
import type { GroupTable } from "./tally.js";
import { CHANGE_WORDS, exampleText, placeText, plural, spanText, whoText, whyText } from "./words.js";

/** Rows of one table; `--format json` has all of them. */
const MAX_ROWS = 20;

export function replayText(found: Replay, gates: readonly GateResult[], { colours }: Pick<Io, "colours">): string {
  const { counts, summary } = found;
  const sections: string[][] = [[colours.bold(headline(found)), table(countRows(found), "  ")]];
  for (const change of ["allow_to_deny", "deny_to_allow", "reasons_changed"] as const) {
    if (counts[change] === 0) continue;
    const groups = found.changes.filter((group) => group.change === change);
    const lines = groups
      .slice(0, MAX_ROWS)
      .flatMap((group) => [
        `  ${colours.bold(group.records.toLocaleString("en"))}  ${whoText(group)}: ${whyText(group)}`,
        colours.dim(
          `     ${spanText(group.first, group.last)}; ${group.examples.map(exampleText).join(", ") || "no example kept"}`,
        ),
      ]);
    sections.push([colours.bold(CHANGE_WORDS[change]), ...lines, ...more(groups.length)]);
  }
  if (found.changes_others > 0)
    sections.push([
      `${plural(found.changes_others, "record")} changed in ways beyond the ${found.changes.length} kept apart`,
    ]);
  if (found.by_rule.length > 0) {
    const rows = found.by_rule
      .slice(0, MAX_ROWS)
      .map(({ code, newly_denies, no_longer_denies }) => [code, String(newly_denies), String(no_longer_denies)]);
    sections.push([
      colours.bold("by rule, of the records that change"),
      table([["", "newly denies", "no longer"], ...rows], "  "),
      ...more(found.by_rule.length),
    ]);
  }
  const groups = [
    ["by origin", found.by_origin],
    ["by hook", found.by_hook],
    ["by signer", found.by_signer],
    ["by recorded policy", found.by_policy],
  ] as const;
  for (const [title, group] of groups)
    sections.push([colours.bold(title), groupText(group), ...more(group.rows.length)]);
  if (gates.length > 0) {
    const rows = gates.map(({ gate, found: count, limit, passed }) => [
      passed ? colours.green("pass") : colours.red("FAIL"),
      gate,
      `${plural(count, "record")}, at most ${limit} allowed`,
    ]);
    sections.push([colours.bold("gates"), table(rows, "  ")]);
  }
  if (summary.broken > 0) sections.push(brokenLines(found, colours));
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

export function headline({ summary, policies, old }: Replay): string {
  const names = (list: Replay["policies"]): string =>
    list
      .map(
        ({ name, revision, sha256 }) =>
          `${name}${revision === "" ? "" : ` ${printable(revision)}`} sha256:${sha256.slice(0, 16)}…`,
      )
      .join(" + ");
  const against = old === null ? "" : `, compared with ${names(old)}`;
  return `${plural(summary.records, "record")} against ${names(policies)}${against}`;
}

/** Only what there is any of; how many stayed the same always. */
function countRows({ counts, new: fresh, summary }: Replay): readonly (readonly string[])[] {
  const rows: readonly (readonly [number, string])[] = [
    [counts.allow_to_deny, "allow → deny"],
    [counts.deny_to_allow, "deny → allow"],
    [counts.reasons_changed, "denied for other reasons"],
    [fresh.allow, "allowed, nothing recorded to compare with"],
    [fresh.deny, "denied, nothing recorded to compare with"],
    [counts.without_event, "denials of what was no event: no policy decides them"],
    [summary.filtered, "filtered out"],
    [summary.broken, "broken"],
  ];
  const same = [counts.same.toLocaleString("en"), "the same"];
  return [same, ...rows.filter(([count]) => count > 0).map(([count, what]) => [count.toLocaleString("en"), what])];
}

function groupText({ rows, others }: GroupTable): string {
  const all = [
    ...rows.slice(0, MAX_ROWS),
    ...(others === null ? [] : [{ ...others, name: "others, beyond the rows kept apart" }]),
  ];
  const cells = all.map(({ name, records, counts }) => [
    printable(name),
    ...[records, counts.allow_to_deny, counts.deny_to_allow, counts.reasons_changed].map((count) =>
      count.toLocaleString("en"),
    ),
  ]);
  return table([["", "records", "allow → deny", "deny → allow", "other reasons"], ...cells], "  ");
}

function more(rows: number): readonly string[] {
  return rows > MAX_ROWS ? [`  … and ${rows - MAX_ROWS} more: --format json has all of them`] : [];
}

function brokenLines({ summary }: Replay, colours: Io["colours"]): string[] {
  const rest = summary.broken - summary.shown.length;
  return [
    colours.bold(plural(summary.broken, "broken line")),
    ...summary.shown.map((line) => `  ${placeText(line)}: ${printable(line.why)}`),
    ...(rest > 0 ? [`  … and ${rest} more`] : []),
  ];
}
