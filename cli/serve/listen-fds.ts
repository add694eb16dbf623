/**
 * Sockets that were opened for us by who started us, as systemd does. Truth: sd_listen_fds(3). They start at descriptor 3, and
 * are for the process whose pid the environment names, and for no other.
 */

import { fstatSync } from "node:fs";
import { CommandError, type Io } from "../io.js";

export interface ListenFd {
  /** For `net.Server.listen({ fd })`; closed with it. */
  readonly fd: number;
  /** As FileDescriptorName= in the unit has it; `unknown` without. */
  readonly name: string;
}

const FIRST = 3;
/** More are a mistake of somebody's. */
const MOST = 1024;

/**
 * Empty where none were handed over to this process. That each is a listening unix socket is seen when it is listened at.
 * @throws CommandError 1 where the variables are not well-formed or name what is no socket: it would be another one's
 */
export function listenFds(env: Io["env"], pid: number = process.pid): readonly ListenFd[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = env;
  if (LISTEN_PID === undefined || LISTEN_FDS === undefined) return [];
  if (numberIn("LISTEN_PID", LISTEN_PID) !== pid) return [];
  const count = numberIn("LISTEN_FDS", LISTEN_FDS);
  if (count > MOST) throw new CommandError(1, `LISTEN_FDS is ${count}, expected ${MOST} at most`);
  const names = LISTEN_FDNAMES === undefined ? [] : LISTEN_FDNAMES.split(":");
  if (LISTEN_FDNAMES !== undefined && names.length !== count) {
    throw new CommandError(1, `LISTEN_FDNAMES has ${names.length} names, expected ${count}, as LISTEN_FDS says`);
  }
  return Array.from({ length: count }, (_, at) => {
    const fd = FIRST + at;
    if (!isSocket(fd)) throw new CommandError(1, `LISTEN_FDS is ${count}, but descriptor ${fd} is no socket`);
    return { fd, name: names[at] ?? "unknown" };
  });
}

function numberIn(name: string, text: string): number {
  if (!/^(0|[1-9]\d{0,9})$/.test(text)) throw new CommandError(1, `${name} is no number`);
  return Number(text);
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}
