/**
 * A module of one's own in the stack: launches only in office hours, whatever the policies say.
 *
 *   node examples/custom-module.mjs
 */

import { createGate, generateSigningKey, signSigstruct } from "launchgate";

/** Restricts and never allows, as a Linux security module does: so it needs no `mayAllow`. */
const officeHours = {
  name: "office-hours",
  hooks: {
    enclave_init: ({ launch }) => {
      const hour = new Date(launch.event.time * 1000).getUTCHours();
      if (hour >= 8 && hour < 18) return { answer: "pass" };
      return {
        answer: "deny",
        reasons: [{ code: "out_of_hours", message: `it is ${hour} o'clock UTC, expected 8 to 17` }],
      };
    },
  },
};

const gate = createGate({ profile: "baseline", modules: [officeHours] });
console.log(`asked in this order: ${gate.modules.join(", ")}`);

const sigstruct = signSigstruct({
  privateKey: generateSigningKey(),
  fields: { date: "2026-11-22", enclavehash: new Uint8Array(32), isvprodid: 1, isvsvn: 1 },
});

for (const time of ["2026-11-23T10:00:00Z", "2026-11-23T22:00:00Z"]) {
  const { decision, reasons } = gate.decide({
    v: 1,
    hook: "enclave_init",
    id: null,
    time: Date.parse(time) / 1000,
    origin: { kind: "native", enforcement: "library", process: null, vm: null, guest: null },
    platform: { flc: null, lepubkeyhash: null },
    grants: { provisionkey: { granted: false, how: null } },
    sigstruct,
    token: null,
    secs: null,
    deadline_ms: null,
    synthetic: true,
  });
  console.log(`${time}: ${decision} ${reasons.map(({ code, module }) => `${code} [${module}]`).join(", ")}`.trimEnd());
}
