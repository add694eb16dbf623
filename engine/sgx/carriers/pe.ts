/**
 * The section table of a PE32 or PE32+ file, and nothing else of it. Truth: Microsoft, "PE Format".
 *
 * Read are the MS-DOS header, the COFF header with the first word of the optional one, and at most 96 section headers:
 * less than 4 KiB in three reads.
 */

import { DecodeError } from "../../errors.js";
import type { Section } from "./sections.js";
import { type ByteSource, readExactly, viewOf } from "./source.js";

const DOS_HEADER_SIZE = 64;
/** Of the file offset of the signature, `e_lfanew`, in the MS-DOS header. */
const LFANEW_OFFSET = 60;
const SIGNATURE = [0x50, 0x45, 0, 0];
/** Signature and COFF header, and the magic number of the optional header after them. */
const HEADER_SIZE = 24 + 2;
const ENTRY_SIZE = 40;
/** The Windows loader takes no more. */
const MAX_SECTIONS = 96;
const OPTIONAL_MAGICS = [0x10b, 0x20b];

/**
 * Where a PE file's headers begin, or null where the file is none: `MZ` alone begins many other things.
 */
export function peHeaderOffset(source: ByteSource, head: Uint8Array): number | null {
  if (head.length < DOS_HEADER_SIZE || head[0] !== 0x4d || head[1] !== 0x5a) return null;
  const offset = viewOf(head).getUint32(LFANEW_OFFSET, true);
  if (offset >= source.sizeBytes) return null;
  const signature = source.read(offset, SIGNATURE.length);
  return SIGNATURE.every((byte, index) => signature[index] === byte) ? offset : null;
}

/**
 * All sections that have bytes in the file, with all its headers as one of their own. Names are given only where they
 * are among `names`, each shorter than eight bytes.
 *
 * @throws DecodeError where the tables do not lie in the file, or are not what an enclave's can be
 */
export function peSections(source: ByteSource, headerOffset: number, names: readonly string[]): readonly Section[] {
  const header = viewOf(readExactly(source, headerOffset, HEADER_SIZE, "the PE header"));
  const count = header.getUint16(6, true);
  const optionalSize = header.getUint16(20, true);
  const magic = header.getUint16(24, true);
  if (!OPTIONAL_MAGICS.includes(magic)) {
    throw new DecodeError("field", `the optional PE header begins with ${magic}, expected 267 (PE32) or 523 (PE32+)`);
  }
  if (count === 0 || count > MAX_SECTIONS) {
    throw new DecodeError("field", `the PE file says it has ${count} sections, expected 1 to ${MAX_SECTIONS}`);
  }
  const tableOffset = headerOffset + 24 + optionalSize;
  const table = readExactly(source, tableOffset, count * ENTRY_SIZE, "the PE section table");
  const view = viewOf(table);
  const sections: Section[] = [{ name: null, offset: 0, size: tableOffset + count * ENTRY_SIZE }];
  for (let at = 0; at < table.length; at += ENTRY_SIZE) {
    const name = Buffer.from(table.subarray(at, at + 8)).toString("latin1");
    const known =
      names.find((wanted) => wanted === name.slice(0, wanted.length) && name[wanted.length] === "\0") ?? null;
    const offset = view.getUint32(at + 20, true);
    // Uninitialised data: some linkers leave a size there, but no bytes.
    if (known === null && offset === 0) continue;
    sections.push({ name: known, offset, size: view.getUint32(at + 16, true) });
  }
  return sections;
}
