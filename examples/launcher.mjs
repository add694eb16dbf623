/**
 * A launcher that asks before it launches: the library embedded, the built-in policy with a data document of its own.
 *
 *   node examples/launcher.mjs
 *
 * A library decides; it cannot enforce. Another launcher on the same host is not stopped by this one's good manners.
 */

import { createGate, generateSigningKey, modulusOf, mrsignerOf, signSigstruct } from "launchgate";

const ours = generateSigningKey();
const theirs = generateSigningKey();

// Loading throws here, at start, where a person can see it. Deciding never throws.
const gate = createGate({
  profile: "strict",
  data: [
    {
      version: 1,
      signers: { [mrsignerOf(modulusOf(ours))]: { name: "our build farm", products: { 1: { min_isvsvn: 3 } } } },
    },
  ],
});

/** Launches only what the gate allowed, and exactly the bytes that it judged. */
function launch(name, privateKey, isvsvn, flags) {
  const sigstruct = signSigstruct({
    privateKey,
    fields: {
      date: "2026-11-22",
      enclavehash: new Uint8Array(32).fill(1),
      isvprodid: 1,
      isvsvn,
      attributes: { flags, xfrm: 3n },
    },
  });
  const { decision, reasons } = gate.decide({
    v: 1,
    hook: "enclave_init",
    id: name,
    time: Math.floor(Date.now() / 1000),
    origin: { kind: "native", enforcement: "library", process: null, vm: null, guest: null },
    platform: { flc: null, lepubkeyhash: null },
    grants: { provisionkey: { granted: false, how: null } },
    sigstruct,
    token: null,
    secs: {
      attributes: { flags: `0x${flags.toString(16)}`, xfrm: "0x3" },
      attributes_known: { flags: "0xffffffffffffffff", xfrm: "0xffffffffffffffff" },
      attributes_allowed: null,
      miscselect: null,
      miscselect_known: null,
      cet_attributes: null,
      configid: null,
      configsvn: null,
      size: null,
    },
    deadline_ms: null,
    synthetic: false,
  });
  console.log(`${name}: ${decision}${reasons.map(({ code, message }) => `\n  ${code}: ${message}`).join("")}`);
  // if (decision === "allow") ioctl(enclave, SGX_IOC_ENCLAVE_INIT, sigstruct) else return -EACCES
}

launch("current release", ours, 3, 0x4n);
launch("old release", ours, 2, 0x4n);
launch("debug build", ours, 3, 0x6n);
launch("somebody else's", theirs, 3, 0x4n);
