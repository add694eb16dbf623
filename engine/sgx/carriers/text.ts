/** Structures as people paste them: hex digits, or base64 as RFC 4648 section 4 has it, with white space anywhere. */

import type { Find } from "./carried.js";
import { findRaw } from "./raw.js";

/** Text longer than this many bytes carries none of the structures, however it is wrapped. */
export const MAX_TEXT_SIZE = 65_536;

/** The raw structure that the text spells; it counts as lying at offset 0. */
export function findInText(bytes: Uint8Array): Find | null {
  for (const decoded of readingsOf(bytes)) {
    const found = findRaw(decoded);
    if (found === null) continue;
    return {
      carrier: `${found.carrier} as text`,
      structures: found.structures.map((structure) => ({ ...structure, offset: 0 })),
    };
  }
  return null;
}

/** What the text says as hex, and as base64; white space between digits is ignored, anything else disqualifies. */
function readingsOf(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes.length > MAX_TEXT_SIZE) return [];
  const text = Buffer.from(bytes)
    .toString("latin1")
    .replace(/[ \t\r\n]/g, "");
  const readings: Uint8Array[] = [];
  if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) readings.push(Buffer.from(text, "hex"));
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    readings.push(Buffer.from(text, "base64"));
  }
  return readings;
}
