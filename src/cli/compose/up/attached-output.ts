import type { OutputChunk } from "../../../compose/contract.ts";
import type { LiveContainer } from "../../../compose/run/run-context.ts";
import type { ProjectModel } from "../../../compose/service-model.ts";
import { errorText } from "../../../lib/errors.ts";
import type { HttpEngine } from "../http-engine.ts";
import { LogLines, lineName } from "../log-lines.ts";
import type { UpFlags } from "../up-command.ts";

interface OutputParts {
  engine: HttpEngine;
  model: ProjectModel;
  flags: UpFlags;
  /** Those that were named. */
  services: readonly string[];
  hasColors: boolean;
  /** Ends all reading. */
  signal: AbortSignal;
  write(stream: 1 | 2, text: string): void;
}

/** What the containers of `up` write, shown as it comes. */
export class AttachedOutput {
  private readonly lines: LogLines;
  private readonly readers = new Map<string, Promise<void>>();
  /** Containers whose present run is read. */
  private readonly followed = new Set<string>();
  /** When each container ended last, as the engine's log takes it. */
  private readonly deaths = new Map<string, string>();

  constructor(private readonly parts: OutputParts) {
    const { flags, hasColors, write } = parts;
    this.lines = new LogLines({ hasPrefix: !flags["no-log-prefix"] && !flags["no-prefix"], hasColors, write });
  }

  /** Whose output is shown. */
  isShown(service: string): boolean {
    const { flags, services, model } = this.parts;
    if (flags["no-attach"].includes(service) || model.services[service]?.attach === false) return false;
    if (flags.attach.length > 0) return flags.attach.includes(service);
    return services.length === 0 || flags["attach-dependencies"] || services.includes(service);
  }

  nameOf(container: string): string {
    return lineName(container, this.parts.model.name);
  }

  /** What lifecycle hooks write. */
  takeHook(container: string, chunk: OutputChunk): void {
    this.lines.take(this.nameOf(container), chunk);
  }

  /** Shows a container from now on. */
  async attach(container: LiveContainer): Promise<void> {
    const { engine, signal } = this.parts;
    if (!this.isShown(container.service) || this.readers.has(container.id)) return;
    const output = await engine.attach(container.id, { tty: this.hasTerminal(container), signal });
    this.lines.add(this.nameOf(container.name));
    // Shown at once, so that nothing waits for the rest of the project.
    this.read(container, output);
  }

  /** A container was started; those that this command starts are read before their start. */
  async followStart(container: LiveContainer): Promise<void> {
    const { engine, signal } = this.parts;
    if (!this.isShown(container.service) || this.followed.has(container.id)) return;
    // The old stream may still be ending.
    await this.readers.get(container.id);
    // From its last end on: it may write before its start is told.
    const since = this.deaths.get(container.id);
    const named = { ...container, name: container.name.replace(/^[0-9a-f]{12}_/, "") };
    this.read(named, engine.logs(container.id, { tty: this.hasTerminal(container), follow: true, since, signal }));
  }

  /** A container's run ended, at a time in nanoseconds. */
  noteDeath(id: string, nanoseconds: bigint): void {
    this.followed.delete(id);
    this.deaths.set(id, secondsText(nanoseconds));
  }

  /** Once all that a container wrote is shown. */
  async settled(id: string): Promise<void> {
    await this.readers.get(id);
  }

  /** Once all reading has ended. */
  async end(): Promise<void> {
    await Promise.allSettled(this.readers.values());
  }

  private hasTerminal({ service }: LiveContainer): boolean {
    return this.parts.model.services[service]?.tty ?? false;
  }

  private read(container: LiveContainer, output: AsyncIterable<OutputChunk>): void {
    const { signal, write } = this.parts;
    const name = this.nameOf(container.name);
    this.followed.add(container.id);
    const reading = async () => {
      try {
        for await (const chunk of output) this.take(name, chunk);
      } catch (error) {
        if (!signal.aborted) write(2, `${name}: ${errorText(error)}\n`);
      }
      this.lines.end(name);
      this.readers.delete(container.id);
    };
    this.readers.set(container.id, reading());
  }

  private take(name: string, chunk: OutputChunk): void {
    if (!this.parts.flags.timestamps) {
      this.lines.take(name, chunk);
      return;
    }
    const time = new Date().toISOString();
    const lines = new TextDecoder().decode(chunk.bytes).replace(/\n$/, "").split("\n");
    this.lines.print(
      name,
      chunk.stream,
      lines.map((line) => `${time} ${line}`),
    );
  }
}

/** Nanoseconds as seconds with a fraction. */
function secondsText(nanoseconds: bigint): string {
  return `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}`;
}
