/** What the thread that decides and the thread that writes say to each other. Lives in one process, and is no contract. */

import type { KeyObject } from "node:crypto";
import type { SignatureCheck } from "../../engine/index.js";
import type { Place } from "./chain.js";
import type { AuditErrorCode } from "./errors.js";

/** All that the writer has to know; `checkpointKey` is a private key, and goes nowhere else. */
export interface WriterOptions {
  readonly directory: string;
  readonly durability: "before" | "after";
  readonly onFailure: "close" | "open";
  readonly rotateBytes: number;
  readonly rotateMs: number;
  /** Files that are kept, the one being written among them; null: all. */
  readonly keepFiles: number | null;
  readonly checkpointRecords: number;
  readonly checkpointMs: number;
  readonly checkpointKey: KeyObject | null;
  /** With durability `after`: the longest that what was written may not yet last. */
  readonly syncMs: number;
  /** Records that may be under way, and that are kept for later while they cannot be written. */
  readonly maxLagRecords: number;
  readonly signatureCheck: SignatureCheck;
  readonly acceptDamage: boolean;
}

/** An error as it travels between threads. */
export interface Trouble {
  readonly code: AuditErrorCode;
  readonly message: string;
}

export interface Counts {
  allow: number;
  deny: number;
  other: number;
}

/** Records that were never handed over. */
export interface Refused {
  readonly since: string;
  readonly cause: Trouble;
  readonly counts: Readonly<Counts>;
  /** What their launches were answered. */
  readonly answered: "as_decided" | "audit_unavailable";
}

export type ToWriter =
  | { readonly type: "batch"; readonly batch: ArrayBuffer; readonly length: number }
  | { readonly type: "refused"; readonly refused: Refused }
  | { readonly type: "flush" }
  | { readonly type: "close" };

/** Where the log has come to. */
export interface LogPlace {
  readonly log_id: string;
  readonly file: string;
  /** The last line written. */
  readonly last: Place;
  readonly size_bytes: number;
}

export type FromWriter =
  | { readonly type: "started"; readonly place: LogPlace; readonly repaired: number }
  | { readonly type: "not_started"; readonly trouble: Trouble }
  /** So many batches were dealt with, and are given back; with a trouble, none of their decisions was written. */
  | {
      readonly type: "done";
      readonly batches: readonly ArrayBuffer[];
      readonly trouble: Trouble | null;
      readonly place: LogPlace;
    }
  | { readonly type: "failing"; readonly trouble: Trouble }
  | { readonly type: "ready"; readonly place: LogPlace }
  | { readonly type: "flushed"; readonly trouble: Trouble | null; readonly place: LogPlace }
  | { readonly type: "closed"; readonly trouble: Trouble | null; readonly place: LogPlace };
