/**
 * What Open Enclave's `oesign` leaves in an enclave: `oe_sgx_enclave_properties_t` at the start of section `.oeinfo`,
 * with the SIGSTRUCT inside. Truth: Open Enclave's include/openenclave/bits/sgx/sgxproperties.h, whose structure grew
 * over time; its size tells which one it is.
 */

import { DecodeError } from "../../errors.js";
import { firstNonzero } from "../findings.js";
import { SIGSTRUCT_SIZE } from "../sigstruct.js";
import type { FoundBytes } from "./carried.js";
import type { Section } from "./sections.js";
import { type ByteSource, readExactly, viewOf } from "./source.js";

export const OE_SECTION = ".oeinfo";

/** Size in bytes of the properties, by release of Open Enclave; the SIGSTRUCT and the end marker are the last of them. */
const SIZES = [1960, 1928, 1912];
const ENCLAVE_TYPE_SGX = 2;
const END_MARKER = 0xececececececececn;
const END_MARKER_SIZE = 8;

/** The SIGSTRUCT in an ELF file's `.oeinfo`. @throws DecodeError where there is none, and says so where it is unsigned */
export function oeSigstruct(source: ByteSource, section: Section): FoundBytes {
  if (section.size < 8) {
    throw new DecodeError("field", `section ${OE_SECTION} is ${section.size} bytes, expected at least 8`);
  }
  const header = viewOf(readExactly(source, section.offset, 8, `section ${OE_SECTION}`));
  const size = header.getUint32(0, true);
  const type = header.getUint32(4, true);
  if (!SIZES.includes(size) || size > section.size) {
    const expected = `expected ${SIZES.join(", ")}, and at most the ${section.size} of section ${OE_SECTION}`;
    throw new DecodeError("field", `the Open Enclave properties say they are ${size} bytes, ${expected}`);
  }
  if (type !== ENCLAVE_TYPE_SGX) {
    throw new DecodeError("field", `the Open Enclave image is of type ${type}, expected ${ENCLAVE_TYPE_SGX} (SGX)`);
  }
  const offset = section.offset + size - END_MARKER_SIZE - SIGSTRUCT_SIZE;
  const tail = readExactly(source, offset, SIGSTRUCT_SIZE + END_MARKER_SIZE, "the SIGSTRUCT in the properties");
  if (viewOf(tail).getBigUint64(SIGSTRUCT_SIZE, true) !== END_MARKER) {
    throw new DecodeError("field", `the Open Enclave properties do not end in their end marker, eight bytes of 0xec`);
  }
  const bytes = tail.slice(0, SIGSTRUCT_SIZE);
  if (firstNonzero(bytes) >= 0) return { kind: "sigstruct", offset, bytes };
  throw new DecodeError(
    "field",
    "the Open Enclave image is not signed: its SIGSTRUCT is all zero, and a host would sign it for debugging with a " +
      "key that is public. Sign it with `oesign sign`",
  );
}
