/** The lines of a file, from chunks: memory is bounded by the longest line that a log has. Truth: JSON Lines (jsonlines.org). */

import { closeSync, openSync, readSync } from "node:fs";
import { MAX_LINE_BYTES } from "./chain.js";

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without the line feed, valid until the next line is asked for; of a line longer than any of a log, the beginning. */
  readonly bytes: Buffer;
  /** Where it begins in the file, in bytes. */
  readonly offset: number;
  /** Its whole length in bytes, without the line feed. */
  readonly length: number;
  /** False for what stands after the last line feed. */
  readonly ended: boolean;
}

const CHUNK_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;

/** Reads on from where it is: what is appended to the file after its end was reached comes with the next `next`. */
export class LineReader {
  readonly #fd: number;
  #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** What was read and not yet handed out lies between these. */
  #from = 0;
  #to = 0;
  /** Where in #from..#to no line feed need be looked for again. */
  #searched = 0;
  #offset = 0;
  #number = 1;
  /** Bytes of an overlong line that were let go of. */
  #dropped = 0;

  /** @throws what `openSync` throws */
  constructor(path: string) {
    this.#fd = openSync(path, "r");
  }

  /** The next whole line; null where there is none yet. */
  next(): Line | null {
    for (;;) {
      const end = this.#buffer.subarray(this.#searched, this.#to).indexOf(LINE_FEED);
      if (end !== -1) return this.#take(this.#searched + end, true);
      this.#searched = this.#to;
      if (!this.#fill()) return null;
    }
  }

  /** Whether something stands after the last line feed. */
  get hasRest(): boolean {
    return this.#to - this.#from + this.#dropped > 0;
  }

  /** That, once nothing more is to come; null where it is nothing. */
  rest(): Line | null {
    return this.hasRest ? this.#take(this.#to, false) : null;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #take(end: number, ended: boolean): Line {
    const length = end - this.#from + this.#dropped;
    const bytes = this.#buffer.subarray(this.#from, end);
    const line = { number: this.#number, bytes, offset: this.#offset, length, ended };
    this.#from = Math.min(end + 1, this.#to);
    this.#searched = this.#from;
    this.#dropped = 0;
    this.#offset += length + (ended ? 1 : 0);
    this.#number += 1;
    return line;
  }

  /** False at the end of the file. */
  #fill(): boolean {
    if (this.#from > 0) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#searched -= this.#from;
      this.#from = 0;
    }
    if (this.#to > MAX_LINE_BYTES) {
      // Only the beginning of what is no line of a log is kept.
      this.#dropped += this.#to - CHUNK_BYTES;
      this.#to = CHUNK_BYTES;
      this.#searched = this.#to;
    }
    if (this.#to === this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
      this.#buffer.copy(larger, 0, 0, this.#to);
      this.#buffer = larger;
    }
    const read = readSync(this.#fd, this.#buffer, this.#to, this.#buffer.length - this.#to, null);
    this.#to += read;
    return read > 0;
  }
}
