import type { OutputChunk, ProgressEvent } from "../../compose/contract.ts";
import { LABELS } from "../../compose/labels.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import type { LiveContainer } from "../../compose/run/run-context.ts";
import type { ProjectModel } from "../../compose/service-model.ts";
import { errorText } from "../../lib/errors.ts";
import { CliError } from "../cli-error.ts";
import { type BringUpWishes, bringUp } from "./bring-up.ts";
import type { ComposeContext } from "./declaration.ts";
import { HttpEngine } from "./http-engine.ts";
import { LogLines, lineName } from "./log-lines.ts";
import { openProgressDisplay } from "./progress-display.ts";
import { usesColors } from "./screen.ts";
import { stopProject } from "./stop-project.ts";
import type { UpFlags } from "./up-command.ts";

/** As a shell tells of a command that Ctrl-C ended. */
const INTERRUPTED = 130;

/** `up` in the foreground: brings the project up and shows what it writes, until all has ended or Ctrl-C stops it. */
export async function runAttached(context: ComposeContext, wishes: BringUpWishes, flags: UpFlags): Promise<number> {
  const session = new AttachedUp(context, wishes, flags);
  try {
    return await session.run();
  } finally {
    session.close();
  }
}

class AttachedUp {
  private readonly lines: LogLines;
  private readonly leave = new AbortController();
  /** Aborted by Ctrl-C while the project is brought up. */
  private readonly cancel = new AbortController();
  private readonly readers = new Map<string, Promise<void>>();
  private readonly running = new Map<string, LiveContainer>();
  private readonly ended = Promise.withResolvers<number>();
  /** Containers whose present run is read. */
  private readonly followed = new Set<string>();
  /** When each container ended last, as the engine's log takes it. */
  private readonly deaths = new Map<string, string>();
  private interrupts = 0;
  private isUp = false;
  private isEnding = false;
  private engine!: HttpEngine;
  private model: ProjectModel | undefined;
  private loaded: ComposeProject | undefined;

  constructor(
    private readonly context: ComposeContext,
    private readonly wishes: BringUpWishes,
    private readonly flags: UpFlags,
  ) {
    const hasPrefix = !flags["no-log-prefix"] && !flags["no-prefix"];
    this.lines = new LogLines({ hasPrefix, hasColors: !flags["no-color"] && usesColors(context, 1) });
    process.on("SIGINT", this.interrupt);
    process.on("SIGTERM", this.interrupt);
  }

  async run(): Promise<number> {
    this.engine = new HttpEngine(await this.context.client(), this.context);
    this.model = await this.projectModel();
    const since = (Date.now() / 1000).toFixed(3);
    const watching = this.watchEvents(since);
    watching.catch((error: unknown) => this.ended.reject(error));
    const { live, observed } = await this.bringUp();
    const names = Object.keys(this.model.services);
    for (const container of names.flatMap((service) => live.of(service))) this.running.set(container.id, container);
    await this.attachToOld(new Set(observed.containers.map(({ id }) => id)));
    this.showAttached();
    this.isUp = true;
    if (this.flags.watch) void this.startWatch();
    await this.forgetEnded();
    const code = await this.ended.promise;
    this.leave.abort();
    await Promise.allSettled([...this.readers.values(), watching]);
    return code;
  }

  close(): void {
    process.off("SIGINT", this.interrupt);
    process.off("SIGTERM", this.interrupt);
    this.leave.abort();
  }

  private async projectModel(): Promise<ProjectModel> {
    const { projectModel } = await import("../../compose/service-model.ts");
    this.loaded = await this.context.loadProject({ services: this.wishes.services });
    const model = projectModel(this.loaded);
    for (const flag of ["attach", "no-attach"] as const)
      for (const name of this.flags[flag]) if (!model.services[name]) throw new CliError(`no such service: ${name}`);
    const from = this.flags["exit-code-from"];
    if (from !== "" && !model.services[from]) throw new CliError(`no such service: ${from}`);
    return model;
  }

  private async bringUp() {
    try {
      const beforeStart = (container: LiveContainer) => this.attach(container);
      const wishes = { ...this.wishes, loaded: this.loaded, beforeStart, onHookOutput: this.hookOutput };
      return await bringUp(this.context, wishes, this.cancel.signal);
    } catch (error) {
      if (!this.cancel.signal.aborted) throw error;
      await this.stop();
      throw new CliError("", INTERRUPTED);
    }
  }

