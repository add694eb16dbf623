/**
 * From a case of a suite to the LaunchEvents that sources would hand in. Truth: the LaunchEvent schema
 * (policies/schema/event.schema.json).
 *
 * A case says what happens; each origin sees of it what such a source sees: the host of a guest sees no SECS at EINIT, and
 * what happens on a host has no VM.
 */

import { relative, resolve } from "node:path";
import {
  decodeSecs,
  decodeSigstruct,
  type Einittoken,
  encodeEinittoken,
  type FoundBytes,
  type FoundStructure,
  type HookName,
  hex8,
  hex32,
  hex64,
  type LaunchEvent,
  type Origin,
  type SecsFields,
  takeEvent,
} from "../../hooks/index.js";
import { lookInto } from "../enclave-files.js";
import { ALL_WORDS, NO_WORDS, secsFieldsOf, UNKNOWN_SECS } from "../secs-fields.js";
import { type Enclave, SuiteError } from "./enclaves.js";
import { filled } from "./placeholders.js";
import type { CaseText, OriginKind, SecsText, TokenText } from "./suite.js";
import type { SuiteFile } from "./suite-file.js";
import { attributesOf, bytesOf, maskOf, numberOf, wordsJson } from "./words.js";

export interface EventParts {
  readonly file: SuiteFile;
  readonly text: CaseText;
  readonly kind: OriginKind;
  /** Null: for a hook without one. */
  readonly enclave: Enclave | null;
  readonly enclaves: ReadonlyMap<string, Enclave>;
  /** Unix seconds. */
  readonly time: number;
}

/** @throws SuiteError where no such event exists; CommandError exit 1 where a file cannot be read */
export function eventOf(parts: EventParts): LaunchEvent {
  const { text, kind, enclave, enclaves, time } = parts;
  const hook = text.hook ?? "enclave_init";
  const event: LaunchEvent = {
    v: 1,
    hook,
    id: null,
    time,
    origin: originOf(text, kind),
    platform: {
      flc: text.flc ?? null,
      lepubkeyhash: text.lepubkeyhash === undefined ? null : filled(text.lepubkeyhash, enclaves).toLowerCase(),
    },
    grants: { provisionkey: grantOf(text) },
    sigstruct: enclave?.sigstruct ?? null,
    token: text.token == null ? null : tokenOf(parts, text.token),
    secs: secsOf(parts, hook),
    deadline_ms: null,
    synthetic: true,
  };
  try {
    takeEvent(event);
  } catch (error) {
    throw new SuiteError(`no source hands in such an event: ${error instanceof Error ? error.message : String(error)}`);
  }
  return event;
}

function originOf({ vm, process, guest, enforcement }: CaseText, kind: OriginKind): Origin {
  const inside = kind === "kvm" || kind === "guest-agent";
  return {
    kind,
    enforcement: enforcement ?? "none",
    process:
      process === undefined
        ? null
        : { pid: null, tid: null, uid: null, gid: null, comm: null, exe: null, cgroup: null, ...process },
    vm: vm === undefined || !inside ? null : typeof vm === "string" ? { id: vm, name: null } : { name: null, ...vm },
    guest: guest === undefined || !inside ? null : { pid: null, uid: null, exe: null, ...guest },
  };
}

function grantOf({ grants }: CaseText): LaunchEvent["grants"]["provisionkey"] {
  const how = Array.isArray(grants)
    ? grants.length > 0
      ? "config"
      : null
    : ((grants as { readonly provisionkey?: "fd" | "vm-cap" | "config" } | undefined)?.provisionkey ?? null);
  return { granted: how !== null, how };
}

function secsOf({ text, kind, file }: EventParts, hook: HookName): SecsFields | null {
  const allowed = text.allowed ?? text.secs?.attributes_allowed;
  const attributes_allowed = allowed === undefined ? null : wordsJson(attributesOf(allowed));
  const hidden = kind === "kvm" && hook === "enclave_init";
  const seen = hidden ? null : knownSecs(text, file);
  if (seen !== null) return { ...seen, attributes_allowed };
  return attributes_allowed === null ? null : { ...UNKNOWN_SECS, attributes_allowed };
}

