/**
 * Who asks, and what may be said in a request: origin, process, VM and grants are the kernel's word and the listener's. What
 * a request claims beside that is the same, or is allowed to this peer by the configuration, or is refused.
 */

import type { LaunchEvent, Origin } from "../../hooks/index.js";
import type { Peer } from "../../hooks/socket/peer.js";
import type { Claims, WireRequest } from "../../hooks/socket/request.js";
import type { ClaimName, ListenerConfig } from "./config.js";
import type { ListenerTally } from "./tally.js";

/** The one at the other end of a connection, as its launches will say it. */
export interface Asker {
  /** Null: nobody can say. */
  readonly peer: Peer | null;
  readonly listener: ListenerConfig;
  readonly tally: ListenerTally;
  readonly origin: Origin;
  readonly grants: LaunchEvent["grants"];
}

/** @throws Error where this listener does not serve this peer */
export function askerOf(listener: ListenerConfig, tally: ListenerTally, peer: Peer | null): Asker {
  const { peers, origin: kind, enforcement, vm, provisionkey } = listener;
  if (peer === null && listener.identity === "required") throw new Error("nobody can say who it is");
  if (peers !== null && !(peer !== null && (peers.uids.includes(peer.uid) || peers.gids.includes(peer.gid)))) {
    throw new Error(`uid ${peer?.uid} with gid ${peer?.gid} is none of this listener's peers`);
  }
  const proved = provisionkey === "fd" && peer?.provisionkey === true;
  const how = provisionkey === "vm-cap" || provisionkey === "config" ? provisionkey : proved ? "fd" : null;
  return Object.freeze({
    peer,
    listener,
    tally,
    origin: Object.freeze({ kind, enforcement, process: processOf(peer), vm, guest: null }),
    grants: Object.freeze({ provisionkey: Object.freeze({ granted: how !== null, how }) }),
  });
}

/** A launch as it is judged; `refused`: the claim that is not to be believed, for people. */
export interface Asked {
  readonly event: LaunchEvent;
  readonly refused: string | null;
}

/** What the request asks, in the words of the one who asks. The structures are still the request's own bytes. */
export function askedBy(asker: Asker, request: WireRequest, time: number): Asked {
  const { claims } = request;
  const said = hasClaims(claims) ? heard(asker, claims) : asker;
  const { origin, grants } = typeof said === "string" ? asker : said;
  const { hook, event_id, platform, sigstruct, token, secs, deadline_ms, synthetic } = request;
  return {
    event: {
      v: 1,
      hook,
      id: event_id,
      time,
      origin,
      platform,
      grants,
      sigstruct,
      token,
      secs,
      deadline_ms,
      synthetic,
    },
    refused: typeof said === "string" ? said : null,
  };
}

function hasClaims({ kind, enforcement, process, vm, guest, provisionkey }: Claims): boolean {
  return (
    kind !== null || enforcement !== null || process !== null || vm !== null || guest !== null || provisionkey !== null
  );
}

/** Origin and grants with what may be claimed; or which claim may not be. */
function heard(asker: Asker, claims: Claims): Pick<Asker, "origin" | "grants"> | string {
  const { origin, grants, listener, peer } = asker;
  const may = (claim: ClaimName): boolean => peer !== null && listener.may_claim[claim].includes(peer.uid);
  const { kind, enforcement, process, vm, guest, provisionkey } = claims;
  if (kind !== null && kind !== origin.kind) return `the origin ${kind}, here it is ${origin.kind}`;
  if (vm !== null && !(vm.id === origin.vm?.id && (vm.name === null || vm.name === origin.vm.name))) {
    return "a VM, which is known by its socket alone";
  }
  if (enforcement !== null && enforcement !== origin.enforcement && !may("enforcement")) {
    return `enforcement by ${enforcement}, here it is ${origin.enforcement}`;
  }
  const ownProcess = process === null || isWithin(process, origin.process);
  if (!ownProcess && !may("process")) return "a process that is not known to be the one that asks";
  if (guest !== null && !may("guest")) return "a process of a guest";
  const ownGrant = provisionkey === null || provisionkey === grants.provisionkey.how;
  if (!ownGrant && !may("provisionkey"))
    return `a grant of PROVISIONKEY by ${provisionkey}, of which there is no proof`;
  return {
    origin: {
      ...origin,
      enforcement: enforcement ?? origin.enforcement,
      process: ownProcess ? origin.process : process,
      guest,
    },
    grants: ownGrant ? grants : { provisionkey: { granted: true, how: provisionkey } },
  };
}

/** Whether all that is said of a process is so. */
function isWithin(claimed: NonNullable<Origin["process"]>, own: Origin["process"]): boolean {
  if (own === null) return false;
  return (Object.keys(claimed) as (keyof typeof claimed)[]).every(
    (key) => claimed[key] === null || claimed[key] === own[key],
  );
}

function processOf(peer: Peer | null): Origin["process"] {
  if (peer === null) return null;
  const { pid, uid, gid, comm, exe, cgroup } = peer;
  return Object.freeze({ pid, tid: null, uid, gid, comm, exe, cgroup });
}
