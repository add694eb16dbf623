/**
 * Signs an enclave with a key that is thrown away, and writes the SIGSTRUCT to stdout as base64.
 *
 *   node examples/sign.mjs [debug] | npx launchgate eval --sigstruct -
 */

import { generateSigningKey, signSigstruct } from "launchgate";

const MODE64BIT = 0x4n;
const DEBUG = 0x2n;
const mayDebug = process.argv[2] === "debug";

const sigstruct = signSigstruct({
  privateKey: generateSigningKey(),
  fields: {
    date: "2026-11-22",
    enclavehash: new Uint8Array(32).fill(0x5a),
    isvprodid: 7,
    isvsvn: 2,
    attributes: { flags: MODE64BIT, xfrm: 3n },
    // Intel's and Fortanix's signing tools leave DEBUG out of the mask by default, as `debug` does here.
    attributemask: { flags: 0xffff_ffff_ffff_ffffn & ~(mayDebug ? DEBUG : 0n), xfrm: 0xffff_ffff_ffff_ffffn },
  },
});

process.stdout.write(`${Buffer.from(sigstruct).toString("base64")}\n`);
