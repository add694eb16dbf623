/** Lists of other tools for tests of importers: made and signed here, with keys that live as long as the process. */

import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { modulusOf } from "../../engine/sgx/sign.js";
import { testKey } from "./sigstructs.js";

/** P-256 keys of a white list's chain. */
export const ROOT_KEY = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const PROVIDER_KEY = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

/** X and Y, 32 bytes each. */
function pointOf(key: KeyObject): Buffer {
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

function ecdsa(message: Uint8Array, key: KeyObject): Buffer {
  return sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
}

interface WhitelistFields {
  readonly mrsigners: readonly string[];
  readonly version?: number;
  readonly product?: number;
  /** Another than the number of entries. */
  readonly count?: number;
}

/** A white list certificate chain under ROOT_KEY. */
export function makeWhitelist({ mrsigners, version = 30, product = 0x20, count }: WhitelistFields): Buffer {
  const certificate = Buffer.concat([Buffer.from("0001000000000000", "hex"), pointOf(PROVIDER_KEY.publicKey)]);
  const header = Buffer.alloc(16);
  header.writeUInt16BE(1, 0);
  header.writeUInt16BE(1, 2);
  header.writeUInt16BE(product, 6);
  header.writeUInt32BE(version, 8);
  header.writeUInt32BE(count ?? mrsigners.length, 12);
  const list = Buffer.concat([header, ...mrsigners.map((mrsigner) => Buffer.from(mrsigner, "hex"))]);
  return Buffer.concat([
    certificate,
    ecdsa(certificate, ROOT_KEY.privateKey),
    list,
    ecdsa(list, PROVIDER_KEY.privateKey),
  ]);
}

interface RefLeEntry {
  readonly provisionkey?: boolean;
  readonly mrsigner: string;
  readonly mrenclave?: string;
}

/** A ref_le white list, signed with the key of that name. */
export function makeRefLe(entries: readonly RefLeEntry[], keyName = "launch enclave", exponent = 3): Buffer {
  const header = Buffer.alloc(396);
  header.writeUInt16BE(1, 0);
  header.writeUInt32BE(7, 2);
  header.writeUInt16BE(entries.length, 6);
  header.set(Buffer.from(modulusOf(testKey(keyName))).reverse(), 8);
  header.writeUInt32BE(exponent, 392);
  const list = Buffer.concat([
    header,
    ...entries.map(({ provisionkey = false, mrsigner, mrenclave }) =>
      Buffer.concat([
        Buffer.from([provisionkey ? 1 : 0, mrenclave === undefined ? 0 : 1, 0, 0, 0, 0, 0, 0]),
        Buffer.from(mrsigner, "hex").reverse(),
        Buffer.from(mrenclave ?? "00".repeat(32), "hex").reverse(),
      ]),
    ),
  ]);
  return Buffer.concat([list, sign("sha256", list, testKey(keyName))]);
}

/** The public half of a key, as PEM. */
export function publicPem(key: KeyObject): string {
  const half = key.type === "public" ? key : createPublicKey(key);
  return String(half.export({ type: "spki", format: "pem" }));
}
