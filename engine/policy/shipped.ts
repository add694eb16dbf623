/** The policies that come with the package, built and embedded: deciding with them needs no file and no OPA. */

import { PolicyError } from "../errors.js";
import { fragments, policy, profiles } from "../generated/shipped.js";
import type { JsonObject } from "../json.js";
import { makeBundle, type OpaquePaths, type PolicyBundle, type PolicyRule, type ReadSets } from "./bundle.js";
import { effectiveData, type ShippedData } from "./data.js";

/** The shipped bundle as the build embeds it: its parts, the WASM as base64. */
export interface EmbeddedPolicy {
  readonly name: string;
  readonly revision: string;
  readonly wasm: string;
  readonly data: JsonObject;
  readonly entrypoints: readonly string[];
  readonly reads: ReadSets;
  readonly opaque: OpaquePaths;
  readonly rules: readonly PolicyRule[];
  readonly opa: string;
}

export const shippedData: ShippedData = Object.freeze({ profiles, fragments });

export interface ShippedPolicyOptions {
  /** `strict` (default), `baseline` or `open`. */
  readonly profile?: string;
  /** Data documents, as people write them, merged over the profile. */
  readonly data?: readonly JsonObject[];
}

/** @throws PolicyError where the profile is unknown or the data does not fit */
export function shippedPolicy(options: ShippedPolicyOptions = {}): PolicyBundle {
  return withOptions(policy, options);
}

/**
 * The signing policy: the entrypoint `signing/decision` alone. Loaded when it is first asked for, so that whoever decides
 * launches does not carry it.
 *
 * Rejects with PolicyError where the profile is unknown or the data does not fit.
 */
export async function shippedSigningPolicy(options: ShippedPolicyOptions = {}): Promise<PolicyBundle> {
  const { signing } = await import("../generated/shipped-signing.js");
  return withOptions(signing, options);
}

function withOptions(policy: EmbeddedPolicy | null, { profile, data = [] }: ShippedPolicyOptions): PolicyBundle {
  if (policy === null) throw new PolicyError("bundle_format", "the shipped policy was not built; run `npm run build`");
  const documents = profile === undefined ? data : [{ version: 1, profile }, ...data];
  return makeBundle({
    ...policy,
    wasm: Buffer.from(policy.wasm, "base64"),
    data: documents.length === 0 ? policy.data : { ...policy.data, launchgate: effectiveData(documents, shippedData) },
    readsTrusted: true,
  });
}
