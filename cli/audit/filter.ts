/** Which lines of an audit log are wanted, and what they are about. Everything in a log is hostile: nothing is trusted to be there. */

import { isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";

export interface ShowFilter {
  /** Milliseconds since 1970, inclusive. */
  readonly since: number | null;
  readonly until: number | null;
  readonly decision: string | null;
  readonly origins: readonly string[];
  /** Beginnings of hex digits. */
  readonly mrsigner: string | null;
  readonly mrenclave: string | null;
  readonly reasons: readonly string[];
  readonly kinds: readonly string[];
}

export function isWanted(record: JsonObject, filter: ShowFilter): boolean {
  const time = Date.parse(textAt(record, "timestamp"));
  if (filter.since !== null && !(time >= filter.since)) return false;
  if (filter.until !== null && !(time <= filter.until)) return false;
  if (filter.kinds.length > 0 && !filter.kinds.includes(kindOf(record))) return false;
  if (filter.decision !== null && textAt(record, "result", "decision") !== filter.decision) return false;
  if (filter.origins.length > 0 && !filter.origins.includes(textAt(record, "input", "origin", "kind"))) return false;
  if (filter.mrsigner !== null && !textAt(record, "identity", "mrsigner").startsWith(filter.mrsigner)) return false;
  if (filter.mrenclave !== null && !textAt(record, "identity", "mrenclave").startsWith(filter.mrenclave)) return false;
  return filter.reasons.length === 0 || filter.reasons.some((code) => codesOf(record).includes(code));
}

/** A record without a kind is a decision: so `launchgate eval --format audit` prints them. */
export function kindOf(record: JsonObject): string {
  return textAt(record, "kind") || "decision";
}

/** Codes of reasons and of what permissive modules would have denied with. */
export function codesOf(record: JsonObject): readonly string[] {
  return ["reasons", "would_deny"].flatMap((list) => {
    const reasons = at(record, "result", list);
    return Array.isArray(reasons) ? reasons.map((reason: JsonValue) => textAt(reason, "code")) : [];
  });
}

/** The text at a path; empty where there is none. */
export function textAt(value: JsonValue, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

export function at(value: JsonValue, ...path: readonly string[]): JsonValue | undefined {
  let found: JsonValue | undefined = value;
  for (const key of path) found = isJsonObject(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  return found;
}
