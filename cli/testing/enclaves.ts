/**
 * The enclaves of a suite: SIGSTRUCTs from files, or signed here with keys made on the fly. Truth for the fields: Intel SDM
 * vol. 3D, "Enclave Signature Structure (SIGSTRUCT)".
 *
 * What is not said is ordinary: MODE64BIT, x87 and SSE on, all bits enforced, ISVPRODID and ISVSVN 1, a MRENCLAVE made of
 * the enclave's name. A file's SIGSTRUCT with changed fields keeps its signer, so its signature does not hold any more:
 * for such an enclave it is not checked.
 */

import { createHash, type KeyObject } from "node:crypto";
import { relative, resolve } from "node:path";
import {
  decodeSigstruct,
  encodeSigstruct,
  mrenclaveOf,
  mrsignerOf,
  type Sigstruct,
  sealSigstruct,
  signSigstruct,
} from "../../hooks/index.js";
import { enclavesIn } from "../enclave-files.js";
import { CommandError } from "../io.js";
import { nearest } from "../policy/suggest.js";
import type { EnclaveText, SigstructText } from "./suite.js";
import type { SuiteFile } from "./suite-file.js";
import { attributesOf, bytesOf, maskOf, numberOf } from "./words.js";

export interface Enclave {
  readonly sigstruct: Uint8Array;
  readonly mrenclave: string;
  readonly mrsigner: string;
  /** Null: signed by somebody else, or not any more. */
  readonly key: KeyObject | null;
  readonly keyName: string | null;
  readonly signatureCheck: "always" | "never";
}

/** An enclave as its suite describes it, with all that it extends. */
interface Described extends EnclaveText {
  /** The name that its MRENCLAVE is made of. */
  readonly root: string;
}

/** What is wrong with one thing in a suite. */
export class SuiteError extends Error {
  override readonly name = "SuiteError";
}

/** The key that signs where a suite names none. */
const DEFAULT_KEY = "author";

const MAX_EXTENDS = 16;

/** The names of the keys that a suite's enclaves are signed with. */
export function keyNames({ suite: { enclaves = {} } }: SuiteFile): readonly string[] {
  const all = new Map(Object.entries(enclaves));
  return [...all.keys()].flatMap((name) => {
    try {
      const keyName = keyNameOf(describe(name, all));
      return keyName === null ? [] : [keyName];
    } catch (error) {
      // Said when the enclave is made.
      if (error instanceof SuiteError) return [];
      throw error;
    }
  });
}

/** @throws SuiteError where it cannot be made; CommandError exit 1 where its file cannot be read */
export function makeEnclave(name: string, file: SuiteFile, keys: ReadonlyMap<string, KeyObject>): Enclave {
  const described = describe(name, new Map(Object.entries(file.suite.enclaves ?? {})));
  const keyName = keyNameOf(described);
  const key = keyName === null ? null : (keys.get(keyName) ?? null);
  const changed = fieldsOf(described.sigstruct ?? {});
  const from = described.file === undefined ? null : sigstructIn(described, file);
  const base = decodeSigstruct(from ?? ordinary(described.root, keys.get(keyName ?? "")));
  const isChanged = Object.keys(changed).length > 0;
  const signed =
    key !== null
      ? sealSigstruct(key, { ...base, ...changed })
      : isChanged || from === null
        ? encodeSigstruct({ ...base, ...changed })
        : from;
  const sigstruct = described.signature === "invalid" ? withoutSignature(signed) : signed;
  const decoded = decodeSigstruct(sigstruct);
  return {
    sigstruct,
    mrenclave: mrenclaveOf(decoded),
    mrsigner: mrsignerOf(decoded.modulus),
    key: described.signature === "invalid" ? null : key,
    keyName,
    signatureCheck: key === null && isChanged && described.signature !== "invalid" ? "never" : "always",
  };
}

