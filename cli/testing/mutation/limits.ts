/**
 * The instants and security versions that a policy's data draws a line at, by the names of the data schema
 * (policies/schema/data.schema.json), wherever in the data they stand: a folder's own data uses them as well.
 */

import { isJsonObject, type JsonValue } from "../../../engine/json.js";

export interface Limits {
  /** Unix seconds, ascending. */
  readonly times: readonly number[];
  /** Ascending. */
  readonly isvsvns: readonly number[];
}

const TIMES: ReadonlySet<string> = new Set(["not_before", "not_after", "expires"]);
const ISVSVNS: ReadonlySet<string> = new Set(["min_isvsvn", "max_isvsvn"]);

/** Dates count as the integers that they are in effective data. */
export function limitsIn(data: JsonValue): Limits {
  const times = new Set<number>();
  const isvsvns = new Set<number>();
  const look = (value: JsonValue, name: string): void => {
    if (Array.isArray(value)) for (const item of value) look(item, "");
    else if (isJsonObject(value)) for (const [key, inner] of Object.entries(value)) look(inner, key);
    else if (Number.isSafeInteger(value) && TIMES.has(name)) times.add(Number(value));
    else if (Number.isSafeInteger(value) && ISVSVNS.has(name)) isvsvns.add(Number(value));
  };
  look(data, "");
  return { times: ascending(times), isvsvns: ascending(isvsvns) };
}

function ascending(numbers: Iterable<number>): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}
