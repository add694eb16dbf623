/** What replay and suggest say of launches, in words, the same on stdout, in reports and in comments. */

import { printable } from "../output/table.js";
import type { Place } from "./log.js";
import type { Change, ChangedGroup, Replay } from "./run.js";
import type { Example } from "./tally.js";

export const CHANGE_WORDS: Readonly<Record<Change, string>> = {
  allow_to_deny: "allow → deny",
  deny_to_allow: "deny → allow",
  reasons_changed: "denied for other reasons",
};

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** RFC 3339, in UTC. */
export function dateText(unix: number): string {
  return new Date(unix * 1000).toISOString().replace(".000Z", "Z");
}

export function spanText(first: number | null, last: number | null): string {
  if (first === null || last === null) return "at an unknown time";
  return first === last ? dateText(first) : `${dateText(first)} to ${dateText(last)}`;
}

export function placeText({ file, line }: Place): string {
  return `${printable(file)}:${line}`;
}

export function exampleText({ file, line, decision_id }: Example): string {
  return decision_id === null
    ? placeText({ file, line })
    : `${placeText({ file, line })} (${printable(decision_id.slice(0, 64))})`;
}

/** Who launches where: `our build farm (361622d757649090…), product 7, enclave_init from native`. */
export function whoText({ hook, origin, mrsigner, signer, isvprodid }: ChangedGroup): string {
  const where = `${hook} from ${origin}`;
  if (mrsigner === null) return where;
  const id = `${mrsigner.slice(0, 16)}…`;
  const who = signer === null ? `signer ${id}` : `${printable(signer)} (${id})`;
  return `${who}, product ${isvprodid ?? "unknown"}, ${where}`;
}

/** Why: the codes that were and are. */
export function whyText({ change, before, after }: ChangedGroup): string {
  const was = before.join(", ");
  const is = after.join(", ");
  switch (change) {
    case "allow_to_deny":
      return is;
    case "deny_to_allow":
      return `no longer ${was}`;
    case "reasons_changed":
      return `${was} → ${is}`;
    default:
      return change satisfies never;
  }
}

/** What was replayed against what. */
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
