/**
 * The other end of audit-pack.ts: batches in, the text of each record out, as `auditRecord` and JSON.stringify would make it
 * but for the order of the event's keys (RFC 8785). Truth: the audit schema (policies/schema/audit.schema.json).
 *
 * What costs more than the decision itself is done here, away from the thread that decides: base64, digests, and the RSA
 * signature behind a denial.
 */

import { hash } from "node:crypto";
import { auditIdentity } from "./audit.js";
import { FLAG, ID_BYTES, ITEM, METRICS_AT, SIGSTRUCT_SLOTS, SLOTS_AT, TEXT_SLOTS } from "./audit-pack.js";
import { bytesText, eventText } from "./audit-text.js";
import type { PolicyIdentity } from "./decision.js";
import { entrypointOf } from "./entrypoints.js";
import { HOOKS, type HookName } from "./event.js";
import { Recent, type SeenSigstruct } from "./recent.js";
import type { SignatureCheck } from "./request.js";
import { SIGSTRUCT_SIZE } from "./sgx/sigstruct.js";

/** One record of a batch. */
export interface Unpacked {
  readonly kind: "decision" | "note";
  /** What was decided; null for a note. */
  readonly decision: "allow" | "deny" | null;
  /**
   * Puts its JSON without the closing brace at a position, where there must be room for `MAX_RECORD_BYTES`, and says where it
   * ends. To be called at once: the next record may fill the slots anew.
   */
  readonly write: (out: Buffer, at: number) => number;
}

/** No record is longer: see audit-pack.ts for what is shortened. */
export const MAX_RECORD_BYTES = 1024 * 1024 - 256;

class Piece {
  readonly text: string;
  #bundles: string | undefined;
  #module: string | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** Of a list of policies. */
  get bundles(): string {
    this.#bundles ??= JSON.stringify(
      Object.fromEntries(
        (JSON.parse(this.text) as PolicyIdentity[]).map(({ name, revision, sha256 }) => [name, { revision, sha256 }]),
      ),
    );
    return this.#bundles;
  }

  /** Of a list of reasons: the module that the first is of. */
  get module(): string {
    this.#module ??= JSON.stringify((JSON.parse(this.text) as { readonly module?: string }[])[0]?.module ?? null);
    return this.#module;
  }
}

class SigstructPiece {
  readonly bytes: Uint8Array | null;
  readonly seen: SeenSigstruct | null;
  #text: string | undefined;
  #sha256: string | undefined;
  #identity: string | undefined;
  #verified: string | undefined;

  constructor(bytes: Uint8Array | null, seen: SeenSigstruct | null) {
    this.bytes = bytes;
    this.seen = seen;
  }

  get text(): string {
    this.#text ??= bytesText(this.bytes);
    return this.#text;
  }

  get sha256(): string {
    this.#sha256 ??= this.bytes === null ? "null" : `"${hash("sha256", this.bytes)}"`;
    return this.#sha256;
  }

  identity(verify: boolean): string {
    if (verify) {
      this.#verified ??= JSON.stringify(auditIdentity(this.seen, true));
      return this.#verified;
    }
    this.#identity ??= JSON.stringify(auditIdentity(this.seen, false));
    return this.#identity;
  }
}

/** Where in a batch a decision lies. */
interface DecisionItem {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly from: number;
  readonly idAt: number;
  readonly token: Uint8Array | null;
}

const NOTHING = new Piece("null");
const NO_SIGSTRUCT = new SigstructPiece(null, null);

/** Reads batches in the order in which the one `Packer` has made them, every one of them. */
export class Unpacker {
  readonly #verifyDenials: boolean;
  readonly #recent = new Recent();
  readonly #texts: Piece[] = new Array(TEXT_SLOTS).fill(NOTHING);
  readonly #sigstructs: SigstructPiece[] = new Array(SIGSTRUCT_SLOTS).fill(NO_SIGSTRUCT);

  /** The signature behind a denial is verified, unless `signatureCheck` is `never`. */
  constructor(signatureCheck?: SignatureCheck) {
    this.#verifyDenials = signatureCheck !== "never";
  }

  /** The records of a batch, in their order. */
  unpack(batch: ArrayBuffer, lengthBytes: number, each: (record: Unpacked) => void): void {
    const bytes = Buffer.from(batch, 0, lengthBytes);
    const view = new DataView(batch, 0, lengthBytes);
    let at = 0;
    while (at < lengthBytes) {
      switch (view.getUint8(at)) {
        case ITEM.text: {
          const length = view.getUint32(at + 5, true);
          this.#texts[view.getUint32(at + 1, true)] = new Piece(bytes.toString("utf8", at + 9, at + 9 + length));
          at += 9 + length;
          break;
        }
        case ITEM.sigstruct: {
          const length = view.getUint32(at + 5, true);
          this.#sigstructs[view.getUint32(at + 1, true)] = this.#sigstruct(bytes.subarray(at + 9, at + 9 + length));
          at += 9 + length;
          break;
        }
        case ITEM.note: {
          const from = at + 5;
          const to = from + view.getUint32(at + 1, true);
          each({
            kind: "note",
            decision: null,
            write: (out, position) => position + bytes.copy(out, position, from, to),
          });
          at = to;
          break;
        }
        case ITEM.decision:
          at = this.#decision(bytes, view, at, each);
          break;
        default:
          throw new TypeError(`a batch of audit records has an item of type ${view.getUint8(at)} at ${at}`);
      }
    }
  }

