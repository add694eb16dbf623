/**
 * A LaunchEvent as the audit record has it: the one text that RFC 8785 gives it, in parts, so that what many events have in
 * common is written once. Truth: the LaunchEvent schema (policies/schema/event.schema.json), RFC 8785.
 *
 * A lone surrogate, for which RFC 8785 has no text, is written as JSON.stringify writes it: what a source says of itself must
 * not be able to keep its launch out of the log.
 */

import type { EventFacts, HookName, Origin, SecsFields } from "./event.js";

/** The parts of an event that many events share, each as text. */
export interface EventParts {
  readonly origin: string;
  readonly platform: string;
  readonly grants: string;
  readonly secs: string;
  /** Base64 in quotes, or `null`. */
  readonly sigstruct: string;
}

/** What each event has of its own. */
export interface EventOwn {
  readonly hook: HookName;
  /** As JSON. */
  readonly id: string;
  readonly time: number;
  readonly deadline_ms: number | null;
  readonly synthetic: boolean;
  /** Base64 in quotes, or `null`. */
  readonly token: string;
}

export function eventText(own: EventOwn, parts: EventParts): string {
  return (
    `{"deadline_ms":${own.deadline_ms},"grants":${parts.grants},"hook":"${own.hook}","id":${own.id},` +
    `"origin":${parts.origin},"platform":${parts.platform},"secs":${parts.secs},"sigstruct":${parts.sigstruct},` +
    `"synthetic":${own.synthetic},"time":${own.time},"token":${own.token},"v":1}`
  );
}

export function originText({ kind, enforcement, process, vm, guest }: Origin): string {
  const { cgroup, comm, exe, gid, pid, tid, uid } = process ?? NOBODY;
  const processText =
    process === null
      ? "null"
      : `{"cgroup":${quoted(cgroup)},"comm":${quoted(comm)},"exe":${quoted(exe)},` +
        `"gid":${gid},"pid":${pid},"tid":${tid},"uid":${uid}}`;
  const vmText = vm === null ? "null" : `{"id":${quoted(vm.id)},"name":${quoted(vm.name)}}`;
  const guestText = guest === null ? "null" : `{"exe":${quoted(guest.exe)},"pid":${guest.pid},"uid":${guest.uid}}`;
  return `{"enforcement":"${enforcement}","guest":${guestText},"kind":"${kind}","process":${processText},"vm":${vmText}}`;
}

const NOBODY = { pid: null, tid: null, uid: null, gid: null, comm: null, exe: null, cgroup: null };

export function platformText({ flc, lepubkeyhash }: EventFacts["platform"]): string {
  return `{"flc":${flc},"lepubkeyhash":${quoted(lepubkeyhash)}}`;
}

export function grantsText({ provisionkey: { granted, how } }: EventFacts["grants"]): string {
  return `{"provisionkey":{"granted":${granted},"how":${quoted(how)}}}`;
}

export function secsText(secs: SecsFields): string {
  const { attributes, attributes_allowed: allowed, attributes_known: known } = secs;
  return (
    `{"attributes":${maskText(attributes)},"attributes_allowed":${allowed === null ? "null" : maskText(allowed)},` +
    `"attributes_known":${maskText(known)},"cet_attributes":${quoted(secs.cet_attributes)},` +
    `"configid":${quoted(secs.configid)},"configsvn":${secs.configsvn},"miscselect":${quoted(secs.miscselect)},` +
    `"miscselect_known":${quoted(secs.miscselect_known)},"size":${quoted(secs.size)}}`
  );
}

function maskText({ flags, xfrm }: SecsFields["attributes"]): string {
  return `{"flags":${quoted(flags)},"xfrm":${quoted(xfrm)}}`;
}

/** Bytes as base64 in quotes. */
export function bytesText(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")}"`;
}

export function quoted(text: string | null): string {
  return text === null ? "null" : JSON.stringify(text);
}
