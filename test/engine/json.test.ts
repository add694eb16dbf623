import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frozenJson, isJsonObject, MAX_JSON_DEPTH, parseFrozenJson } from "../../engine/json.js";

const refuse = (fault: string) => new RangeError(fault);
const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
};
const cycle: unknown[] = [];
cycle.push(cycle);

describe("frozenJson", () => {
  test("copies every JSON value as it is, and freezes it to the ground", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(!/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)));
        fc.pre(
          !JSON.stringify(value, (_, part) =>
            Number.isInteger(part) && !Number.isSafeInteger(part) ? "!!" : part,
          ).includes("!!"),
        );
        const copy = frozenJson(value, refuse);
        expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
        JSON.stringify(copy, (_, part) => {
          expect(Object.isFrozen(part)).toBe(true);
          return part;
        });
      }),
    );
  });

  test.each([
    ["undefined", { a: [1, undefined] }, "a[1] is undefined"],
    ["a function", { a: () => 1 }, "a is function"],
    ["a bigint", { a: 1n }, "a is bigint"],
    ["NaN", [Number.NaN], "[0] is no finite number"],
    ["an infinity", { a: { b: Number.POSITIVE_INFINITY } }, "a.b is no finite number"],
    ["an integer beyond 53 bits", { flags: 2 ** 53 }, "flags is an integer beyond 53 bits, expected a string"],
    ["a Date", { a: new Date(0) }, "a is no plain object"],
    ["a Map", new Map(), "is no plain object"],
    ["bytes", { a: new Uint8Array(1) }, "a is no plain object"],
    ["the key __proto__", JSON.parse('{"a":{"__proto__":{}}}'), "a has the key __proto__"],
    ["the key constructor", { constructor: 1 }, "has the key constructor"],
    ["a cycle", cycle, `is nested deeper than ${MAX_JSON_DEPTH} levels`],
    ["one level too many", nested(MAX_JSON_DEPTH + 1), `is nested deeper than ${MAX_JSON_DEPTH} levels`],
  ])("refuses %s", (_, value, fault) => {
    expect(() => frozenJson(value, refuse)).toThrow(RangeError);
    expect(() => frozenJson(value, refuse)).toThrow(fault);
  });

  test("takes as many levels as it says", () => {
    expect(frozenJson(nested(MAX_JSON_DEPTH), refuse)).toEqual(nested(MAX_JSON_DEPTH));
    expect(() => frozenJson(nested(3), refuse, 2)).toThrow("nested deeper than 2");
  });

  test("reads each property once", () => {
    let reads = 0;
    const value = {
      get a() {
        reads++;
        return reads;
      },
    };
    expect(frozenJson(value, refuse)).toEqual({ a: 1 });
    expect(reads).toBe(1);
  });
});

test("an object is an object, of whatever realm, and neither an array nor an instance", () => {
  expect(isJsonObject({})).toBe(true);
  expect(isJsonObject(Object.create(null))).toBe(true);
  expect(isJsonObject(runInNewContext("({})"))).toBe(true);
  for (const other of [null, [], new Date(0), new Uint8Array(1), "", 0, undefined])
    expect(isJsonObject(other)).toBe(false);
});

describe("parseFrozenJson", () => {
  test("says what frozenJson says of what was parsed, faults too", () => {
    const outcome = (freeze: () => unknown): unknown => {
      try {
        return freeze();
      } catch (error) {
        return (error as Error).message;
      }
    };
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const frozen = outcome(() => parseFrozenJson(text, refuse));
        expect(frozen).toEqual(outcome(() => frozenJson(JSON.parse(text), refuse)));
      }),
    );
    for (const text of ['{"a":{"__proto__":{}}}', '{"a":9007199254740993}', '[{"constructor":1}]', "[1e999]"]) {
      const fault = outcome(() => frozenJson(JSON.parse(text), refuse));
      expect(typeof fault).toBe("string");
      expect(outcome(() => parseFrozenJson(text, refuse))).toBe(fault);
    }
  });

  test("freezes to the ground, and is not copied again", () => {
    const made = parseFrozenJson('{"a":[{"b":1}]}', refuse) as { readonly a: readonly [object] };
    expect([made, made.a, made.a[0]].every(Object.isFrozen)).toBe(true);
    expect(frozenJson(made, refuse)).toBe(made);
    expect(() => frozenJson(made, refuse, 1)).toThrow("nested deeper than 1");
  });
});
