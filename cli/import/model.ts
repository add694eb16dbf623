/** What importers read out of other tools' lists, before it becomes a data document. */

import { knownSigner, shippedData } from "../../engine/index.js";
import { isJsonObject } from "../../engine/json.js";
import { printable } from "../output/table.js";

export const IMPORT_FORMATS = ["intel-whitelist", "ref-le", "marblerun", "ego"] as const;

export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** What one file says. */
export interface Imported {
  /** What the file is, and what follows from that for every entry: a line each. */
  readonly facts: readonly string[];
  readonly listings: readonly Listing[];
  /** What the file says and a data document cannot, or what was not checked: a line each. */
  readonly notes: readonly string[];
}

export type Listing = SignerListing | EnclaveListing;

interface Granted {
  readonly name: string;
  readonly debug: boolean;
  readonly provisionkey: boolean;
  /** Where it is listed: `entry 3`, `package frontend`. */
  readonly source: string;
}

export interface SignerListing extends Granted {
  readonly kind: "signer";
  /** 64 lower-case hex digits in natural order. */
  readonly mrsigner: string;
  /** By ISVPRODID; null: any product. */
  readonly products: ReadonlyMap<number, ListedProduct> | null;
}

export interface ListedProduct {
  readonly name: string;
  /** Null: any ISVSVN. */
  readonly min_isvsvn: number | null;
}

export interface EnclaveListing extends Granted {
  readonly kind: "enclave";
  /** 64 lower-case hex digits in natural order. */
  readonly mrenclave: string;
  /** Null: by any signer, of any product, of any ISVSVN. */
  readonly mrsigner: string | null;
  readonly isvprodid: number | null;
  readonly min_isvsvn: number | null;
}

/** Longest name that a listing gets, in characters; the schema of the data document allows more. */
const MAX_NAME = 200;

/** A name for people, safe to print, never empty. */
export function listingName(text: string, otherwise: string): string {
  const name = printable(text).trim().slice(0, MAX_NAME);
  return name === "" ? otherwise : name;
}

/**
 * A signer's name as the shipped fragments have it, so that including one of them is no conflict; else as the table of
 * known signers has it; else `otherwise`.
 */
export function signerName(mrsigner: string, otherwise: string): string {
  for (const { signers } of Object.values(shippedData.fragments)) {
    const entry = isJsonObject(signers) && Object.hasOwn(signers, mrsigner) ? signers[mrsigner] : undefined;
    if (isJsonObject(entry) && typeof entry["name"] === "string") return entry["name"];
  }
  return knownSigner(mrsigner)?.name ?? otherwise;
}
