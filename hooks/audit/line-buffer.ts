/** The lines of one group, as bytes ready to be written: put together in one place, since most of the cost is in copying. */

import { hash } from "node:crypto";
import { MAX_LINE_BYTES, type Place } from "./chain.js";
import type { Counts } from "./messages.js";

/** One record, not chained. */
export interface Entry {
  readonly text: string;
  /** What it counts as where it is lost; null: it is the log's own. */
  readonly as: keyof Counts | null;
}

const USUAL_BYTES = 8 * 1024 * 1024;
/** A group with so many bytes takes no more. */
const ENOUGH_BYTES = 6 * 1024 * 1024;
const LINK_BYTES = 128;
const LINE_FEED = 0x0a;

export class LineBuffer {
  #bytes = Buffer.allocUnsafeSlow(USUAL_BYTES);
  #at = 0;
  #last: Place = { seq: -1, sha256: "" };
  /** Of each line what it counts as, where its record begins, and where the chain behind that. */
  readonly #as: (keyof Counts | null)[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** Empty, to go on behind that line. */
  begin(last: Place): this {
    this.#at = 0;
    this.#last = last;
    this.#as.length = 0;
    this.#starts.length = 0;
    this.#ends.length = 0;
    if (this.#bytes.length > USUAL_BYTES) this.#bytes = Buffer.allocUnsafeSlow(USUAL_BYTES);
    return this;
  }

  /** A record that `write` puts at a position, as JSON without its closing brace, and says where it ends. */
  add(as: keyof Counts | null, write: (out: Buffer, at: number) => number): void {
    if (this.#bytes.length - this.#at < MAX_LINE_BYTES + LINK_BYTES) this.#grow();
    const start = this.#at;
    const end = write(this.#bytes, start);
    const { seq, sha256 } = this.#last;
    const link = `,"chain":{"seq":${seq + 1},"prev":"${sha256}"}}`;
    const to = end + this.#bytes.write(link, end, "latin1");
    this.#last = { seq: seq + 1, sha256: hash("sha256", this.#bytes.subarray(start, to), "hex") };
    this.#bytes[to] = LINE_FEED;
    this.#at = to + 1;
    this.#as.push(as);
    this.#starts.push(start);
    this.#ends.push(end);
  }

  addText({ text, as }: Entry): void {
    this.add(as, (out, at) => at + out.write(text, at, "utf8"));
  }

  get isFull(): boolean {
    return this.#at >= ENOUGH_BYTES;
  }

  get count(): number {
    return this.#as.length;
  }

  /** What each line counts as. */
  get kinds(): readonly (keyof Counts | null)[] {
    return this.#as;
  }

  get last(): Place {
    return this.#last;
  }

  /** All lines, valid until the next `begin`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** The records without the chain, to be written another time. */
  entries(): readonly Entry[] {
    return this.#as.map((as, n) => ({ as, text: this.#bytes.toString("utf8", this.#starts[n], this.#ends[n]) }));
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.#bytes.length * 2);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
