/** What finds out who asks, where the system can say it. */

import type { Socket } from "node:net";
import type { Accepted } from "../../hooks/socket/server.js";

/** The kernel's word on who has connected. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly comm: string | null;
  readonly exe: string | null;
  readonly cgroup: string | null;
  /** Whether it has shown an opened /dev/sgx_provision. */
  readonly provisionkey: boolean;
}

export interface PeerReader {
  readonly peerOf: (socket: Socket, options: { readonly descriptors: boolean }) => Promise<Accepted<Peer>>;
}
