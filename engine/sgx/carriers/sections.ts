/** Sections of an executable, whichever format said where they lie. What a file says of itself is only its claim. */

import { DecodeError } from "../../errors.js";

/** A run of bytes in the file. `name` is null where the section's name is none that anybody here looks for. */
export type Section = { readonly name: string | null; readonly offset: number; readonly size: number };

/**
 * The section of that name, or null where there is none. It shares no byte with anything else that the file places:
 * a signature that is at the same time a table, or another section's content, is an accident or an attack.
 *
 * @throws DecodeError `field` where the name stands twice or the section overlaps another
 */
export function soleSection(sections: readonly Section[], name: string): Section | null {
  const [section, second] = sections.filter((one) => one.name === name);
  if (section === undefined) return null;
  if (second !== undefined) {
    throw new DecodeError("field", `two sections are named ${name}, expected one: loaders would take different ones`);
  }
  const other = sections.find((one) => one !== section && overlap(one, section));
  if (other !== undefined) {
    throw new DecodeError(
      "field",
      `section ${name} (${range(section)}) overlaps another part of the file (${range(other)}), expected it apart`,
    );
  }
  return section;
}

function overlap(one: Section, other: Section): boolean {
  return (
    one.size > 0 && other.size > 0 && one.offset < other.offset + other.size && other.offset < one.offset + one.size
  );
}

function range({ offset, size }: Section): string {
  return `${size} bytes at ${offset}`;
}