function describe(name: string, all: ReadonlyMap<string, EnclaveText>): Described {
  const own = all.get(name);
  if (own === undefined) throw new SuiteError(unknownName("enclave", name, [...all.keys()]));
  const chain: EnclaveText[] = [own];
  let root = name;
  for (let next = own.extends; next !== undefined; next = chain[0]?.extends) {
    const base = all.get(next);
    if (base === undefined) throw new SuiteError(unknownName("enclave", next, [...all.keys()]));
    if (chain.length >= MAX_EXTENDS) throw new SuiteError(`extends more than ${MAX_EXTENDS} others, or itself`);
    chain.unshift(base);
    root = next;
  }
  let described: Described = { root };
  for (const text of chain)
    described = { ...described, ...text, sigstruct: { ...described.sigstruct, ...text.sigstruct } };
  return described;
}

export function unknownName(what: string, name: string, names: readonly string[]): string {
  const meant = nearest(name, names);
  const expected = names.length === 0 ? `the suite has no ${what}s` : `expected one of ${names.join(", ")}`;
  return `there is no ${what} ${name}; ${meant === undefined ? expected : `did you mean ${meant}?`}`;
}

/** What is read from a file is signed anew only where a key is named. */
function keyNameOf({ key, file }: Described): string | null {
  return key ?? (file === undefined ? DEFAULT_KEY : null);
}

function sigstructIn({ file = "", offset }: Described, suite: SuiteFile): Uint8Array {
  const path = relative("", resolve(suite.folder, file)) || ".";
  const found = enclavesIn(path);
  const meant = offset === undefined ? found : found.filter((enclave) => enclave.offset === offset);
  const [one] = meant;
  if (one === undefined || meant.length > 1) {
    const offsets = found.map((enclave) => enclave.offset).join(", ");
    throw new SuiteError(
      one === undefined
        ? `${path} has no SIGSTRUCT at offset ${offset}, expected one of ${offsets}`
        : `${path} holds ${meant.length} SIGSTRUCTs; say which by offset, one of ${offsets}`,
    );
  }
  if (!one.signed)
    throw new SuiteError(`${path} is not signed yet, so no host could launch it; name a key to sign it here`);
  return one.sigstruct;
}

function ordinary(name: string, privateKey: KeyObject | undefined): Uint8Array {
  if (privateKey === undefined) throw new CommandError(1, `the key of enclave ${name} was not made`);
  const enclavehash = new Uint8Array(createHash("sha256").update(`launchgate enclave ${name}`).digest());
  return signSigstruct({ privateKey, fields: { date: "2026-01-15", enclavehash, isvprodid: 1, isvsvn: 1 } });
}

/** The lowest bit of SIGNATURE turned. */
function withoutSignature(sigstruct: Uint8Array): Uint8Array {
  const decoded = decodeSigstruct(sigstruct);
  const signature = decoded.signature.slice();
  signature[0] = (signature[0] ?? 0) ^ 1;
  return encodeSigstruct({ ...decoded, signature });
}

type Changed = { -readonly [Field in keyof Sigstruct]?: Sigstruct[Field] };

function fieldsOf(text: SigstructText): Changed {
  const fields: Changed = {};
  for (const name of ["isvprodid", "isvsvn"] as const) {
    const value = text[name];
    if (value !== undefined) fields[name] = value;
  }
  for (const name of [
    "vendor",
    "swdefined",
    "miscselect",
    "miscmask",
    "cet_attributes",
    "cet_attributes_mask",
    "exponent",
  ] as const) {
    const value = text[name];
    if (value !== undefined) fields[name] = numberOf(value);
  }
  for (const name of ["isvfamilyid", "isvextprodid", "header", "header2"] as const) {
    const value = text[name];
    if (value !== undefined) fields[name] = bytesOf(value);
  }
  if (text.mrenclave !== undefined) fields.enclavehash = bytesOf(text.mrenclave);
  if (text.attributes !== undefined) fields.attributes = attributesOf(text.attributes);
  if (text.attributemask !== undefined) fields.attributemask = maskOf(text.attributemask);
  if (text.date !== undefined)
    fields.date = typeof text.date === "number" ? text.date : Number.parseInt(text.date.replaceAll("-", ""), 16);
  return fields;
}
