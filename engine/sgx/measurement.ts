/**
 * MRENCLAVE from what was loaded: SHA-256 over the 64-byte records that ECREATE, EADD and EEXTEND append, in the order
 * they ran. Truth: Intel SDM vol. 3D, the ECREATE, EADD and EEXTEND pages.
 *
 * Whether the loads make a sensible enclave (pages inside SIZE, none twice) is not checked here: the CPU measures what
 * it is told.
 */

import { createHash } from "node:crypto";
import { DecodeError } from "../errors.js";
import { sourceOf } from "./carriers/source.js";
import { CHUNK_SIZE, measureStream, RECORD_SIZE, TAGS } from "./measured-stream.js";

/** An enclave being measured. Every step throws DecodeError `field` where it comes in the wrong order or shape. */
export type Measurement = {
  /**
   * Must come first, and once. `ssaframesize` in pages, `size` in bytes; `cet_leg_bitmap_offset` is zero but for
   * enclaves with CET.
   */
  readonly ecreate: (fields: {
    readonly ssaframesize: number;
    readonly size: bigint;
    readonly cet_leg_bitmap_offset?: bigint;
  }) => void;
  /** `offset` in bytes from BASEADDR, a multiple of 4096; `secinfo_flags` as in SECINFO.FLAGS. */
  readonly eadd: (fields: { readonly offset: bigint; readonly secinfo_flags: bigint }) => void;
  /** `offset` in bytes from BASEADDR, a multiple of 256; `data256` the 256 bytes there as the EPC holds them. */
  readonly eextend: (fields: { readonly offset: bigint; readonly data256: Uint8Array }) => void;
  /** MRENCLAVE of all steps so far, as 64 hex digits; more steps may follow. */
  readonly mrenclave: () => string;
};

/** Begins a measurement. */
export function measureEnclave(): Measurement {
  const hash = createHash("sha256");
  let created = false;
  const needCreated = (step: string) => {
    if (!created) throw new DecodeError("field", `${step} comes before ECREATE, expected ECREATE first`);
  };
  return {
    ecreate({ ssaframesize, size, cet_leg_bitmap_offset = 0n }) {
      if (created) throw new DecodeError("field", "ECREATE comes twice, expected it once");
      const record = recordOf("ecreate");
      record.setUint32(8, fits(ssaframesize, 0xffff_ffff, "ssaframesize"), true);
      record.setBigUint64(12, fits64(size, 1n, "size"), true);
      record.setBigUint64(20, fits64(cet_leg_bitmap_offset, 1n, "cet_leg_bitmap_offset"), true);
      hash.update(record);
      created = true;
    },
    eadd({ offset, secinfo_flags }) {
      needCreated("EADD");
      const record = recordOf("eadd");
      record.setBigUint64(8, fits64(offset, 4096n, "EADD offset"), true);
      record.setBigUint64(16, fits64(secinfo_flags, 1n, "secinfo_flags"), true);
      hash.update(record);
    },
    eextend({ offset, data256 }) {
      needCreated("EEXTEND");
      if (data256.length !== CHUNK_SIZE) {
        throw new DecodeError("field", `EEXTEND data is ${data256.length} bytes, expected ${CHUNK_SIZE}`);
      }
      const record = recordOf("eextend");
      record.setBigUint64(8, fits64(offset, BigInt(CHUNK_SIZE), "EEXTEND offset"), true);
      hash.update(record).update(data256);
    },
    mrenclave() {
      needCreated("the end");
      return hash.copy().digest("hex");
    },
  };
}

/**
 * MRENCLAVE of a recorded stream: ECREATE first and once, then EADD and EEXTEND records, each EEXTEND followed by its
 * 256 bytes, nothing else and nothing left over.
 *
 * @throws DecodeError `length` where the stream ends inside a record, `field` on a record no CPU would write there
 */
export function mrenclaveOfStream(bytes: Uint8Array): string {
  return measureStream(sourceOf(bytes), { enhanced: false }).mrenclave;
}

function recordOf(kind: keyof typeof TAGS): DataView {
  const record = new DataView(new ArrayBuffer(RECORD_SIZE));
  record.setBigUint64(0, TAGS[kind], true);
  return record;
}

function fits(value: number, max: number, name: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new DecodeError("field", `${name} is ${value}, expected an integer from 0 to ${max}`);
}

function fits64(value: bigint, multiple: bigint, name: string): bigint {
  if (value >= 0n && value <= 0xffff_ffff_ffff_ffffn && value % multiple === 0n) return value;
  throw new DecodeError("field", `${name} is ${value}, expected a multiple of ${multiple} of at most 64 bits`);
}
