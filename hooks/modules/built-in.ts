/** Which modules are Launchgate's own: those that only read what they are shown, so that nothing need be frozen for them. */

import type { LaunchModule } from "../hook-defs.js";

const own = new WeakSet<LaunchModule>();

export function builtIn<Module extends LaunchModule>(module: Module): Module {
  own.add(module);
  return module;
}

export function isBuiltIn(module: LaunchModule): boolean {
  return own.has(module);
}
