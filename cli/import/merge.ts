/**
 * Listings of several files to one data document. Where two list the same, the document never grants more than the two
 * together: what can only be said more widely is said more narrowly, and noted.
 */

import { knownSigner } from "../../engine/index.js";
import type { JsonObject } from "../../engine/json.js";
import type { EnclaveListing, ListedProduct, Listing, SignerListing } from "./model.js";

/** A data document, and for each entry where it comes from. */
export interface ImportedDocument {
  readonly document: JsonObject;
  /** By MRSIGNER and by MRENCLAVE. */
  readonly sources: ReadonlyMap<string, readonly string[]>;
  readonly notes: readonly string[];
}

/** The document of all listings. Whether it fits the schema is asked by whoever hands it out. */
export function documentOf(listings: readonly Listing[]): ImportedDocument {
  const signers = new Map<string, SignerListing>();
  const enclaves = new Map<string, EnclaveListing>();
  const sources = new Map<string, readonly string[]>();
  const notes = new Set<string>();
  for (const listing of listings) {
    const key = listing.kind === "signer" ? listing.mrsigner : listing.mrenclave;
    sources.set(key, [...(sources.get(key) ?? []), listing.source]);
    const note = (text: string) => notes.add(`${key}: ${text}`);
    if (listing.kind === "signer") signers.set(key, mergeSigner(signers.get(key), listing, note));
    else enclaves.set(key, mergeEnclave(enclaves.get(key), listing, note));
  }
  for (const mrsigner of signers.keys()) {
    if (knownSigner(mrsigner)?.key_is_public === true) {
      notes.add(`${mrsigner}: its private key is public, and the standard policy refuses it though it is listed`);
    }
  }
  return {
    document: {
      version: 1,
      ...(signers.size === 0 ? {} : { signers: mapValues(signers, signerEntry) }),
      ...(enclaves.size === 0 ? {} : { mrenclaves: mapValues(enclaves, enclaveEntry) }),
    },
    sources,
    notes: [...notes],
  };
}

type Note = (text: string) => void;

function mergeSigner(there: SignerListing | undefined, more: SignerListing, note: Note): SignerListing {
  if (there === undefined) return more;
  const same = regionOf(there) === regionOf(more);
  return { ...there, ...mergeFlags(there, more, same, note), products: mergeProducts(there.products, more.products) };
}

/** Whatever either lists; of the same product, from the lower ISVSVN up. */
function mergeProducts(a: SignerListing["products"], b: SignerListing["products"]): SignerListing["products"] {
  if (a === null || b === null) return null;
  const merged = new Map<number, ListedProduct>(a);
  for (const [isvprodid, product] of b) {
    const there = merged.get(isvprodid);
    merged.set(
      isvprodid,
      there === undefined ? product : { ...there, min_isvsvn: lower(there.min_isvsvn, product.min_isvsvn) },
    );
  }
  return merged;
}

function mergeEnclave(there: EnclaveListing | undefined, more: EnclaveListing, note: Note): EnclaveListing {
  if (there === undefined) return more;
  if (there.mrsigner !== more.mrsigner || there.isvprodid !== more.isvprodid) {
    note(`listed twice for different signers or products; ${more.source} is left out`);
    return there;
  }
  const same = there.min_isvsvn === more.min_isvsvn;
  return { ...there, ...mergeFlags(there, more, same, note), min_isvsvn: lower(there.min_isvsvn, more.min_isvsvn) };
}

/** Flags hold for the whole entry: both listings' where they list the same, else only what both have. */
function mergeFlags(a: Listing, b: Listing, same: boolean, note: Note): Pick<Listing, "debug" | "provisionkey"> {
  const flag = (name: "debug" | "provisionkey") => {
    if (a[name] === b[name]) return a[name];
    if (!same) note(`${name} is set in one listing of several that differ, and would hold for all: left out`);
    return same;
  };
  return { debug: flag("debug"), provisionkey: flag("provisionkey") };
}

/** What a listing is for, apart from names and flags. */
function regionOf({ products }: SignerListing): string {
  if (products === null) return "any";
  const rows = [...products].map(([isvprodid, { min_isvsvn }]) => `${isvprodid}:${min_isvsvn ?? "any"}`);
  return rows.sort().join(" ");
}

/** No limit is the lowest. */
function lower(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.min(a, b);
}

function signerEntry({ name, products, ...flags }: SignerListing): JsonObject {
  return { name, ...(products === null ? {} : { products: mapValues(products, productEntry) }), ...flagsOf(flags) };
}

function productEntry({ name, min_isvsvn }: ListedProduct): JsonObject {
  return { name, ...limit({ min_isvsvn }) };
}

function enclaveEntry({ name, mrsigner, isvprodid, min_isvsvn, ...flags }: EnclaveListing): JsonObject {
  return { name, ...(mrsigner === null ? {} : { mrsigner }), ...limit({ isvprodid, min_isvsvn }), ...flagsOf(flags) };
}

function limit(fields: Readonly<Record<string, number | null>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter((field): field is [string, number] => field[1] !== null));
}

/** Absent flags mean false. */
function flagsOf({ debug, provisionkey }: Pick<Listing, "debug" | "provisionkey">): JsonObject {
  return { ...(debug ? { debug } : {}), ...(provisionkey ? { provisionkey } : {}) };
}

function mapValues<Key extends string | number, Value>(
  map: ReadonlyMap<Key, Value>,
  entry: (value: Value) => JsonObject,
): JsonObject {
  return Object.fromEntries([...map].map(([key, value]) => [String(key), entry(value)]));
}
