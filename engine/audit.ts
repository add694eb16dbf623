/**
 * The audit record of one decision, in the field names of OPA's decision log. Truth: the audit schema
 * (policies/schema/audit.schema.json). `input` is the whole LaunchEvent, so nothing else is needed to decide again.
 */

import { bytesText, eventText, grantsText, originText, platformText, quoted, secsText } from "./audit-text.js";
import type { DecisionJson } from "./decision.js";
import { entrypointOf } from "./entrypoints.js";
import { eventToJson, type LaunchEventJson, TakenEvent } from "./event.js";
import type { Judged } from "./launch.js";
import { sha256Hex } from "./policy/canonical.js";
import { type SeenSigstruct, WORD } from "./recent.js";
import type { SignatureCheck, SignatureStatus } from "./request.js";

/** Who was judged. Before EINIT has succeeded all of it is the launcher's claim, unless `signature` is `valid`. */
export interface AuditIdentity {
  readonly mrsigner: string | null;
  readonly mrenclave: string | null;
  readonly isvprodid: number | null;
  readonly isvsvn: number | null;
  readonly signature: SignatureStatus;
}

export interface AuditRecord {
  readonly decision_id: string;
  /** RFC 3339, of the event's time. */
  readonly timestamp: string | null;
  /** The Rego entrypoint that the hook asks. */
  readonly path: string | null;
  /** The LaunchEvent; null where what was handed in was none. */
  readonly input: LaunchEventJson | null;
  /** SHA-256 of `input` in the form of RFC 8785, 64 hex digits; a lone surrogate in it as JSON.stringify writes it. */
  readonly event_sha256: string | null;
  readonly result: DecisionJson;
  readonly bundles: Readonly<Record<string, { readonly revision: string; readonly sha256: string }>>;
  /** Nanoseconds by OPA's names, as far as whoever asked has measured. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly identity: AuditIdentity;
  /** The module that denied; null for an allow. */
  readonly module: string | null;
  /** `permissive` where a denial was only recorded. */
  readonly mode: "enforcing" | "permissive";
}

const NOBODY: AuditIdentity = Object.freeze({
  mrsigner: null,
  mrenclave: null,
  isvprodid: null,
  isvsvn: null,
  signature: "unchecked",
});

/**
 * The record of one decision. The signature behind a denial is verified first, unless that was switched off: no EINIT
 * follows that would prove that the launcher has the signer's key. That of an allow is left to EINIT.
 */
export function auditRecord(
  { decision, event }: Judged,
  options: { readonly metrics?: Readonly<Record<string, number>>; readonly signatureCheck?: SignatureCheck } = {},
): AuditRecord {
  const verify = decision.decision === "deny" && options.signatureCheck !== "never";
  return {
    decision_id: decision.decision_id,
    timestamp: decision.time === null ? null : new Date(decision.time * 1000).toISOString(),
    path: decision.hook === null ? null : entrypointOf(decision.hook),
    input: event === null ? null : eventToJson(event),
    event_sha256: event === null ? null : sha256Hex(canonicalEvent(event)),
    result: decision.toJSON(),
    bundles: Object.fromEntries(decision.policy.map(({ name, revision, sha256 }) => [name, { revision, sha256 }])),
    metrics: options.metrics ?? {},
    identity: auditIdentity(event === null ? null : TakenEvent.seenOf(event), verify),
    module: decision.reasons[0]?.module ?? null,
    mode: decision.would_deny.length > 0 ? "permissive" : "enforcing",
  };
}

function canonicalEvent(event: TakenEvent): string {
  const { hook, id, time, deadline_ms, synthetic, origin, platform, grants, secs } = event;
  const { sigstruct, token } = TakenEvent.bytesOf(event);
  return eventText(
    { hook, id: quoted(id), time, deadline_ms, synthetic, token: bytesText(token) },
    {
      origin: originText(origin),
      platform: platformText(platform),
      grants: grantsText(grants),
      secs: secs === null ? "null" : secsText(secs),
      sigstruct: bytesText(sigstruct),
    },
  );
}

/** Whose launch it was, as far as its SIGSTRUCT says; its signature is looked at only where `verify` says so. */
export function auditIdentity(seen: SeenSigstruct | null, verify: boolean): AuditIdentity {
  if (seen === null) return NOBODY;
  // ISVPRODID and ISVSVN are the halves of one word.
  const isv = seen.words[WORD.isv] as number;
  return {
    mrsigner: seen.signer.mrsigner,
    mrenclave: seen.mrenclave,
    isvprodid: isv & 0xffff,
    isvsvn: isv >>> 16,
    signature: verify ? seen.signature : "unchecked",
  };
}
