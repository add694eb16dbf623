/**
 * What an addition to the data document can do about a denial, by its code: one table. Truth: the rules in policies/ and
 * the data schema (policies/schema/data.schema.json).
 *
 * Only additions are ever proposed. Where a denial stands because somebody has said so (a revocation, a limit, a closed
 * origin), it is theirs to change. A code that is not in the table is of a policy of one's own, and not understood here.
 */

import { REASONS } from "../../engine/index.js";

export type Flag = "debug" | "provisionkey" | "einittokenkey";

export type Lift =
  /** A listing of the signer, the product or the measurement. */
  | { readonly by: "listing" }
  /** A further id in the listing that there is. */
  | { readonly by: "id"; readonly list: "isvextprodids" | "isvfamilyids" }
  | { readonly by: "flag"; readonly flag: Flag }
  | { readonly by: "lepubkeyhash" }
  /** A further name in the list of a place that has one. */
  | { readonly by: "place"; readonly place: "origins" | "vms"; readonly list: "mrsigners" | "mrenclaves" }
  | { readonly by: "vm"; readonly flag: "epc" | "provisionkey" }
  | { readonly by: "nothing"; readonly why: string };

const never = (why: string): Lift => ({ by: "nothing", why });
const listed = (what: string): Lift => never(`the listing says otherwise: ${what} is a change to it, not an addition`);
const REVOKED = never("it is revoked, and nothing lifts that");
const RESTRICTED = never("the data document forbids it for this place");

const AT_INIT: Readonly<Record<string, Lift>> = {
  signer_not_listed: { by: "listing" },
  product_not_listed: { by: "listing" },
  isvextprodid_not_listed: { by: "id", list: "isvextprodids" },
  isvfamilyid_not_listed: { by: "id", list: "isvfamilyids" },
  isvsvn_too_low: listed("lowering min_isvsvn"),
  signer_not_yet_valid: listed("moving not_before"),
  signer_expired: listed("moving not_after"),
  signer_key_public: never("anybody can sign with that key, so a listing would list everybody"),
  mrenclave_signer_mismatch: listed("another mrsigner"),
  mrenclave_product_mismatch: listed("another isvprodid"),
  mrenclave_isvsvn_too_low: listed("lowering min_isvsvn"),
  mrenclave_not_yet_valid: listed("moving not_before"),
  mrenclave_expired: listed("moving not_after"),
  mrenclave_revoked: REVOKED,
  mrsigner_revoked: REVOKED,
  product_revoked: REVOKED,
  debug_on: { by: "flag", flag: "debug" },
  debug_unknown: { by: "flag", flag: "debug" },
  provisionkey_not_listed: { by: "flag", flag: "provisionkey" },
  provisionkey_unknown: { by: "flag", flag: "provisionkey" },
  einittokenkey_not_listed: { by: "flag", flag: "einittokenkey" },
  einittokenkey_unknown: { by: "flag", flag: "einittokenkey" },
  attribute_forbidden: never("the data document forbids the attribute for every launch"),
  attribute_forbidden_unknown: never("the data document forbids the attribute for every launch"),
  attribute_required: never("the data document requires the attribute of every launch"),
  attribute_required_unknown: never("the data document requires the attribute of every launch"),
  token_mismatch: never("the launch token is for another enclave"),
  lepubkeyhash_unknown: never("the source does not say the launch enclave hash"),
  lepubkeyhash_none_listed: { by: "lepubkeyhash" },
  lepubkeyhash_not_listed: { by: "lepubkeyhash" },
  origin_disabled: RESTRICTED,
  origin_enforcement: RESTRICTED,
  origin_debug: RESTRICTED,
  origin_provisionkey: RESTRICTED,
  origin_einittokenkey: RESTRICTED,
  origin_signer_not_listed: { by: "place", place: "origins", list: "mrsigners" },
  origin_mrenclave_not_listed: { by: "place", place: "origins", list: "mrenclaves" },
  vm_disabled: RESTRICTED,
  vm_enforcement: RESTRICTED,
  vm_debug: RESTRICTED,
  vm_provisionkey: RESTRICTED,
  vm_einittokenkey: RESTRICTED,
  vm_signer_not_listed: { by: "place", place: "vms", list: "mrsigners" },
  vm_mrenclave_not_listed: { by: "place", place: "vms", list: "mrenclaves" },
};

const AT_VM: Readonly<Record<string, Lift>> = {
  vm_unknown: never("the source does not say which VM asks"),
  vm_epc_not_listed: { by: "vm", flag: "epc" },
  vm_epc: RESTRICTED,
  vm_provisionkey_not_listed: { by: "vm", flag: "provisionkey" },
};

const EARLY = never("nobody has signed yet at this hook: it passes once a listing grants the same at enclave_init");

/** What could lift a denial with this code at this hook. */
export function liftOf(code: string, hook: string): Lift {
  if (Object.hasOwn(REASONS, code))
    return never(
      REASONS[code as keyof typeof REASONS].replace(/\.$/, "").replace(/^./, (first) => first.toLowerCase()),
    );
  if (/^SGX_/.test(code)) return never("EINIT would refuse it, whatever a policy says");
  if (hook !== "enclave_init" && Object.hasOwn(AT_VM, code)) return AT_VM[code] as Lift;
  const lift = Object.hasOwn(AT_INIT, code) ? (AT_INIT[code] as Lift) : UNKNOWN;
  return hook === "enclave_init" || lift.by === "nothing" ? lift : EARLY;
}

const UNKNOWN = never("it is a rule of the policy's own, and what lifts it is not known here");
