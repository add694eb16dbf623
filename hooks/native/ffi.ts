/**
 * The system calls that Node has no way to make, through the FFI package koffi: what the kernel says of a peer, receiving
 * descriptors, waiting for sockets that must not be read, datagrams to a unix socket. Truth: unix(7), recvmsg(2), poll(2),
 * the kernel's uapi headers for x86-64 and arm64. The only file that knows koffi, and that loads it: when first asked.
 */

import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";

/** What went wrong in a system call; `code` as Node names it: `EAGAIN`. */
class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call} failed: ${code}`);
    this.code = code;
  }
}

/** `struct ucred` of unix(7): who connected, as it was then. The pid is 0 where it is in no PID namespace of ours. */
interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Received {
  /** Empty: the peer writes no more. */
  readonly bytes: Buffer;
  /** Ours to close. */
  readonly descriptors: readonly number[];
  /** More was sent beside the bytes than there was room for (MSG_CTRUNC). */
  readonly truncated: boolean;
}

/** Each throws SystemCallError where the call fails. Descriptors are the caller's: nothing here closes one. */
export interface SystemCalls {
  readonly peerCredentials: (socket: number) => Credentials;
  /** A new descriptor of the process that connected (SO_PEERPIDFD, Linux 6.5); null: this kernel has none. */
  readonly peerPidfd: (socket: number) => number | null;
  /** Without waiting; null: there is nothing yet. At most 65,536 bytes and two descriptors, which are close-on-exec. */
  readonly receive: (socket: number) => Received | null;
  /** F_GETFL. */
  readonly statusFlags: (descriptor: number) => number;
  /** Which of these can be read, or have ended, now. */
  readonly readable: (descriptors: readonly number[]) => readonly boolean[];
  /** The same, within so long. It takes a thread of libuv's pool while it waits. */
  readonly waitReadable: (descriptors: readonly number[], timeoutMs: number) => Promise<readonly boolean[]>;
  /** A non-blocking eventfd(2). */
  readonly eventDescriptor: () => number;
  /** Whether the kernel counts its clock as set by NTP or the like: adjtimex(2), STA_UNSYNC. */
  readonly clockIsSynchronised: () => boolean;
  /** One datagram to a unix socket: a path, or an abstract name after `@`. */
  readonly sendDatagram: (address: string, bytes: Uint8Array) => void;
}

/** F_GETFL has it where a descriptor was never opened for use: whoever holds it may have had no right to. */
export const O_PATH = 0o10000000;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x08;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const POLLIN = 1;
const F_GETFL = 3;
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const EFD_NONBLOCK_CLOEXEC = 0o2004000;
/** Of `struct timex`, which is 208 bytes long. */
const TIMEX_BYTES = 208;
const TIMEX_STATUS = 40;
const STA_UNSYNC = 0x40;
const EINTR = 4;
const EAGAIN = 11;
const ENOPROTOOPT = 92;
const UCRED_BYTES = 12;
const POLLFD_BYTES = 8;
const CMSG_HEADER_BYTES = 16;
/** CMSG_SPACE(sizeof(int)), which has room for a second one. */
const CONTROL_BYTES = 24;
const RECEIVE_BYTES = 65_536;
/** `sun_path` of `struct sockaddr_un`. */
const SUN_PATH_BYTES = 108;

let loaded: SystemCalls | null | undefined;

/**
 * Null where koffi is not installed, or has no binary for this machine. Loads it once, some 20 ms.
 * @throws Error where the C library lacks what is needed
 */
export function systemCalls(): SystemCalls | null {
  if (loaded === undefined) {
    const koffi = required();
    loaded = koffi === null ? null : bind(koffi);
  }
  return loaded;
}

type Koffi = typeof import("koffi");

function required(): Koffi | null {
  try {
    return createRequire(import.meta.url)("koffi");
  } catch {
    return null;
  }
}

function bind(koffi: Koffi): SystemCalls {
  // The C library that this process runs with, whichever it is.
  const c = koffi.load(null);
  const iovec = koffi.struct({ base: "void *", length: "size_t" });
  const msghdr = koffi.struct({
    name: "void *",
    namelen: "uint32_t",
    iov: koffi.pointer(iovec),
    iovlen: "size_t",
    control: "void *",
    controllen: "size_t",
    flags: "int",
  });
  const getsockopt = c.func("getsockopt", "int", ["int", "int", "int", "void *", "void *"]);
  const recvmsg = c.func("recvmsg", "long", ["int", koffi.inout(koffi.pointer(msghdr)), "int"]);
  const fcntl = c.func("fcntl", "int", ["int", "int", "long"]);
  const poll = c.func("poll", "int", ["void *", "ulong", "int"]);
  const eventfd = c.func("eventfd", "int", ["uint", "int"]);
  const socket = c.func("socket", "int", ["int", "int", "int"]);
  const close = c.func("close", "int", ["int"]);
  const adjtimex = c.func("adjtimex", "int", ["void *"]);
  const sendto = c.func("sendto", "long", ["int", "void *", "size_t", "int", "void *", "uint32_t"]);

  const checked = (call: string, result: number | bigint): number => {
    const value = Number(result);
    if (value < 0) throw new SystemCallError(call, koffi.errno());
    return value;
  };
  /** The option's bytes; null where the kernel knows no such option. */
  const option = (fd: number, name: number, size: number): Buffer | null => {
    const bytes = Buffer.alloc(size);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(size);
    const result = getsockopt(fd, SOL_SOCKET, name, bytes, length);
    if (result < 0 && koffi.errno() === ENOPROTOOPT) return null;
    checked("getsockopt", result);
    if (length.readUInt32LE() !== size) throw new SystemCallError("getsockopt", 22);
    return bytes;
  };

  return Object.freeze({
    peerCredentials: (fd: number) => {
      const bytes = option(fd, SO_PEERCRED, UCRED_BYTES);
      if (bytes === null) throw new SystemCallError("getsockopt", ENOPROTOOPT);
      return { pid: bytes.readInt32LE(0), uid: bytes.readUInt32LE(4), gid: bytes.readUInt32LE(8) };
    },
    peerPidfd: (fd: number) => option(fd, SO_PEERPIDFD, 4)?.readInt32LE(0) ?? null,
    receive: (fd: number) => {
      const bytes = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
      const control = Buffer.alloc(CONTROL_BYTES);
      const message = {
        name: null,
        namelen: 0,
        iov: [{ base: bytes, length: bytes.length }],
        iovlen: 1,
        control,
        controllen: control.length,
        flags: 0,
      };
      const count = Number(recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
      if (count < 0 && (koffi.errno() === EAGAIN || koffi.errno() === EINTR)) return null;
      checked("recvmsg", count);
      return {
        bytes: bytes.subarray(0, count),
        descriptors: descriptorsOf(control.subarray(0, Number(message.controllen))),
        truncated: (message.flags & MSG_CTRUNC) !== 0,
      };
    },
    statusFlags: (fd: number) => checked("fcntl", fcntl(fd, F_GETFL, 0)),
    readable: (fds: readonly number[]) => {
      const set = pollSet(fds);
      const result = poll(set, fds.length, 0);
      if (result < 0 && koffi.errno() !== EINTR) checked("poll", result);
      return happened(set);
    },
    waitReadable: (fds: readonly number[], timeoutMs: number) => {
      const set = pollSet(fds);
      return new Promise<readonly boolean[]>((resolve, reject) => {
        // koffi keeps errno for calls of this thread only; whatever went wrong, nothing has been seen to happen.
        poll.async(set, fds.length, timeoutMs, (error: Error | null) => {
          if (error) reject(error);
          else resolve(happened(set));
        });
      });
    },
    eventDescriptor: () => checked("eventfd", eventfd(0, EFD_NONBLOCK_CLOEXEC)),
    clockIsSynchronised: () => {
      const timex = Buffer.alloc(TIMEX_BYTES);
      checked("adjtimex", adjtimex(timex));
      return (timex.readInt32LE(TIMEX_STATUS) & STA_UNSYNC) === 0;
    },
    sendDatagram: (address: string, bytes: Uint8Array) => {
      const to = socketAddress(address);
      const fd = checked("socket", socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0));
      try {
        checked("sendto", sendto(fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT, to, to.length));
      } finally {
        close(fd);
      }
    },
  });
}

/** All of SCM_RIGHTS in a control buffer, whatever else is in it. */
function descriptorsOf(control: Buffer): number[] {
  const descriptors: number[] = [];
  for (let at = 0; at + CMSG_HEADER_BYTES <= control.length; ) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < CMSG_HEADER_BYTES) break;
    const end = Math.min(at + length, control.length);
    if (control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS) {
      for (let each = at + CMSG_HEADER_BYTES; each + 4 <= end; each += 4) descriptors.push(control.readInt32LE(each));
    }
    at += Math.ceil(length / 8) * 8;
  }
  return descriptors;
}

function pollSet(descriptors: readonly number[]): Buffer {
  const set = Buffer.alloc(Math.max(1, descriptors.length) * POLLFD_BYTES);
  for (const [index, descriptor] of descriptors.entries()) {
    set.writeInt32LE(descriptor, index * POLLFD_BYTES);
    set.writeInt16LE(POLLIN, index * POLLFD_BYTES + 4);
  }
  return set;
}

/** Errors and hangups count: reading says which. */
function happened(set: Buffer): boolean[] {
  return Array.from(
    { length: set.length / POLLFD_BYTES },
    (_, index) => set.readInt16LE(index * POLLFD_BYTES + 6) !== 0,
  );
}

/** `struct sockaddr_un`: a path ends with a zero, an abstract name begins with one. */
function socketAddress(address: string): Buffer {
  const name = Buffer.from(address.startsWith("@") ? `\0${address.slice(1)}` : `${address}\0`);
  if (name.length < 2 || name.length > SUN_PATH_BYTES) throw new SystemCallError("sendto", 36);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}
