/** JSON that somebody else wrote, for importers. A key that stands twice is refused: two readers could see two values. */

import { DecodeError } from "../../engine/index.js";
import { frozenJson, isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";

/** The object at the top. @throws DecodeError `encoding` where the text is no JSON object */
export function importedObject(text: string): JsonObject {
  const refuse = (fault: string) => new DecodeError("encoding", `the JSON ${fault}`);
  const value = frozenJson(parse(text, refuse), refuse);
  if (!isJsonObject(value)) throw refuse("is no object at the top, expected one");
  const twice = duplicateKey(text);
  if (twice !== null) throw refuse(`has the key ${JSON.stringify(twice.slice(0, 64))} twice in one object`);
  return value;
}

function parse(text: string, refuse: (fault: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(`cannot be read: ${(error as Error).message}`);
  }
}

/** The first key that stands twice in one object, null where none does. INVARIANT: `parse` has taken the text for JSON. */
function duplicateKey(text: string): string | null {
  /** The keys of each object that is open; null for an array. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(null);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const end = closingQuote(text, at);
      const keys = open.at(-1);
      if (keys !== null && keys !== undefined && isKey(text, end)) {
        const key = String(JSON.parse(text.slice(at, end + 1)));
        if (keys.has(key)) return key;
        keys.add(key);
      }
      at = end;
    }
  }
  return null;
}

function closingQuote(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

function isKey(text: string, end: number): boolean {
  let at = end + 1;
  while (" \t\r\n".includes(text[at] ?? "x")) at++;
  return text[at] === ":";
}

/** Whether a value is a whole number that a field of 16 bits holds. */
export function isUint16(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff;
}
