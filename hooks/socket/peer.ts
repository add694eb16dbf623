/**
 * Who is at the other end of a unix socket: the kernel's word, and nothing that the peer says. Truth: unix(7), proc(5), and for
 * the grant of PROVISIONKEY the kernel's Documentation/arch/x86/sgx.rst: whoever may open /dev/sgx_provision has it.
 *
 * What it is worth: `pid`, `uid`, `gid` are of the process that connected, as it connected. `cgroup` is where it is now;
 * leaving one takes rights over both. `exe` and `comm` are what it runs now: whoever may run a program can look like it, and
 * `comm` is whatever a process calls itself. A connected socket that is handed on still counts as of who connected.
 */

import { closeSync, fstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { LaunchError } from "../../engine/index.js";
import { O_PATH, type Received, type SystemCalls, systemCalls } from "../native/ffi.js";
import { Readiness } from "../native/readiness.js";

export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Null: not to be had, as with a process that we may not look at. */
  readonly comm: string | null;
  readonly exe: string | null;
  /** Its path in the unified hierarchy, or in systemd's where there is none. */
  readonly cgroup: string | null;
  /** It has proved with a descriptor that it may use PROVISIONKEY. */
  readonly provisionkey: boolean;
}

/** The peer is not to be served. */
export class PeerError extends LaunchError {
  override readonly name = "PeerError";
  readonly code: /** the kernel does not say who it is, or not in our PID namespace */
    | "unknown"
    /** the process that connected has ended */
    | "gone"
    /** what was passed with hello proves no grant */
    | "descriptor"
    /** it said nothing in time */
    | "silent";

