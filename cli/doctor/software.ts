/** What the daemon is made of, and the clock it goes by. */

import { shippedPolicy } from "../../engine/index.js";
import { systemCalls } from "../../hooks/native/ffi.js";
import type { Io } from "../io.js";
import { findOpa } from "../policy/opa.js";
import { packageVersion } from "../policy/shipped.js";
import { type Finding, finding, messageOf } from "./finding.js";

const NODE = [20, 19] as const;
/** Before the program was written it cannot have been started. */
const EARLIEST_YEAR = 2026;
const LATEST_YEAR = 2100;

export function softwareFindings(env: Io["env"], now: Date): readonly Finding[] {
  return [
    finding("launchgate", "ok", packageVersion()),
    nodeFinding(process.versions.node),
    koffiFinding(),
    opaFinding(env),
    policyFinding(),
    ...clockFindings(now),
  ];
}

export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isEnough = major > NODE[0] || (major === NODE[0] && minor >= NODE[1]);
  return finding("node", isEnough ? "ok" : "bad", version, isEnough ? null : `it takes ${NODE.join(".")} or newer`);
}

function koffiFinding(): Finding {
  const advice = "npm install koffi: without it nobody knows who asks, and listeners that need to know refuse to start";
  try {
    if (systemCalls() === null) return finding("koffi", "warn", "not installed, or not for this machine", advice);
    return finding("koffi", "ok", "works");
  } catch (error) {
    return finding("koffi", "warn", `does not work: ${messageOf(error)}`, advice);
  }
}

function opaFinding(env: Io["env"]): Finding {
  try {
    const { version, path } = findOpa({ env });
    return finding("opa", "ok", `${version} (${path})`);
  } catch {
    return finding("opa", "ok", "none: it takes one to build and to test policies, not to decide");
  }
}

function policyFinding(): Finding {
  try {
    const { name, revision, sha256 } = shippedPolicy();
    return finding("built-in policy", "ok", `${name} ${revision} sha256:${sha256}`);
  } catch (error) {
    return finding("built-in policy", "bad", messageOf(error), "install launchgate anew");
  }
}

/** Times bound licences, exceptions and signatures. */
export function clockFindings(now: Date): readonly Finding[] {
  const year = now.getUTCFullYear();
  const isSane = year >= EARLIEST_YEAR && year <= LATEST_YEAR;
  const advice = isSane ? null : "set it: what policies and signatures say of times is judged by it";
  return [finding("clock", isSane ? "ok" : "bad", now.toISOString(), advice), synchronisedFinding()];
}

function synchronisedFinding(): Finding {
  const check = "clock synchronised";
  try {
    const calls = systemCalls();
    if (calls === null) return finding(check, "unknown", "it takes koffi to ask the kernel");
    if (calls.clockIsSynchronised()) return finding(check, "ok", "the kernel says so");
    return finding(check, "warn", "the kernel says no", "run chrony, systemd-timesyncd or ntpd");
  } catch (error) {
    return finding(check, "unknown", messageOf(error));
  }
}
