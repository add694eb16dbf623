/**
 * The machine under the daemon: CPU, kernel, device nodes. Truth: the kernel's Documentation/arch/x86/sgx.rst, proc(5), seccomp(2),
 * unix(7). Nothing here is run or opened; it is read and looked at.
 */

import { readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { type Finding, finding, permissionsOf, type State } from "./finding.js";

/** Where the kernel's file systems are: `/proc`, `/sys` and `/dev`. */
export interface HostRoots {
  readonly proc: string;
  readonly sys: string;
  readonly dev: string;
}

export const HOST_ROOTS: HostRoots = Object.freeze({ proc: "/proc", sys: "/sys", dev: "/dev" });

export function hostFindings(roots: HostRoots): readonly Finding[] {
  return [...cpuFindings(roots), ...DEVICES.map((device) => deviceFinding(roots, device)), ...kernelFindings(roots)];
}

/** Null where it is not there or may not be read. */
function textOf(...path: readonly string[]): string | null {
  try {
    return readFileSync(join(...path), "utf8").trim();
  } catch {
    return null;
  }
}

function cpuFindings({ proc }: HostRoots): readonly Finding[] {
  const flags = /^flags\s*:(.*)$/m.exec(textOf(proc, "cpuinfo") ?? "")?.[1]?.split(/\s+/);
  if (flags === undefined) {
    const advice = "SGX is for x86-64; here Launchgate can decide for other hosts";
    return [finding("cpu sgx", "unknown", "/proc/cpuinfo has no flags", advice)];
  }
  if (!flags.includes("sgx")) {
    const advice = "no enclave can run here; if the CPU has SGX, switch it on in the firmware (a VM: on its host)";
    return [finding("cpu sgx", "warn", "no flag sgx", advice)];
  }
  const control = flags.includes("sgx_lc")
    ? finding("cpu launch control", "ok", "flag sgx_lc: the kernel may write IA32_SGXLEPUBKEYHASH")
    : finding(
        "cpu launch control",
        "warn",
        "no flag sgx_lc: the kernel's own driver does not work, and EINIT takes the hash that the firmware has fixed",
        'set "SGX launch control" in the firmware to unlocked',
      );
  return [finding("cpu sgx", "ok", "flag sgx"), control];
}

interface Device {
  readonly name: string;
  readonly lacks: string;
  /** How bad it is that everybody may open it, and why. */
  readonly everybody: { readonly state: State; readonly why: string };
}

const DEVICES: readonly Device[] = [
  {
    name: "sgx_enclave",
    lacks: "no enclave can be launched on this host; it takes Linux 5.11 with CONFIG_X86_SGX, and the CPU flag sgx",
    everybody: {
      state: "warn",
      why: "whoever is not made to ask launches unseen: give it to a group of those only whom the gate supervises",
    },
  },
  {
    name: "sgx_provision",
    lacks: "nobody can be granted PROVISIONKEY by a descriptor",
    everybody: {
      state: "bad",
      why: "everybody has the right to PROVISIONKEY, and a descriptor proves nothing: chmod 0660, group sgx_prv",
    },
  },
  {
    name: "sgx_vepc",
    lacks: "no guest gets EPC by KVM; it takes CONFIG_X86_SGX_KVM",
    everybody: {
      state: "bad",
      why: "whoever opens it can launch in a guest of his own, unseen: chmod 0660, group kvm or root",
    },
  },
];

function deviceFinding({ sys, dev }: HostRoots, { name, lacks, everybody }: Device): Finding {
  const check = `device ${name}`;
  const number = textOf(sys, "class/misc", name, "dev");
  const node = statOf(join(dev, name));
  if (node === null) {
    if (number === null) return finding(check, "warn", "not there", lacks);
    return finding(
      check,
      "bad",
      `the kernel has ${number}, and /dev has no node of it`,
      "udevadm trigger, or restart udev",
    );
  }
  if (node === "unreadable") return finding(check, "unknown", "may not be looked at by this user", "run it as root");
  const found = `${numberOf(node)}, ${permissionsOf(node)}`;
  const wrongNode = "remove it, and let udev make the node: whoever opens it opens something else";
  if (!node.isCharacterDevice()) return finding(check, "bad", `no character device, ${permissionsOf(node)}`, wrongNode);
  if (number === null) return finding(check, "bad", `${found}, but the kernel has no such device`, wrongNode);
  if (number !== numberOf(node)) return finding(check, "bad", `${found}, but the kernel's is ${number}`, wrongNode);
  if ((node.mode & 0o006) !== 0) return finding(check, everybody.state, found, everybody.why);
  return finding(check, "ok", found);
}

function statOf(path: string): Stats | "unreadable" | null {
  try {
    return statSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    return code === "ENOENT" || code === "ENOTDIR" ? null : "unreadable";
  }
}

/** `major:minor` of a `dev_t` as Linux makes them. */
function numberOf({ rdev }: Stats): string {
  const bits = BigInt(rdev);
  return `${(bits >> 8n) & 0xfffn}:${(bits & 0xffn) | ((bits >> 12n) & 0xfff00n)}`;
}

function kernelFindings({ proc, sys, dev }: HostRoots): readonly Finding[] {
  return [
    versionFinding(textOf(proc, "sys/kernel/osrelease")),
    seccompFinding(textOf(proc, "sys/kernel/seccomp/actions_avail")),
    lsmFinding(textOf(sys, "kernel/security/lsm")),
    lockdownFinding(textOf(sys, "kernel/security/lockdown")),
    kvmFinding(statOf(join(dev, "kvm"))),
    namespacesFinding(textOf(proc, "sys/user/max_user_namespaces")),
    procFinding(textOf(proc, "self/mountinfo")),
  ];
}

function versionFinding(release: string | null): Finding {
  const check = "kernel";
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})/.exec(release ?? "") ?? [];
  if (release === null || major === undefined || minor === undefined) {
    return finding(check, "unknown", release ?? "no /proc/sys/kernel/osrelease");
  }
  const version = Number(major) * 10_000 + Number(minor);
  if (version < 50_011) return finding(check, "warn", release, "SGX came with 5.11");
  if (version < 50_019) {
    return finding(check, "warn", release, "supervising launchers by seccomp is dependable from 5.19 on; best is 6.9");
  }
  if (version < 60_005) {
    const advice =
      "from 6.5 on the kernel says without a race which process has connected; before, by its pid and start";
    return finding(check, "warn", release, advice);
  }
  return finding(check, "ok", release);
}

