/**
 * The loop that every controller has: something changes, the key of the object that it matters to is queued, a worker looks at
 * the whole object and brings the world one step nearer to what it says.
 */

import { errorText } from "../../lib/errors.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { ClusterClient, ClusterPart, Informer } from "../contract.ts";
import { createEventRecorder, type EventRecorder } from "../machinery/event-recorder.ts";
import { WorkQueue } from "../machinery/work-queue.ts";
import { isStatus } from "../status.ts";

/** What every controller is handed. */
export interface ControllerTools {
  client: ClusterClient;
  /** Unix milliseconds. */
  now(): number;
  /** Told of what failed and is tried again. */
  log(message: string): void;
}

/** The object that a key names. */
interface ObjectKey {
  namespace: string | undefined;
  name: string;
}

/** Queues the object; with `afterMs`, in so many milliseconds. */
export type Enqueue = (object: { metadata: { namespace?: string; name?: string } }, afterMs?: number) => void;

export interface Controller {
  name: string;
  workers: number;
  /** Subscribes to what matters. Returns the ends of the subscriptions. */
  watch(enqueue: Enqueue): (() => void)[];
  /** Informers that must have their first state before the first look. */
  informers: readonly Informer<KubeObject>[];
  /**
   * One look at one object.
   * @returns milliseconds until it must be looked at again although nothing changes; undefined: never
   */
  sync(key: ObjectKey): Promise<number | undefined>;
}

export function keyOf(object: { metadata: { namespace?: string; name?: string } }): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

function parseKey(key: string): ObjectKey {
  const slash = key.indexOf("/");
  const namespace = key.slice(0, slash);
  return { namespace: namespace === "" ? undefined : namespace, name: key.slice(slash + 1) };
}

/** A part of the cluster that runs this controller. `make` is called at each start, so that a restarted one begins anew. */
export function controlLoop(
  name: string,
  tools: ControllerTools,
  make: (tools: ControllerTools & { events: EventRecorder }) => Controller,
): ClusterPart {
  return {
    name,
    async run(signal) {
      const client = tools.client.as(name);
      const controller = make({ ...tools, client, events: createEventRecorder(client, name) });
      await runController(controller, tools, signal);
    },
  };
}

async function runController(controller: Controller, tools: ControllerTools, signal: AbortSignal): Promise<void> {
  const queue = new WorkQueue();
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const ends = controller.watch((object, afterMs) =>
    afterMs === undefined ? queue.add(keyOf(object)) : queue.addAfter(keyOf(object), afterMs),
  );
  try {
    await Promise.race([stopped, Promise.all(controller.informers.map((informer) => informer.synced))]);
    const workers = Array.from({ length: controller.workers }, () => work(controller, queue, tools));
    await stopped;
    queue.close();
    await Promise.all(workers);
  } finally {
    queue.close();
    for (const end of ends) end();
  }
}

async function work(controller: Controller, queue: WorkQueue, tools: ControllerTools): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    try {
      const again = await controller.sync(parseKey(key));
      queue.forget(key);
      if (again !== undefined) queue.addAfter(key, again);
    } catch (error) {
      // Somebody else wrote in between, or the namespace is on its way out: looked at again with what is there then.
      if (!isStatus(error, "Conflict", "NotFound", "AlreadyExists")) {
        tools.log(`${controller.name}: ${key}: ${errorText(error)}`);
      }
      queue.addAfterFailure(key);
    } finally {
      queue.done(key);
    }
  }
}

/** True when the API says so because the namespace is being deleted: nothing more can be made in it. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    isStatus(error, "Forbidden") &&
    (error.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating") ?? false)
  );
}
