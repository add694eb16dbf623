/** A report as JSON: the command's own document, as it is. */

import { json } from "./escape.js";
import type { Report } from "./model.js";

export function jsonReport({ document }: Report): string {
  return `${json(document, 2)}\n`;
}
