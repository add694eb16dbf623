/**
 * `${mrsigner:KEY}` and `${mrenclave:ENCLAVE}` in suites: keys are new in each run, so nobody can write their hashes down.
 * `${mrsigner:…}` takes the name of an enclave too, for its signer.
 */

import { isJsonObject, type JsonValue } from "../../engine/json.js";
import { type Enclave, SuiteError, unknownName } from "./enclaves.js";

const PLACEHOLDER = /\$\{([^}]*)\}/g;

/** The text with its placeholders filled in. @throws SuiteError for a name that there is not */
export function filled(text: string, enclaves: ReadonlyMap<string, Enclave>): string {
  return text.replaceAll(PLACEHOLDER, (whole, inner: string) => {
    const [kind, name = ""] = inner.split(":");
    if (kind === "mrsigner") return mrsignerOf(name, enclaves);
    if (kind !== "mrenclave")
      throw new SuiteError(`${whole} is no placeholder, expected \${mrsigner:KEY} or \${mrenclave:ENCLAVE}`);
    const enclave = enclaves.get(name);
    if (enclave === undefined) throw new SuiteError(unknownName("enclave", name, [...enclaves.keys()]));
    return enclave.mrenclave;
  });
}

function mrsignerOf(name: string, enclaves: ReadonlyMap<string, Enclave>): string {
  const signed = [...enclaves.values()].find(({ keyName }) => keyName === name) ?? enclaves.get(name);
  if (signed !== undefined) return signed.mrsigner;
  const keys = [...enclaves.values()].flatMap(({ keyName }) => keyName ?? []);
  throw new SuiteError(unknownName("key", name, [...new Set([...keys, ...enclaves.keys()])]));
}

/** The same in all keys and texts of a document. */
export function filledIn(value: JsonValue, enclaves: ReadonlyMap<string, Enclave>): JsonValue {
  if (typeof value === "string") return filled(value, enclaves);
  if (Array.isArray(value)) return value.map((item: JsonValue) => filledIn(item, enclaves));
  if (!isJsonObject(value)) return value;
  const entries = new Map<string, JsonValue>();
  for (const [key, item] of Object.entries(value)) {
    const name = filled(key, enclaves);
    if (entries.has(name)) throw new SuiteError(`${key} says ${name} a second time`);
    entries.set(name, filledIn(item, enclaves));
  }
  return Object.fromEntries(entries);
}
