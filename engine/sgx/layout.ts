/**
 * The one codec of fixed-size SGX structures: a table of rows says where each field lies, and this file reads and
 * writes any such table. The tables beside it transcribe Intel SDM vol. 3D, chapter "Enclave Access and Structures";
 * every integer of those structures is little-endian.
 *
 * What a field may hold is not checked here: any bytes of the right length decode, and encode to the same bytes.
 */

import { DecodeError } from "../errors.js";
import type { Attributes } from "./attributes.js";

type Values = {
  readonly u8: number;
  readonly u16: number;
  readonly u32: number;
  readonly u64: bigint;
  readonly bytes: Uint8Array;
  readonly attributes: Attributes;
};

type FieldType = keyof Values;

/** One field: its offset and size in bytes from the start of the structure. */
type Row = { readonly name: string; readonly offset: number; readonly size: number; readonly type: FieldType };

/** A structure: its name as errors say it, its size in bytes, and rows that tile it without gap or overlap. */
export type Layout = { readonly structure: string; readonly size: number; readonly rows: readonly Row[] };

/** The record that a layout decodes to; the field names and types come from the table. */
export type Decoded<L extends Layout> = {
  readonly [R in L["rows"][number] as R["name"]]: Values[R["type"]];
};

/** Sizes in bytes of the types that have only one. */
export const FIXED_SIZES = { u8: 1, u16: 2, u32: 4, u64: 8, attributes: 16 } as const;

const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/**
 * Reads a structure of exactly `layout.size` bytes into a frozen record.
 *
 * The bytes are copied once, before anything is read, and every field comes from that copy: whatever happens to the
 * caller's memory afterwards, or meanwhile where it is shared with another thread, cannot change the record.
 *
 * @throws DecodeError `length` where the structure is not exactly as long as its layout
 */
export function decode<const L extends Layout>(layout: L, bytes: Uint8Array): Decoded<L> {
  if (bytes.length !== layout.size) {
    throw new DecodeError("length", `${layout.structure} is ${bytes.length} bytes, expected ${layout.size}`);
  }
  const copy = new Uint8Array(layout.size);
  copy.set(bytes);
  const view = new DataView(copy.buffer);
  const record: Record<string, Values[FieldType]> = {};
  for (const row of layout.rows) record[row.name] = read(view, copy, row);
  return Object.freeze(record) as Decoded<L>;
}

/**
 * Writes a record as the bytes that decode to it.
 *
 * @throws DecodeError `field`, naming the field, where a value does not fit it
 */
export function encode<const L extends Layout>(layout: L, record: Decoded<L>): Uint8Array {
  const bytes = new Uint8Array(layout.size);
  const view = new DataView(bytes.buffer);
  const fields = record as Readonly<Record<string, unknown>>;
  for (const row of layout.rows) write(view, bytes, row, fields[row.name], `${layout.structure}.${row.name}`);
  return bytes;
}

function read(view: DataView, copy: Uint8Array, row: Row): Values[FieldType] {
  switch (row.type) {
    case "u8":
      return view.getUint8(row.offset);
    case "u16":
      return view.getUint16(row.offset, true);
    case "u32":
      return view.getUint32(row.offset, true);
    case "u64":
      return view.getBigUint64(row.offset, true);
    case "bytes":
      return copy.subarray(row.offset, row.offset + row.size);
    case "attributes":
      return Object.freeze({
        flags: view.getBigUint64(row.offset, true),
        xfrm: view.getBigUint64(row.offset + 8, true),
      });
    default:
      return row.type satisfies never;
  }
}

function write(view: DataView, bytes: Uint8Array, row: Row, value: unknown, path: string): void {
  switch (row.type) {
    case "u8":
      view.setUint8(row.offset, integer(value, 0xff, path));
      break;
    case "u16":
      view.setUint16(row.offset, integer(value, 0xffff, path), true);
      break;
    case "u32":
      view.setUint32(row.offset, integer(value, 0xffff_ffff, path), true);
      break;
    case "u64":
      view.setBigUint64(row.offset, integer64(value, path), true);
      break;
    case "bytes":
      bytes.set(exactly(value, row.size, path), row.offset);
      break;
    case "attributes": {
      const { flags, xfrm } = Object(value) as Partial<Attributes>;
      view.setBigUint64(row.offset, integer64(flags, `${path}.flags`), true);
      view.setBigUint64(row.offset + 8, integer64(xfrm, `${path}.xfrm`), true);
      break;
    }
    default:
      row.type satisfies never;
  }
}

function integer(value: unknown, max: number, path: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new DecodeError("field", `${path} is ${shown(value)}, expected an integer from 0 to ${max}`);
}

function integer64(value: unknown, path: string): bigint {
  if (typeof value === "bigint" && value >= 0n && value <= MAX_U64) return value;
  throw new DecodeError("field", `${path} is ${shown(value)}, expected a bigint of at most 64 bits`);
}

function exactly(value: unknown, size: number, path: string): Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new DecodeError("field", `${path} is ${shown(value)}, expected ${size} bytes`);
  }
  if (value.length === size) return value;
  throw new DecodeError("field", `${path} is ${value.length} bytes, expected ${size}`);
}

function shown(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint" ? String(value) : `a value of type ${typeof value}`;
}
