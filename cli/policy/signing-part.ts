/**
 * Which policies answer `signing/decision`: those whose folder says something of signing, by a package under `signing` or
 * by the key `signing` of its data document. They get the shipped signing rules beside their own. All others are compiled
 * without them, so that a host's bundle holds what a host asks.
 */

import { PolicyError } from "../../engine/errors.js";
import type { JsonObject } from "../../engine/json.js";
import { folderData } from "./data-files.js";
import type { Module } from "./rego-ast.js";
import type { PolicyFolder, SourceFile } from "./sources.js";

/** `as-said`: as the folder says; `with`: whatever it says; `only`, of the shipped policies: no other decision. */
export type SigningPart = "as-said" | "with" | "only";

export const SIGNING = "signing/decision";

/** The package to which a folder's own rules are added, not one that they replace: its shipped rules are empty sets. */
export const SIGNING_EXTENSION = "signing.custom";

export function isSigningPackage(name: string): boolean {
  return name === "signing" || name.startsWith("signing.");
}

/** Shipped sources lie in folders of their package's first name. */
export function isSigningSource({ path }: Pick<SourceFile, "path">): boolean {
  return path.startsWith("signing/");
}

/** Whether data documents say anything of signing. */
export function documentsSaySigning(documents: readonly JsonObject[]): boolean {
  return documents.some((document) => Object.hasOwn(document, "signing"));
}

/** Whether a folder says anything of signing. What is wrong with its data is for others to say. */
export function folderSaysSigning(folder: PolicyFolder, modules: readonly Module[]): boolean {
  if (modules.some((module) => isSigningPackage(module.package.join(".")))) return true;
  try {
    const { launchgate } = folderData(folder.data, modules);
    return launchgate !== null && documentsSaySigning([launchgate]);
  } catch (error) {
    if (error instanceof PolicyError) return false;
    throw error;
  }
}
