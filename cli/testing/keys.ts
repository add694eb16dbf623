/**
 * The keys that sign a suite's enclaves: RSA-3072 with exponent 3, made anew in each process, so that nobody checks keys in.
 * Making one takes up to some seconds, so each name has one key as long as the process lives, whichever suite names it.
 */

import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { inParallel } from "./parallel.js";

const generate = promisify(generateKeyPair);

const keys = new Map<string, KeyObject>();

/** The keys of these names; those not there yet are made, `jobs` side by side. */
export async function keysOf(
  names: readonly string[],
  jobs: number,
  progress: (done: number, of: number) => void,
): Promise<ReadonlyMap<string, KeyObject>> {
  const absent = [...new Set(names)].filter((name) => !keys.has(name));
  let done = 0;
  await inParallel(absent, jobs, async (name) => {
    const { privateKey } = await generate("rsa", { modulusLength: 3072, publicExponent: 3 });
    keys.set(name, privateKey);
    done += 1;
    progress(done, absent.length);
  });
  return new Map(keys);
}
