/** What the doctor finds: on made-up hosts, with real device nodes where they can be made, and on this one. */

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { folderFinding, socketFinding } from "../../../cli/doctor/daemon.js";
import type { Finding } from "../../../cli/doctor/finding.js";
import { type HostRoots, hostFindings } from "../../../cli/doctor/host.js";
import { clockFindings, nodeFinding } from "../../../cli/doctor/software.js";
import { launchgate } from "../../support/cli.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-doctor-"));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let hosts = 0;

/** A file, or a device node: `c 10:125 0660`. */
function host(files: Readonly<Record<string, string>>): HostRoots {
  hosts += 1;
  const root = join(folder, String(hosts));
  const roots = { proc: join(root, "proc"), sys: join(root, "sys"), dev: join(root, "dev") };
  for (const path of Object.values(roots)) mkdirSync(path, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    const [, major, minor, mode] = /^c (\d+):(\d+) (\d+)$/.exec(content) ?? [];
    if (major === undefined || minor === undefined || mode === undefined) writeFileSync(join(root, path), content);
    else expect(spawnSync("mknod", ["-m", mode, join(root, path), "c", major, minor]).status).toBe(0);
  }
  return roots;
}

function found(files: Readonly<Record<string, string>>, check: string): string {
  const of = hostFindings(host(files)).filter((each) => each.check === check);
  expect(of.length).toBeLessThanOrEqual(1);
  return of.map(({ state, found: what }) => `${state}: ${what}`).join();
}

const SYSFS = "sys/class/misc/sgx_provision/dev";
const NODE = "dev/sgx_provision";
const canMakeDevices = spawnSync("mknod", [join(folder, "probe"), "c", "1", "3"]).status === 0;

