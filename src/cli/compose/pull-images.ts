import type { OnProgress, PullLine } from "../../compose/contract.ts";
import { errorText } from "../../lib/errors.ts";
import { Slots } from "../../lib/slots.ts";
import { CliError } from "../cli-error.ts";
import type { HttpEngine } from "./http-engine.ts";

/** An image that a service wants. */
export interface WantedImage {
  service: string;
  image: string;
  platform: string;
  /** Others go on when it cannot be had. */
  isOptional?: boolean;
}
interface PullPlan {
  onProgress: OnProgress;
  /** How many at once; 0 for no limit. */
  limit: number;
  signal?: AbortSignal;
}

/**
 * Pulls images beside each other, each once. A failure ends the others and is thrown (CliError), unless the image is optional;
 * resolves to the services whose image could not be had.
 */
export async function pullImages(
  engine: HttpEngine,
  wanted: readonly WantedImage[],
  plan: PullPlan,
): Promise<string[]> {
  const { onProgress } = plan;
  const slots = new Slots(() => plan.limit);
  const stop = new AbortController();
  const signal = plan.signal ? AbortSignal.any([plan.signal, stop.signal]) : stop.signal;
  const failed: string[] = [];
  let failure: unknown;
  const pull = async ({ service, image, platform, isOptional }: WantedImage): Promise<void> => {
    const release = await slots.take(signal);
    onProgress({ id: service, state: "working", text: "Pulling" });
    try {
      const tell = (line: PullLine) => tellLayer(onProgress, service, line);
      await engine.pullImage(image, { platform, signal, onProgress: tell });
      onProgress({ id: service, state: "done", text: "Pulled" });
    } catch (error) {
      if (signal.aborted) return onProgress({ id: service, state: "warning", text: "Interrupted" });
      onProgress({ id: service, state: "error", text: `Error ${reasonOf(error)}` });
      failed.push(service);
      if (isOptional) return;
      failure ??= error;
      stop.abort();
    } finally {
      release();
    }
  };
  const firsts = new Map<string, string>();
  const works = wanted.map(async (each) => {
    const key = `${each.image} ${each.platform}`;
    const first = firsts.get(key);
    if (first !== undefined) {
      onProgress({ id: each.service, state: "done", text: `Skipped - Image is already being pulled by ${first}` });
      return;
    }
    firsts.set(key, each.service);
    await pull(each);
  });
  await Promise.allSettled(works);
  plan.signal?.throwIfAborted();
  if (failure !== undefined) throw failure instanceof CliError ? failure : new CliError(errorText(failure));
  return failed;
}

/** Without what every error of the daemon begins with. */
export function reasonOf(error: unknown): string {
  return errorText(error).replace(/^Error response from daemon: /, "");
}

/** Layers end with one of these. */
const ENDS = ["Pull complete", "Already exists"];

function tellLayer(onProgress: OnProgress, service: string, { id, status = "", progressDetail }: PullLine): void {
  // What has no id is about the image itself: its digest, and that it is there.
  if (!id || status.startsWith("Pulling from")) return;
  const isDone = ENDS.includes(status);
  onProgress({ id, parent: service, state: isDone ? "done" : "working", text: status, ...progressDetail });
}
