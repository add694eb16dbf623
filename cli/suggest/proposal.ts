/**
 * The proposed data document, grown event by event: each thing it says with the events that justify it. Truth for its shape:
 * the data schema (policies/schema/data.schema.json). An event is taken whole or not at all, since a part would allow nothing.
 */

import type { JsonObject, JsonValue } from "../../engine/json.js";
import type { Place } from "../replay/log.js";
import type { Example } from "../replay/tally.js";
import { type Entry, entryIn, type Plan, type Subject, signerNameIn } from "./plan.js";

/** One thing that the document says, and why. */
export interface Justification {
  /** Where it stands in the document. */
  readonly path: readonly string[];
  /** What it allows, beyond the events too, in a sentence. */
  readonly allows: string;
  /** Codes of the denials that it helps to lift. */
  readonly lifts: readonly string[];
  readonly events: number;
  /** The events' own times, Unix seconds. */
  readonly first: number | null;
  readonly last: number | null;
  readonly origins: Readonly<Record<string, number>>;
  /** Measurements among the events: some of them, where there are many. */
  readonly mrenclaves: readonly string[];
  readonly examples: readonly Example[];
}

/** What was denied and is not proposed to be allowed. */
export interface LeftOutGroup {
  readonly codes: readonly string[];
  readonly why: string;
  readonly events: number;
  readonly mrsigners: readonly string[];
  readonly examples: readonly Example[];
}

/** One denied event, as far as it is told of. */
export interface Witness extends Place {
  readonly decision_id: string | null;
  readonly time: number | null;
  readonly origin: string;
  readonly mrsigner: string | null;
  readonly mrenclave: string | null;
  readonly codes: readonly string[];
}

interface Item {
  readonly path: readonly string[];
  readonly subject: Subject | null;
  /** The lowest of the events; what is listed with a floor is listed with this. */
  isvsvn: number | null;
  readonly lifts: Set<string>;
  readonly origins: Map<string, number>;
  readonly mrenclaves: Set<string>;
  readonly examples: Example[];
  events: number;
  first: number | null;
  last: number | null;
}

type Part = Pick<Item, "path" | "subject" | "isvsvn">;

const MAX_ITEMS = 10_000;
const MAX_LEFT_OUT = 1000;
const MAX_NAMES = 5;

interface LeftOutDraft {
  readonly codes: readonly string[];
  readonly why: string;
  readonly mrsigners: Set<string>;
  readonly examples: Example[];
  events: number;
}

export class Proposal {
  readonly #items = new Map<string, Item>();
  readonly #leftOut = new Map<string, LeftOutDraft>();
  readonly #documents: readonly JsonObject[];
  readonly #examples: number;

  /** `documents`: the effective ones that it will be merged with; `examples`: how many records to name for each thing. */
  constructor(documents: readonly JsonObject[], examples: number) {
    this.#documents = documents;
    this.#examples = examples;
  }

  add(plan: Plan, witness: Witness): void {
    if (plan.entries === null) {
      this.#leaveOut(plan.codes, plan.why, witness);
      return;
    }
    const parts = plan.entries.flatMap(partsOf);
    const clash = parts.map((part) => this.#clash(part)).find((why) => why !== null);
    if (clash !== undefined) this.#leaveOut(witness.codes, clash, witness);
    else for (const part of parts) this.#take(part, witness);
  }

  /** Whether the document says all that the plan needs. */
  covers({ entries }: Plan): boolean {
    if (entries === null) return false;
    return entries.flatMap(partsOf).every((part) => {
      const item = this.#items.get(keyOf(part.path));
      return item !== undefined && (item.isvsvn ?? 0) <= (part.isvsvn ?? 0) && samePins(item, part);
    });
  }

  #clash(part: Part): string | null {
    const there = this.#items.get(keyOf(part.path));
    if (there === undefined)
      return this.#items.size < MAX_ITEMS ? null : `more than ${MAX_ITEMS} things would be listed`;
    return samePins(there, part)
      ? null
      : "the measurement is proposed for another signer or product already, and can be listed for one";
  }

