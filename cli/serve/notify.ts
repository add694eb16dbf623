/**
 * Telling systemd, or whoever starts the daemon, how it is. Truth: sd_notify(3), sd_watchdog_enabled(3). Where nobody asks,
 * with $NOTIFY_SOCKET, nothing is said; where it cannot be said, the daemon goes on, and the service manager draws its own
 * conclusions.
 */

import { systemCalls } from "../../hooks/native/ffi.js";
import type { Io } from "../io.js";

export interface Notifier {
  /** Whether anybody listens and can be told. */
  readonly told: boolean;
  /** How often `watchdog` must be called: half of what is allowed. Null: nobody watches. */
  readonly watchdogMs: number | null;
  readonly ready: (status?: string) => void;
  /** To be followed by `ready` when the configuration is the new one, or is still the old one. */
  readonly reloading: () => void;
  readonly watchdog: () => void;
  readonly stopping: () => void;
  /** One line for `systemctl status`. */
  readonly status: (text: string) => void;
}

/**
 * From the environment. `trouble`: what cannot be said, and why, once for each reason; nothing here throws.
 * The variables are for this process alone: whoever starts others takes NOTIFY_SOCKET and WATCHDOG_* away.
 */
export function notifier(env: Io["env"], trouble: (message: string) => void): Notifier {
  const address = env["NOTIFY_SOCKET"] ?? "";
  const send = address === "" ? null : senderTo(address, trouble);
  const say = (...lines: readonly string[]): void => send?.(`${lines.join("\n")}\n`);
  const statusLine = (text: string): string => `STATUS=${text.replaceAll(/\s+/g, " ")}`;
  return Object.freeze({
    told: send !== null,
    watchdogMs: send === null ? null : watchdogMs(env),
    ready: (status?: string) => say("READY=1", ...(status === undefined ? [] : [statusLine(status)])),
    reloading: () => say("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    watchdog: () => say("WATCHDOG=1"),
    stopping: () => say("STOPPING=1"),
    status: (text: string) => say(statusLine(text)),
  });
}

function senderTo(address: string, trouble: (message: string) => void): ((text: string) => void) | null {
  const advice = "the service manager is not told how the daemon is";
  if (!/^[/@]./.test(address)) {
    trouble(`NOTIFY_SOCKET is neither a path nor an abstract name; ${advice}`);
    return null;
  }
  const calls = systemCalls();
  if (calls === null) {
    trouble(`koffi is not installed; ${advice}: npm install koffi, or Type=exec and no WatchdogSec in the unit`);
    return null;
  }
  const reported = new Set<string>();
  return (text) => {
    try {
      calls.sendDatagram(address, Buffer.from(text));
    } catch (error) {
      const message = `NOTIFY_SOCKET: ${error instanceof Error ? error.message : String(error)}; ${advice}`;
      if (reported.has(message)) return;
      reported.add(message);
      trouble(message);
    }
  };
}

/** Nobody watches where the variables are another process's, or say no time. */
function watchdogMs(env: Io["env"]): number | null {
  const { WATCHDOG_PID: pid, WATCHDOG_USEC: usec = "" } = env;
  if (pid !== undefined && pid !== String(process.pid)) return null;
  if (!/^[1-9]\d{0,14}$/.test(usec)) return null;
  // A timer of Node holds 31 bits.
  return Math.min(Math.max(1, Math.floor(Number(usec) / 2000)), 2 ** 31 - 1);
}
