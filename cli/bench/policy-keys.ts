/** Keys of one run: for the bundles that the daemon is to trust, and for its audit log's checkpoints. */

import { generateKeyPairSync } from "node:crypto";
import { type BundleSigningKey, signingKey } from "../../hooks/index.js";

export interface PolicyKeys {
  readonly signing: BundleSigningKey;
  /** PEM. */
  readonly publicKey: string;
}

/** ES256. */
export function policyKeys(): PolicyKeys {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return { signing: signingKey(privateKey), publicKey };
}
