/** What one socket server grants its peers, all of them together and each. */
export interface SocketLimits {
  readonly maxConnections: number;
  /** Of those that are one peer. */
  readonly maxConnectionsPerPeer: number;
  /** Unanswered requests of one connection; at so many it is not read any further. */
  readonly maxInFlight: number;
  readonly maxFrameBytes: number;
  /** Bytes of answers that one connection has not read; beyond them it is cut. */
  readonly maxUnreadBytes: number;
  /** Bytes held for all connections together, in and out; beyond them, whoever holds most is cut. */
  readonly maxHeldBytes: number;
  /** Frames of one peer that are dealt with before it is others' turn. */
  readonly turnFrames: number;
  /** From connecting to the end of hello. */
  readonly handshakeMs: number;
  /** From the first byte of a frame to its last. */
  readonly frameMs: number;
  /** Without anything asked, and nothing unanswered; 0: for ever. */
  readonly idleMs: number;
  /** During which not one write is taken. */
  readonly writeMs: number;
  /** From the last thing said to the socket's end. */
  readonly closeMs: number;
}

export const DEFAULT_LIMITS: SocketLimits = Object.freeze({
  maxConnections: 4096,
  maxConnectionsPerPeer: 2048,
  maxInFlight: 1024,
  maxFrameBytes: 65_536,
  maxUnreadBytes: 1_048_576,
  maxHeldBytes: 67_108_864,
  turnFrames: 64,
  handshakeMs: 2000,
  frameMs: 2000,
  idleMs: 600_000,
  writeMs: 5000,
  closeMs: 1000,
});
