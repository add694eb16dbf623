/** What a policy's answer means in the stack. Truth: the Launchgate contract, "Hooks and the module stack". */

import type { Answer } from "../../engine/index.js";
import { ALLOW, type ModuleAnswer } from "../hook-defs.js";

/** A non-empty `deny` denies whatever `allow` says; neither allowing nor denying is a denial. */
export function answerOf({ allow, deny, warn }: Answer): ModuleAnswer {
  if (deny.length > 0) return { answer: "deny", reasons: deny, warnings: warn };
  if (allow) return warn.length === 0 ? ALLOW : { answer: "allow", warnings: warn };
  return { answer: "deny", reasons: [NOT_ALLOWED], warnings: warn };
}

const NOT_ALLOWED = Object.freeze({
  code: "not_allowed",
  message: "the policy did not allow the launch, and gave no reason",
});
