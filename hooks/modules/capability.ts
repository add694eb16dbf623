/**
 * The capability module: PROVISIONKEY needs a grant, under every profile and with no policy at all. For native enclaves
 * the grant is an open descriptor of /dev/sgx_provision; for a guest, the VM's KVM_CAP_SGX_ATTRIBUTE.
 *
 * Only at enclave_init: before it, the grant may still come. Whether the signer may have the key is the policy's matter.
 */

import { launchBit } from "../../engine/index.js";
import { type HookCall, type LaunchModule, type ModuleAnswer, PASS } from "../hook-defs.js";
import { builtIn } from "./built-in.js";

export function capability(): LaunchModule {
  return builtIn({ name: "capability", hooks: { enclave_init: provisionkey } });
}

function provisionkey({ launch }: HookCall): ModuleAnswer {
  if (launch.event.grants.provisionkey.granted) return PASS;
  const provisionkey = launchBit(launch, "provisionkey");
  switch (provisionkey) {
    case "off":
      return PASS;
    case "on":
      return denial("PROVISIONKEY is on and was not granted");
    case "unknown":
      return denial("PROVISIONKEY is not pinned by ATTRIBUTEMASK, its value is unknown, and it was not granted");
    default:
      return provisionkey satisfies never;
  }
}

function denial(message: string): ModuleAnswer {
  return { answer: "deny", reasons: [{ code: "provisionkey_not_granted", message }] };
}
