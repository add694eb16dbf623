/** The table of commands. Each is loaded only when asked for, so that deciding does not pay for building. */

import type { Command } from "commander";
import type { Io } from "./io.js";

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: (io: Io) => Command }>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: "eval", summary: "decide one launch and say why", load: () => import("./commands/eval.js") },
  {
    name: "inspect",
    summary: "show what a SIGSTRUCT, EINITTOKEN or SECS says",
    load: () => import("./commands/inspect.js"),
  },
  {
    name: "diff",
    summary: "show what changed between two enclaves' signatures",
    load: () => import("./commands/diff.js"),
  },
  {
    name: "import",
    summary: "make a data document of other tools' lists of enclaves",
    load: () => import("./commands/import.js"),
  },
  { name: "init", summary: "make a starter policy with data and tests", load: () => import("./commands/init.js") },
  { name: "check", summary: "check a policy folder against the schemas", load: () => import("./commands/check.js") },
  { name: "build", summary: "compile a policy folder to a bundle", load: () => import("./commands/build.js") },
  {
    name: "test",
    summary: "test a launch policy on the WebAssembly that hosts run",
    load: () => import("./commands/test.js"),
  },
  { name: "vet", summary: "judge enclaves before they are released", load: () => import("./commands/vet.js") },
  {
    name: "replay",
    summary: "put recorded decisions to another policy and show what changes",
    load: () => import("./commands/replay.js"),
  },
  { name: "suggest", summary: "propose data from recorded denials", load: () => import("./commands/suggest.js") },
  { name: "verify", summary: "verify the signature of a bundle", load: () => import("./commands/verify.js") },
  { name: "serve", summary: "answer hooks over a socket", load: () => import("./commands/serve.js") },
  { name: "status", summary: "show what the running daemon is", load: () => import("./commands/status.js") },
  { name: "doctor", summary: "look at this host, with advice", load: () => import("./commands/doctor.js") },
  { name: "bench", summary: "measure how fast decisions are here", load: () => import("./commands/bench.js") },
  {
    name: "soak",
    summary: "put a daemon under load for a long time",
    load: () => import("./commands/soak.js"),
  },
  { name: "audit", summary: "check and read the audit log", load: () => import("./commands/audit.js") },
  { name: "version", summary: "print the versions of what decides", load: () => import("./commands/version.js") },
];