describe("a host", () => {
  const CASES: readonly (readonly [string, Readonly<Record<string, string>>, string, string])[] = [
    ["with SGX", { "proc/cpuinfo": "flags\t\t: fpu sgx sgx_lc\n" }, "cpu sgx", "ok: flag sgx"],
    [
      "with launch control",
      { "proc/cpuinfo": "flags\t: fpu sgx sgx_lc\n" },
      "cpu launch control",
      "ok: flag sgx_lc: the kernel may write IA32_SGXLEPUBKEYHASH",
    ],
    [
      "without launch control",
      { "proc/cpuinfo": "flags\t: fpu sgx\n" },
      "cpu launch control",
      "warn: no flag sgx_lc: the kernel's own driver does not work, and EINIT takes the hash that the firmware has fixed",
    ],
    ["without SGX", { "proc/cpuinfo": "flags\t: fpu sgx_lc sgx1\n" }, "cpu sgx", "warn: no flag sgx"],
    ["of another kind", { "proc/cpuinfo": "Features : fp\n" }, "cpu sgx", "unknown: /proc/cpuinfo has no flags"],
    ["without /proc", {}, "cpu sgx", "unknown: /proc/cpuinfo has no flags"],
    ["without the driver", {}, "device sgx_enclave", "warn: not there"],
    [
      "whose device has no node",
      { "sys/class/misc/sgx_enclave/dev": "10:125\n" },
      "device sgx_enclave",
      "bad: the kernel has 10:125, and /dev has no node of it",
    ],
    ["with a good kernel", { "proc/sys/kernel/osrelease": "6.12.1-amd64\n" }, "kernel", "ok: 6.12.1-amd64"],
    ["with 6.5", { "proc/sys/kernel/osrelease": "6.5.0\n" }, "kernel", "ok: 6.5.0"],
    ["without SO_PEERPIDFD", { "proc/sys/kernel/osrelease": "6.1.0-50-amd64\n" }, "kernel", "warn: 6.1.0-50-amd64"],
    ["with an old kernel", { "proc/sys/kernel/osrelease": "5.10.0\n" }, "kernel", "warn: 5.10.0"],
    ["with a kernel nobody knows", { "proc/sys/kernel/osrelease": "next" }, "kernel", "unknown: next"],
    [
      "with user notification",
      { "proc/sys/kernel/seccomp/actions_avail": "kill_process errno user_notif allow\n" },
      "kernel seccomp",
      "ok: user_notif",
    ],
    [
      "with an older seccomp",
      { "proc/sys/kernel/seccomp/actions_avail": "kill errno allow\n" },
      "kernel seccomp",
      "warn: no user_notif: kill errno allow",
    ],
    [
      "with BPF LSM",
      { "sys/kernel/security/lsm": "lockdown,capability,bpf\n" },
      "kernel lsm",
      "ok: lockdown,capability,bpf",
    ],
    [
      "without it",
      { "sys/kernel/security/lsm": "capability,bpfilter" },
      "kernel lsm",
      "warn: capability,bpfilter: no bpf",
    ],
    ["that does not say", {}, "kernel lsm", "unknown: no /sys/kernel/security/lsm"],
    [
      "locked down",
      { "sys/kernel/security/lockdown": "none [integrity] confidentiality\n" },
      "kernel lockdown",
      "ok: integrity",
    ],
    ["without namespaces", { "proc/sys/user/max_user_namespaces": "0\n" }, "user namespaces", "ok: off"],
    [
      "that hides nothing",
      { "proc/self/mountinfo": "23 1 0:22 / /proc rw - proc proc rw\n" },
      "/proc",
      "ok: shows all processes",
    ],
    [
      "that hides processes",
      { "proc/self/mountinfo": "23 1 0:22 / /proc rw - proc proc rw,hidepid=invisible\n" },
      "/proc",
      "warn: hidepid=invisible",
    ],
  ];
  for (const [what, files, check, expected] of CASES) {
    test(`${what}: ${check} is ${expected.split(":")[0]}`, () => expect(found(files, check)).toBe(expected));
  }

  test("a node that is no device is bad, whatever it is", () => {
    expect(found({ [NODE]: "", [SYSFS]: "10:126\n" }, "device sgx_provision")).toMatch(
      /^bad: no character device, mode 0644/,
    );
  });

  const DEVICES = [
    ["as udev makes it is good", "c 10:126 0660", "10:126", "ok: 10:126, mode 0660, uid 0, gid 0"],
    ["with a large minor is good", "c 10:70000 0660", "10:70000", "ok: 10:70000, mode 0660, uid 0, gid 0"],
    ["that everybody may open is bad", "c 10:126 0666", "10:126", "bad: 10:126, mode 0666, uid 0, gid 0"],
    ["that everybody may read is bad", "c 10:126 0664", "10:126", "bad: 10:126, mode 0664, uid 0, gid 0"],
    [
      "of another device is bad",
      "c 1:3 0660",
      "10:126",
      "bad: 1:3, mode 0660, uid 0, gid 0, but the kernel's is 10:126",
    ],
    [
      "of no device is bad",
      "c 10:126 0660",
      null,
      "bad: 10:126, mode 0660, uid 0, gid 0, but the kernel has no such device",
    ],
  ] as const;
  for (const [what, node, sysfs, expected] of DEVICES) {
    test.skipIf(!canMakeDevices)(`a node ${what} (skipped where none can be made)`, () => {
      const files = sysfs === null ? { [NODE]: node } : { [NODE]: node, [SYSFS]: `${sysfs}\n` };
      expect(found(files, "device sgx_provision")).toBe(expected);
    });
  }

  test("every finding that is not good comes with what to do, but where nothing is to be done", () => {
    const silent = hostFindings(host({})).filter(
      ({ state, advice }) => (state === "warn" || state === "bad") && !advice,
    );
    expect(silent).toEqual([]);
  });
});

test("versions of Node and years are judged as numbers", () => {
  for (const [version, state] of [
    ["20.19.0", "ok"],
    ["20.20.2", "ok"],
    ["22.0.0", "ok"],
    ["100.1.0", "ok"],
    ["20.9.0", "bad"],
    ["18.99.0", "bad"],
    ["", "bad"],
  ] as const) {
    expect(nodeFinding(version).state).toBe(state);
  }
  for (const [time, state] of [
    ["1970-01-01T00:00:00Z", "bad"],
    ["2026-01-01T00:00:00Z", "ok"],
    ["2100-12-31T23:59:59Z", "ok"],
    ["2101-01-01T00:00:00Z", "bad"],
  ] as const) {
    expect(clockFindings(new Date(time))[0]?.state).toBe(state);
  }
});

