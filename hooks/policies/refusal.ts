/** PolicyRefusal: why a policy that was offered is not in force. */

import type { PolicyErrorCode } from "../../engine/index.js";
import type { PolicyState } from "./ledger.js";

export type RefusalCode =
  | PolicyErrorCode
  /** the file or folder cannot be read */
  | "source_unreadable"
  /** the folder has no bundle */
  | "source_empty"
  /** the revision has no order */
  | "revision_format"
  /** it is of another form than the one before */
  | "revision_form"
  /** it is older than the one before */
  | "revision_rollback"
  /** it is the one before, the policy is not */
  | "revision_reused"
  /** the source has had a policy that it no longer has */
  | "policy_removed"
  /** two policies have the same name */
  | "policy_duplicate"
  /** the policies could not be made ready to decide */
  | "prepare_failed"
  /** the state file could not be written, so that a rollback could not be seen later */
  | "state_unwritable";

export interface PolicyRefusal {
  readonly code: RefusalCode;
  readonly message: string;
  /** The file or source at fault; null: all of them together. */
  readonly source: string | null;
  /** What was refused, as far as it could be read. Nothing of it is vouched for. */
  readonly policy: PolicyState | null;
}
