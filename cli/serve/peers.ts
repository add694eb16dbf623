/** The reader of peers that a configuration needs, where this system can have one. */

import type { Config } from "./config.js";
import type { PeerReader } from "./identity.js";

/** Null: koffi is not installed. */
export async function peersFor(_config: Config): Promise<PeerReader | null> {
  return null;
}