  constructor(code: PeerError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface PeerReaderOptions {
  /**
   * Whose device number a grant must have: a device node, or a file that says `major:minor`. Read anew for each descriptor.
   * Default: /sys/class/misc/sgx_provision/dev.
   */
  readonly provisionDevice?: string;
  /** How long a peer may take to say its first byte, where descriptors are waited for. Default 2000. */
  readonly timeoutMs?: number;
}

interface Met {
  readonly peer: Peer;
  /** Who shares this one's turns: everybody of the same user. */
  readonly key: string;
  /** What was read of the stream. */
  readonly head?: Buffer;
}

export interface PeerReader {
  /**
   * The socket must be paused, and nothing read of it. Without `descriptors` nothing is; with it, what comes with the first
   * byte is received: one descriptor of the provision device is a grant, none is no grant, anything else a refusal.
   * @throws PeerError
   */
  readonly peerOf: (socket: Socket, options: { readonly descriptors: boolean }) => Promise<Met>;
}

const PROVISION_DEVICE = "/sys/class/misc/sgx_provision/dev";
const TIMEOUT_MS = 2000;
/** As the contract has them, in characters. */
const MAX_COMM = 64;
const MAX_PATH = 4096;

/** Null: koffi, the optional dependency, is not installed or does not work here. */
export function peerReader(options: PeerReaderOptions = {}): PeerReader | null {
  const calls = systemCalls();
  if (calls === null) return null;
  const readiness = new Readiness(calls);
  const { provisionDevice = PROVISION_DEVICE, timeoutMs = TIMEOUT_MS } = options;
  return Object.freeze({
    peerOf: async (socket: Socket, { descriptors }: { readonly descriptors: boolean }): Promise<Met> => {
      const known = identify(calls, socket);
      const key = `uid:${known.uid}`;
      const first = descriptors ? await firstBytes(calls, readiness, socket, timeoutMs) : null;
      if (first === null) return { peer: { ...known, provisionkey: false }, key };
      return { peer: { ...known, provisionkey: provesGrant(calls, first, provisionDevice) }, key, head: first.bytes };
    },
  });
}

/**
 * What /proc says is of the process that connected only where that is still there after reading: until it has been waited for,
 * no other gets its pid.
 */
function identify(calls: SystemCalls, socket: Socket): Omit<Peer, "provisionkey"> {
  const descriptor = descriptorOf(socket);
  if (descriptor === null) throw new PeerError("gone", "the connection is closed");
  const { pid, uid, gid } = calls.peerCredentials(descriptor);
  if (pid <= 0) {
    throw new PeerError(
      "unknown",
      `a process of uid ${uid} connected that is not in this PID namespace: it has no pid here`,
    );
  }
  const still = watch(calls, descriptor, pid);
  try {
    const seen = { comm: commOf(pid), exe: exeOf(pid), cgroup: cgroupOf(pid) };
    if (!still.there()) throw gone(pid);
    return { pid, uid, gid, ...seen };
  } finally {
    still.close();
  }
}

interface Watch {
  readonly there: () => boolean;
  readonly close: () => void;
}

function watch(calls: SystemCalls, socket: number, pid: number): Watch {
  const pidfd = pidfdOf(calls, socket, pid);
  if (pidfd === null) return watchByStartTime(pid);
  return { there: () => calls.readable([pidfd])[0] === false, close: () => closeSync(pidfd) };
}

function pidfdOf(calls: SystemCalls, socket: number, pid: number): number | null {
  try {
    return calls.peerPidfd(socket);
  } catch (error) {
    throw gone(pid, error);
  }
}

/**
 * For kernels before 6.5. Not as good: it sees a pid that changes hands while we look, and not one that changed hands between
 * connecting and looking.
 */
export function watchByStartTime(pid: number): Watch {
  const began = startTimeOf(pid);
  return { there: () => began !== null && startTimeOf(pid) === began, close: () => {} };
}

/** Field 22 of /proc/PID/stat; the second, a name in brackets, may have anything in it. Null for a zombie: it has ended. */
function startTimeOf(pid: number): string | null {
  const stat = procText(pid, "stat");
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
}

function gone(pid: number, cause?: unknown): PeerError {
  return new PeerError("gone", `process ${pid}, which connected, has ended`, { cause });
}

function commOf(pid: number): string | null {
  return bounded(procText(pid, "comm")?.replace(/\n$/, "") ?? null, MAX_COMM);
}

/** As the kernel says it: with ` (deleted)` where that file is not at that path any more. */
function exeOf(pid: number): string | null {
  try {
    return bounded(textOf(readlinkSync(`/proc/${pid}/exe`, "buffer")), MAX_PATH);
  } catch {
    return null;
  }
}

function cgroupOf(pid: number): string | null {
  const lines = procText(pid, "cgroup")?.split("\n") ?? [];
  const line = lines.find((text) => text.startsWith("0::")) ?? lines.find((text) => text.includes(":name=systemd:"));
  return bounded(line?.split(":").slice(2).join(":") ?? null, MAX_PATH);
}

function procText(pid: number, file: string): string | null {
  try {
    return textOf(readFileSync(join("/proc", String(pid), file)));
  } catch {
    return null;
  }
}

/** @throws TypeError where it is not UTF-8: nobody is to match what only looks like a name */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Unknown rather than cut: the beginning of a path is another path. */
function bounded(text: string | null, max: number): string | null {
  return text !== null && text.length > 0 && [...text].length <= max ? text : null;
}

/** Null: the socket is closed. */
async function firstBytes(
  calls: SystemCalls,
  readiness: Readiness,
  socket: Socket,
  timeoutMs: number,
): Promise<Received | null> {
  // Who has said hello with connecting, as most do, is not waited for.
  for (const until = performance.now() + timeoutMs; ; ) {
    const descriptor = descriptorOf(socket);
    if (descriptor === null) return null;
    const received = calls.receive(descriptor);
    if (received !== null) return received;
    const readable = await readiness.wait(() => descriptorOf(socket), until - performance.now());
    if (!readable && descriptorOf(socket) !== null) {
      throw new PeerError("silent", `nothing was said within ${timeoutMs} ms`);
    }
  }
}

/**
 * Whether PROVISIONKEY was granted. Every descriptor is closed.
 * @throws PeerError `descriptor` where there is one that proves nothing
 */
function provesGrant(calls: SystemCalls, { descriptors, truncated }: Received, device: string): boolean {
  try {
    if (truncated || descriptors.length > 1) {
      throw new PeerError("descriptor", "several descriptors came with hello, expected one of /dev/sgx_provision");
    }
    const [descriptor] = descriptors;
    if (descriptor === undefined) return false;
    expectOpenDevice(calls, descriptor, device);
    return true;
  } finally {
    for (const each of descriptors) closeSync(each);
  }
}

function expectOpenDevice(calls: SystemCalls, descriptor: number, device: string): void {
  const refused = (why: string): PeerError =>
    new PeerError("descriptor", `the descriptor that came with hello proves no grant: ${why}`);
  // Anybody may have an O_PATH descriptor of a device that he may not open.
  if ((calls.statusFlags(descriptor) & O_PATH) !== 0) throw refused("it was made with O_PATH, not opened");
  const stat = fstatSync(descriptor);
  if (!stat.isCharacterDevice()) throw refused("it is no character device");
  const expected = deviceNumber(device);
  if (expected === null) throw refused(`this host has no /dev/sgx_provision: ${device} says no device number`);
  if (stat.rdev !== expected)
    throw refused(`it is of device ${stat.rdev}, expected ${expected}, of /dev/sgx_provision`);
}

/** A `dev_t`, of a node or of what sysfs says: `10:125`. Null: there is none. */
function deviceNumber(path: string): number | null {
  try {
    const stat = statSync(path);
    if (stat.isCharacterDevice()) return stat.rdev;
    const [, major, minor] = /^(\d{1,4}):(\d{1,7})\n?$/.exec(readFileSync(path, "latin1")) ?? [];
    if (major === undefined || minor === undefined) return null;
    return Number(major) * 256 + (Number(minor) % 256) + Math.floor(Number(minor) / 256) * 2 ** 20;
  } catch {
    return null;
  }
}

/** Node has no public name for it, and has had this one since 0.12. Null: the socket is closed. */
function descriptorOf(socket: Socket): number | null {
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: unknown } | null };
  const fd = handle?.fd;
  return typeof fd === "number" && fd >= 0 ? fd : null;
}