test("folders of records and state are the daemon's alone", () => {
  const path = join(folder, "audit");
  mkdirSync(path);
  for (const [mode, state] of [
    [0o700, "ok"],
    [0o750, "ok"],
    [0o755, "warn"],
    [0o770, "bad"],
    [0o707, "bad"],
    [0o1777, "bad"],
  ] as const) {
    chmodSync(path, mode);
    expect([mode, folderFinding("audit directory", path).state]).toEqual([mode, state]);
  }
  expect(folderFinding("audit directory", join(folder, "none")).state).toBe("ok");
  writeFileSync(join(folder, "file"), "");
  expect(folderFinding("audit directory", join(folder, "file")).state).toBe("bad");
});

test("a socket that more may use than the configuration says is bad, and so is what is none", async () => {
  const path = join(folder, "s");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  for (const [mode, said, state] of [
    [0o600, 0o600, "ok"],
    [0o600, 0o660, "ok"],
    [0o660, 0o600, "bad"],
    [0o666, 0o660, "bad"],
  ] as const) {
    chmodSync(path, mode);
    expect([mode, said, socketFinding(path, said).state]).toEqual([mode, said, state]);
  }
  symlinkSync(path, join(folder, "link"));
  expect(socketFinding(join(folder, "link"), 0o777).state).toBe("bad");
  expect(socketFinding(join(folder, "none"), 0o600).state).toBe("ok");
  await new Promise((resolve) => server.close(resolve));
});

describe("the command", () => {
  const config = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const good = config(
    "good.yaml",
    `version: 1\nstate_directory: ${join(folder, "state")}\ncontrol: ${join(folder, "c.sock")}\nlisteners: [{path: ${join(folder, "g.sock")}}]\n`,
  );

  test("says as JSON and as text what it has found on this host, and exits by whether anything is bad", () => {
    const { code, stdout, stderr } = launchgate(["doctor", "--json", "--config", good]);
    const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
    expect(stderr).toBe("");
    expect(code).toBe(findings.some(({ state }) => state === "bad") ? 2 : 0);
    const of = (check: string): Finding | undefined => findings.find((each) => each.check === check);
    expect(of("configuration")).toMatchObject({ state: "ok" });
    expect(of("built-in policy")).toMatchObject({ state: "ok" });
    expect(of("node")).toEqual({ check: "node", state: "ok", found: process.versions.node, advice: null });
    const text = launchgate(["doctor", "--config", good]);
    expect(text.code).toBe(code);
    for (const { check } of findings) expect(text.stdout).toContain(` ${check} `);
    expect(existsSync(join(folder, "state"))).toBe(false);
  });

  test("a configuration that is none, is not there, or names what is not there is bad", () => {
    for (const path of [
      config("broken.yaml", "version: 1\nlisteners: 7\n"),
      config(
        "missing.yaml",
        `version: 1\nstate_directory: ${folder}\npolicies: [{bundle: ${folder}/none, verify: none}]\n`,
      ),
      join(folder, "nowhere.yaml"),
    ]) {
      const { code, stdout } = launchgate(["doctor", "--json", "--config", path], {
        env: { RUNTIME_DIRECTORY: folder, STATE_DIRECTORY: folder },
      });
      expect(code).toBe(2);
      const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
      expect(findings.find(({ check }) => check === "configuration")?.state).toBe("bad");
    }
  });

  test("a socket in a folder that others may write to is bad", () => {
    const open = join(folder, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const text = `version: 1\nstate_directory: ${join(folder, "state")}\ncontrol: ${join(folder, "c.sock")}\nlisteners: [{path: ${open}/g.sock}]\n`;
    const { code, stdout } = launchgate(["doctor", "--config", config("open.yaml", text)]);
    expect(code).toBe(2);
    expect(stdout).toContain("others may put their own socket there");
  });
});
