/** A build's events on their way to the client: gathered for a moment, so that a busy build sends fewer messages. */
import type { BuildChannels } from "../../lib/build-channels.ts";
import { errorText } from "../../lib/errors.ts";
import type { BuildEvent, BuildStep } from "../../model/build.ts";
import type { ToClient, WireEvent } from "../../model/build-exchange.ts";
import { nowMs } from "../solver/build-run.ts";
import { digestOf } from "../solver/cache-key.ts";

/** What may wait for a client that does not read; what a step prints beyond that is dropped. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

export class EventSender {
  private waiting: WireEvent[] = [];
  private isScheduled = false;
  private dropped = false;
  private readonly decoder = new TextDecoder("utf-8", { fatal: true });

  constructor(
    private readonly channels: BuildChannels,
    /** False for builds that want nothing from the cache: nobody asks why it missed. */
    private readonly tellsMisses: boolean,
  ) {}

  take(event: BuildEvent): void {
    if (event.type === "log" && this.channels.pendingBytes > MAX_PENDING_BYTES) {
      if (!this.dropped) this.push({ ...event, text: "[output clipped: the client reads too slowly]\n" } as WireEvent);
      this.dropped = true;
      return;
    }
    if (event.type === "log") this.push(this.wireLog(event));
    else if (event.type === "step" && !this.tellsMisses) {
      const { missReason: _reason, ...step } = event.step;
      this.push({ type: "step", step });
    } else this.push(event);
  }

  flush(): void {
    this.isScheduled = false;
    if (this.waiting.length === 0) return;
    this.channels.send({ type: "events", list: this.waiting } satisfies ToClient);
    this.waiting = [];
  }

  /** A step that brings one file, which came with the wish. `transfer` is what clients call it. */
  tellFile(name: string, transfer: string, bytes: number): void {
    const step = ownStep(name);
    const at = nowMs();
    const times = { startedAt: at, completedAt: at };
    this.push({ type: "step", step: { ...step, startedAt: at } });
    const facts = { id: `transferring ${transfer}:`, name: "transferring", current: bytes, total: 0 };
    this.push({ type: "progress", step: step.digest, ...facts, ...times });
    this.push({ type: "step", step: { ...step, ...times } });
  }

  /** Runs what clients see as a step of its own; `tell` adds to its output. */
  async showing<Result>(name: string, work: (tell: (text: string) => void) => Promise<Result>): Promise<Result> {
    const step = { ...ownStep(name), startedAt: nowMs() };
    this.push({ type: "step", step });
    const tell = (text: string) => this.push({ type: "log", step: step.digest, stream: "stderr", text, at: nowMs() });
    try {
      const result = await work(tell);
      this.push({ type: "step", step: { ...step, completedAt: nowMs() } });
      return result;
    } catch (error) {
      this.push({ type: "step", step: { ...step, completedAt: nowMs(), error: errorText(error) } });
      throw error;
    }
  }

  private push(event: WireEvent): void {
    this.waiting.push(event);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.flush());
  }

  /** Text where it is UTF-8, since that travels without growing. */
  private wireLog({ data, ...log }: Extract<BuildEvent, { type: "log" }>): WireEvent {
    try {
      return { ...log, text: this.decoder.decode(data) };
    } catch {
      return { ...log, base64: Buffer.from(data).toString("base64") };
    }
  }
}

function ownStep(name: string): BuildStep {
  return { digest: digestOf("command", name), name, inputs: [], cached: false };
}
