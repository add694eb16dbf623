/** The enclaves in the files that the user names. What the files are is judged by their content alone. */

import { findStructures } from "../engine/index.js";
import { readBytes } from "./files.js";
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

/** The enclaves in a file, `-` for stdin, by offset. @throws CommandError exit 1 where it cannot be read or holds none */
export function enclavesIn(file: string): readonly EnclaveFile[] {
  const found = findStructures(readBytes(file)).filter(({ kind }) => kind === "sigstruct");
  if (found.length === 0) throw new CommandError(1, `${file} holds no SIGSTRUCT`);
  return found.map(({ offset, bytes }) => ({
    file,
    name: found.length === 1 ? file : `${file}@${offset}`,
    offset,
    carrier: "SIGSTRUCT",
    sigstruct: bytes,
    signed: true,
  }));
}
