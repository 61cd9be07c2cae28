/** Forgets the store's old history, so that it does not grow without end. */

import type { ClusterPart } from "../contract.ts";
import type { ClusterState } from "./cluster-state.ts";

/** A list that is read page by page, or a watch that comes back, may be so old. */
const KEEP_MS = 5 * 60_000;

/** Every five minutes forgets what was replaced or deleted more than five minutes before. */
export function createCompaction(state: ClusterState, everyMs = KEEP_MS): ClusterPart {
  return {
    name: "compaction",
    async run(signal) {
      let before = state.revision;
      let compacted = 0;
      while (await waited(everyMs, signal)) {
        if (before > compacted) await state.store.compact(before);
        compacted = before;
        before = state.revision;
      }
    },
  };
}

/** False: the signal came first. */
async function waited(ms: number, signal: AbortSignal): Promise<boolean> {
  return await new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const timer = setTimeout(() => end(true), ms);
    const onAbort = () => end(false);
    signal.addEventListener("abort", onAbort);
    function end(inTime: boolean) {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(inTime);
    }
  });
}
