/** The part of BuildKit's Control service that `buildx history` uses. */
import type { GrpcCall, GrpcMethods } from "../grpc/grpc-server.ts";
import type { BuildHistory, HistoryEvent } from "./build-history.ts";
import type { BuildJobs } from "./build-jobs.ts";
import { historyEvent, historyRequest, updateHistoryRequest } from "./messages.ts";
import { oneMessage } from "./one-message.ts";

const SERVICE = "/moby.buildkit.v1.Control";
const EMPTY = new Uint8Array(0);

export function historyMethods(history: BuildHistory, jobs: BuildJobs): GrpcMethods {
  return {
    [`${SERVICE}/ListenBuildHistory`]: (call) => listen(call, history),
    [`${SERVICE}/UpdateBuildHistory`]: async (call) => {
      const request = updateHistoryRequest.decode(await oneMessage(call));
      if (request.Delete) {
        await history.remove(request.Ref);
        jobs.forget(request.Ref);
      } else if (request.Finalize) await history.finalize(request.Ref);
      else await history.pin(request.Ref, request.Pinned);
      await call.send(EMPTY);
    },
  };
}

/** What there is (filters are applied by clients, too, and left to them); unless the client wants no more, then what changes until it leaves. */
async function listen(call: GrpcCall, history: BuildHistory): Promise<void> {
  const { ActiveOnly, Ref, EarlyExit, Limit } = historyRequest.decode(await oneMessage(call));
  const waiting: HistoryEvent[] = [];
  let wake = () => {};
  const stop = history.listen((event) => {
    if (Ref !== "" && event.record.Ref !== Ref) return;
    waiting.push(event);
    wake();
  });
  call.signal.addEventListener("abort", () => wake(), { once: true });
  try {
    const known = history
      .list()
      .filter(({ record }) => (Ref === "" || record.Ref === Ref) && (!ActiveOnly || record.CompletedAt === undefined));
    for (const event of Limit > 0 ? known.slice(0, Limit) : known) await call.send(historyEvent.encode(event));
    while (!EarlyExit && !call.signal.aborted) {
      for (const event of waiting.splice(0)) await call.send(historyEvent.encode(event));
      if (waiting.length === 0 && !call.signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stop();
  }
}
