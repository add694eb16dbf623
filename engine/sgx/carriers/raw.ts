/**
 * Structures that are a file of their own, known by their size: SIGSTRUCT, EINITTOKEN, the 1024-byte
 * `sgx_launch_token_t` of Intel's SDK, SECS, and what `sgx_sign gendata` writes. Truth about the sizes: Intel SDM vol.
 * 3D, chapter "Enclave Access and Structures"; about `sgx_launch_token_t`: the SDK's sgx_urts.h; about gendata: the
 * SDK's sign_tool.cpp, which writes the header and the body of `enclave_css_t` one after the other.
 */

import { EINITTOKEN_SIZE, LAUNCH_TOKEN_SIZE } from "../einittoken.js";
import { SECS_SIZE } from "../secs.js";
import { SIGNED_SIZE, SIGSTRUCT_HEADER, SIGSTRUCT_HEADER2, SIGSTRUCT_SIZE } from "../sigstruct.js";
import type { Find, FoundBytes, RawCarrier } from "./carried.js";

/** No raw form is larger. */
export const MAX_RAW_SIZE = SECS_SIZE;

/** Of HEADER, what is the same in every SIGSTRUCT: signers are known to set the word after it, TYPE. */
const HEADER = Buffer.from(SIGSTRUCT_HEADER, "hex").subarray(0, 12);
const HEADER2 = Buffer.from(SIGSTRUCT_HEADER2, "hex");
const HEADER2_OFFSET = 24;

/**
 * The structure that these bytes are, whatever it holds: that the HEADER of 1808 bytes is wrong is a finding, not a
 * reason to look away. Only signing material must begin as it should: 256 bytes are too common a size.
 */
export function findRaw(bytes: Uint8Array): Find<RawCarrier> | null {
  switch (bytes.length) {
    case SIGSTRUCT_SIZE:
      return take("SIGSTRUCT", "sigstruct", bytes, 0, SIGSTRUCT_SIZE);
    case EINITTOKEN_SIZE:
      return take("EINITTOKEN", "einittoken", bytes, 0, EINITTOKEN_SIZE);
    case LAUNCH_TOKEN_SIZE:
      return take("Intel launch token", "einittoken", bytes, 0, EINITTOKEN_SIZE);
    case SECS_SIZE:
      return page(bytes);
    case SIGNED_SIZE:
      return begins(bytes) ? take("sgx_sign gendata material", "signing_material", bytes, 0, SIGNED_SIZE) : null;
    default:
      return null;
  }
}

/** A page is a SECS, unless it is the page-aligned SIGSTRUCT that EINIT wants. */
function page(bytes: Uint8Array): Find<RawCarrier> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = view.indexOf(HEADER); at >= 0 && at + SIGSTRUCT_SIZE <= SECS_SIZE; at = view.indexOf(HEADER, at + 1)) {
    if (view.indexOf(HEADER2, at + HEADER2_OFFSET) === at + HEADER2_OFFSET) {
      return take("page with a SIGSTRUCT", "sigstruct", bytes, at, SIGSTRUCT_SIZE);
    }
  }
  return take("SECS", "secs", bytes, 0, SECS_SIZE);
}

function begins(bytes: Uint8Array): boolean {
  return (
    HEADER.equals(bytes.subarray(0, HEADER.length)) &&
    HEADER2.equals(bytes.subarray(HEADER2_OFFSET, HEADER2_OFFSET + HEADER2.length))
  );
}

function take(
  carrier: RawCarrier,
  kind: FoundBytes["kind"],
  bytes: Uint8Array,
  offset: number,
  size: number,
): Find<RawCarrier> {
  return { carrier, structures: [{ kind, offset, bytes: new Uint8Array(bytes.subarray(offset, offset + size)) }] };
}
