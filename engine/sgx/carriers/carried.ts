/** What a file turns out to carry: the shapes that all readers of carriers share. */

import type { MeasuredStream } from "../measured-stream.js";

/**
 * A structure as it lies in the file. `offset` is where, in bytes, and 0 where the file is text; `bytes` is a copy of
 * exactly the structure's size. `signing_material` is what `sgx_sign gendata` writes: the 256 bytes of a SIGSTRUCT that
 * are to be signed.
 */
export type FoundBytes = {
  readonly kind: "sigstruct" | "einittoken" | "secs" | "signing_material";
  readonly offset: number;
  readonly bytes: Uint8Array;
};

/** What loading an SGXS stream would measure. The stream itself is not kept: it may be very long. */
export type FoundStream = { readonly kind: "sgxs"; readonly offset: 0 } & MeasuredStream;

export type FoundStructure = FoundBytes | FoundStream;

/** The forms that are known by their size, and may be written as text. */
export type RawCarrier =
  | "SIGSTRUCT"
  | "page with a SIGSTRUCT"
  | "EINITTOKEN"
  | "Intel launch token"
  | "SECS"
  | "sgx_sign gendata material";

/** The forms that are known by how they begin, and have the structures inside or are measured. */
export const IMAGE_CARRIERS = [
  "Intel SDK signed ELF",
  "Open Enclave ELF",
  "ELF with both Intel SDK and Open Enclave signatures",
  "ELF",
  "Intel SDK signed PE",
  "PE",
  "SGXS stream",
] as const;

/** What carries the structures, for people. */
export type Carrier = RawCarrier | `${RawCarrier} as text` | (typeof IMAGE_CARRIERS)[number];

/**
 * What was found, in the order of offsets, or why nothing was: never both, so that nobody takes the sound half of a
 * broken file for the whole of it. `carrier` is null where the content is none of the known forms.
 */
export type Carried =
  | { readonly carrier: Carrier; readonly structures: readonly FoundStructure[]; readonly problem: null }
  | { readonly carrier: Carrier | null; readonly structures: readonly []; readonly problem: string };

/** The structures of a carrier, before anything was said about what is wrong. */
export type Find<C extends Carrier = Carrier> = {
  readonly carrier: C;
  readonly structures: readonly FoundStructure[];
};
