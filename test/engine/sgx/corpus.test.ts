/**
 * Real SIGSTRUCTs and tokens, made and signed by other people, and what independent implementations read in them.
 * They are not part of this project: the suite is skipped, by name, where their folder is absent.
 */

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { hex32 } from "../../../engine/sgx/attributes.js";
import { findStructures } from "../../../engine/sgx/carriers.js";
import {
  decodeEinittoken,
  einittokenFindings,
  einittokenOf,
  encodeEinittoken,
} from "../../../engine/sgx/einittoken.js";
import { hex, mrenclaveOf, mrsignerOf } from "../../../engine/sgx/identity.js";
import { knownSigner } from "../../../engine/sgx/known-signers.js";
import { verifySignature } from "../../../engine/sgx/signature.js";
import {
  dateOf,
  debugLaunchable,
  decodeSigstruct,
  encodeSigstruct,
  sigstructFindings,
} from "../../../engine/sgx/sigstruct.js";

type SigstructEntry = Readonly<Record<string, string | number | boolean>> & { readonly file: string };
type TokenEntry = SigstructEntry & { readonly rsvd_nonzero: unknown };

const CORPUS = resolve(process.env["LAUNCHGATE_CORPUS"] ?? join(import.meta.dirname, "../../../../shared/corpus"));
const PRESENT = existsSync(join(CORPUS, "index.json"));
const SIGSTRUCTS = load<SigstructEntry>("index.json");
const TOKENS = load<TokenEntry>("tokens.json");

function load<Entry>(name: string): readonly Entry[] {
  return PRESENT ? (JSON.parse(readFileSync(join(CORPUS, name), "utf8")) as Entry[]) : [];
}

function bytesOf({ file }: { readonly file: string }): Uint8Array {
  return readFileSync(join(CORPUS, file));
}

function byNumber<Entry extends { readonly file: string }>(entries: readonly Entry[], number: string): Uint8Array {
  const entry = entries.find(({ file }) => file.includes(`/${number}-`));
  if (entry === undefined) throw new Error(`the corpus has no number ${number}`);
  return bytesOf(entry);
}

const digits = (value: bigint | number, size: number) => value.toString(16).padStart(size, "0");
const MISSING = PRESENT ? "" : `, SKIPPED: no corpus at ${CORPUS}, set LAUNCHGATE_CORPUS to it`;

describe.skipIf(!PRESENT)(`real SIGSTRUCTs${MISSING}`, () => {
  test("are all here", () => {
    expect(SIGSTRUCTS).toHaveLength(28);
  });

  test.each(SIGSTRUCTS)("$file decodes to what others read in it", (entry) => {
    const bytes = bytesOf(entry);
    const s = decodeSigstruct(bytes);
    const { signature_valid, q1_valid, q2_valid } = verifySignature(bytes);
    const { file, source, licence, container, ...expected } = entry;
    expect({
      sigstruct_sha256: createHash("sha256").update(bytes).digest("hex"),
      signature_valid,
      q1_ok: q1_valid,
      q2_ok: q2_valid,
      header1: hex(s.header),
      header2: hex(s.header2),
      exponent: s.exponent,
      mrsigner: mrsignerOf(s.modulus),
      mrenclave: mrenclaveOf(s),
      vendor: hex32(s.vendor),
      date: digits(s.date, 8),
      date_is_bcd: dateOf(s.date) !== null,
      swdefined: hex32(s.swdefined),
      flags: digits(s.attributes.flags, 16),
      flags_mask: digits(s.attributemask.flags, 16),
      xfrm: digits(s.attributes.xfrm, 16),
      xfrm_mask: digits(s.attributemask.xfrm, 16),
      miscselect: digits(s.miscselect, 8),
      miscmask: digits(s.miscmask, 8),
      cet_attributes: s.cet_attributes,
      cet_attributes_mask: s.cet_attributes_mask,
      isvfamilyid: hex(s.isvfamilyid),
      isvextprodid: hex(s.isvextprodid),
      isvprodid: s.isvprodid,
      isvsvn: s.isvsvn,
      debug_attribute_set: (s.attributes.flags & 2n) !== 0n,
      debug_masked: (s.attributemask.flags & 2n) !== 0n,
      debug_allowed: debugLaunchable(s),
    }).toEqual(expected);
  });

  test.each(SIGSTRUCTS)("$file encodes back to its bytes, and is found in them", (entry) => {
    const bytes = new Uint8Array(bytesOf(entry));
    expect(encodeSigstruct(decodeSigstruct(bytes))).toEqual(bytes);
    expect(findStructures(bytes).structures).toEqual([{ kind: "sigstruct", offset: 0, bytes }]);
  });

  test("findings are told of the odd ones alone", () => {
    const found = SIGSTRUCTS.flatMap((entry) =>
      sigstructFindings(decodeSigstruct(bytesOf(entry))).map(({ code, einit_error }) => [
        entry.file.slice(11, 13),
        code,
        einit_error,
      ]),
    );
    expect(found).toEqual([
      ["09", "date_not_bcd", null],
      ["22", "header_invalid", 1],
    ]);
  });

  test("the known signers among them are known", () => {
    const names = (number: string) =>
      knownSigner(mrsignerOf(decodeSigstruct(byNumber(SIGSTRUCTS, number)).modulus))?.name;
    expect(names("27")).toBe("Intel SDK sample key Enclave1_private.pem");
    expect(SIGSTRUCTS.map((entry) => knownSigner(String(entry["mrsigner"]))?.name ?? null)).toContain(
      "Intel launch enclave",
    );
    expect(names("01")).toBeUndefined();
  });

  test.each(SIGSTRUCTS)("$file is signed in every bit it signs", (entry) => {
    const bytes = new Uint8Array(bytesOf(entry));
    const survivors: number[] = [];
    for (let bit = 0; bit < 2048; bit++) {
      const at = bit >> 3 < 128 ? bit >> 3 : (bit >> 3) + 772;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      if (verifySignature(bytes).signature_valid) survivors.push(bit);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    }
    expect(survivors).toEqual([]);
    expect(verifySignature(bytes).signature_valid).toBe(true);
  });
});

