/** Columns that line up, for people. */

/** Rows as text, each column as wide as its widest cell. Colours do not count as width. */
export function table(rows: readonly (readonly string[])[], indent = ""): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
  }
  return rows
    .map(
      (row) => `${indent}${row.map((cell, at) => pad(cell, at === row.length - 1 ? 0 : (widths[at] ?? 0))).join("  ")}`,
    )
    .join("\n");
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - widthOf(cell)));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with a control character
const ESCAPES = /\u001b\[[0-9;]*m/g;

function widthOf(cell: string): number {
  return cell.replaceAll(ESCAPES, "").length;
}

/**
 * Text from a launcher, a policy or a file name, safe for a terminal: control characters, line breaks and what turns the
 * direction of writing are shown, not obeyed.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "�");
}

/** The same for text of several lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
