/**
 * Signs two releases of an enclave with a key that is thrown away, where a real repository builds and signs its own.
 *
 *   node make-enclaves.mjs OUT
 *
 * Writes OUT/released/service.sig and OUT/candidate/service.sig, and OUT/signers.yaml, which lists the key.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateSigningKey, modulusOf, mrsignerOf, signSigstruct } from "launchgate";

const [out = "build"] = process.argv.slice(2);
const privateKey = generateSigningKey();
const DAY_MS = 86_400_000;

function sign(folder, { mrenclave, isvsvn, daysAgo }) {
  mkdirSync(join(out, folder), { recursive: true });
  const sigstruct = signSigstruct({
    privateKey,
    fields: {
      date: new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10),
      enclavehash: new Uint8Array(32).fill(mrenclave),
      isvprodid: 7,
      isvsvn,
    },
  });
  writeFileSync(join(out, folder, "service.sig"), sigstruct);
}

sign("released", { mrenclave: 0x11, isvsvn: 2, daysAgo: 90 });
sign("candidate", { mrenclave: 0x22, isvsvn: 3, daysAgo: 1 });

writeFileSync(
  join(out, "signers.yaml"),
  `version: 1
signers:
  "${mrsignerOf(modulusOf(privateKey))}":
    name: our release key
    products:
      "7": { name: our service, min_isvsvn: 2 }
`,
);
