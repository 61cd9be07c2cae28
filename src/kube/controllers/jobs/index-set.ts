/** Sets of completion indexes, written as "0,2-4,7". */

export class IndexSet {
  readonly #indexes: Set<number>;

  constructor(indexes: Iterable<number> = []) {
    this.#indexes = new Set(indexes);
  }

  /** Numbers that are not below `limit` are left out, as is what cannot be read. */
  static parse(text: string | undefined, limit = Number.POSITIVE_INFINITY): IndexSet {
    const set = new IndexSet();
    for (const part of (text ?? "").split(",")) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
      if (match === null) continue;
      const last = Math.min(Number(match[2] ?? match[1]), limit - 1);
      for (let index = Number(match[1]); index <= last; index++) set.#indexes.add(index);
    }
    return set;
  }

  has(index: number): boolean {
    return this.#indexes.has(index);
  }

  add(index: number): void {
    this.#indexes.add(index);
  }

  get size(): number {
    return this.#indexes.size;
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#indexes.values();
  }

  /** Runs of three or more are shortened, runs of two are not: "0,1,3-5". */
  toString(): string {
    const sorted = [...this.#indexes].sort((a, b) => a - b);
    const parts: string[] = [];
    for (let i = 0; i < sorted.length; ) {
      let end = i;
      while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end++;
      if (end - i >= 2) parts.push(`${sorted[i]}-${sorted[end]}`);
      else parts.push(...sorted.slice(i, end + 1).map(String));
      i = end + 1;
    }
    return parts.join(",");
  }
}
