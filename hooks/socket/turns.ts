/**
 * Turns: what waits gets some of its work done, one peer after the other, and of one peer's connections one after the other.
 * However much one peer has waiting, another waits for one turn of each peer and no more.
 */
export class Turns<Item> {
  /** In the order of their turns. */
  readonly #peers = new Map<unknown, Item[]>();

  get size(): number {
    return this.#peers.size;
  }

  /** Whether this peer has something waiting, which what comes now must not overtake. */
  has(peer: unknown): boolean {
    return this.#peers.has(peer);
  }

  add(peer: unknown, item: Item): void {
    const items = this.#peers.get(peer);
    if (items === undefined) this.#peers.set(peer, [item]);
    else if (!items.includes(item)) items.push(item);
  }

  remove(peer: unknown, item: Item): void {
    const items = this.#peers.get(peer)?.filter((other) => other !== item) ?? [];
    if (items.length === 0) this.#peers.delete(peer);
    else this.#peers.set(peer, items);
  }

  /** One turn for each peer that waits now; `work` says whether its item has more to do, and must not throw. */
  round(work: (item: Item) => boolean): void {
    for (const peer of [...this.#peers.keys()]) {
      const items = this.#peers.get(peer);
      const item = items?.shift();
      // Behind those who came meanwhile: whoever has had a turn is last.
      this.#peers.delete(peer);
      if (items !== undefined && items.length > 0) this.#peers.set(peer, items);
      if (item !== undefined && work(item)) this.add(peer, item);
    }
  }
}
