/**
 * The architecture module: denies exactly what EINIT would refuse and software can check, by the SDM's error names.
 * Truth: Intel SDM vol. 3D, EINIT. It never allows, and an unknown platform value or bit is never a refusal.
 */

import { checkEinit, isUnremarkable, type Launch, sigstructFindings, type TakenEvent } from "../../engine/index.js";
import { type LaunchModule, type ModuleAnswer, PASS } from "../hook-defs.js";
import { builtIn } from "./built-in.js";

export function architecture(): LaunchModule {
  return builtIn({ name: "architecture", hooks: { enclave_init: ({ launch }) => judge(launch) } });
}

function judge(launch: Launch): ModuleAnswer {
  const lepubkeyhash = hashInForce(launch.event);
  return isUnremarkable(launch, lepubkeyhash) ? PASS : judgeByTable(launch, lepubkeyhash);
}

function judgeByTable(
  { sigstruct, token, secs, mrsigner, signature }: Launch,
  lepubkeyhash: string | null,
): ModuleAnswer {
  if (sigstruct === null || mrsigner === null) return PASS;
  const { refusal } = checkEinit({
    sigstruct,
    token,
    attributes: secs?.attributes ?? null,
    attributes_known: secs?.attributes_known ?? null,
    attributes_allowed: secs?.attributes_allowed ?? null,
    miscselect: secs?.miscselect ?? null,
    miscselect_known: secs?.miscselect_known ?? null,
    cet_attributes: secs?.cet_attributes ?? null,
    lepubkeyhash,
    mrsigner,
    signature,
  });
  // What is odd and accepted by EINIT is worth a word, and is never a reason to deny here.
  const warnings = sigstructFindings(sigstruct)
    .filter(({ einit_error }) => einit_error === null)
    .map(({ code, message }) => ({ code, message }));
  if (refusal === null) return { answer: "pass", warnings };
  const { name, number, message } = refusal;
  return { answer: "deny", reasons: [{ code: name, message, einit_error: number }], warnings };
}

/** What the hash registers hold when EINIT runs. With launch control, Linux writes a native enclave's own signer there. */
function hashInForce({ origin, platform }: TakenEvent): string | null {
  return origin.kind === "native" && platform.flc !== false ? null : platform.lepubkeyhash;
}