  /** Whose output is shown. */
  private isShown(service: string): boolean {
    const { flags, wishes, model } = this;
    if (flags["no-attach"].includes(service) || model?.services[service]?.attach === false) return false;
    if (flags.attach.length > 0) return flags.attach.includes(service);
    return wishes.services.length === 0 || flags["attach-dependencies"] || wishes.services.includes(service);
  }

  private readonly hookOutput = (container: string, chunk: OutputChunk): void =>
    this.lines.take(this.lineName(container), chunk);

  private lineName(container: string): string {
    return lineName(container, this.model!.name);
  }

  private async attach(container: LiveContainer): Promise<void> {
    if (!this.isShown(container.service) || this.readers.has(container.id)) return;
    const tty = this.model!.services[container.service]?.tty ?? false;
    const output = await this.engine.attach(container.id, { tty, signal: this.leave.signal });
    this.lines.add(this.lineName(container.name));
    // Shown at once, so that nothing waits for the rest of the project.
    this.read(container, output);
  }

  private read(container: LiveContainer, output: AsyncIterable<OutputChunk>): void {
    const name = this.lineName(container.name);
    this.followed.add(container.id);
    const reading = async () => {
      try {
        for await (const chunk of output) this.take(name, chunk);
      } catch (error) {
        if (!this.leave.signal.aborted) this.context.printError(`${name}: ${errorText(error)}\n`);
      }
      this.lines.end(name);
      this.readers.delete(container.id);
    };
    this.readers.set(container.id, reading());
  }

