/** An imported document as YAML for people: comments say what it was made of, and where each entry comes from. */

import { Document, isMap, isScalar } from "yaml";
import { printable } from "../output/table.js";
import type { ImportedDocument } from "./merge.js";

/** `head`: lines that stand above it. */
export function importedYaml({ document, sources }: ImportedDocument, head: readonly string[]): string {
  const yaml = new Document(document, { version: "1.2", schema: "core", aliasDuplicateObjects: false });
  yaml.commentBefore = commentOf(head);
  for (const list of ["signers", "mrenclaves"]) {
    const entries = yaml.get(list);
    if (!isMap(entries)) continue;
    for (const { key } of entries.items) {
      if (isScalar(key)) key.commentBefore = commentOf([...new Set(sources.get(String(key.value)) ?? [])]);
    }
  }
  return yaml.toString({ lineWidth: 0 });
}

function commentOf(lines: readonly string[]): string {
  return lines.map((line) => ` ${printable(line)}`).join("\n");
}