  #take({ path, subject, isvsvn }: Part, witness: Witness): void {
    const key = keyOf(path);
    let item = this.#items.get(key);
    if (item === undefined) {
      const empty = { lifts: new Set<string>(), origins: new Map(), mrenclaves: new Set<string>(), examples: [] };
      item = { path, subject, isvsvn, ...empty, events: 0, first: null, last: null };
      this.#items.set(key, item);
    }
    const { time, origin, mrenclave, codes } = witness;
    item.events += 1;
    if (isvsvn !== null) item.isvsvn = Math.min(item.isvsvn ?? isvsvn, isvsvn);
    if (time !== null) {
      item.first = Math.min(item.first ?? time, time);
      item.last = Math.max(item.last ?? time, time);
    }
    item.origins.set(origin, (item.origins.get(origin) ?? 0) + 1);
    if (mrenclave !== null && item.mrenclaves.size < MAX_NAMES) item.mrenclaves.add(mrenclave);
    for (const code of codes) item.lifts.add(code);
    this.#example(item.examples, witness);
  }

  #leaveOut(codes: readonly string[], why: string, witness: Witness): void {
    const key = JSON.stringify([codes, why]);
    let group = this.#leftOut.get(key);
    if (group === undefined && this.#leftOut.size < MAX_LEFT_OUT) {
      group = { codes, why, mrsigners: new Set(), examples: [], events: 0 };
      this.#leftOut.set(key, group);
    }
    group ??= this.#overflow();
    group.events += 1;
    if (witness.mrsigner !== null && group.mrsigners.size < MAX_NAMES) group.mrsigners.add(witness.mrsigner);
    this.#example(group.examples, witness);
  }

  #overflow(): LeftOutDraft {
    const there = this.#leftOut.get("");
    if (there !== undefined) return there;
    const group = {
      codes: [],
      why: "further reasons, beyond those kept apart",
      mrsigners: new Set<string>(),
      examples: [],
      events: 0,
    };
    this.#leftOut.set("", group);
    return group;
  }

  #example(examples: Example[], { file, line, decision_id }: Witness): void {
    if (examples.length < this.#examples) examples.push({ file, line, decision_id });
  }

  /** In the order of the document. */
  justification(): readonly Justification[] {
    return this.#sorted().map((item) => ({
      path: item.path,
      allows: allowsText(item),
      lifts: [...item.lifts].sort(),
      events: item.events,
      first: item.first,
      last: item.last,
      origins: Object.fromEntries(item.origins),
      mrenclaves: [...item.mrenclaves],
      examples: item.examples,
    }));
  }

  leftOut(): readonly LeftOutGroup[] {
    return [...this.#leftOut.values()]
      .map((group) => ({ ...group, mrsigners: [...group.mrsigners] }))
      .sort((a, b) => b.events - a.events);
  }

  #sorted(): readonly Item[] {
    const rank = ({ path: [root = ""] }: Item): number => ROOTS.indexOf(root);
    return [...this.#items.values()].sort((a, b) => rank(a) - rank(b) || compareText(keyOf(a.path), keyOf(b.path)));
  }

  /** What a `--data` file holds. With nothing proposed it says only its version. */
  document(): JsonObject {
    const root: Draft = { version: 1 };
    for (const item of this.#sorted()) this.#put(root, item);
    return root as JsonObject;
  }

  #put(root: Draft, { path, subject, isvsvn }: Item): void {
    const [list = "", name = "", key] = path;
    if (list === "include") {
      root["include"] = [...((root["include"] as readonly string[] | undefined) ?? []), name];
      return;
    }
    const last = path.at(-1) ?? "";
    // The name comes first, as people write it.
    if (list === "signers" && subject !== null) objectAt(root, ["signers", name])["name"] ??= this.#signerName(name);
    if (list === "mrenclaves" && subject !== null) {
      const entry = objectAt(root, ["mrenclaves", name]);
      entry["name"] ??= this.#measurementName(name);
      if (path.length === 2) {
        entry["mrsigner"] = subject.mrsigner;
        entry["isvprodid"] = subject.isvprodid;
        entry["min_isvsvn"] = isvsvn ?? subject.isvsvn;
      }
    }
    const at = objectAt(root, path.slice(0, -1));
    if (FLAGS.has(last)) at[last] = true;
    else if (list === "lepubkeyhashes") at[last] = { name: `launch enclave signer ${name.slice(0, 16)}` };
    else if (list === "signers" && key === "products" && path.length === 4) at[last] = { min_isvsvn: isvsvn ?? 0 };
    else at[last] ??= {};
  }

  #signerName(mrsigner: string): string {
    return signerNameIn(this.#documents, mrsigner) ?? `signer ${mrsigner.slice(0, 16)}`;
  }

  #measurementName(mrenclave: string): string {
    const name = entryIn(this.#documents, "mrenclaves", mrenclave)?.["name"];
    return typeof name === "string" ? name : `enclave ${mrenclave.slice(0, 16)}`;
  }
}

type Draft = Record<string, JsonValue | Record<string, JsonValue>>;

const ROOTS = ["include", "signers", "mrenclaves", "lepubkeyhashes", "origins", "vms"];
const FLAGS: ReadonlySet<string> = new Set(["debug", "provisionkey", "einittokenkey", "epc"]);

