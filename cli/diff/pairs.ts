/** Which enclaves `launchgate diff` compares: the one named on each side, or as many on the one as on the other, in order. */

import { existsSync } from "node:fs";
import { type EnclaveFile, enclavesIn } from "../enclave-files.js";
import { CommandError } from "../io.js";

export interface Pair {
  readonly before: EnclaveFile;
  readonly after: EnclaveFile;
}

/**
 * The enclaves of both sides, paired by their order in the files. A side is a file, `-` for stdin, or `FILE@OFFSET` for
 * one enclave of several.
 * @throws CommandError exit 1 where a side cannot be read or holds none, or the two hold different numbers of enclaves
 */
export function pairsOf(before: string, after: string): readonly Pair[] {
  if (before === "-" && after === "-") throw new CommandError(1, "both sides are -, expected stdin on one side only");
  const was = sideOf(before);
  const is = sideOf(after);
  if (was.length !== is.length) {
    const names = [...was, ...is].map(({ name }) => name).join(", ");
    throw new CommandError(
      1,
      `${before} holds ${count(was)} and ${after} holds ${count(is)}: name one on each side, as FILE@OFFSET: ${names}`,
    );
  }
  return was.map((enclave, at) => ({ before: enclave, after: is[at] as EnclaveFile }));
}

function sideOf(side: string): readonly EnclaveFile[] {
  const [, file, offset] = /^(.+)@(\d{1,15})$/s.exec(side) ?? [];
  if (file === undefined || offset === undefined || existsSync(side)) return enclavesIn(side);
  const enclaves = enclavesIn(file);
  const chosen = enclaves.filter((enclave) => enclave.offset === Number(offset));
  if (chosen.length > 0) return chosen;
  const there = enclaves.map((enclave) => enclave.offset).join(", ");
  throw new CommandError(1, `${file} holds no SIGSTRUCT at offset ${offset}, expected one of ${there}`);
}

function count({ length }: readonly EnclaveFile[]): string {
  return length === 1 ? "1 enclave" : `${length} enclaves`;
}
