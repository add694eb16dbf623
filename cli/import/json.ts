/** JSON that somebody else wrote, for importers. A key that stands twice is refused: two readers could see two values. */

import { DecodeError } from "../../engine/index.js";
import { frozenJson, isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";
import { duplicateKey } from "../duplicate-key.js";

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

/** Whether a value is a whole number that a field of 16 bits holds. */
export function isUint16(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff;
}
