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
  type Secs,
  type SigstructInput,
  secsFindings,
  sha256Hex,
  sigstructFields,
  sigstructFindings,
  tokenFields,
  unsignedSigstruct,
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
    })
  | (Place & {
      readonly kind: "signing_material";
      /** Without what the key makes of it. */
      readonly sigstruct: Omit<ReturnType<typeof sigstructFields>, "exponent">;
      readonly mrenclave: string;
      readonly sha256: string;
      readonly debug_launchable: boolean;
      readonly findings: readonly Finding[];
    })
  | (Place & {
      readonly kind: "sgxs";
      readonly mrenclave: string;
      readonly size: string;
      readonly ssaframesize: number;
      readonly pages: number;
      readonly measured_bytes: number;
      readonly unmeasured_bytes: number;
      readonly canonical: boolean;
      /** The SIGSTRUCTs and signing material inspected along with it that name this MRENCLAVE: `file`, or `file@offset`. */
      readonly matches: readonly string[];
      readonly findings: readonly Finding[];
    });

/** `matches` stays empty here: see `withMatches`. */
export function inspect(file: string, structure: FoundStructure): Inspection {
  const { kind, offset } = structure;
  switch (kind) {
    case "sigstruct":
      return { file, kind, offset, ...inspectSigstruct(structure.bytes) };
    case "einittoken": {
      const token = decodeEinittoken(structure.bytes);
      const einittoken = { ...tokenFields(token), sha256: sha256Hex(structure.bytes) };
      return { file, kind, offset, einittoken, findings: einittokenFindings(token) };
    }
    case "secs": {
      const secs = decodeSecs(structure.bytes);
      return { file, kind, offset, secs: secsFields(secs), findings: secsFindings(secs) };
    }
    case "signing_material":
      return { file, kind, offset, ...inspectMaterial(structure.bytes) };
    case "sgxs": {
      const { mrenclave, size, ssaframesize, pages, measuredBytes, unmeasuredBytes, canonical } = structure;
      const measured = { pages, measured_bytes: measuredBytes, unmeasured_bytes: unmeasuredBytes, canonical };
      return { file, kind, offset, mrenclave, size: hex64(size), ssaframesize, ...measured, matches: [], findings: [] };
    }
    default:
      return kind satisfies never;
  }
}

/** Says of each SGXS stream which of the SIGSTRUCTs inspected along with it are its own. */
export function withMatches(inspections: readonly Inspection[]): readonly Inspection[] {
  return inspections.map((inspection) => {
    if ("error" in inspection || inspection.kind !== "sgxs") return inspection;
    const matches = new Set<string>();
    for (const other of inspections) {
      if ("error" in other || (other.kind !== "sigstruct" && other.kind !== "signing_material")) continue;
      if (other.mrenclave !== inspection.mrenclave) continue;
      matches.add(
        other.offset === 0 || other.file.endsWith(`@${other.offset}`) ? other.file : `${other.file}@${other.offset}`,
      );
    }
    return { ...inspection, matches: [...matches] };
  });
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

/** As of a SIGSTRUCT, but for the key, the signature, and what would be odd of their absence. */
function inspectMaterial(
  bytes: Uint8Array,
): Omit<Extract<Inspection, { kind: "signing_material" }>, "file" | "kind" | "offset"> {
  const sigstruct = decodeSigstruct(unsignedSigstruct(bytes));
  const { exponent: _, ...fields } = sigstructFields(sigstruct);
  return {
    sigstruct: fields,
    mrenclave: mrenclaveOf(sigstruct),
    sha256: sha256Hex(bytes),
    debug_launchable: debugLaunchable(sigstruct),
    findings: sigstructFindings({ ...sigstruct, exponent: 3 }),
  };
}

/** The fields that a SECS's creator sets. */
function secsFields(secs: Secs) {
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
