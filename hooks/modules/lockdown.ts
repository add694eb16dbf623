/**
 * The lockdown module: floor rules that hold whatever the policies say, and with no policy at all. Modelled on the
 * kernel's lockdown LSM and its levels.
 *
 * `integrity` keeps out enclaves that anybody could have signed, and launch enclaves. `confidentiality` also keeps out
 * enclaves whose memory a debugger can read.
 */

import { ConfigError, knownSigner, type Launch, launchBit } from "../../engine/index.js";
import { type LaunchModule, type ModuleAnswer, type ModuleReason, PASS } from "../hook-defs.js";
import { builtIn } from "./built-in.js";

export const LOCKDOWN_LEVELS = ["none", "integrity", "confidentiality"] as const;
export type LockdownLevel = (typeof LOCKDOWN_LEVELS)[number];

/** @throws ConfigError `option` where the level is none of the three */
export function lockdown(level: LockdownLevel = "none"): LaunchModule {
  if (!LOCKDOWN_LEVELS.includes(level)) {
    throw new ConfigError("option", `lockdown must be one of ${LOCKDOWN_LEVELS.join(", ")}`);
  }
  return builtIn({
    name: "lockdown",
    hooks: level === "none" ? {} : { enclave_init: ({ launch }) => floor(launch, level) },
  });
}

function floor(launch: Launch, level: "integrity" | "confidentiality"): ModuleAnswer {
  const debug = launchBit(launch, "debug");
  const einittokenkey = launchBit(launch, "einittokenkey");
  const reasons: ModuleReason[] = [];
  const signer = launch.mrsigner === null ? null : knownSigner(launch.mrsigner);
  if (signer?.key_is_public === true) {
    reasons.push({
      code: "lockdown_key_is_public",
      message: `the private half of the signing key is public (${signer.name})`,
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
