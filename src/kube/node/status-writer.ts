/** Brings a pod's status to the API: the newest only, one write at a time, none when nothing is new. */

import { errorText } from "../../lib/errors.ts";
import type { Pod, PodStatus } from "../../model/kubernetes/core.ts";
import { PODS } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { sameJson } from "../machinery/copy.ts";
import { isStatus } from "../status.ts";
import type { NodeContext } from "./node-context.ts";

const RETRY_MS = 1000;

export class StatusWriter {
  readonly #context: NodeContext;
  #pod: Stored<Pod>;
  #wanted: PodStatus | undefined;
  #writing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  isStopped = false;

  constructor(context: NodeContext, pod: Stored<Pod>) {
    this.#context = context;
    this.#pod = pod;
  }

  noteObject(pod: Stored<Pod>): void {
    this.#pod = pod;
  }

  /** Within `delayMs`; what is wanted meanwhile takes its place. */
  write(status: PodStatus, delayMs: number): void {
    if (this.isStopped) return;
    this.#wanted = status;
    if (this.#writing !== undefined) return;
    clearTimeout(this.#timer);
    if (delayMs > 0) this.#timer = setTimeout(() => this.#begin(), delayMs);
    else this.#begin();
  }

  /** Resolves when what was wanted so far is written, or cannot be. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#wanted !== undefined) this.#begin();
    await this.#writing;
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.#timer);
  }

  /** The node is done with the pod: the API may forget it. */
  async remove(): Promise<void> {
    if (this.isStopped) return;
    this.stop();
    const { namespace, name, uid } = this.#pod.metadata;
    try {
      await this.#context.client
        .resource(PODS)
        .delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isStatus(error, "NotFound", "Conflict")) throw error;
    }
  }

  #begin(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#wanted !== undefined && !this.isStopped) {
      const status = this.#wanted;
      this.#wanted = undefined;
      try {
        await this.#writeOne(status);
      } catch (error) {
        if (isStatus(error, "NotFound")) return;
        if (isStatus(error, "Conflict")) {
          this.#wanted ??= status;
          // Somebody else wrote in between: with the object as it is now.
          const { namespace, name, uid } = this.#pod.metadata;
          const newest = this.#context.client.informer(PODS).get(namespace, name);
          if (newest === undefined || newest.metadata.uid !== uid) return;
          this.#pod = newest;
          continue;
        }
        this.#context.log.warn(`the status of pod ${this.#pod.metadata.name} was not written: ${errorText(error)}`);
        this.#wanted ??= status;
        this.#timer = setTimeout(() => this.#begin(), RETRY_MS);
        return;
      }
    }
  }

  async #writeOne(status: PodStatus): Promise<void> {
    if (sameJson(this.#pod.status, status)) return;
    const { client } = this.#context;
    const { namespace, name, uid } = this.#pod.metadata;
    const newest = client.informer(PODS).get(namespace, name);
    if (newest !== undefined && newest.metadata.uid === uid) this.#pod = newest;
    this.#pod = await client.resource(PODS).updateStatus({ ...this.#pod, status });
  }
}
