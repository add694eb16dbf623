/**
 * The packages of a MarbleRun manifest: the enclaves that its Coordinator admits once they have launched and are attested.
 * Truth: MarbleRun's documentation of the manifest, and its PackageProperties (coordinator/quote), which compare UniqueID,
 * SignerID and ProductID for equality, take any SecurityVersion from the given one up, and demand Debug as given.
 */

import { DecodeError } from "../../engine/index.js";
import { isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";
import { isUint16 } from "./json.js";
import { type Imported, type Listing, listingName, signerName } from "./model.js";

/** More than any manifest has. */
const MAX_PACKAGES = 4096;

interface Package {
  readonly name: string;
  readonly uniqueId: string | null;
  readonly signerId: string | null;
  readonly productId: number | null;
  readonly securityVersion: number | null;
  readonly debug: boolean;
}

/** Keys of a package that say nothing of the launch. */
const ATTESTATION_KEYS = ["AcceptedTCBStatuses", "AcceptedAdvisories"] as const;

const KEYS: ReadonlySet<string> = new Set([
  "Debug",
  "UniqueID",
  "SignerID",
  "ProductID",
  "SecurityVersion",
  ...ATTESTATION_KEYS,
]);

/** The packages that a data document can list. @throws DecodeError naming the package */
export function readMarblerun(manifest: JsonObject): Imported {
  const packages = manifest["Packages"];
  if (!isJsonObject(packages)) throw new DecodeError("field", "the manifest has no object Packages");
  const entries = Object.entries(packages);
  if (entries.length < 1 || entries.length > MAX_PACKAGES) {
    throw new DecodeError("length", `the manifest has ${entries.length} packages, expected 1 to ${MAX_PACKAGES}`);
  }
  const listings: Listing[] = [];
  const notes: string[] = [];
  for (const [name, value] of entries) {
    const one = packageOf(name, value);
    const listing = listingOf(one);
    if (typeof listing === "string") notes.push(`package ${one.name} is left out: ${listing}`);
    else listings.push(listing);
    notes.push(...unsaid(one, value as JsonObject));
  }
  return {
    facts: [
      `MarbleRun manifest, ${entries.length} packages`,
      "its Coordinator judges enclaves that have launched; here the same properties decide whether they may",
    ],
    listings,
    notes,
  };
}

function packageOf(key: string, value: JsonValue): Package {
  const name = listingName(key, "package");
  const refuse = (fault: string) => new DecodeError("field", `package ${name}: ${fault}`);
  if (!isJsonObject(value)) throw refuse("found no object, expected one");
  const unknown = Object.keys(value).find((one) => !KEYS.has(one));
  if (unknown !== undefined) {
    throw refuse(
      `has the unknown key ${JSON.stringify(unknown.slice(0, 64))}, expected some of ${[...KEYS].join(", ")}`,
    );
  }
  const hash = (field: string): string | null => {
    const text = value[field];
    if (text === undefined || text === null || text === "") return null;
    if (typeof text === "string" && /^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
    throw refuse(`${field} is no text of 64 hex digits`);
  };
  const number = (field: string): number | null => {
    const found = value[field];
    if (found === undefined || found === null) return null;
    if (isUint16(found)) return found;
    throw refuse(`${field} is no whole number from 0 to 65535`);
  };
  const debug = value["Debug"] ?? false;
  if (typeof debug !== "boolean") throw refuse("Debug is neither true nor false");
  return {
    name,
    uniqueId: hash("UniqueID"),
    signerId: hash("SignerID"),
    productId: number("ProductID"),
    securityVersion: number("SecurityVersion"),
    debug,
  };
}

/** What the package lists, or why a data document cannot say it. What cannot be said exactly is not said more widely. */
function listingOf({ name, uniqueId, signerId, productId, securityVersion, debug }: Package): Listing | string {
  const granted = { debug, provisionkey: false, source: `package ${name}` };
  if (uniqueId !== null) {
    return {
      kind: "enclave",
      mrenclave: uniqueId,
      name,
      mrsigner: signerId,
      isvprodid: productId,
      min_isvsvn: securityVersion,
      ...granted,
    };
  }
  if (signerId === null) return "it has neither UniqueID nor SignerID, so that anybody's enclave would be listed";
  if (productId === null && securityVersion !== null) {
    return "it has SecurityVersion without ProductID, and ISVSVN is limited for each product";
  }
  const products = productId === null ? null : new Map([[productId, { name, min_isvsvn: securityVersion }]]);
  return { kind: "signer", mrsigner: signerId, name: signerName(signerId, `signer of ${name}`), products, ...granted };
}

function unsaid({ name, debug }: Package, value: JsonObject): readonly string[] {
  return [
    ...ATTESTATION_KEYS.filter((key) => Object.hasOwn(value, key)).map(
      (key) => `package ${name}: ${key} is about attestation, and left out`,
    ),
    ...(debug ? [`package ${name}: Debug demands DEBUG=1 there, and permits it here`] : []),
  ];
}