describe.skipIf(!PRESENT)(`real tokens${MISSING}`, () => {
  test.each(TOKENS)("$file decodes to what others read in it", (entry) => {
    const bytes = bytesOf(entry);
    const t = einittokenOf(bytes);
    const { file, source, licence, note, rsvd_nonzero, ...expected } = entry;
    const word = Buffer.alloc(16);
    word.writeBigUInt64LE(t.maskedattributesle.flags, 0);
    word.writeBigUInt64LE(t.maskedattributesle.xfrm, 8);
    expect({
      sha256: createHash("sha256").update(bytes).digest("hex"),
      size: bytes.length,
      valid: t.valid,
      flags: digits(t.attributes.flags, 16),
      xfrm: digits(t.attributes.xfrm, 16),
      mrenclave: hex(t.mrenclave),
      mrsigner: hex(t.mrsigner),
      cpusvnle: hex(t.cpusvnle),
      isvprodidle: t.isvprodidle,
      isvsvnle: t.isvsvnle,
      maskedmiscselectle: digits(t.maskedmiscselectle, 8),
      maskedattrle: hex(word),
      keyid: hex(t.keyid),
      mac: hex(t.mac),
    }).toEqual(expected);
  });

  test.each(TOKENS)("$file encodes back to its first 304 bytes, and is found in its 1024", (entry) => {
    const token = new Uint8Array(bytesOf(entry).subarray(0, 304));
    expect(encodeEinittoken(decodeEinittoken(token))).toEqual(token);
    expect(findStructures(bytesOf(entry)).structures).toEqual([{ kind: "einittoken", offset: 0, bytes: token }]);
  });

  test("the real one has no findings, the simulated one has reserved bytes set", () => {
    const found = (number: string) => einittokenFindings(einittokenOf(byNumber(TOKENS, number)));
    const codes = found("02").map(({ message, einit_error }) => [message.split(":")[0], einit_error]);
    expect(found("01")).toEqual([]);
    expect(codes).toEqual([
      ["EINITTOKEN reserved byte 96 is not 0", 16],
      ["EINITTOKEN reserved byte 160 is not 0", 16],
    ]);
  });

  test("the simulated one belongs to SIGSTRUCT 27", () => {
    const token = einittokenOf(byNumber(TOKENS, "02"));
    const sigstruct = decodeSigstruct(byNumber(SIGSTRUCTS, "27"));
    expect([hex(token.mrenclave), hex(token.mrsigner)]).toEqual([
      mrenclaveOf(sigstruct),
      mrsignerOf(sigstruct.modulus),
    ]);
  });
});
