/** Forgets objects of kinds that live for a limited time after their last write (events). */

import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ClusterPart } from "../contract.ts";
import { commitRemoval } from "./commit-object.ts";
import type { Core } from "./core.ts";
import type { ResourceDefinition } from "./definition.ts";

/** Objects that are removed at once. */
const BATCH = 100;

export function createExpiry(core: Core): ClusterPart {
  return {
    name: "expiry",
    async run(signal) {
      const limited = core.registry.all().filter((definition) => definition.lifetimeSeconds !== undefined);
      await Promise.all(limited.map((definition) => new KindExpiry(core, definition).run(signal)));
    },
  };
}

const keyOf = ({ metadata }: Stored<KubeObject>) => `${metadata.namespace ?? ""}/${metadata.name}`;

class KindExpiry {
  /** When each object ends (Unix milliseconds), the one that was written first in front. */
  private readonly ends = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failed: (error: unknown) => void = () => {};

  constructor(
    private readonly core: Core,
    private readonly definition: ResourceDefinition,
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    const cache = this.core.state.kind(this.definition.type);
    let loading = true;
    const present: Stored<KubeObject>[] = [];
    const end = cache.subscribe({
      added: (object) => (loading ? void present.push(object) : this.note(object, this.core.now())),
      updated: (_, object) => this.note(object, this.core.now()),
      deleted: (object) => void this.ends.delete(keyOf(object)),
    });
    loading = false;
    const created = (object: Stored<KubeObject>) => Date.parse(object.metadata.creationTimestamp);
    for (const object of present.sort((a, b) => created(a) - created(b))) this.note(object, created(object));
    try {
      await new Promise<void>((resolve, reject) => {
        this.failed = reject;
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve());
      });
    } finally {
      end();
      clearTimeout(this.timer);
    }
  }

  private note(object: Stored<KubeObject>, written: number): void {
    const key = keyOf(object);
    this.ends.delete(key);
    this.ends.set(key, written + this.definition.lifetimeSeconds! * 1000);
    if (this.timer === undefined) this.wait();
  }

  private wait(): void {
    const first = this.ends.values().next();
    this.timer = undefined;
    if (first.done) return;
    const ms = Math.max(0, first.value - this.core.now());
    this.timer = setTimeout(() => void this.removeEnded().catch(this.failed), Math.min(ms, 2 ** 31 - 1));
    this.timer.unref();
  }

  private async removeEnded(): Promise<void> {
    const now = this.core.now();
    const cache = this.core.state.kind(this.definition.type);
    const ended: Stored<KubeObject>[] = [];
    for (const [key, end] of this.ends) {
      if (end > now || ended.length === BATCH) break;
      const slash = key.indexOf("/");
      const object = cache.get(key.slice(0, slash), key.slice(slash + 1));
      if (object === undefined) this.ends.delete(key);
      else ended.push(object);
    }
    await Promise.all(ended.map((object) => commitRemoval(this.core, this.definition.type, object)));
    this.wait();
  }
}