  private take(name: string, chunk: OutputChunk): void {
    if (!this.flags.timestamps) {
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

  /** Containers that ran before are shown from now on. */
  private async attachToOld(before: ReadonlySet<string>): Promise<void> {
    const old = [...this.running.values()].filter(({ id }) => before.has(id));
    await Promise.all(old.map((container) => this.attach(container)));
  }

  private showAttached(): void {
    const shown = [...this.running.values()].filter(({ service }) => this.isShown(service));
    const names = shown.map(({ name }) => this.lineName(name)).sort();
    if (names.length > 0) this.context.printError(`Attached to ${names.join(", ")}\n`);
  }

  /** What ended before anybody listened. */
  private async forgetEnded(): Promise<void> {
    for (const container of [...this.running.values()]) {
      const { State } = await this.engine.inspectContainer(container.id).catch(() => ({ State: undefined }));
      if (!State || (!State.Running && !State.Restarting && State.Status !== "created"))
        this.noteEnd(container.id, State?.ExitCode ?? 0);
    }
    if (this.running.size === 0) this.ended.resolve(0);
  }

  private async watchEvents(since: string): Promise<void> {
    const { signal } = this.leave;
    const filters = {
      type: ["container"],
      event: ["start", "die"],
      label: [`${LABELS.project}=${this.model!.name}`, `${LABELS.oneOff}=False`],
    };
    for await (const { Action, Actor, timeNano } of this.engine.events(filters, { since, signal })) {
      const { name = "", [LABELS.service]: service = "" } = Actor.Attributes;
      const container = { id: Actor.ID, name, service, number: 0 };
      if (!this.model!.services[service]) continue;
      if (Action === "start") await this.noteStart(container);
      else {
        this.followed.delete(container.id);
        this.deaths.set(container.id, secondsText(BigInt(timeNano)));
        await this.noteDeath(container, Number(Actor.Attributes.exitCode ?? 0), Number(BigInt(timeNano) / 1_000_000n));
      }
    }
  }

  private async noteStart(container: LiveContainer): Promise<void> {
    this.running.set(container.id, container);
    // Those that this command starts are read before their start.
    if (!this.isShown(container.service) || this.followed.has(container.id)) return;
    // The old stream may still be ending.
    await this.readers.get(container.id);
    const tty = this.model!.services[container.service]?.tty ?? false;
    // From its last end on: it may write before its start is told.
    const since = this.deaths.get(container.id);
    const name = { ...container, name: container.name.replace(/^[0-9a-f]{12}_/, "") };
    this.read(name, this.engine.logs(container.id, { tty, follow: true, since, signal: this.leave.signal }));
  }

  private async noteDeath(container: LiveContainer, code: number, timeMs: number): Promise<void> {
    if (!this.isUp || !this.running.has(container.id)) return;
    const report = await this.engine.inspectContainer(container.id).catch(() => undefined);
    // It may run again already, or be shown as running for a moment more.
    const runsAgain = report?.State.Running && Date.parse(report.State.StartedAt) >= timeMs;
    const restarts = report?.State.Restarting || runsAgain;
    await Promise.race([this.readers.get(container.id), Bun.sleep(1000)]);
    if (restarts) this.tellExit(container, code, " (restarting)");
    else this.noteEnd(container.id, code);
  }

  private tellExit({ name, service }: LiveContainer, code: number, more = ""): void {
    if (this.isShown(service)) this.context.print(`${this.lineName(name)} exited with code ${code}${more}\n`);
  }

  private noteEnd(id: string, code: number): void {
    const container = this.running.get(id);
    if (!container) return;
    this.running.delete(id);
    this.tellExit(container, code);
    const from = this.flags["exit-code-from"];
    const aborts =
      this.flags["abort-on-container-exit"] || from !== "" || (this.flags["abort-on-container-failure"] && code !== 0);
    if (aborts && !this.isEnding) {
      this.isEnding = true;
      void this.abort(container, code);
    } else if (this.running.size === 0 && !this.isEnding) this.ended.resolve(0);
  }

  /** One container ended, so all end; the exit code is its own, or that of the service wished for. */
  private async abort(first: LiveContainer, code: number): Promise<void> {
    const reason = this.flags["abort-on-container-failure"] ? "failure" : "exit";
    this.context.printError(`Aborting on container ${reason}...\n`);
    try {
      const from = this.flags["exit-code-from"];
      const watched = [...this.running.values()].find(({ service }) => service === from);
      await this.stop();
      if (from === "" || first.service === from || !watched) return this.ended.resolve(code);
      this.ended.resolve((await this.engine.inspectContainer(watched.id)).State.ExitCode);
    } catch (error) {
      this.ended.reject(error);
    }
  }

  private readonly interrupt = (): void => {
    this.interrupts++;
    if (this.interrupts > 2) process.exit(INTERRUPTED);
    if (this.interrupts === 2) {
      void this.killAll();
      return;
    }
    this.isEnding = true;
    this.context.printError("Gracefully Stopping... press Ctrl+C again to force\n");
    if (!this.isUp) {
      this.cancel.abort(new CliError("canceled", INTERRUPTED));
      return;
    }
    void this.stop().then(
      // While all are killed, that is what ends the command.
      () => this.interrupts < 2 && this.ended.resolve(INTERRUPTED),
      (error: unknown) => this.ended.reject(error),
    );
  };

  private async stop(): Promise<void> {
    const services = Object.keys(this.model?.services ?? {});
    await stopProject(this.context, this.engine, this.model!, {
      services,
      timeout: this.wishes.timeout,
      onHookOutput: this.hookOutput,
    });
  }

  private async killAll(): Promise<void> {
    const display = openProgressDisplay(this.context, "Killing");
    const all = await this.engine.listContainers({
      label: [`${LABELS.project}=${this.model!.name}`, `${LABELS.oneOff}=False`],
    });
    await Promise.allSettled(
      all.map(async ({ Id, Names }) => {
        const event = (state: ProgressEvent["state"], text: string) =>
          display.take({ id: `Container ${Names[0]!.slice(1)}`, state, text });
        event("working", "Killing");
        await this.engine.killContainer(Id, "KILL");
        event("done", "Killed");
      }),
    );
    display.finish();
    process.exit(INTERRUPTED);
  }

  /** `--watch`: as 'compose watch', beside what is shown. */
  private async startWatch(): Promise<void> {
    try {
      const { startWatching } = await import("./watch/start-watching.ts");
      await startWatching(
        this.context,
        {
          services: this.wishes.services,
          prunes: true,
          quiet: false,
          tell: (line) => this.context.printError(`${line}\n`),
        },
        this.leave.signal,
      );
    } catch (error) {
      if (!this.leave.signal.aborted) this.ended.reject(error);
    }
  }
}

/** Nanoseconds as seconds with a fraction. */
function secondsText(nanoseconds: bigint): string {
  return `${nanoseconds / 1_000_000_000n}.${String(nanoseconds % 1_000_000_000n).padStart(9, "0")}`;
}
