/** JSON as a type, and the one way in: a frozen copy of what somebody else made. Truth: RFC 8259; numbers as in RFC 7493. */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Deeper than any document of ours, and far from where a recursive reader runs out of stack. */
export const MAX_JSON_DEPTH = 128;

/** Keys that mean something else to JavaScript than to the document. */
const RESERVED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Whether `value` is an object as JSON has them. What is inside is not looked at. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && Object.prototype.toString.call(value) === "[object Object]";
}

/**
 * A deep-frozen copy of `value`, each property read once.
 *
 * Refused, with what `refuse` makes of the fault: what JSON cannot say, integers that a double does not hold exactly,
 * keys that JavaScript gives a meaning of their own, more than `maxDepth` levels, and so cycles too.
 */
export function frozenJson(
  value: unknown,
  refuse: (fault: string) => Error,
  maxDepth: number = MAX_JSON_DEPTH,
): JsonValue {
  const path: (string | number)[] = [];
  const fault = (what: string): Error => refuse(`${path.length === 0 ? "" : `${pathText(path)} `}${what}`);

  const copyKey = (key: string | number, member: unknown): JsonValue => {
    path.push(key);
    const copied = copy(member);
    path.pop();
    return copied;
  };

  const copy = (member: unknown): JsonValue => {
    if (member === null || typeof member === "boolean" || typeof member === "string") return member;
    if (typeof member === "number") {
      if (!Number.isFinite(member)) throw fault("is no finite number");
      if (Number.isInteger(member) && !Number.isSafeInteger(member)) {
        throw fault("is an integer beyond 53 bits, expected a string");
      }
      return member;
    }
    if (path.length >= maxDepth) throw fault(`is nested deeper than ${maxDepth} levels`);
    if (Array.isArray(member)) return Object.freeze(Array.from(member, (item, index) => copyKey(index, item)));
    if (!isJsonObject(member)) throw fault(`is ${typeof member === "object" ? "no plain object" : typeof member}`);
    const entries = Object.entries(member).map(([key, item]): [string, JsonValue] => {
      if (RESERVED_KEYS.has(key)) throw fault(`has the key ${key}`);
      return [key, copyKey(key, item)];
    });
    return Object.freeze(Object.fromEntries(entries));
  };

  return copy(value);
}

function pathText(path: readonly (string | number)[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`)).join("");
  return text
    .replace(/^\./, "")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 200);
}
