/**
 * EGo's enclave.json: what one enclave is signed with. Truth: EGo's documentation of its configuration file. It does not say
 * who signs; that is told beside it, by an enclave that was signed with it, or by MRSIGNER.
 */

import { DecodeError, debugLaunchable, mrsignerOf, type Sigstruct } from "../../engine/index.js";
import type { JsonObject } from "../../engine/json.js";
import { CommandError } from "../io.js";
import { isUint16 } from "./json.js";
import { type Imported, listingName, signerName } from "./model.js";

/** Who signs: a SIGSTRUCT whose signature was verified by whoever hands it in, or MRSIGNER alone. */
export type EgoSigner = { readonly sigstruct: Sigstruct } | { readonly mrsigner: string };

/** @throws DecodeError where a field is missing or wrong; CommandError exit 1 where the enclave was signed otherwise */
export function readEgo(config: JsonObject, signer: EgoSigner | null): Imported {
  const [isvprodid, isvsvn] = (["productID", "securityVersion"] as const).map((field) => {
    const value = config[field];
    if (isUint16(value)) return value;
    throw new DecodeError("field", `enclave.json: ${field} is no whole number from 0 to 65535`);
  }) as [number, number];
  const debug = config["debug"] ?? false;
  if (typeof debug !== "boolean") throw new DecodeError("field", "enclave.json: debug is neither true nor false");
  const exe = config["exe"] ?? "";
  if (typeof exe !== "string") throw new DecodeError("field", "enclave.json: exe is no text");
  const name = listingName(exe.slice(exe.lastIndexOf("/") + 1), `product ${isvprodid}`);
  if (signer === null) {
    throw new CommandError(
      1,
      "enclave.json does not say who signs, expected --sigstruct with an enclave signed so, or --mrsigner",
    );
  }
  if ("sigstruct" in signer) checkSigned(signer.sigstruct, { isvprodid, isvsvn });
  const mrsigner = "sigstruct" in signer ? mrsignerOf(signer.sigstruct.modulus) : signer.mrsigner;
  return {
    facts: [`EGo enclave.json of ${name}`],
    listings: [
      {
        kind: "signer",
        mrsigner,
        name: signerName(mrsigner, `signer of ${name}`),
        products: new Map([[isvprodid, { name, min_isvsvn: isvsvn }]]),
        debug,
        provisionkey: false,
        source: `EGo enclave ${name}`,
      },
    ],
    notes: [
      ...(debug ? [`${name}: debug permits DEBUG=1 to every listed product of the signer`] : []),
      ...("sigstruct" in signer && !debug && debugLaunchable(signer.sigstruct)
        ? [`${name}: enclave.json has debug off, but the enclave given may be launched with DEBUG=1`]
        : []),
    ],
  };
}

function checkSigned(signed: Sigstruct, claimed: { readonly isvprodid: number; readonly isvsvn: number }): void {
  for (const [field, setting] of [
    ["isvprodid", "productID"],
    ["isvsvn", "securityVersion"],
  ] as const) {
    if (signed[field] !== claimed[field]) {
      throw new CommandError(
        1,
        `enclave.json has ${setting} ${claimed[field]}, but the enclave given was signed with ${signed[field]}`,
      );
    }
  }
}
