/** The policies that come with the package, built and embedded: deciding with them needs no file and no OPA. */

import { PolicyError } from "../errors.js";
import { bundle, fragments, profiles } from "../generated/shipped.js";
import type { JsonObject } from "../json.js";
import { type PolicyBundle, readBundle, withData } from "./bundle.js";
import { DEFAULT_PROFILE, effectiveData, type ShippedData } from "./data.js";

export const shippedData: ShippedData = Object.freeze({ profiles, fragments });

export interface ShippedPolicyOptions {
  /** `strict` (default), `baseline` or `open`. */
  readonly profile?: string;
  /** Data documents, as people write them, merged over the profile. */
  readonly data?: readonly JsonObject[];
}

/** @throws PolicyError where the profile is unknown or the data does not fit */
export function shippedPolicy({ profile, data = [] }: ShippedPolicyOptions = {}): PolicyBundle {
  if (bundle === "") throw new PolicyError("bundle_format", "the shipped policy was not built; run `npm run build`");
  const documents = profile === undefined ? data : [{ version: 1, profile }, ...data];
  const shipped = readBundle(new Uint8Array(Buffer.from(bundle, "base64")), { trustReads: true });
  if (documents.length === 0) return shipped;
  return withData(shipped, { ...shipped.data, launchgate: effectiveData(documents, shippedData) });
}

export { DEFAULT_PROFILE };
