/**
 * Files that carry SIGSTRUCTs, written from the documents that describe them and not with the code that reads them:
 * System V ABI (ELF), Microsoft "PE Format", metadata.h of Intel's SDK, sgxproperties.h of Open Enclave, SGXS.md of
 * Fortanix. Small, but what a linker would accept as far as their tables go.
 */

export interface SectionOf {
  readonly name: string;
  readonly content: Uint8Array;
  /** SHT_… of an ELF section; SHT_PROGBITS where absent. */
  readonly type?: number;
}

export interface Written {
  readonly bytes: Buffer;
  /** Where each section's content lies, by its name. */
  readonly at: Readonly<Record<string, number>>;
  /** Where the section table begins, and how many bytes each entry has; entry 0 of ELF is the null section. */
  readonly table: number;
  readonly entry: number;
}

const u16 = (value: number) => Buffer.from([value & 0xff, value >> 8]);
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: number | bigint) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
const zeros = (size: number) => Buffer.alloc(size);

function aligned(offset: number, to: number): number {
  return Math.ceil(offset / to) * to;
}

/** An ELF shared object: file header, contents, names, section table, in this order. */
export function elf(bits: 32 | 64, sections: readonly SectionOf[]): Written {
  const wide = bits === 64;
  const word = wide ? u64 : u32;
  const [headerSize, entry] = wide ? [64, 64] : [52, 40];
  const names = `\0${sections.map(({ name }) => `${name}\0`).join("")}.shstrtab\0`;
  const all = [...sections, { name: ".shstrtab", content: Buffer.from(names, "latin1"), type: 3 }];
  const parts: Buffer[] = [];
  const at: Record<string, number> = {};
  const entries = [zeros(entry)];
  let offset = headerSize;
  for (const { name, content, type = 1 } of all) {
    const start = aligned(offset, 16);
    parts.push(zeros(start - offset), Buffer.from(content));
    at[name] = start;
    offset = start + content.length;
    const nameAt = u32(names.indexOf(`\0${name}\0`) + 1);
    const place = [word(start), word(content.length)];
    entries.push(Buffer.concat([nameAt, u32(type), word(2), word(start), ...place, u32(0), u32(0), word(16), word(0)]));
  }
  const table = aligned(offset, 16);
  const ident = Buffer.from([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  const header = Buffer.concat([
    ident,
    u16(3),
    u16(wide ? 62 : 3),
    u32(1),
    word(0),
    word(0),
    word(table),
    u32(0),
    ...[headerSize, wide ? 56 : 32, 0, entry, entries.length, entries.length - 1].map(u16),
  ]);
  return { bytes: Buffer.concat([header, ...parts, zeros(table - offset), ...entries]), at, table, entry };
}

/** A DLL: MS-DOS header, PE headers, section table, contents, in this order. */
export function pe(bits: 32 | 64, sections: readonly SectionOf[]): Written {
  const optionalSize = bits === 64 ? 240 : 224;
  const start = 128;
  const table = start + 24 + optionalSize;
  let offset = aligned(table + sections.length * 40, 512);
  const at: Record<string, number> = {};
  const parts: Buffer[] = [];
  const entries = sections.map(({ name, content }) => {
    const size = aligned(content.length, 512);
    at[name] = offset;
    parts.push(Buffer.from(content), zeros(size - content.length));
    const place = [u32(content.length), u32(offset), u32(size), u32(offset)];
    offset += size;
    return Buffer.concat([Buffer.from(name.padEnd(8, "\0"), "latin1"), ...place, zeros(16)]);
  });
  const coff = [u16(bits === 64 ? 0x8664 : 0x14c), u16(sections.length), zeros(12), u16(optionalSize), u16(0x2022)];
  const optional = Buffer.concat([u16(bits === 64 ? 0x20b : 0x10b), zeros(optionalSize - 2)]);
  const head = Buffer.concat([
    Buffer.from("MZ", "latin1"),
    zeros(58),
    u32(start),
    zeros(start - 64),
    Buffer.from("PE\0\0", "latin1"),
    ...coff,
    optional,
    ...entries,
  ]);
  return {
    bytes: Buffer.concat([head, zeros((at[sections[0]?.name ?? ""] ?? head.length) - head.length), ...parts]),
    at,
    table,
    entry: 40,
  };
}

/** A `metadata_t` of Intel's SDK, with `extra` bytes of layout after its two directories. Its SIGSTRUCT is at 64. */
export function sdkBlock(sigstruct: Uint8Array, extra = 64, version = 0x2_0000_0004n): Buffer {
  const size = 64 + 1808 + 16 + extra;
  const head = [u64(0x86a80294635d0e4cn), u64(version), u32(size), u32(1), u32(1), u32(2632), u32(0), u32(0)];
  return Buffer.concat([...head, u64(0x100000), u64(4), u64(3), sigstruct, zeros(16), Buffer.alloc(extra, 0x5a)]);
}

/** The block that the SDK for Windows began with: 1876 bytes, the SIGSTRUCT at 68. */
export function oldWindowsBlock(sigstruct: Uint8Array): Buffer {
  const head = [
    u64(0x86a80294635d0e4cn),
    u32(2),
    u32(1),
    u32(1876),
    ...[4, 1, 2, 1, 0x40000, 0x100000, 2632, 0].map(u32),
  ];
  return Buffer.concat([...head, u64(4), u64(3), sigstruct]);
}

/** Content of `.note.sgxmeta`: the note's head of 25 bytes, and blocks in `size` bytes. */
export function sdkNote(blocks: readonly Uint8Array[], size = 0x5000): Buffer {
  const content = Buffer.concat(blocks);
  const name = Buffer.from("sgx_metadata\0", "latin1");
  return Buffer.concat([u32(name.length), u32(size), u32(1), name, content, zeros(size - content.length), zeros(3)]);
}

/** Of which sizes Open Enclave's properties are known, and where the SIGSTRUCT lies in each. */
export const OE_LAYOUTS = [
  { size: 1960, sigstructAt: 144 },
  { size: 1928, sigstructAt: 112 },
  { size: 1912, sigstructAt: 96 },
] as const;

/** Content of `.oeinfo`: `oe_sgx_enclave_properties_t` of that size, and room after it as the linker leaves it. */
export function oeInfo(
  sigstruct: Uint8Array,
  { size, sigstructAt }: (typeof OE_LAYOUTS)[number] = OE_LAYOUTS[0],
): Buffer {
  const head = Buffer.concat([u32(size), u32(2), u64(512), u64(128), u64(4), u16(1), u16(1)]);
  const properties = [head, Buffer.alloc(sigstructAt - head.length, 0x11), sigstruct, u64(0xececececececececn)];
  return Buffer.concat([...properties, zeros(4096 - size)]);
}

/** One record of an SGXS stream: its tag, then numbers at their offsets. */
export function sgxsRecord(tag: string, ...fields: readonly (readonly [offset: number, value: number])[]): Buffer {
  const record = zeros(64);
  record.write(tag, "latin1");
  for (const [offset, value] of fields) record.writeUIntLE(value, offset, 4);
  return record;
}

/** A page of an SGXS stream: EADD, and its content in chunks under that tag; none where `content` is null. */
export function sgxsPage(offset: number, flags: number, content: Uint8Array | null, tag = "EEXTEND"): Buffer {
  const records = [sgxsRecord("EADD", [8, offset], [16, flags])];
  for (let at = 0; content !== null && at < 4096; at += 256) {
    records.push(sgxsRecord(tag, [8, offset + at]), Buffer.from(content.subarray(at, at + 256)));
  }
  return Buffer.concat(records);
}

/** What `sgx_sign gendata` writes of a SIGSTRUCT: its header and its body. */
export function genData(sigstruct: Uint8Array): Buffer {
  return Buffer.concat([sigstruct.subarray(0, 128), sigstruct.subarray(900, 1028)]);
}

/** A source that counts what is asked of it. */
export function counting(bytes: Uint8Array) {
  const asked = { reads: 0, bytes: 0, largest: 0 };
  return {
    asked,
    sizeBytes: bytes.length,
    read(offset: number, length: number): Uint8Array {
      const answer = new Uint8Array(bytes.subarray(offset, offset + length));
      asked.reads += 1;
      asked.bytes += answer.length;
      asked.largest = Math.max(asked.largest, answer.length);
      return answer;
    },
  };
}
