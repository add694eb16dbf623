/**
 * Where launch structures lie in a file, judged by its content alone, never by its name: one file per form in the folder
 * beside this, each naming the document that says what the form is.
 *
 * Any content has an answer. Of a file, however large, at most 2 MiB are read in at most 60 reads, whatever it says of
 * itself; only an SGXS stream is read to its end, in pieces, as long as it goes on being one.
 */

import { DecodeError } from "../errors.js";
import type { Carried, Find, FoundStructure } from "./carriers/carried.js";
import { elfSections, isElf } from "./carriers/elf.js";
import { OE_SECTION, oeSigstruct } from "./carriers/oeinfo.js";
import { peHeaderOffset, peSections } from "./carriers/pe.js";
import { findRaw, MAX_RAW_SIZE } from "./carriers/raw.js";
import { SDK_ELF_SECTION, SDK_PE_SECTION, sdkElfSigstructs, sdkPeSigstructs } from "./carriers/sdk-metadata.js";
import { soleSection } from "./carriers/sections.js";
import { type ByteSource, sourceOf } from "./carriers/source.js";
import { findInText, MAX_TEXT_SIZE } from "./carriers/text.js";
import { beginsStream, measureStream } from "./measured-stream.js";
import { SIGSTRUCT_SIZE } from "./sigstruct.js";

/** Enough of a file to know which form it has. */
const HEAD_SIZE = 64;

/**
 * The structures in a file, in the order of their offsets, or why there are none. What the structures hold is not
 * judged here: a file of 1808 bytes is a SIGSTRUCT whatever it says.
 *
 * Never throws on content; what `source.read` throws passes through.
 */
export function findStructures(from: ByteSource | Uint8Array): Carried {
  const source = from instanceof Uint8Array ? sourceOf(from) : from;
  if (source.sizeBytes !== SIGSTRUCT_SIZE) {
    const head = source.read(0, HEAD_SIZE);
    if (isElf(head)) return orProblem("ELF", () => findInElf(source));
    if (beginsStream(head)) return orProblem("SGXS stream", () => findStream(source));
    const headerOffset = peHeaderOffset(source, head);
    if (headerOffset !== null) return orProblem("PE", () => findInPe(source, headerOffset));
  }
  return findSmall(source);
}

const EXPECTED =
  "expected a SIGSTRUCT (1808 bytes), an EINITTOKEN (304, or 1024 as launch token), a SECS (4096), signing material " +
  "(256), hex or base64 of these, a signed ELF or PE enclave, or an SGXS stream";

function findSmall(source: ByteSource): Carried {
  if (source.sizeBytes <= MAX_TEXT_SIZE) {
    const bytes = source.read(0, source.sizeBytes);
    const found = (bytes.length <= MAX_RAW_SIZE ? findRaw(bytes) : null) ?? findInText(bytes);
    if (found !== null) return { ...found, problem: null };
  }
  return { carrier: null, structures: [], problem: `no structure found in ${source.sizeBytes} bytes, ${EXPECTED}` };
}

function findInElf(source: ByteSource): Find {
  const sections = elfSections(source, [SDK_ELF_SECTION, OE_SECTION]);
  const sdk = soleSection(sections, SDK_ELF_SECTION);
  const oe = soleSection(sections, OE_SECTION);
  if (sdk === null && oe === null) {
    throw new DecodeError(
      "field",
      `the ELF file has neither section ${SDK_ELF_SECTION} (Intel SDK) nor ${OE_SECTION} (Open Enclave): it is no ` +
        "enclave of these SDKs, or its signature is in a file of its own (.sig)",
    );
  }
  const structures: FoundStructure[] = [
    ...(sdk === null ? [] : sdkElfSigstructs(source, sdk)),
    ...(oe === null ? [] : [oeSigstruct(source, oe)]),
  ];
  if (sdk !== null && oe !== null) {
    structures.sort((one, other) => one.offset - other.offset);
    return { carrier: "ELF with both Intel SDK and Open Enclave signatures", structures };
  }
  return { carrier: sdk === null ? "Open Enclave ELF" : "Intel SDK signed ELF", structures };
}

function findInPe(source: ByteSource, headerOffset: number): Find {
  const section = soleSection(peSections(source, headerOffset, [SDK_PE_SECTION]), SDK_PE_SECTION);
  if (section === null) {
    throw new DecodeError("field", `the PE file has no section ${SDK_PE_SECTION}: it is no enclave of Intel's SDK`);
  }
  return { carrier: "Intel SDK signed PE", structures: sdkPeSigstructs(source, section) };
}

function findStream(source: ByteSource): Find {
  const measured = measureStream(source, { enhanced: true });
  return { carrier: "SGXS stream", structures: [{ kind: "sgxs", offset: 0, ...measured }] };
}

function orProblem(carrier: "ELF" | "PE" | "SGXS stream", find: () => Find): Carried {
  try {
    return { ...find(), problem: null };
  } catch (error) {
    if (error instanceof DecodeError) return { carrier, structures: [], problem: error.message };
    throw error;
  }
}
