/** `launchgate serve --check`: whether a daemon could start by a configuration; nothing is listened at, and nothing written. */

import { accessSync, constants, existsSync, lstatSync } from "node:fs";
import { dirname } from "node:path";
import { stringify } from "yaml";
import { type PolicyBundle, PolicyError } from "../../hooks/index.js";
import { readSource } from "../../hooks/policies/sources.js";
import { peerReader } from "../../hooks/socket/peer.js";
import { CommandError } from "../io.js";
import type { Config, ReadConfig } from "./config.js";
import { expectIdentity, privateKey } from "./daemon.js";
import { gateOf, sourcesOf } from "./policies.js";

const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;

/**
 * The configuration as it holds, as YAML.
 * @throws CommandError exit 1 where something cannot be had, 3 where a policy is refused
 */
export async function checkConfig({ file, config }: ReadConfig): Promise<string> {
  expectIdentity(config, peerReader({ provisionDevice: config.devices.sgx_provision }));
  checkPlaces(config);
  if (config.audit.checkpoint_key !== null) privateKey(config.audit.checkpoint_key);
  await checkPolicies(config);
  return `# ${file ?? "embedded defaults"}\n${configText(config)}`;
}

/** As a file says it: what a listener does not have is left out there. */
function configText(config: Config): string {
  const listeners = config.listeners.map((listener) => said({ ...listener, vm: listener.vm && said(listener.vm) }));
  return stringify({ ...config, listeners }, { aliasDuplicateObjects: false });
}

function said(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null));
}

async function checkPolicies(config: Config): Promise<void> {
  const bundles: PolicyBundle[] = [];
  const time = Math.floor(Date.now() / 1000);
  for (const source of sourcesOf(config.policies)) {
    const reading = await readSource(source, { time, maxBytes: MAX_BUNDLE_BYTES });
    if ("policies" in reading) bundles.push(...reading.policies.map(({ bundle }) => bundle));
    else {
      const told = reading.refusals.map(({ source: from, code, message }) => `${from}: ${message} [${code}]`);
      const missing = reading.refusals.every(({ code }) => code === "source_unreadable");
      throw new CommandError(missing ? 1 : 3, ["policies are refused:", ...told].join("\n  "));
    }
  }
  try {
    const gate = await gateOf(config, bundles, 1);
    await gate.close();
  } catch (error) {
    if (error instanceof PolicyError) throw error;
    throw new CommandError(3, `no gate can be made of it: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Whether sockets and files can be made where they are to be. */
function checkPlaces({ listeners, control, metrics, state_directory, audit }: Config): void {
  const sockets = [...listeners.map(({ path }) => path), control, metrics.listen ?? ""];
  for (const path of sockets) {
    if (!path.startsWith("/")) continue;
    if (existsSync(path) && !lstatSync(path).isSocket()) {
      throw new CommandError(1, `${path} is there and no socket; a listener would not replace it`);
    }
    expectWritable(dirname(path));
  }
  for (const folder of [state_directory, audit.directory]) expectWritable(folder);
}

/** The folder, or the nearest above it that is there. */
function expectWritable(folder: string): void {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new CommandError(1, `cannot write to ${there}: ${(error as Error).message}`);
  }
}
