/**
 * The enclaves in the files that the user names. What the files are is judged by their content alone. Where a file
 * holds several, `FILE@OFFSET` names one of them; a file that is really called so comes first.
 */

import { existsSync } from "node:fs";
import {
  type Carried,
  type FoundBytes,
  type FoundStream,
  type FoundStructure,
  findStructures,
  IMAGE_CARRIERS,
  unsignedSigstruct,
} from "../engine/index.js";
import { wholeOf, withSource } from "./files.js";
import { CommandError } from "./io.js";

/** One enclave's signature structure in a file. */
export interface EnclaveFile {
  readonly file: string;
  /** Names it among others: the file, with `@offset` where the file holds more than one. */
  readonly name: string;
  /** Where the SIGSTRUCT lies in the file, in bytes; 0 where the file is text. */
  readonly offset: number;
  /** What carries it, for people: `SIGSTRUCT`, `Intel SDK signed ELF` … */
  readonly carrier: string;
  /** The SIGSTRUCT, 1808 bytes; those that only a signer can fill in are zero where `signed` is false. */
  readonly sigstruct: Uint8Array;
  /** False for material that is yet to be signed. */
  readonly signed: boolean;
}

/** What loading the enclave of an SGXS stream measures, to be compared with a SIGSTRUCT's ENCLAVEHASH. */
export interface MeasuredEnclave extends Omit<FoundStream, "kind" | "offset"> {
  readonly file: string;
}

/**
 * The enclaves in a file, `-` for stdin, by offset. The same SIGSTRUCT in several places, as Intel's SDK leaves it for
 * older loaders, counts once, where it comes first.
 *
 * @throws CommandError exit 1 where the file cannot be read, is broken, or holds none
 */
export function enclavesIn(named: string): readonly EnclaveFile[] {
  const { file, at, carried } = mustCarry(named);
  const { carrier, structures } = carried;
  const found = distinct(structures.filter(isEnclave));
  if (found.length === 0) throw new CommandError(1, noEnclave(file, structures));
  return found.map(({ kind, offset, bytes }) => ({
    file,
    name: found.length === 1 && at === null ? file : `${file}@${offset}`,
    offset,
    carrier,
    sigstruct: kind === "signing_material" ? unsignedSigstruct(bytes) : bytes,
    signed: kind === "sigstruct",
  }));
}

/** What an SGXS stream measures; null where the file is none. @throws CommandError as `enclavesIn` does */
export function measuredIn(named: string): MeasuredEnclave | null {
  const { file, carried } = mustCarry(named);
  const stream = carried.structures.find((structure) => structure.kind === "sgxs");
  if (stream === undefined) return null;
  const { kind: _, offset: __, ...measured } = stream;
  return { file, ...measured };
}

/** What a file turned out to carry, or of that the one structure that `FILE@OFFSET` names. */
interface Contents {
  /** Without the offset. */
  readonly file: string;
  /** The offset asked for. */
  readonly at: number | null;
  readonly carried: Carried;
}

/** What a file carries, or why nothing. @throws CommandError exit 1 where it cannot be read or has nothing at that offset */
export function lookInto(named: string): Contents {
  const { file, at } = placeOf(named);
  const carried = withSource(file, findStructures);
  if (carried.problem !== null) return { file, at, carried };
  return { file, at, carried: { ...carried, structures: chosen(file, at, carried.structures) } };
}

function mustCarry(named: string): Contents & { readonly carried: { readonly problem: null } } {
  const { file, at, carried } = lookInto(named);
  if (carried.problem !== null) throw new CommandError(1, `${file}: ${carried.problem}`);
  return { file, at, carried };
}

/**
 * The bytes of the one structure of that kind in a file. A file that is neither an executable nor a stream, and does not
 * hold it, comes back whole, to be refused by its length.
 *
 * @throws CommandError exit 1 where the file cannot be read, or is broken, or an enclave without such a structure, or
 * holds several that differ: which one is meant must not be guessed
 */
export function structureBytes(named: string, kind: FoundBytes["kind"]): Uint8Array {
  const { file, at } = placeOf(named);
  return withSource(file, (source) => {
    const carried = findStructures(source);
    const fitting = distinct(
      chosen(file, at, carried.structures).filter((one): one is FoundBytes => one.kind === kind),
    );
    const [first, second] = fitting;
    if (second !== undefined) {
      const choices = fitting.map(({ offset }) => `${file}@${offset}`).join(", ");
      throw new CommandError(
        1,
        `${file} holds ${fitting.length} different ${kind.toUpperCase()}s: choose one of ${choices}`,
      );
    }
    if (first !== undefined) return first.bytes;
    if (isImage(carried))
      throw new CommandError(1, carried.problem === null ? lacks(file, carried, kind) : `${file}: ${carried.problem}`);
    return wholeOf(file, source);
  });
}

/** Names of the kinds for people, with their article. */
export const KIND_NAMES = {
  sigstruct: "a SIGSTRUCT",
  einittoken: "an EINITTOKEN",
  secs: "a SECS",
  signing_material: "signing material",
  sgxs: "an SGXS stream",
} as const satisfies Record<FoundStructure["kind"], string>;

function placeOf(named: string): { readonly file: string; readonly at: number | null } {
  const [, file, digits] = /^(.+)@(\d{1,15})$/s.exec(named) ?? [];
  if (file === undefined || existsSync(named)) return { file: named, at: null };
  return { file, at: Number(digits) };
}

function chosen(file: string, at: number | null, found: readonly FoundStructure[]): readonly FoundStructure[] {
  if (at === null || found.length === 0) return found;
  const structures = found.filter(({ offset }) => offset === at);
  if (structures.length > 0) return structures;
  const choices = found.map(({ offset }) => `${file}@${offset}`).join(", ");
  throw new CommandError(1, `${file} holds no structure at offset ${at}, expected ${choices}`);
}

function isEnclave(structure: FoundStructure): structure is FoundBytes {
  return structure.kind === "sigstruct" || structure.kind === "signing_material";
}

function distinct(found: readonly FoundBytes[]): readonly FoundBytes[] {
  return found.filter(
    ({ bytes }, index) => found.findIndex((other) => Buffer.compare(other.bytes, bytes) === 0) === index,
  );
}

/** Whether the file is a form that has structures inside, or is measured, rather than being a structure itself. */
function isImage({ carrier }: Carried): boolean {
  return carrier !== null && IMAGE_CARRIERS.some((image) => image === carrier);
}

function noEnclave(file: string, [first]: readonly FoundStructure[]): string {
  if (first?.kind === "sgxs") {
    return `${file} is an SGXS stream, which says what is loaded but not who signed it: give its SIGSTRUCT (.sig) too`;
  }
  return `${file} holds ${first === undefined ? "nothing" : KIND_NAMES[first.kind]}, expected a SIGSTRUCT`;
}

function lacks(file: string, { structures: [first] }: Carried, kind: FoundBytes["kind"]): string {
  if (kind === "sigstruct") return noEnclave(file, first === undefined ? [] : [first]);
  return `${file} holds ${first === undefined ? "nothing" : KIND_NAMES[first.kind]}, expected ${KIND_NAMES[kind]}`;
}
