/**
 * Variants of the launch token, field by field. Truth: Intel SDM vol. 3D, "EINIT Token Structure (EINITTOKEN)".
 *
 * None makes a launch weaker: a token is a claim that nobody can check before EINIT, and no reason to allow.
 */

import {
  EINITTOKEN_LAYOUT,
  EINITTOKEN_SIZE,
  encodeEinittoken,
  type LaunchEvent,
  mrsignerOf,
  type Sigstruct,
  tokenIsValid,
} from "../../../hooks/index.js";
import { bitFlipped, numbers, type Parent, type Variant, variant } from "./variant.js";

export function tokenVariants({ event, token, sigstruct }: Parent): readonly Variant[] {
  const { token: bytes } = event;
  const named = (field: string, change: string, what: string, to: Uint8Array | null): Variant =>
    variant(field, change, "other", what, { ...event, token: to });
  if (token === null) {
    // Linux passes none for its own enclaves.
    if (bytes !== null || sigstruct === null || event.origin.kind === "native") return [];
    return [named("token", "present", "a launch token that fits is passed", fittingToken(event, sigstruct))];
  }
  const given = encodeEinittoken(token);
  const valid = tokenIsValid(token);
  return [
    named("token", "absent", "no launch token is passed", null),
    named("token.valid", valid ? "off" : "on", `VALID becomes ${valid ? 0 : 1}`, bitFlipped(given)),
    named("token.valid", "upper", "an upper bit of VALID is flipped", bitFlipped(given, 3)),
    ...EINITTOKEN_LAYOUT.rows.slice(1).map(({ name, offset, type }) => {
      const [what, mask] = type === "attributes" ? [" in DEBUG", 2] : [" in a bit", 1];
      const description = `the token's ${name.toUpperCase()} differs${what}`;
      return named(`token.${name}`, "other", description, bitFlipped(given, offset, mask));
    }),
  ];
}

/** Fields that nobody but the CPU and launch enclaves can know are zero. */
function fittingToken({ secs }: LaunchEvent, { attributes, enclavehash, modulus }: Sigstruct): Uint8Array {
  const known = secs === null ? attributes : numbers(secs.attributes);
  const zero = new Uint8Array(EINITTOKEN_SIZE);
  return encodeEinittoken({
    valid: 1,
    reserved1: zero.slice(0, 44),
    attributes: known,
    mrenclave: enclavehash,
    reserved2: zero.slice(0, 32),
    mrsigner: new Uint8Array(Buffer.from(mrsignerOf(modulus), "hex")),
    reserved3: zero.slice(0, 32),
    cpusvnle: zero.slice(0, 16),
    isvprodidle: 0,
    isvsvnle: 0,
    reserved4: zero.slice(0, 24),
    maskedmiscselectle: 0,
    maskedattributesle: { flags: 0n, xfrm: 0n },
    keyid: zero.slice(0, 32),
    mac: zero.slice(0, 16),
  });
}
