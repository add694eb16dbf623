/** Command-line options to a LaunchEvent. Shapes of options are checked here; the event itself is the engine's to judge. */

import {
  DecodeError,
  decodeSecs,
  EventError,
  findStructures,
  hex64,
  type Origin,
  parseHex64,
  type SecsFields,
} from "../engine/index.js";
import { KIND_NAMES, structureBytes } from "./enclave-files.js";
import { readJson } from "./files.js";
import { CommandError } from "./io.js";
import { ALL_WORDS, secsFieldsOf, UNKNOWN_SECS } from "./secs-fields.js";

export interface LaunchOptions {
  readonly sigstruct?: string;
  readonly event?: string;
  readonly origin?: "native" | "kvm" | "file";
  readonly secs?: string;
  readonly attributes?: string;
  readonly allowed?: string;
  readonly token?: string;
  readonly lepubkeyhash?: string;
  readonly grant?: "provisionkey";
  readonly vm?: string;
  readonly time?: string;
}

/** @throws CommandError exit 1 on options that contradict each other, or files that cannot be read */
export function eventFromOptions(options: LaunchOptions): unknown {
  if (options.event !== undefined) return wholeEvent(options);
  if (options.sigstruct === undefined)
    throw new CommandError(1, "nothing to decide: give --sigstruct FILE, or --event FILE");
  const kind = options.origin ?? "native";
  if (kind === "kvm" && (options.secs !== undefined || options.attributes !== undefined)) {
    throw new CommandError(
      1,
      "a host cannot see a guest's SECS at EINIT: with --origin kvm bound it by --allowed FLAGS:XFRM",
    );
  }
  const grant = options.grant === "provisionkey";
  const secs = secsOf(options);
  return {
    v: 1,
    hook: "enclave_init",
    id: null,
    time: secondsOf(options.time),
    origin: originOf(kind, options.vm),
    platform: { flc: null, lepubkeyhash: lepubkeyhashOf(options.lepubkeyhash) },
    grants: { provisionkey: { granted: grant, how: grant ? "config" : null } },
    sigstruct: structureBytes(options.sigstruct, "sigstruct"),
    token: options.token === undefined ? null : structureBytes(options.token, "einittoken"),
    // A SECS of the wrong length is the engine's to deny, as the other structures are: it meets the error on taking over.
    get secs() {
      if (secs instanceof EventError) throw secs;
      return secs;
    },
    deadline_ms: null,
    synthetic: true,
  };
}

function wholeEvent({ event = "", ...others }: LaunchOptions): unknown {
  const [also] = DESCRIBES.filter((option) => others[option] !== undefined);
  if (also !== undefined) throw new CommandError(1, `--event is the whole event, so --${also} has no place beside it`);
  return readJson(event);
}

const DESCRIBES = [
  "sigstruct",
  "origin",
  "secs",
  "attributes",
  "allowed",
  "token",
  "lepubkeyhash",
  "grant",
  "vm",
  "time",
] as const satisfies readonly (keyof LaunchOptions)[];

function originOf(kind: "native" | "kvm" | "file", vm: string | undefined): Origin {
  return {
    kind,
    enforcement: "none",
    process: null,
    vm: vm === undefined ? null : { id: vm, name: null },
    guest: null,
  };
}

function lepubkeyhashOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const digits = text.toLowerCase().replace(/^0x/, "");
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new CommandError(1, `--lepubkeyhash is ${JSON.stringify(text)}, expected 64 hex digits`);
}

/** `--time` as Unix seconds; now where there is none. @throws CommandError exit 1 where it is no RFC 3339 */
export function secondsOf(time: string | undefined): number {
  return time === undefined ? Math.floor(Date.now() / 1000) : unixSeconds("--time", time);
}

/** RFC 3339 as Unix seconds. @throws CommandError exit 1 where it is none, or no day of the calendar */
export function unixSeconds(option: string, time: string): number {
  const milliseconds = RFC3339.test(time) ? Date.parse(time) : Number.NaN;
  const day = time.slice(0, 10);
  // Date.parse takes 31 February for 3 March.
  if (Number.isNaN(milliseconds) || !new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)) {
    throw new CommandError(1, `${option} is ${JSON.stringify(time)}, expected RFC 3339 such as 2026-11-22T12:00:00Z`);
  }
  return Math.floor(milliseconds / 1000);
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

function secsOf({ secs, attributes, allowed }: LaunchOptions): SecsFields | EventError | null {
  const attributes_allowed = allowed === undefined ? null : wordsOf("--allowed", allowed);
  if (secs !== undefined) {
    const fields = secsIn(secs);
    return fields instanceof EventError ? fields : { ...fields, attributes_allowed };
  }
  if (attributes !== undefined) {
    return {
      ...UNKNOWN_SECS,
      attributes: wordsOf("--attributes", attributes),
      attributes_known: ALL_WORDS,
      attributes_allowed,
    };
  }
  return attributes_allowed === null ? null : { ...UNKNOWN_SECS, attributes_allowed };
}

/** What the SECS says, or the denial of one whose length is wrong. */
function secsIn(file: string): SecsFields | EventError {
  const bytes = structureBytes(file, "secs");
  // A prefix of a SECS is taken, and the bytes of another structure would pass for one.
  const [other] = findStructures(bytes).structures;
  if (other !== undefined && other.kind !== "secs")
    throw new CommandError(1, `--secs is ${file}, which holds ${KIND_NAMES[other.kind]}, expected a SECS`);
  try {
    return secsFieldsOf(decodeSecs(bytes));
  } catch (error) {
    if (error instanceof DecodeError) return new EventError("malformed", error.message);
    throw error;
  }
}

function wordsOf(option: string, text: string): { readonly flags: string; readonly xfrm: string } {
  const words = text.toLowerCase().split(":");
  const [flags, xfrm] = words.map((word) => (word.startsWith("0x") ? word : `0x${word}`));
  if (words.length !== 2 || flags === undefined || xfrm === undefined || ![flags, xfrm].every(isHex64)) {
    throw new CommandError(1, `${option} is ${JSON.stringify(text)}, expected FLAGS:XFRM in hex such as 0x4:0x3`);
  }
  return { flags: hex64(parseHex64(flags)), xfrm: hex64(parseHex64(xfrm)) };
}

function isHex64(text: string): boolean {
  return /^0x[0-9a-f]{1,16}$/.test(text);
}
