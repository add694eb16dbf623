/** What can be wrong with an audit log: the operator sees it at start, the gate as a launch that cannot be recorded. */

import { LaunchError } from "../../engine/index.js";

export type AuditErrorCode =
  /** an option is none, or the key is of no kind that signs checkpoints */
  | "option"
  /** the directory cannot be made, read or written */
  | "directory"
  /** another process writes this log */
  | "locked"
  /** the last file is altered: only an unfinished end is repaired unasked */
  | "damaged"
  /** records cannot be written: disk full, I/O error, file gone */
  | "sink"
  /** more records are under way than are allowed to be */
  | "lag"
  /** the writing thread ended */
  | "writer"
  /** the log is closed */
  | "closed";

/** A log that cannot be opened, or a record that was not written. */
export class AuditError extends LaunchError {
  override readonly name = "AuditError";
  readonly code: AuditErrorCode;

  constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
