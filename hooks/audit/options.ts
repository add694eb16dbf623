/** The settings of an audit log, with what they are where nobody says. */

import type { KeyObject } from "node:crypto";
import type { SignatureCheck } from "../../engine/index.js";
import { AuditError } from "./errors.js";
import type { WriterOptions } from "./messages.js";

export interface AuditLogOptions {
  /** Made where it is not there, for its owner only. */
  readonly directory: string;
  /** Whether records outlast a crash before or after `done`. Default `before`. */
  readonly durability?: "before" | "after";
  /** What becomes of launches that cannot be recorded. Default `close`: they are to be denied. */
  readonly onFailure?: "close" | "open";
  /** A new file is begun when one has about so many bytes, default 256 MiB, … */
  readonly rotateBytes?: number;
  /** … or is so old. Default a day. */
  readonly rotateSeconds?: number;
  /** So many files are kept; older ones are deleted, and the log says so. Default null: all are kept. */
  readonly keepFiles?: number | null;
  /** A checkpoint is written after about so many records, default 1000, … */
  readonly checkpointRecords?: number;
  /** … or so much time, where there were any. Default 60. */
  readonly checkpointSeconds?: number;
  /** Private Ed25519 or P-256 key that signs checkpoints. Default null: they are not signed, and prove little. */
  readonly checkpointKey?: KeyObject | null;
  /** With durability `after`: how long records may be written and not yet outlast a crash. Default 1000. */
  readonly syncMs?: number;
  /** Records that may be under way to the file at one time. Default 16384. */
  readonly maxLagRecords?: number;
  /** Whether the signature behind a denial is verified before it is recorded: not with `never`. */
  readonly signatureCheck?: SignatureCheck;
  /** Goes on in a new file behind a last one that is damaged, instead of not starting. Default false. */
  readonly acceptDamage?: boolean;
  /** Told whenever records can be written no more (why), and when they can again (null). */
  readonly onState?: (failure: AuditError | null) => void;
}

/** @throws AuditError `option` */
export function checkedOptions(options: AuditLogOptions): WriterOptions {
  const { checkpointKey = null, keepFiles = null } = options;
  if (checkpointKey !== null && checkpointKey.type !== "private")
    throw new AuditError("option", `checkpointKey is a ${checkpointKey.type} key, expected a private one`);
  if (keepFiles !== null) positive("keepFiles", keepFiles);
  return {
    directory: options.directory,
    durability: options.durability ?? "before",
    onFailure: options.onFailure ?? "close",
    rotateBytes: positive("rotateBytes", options.rotateBytes ?? 256 * 1024 * 1024),
    rotateMs: positive("rotateSeconds", options.rotateSeconds ?? 86_400) * 1000,
    keepFiles,
    checkpointRecords: positive("checkpointRecords", options.checkpointRecords ?? 1000),
    checkpointMs: positive("checkpointSeconds", options.checkpointSeconds ?? 60) * 1000,
    checkpointKey,
    syncMs: positive("syncMs", options.syncMs ?? 1000),
    maxLagRecords: positive("maxLagRecords", options.maxLagRecords ?? 16_384),
    signatureCheck: options.signatureCheck ?? "before_logging_deny",
    acceptDamage: options.acceptDamage ?? false,
  };
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new AuditError("option", `${name} is ${value}, expected an integer above 0`);
}
