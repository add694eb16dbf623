import { expect, test } from "vitest";
import { hex, lepubkeyhashMsrs, lepubkeyhashOfMsrs, mrenclaveOf, mrsignerOf } from "../../../engine/sgx/identity.js";
import { INTEL_LE_MRSIGNER, KNOWN_SIGNERS, knownSigner } from "../../../engine/sgx/known-signers.js";

const COUNTING_MODULUS = Uint8Array.from({ length: 384 }, (_, index) => index & 0xff);
const INTEL_MSRS = [0xa6053e051270b7acn, 0x6cfbe8ba8b3b413dn, 0xc4916d99f2b3735dn, 0xd4f8c05909f9bb3bn] as const;

test("MRSIGNER is the SHA-256 of the modulus as stored", () => {
  expect(mrsignerOf(COUNTING_MODULUS)).toBe("f34de92ca27e7ff56382c81bd4a42873e539b113f4263bee46af7ccecf2df759");
});

test("MRSIGNER of the reversed modulus is another signer", () => {
  const reversed = new Uint8Array(COUNTING_MODULUS).reverse();
  expect(mrsignerOf(reversed)).toBe("2936d886cccade56ec4c407b1130e88fc4a85f38b8d8fb7dffe7d440129a54e6");
});

test.each([0, 383, 385])("a modulus of %i bytes has no MRSIGNER", (length) => {
  expect(() => mrsignerOf(new Uint8Array(length))).toThrow(
    expect.objectContaining({ code: "length", message: `MODULUS is ${length} bytes, expected 384` }),
  );
});

test("MRENCLAVE of a SIGSTRUCT is its ENCLAVEHASH in natural order", () => {
  const enclavehash = Uint8Array.from({ length: 32 }, (_, index) => index);
  expect(mrenclaveOf({ enclavehash })).toBe("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
});

test("the reset value of the hash registers is Intel's launch enclave signer, both ways", () => {
  expect(lepubkeyhashMsrs(INTEL_LE_MRSIGNER)).toEqual(INTEL_MSRS);
  expect(lepubkeyhashOfMsrs(INTEL_MSRS)).toBe(INTEL_LE_MRSIGNER);
});

test.each(["", "ac", INTEL_LE_MRSIGNER.toUpperCase(), `${INTEL_LE_MRSIGNER}00`, `0x${INTEL_LE_MRSIGNER.slice(2)}`])(
  "%j is refused as MRSIGNER",
  (text) => {
    expect(() => lepubkeyhashMsrs(text)).toThrow(expect.objectContaining({ code: "encoding" }));
  },
);

test.each([-1n, 2n ** 64n])("a register cannot hold %i", (value) => {
  expect(() => lepubkeyhashOfMsrs([0n, 0n, value, 0n])).toThrow(
    expect.objectContaining({ code: "field", message: expect.stringContaining("IA32_SGXLEPUBKEYHASH2") }),
  );
});

test("hex reads a view, not the buffer behind it", () => {
  expect(hex(Uint8Array.of(1, 2, 0xab, 0x0c, 5).subarray(2, 4))).toBe("ab0c");
});

test("every known signer is named by 64 lower-case digits", () => {
  for (const mrsigner of Object.keys(KNOWN_SIGNERS)) expect(mrsigner).toMatch(/^[0-9a-f]{64}$/);
  expect(Object.keys(KNOWN_SIGNERS)).toHaveLength(11);
});

test("a known signer is found by MRSIGNER alone", () => {
  expect(knownSigner(INTEL_LE_MRSIGNER)?.key_is_public).toBe(false);
  expect(knownSigner("83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e")?.key_is_public).toBe(true);
  expect(knownSigner("ca9ad7331448980aa28890ce73e433638377f179ab4456b2fe237193193a8d0a")?.key_is_public).toBe(true);
  for (const stranger of ["", "constructor", "__proto__", "0".repeat(64), INTEL_LE_MRSIGNER.toUpperCase()]) {
    expect(knownSigner(stranger)).toBeNull();
  }
});

test("no signer of a product has a public key", () => {
  for (const signer of Object.values(KNOWN_SIGNERS)) if (signer.key_is_public) expect(signer.products).toEqual([]);
});
