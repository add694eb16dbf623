/**
 * Checks that the lines of a log are the ones that were written, in their order, and says what is not. Truth: chain.ts for
 * the chain, checkpoint.ts for what is signed.
 *
 * What a chain alone proves: nobody has changed, removed, inserted or moved a line without writing anew all that comes
 * after it. Only signatures, or a digest kept elsewhere, prove that nobody has done that too, and that the end is the end.
 * Streams: memory does not grow with the log.
 */

import type { Place } from "./chain.js";
import { ChainCheck, type ExpectedLine, type Fault } from "./chain-check.js";
import type { CheckpointVerifier } from "./checkpoint.js";
import { type Line, LineReader } from "./lines.js";

export interface VerifyOptions {
  /** Keys that sign checkpoints. Without any, signatures are not looked at. */
  readonly verifiers?: readonly CheckpointVerifier[];
  readonly expected?: ExpectedLine;
  /** Whether the files given are all of the log's that there are: then what comes before the first must have been retired. */
  readonly complete?: boolean;
  /** How long to wait for a line that is being written, in milliseconds. */
  readonly settleMs?: number;
  /** Told now and then how many bytes were read since. */
  readonly onProgress?: (bytes: number) => void;
}

export interface LogReport {
  readonly intact: boolean;
  readonly log_id: string | null;
  readonly files: readonly string[];
  readonly lines: number;
  readonly bytes: number;
  readonly first: { readonly seq: number } | null;
  readonly last: Place | null;
  readonly checkpoints: {
    readonly signed: number;
    readonly verified: number;
    readonly unsigned: number;
    /** The last one whose signature holds. */
    readonly last_verified: { readonly seq: number; readonly time: number } | null;
  };
  /** Records that could not be written, as the log itself says. */
  readonly unwritten: number;
  /** The first thousand. */
  readonly faults: readonly Fault[];
  readonly fault_count: number;
  /** What was found that is no fault, and what this log cannot prove. */
  readonly notes: readonly string[];
}

const PROGRESS_BYTES = 8 * 1024 * 1024;

/**
 * Checks files as one log, in the order given. @throws what reading them throws
 */
export async function verifyLog(files: readonly string[], options: VerifyOptions = {}): Promise<LogReport> {
  const check = new ChainCheck(options.verifiers, options.expected);
  let bytes = 0;
  for (const file of files) bytes += await checkFile(check, file, options);
  check.end();
  if (options.complete === true) checkBeginning(check, files[0] ?? "");
  if ((options.verifiers?.length ?? 0) > 0 && check.verified === 0 && check.lines > 0)
    check.faultAt("checkpoint", files[0] ?? "", null, "no checkpoint is signed by the given key, so nothing is proved");
  return {
    intact: check.faultCount === 0,
    log_id: check.logId,
    files,
    lines: check.lines,
    bytes,
    first: check.first === null ? null : { seq: check.first.seq },
    last: check.last,
    checkpoints: {
      signed: check.signed,
      verified: check.verified,
      unsigned: check.unsigned,
      last_verified: check.lastVerified,
    },
    unwritten: check.unwritten,
    faults: check.faults,
    fault_count: check.faultCount,
    notes: notesOf(check, options),
  };
}

/** All lines of one file, its unfinished end too; how many bytes it has. */
async function checkFile(check: ChainCheck, file: string, options: VerifyOptions): Promise<number> {
  const reader = new LineReader(file);
  let size = 0;
  let told = 0;
  try {
    for (let line = await nextLine(reader, options); line !== null; line = await nextLine(reader, options)) {
      size = line.offset + line.length + 1;
      const verifying = check.line(line.bytes, file, line.number, line.length);
      if (verifying !== undefined) await verifying;
      if (size - told >= PROGRESS_BYTES) {
        options.onProgress?.(size - told);
        told = size;
      }
    }
    const torn = reader.rest();
    if (torn !== null) {
      check.torn(torn, file);
      size += torn.length;
    }
  } finally {
    reader.close();
  }
  options.onProgress?.(size - told);
  return size;
}

/** A log in use may be read in the middle of a write. */
async function nextLine(reader: LineReader, { settleMs = 0 }: VerifyOptions): Promise<Line | null> {
  const line = reader.next();
  if (line !== null || settleMs === 0 || !reader.hasRest) return line;
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return reader.next();
}

function checkBeginning(check: ChainCheck, file: string): void {
  const { first, retired } = check;
  if (first === null || first.seq === 0) return;
  if (retired !== null && retired.seq === first.seq - 1 && retired.sha256 === first.prev) return;
  check.faultAt(
    "removed",
    file,
    0,
    `the log begins with record ${first.seq}, and no record says that older files were retired`,
  );
}

function notesOf(check: ChainCheck, { verifiers = [] }: VerifyOptions): readonly string[] {
  const notes: string[] = [];
  const last = check.last?.seq ?? 0;
  const { verified, signed, lastVerified, first } = check;
  if (check.lines === 0) return ["there is no record"];
  if (first !== null && first.seq > 0)
    notes.push(`the log is there from record ${first.seq} on; what came before can only be checked with its files`);
  if (check.expectedTooOld) notes.push("the expected record is older than what is there, and could not be looked for");
  if (signed === 0)
    notes.push(
      "no checkpoint is signed: whoever can write the files could have written another history, or cut off the end, and " +
        "nothing here would show it",
    );
  else if (verifiers.length === 0)
    notes.push(
      `${signed} checkpoints are signed; without --key they were not verified, and the chain alone was checked`,
    );
  else if (verified > 0 && lastVerified !== null && last > lastVerified.seq + 1)
    notes.push(
      `the ${last - lastVerified.seq - 1} lines after record ${lastVerified.seq + 1} are newer than the last signed ` +
        "checkpoint: the chain holds them together, but whoever can write the files could have replaced them or cut more off",
    );
  if (!check.closed)
    notes.push("the log was not closed: it is being written, or its writer was killed, or the end was cut off");
  if (check.unwritten > 0)
    notes.push(`${check.unwritten} records could not be written when they were due, and the log says so`);
  if (check.repaired > 0)
    notes.push(`the log was repaired ${check.repaired} times at a start, and says what was cut off`);
  return notes;
}