  #sigstruct(given: Uint8Array): SigstructPiece {
    const seen = given.length === SIGSTRUCT_SIZE ? this.#recent.see(given) : null;
    return new SigstructPiece(seen?.bytes ?? given.slice(), seen);
  }

  #decision(bytes: Buffer, view: DataView, from: number, each: (record: Unpacked) => void): number {
    const metrics = view.getUint8(from + 3);
    const idAt = from + METRICS_AT + metrics * 12;
    const tokenAt = idAt + 4 + view.getUint32(idAt, true);
    const tokenLength = view.getUint32(tokenAt, true);
    const to = tokenAt + 4 + (tokenLength === 0xffff_ffff ? 0 : tokenLength);
    const token = tokenLength === 0xffff_ffff ? null : bytes.subarray(tokenAt + 4, to);
    const allow = (view.getUint8(from + 1) & FLAG.allow) !== 0;
    each({
      kind: "decision",
      decision: allow ? "allow" : "deny",
      write: (out, position) => this.#record({ bytes, view, from, idAt, token }, out, position),
    });
    return to;
  }

  #record({ bytes, view, from, idAt, token }: DecisionItem, out: Buffer, position: number): number {
    const flags = view.getUint8(from + 1);
    const allow = (flags & FLAG.allow) !== 0;
    const hook: HookName | null = (flags & FLAG.event) === 0 ? null : (HOOKS[view.getUint8(from + 2)] as HookName);
    const slot = (n: number): number => view.getUint32(from + SLOTS_AT + n * 4, true);
    const piece = (n: number): Piece => this.#texts[slot(n)] as Piece;
    const time = view.getFloat64(from + 4, true);
    const sigstruct = this.#sigstructs[slot(8)] as SigstructPiece;
    const policy = piece(4);
    const reasons = piece(5);
    const wouldDeny = piece(7).text;
    const decisionId = bytes.toString("latin1", from + 28, from + 28 + ID_BYTES);
    let input = "null";
    if (hook !== null) {
      const deadline = view.getFloat64(from + 12, true);
      const id = bytes.toString("utf8", idAt + 4, idAt + 4 + view.getUint32(idAt, true));
      input = eventText(
        {
          hook,
          id: id === "" ? "null" : id,
          time,
          deadline_ms: Number.isNaN(deadline) ? null : deadline,
          synthetic: (flags & FLAG.synthetic) !== 0,
          token: bytesText(token),
        },
        {
          origin: piece(0).text,
          platform: piece(1).text,
          grants: piece(2).text,
          secs: piece(3).text,
          sigstruct: sigstruct.text,
        },
      );
    }
    const path = hook === null ? "null" : `"${entrypointOf(hook)}"`;
    const timestamp = hook === null ? "null" : `"${new Date(time * 1000).toISOString()}"`;
    const head = `{"kind":"decision","decision_id":"${decisionId}","timestamp":${timestamp},"path":${path},"input":`;
    // INVARIANT: the head is ASCII, so that the input begins so many bytes behind it.
    const inputAt = position + head.length;
    const inputEnd = position + out.write(head + input, position, "utf8");
    const digest = hook === null ? "null" : `"${hash("sha256", out.subarray(inputAt, inputEnd))}"`;
    const rest =
      `,"event_sha256":${digest},"result":{"decision_id":"${decisionId}",` +
      `"time":${hook === null ? "null" : time},"hook":${hook === null ? "null" : `"${hook}"`},` +
      `"decision":"${allow ? "allow" : "deny"}","reasons":${reasons.text},"warnings":${piece(6).text},` +
      `"would_deny":${wouldDeny},"errno":${allow ? 0 : 13},"einit_error":${allow ? 0 : 16},` +
      `"sigstruct_sha256":${sigstruct.sha256},"token_sha256":${token === null ? "null" : `"${hash("sha256", token)}"`},` +
      `"policy":${policy.text},"generation":${view.getFloat64(from + 20, true)}},"bundles":${policy.bundles},` +
      `"metrics":${this.#metrics(view, from)},"identity":${sigstruct.identity(!allow && this.#verifyDenials)},` +
      `"module":${reasons.module},"mode":"${wouldDeny === "[]" ? "enforcing" : "permissive"}"` +
      `${(flags & FLAG.shortened) === 0 ? "" : ',"shortened":true'}`;
    return inputEnd + out.write(rest, inputEnd, "utf8");
  }

  #metrics(view: DataView, from: number): string {
    const members: string[] = [];
    for (let n = 0, at = from + METRICS_AT; n < view.getUint8(from + 3); n += 1, at += 12) {
      const value = view.getFloat64(at + 4, true);
      // As JSON.stringify has it: what is no number in JSON is null.
      const name = (this.#texts[view.getUint32(at, true)] as Piece).text;
      members.push(`${name}:${Number.isFinite(value) ? value : null}`);
    }
    return `{${members.join(",")}}`;
  }
}
