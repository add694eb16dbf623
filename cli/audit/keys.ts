/** Public keys from files: PEM, JWK or JWKS. Truth: RFC 7468, RFC 7517. */

import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { type CheckpointVerifier, checkpointVerifier } from "../../hooks/audit/checkpoint.js";
import { readBytes } from "../files.js";
import { CommandError } from "../io.js";

/** @throws CommandError exit 1 where a file holds no key that signs checkpoints */
export async function checkpointKeys(paths: readonly string[]): Promise<readonly CheckpointVerifier[]> {
  const verifiers: CheckpointVerifier[] = [];
  for (const path of paths) {
    try {
      for (const key of keysIn(Buffer.from(readBytes(path)).toString("utf8")))
        verifiers.push(await checkpointVerifier(key));
    } catch (error) {
      if (error instanceof CommandError) throw error;
      throw new CommandError(1, `${path} is no public key (PEM, JWK or JWKS): ${(error as Error).message}`);
    }
  }
  return verifiers;
}

function keysIn(text: string): readonly KeyObject[] {
  if (!text.trimStart().startsWith("{")) return [createPublicKey(text)];
  const value = JSON.parse(text) as JsonWebKey & { readonly keys?: readonly JsonWebKey[] };
  return (value.keys ?? [value]).map((key) => createPublicKey({ key, format: "jwk" }));
}
