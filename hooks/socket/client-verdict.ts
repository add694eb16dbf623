/**
 * The verdict as an asker gets it: the daemon's where it is about the very bytes that were sent, and otherwise a denial of
 * the client's own, with its own reason. Truth: protocol.md beside this file, "What a client must do".
 */

import { hash } from "node:crypto";
import { decodeRequest } from "./request.js";
import type { WireVerdict } from "./wire.js";

/** Why the client itself denies, where it has no verdict that counts. */
export const CLIENT_REASONS = {
  client_deadline: "No verdict came in time.",
  connection_lost: "The connection to the daemon ended before the verdict.",
  unreachable: "The daemon cannot be reached.",
  protocol_error: "What the daemon sent is not the wire protocol.",
  digest_mismatch: "The daemon's verdict is about other bytes than were sent.",
  daemon_refused: "The daemon ended the connection with an error.",
  client_overloaded: "Too many launches are waiting for the daemon already.",
  bad_request: "The launch cannot be put to the daemon as it is.",
  aborted: "The asker gave up.",
  client_closed: "The client was closed.",
} as const;

export type ClientReasonCode = keyof typeof CLIENT_REASONS;

/** A verdict as the asker gets it: the daemon's, or a denial of the client's own. */
export interface ClientVerdict extends WireVerdict {
  readonly by: "daemon" | "client";
}

/** SHA-256 of the structures that were sent, 64 hex digits; null where there was none. */
export interface SentDigests {
  readonly sigstruct: string | null;
  readonly token: string | null;
}

/** Whether a verdict is about just these bytes. A denial may say of none that it is about them. */
export function isAbout(
  { decision, sigstruct_sha256, token_sha256 }: WireVerdict,
  { sigstruct, token }: SentDigests,
): boolean {
  if (sigstruct_sha256 === sigstruct && token_sha256 === token) return true;
  return decision === "deny" && sigstruct_sha256 === null && token_sha256 === null;
}

export function fromDaemon(verdict: WireVerdict): ClientVerdict {
  const { id, decision, errno, einit_error, hold_ms, generation, decision_id } = verdict;
  const { sigstruct_sha256, token_sha256, reasons, reasons_in_all } = verdict;
  return {
    id,
    decision,
    errno,
    einit_error,
    hold_ms,
    generation,
    decision_id,
    sigstruct_sha256,
    token_sha256,
    reasons,
    reasons_in_all,
    by: "daemon",
  };
}

/** A denial of the client's own. */
export function denial(id: number, code: ClientReasonCode, detail?: string): ClientVerdict {
  const sentence = CLIENT_REASONS[code];
  return {
    id,
    decision: "deny",
    errno: 13,
    einit_error: 16,
    hold_ms: 0,
    generation: 0,
    decision_id: null,
    sigstruct_sha256: null,
    token_sha256: null,
    reasons: [{ code, message: detail === undefined || detail === "" ? sentence : `${sentence} (${detail})` }],
    reasons_in_all: 1,
    by: "client",
  };
}

/** Digests of what is sent. One launch after the other is of the same enclave, and is then not hashed again. */
export class Digests {
  #bytes: Buffer = Buffer.alloc(0);
  #digest = "";

  /** Over the bytes in the frame, which are what the daemon judges, whatever has become of the caller's since. */
  of(body: Buffer): SentDigests {
    const { sigstruct, token } = decodeRequest(body);
    return {
      sigstruct: sigstruct === null ? null : this.#digestOf(sigstruct),
      token: token === null ? null : hash("sha256", token, "hex"),
    };
  }

  #digestOf(bytes: Uint8Array): string {
    if (!this.#bytes.equals(bytes)) {
      this.#bytes = Buffer.from(bytes);
      this.#digest = hash("sha256", bytes, "hex");
    }
    return this.#digest;
  }
}
