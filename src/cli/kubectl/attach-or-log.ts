/** Staying with a container: attached to it while it runs, else by its log. What `run` and `debug` have in common. */

import { CliError } from "../cli-error.ts";
import { attachToPod } from "./attach-pod.ts";
import type { KubectlContext } from "./declaration.ts";
import type { PodLike } from "./pod-of.ts";
import { pathOf } from "./resource-types.ts";

export interface SeenPod extends PodLike {
  status?: PodLike["status"] & {
    reason?: string;
    containerStatuses?: {
      name: string;
      ready: boolean;
      state?: { terminated?: { exitCode: number; reason?: string; message?: string } };
    }[];
  };
}

/** Attaches; where that fails, or when the container has ended already, its log is printed. */
export async function attachOrLog(
  context: KubectlContext,
  pod: PodLike,
  container: string,
  hasEnded: boolean,
  flags: { readonly quiet: boolean; readonly stdin: boolean; readonly tty: boolean },
): Promise<void> {
  if (hasEnded) {
    await printLog(context, pod, container);
    return;
  }
  // Attaching shows only what comes from now on.
  const shown = await printLog(context, pod, container, { follow: false });
  try {
    let isSilent = true;
    await attachToPod(context, pod, container, flags, () => {
      isSilent = false;
    });
    // A short life may lie between the log and the attachment.
    if (isSilent) await printLog(context, pod, container, { skip: shown, follow: false });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const why = error.message.replace(/^error: /, "");
    context.printError(
      `warning: couldn't attach to pod/${pod.metadata.name}, falling back to streaming logs: ${why}\n`,
    );
    await printLog(context, pod, container, { skip: shown });
  }
}

/** @throws CliError when the time is over, or the pod is gone */
export async function untilPod(
  context: KubectlContext,
  namespace: string,
  name: string,
  limitMs: number,
  wanted: (pod: SeenPod) => boolean,
): Promise<SeenPod> {
  const api = await context.api();
  const path = pathOf((await context.types()).ofKind("v1", "Pod"), namespace);
  const signal = AbortSignal.timeout(limitMs);
  const query = { fieldSelector: `metadata.name=${name}` };
  try {
    for (;;) {
      const seen = await api.get<{ items?: SeenPod[]; metadata?: { resourceVersion?: string } }>(path, {
        query,
        signal,
      });
      const found = seen.items?.[0];
      if (found === undefined)
        throw new CliError(`Error from server (NotFound): pods ${JSON.stringify(name)} not found`);
      if (wanted(found)) return found;
      const watched = { ...query, watch: true, resourceVersion: seen.metadata?.resourceVersion };
      for await (const { type, object } of api.lines<{ type: string; object: SeenPod }>(path, {
        query: watched,
        signal,
      })) {
        if (type === "DELETED" || type === "ERROR") break;
        if (type !== "BOOKMARK" && wanted(object)) return object;
      }
    }
  } catch (error) {
    if (signal.aborted) throw new CliError("error: timed out waiting for the condition");
    throw error;
  }
}

/** Resolves to how many bytes there were. @param how `skip`: bytes at the beginning that have been printed before */
async function printLog(
  context: KubectlContext,
  pod: PodLike,
  container: string,
  { follow = true, skip = 0 }: { follow?: boolean; skip?: number } = {},
): Promise<number> {
  const api = await context.api();
  const { name, namespace } = pod.metadata;
  const path = pathOf((await context.types()).ofKind("v1", "Pod"), namespace, name, "log");
  const response = await api.send("GET", path, { query: { container, follow }, accept: "*/*" });
  const { writeOut } = await import("../output.ts");
  let seen = 0;
  for await (const chunk of response.body ?? []) {
    const unseen = chunk.subarray(Math.max(0, skip - seen));
    seen += chunk.length;
    if (unseen.length > 0) writeOut(unseen);
  }
  return seen;
}
