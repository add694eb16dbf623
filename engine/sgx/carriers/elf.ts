/**
 * The section table of an ELF file, and nothing else of it. Truth: System V ABI, chapter 4 "Object Files" (gabi).
 *
 * Read are the file header, at most 4096 section headers, and the section names of at most 1 MiB: at most 1.3 MiB in
 * four reads, wherever in the file they lie. Little-endian files of both classes; SGX knows no others.
 */

import { DecodeError } from "../../errors.js";
import type { Section } from "./sections.js";
import { type ByteSource, readExactly, viewOf } from "./source.js";

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];

/** Linked enclaves have some forty. */
const MAX_SECTIONS = 4096;
const MAX_NAMES_SIZE = 1_048_576;

const LITTLE_ENDIAN = 1;
/** A section that takes no room in the file, whatever its header says. */
const SHT_NOBITS = 8;
const SHT_NULL = 0;

/** Where the fields lie in the file header and in a section header, by EI_CLASS. `wide` offsets and sizes have 64 bits. */
const CLASSES = [
  { ehsize: 52, shoff: 32, shentsize: 46, shnum: 48, shstrndx: 50, entry: 40, offset: 16, size: 20, wide: false },
  { ehsize: 64, shoff: 40, shentsize: 58, shnum: 60, shstrndx: 62, entry: 64, offset: 24, size: 32, wide: true },
] as const;

type ElfClass = (typeof CLASSES)[number];

/** Whether a file that begins like this is ELF. */
export function isElf(head: Uint8Array): boolean {
  return MAGIC.every((byte, index) => head[index] === byte);
}

/**
 * All sections that have bytes in the file, with the file header and the section table as sections of their own. Names
 * are given only where they are among `names`.
 *
 * @throws DecodeError where the tables do not lie in the file, or are not what an enclave's can be
 */
export function elfSections(source: ByteSource, names: readonly string[]): readonly Section[] {
  const ident = readExactly(source, 0, 16, "the ELF identification");
  const layout = CLASSES[(ident[4] ?? 0) - 1];
  if (layout === undefined) {
    throw new DecodeError("field", `EI_CLASS of the ELF file is ${ident[4]}, expected 1 (32-bit) or 2 (64-bit)`);
  }
  if (ident[5] !== LITTLE_ENDIAN) {
    throw new DecodeError("field", `EI_DATA of the ELF file is ${ident[5]}, expected 1 (little-endian)`);
  }
  const header = viewOf(readExactly(source, 0, layout.ehsize, "the ELF header"));
  const tableOffset = word(header, layout.shoff, layout);
  const count = header.getUint16(layout.shnum, true);
  const entrySize = header.getUint16(layout.shentsize, true);
  if (tableOffset === 0) {
    throw new DecodeError("field", "the ELF file has no section table, expected one: it may have been stripped off");
  }
  if (entrySize !== layout.entry) {
    throw new DecodeError("field", `a section header of the ELF file is ${entrySize} bytes, expected ${layout.entry}`);
  }
  if (count === 0 || count > MAX_SECTIONS) {
    throw new DecodeError("field", `the ELF file says it has ${count} sections, expected 1 to ${MAX_SECTIONS}`);
  }
  const table = viewOf(readExactly(source, tableOffset, count * entrySize, "the ELF section table"));
  const nameOf = namesOf(source, table, count, header.getUint16(layout.shstrndx, true), layout, names);
  const sections: Section[] = [
    { name: null, offset: 0, size: layout.ehsize },
    { name: null, offset: tableOffset, size: count * entrySize },
  ];
  for (let index = 0; index < count; index++) {
    const at = index * entrySize;
    const type = table.getUint32(at + 4, true);
    const name = nameOf(table.getUint32(at, true));
    if (type === SHT_NULL || (type === SHT_NOBITS && name === null)) continue;
    if (type === SHT_NOBITS) throw new DecodeError("field", `section ${name} has no bytes in the file (SHT_NOBITS)`);
    sections.push({
      name,
      offset: word(table, at + layout.offset, layout),
      size: word(table, at + layout.size, layout),
    });
  }
  return sections;
}

/** Reads names in the section that holds them: exactly one of `names`, or null. */
function namesOf(
  source: ByteSource,
  table: DataView,
  count: number,
  index: number,
  layout: ElfClass,
  names: readonly string[],
): (offset: number) => string | null {
  if (index === 0 || index >= count) {
    throw new DecodeError(
      "field",
      `section ${index} of ${count} is said to hold the names, expected 1 to ${count - 1}`,
    );
  }
  const at = index * layout.entry;
  const size = word(table, at + layout.size, layout);
  if (size > MAX_NAMES_SIZE) {
    throw new DecodeError("field", `the section names are ${size} bytes, expected at most ${MAX_NAMES_SIZE}`);
  }
  const bytes = readExactly(source, word(table, at + layout.offset, layout), size, "the table of section names");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wanted = names.map((name) => ({ name, bytes: Buffer.from(`${name}\0`, "latin1") }));
  return (offset) =>
    wanted.find((one) => one.bytes.equals(text.subarray(offset, offset + one.bytes.length)))?.name ?? null;
}

/** An offset or size. What has more than 53 bits comes out rounded, and lies outside of every file all the same. */
function word(view: DataView, at: number, { wide }: ElfClass): number {
  return wide ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
}