function seccompFinding(actions: string | null): Finding {
  const check = "kernel seccomp";
  const advice = "launchers that know nothing of Launchgate cannot be held here; CONFIG_SECCOMP_FILTER and Linux 5.0";
  if (actions === null) return finding(check, "warn", "no /proc/sys/kernel/seccomp/actions_avail", advice);
  if (!actions.split(/\s+/).includes("user_notif")) return finding(check, "warn", `no user_notif: ${actions}`, advice);
  return finding(check, "ok", "user_notif");
}

function lsmFinding(list: string | null): Finding {
  const check = "kernel lsm";
  if (list === null) {
    const advice =
      "mount -t securityfs none /sys/kernel/security; then it can be seen whether BPF LSM can back the gate";
    return finding(check, "unknown", "no /sys/kernel/security/lsm", advice);
  }
  if (list.split(",").includes("bpf")) return finding(check, "ok", list);
  const advice = `boot with lsm=${list},bpf: then a BPF program can keep everybody but the gate from EINIT`;
  return finding(check, "warn", `${list}: no bpf`, advice);
}

/** Which is in brackets holds: `none [integrity] confidentiality`. */
function lockdownFinding(text: string | null): Finding {
  const level = /\[(\w+)\]/.exec(text ?? "")?.[1];
  if (level === undefined) return finding("kernel lockdown", "unknown", "no /sys/kernel/security/lockdown");
  if (level !== "none") return finding("kernel lockdown", "ok", level);
  return finding("kernel lockdown", "ok", "none: root can change the kernel, and with it what the gate can enforce");
}

function kvmFinding(node: Stats | "unreadable" | null): Finding {
  if (node === "unreadable") return finding("kvm", "unknown", "may not be looked at by this user");
  if (node === null) return finding("kvm", "ok", "none: no guests on this host");
  return finding("kvm", "ok", permissionsOf(node));
}

function namespacesFinding(most: string | null): Finding {
  const check = "user namespaces";
  if (most === null || !/^\d+$/.test(most)) return finding(check, "unknown", "no /proc/sys/user/max_user_namespaces");
  return finding(
    check,
    "ok",
    most === "0" ? "off" : "on: uids are seen as they are on this host, not in the namespace",
  );
}

function procFinding(mounts: string | null): Finding {
  const check = "/proc";
  const mounted = mounts?.split("\n").find((line) => line.split(" ")[4] === "/proc" && line.includes(" - proc "));
  if (mounted === undefined) return finding(check, "unknown", "not in /proc/self/mountinfo");
  const [, hidden] = /hidepid=(\w+)/.exec(mounted) ?? [];
  if (hidden === undefined || hidden === "0" || hidden === "off") return finding(check, "ok", "shows all processes");
  const advice =
    "unless it is root, the daemon cannot see executable and cgroup of who asks; a policy then has them as null";
  return finding(check, "warn", `hidepid=${hidden}`, advice);
}
