/**
 * The lockdown module: floor rules that hold whatever the policies say, and with no policy at all. Modelled on the
 * kernel's lockdown LSM and its levels.
 *
 * `integrity` keeps out enclaves that anybody could have signed, and launch enclaves. `confidentiality` also keeps out
 * enclaves whose memory a debugger can read.
 */

import { ConfigError, launchBits } from "../../engine/index.js";
import { type HookCall, type LaunchModule, type ModuleAnswer, type ModuleReason, PASS } from "../hook-defs.js";

export const LOCKDOWN_LEVELS = ["none", "integrity", "confidentiality"] as const;
export type LockdownLevel = (typeof LOCKDOWN_LEVELS)[number];

/** @throws ConfigError `option` where the level is none of the three */
export function lockdown(level: LockdownLevel = "none"): LaunchModule {
  if (!LOCKDOWN_LEVELS.includes(level)) {
    throw new ConfigError("option", `lockdown must be one of ${LOCKDOWN_LEVELS.join(", ")}`);
  }
  return { name: "lockdown", hooks: { enclave_init: (call) => floor(call, level) } };
}

function floor({ launch, input }: HookCall, level: LockdownLevel): ModuleAnswer {
  if (level === "none") return PASS;
  const { debug, einittokenkey } = launchBits(launch);
  const reasons: ModuleReason[] = [];
  if (input.enclave?.signer?.key_is_public === true) {
    reasons.push({
      code: "lockdown_key_is_public",
      message: `the private half of the signing key is public (${input.enclave.signer.name})`,
    });
  }
  if (einittokenkey !== "off") {
    reasons.push({ code: "lockdown_einittokenkey", message: `EINITTOKENKEY is ${einittokenkey}, expected off` });
  }
  if (level === "confidentiality" && debug !== "off") {
    reasons.push({ code: "lockdown_debug", message: `DEBUG is ${debug}, expected off` });
  }
  return reasons.length > 0 ? { answer: "deny", reasons } : PASS;
}
