/** What every part of a soak works with, and where its daemons live. */

import type { SoakBundles } from "./bundles.js";

export interface Soak {
  /** Temporary; each part has a folder of its own in it. */
  readonly folder: string;
  readonly bundles: SoakBundles;
  /** Requests, as far as the daemon takes them. */
  readonly perSecond: number;
  readonly progress: (text: string) => void;
}
