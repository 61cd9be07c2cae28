import { jsonLines } from "../lib/json-lines.ts";
import type { ContainerStats } from "../model/system.ts";
import type { ApiClient } from "./client.ts";
import { objectPath } from "./object-path.ts";
import { missingSample, type StatsSample, statsSample } from "./rows/stats-row.ts";

/** The latest figures of the containers that `stats` watches, in the order in which they came. */
export class StatsBoard {
  private readonly latest = new Map<string, StatsSample>();
  private wake = Promise.withResolvers<void>();

  get isEmpty(): boolean {
    return this.latest.size === 0;
  }

  samples(): StatsSample[] {
    return [...this.latest.values()];
  }

  add(name: string): void {
    if (!this.latest.has(name)) this.latest.set(name, missingSample(name));
  }

  remove(name: string): void {
    this.latest.delete(name);
    this.wake.resolve();
  }

  update(name: string, stats: ContainerStats): void {
    if (!this.latest.has(name)) return;
    this.latest.set(name, statsSample(name, stats));
    this.wake.resolve();
  }

  /** Waits until figures came since the last call, but at least `leastMs`, so that a screen is not drawn too often. */
  async changed(signal: AbortSignal, leastMs: number): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.wake.promise, aborted, Bun.sleep(2 * leastMs)]);
    this.wake = Promise.withResolvers();
    await Promise.race([Bun.sleep(leastMs), aborted]);
  }

  /** Takes in the figures of one container until it is removed or `signal` fires. */
  async follow(client: ApiClient, name: string, signal: AbortSignal): Promise<void> {
    try {
      const path = `${objectPath("container", name)}/stats`;
      const answer = await client.send("GET", path, { query: { stream: "1" }, signal });
      for await (const stats of jsonLines<ContainerStats>(answer.chunks())) this.update(name, stats);
    } catch {
      // the container is gone, or the user has left
    }
    this.remove(name);
  }

  /** Starts and ends with the containers themselves: `start` is called for each that appears. */
  async followEvents(
    client: ApiClient,
    withStopped: boolean,
    start: (id: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const appear = withStopped ? "create" : "start";
    const vanish = withStopped ? "destroy" : "die";
    const filters = { type: ["container"], event: [appear, vanish] };
    try {
      const answer = await client.send("GET", "/events", { query: { filters }, signal });
      for await (const { Action, Actor } of jsonLines<{ Action: string; Actor: { ID: string } }>(answer.chunks())) {
        if (Action === appear) void start(Actor.ID);
        else this.remove(Actor.ID);
      }
    } catch {
      // the daemon has gone: what is on the screen stays until the user leaves
    }
  }
}
