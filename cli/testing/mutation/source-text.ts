/**
 * From the places that OPA's parser names to stretches of the source text. Truth: the `location` of `opa parse --format
 * json`: row and column from 1, columns in Unicode code points, and the text that begins there.
 *
 * A place where the text is not what OPA says is no place: nothing is ever changed elsewhere than where it is meant.
 */

import type { Location } from "../../policy/rego-ast.js";

/** From `start` up to, not including, `end`; in UTF-16 code units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface SourceText {
  readonly text: string;
  /** The stretch that a location names; null where it names none. */
  readonly spanOf: (location: Location | undefined) => Span | null;
  readonly textOf: (span: Span) => string;
}

export function sourceText(text: string): SourceText {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return {
    text,
    spanOf: (location) => {
      const named = location?.text === undefined ? "" : Buffer.from(location.text, "base64").toString("utf8");
      const line = location === undefined ? undefined : starts[location.row - 1];
      if (location === undefined || line === undefined || named === "") return null;
      const start = afterCodePoints(text, line, location.col - 1);
      return text.startsWith(named, start) ? { start, end: start + named.length } : null;
    },
    textOf: ({ start, end }) => text.slice(start, end),
  };
}

function afterCodePoints(text: string, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0; left -= 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}
