/** JSON as a type, and the ways in: frozen, and a copy of what somebody else made. Truth: RFC 8259; numbers as in RFC 7493. */

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

/** What was made here, and so is frozen to the ground, checked, and of at most MAX_JSON_DEPTH levels. */
const OURS = new WeakSet<object>();

/**
 * A deep-frozen copy of `value`, each property read once; `value` itself where it was made here.
 *
 * Refused, with what `refuse` makes of the fault: what JSON cannot say, integers that a double does not hold exactly,
 * keys that JavaScript gives a meaning of their own, more than `maxDepth` levels, and so cycles too.
 */
export function frozenJson(
  value: unknown,
  refuse: (fault: string) => Error,
  maxDepth: number = MAX_JSON_DEPTH,
): JsonValue {
  if (maxDepth === MAX_JSON_DEPTH && typeof value === "object" && value !== null && OURS.has(value)) {
    return value as JsonValue;
  }
  return new Freezer(refuse, maxDepth, false).freeze(value);
}

/** What a JSON text says, frozen; refused as `frozenJson` refuses. @throws SyntaxError where it is no JSON */
export function parseFrozenJson(text: string, refuse: (fault: string) => Error): JsonValue {
  return new Freezer(refuse, MAX_JSON_DEPTH, true).freeze(JSON.parse(text));
}

class Freezer {
  readonly #refuse: (fault: string) => Error;
  readonly #maxDepth: number;
  /** Whether nobody else holds what is frozen, so that it need not be copied. */
  readonly #inPlace: boolean;
  readonly #path: (string | number)[] = [];

  constructor(refuse: (fault: string) => Error, maxDepth: number, inPlace: boolean) {
    this.#refuse = refuse;
    this.#maxDepth = maxDepth;
    this.#inPlace = inPlace;
  }

  freeze(value: unknown): JsonValue {
    const frozen = this.#member(value);
    if (typeof frozen === "object" && frozen !== null && this.#maxDepth <= MAX_JSON_DEPTH) OURS.add(frozen);
    return frozen;
  }

  #member(member: unknown): JsonValue {
    if (typeof member === "string" || member === null || typeof member === "boolean") return member;
    if (typeof member === "number") return this.#number(member);
    if (this.#path.length >= this.#maxDepth) throw this.#fault(`is nested deeper than ${this.#maxDepth} levels`);
    if (Array.isArray(member)) return this.#array(member);
    if (isJsonObject(member)) return this.#object(member);
    throw this.#fault(`is ${typeof member === "object" ? "no plain object" : typeof member}`);
  }

  #number(value: number): number {
    if (!Number.isFinite(value)) throw this.#fault("is no finite number");
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw this.#fault("is an integer beyond 53 bits, expected a string");
    }
    return value;
  }

  #array(given: readonly unknown[]): JsonValue {
    const items = this.#inPlace
      ? (given as JsonValue[])
      : Array.from<unknown, JsonValue>(given, (item) => item as JsonValue);
    for (let index = 0; index < items.length; index += 1) {
      this.#path.push(index);
      items[index] = this.#member(items[index]);
      this.#path.pop();
    }
    return Object.freeze(items);
  }

  #object(given: JsonObject): JsonValue {
    const copy: Record<string, JsonValue> | null = this.#inPlace ? null : {};
    for (const key of Object.keys(given)) {
      if (RESERVED_KEYS.has(key)) throw this.#fault(`has the key ${key}`);
      this.#path.push(key);
      const member = this.#member(given[key]);
      this.#path.pop();
      // INVARIANT: what is frozen in place came from JSON.parse, so that freezing a member leaves it where it is.
      if (copy !== null) copy[key] = member;
    }
    return Object.freeze(copy ?? given);
  }

  #fault(what: string): Error {
    return this.#refuse(`${this.#path.length === 0 ? "" : `${pathText(this.#path)} `}${what}`);
  }
}

function pathText(path: readonly (string | number)[]): string {
  const text = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`)).join("");
  return text
    .replace(/^\./, "")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 200);
}
