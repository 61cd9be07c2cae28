/** One container's output, fanned out to everybody attached to it. */
import type { ContainerProcess, OutputChunk, Subscription } from "../runtime/contract.ts";

export interface OutputSink {
  /** A pending promise slows the process down. */
  take(chunk: OutputChunk): void | Promise<void>;
  /** The process has ended, its exit code is known, and everything it wrote was taken. */
  end(): void;
}

export class OutputHub {
  readonly #sinks = new Set<OutputSink>();
  #process: ContainerProcess | undefined;
  /** "start": chunks come through the start request's hook; else a subscription of our own, made for the first sink. */
  #source: "start" | Subscription | undefined;

  /** Hooks for the start request when somebody is attached already. */
  hooksForStart(): { onChunk: (chunk: OutputChunk) => void | Promise<void>; onEnd: () => void } | undefined {
    if (this.#sinks.size === 0) return undefined;
    this.#source = "start";
    return { onChunk: (chunk) => this.#deliver(chunk), onEnd: () => this.#leave() };
  }

  /** The process runs from here on. */
  connect(process: ContainerProcess): void {
    this.#process = process;
    if (this.#sinks.size > 0) this.#subscribe();
  }

  /**
   * The start failed, or the process has ended. Not its end of output ends the sinks: clients ask for the exit code once
   * their stream has ended, and it must be known then.
   */
  disconnect(): void {
    this.#leave();
    const sinks = [...this.#sinks];
    this.#sinks.clear();
    for (const sink of sinks) sink.end();
  }

  /** Adds a sink; the returned function takes it away again. */
  add(sink: OutputSink): () => void {
    this.#sinks.add(sink);
    if (this.#process !== undefined) this.#subscribe();
    return () => {
      this.#sinks.delete(sink);
      if (this.#sinks.size > 0 || typeof this.#source !== "object") return;
      this.#source.cancel();
      this.#source = undefined;
    };
  }

  #subscribe(): void {
    if (this.#source !== undefined) return;
    this.#source = this.#process?.subscribe(
      (chunk) => this.#deliver(chunk),
      () => this.#leave(),
    );
  }

  #deliver(chunk: OutputChunk): void | Promise<void> {
    const pending: Promise<void>[] = [];
    for (const sink of this.#sinks) {
      const taken = sink.take(chunk);
      if (taken instanceof Promise) pending.push(taken);
    }
    if (pending.length > 0) return Promise.all(pending).then(() => {});
  }

  #leave(): void {
    if (typeof this.#source === "object") this.#source.cancel();
    this.#source = undefined;
    this.#process = undefined;
  }
}
