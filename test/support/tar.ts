/** Tar archives as hostile as a test wants them: each field of a header as given. Truth: POSIX.1-2017 pax, "ustar". */

import { gzipSync } from "node:zlib";

export interface TarEntry {
  readonly name: string;
  readonly type?: string;
  readonly link?: string;
  readonly content?: Uint8Array;
  /** The twelve bytes of the field, in place of the content's size. */
  readonly size?: string;
  /** The field's digits, in place of the right ones. */
  readonly checksum?: string;
}

export function tarGz(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap((entry) => {
    const { name, type = "0", link = "", content = new Uint8Array() } = entry;
    const header = Buffer.alloc(512);
    header.write(name, 0, "latin1");
    header.write(entry.size ?? content.length.toString(8).padStart(11, "0"), 124, "latin1");
    header.write("        ", 148, "latin1");
    header.write(type, 156, "latin1");
    header.write(link, 157, "latin1");
    header.write("ustar\x0000", 257, "latin1");
    const sum = header.reduce((total, byte) => total + byte, 0).toString(8);
    header.write(`${entry.checksum ?? sum.padStart(6, "0")}\0 `, 148, "latin1");
    return [header, content, new Uint8Array((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, new Uint8Array(1024)]));
}
