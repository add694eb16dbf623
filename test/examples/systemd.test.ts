/** The units of examples/systemd, judged by systemd's own tools, and held against what the daemon expects. */

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../cli/serve/config.js";
import { has, ROOT, run } from "../support/cli.js";

const UNITS = join(ROOT, "examples/systemd");
const folder = mkdtempSync(join(tmpdir(), "launchgate-units-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const unit = (name: string): string => readFileSync(join(UNITS, name), "utf8");
const settingOf = (text: string, key: string): string | undefined => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1];

test("the socket is the one that the daemon listens at without a configuration, under the listener's name", () => {
  const socket = unit("launchgate.socket");
  const { config } = readConfig(undefined, {
    env: { RUNTIME_DIRECTORY: "/run/launchgate", STATE_DIRECTORY: "/var/lib/launchgate" },
  });
  const [listener] = config.listeners;
  expect(settingOf(socket, "ListenStream")).toBe(listener?.path);
  expect(settingOf(socket, "FileDescriptorName")).toBe(listener?.name);
});

describe.skipIf(!has("systemd-analyze"))("by systemd-analyze (skipped without)", () => {
  const NAMES = ["launchgate.service", "launchgate.socket"] as const;

  beforeAll(() => {
    // A unit whose program is not there is refused; where it lies is the packager's business.
    const program = join(folder, "launchgate");
    writeFileSync(program, "#!/bin/sh\n");
    chmodSync(program, 0o755);
    for (const name of NAMES) writeFileSync(join(folder, name), unit(name).replace("/usr/bin/launchgate", program));
  });

  test("the units are well-formed, and every key in them is known", () => {
    const { code, stdout, stderr } = run("systemd-analyze", [
      "verify",
      "--man=no",
      "--recursive-errors=no",
      ...NAMES.map((name) => join(folder, name)),
    ]);
    // Elsewhere on a host there may be units that are not.
    const own = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("launchgate"));
    expect({ own, code }).toEqual({ own: [], code: 0 });
  });

  test("the service is exposed as little as systemd can see to: 1.5 of 10 at most", () => {
    const { code, stdout, stderr } = run("systemd-analyze", [
      "security",
      "--offline=yes",
      "--threshold=15",
      "--no-pager",
      join(folder, "launchgate.service"),
    ]);
    expect({ code, said: code === 0 ? "" : `${stdout}${stderr}` }).toEqual({ code: 0, said: "" });
  });
});

test.skipIf(!has("systemd-sysusers") || !has("systemd-tmpfiles"))(
  "users and folders are made as they say (skipped without systemd)",
  () => {
    const root = join(folder, "root");
    mkdirSync(join(root, "etc"), { recursive: true });
    expect(run("systemd-sysusers", [`--root=${root}`, join(UNITS, "launchgate.sysusers.conf")]).code).toBe(0);
    const group = readFileSync(join(root, "etc/group"), "utf8");
    expect(group).toMatch(/^launchgate:/m);
    expect(group).toMatch(/^launchgate-ask:/m);
    expect(readFileSync(join(root, "etc/passwd"), "utf8")).toMatch(/^launchgate:.*:\/var\/lib\/launchgate:/m);
    const made = run("systemd-tmpfiles", [`--root=${root}`, "--create", join(UNITS, "launchgate.tmpfiles.conf")]);
    expect({ ...made, stdout: "" }).toEqual({ code: 0, stdout: "", stderr: "" });
  },
);