/** What a source sees that has the SECS. */
function knownSecs({ attributes, secs }: CaseText, file: SuiteFile): SecsFields | null {
  if (attributes !== undefined) {
    if (secs !== undefined) throw new SuiteError("attributes stand in secs already, expected one of the two");
    return { ...UNKNOWN_SECS, attributes: wordsJson(attributesOf(attributes)), attributes_known: ALL_WORDS };
  }
  if (secs === undefined) return null;
  return secs.file === undefined ? secsFields(secs) : secsIn(secs.file, secs, file);
}

function secsFields(secs: SecsText): SecsFields {
  const { attributes, attributes_known: known } = secs;
  return {
    attributes: attributes === undefined ? NO_WORDS : wordsJson(attributesOf(attributes)),
    attributes_known: known !== undefined ? wordsJson(maskOf(known)) : attributes === undefined ? NO_WORDS : ALL_WORDS,
    attributes_allowed: null,
    miscselect: secs.miscselect === undefined ? null : hex32(numberOf(secs.miscselect)),
    miscselect_known: secs.miscselect === undefined ? null : hex32(0xffff_ffff),
    cet_attributes: secs.cet_attributes === undefined ? null : hex8(numberOf(secs.cet_attributes)),
    configid: secs.configid?.toLowerCase() ?? null,
    configsvn: secs.configsvn ?? null,
    size: secs.size === undefined ? null : hex64(BigInt(secs.size)),
  };
}

function secsIn(path: string, { attributes_allowed: _, file: __, ...fields }: SecsText, file: SuiteFile): SecsFields {
  const [other] = Object.keys(fields);
  if (other !== undefined) throw new SuiteError(`secs has a file, so ${other} has no place beside it`);
  return secsFieldsOf(decodeSecs(structureIn(path, "secs", file)));
}

function structureIn(path: string, kind: "secs" | "einittoken", { folder }: SuiteFile): Uint8Array {
  const named = relative("", resolve(folder, path)) || ".";
  const structures: readonly FoundStructure[] = lookInto(named).carried.structures;
  const found = structures.find((structure): structure is FoundBytes => structure.kind === kind);
  if (found === undefined) throw new SuiteError(`${named} holds no ${kind.toUpperCase()}`);
  return found.bytes;
}

/** The token in the file, or one that fits the enclave but for what is said. */
function tokenOf({ file, enclave, enclaves, text }: EventParts, token: TokenText): Uint8Array {
  const { file: path, ...fields } = token;
  if (path !== undefined) {
    const [other] = Object.keys(fields);
    if (other !== undefined) throw new SuiteError(`token has a file, so ${other} has no place beside it`);
    return structureIn(path, "einittoken", file);
  }
  if (enclave === null) throw new SuiteError("a token is for enclave_init, which needs an enclave");
  const launched = text.attributes ?? text.secs?.attributes;
  const hash = (given: string | undefined, own: string) => bytesOf(given === undefined ? own : filled(given, enclaves));
  const bytes = (given: string | undefined, size: number) =>
    given === undefined ? new Uint8Array(size) : bytesOf(given);
  const einittoken: Einittoken = {
    valid: numberOf(fields.valid ?? 1),
    reserved1: new Uint8Array(44),
    attributes:
      fields.attributes !== undefined
        ? attributesOf(fields.attributes)
        : launched !== undefined
          ? attributesOf(launched)
          : decodeSigstruct(enclave.sigstruct).attributes,
    mrenclave: hash(fields.mrenclave, enclave.mrenclave),
    reserved2: new Uint8Array(32),
    mrsigner: hash(fields.mrsigner, enclave.mrsigner),
    reserved3: new Uint8Array(32),
    cpusvnle: bytes(fields.cpusvnle, 16),
    isvprodidle: fields.isvprodidle ?? 0,
    isvsvnle: fields.isvsvnle ?? 0,
    reserved4: new Uint8Array(24),
    maskedmiscselectle: numberOf(fields.maskedmiscselectle ?? 0),
    maskedattributesle:
      fields.maskedattributesle === undefined ? { flags: 0n, xfrm: 0n } : attributesOf(fields.maskedattributesle),
    keyid: bytes(fields.keyid, 32),
    mac: bytes(fields.mac, 16),
  };
  return encodeEinittoken(einittoken);
}
