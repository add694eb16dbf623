/**
 * Signed checkpoints: what the chain was at some line, as a compact JWS. Truth: RFC 7515, RFC 8037 (EdDSA), RFC 7518 section
 * 3.4 (ES256), RFC 7638 for key ids. The only file here that knows the JOSE library.
 *
 * Whoever can write the log can write a whole chain anew, but cannot sign it. The algorithm comes from the key, never from
 * the signature.
 */

import { createPublicKey, type KeyObject } from "node:crypto";
import { CompactSign, calculateJwkThumbprint, compactVerify, exportJWK } from "jose";
import type { Place } from "./chain.js";
import { AuditError } from "./errors.js";

/** The `typ` of the JWS, so that nothing else that the key signs can stand in for a checkpoint. */
const TYP = "launchgate-audit-checkpoint";

export type CheckpointReason = "interval" | "rotation" | "closed";

export interface CheckpointClaim extends Place {
  readonly log_id: string;
  readonly reason: CheckpointReason;
  /** Unix seconds. */
  readonly time: number;
}

export interface SignerName {
  readonly alg: "EdDSA" | "ES256";
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string;
}

export interface CheckpointSigner extends SignerName {
  readonly sign: (claim: CheckpointClaim) => Promise<string>;
}

export interface CheckpointVerifier extends SignerName {
  readonly key: KeyObject;
}

/** @throws AuditError `option` where the key is no private Ed25519 or P-256 key */
export async function checkpointSigner(key: KeyObject): Promise<CheckpointSigner> {
  if (key.type !== "private")
    throw new AuditError("option", `a ${key.type} key signs no checkpoints, expected a private one`);
  const { alg, kid } = await checkpointVerifier(createPublicKey(key));
  return {
    alg,
    kid,
    sign: ({ log_id, reason, seq, sha256, time }) =>
      new CompactSign(Buffer.from(JSON.stringify({ v: 1, log_id, reason, seq, sha256, time })))
        .setProtectedHeader({ alg, kid, typ: TYP })
        .sign(key),
  };
}

/** What verifies the checkpoints that the private half signs. @throws AuditError `option` where it is another kind of key */
export async function checkpointVerifier(given: KeyObject): Promise<CheckpointVerifier> {
  const key = given.type === "private" ? createPublicKey(given) : given;
  const alg = algorithmOf(key);
  return { alg, kid: await calculateJwkThumbprint(await exportJWK(key)), key };
}

function algorithmOf({ asymmetricKeyType: kind, asymmetricKeyDetails, type }: KeyObject): SignerName["alg"] {
  if (type === "public" && kind === "ed25519") return "EdDSA";
  if (type === "public" && kind === "ec" && asymmetricKeyDetails?.namedCurve === "prime256v1") return "ES256";
  throw new AuditError("option", `the key is ${kind ?? type}, expected Ed25519 or P-256`);
}

/** What one of the keys has signed; a sentence where none has. */
export async function verifyCheckpoint(
  jws: string,
  verifiers: readonly CheckpointVerifier[],
): Promise<CheckpointClaim | string> {
  for (const { key, alg, kid } of verifiers) {
    const payload = await payloadOf(jws, key, alg, kid);
    if (payload !== null) return claimOf(payload) ?? "the signature is over something that is no checkpoint";
  }
  return "the signature is of none of the given keys";
}

async function payloadOf(jws: string, key: KeyObject, alg: string, kid: string): Promise<Uint8Array | null> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: [alg] });
    return protectedHeader.typ === TYP && protectedHeader.kid === kid ? payload : null;
  } catch {
    return null;
  }
}

/** In Unix seconds, what a Date can hold. */
const MAX_TIME = 8_640_000_000_000;

function claimOf(payload: Uint8Array): CheckpointClaim | null {
  const { v, log_id, reason, seq, sha256, time } = JSON.parse(Buffer.from(payload).toString("utf8"));
  if (v !== 1 || typeof log_id !== "string" || typeof sha256 !== "string" || typeof reason !== "string") return null;
  if (!Number.isSafeInteger(seq) || !Number.isSafeInteger(time) || Math.abs(time) > MAX_TIME) return null;
  return { log_id, reason: reason as CheckpointReason, seq, sha256, time };
}
