/**
 * The neighbours of a launch: events that differ from it in one thing, each bit, version, identity, grant and origin in
 * turn, and in what must follow from that. Truth for the fields: Intel SDM vol. 3D, SIGSTRUCT, EINITTOKEN and SECS.
 *
 * The signature of a changed SIGSTRUCT is wrong unless somebody signs it anew: judge variants without checking it.
 */

import type { LaunchEvent } from "../../../hooks/index.js";
import type { Limits } from "./limits.js";
import { parentOf, type Resign, type Variant } from "./variant.js";
import { factVariants } from "./variants-facts.js";
import { sigstructVariants } from "./variants-sigstruct.js";
import { tokenVariants } from "./variants-token.js";

export interface VariantOptions {
  /** Lines that the policy's data draws; there are variants on both sides of each. */
  readonly limits?: Limits;
  /** Default: nobody signs. */
  readonly resign?: Resign;
}

const NO_LIMITS: Limits = { times: [], isvsvns: [] };

/**
 * The variants of an event, always in the same order; `takeEvent` takes all of them. A structure of the wrong length has
 * none.
 * @throws EventError where the parent is no LaunchEvent
 */
export function variantsOf(event: LaunchEvent, options: VariantOptions = {}): readonly Variant[] {
  const { limits = NO_LIMITS, resign } = options;
  const parent = parentOf(event);
  return [...sigstructVariants(parent, limits, resign), ...tokenVariants(parent), ...factVariants(parent, limits)];
}
