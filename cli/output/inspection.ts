/** What `launchgate inspect` says of one structure, as data. Field names are the SDM's, as policies see them. */

import {
  attributeBits,
  debugLaunchable,
  decodeEinittoken,
  decodeSecs,
  decodeSigstruct,
  einittokenFindings,
  type Finding,
  type FoundStructure,
  hex,
  hex8,
  hex32,
  hex64,
  knownSigner,
  mrenclaveOf,
  mrsignerOf,
  type SigstructInput,
  secsFindings,
  sha256Hex,
  sigstructFields,
  sigstructFindings,
  tokenFields,
  verifySignature,
} from "../../engine/index.js";

interface Place {
  readonly file: string;
  readonly offset: number;
}

export type Inspection =
  | { readonly file: string; readonly error: string }
  | (Place & {
      readonly kind: "sigstruct";
      readonly sigstruct: SigstructInput;
      readonly mrsigner: string;
      readonly mrenclave: string;
      readonly signature_valid: boolean;
      readonly q1_valid: boolean;
      readonly q2_valid: boolean;
      readonly debug_launchable: boolean;
      readonly findings: readonly Finding[];
      readonly signer: { readonly name: string; readonly key_is_public: boolean } | null;
    })
  | (Place & {
      readonly kind: "einittoken";
      readonly einittoken: ReturnType<typeof tokenFields> & { readonly sha256: string };
      readonly findings: readonly Finding[];
    })
  | (Place & {
      readonly kind: "secs";
      readonly secs: ReturnType<typeof secsFields>;
      readonly findings: readonly Finding[];
    });

export function inspect(file: string, { kind, offset, bytes }: FoundStructure): Inspection {
  switch (kind) {
    case "sigstruct":
      return { file, kind, offset, ...inspectSigstruct(bytes) };
    case "einittoken": {
      const token = decodeEinittoken(bytes);
      const einittoken = { ...tokenFields(token), sha256: sha256Hex(bytes) };
      return { file, kind, offset, einittoken, findings: einittokenFindings(token) };
    }
    case "secs":
      return { file, kind, offset, secs: secsFields(bytes), findings: secsFindings(decodeSecs(bytes)) };
    default:
      return kind satisfies never;
  }
}

function inspectSigstruct(
  bytes: Uint8Array,
): Omit<Extract<Inspection, { kind: "sigstruct" }>, "file" | "kind" | "offset"> {
  const sigstruct = decodeSigstruct(bytes);
  const { signature_valid, q1_valid, q2_valid } = verifySignature(bytes);
  const mrsigner = mrsignerOf(sigstruct.modulus);
  const findings = sigstructFindings(sigstruct);
  const signer = knownSigner(mrsigner);
  return {
    sigstruct: {
      ...sigstructFields(sigstruct),
      sha256: sha256Hex(bytes),
      mrsigner,
      signature: signature_valid && q1_valid && q2_valid ? "valid" : "invalid",
      findings: findings.map(({ code }) => code),
    },
    mrsigner,
    mrenclave: mrenclaveOf(sigstruct),
    signature_valid,
    q1_valid,
    q2_valid,
    debug_launchable: debugLaunchable(sigstruct),
    findings,
    signer: signer === null ? null : { name: signer.name, key_is_public: signer.key_is_public },
  };
}

/** The fields that a SECS's creator sets. */
function secsFields(bytes: Uint8Array) {
  const secs = decodeSecs(bytes);
  return {
    size: hex64(secs.size),
    baseaddr: hex64(secs.baseaddr),
    ssaframesize: secs.ssaframesize,
    miscselect: hex32(secs.miscselect),
    cet_leg_bitmap_offset: hex64(secs.cet_leg_bitmap_offset),
    cet_attributes: hex8(secs.cet_attributes),
    attributes: {
      flags: hex64(secs.attributes.flags),
      xfrm: hex64(secs.attributes.xfrm),
      bits: attributeBits(secs.attributes),
    },
    configid: hex(secs.configid),
    configsvn: secs.configsvn,
  };
}
