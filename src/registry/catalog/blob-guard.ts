/**
 * Keeps the collector away from what pushes need. A blob is safe while it is held, and for the grace period after it was
 * last looked at, uploaded, mounted or referred to; whoever wants a blob waits for a removal that has already begun.
 */
import type { Digest } from "../../model/image.ts";

/** That somebody was told of a blob, and when (milliseconds since 1970). */
interface Sight {
  at: number;
  before: Sight | undefined;
}

export class BlobGuard {
  private readonly holds = new Map<Digest, number>();
  private readonly seen = new Map<Digest, Sight>();
  private readonly removals = new Map<Digest, Promise<void>>();
  /** What clients saw before this process began is not known: they may have seen anything just then. */
  private readonly startedAt: number;

  constructor(private readonly now: () => number = Date.now) {
    this.startedAt = now();
  }

  /** Remembers that a client is told of the blob; waits for its removal when that has begun. */
  async touch(digest: Digest): Promise<Sight> {
    await this.settled(digest);
    const before = this.seen.get(digest);
    const sight = { at: this.now(), before: before && { at: before.at, before: undefined } };
    this.seen.set(digest, sight);
    return sight;
  }

  /** Takes a touch back: the blob was not there. Else any made-up digest would take memory. */
  retract(digest: Digest, sight: Sight): void {
    if (this.seen.get(digest) !== sight) return;
    if (sight.before === undefined) this.seen.delete(digest);
    else this.seen.set(digest, sight.before);
  }

  /** Nothing of this is removed until disposed. */
  async hold(digests: Iterable<Digest>): Promise<Disposable> {
    const held = [...new Set(digests)];
    for (const digest of held) this.holds.set(digest, (this.holds.get(digest) ?? 0) + 1);
    for (const digest of held) await this.settled(digest);
    return {
      [Symbol.dispose]: () => {
        for (const digest of held) {
          this.seen.set(digest, { at: this.now(), before: undefined });
          const others = this.holds.get(digest)! - 1;
          if (others === 0) this.holds.delete(digest);
          else this.holds.set(digest, others);
        }
      },
    };
  }

  /** Milliseconds since 1970. */
  lastUse(digest: Digest): number {
    return this.seen.get(digest)?.at ?? this.startedAt;
  }

  isSafe(digest: Digest, cutoff: number): boolean {
    return this.holds.has(digest) || this.lastUse(digest) >= cutoff;
  }

  /** Runs `remove` unless the blob is held or was seen at or after `cutoff`. @returns true when it ran */
  async removeUnused(digest: Digest, cutoff: number, remove: () => Promise<void>): Promise<boolean> {
    // Another removal of the same blob: its link in another repository.
    if (this.removals.has(digest)) await this.settled(digest);
    if (this.isSafe(digest, cutoff)) return false;
    const removal = remove();
    this.removals.set(
      digest,
      removal.catch(() => {}),
    );
    try {
      await removal;
    } finally {
      this.removals.delete(digest);
    }
    return true;
  }

  /** Forgets what was seen before `cutoff`; such entries protect nothing any more. */
  forgetBefore(cutoff: number): void {
    if (cutoff <= this.startedAt) return;
    for (const [digest, { at }] of this.seen) if (at < cutoff) this.seen.delete(digest);
  }

  private async settled(digest: Digest): Promise<void> {
    for (let removal = this.removals.get(digest); removal !== undefined; removal = this.removals.get(digest)) {
      await removal;
    }
  }
}
