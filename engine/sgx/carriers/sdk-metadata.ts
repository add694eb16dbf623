/**
 * What Intel's `sgx_sign` leaves in an enclave: in ELF the note `sgx_metadata` in section `.note.sgxmeta`, in PE the
 * section `sgxmeta` without a note around it. Inside lie one or several `metadata_t`, one right after the other: newer
 * SDKs append blocks for older loaders, as a rule with the same SIGSTRUCT in each. Truth: the SDK's metadata.h,
 * sign_tool.cpp (`append_compatible_metadata`) and elfparser.cpp (`get_meta_property`).
 *
 * Of each block its first 20 bytes and its SIGSTRUCT are read, of at most 16 blocks. Whether the layout that a block
 * describes makes the MRENCLAVE that its SIGSTRUCT names is not checked here.
 */

import { DecodeError } from "../../errors.js";
import { firstNonzero } from "../findings.js";
import { SIGSTRUCT_SIZE } from "../sigstruct.js";
import type { FoundBytes } from "./carried.js";
import type { Section } from "./sections.js";
import { type ByteSource, readExactly, viewOf } from "./source.js";

export const SDK_ELF_SECTION = ".note.sgxmeta";
export const SDK_PE_SECTION = "sgxmeta";

/** namesz, descsz and type, and after them the name with its NUL and, against the ELF specification, no padding. */
const NOTE_HEADER_SIZE = 12;
const NOTE_NAME = "sgx_metadata\0";
const NOTE_SIZE = NOTE_HEADER_SIZE + NOTE_NAME.length;

const MAGIC = 0x86a80294635d0e4cn;
/** Magic, version and size of a block. */
const BLOCK_HEADER_SIZE = 20;
const MAX_BLOCKS = 16;

/** Where a block has its SIGSTRUCT. */
const SIGSTRUCT_OFFSET = 64;
/** The SDK for Windows began with another block, always of this size, that ends with its SIGSTRUCT. */
const OLD_WINDOWS_SIZE = 1876;
const OLD_WINDOWS_SIGSTRUCT_OFFSET = 68;
/** A block of today has two directories of eight bytes after its SIGSTRUCT. */
const MIN_BLOCK_SIZE = SIGSTRUCT_OFFSET + SIGSTRUCT_SIZE + 16;

/** The SIGSTRUCTs in an ELF file's `.note.sgxmeta`. @throws DecodeError where it is not what `sgx_sign sign` makes */
export function sdkElfSigstructs(source: ByteSource, section: Section): readonly FoundBytes[] {
  const { offset, size } = section;
  if (size < NOTE_SIZE) {
    throw new DecodeError("field", `section ${SDK_ELF_SECTION} is ${size} bytes, expected at least ${NOTE_SIZE}`);
  }
  const note = readExactly(source, offset, NOTE_SIZE, `the note in ${SDK_ELF_SECTION}`);
  const view = viewOf(note);
  const nameSize = view.getUint32(0, true);
  const descSize = view.getUint32(4, true);
  const name = Buffer.from(note.subarray(NOTE_HEADER_SIZE)).toString("latin1");
  if (nameSize !== NOTE_NAME.length || name !== NOTE_NAME) {
    throw new DecodeError("field", `section ${SDK_ELF_SECTION} holds another note, expected sgx_metadata`);
  }
  if (descSize > size - NOTE_SIZE) {
    throw new DecodeError(
      "field",
      `the sgx_metadata note says it has ${descSize} bytes, but its section has room for ${size - NOTE_SIZE}`,
    );
  }
  return sigstructsOf(source, offset + NOTE_SIZE, descSize);
}

/** The SIGSTRUCTs in a PE file's `sgxmeta`. @throws DecodeError where it is not what `sgx_sign sign` makes */
export function sdkPeSigstructs(source: ByteSource, { offset, size }: Section): readonly FoundBytes[] {
  return sigstructsOf(source, offset, size);
}

function sigstructsOf(source: ByteSource, start: number, size: number): readonly FoundBytes[] {
  const found: FoundBytes[] = [];
  let at = 0;
  while (size - at >= BLOCK_HEADER_SIZE) {
    const header = viewOf(readExactly(source, start + at, BLOCK_HEADER_SIZE, "the SDK's metadata"));
    if (header.getBigUint64(0, true) !== MAGIC) break;
    if (found.length === MAX_BLOCKS) {
      throw new DecodeError("field", `more than ${MAX_BLOCKS} metadata blocks follow each other, expected fewer`);
    }
    const blockSize = header.getUint32(16, true);
    found.push(sigstructOf(source, start + at, blockSize, size - at));
    at += blockSize;
  }
  if (found.length > 0) return found;
  throw new DecodeError(
    "field",
    "the enclave is not signed: where Intel's SDK puts its metadata there is none. Sign it with `sgx_sign sign`",
  );
}

function sigstructOf(source: ByteSource, start: number, size: number, room: number): FoundBytes {
  const old = size === OLD_WINDOWS_SIZE;
  if ((size < MIN_BLOCK_SIZE && !old) || size > room) {
    const expected = `expected ${OLD_WINDOWS_SIZE}, or ${MIN_BLOCK_SIZE} to the ${room} that are left`;
    throw new DecodeError("field", `the metadata block at ${start} says it is ${size} bytes, ${expected}`);
  }
  const offset = start + (old ? OLD_WINDOWS_SIGSTRUCT_OFFSET : SIGSTRUCT_OFFSET);
  const bytes = readExactly(source, offset, SIGSTRUCT_SIZE, "the SIGSTRUCT in the SDK's metadata");
  if (firstNonzero(bytes) < 0) {
    throw new DecodeError(
      "field",
      `the enclave is not signed: its SIGSTRUCT at ${offset} is all zero. Sign it with \`sgx_sign sign\``,
    );
  }
  return { kind: "sigstruct", offset, bytes };
}
