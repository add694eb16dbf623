/** One file to import, by its content: which format it is, and what it says. */

import { hex } from "../../engine/index.js";
import type { JsonObject } from "../../engine/json.js";
import { CommandError } from "../io.js";
import { type EgoSigner, readEgo } from "./ego.js";
import { looksLikeWhitelist, readWhitelist, type WhitelistOptions } from "./intel-whitelist.js";
import { importedObject } from "./json.js";
import { readMarblerun } from "./marblerun.js";
import type { Imported, ImportFormat } from "./model.js";
import { looksLikeRefLe, looksLikeRefLeCsv, type NamedFiles, readRefLe, readRefLeCsv } from "./ref-le.js";

/** Larger than any list that a launch enclave takes, and any manifest that a person has written, in bytes. */
const MAX_IMPORT = 4 * 1024 * 1024;

export interface ReadOptions extends WhitelistOptions {
  /** Null: by content. */
  readonly from: ImportFormat | null;
  readonly egoSigner: EgoSigner | null;
  readonly files: NamedFiles;
}

/**
 * What a file says, and in which format.
 * @throws DecodeError where it is not what it seems, or is said, to be; CommandError exit 1 where it is none of the formats,
 * or is refused
 */
export function readImport(bytes: Uint8Array, options: ReadOptions): Imported & { readonly format: ImportFormat } {
  if (bytes.length > MAX_IMPORT) {
    throw new CommandError(1, `found ${bytes.length} bytes, expected at most ${MAX_IMPORT}`);
  }
  const format = options.from ?? detect(bytes);
  return { format, ...readAs(format, bytes, options) };
}

function readAs(format: ImportFormat, bytes: Uint8Array, options: ReadOptions): Imported {
  switch (format) {
    case "intel-whitelist":
      return readWhitelist(bytes, options);
    case "ref-le":
      return bytes[0] === 0 ? readRefLe(bytes, options) : readRefLeCsv(textOf(bytes), options.files);
    case "marblerun":
      return readMarblerun(objectOf(bytes));
    case "ego":
      return readEgo(objectOf(bytes), options.egoSigner);
    default:
      return format satisfies never;
  }
}

function detect(bytes: Uint8Array): ImportFormat {
  if (looksLikeWhitelist(bytes)) return "intel-whitelist";
  if (looksLikeRefLe(bytes)) return "ref-le";
  const start = new TextDecoder().decode(bytes.subarray(0, 256));
  if (looksLikeRefLeCsv(start)) return "ref-le";
  if (/^\s*\{/.test(start)) {
    const object = objectOf(bytes);
    if (Object.hasOwn(object, "Packages")) return "marblerun";
    if (Object.hasOwn(object, "productID") || Object.hasOwn(object, "securityVersion")) return "ego";
  }
  throw new CommandError(
    1,
    `found ${bytes.length} bytes that begin with ${bytes.length === 0 ? "nothing" : hex(bytes.subarray(0, 8))}, expected ` +
      "Intel's white list certificate, a ref_le list or its table, a MarbleRun manifest (JSON) or EGo's enclave.json",
  );
}

function objectOf(bytes: Uint8Array): JsonObject {
  return importedObject(textOf(bytes));
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError(1, "found bytes that are no UTF-8, expected text");
  }
}
