/**
 * Signers whose MRSIGNER is public knowledge: Intel's architectural enclaves, and keys whose private half anyone has.
 * Truth: the public keys and constants in the sources of Intel's SDK, PSW and DCAP, of Open Enclave and of Fortanix;
 * each digest was computed from the key or found in a signed enclave.
 *
 * Being in this table is no reason to trust: it says who a signer is, and where that is nobody in particular.
 */

/** An enclave that a signer is known for, and whether it asks for PROVISIONKEY. ISVSVN moves with each TCB recovery and is therefore not told. */
export type KnownProduct = { readonly isvprodid: number; readonly name: string; readonly provisionkey: boolean };

/** `key_is_public`: the private key is published, so anyone signs as this signer: treat it as no identity. */
export type KnownSigner = {
  readonly name: string;
  readonly key_is_public: boolean;
  readonly products: readonly KnownProduct[];
};

/** Signer of Intel's launch enclave: the reset value of IA32_SGXLEPUBKEYHASH0..3. */
export const INTEL_LE_MRSIGNER = "acb77012053e05a63d413b8bbae8fb6c5d73b3f2996d91c43bbbf90959c0f8d4";

/** By MRSIGNER. Products that share an ISVPRODID are told apart by MRENCLAVE or by their attributes. */
export const KNOWN_SIGNERS: Readonly<Record<string, KnownSigner>> = {
  [INTEL_LE_MRSIGNER]: {
    name: "Intel launch enclave",
    key_is_public: false,
    products: [{ isvprodid: 0x20, name: "LE", provisionkey: false }],
  },
  ec15b10787d2f84667ceb0b598ffc44a1f1cb80f670aae5df9e8fa9f6376e1f8: {
    name: "Intel EPID provisioning and quoting enclaves",
    key_is_public: false,
    products: [
      { isvprodid: 1, name: "PvE", provisionkey: true },
      { isvprodid: 1, name: "QE", provisionkey: false },
    ],
  },
  c54a62f2be9ef76efb1f3930ad81ea7f60defc1f5f25e09b7c067a815ae0c6cb: {
    name: "Intel provisioning certification enclave",
    key_is_public: false,
    products: [{ isvprodid: 1, name: "PCE", provisionkey: true }],
  },
  "8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff": {
    name: "Intel DCAP enclaves",
    key_is_public: false,
    products: [
      { isvprodid: 1, name: "QE3", provisionkey: true },
      { isvprodid: 1, name: "IDE", provisionkey: true },
      { isvprodid: 2, name: "TDQE", provisionkey: true },
      { isvprodid: 2, name: "QvE", provisionkey: false },
      { isvprodid: 3, name: "QaE", provisionkey: false },
    ],
  },
  fb4bab3d6036ac1d730fa83d7366df1dd2dfeac194ef335d6854d8a6c6475542: {
    name: "Fortanix",
    key_is_public: false,
    products: [],
  },
  "83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e": {
    name: "Intel SDK sample key Enclave1_private.pem",
    key_is_public: true,
    products: [],
  },
  "5e70caf3b3bb3b5dfaacfeaea8c2170d94e2f8c347b896f38640692b770e223f": {
    name: "Intel SDK template key Basename_private.pem",
    key_is_public: true,
    products: [],
  },
  "9664d90755bd901069d4725cdd428038473d726f1cec0edf0d78e18a596b1d4e": {
    name: "Intel reference launch enclave sample enclave test key",
    key_is_public: true,
    products: [],
  },
  fbbf17d6b0700e63ad55520f17ed6d2e06c2832217cd992bad243b5022ee83bc: {
    name: "Intel reference launch enclave test key",
    key_is_public: true,
    products: [],
  },
  ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a: {
    name: "Open Enclave debug signing key",
    key_is_public: true,
    products: [],
  },
  c87c2f0142180e15f48270a6b4ccc5b1b4e1569528c1080511591998f0714994: {
    name: "Intel DCAP qve_test_key.pem",
    key_is_public: true,
    products: [],
  },
};

/** Who signs as `mrsigner` (64 lower-case hex digits), or null where nobody well known does. */
export function knownSigner(mrsigner: string): KnownSigner | null {
  return Object.hasOwn(KNOWN_SIGNERS, mrsigner) ? (KNOWN_SIGNERS[mrsigner] ?? null) : null;
}
