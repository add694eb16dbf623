/**
 * A unix socket at a path: bound where nobody else can look, given its mode and owner there, and only then put in its place.
 * Truth: unix(7). A socket somebody listens at is never taken away; one that nobody listens at any more is.
 */

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { LaunchError } from "../../engine/index.js";

/** The socket cannot be had. */
export class ListenError extends LaunchError {
  override readonly name = "ListenError";
  readonly code: "in_use" | "not_a_socket" | "path" | "listen" | "option";

  constructor(code: ListenError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface SocketPath {
  readonly path: string;
  /** Who may connect: connecting needs the right to write. */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** `sun_path` of `struct sockaddr_un` without its last zero. */
const MAX_PATH_BYTES = 107;
const PROBE_MS = 1000;
/** Connections that may wait to be accepted; the kernel takes no more than net.core.somaxconn. */
const BACKLOG = 4096;

/**
 * Listens at a path.
 * @returns what takes the path away again, if it is still this socket
 * @throws ListenError
 */
export async function listenAt(server: Server, { path, mode, uid, gid }: SocketPath): Promise<() => void> {
  expectLength(path);
  await removeDead(path);
  const folder = temporaryFolder(path);
  try {
    const hidden = join(folder, "s");
    expectLength(hidden);
    await listening(server, () => server.listen({ path: hidden, backlog: BACKLOG }));
    chmodSync(hidden, mode);
    if (uid !== undefined || gid !== undefined) chownSync(hidden, uid ?? -1, gid ?? -1);
    // Unlike rename(2), link(2) replaces nothing: of two who start at once, one is told.
    linkSync(hidden, path);
    const own = lstatSync(path);
    return () => {
      if (sameFile(statOf(path), own)) rmSync(path, { force: true });
    };
  } catch (error) {
    server.close();
    throw asListenError(path, error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Listens at a socket that was inherited, as from systemd. Its path stays whoever made it's. */
export async function listenOn(server: Server, fd: number): Promise<() => void> {
  try {
    await listening(server, () => server.listen({ fd, backlog: BACKLOG }));
  } catch (error) {
    throw new ListenError("listen", `descriptor ${fd} is no unix socket to listen at: ${messageOf(error)}`);
  }
  return () => {};
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.removeListener("error", reject);
      resolve();
    });
    listen();
  });
}

/** 0700 from the start: mkdtemp(3). */
function temporaryFolder(path: string): string {
  try {
    return mkdtempSync(join(dirname(path), ".lg"));
  } catch (error) {
    throw new ListenError("path", `${path}: its folder cannot be written to: ${messageOf(error)}`, { cause: error });
  }
}

function expectLength(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0 || bytes > MAX_PATH_BYTES || path.includes("\0")) {
    throw new ListenError("path", `${path} is ${bytes} bytes, expected a path of 1 to ${MAX_PATH_BYTES} for a socket`);
  }
}

/** Takes away a socket that nobody listens at. */
async function removeDead(path: string): Promise<void> {
  const there = statOf(path);
  if (there === null) return;
  if (!there.isSocket()) throw new ListenError("not_a_socket", `${path} is there and no socket; it is left as it is`);
  if (!(await isDead(path))) throw new ListenError("in_use", `somebody listens at ${path} already`);
  // Between asking and taking away somebody may have put a live one there: what is moved aside is looked at again.
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw asListenError(path, error);
  }
  if (!sameFile(statOf(aside), there)) {
    linkSync(aside, path);
    unlinkSync(aside);
    throw new ListenError("in_use", `somebody has just begun to listen at ${path}`);
  }
  unlinkSync(aside);
}

/** Whether connecting is refused for want of a listener. Anything else, a full backlog too, is no proof of death. */
function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const done = (dead: boolean): void => {
      probe.destroy();
      resolve(dead);
    };
    probe.setTimeout(PROBE_MS, () => done(false));
    probe.once("connect", () => done(false));
    probe.once("error", (error) => done(codeOf(error) === "ECONNREFUSED" || codeOf(error) === "ENOENT"));
  });
}

function statOf(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}

function sameFile(one: Stats | null, other: Stats): boolean {
  return one !== null && one.ino === other.ino && one.dev === other.dev;
}

function asListenError(path: string, error: unknown): ListenError {
  if (error instanceof ListenError) return error;
  if (codeOf(error) === "EEXIST") return new ListenError("in_use", `somebody has just begun to listen at ${path}`);
  return new ListenError("listen", `cannot listen at ${path}: ${messageOf(error)}`, { cause: error });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
