/**
 * A log's lines, from chunks: a line ends with a line feed, and none is kept that is longer than the bound. Truth: JSON
 * Lines (jsonlines.org); RFC 8259 for what may stand around a text.
 */

/** A record with the longest SIGSTRUCT, token, paths and reasons that Launchgate takes stays far below. */
export const MAX_LINE_BYTES = 1024 * 1024;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without the line feed; null where the line was too long to be kept. */
  readonly bytes: Uint8Array | null;
  /** Whether a line feed ended it; the last line of a log that is being written, or was cut off, has none. */
  readonly ended: boolean;
}

const LINE_FEED = 0x0a;

export class LineSplitter {
  #number = 0;
  #begun: Uint8Array[] = [];
  #size = 0;

  /** The lines that end in this chunk. Those within it are views of it: use them before the next chunk comes. */
  *push(chunk: Uint8Array): Generator<Line, void, undefined> {
    let from = 0;
    for (let to = chunk.indexOf(LINE_FEED); to !== -1; to = chunk.indexOf(LINE_FEED, from)) {
      yield this.#line(chunk.subarray(from, to), true);
      from = to + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  /** What came after the last line feed; null where that was nothing. */
  end(): Line | null {
    return this.#size === 0 ? null : this.#line(new Uint8Array(), false);
  }

  #line(rest: Uint8Array, ended: boolean): Line {
    this.#number += 1;
    const size = this.#size + rest.length;
    const begun = this.#begun;
    this.#begun = [];
    this.#size = 0;
    if (size > MAX_LINE_BYTES) return { number: this.#number, bytes: null, ended };
    return { number: this.#number, bytes: begun.length === 0 ? rest : Buffer.concat([...begun, rest]), ended };
  }

  /** Counts what is too long, and lets go of it. */
  #keep(rest: Uint8Array): void {
    if (rest.length === 0) return;
    this.#size += rest.length;
    if (this.#size > MAX_LINE_BYTES) this.#begun = [];
    else this.#begun.push(rest);
  }
}
