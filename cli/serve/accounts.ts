/** Users and groups by name. Truth: passwd(5) and group(5); what only a directory service knows is given as a number. */

import { readFileSync } from "node:fs";

/** @throws Error where there is no such user in /etc/passwd */
export function userId(given: string | number): number {
  return typeof given === "number" ? given : lookUp("/etc/passwd", "user", given);
}

/** @throws Error where there is no such group in /etc/group */
export function groupId(given: string | number): number {
  return typeof given === "number" ? given : lookUp("/etc/group", "group", given);
}

function lookUp(file: string, what: string, name: string): number {
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [found, , id] = line.split(":");
    if (found === name && id !== undefined && /^\d{1,10}$/.test(id)) return Number(id);
  }
  throw new Error(`there is no ${what} ${name} in ${file}; give the id as a number`);
}