/** The object at a path, made where there is none. No path has a key that means something to JavaScript: see `partsOf`. */
function objectAt(root: Draft, path: readonly string[]): Draft {
  return path.reduce<Draft>((at, key) => {
    const there = Object.hasOwn(at, key) ? at[key] : undefined;
    if (typeof there === "object" && there !== null) return there as Draft;
    const made: Draft = {};
    Object.defineProperty(at, key, { value: made, enumerable: true, configurable: true, writable: true });
    return made;
  }, root);
}

/** What an entry says, each thing by itself, so that each is justified by its own events. */
function partsOf(entry: Entry): readonly Part[] {
  const bare = { subject: null, isvsvn: null };
  switch (entry.kind) {
    case "signer": {
      const { subject, listing, flags } = entry;
      const at = ["signers", subject.mrsigner];
      const granted = flags.map((flag) => ({ path: [...at, flag], subject, isvsvn: null }));
      if (listing === null) return granted;
      if (listing === "any") return [{ path: at, subject, isvsvn: null }, ...granted];
      const product = [...at, "products", String(subject.isvprodid)];
      return [{ path: product, subject, isvsvn: subject.isvsvn }, ...granted];
    }
    case "mrenclave": {
      const { subject, listing, flags } = entry;
      const at = ["mrenclaves", subject.mrenclave];
      const granted = flags.map((flag) => ({ path: [...at, flag], subject, isvsvn: null }));
      return listing ? [{ path: at, subject, isvsvn: subject.isvsvn }, ...granted] : granted;
    }
    case "include":
      return [{ path: ["include", entry.fragment], ...bare }];
    case "id": {
      const { subject, list, id } = entry;
      const at = ["signers", subject.mrsigner];
      const within = list === "isvfamilyids" ? at : [...at, "products", String(subject.isvprodid)];
      return [{ path: [...within, list, id], subject, isvsvn: null }];
    }
    case "lepubkeyhash":
      return [{ path: ["lepubkeyhashes", entry.hash], ...bare }];
    case "place":
      return [{ path: [entry.place, entry.at, entry.list, entry.name], ...bare }];
    case "vm":
      return [{ path: ["vms", entry.id, entry.flag], ...bare }];
    default:
      return entry satisfies never;
  }
}

function keyOf(path: readonly string[]): string {
  return JSON.stringify(path);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A listed measurement is pinned to one signer and product. */
function samePins({ path, subject: a }: Part, { subject: b }: Part): boolean {
  if (path[0] !== "mrenclaves" || a === null || b === null) return true;
  return a.mrsigner === b.mrsigner && a.isvprodid === b.isvprodid;
}

const FLAG_WORDS: Readonly<Record<string, string>> = {
  debug: "may run with DEBUG=1, which opens its memory to whoever may trace its process",
  provisionkey: "may have PROVISIONKEY where it is granted, which identifies the platform",
  einittokenkey: "may have EINITTOKENKEY, with which it can write launch tokens",
};

/** What it allows, whoever asks: also what no event of the log has asked for. */
function allowsText({ path, subject, isvsvn }: Part): string {
  const [list, name = "", third, fourth] = path;
  const flag = path.at(-1) ?? "";
  switch (list) {
    case "include":
      return `all that the shipped fragment ${name} lists`;
    case "signers":
      if (path.length === 2) return "every enclave of this signer, of any product and version";
      if (path.length === 3) return `every enclave that this listing admits ${FLAG_WORDS[flag] ?? flag}`;
      if (path.length === 4 && third === "products")
        return `every enclave that this signer signs as product ${fourth} with ISVSVN ${isvsvn ?? 0} or higher`;
      return `enclaves of ${third === "isvfamilyids" ? "this family id" : "this extended product id"}, as far as the listing admits them`;
    case "mrenclaves":
      return path.length === 2
        ? `this measurement alone, signed by ${subject?.mrsigner ?? "anybody"} with ISVSVN ${isvsvn ?? 0} or higher`
        : `this measurement ${FLAG_WORDS[flag] ?? flag}`;
    case "lepubkeyhashes":
      return "guests may use every launch token of the launch enclaves of this signer";
    case "origins":
    case "vms":
      if (flag === "epc") return "this VM may have enclave memory";
      if (flag === "provisionkey") return "this VM may give PROVISIONKEY to every enclave in it";
      return `this ${third === "mrsigners" ? "signer" : "measurement"} may launch there, as far as it is admitted at all`;
    default:
      throw new Error(`nothing is proposed in ${list}`);
  }
}
