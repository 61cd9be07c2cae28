import type { ProgressEvent } from "../../../compose/contract.ts";
import { LABELS } from "../../../compose/labels.ts";
import type { ComposeProject } from "../../../compose/load-project.ts";
import type { LiveContainer } from "../../../compose/run/run-context.ts";
import type { ProjectModel } from "../../../compose/service-model.ts";
import { CliError } from "../../cli-error.ts";
import { writeErr, writeOut } from "../../output.ts";
import { type BringUpWishes, bringUp } from "../bring-up.ts";
import type { ComposeContext } from "../declaration.ts";
import { HttpEngine } from "../http-engine.ts";
import { openProgressDisplay } from "../progress-display.ts";
import { usesColors } from "../screen.ts";
import { stopProject } from "../stop-project.ts";
import type { UpFlags } from "../up-command.ts";
import { AttachedOutput } from "./attached-output.ts";
import type { KeyMenu } from "./key-menu.ts";
import { WatchSwitch } from "./watch-switch.ts";

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
  private readonly leave = new AbortController();
  /** Aborted by Ctrl-C while the project is brought up. */
  private readonly cancel = new AbortController();
  private readonly running = new Map<string, LiveContainer>();
  private readonly ended = Promise.withResolvers<number>();
  private interrupts = 0;
  private isUp = false;
  private isEnding = false;
  private engine!: HttpEngine;
  private output!: AttachedOutput;
  private model!: ProjectModel;
  private loaded: ComposeProject | undefined;
  private menu: KeyMenu | undefined;

  constructor(
    private readonly context: ComposeContext,
    private readonly wishes: BringUpWishes,
    private readonly flags: UpFlags,
  ) {
    process.on("SIGINT", this.interrupt);
    process.on("SIGTERM", this.interrupt);
    // A failure may come before run() waits for the end: it is told there.
    this.ended.promise.catch(() => {});
  }

  async run(): Promise<number> {
    this.engine = new HttpEngine(await this.context.client(), this.context);
    this.model = await this.projectModel();
    this.output = new AttachedOutput({
      engine: this.engine,
      model: this.model,
      flags: this.flags,
      services: this.wishes.services,
      hasColors: !this.flags["no-color"] && usesColors(this.context, 1),
      signal: this.leave.signal,
      write: this.write,
    });
    const since = (Date.now() / 1000).toFixed(3);
    const watching = this.watchEvents(since);
    watching.catch((error: unknown) => this.ended.reject(error));
    const { live, observed } = await this.bringUp();
    const names = Object.keys(this.model.services);
    for (const container of names.flatMap((service) => live.of(service))) this.running.set(container.id, container);
    await this.attachToOld(new Set(observed.containers.map(({ id }) => id)));
    this.showAttached();
    this.isUp = true;
    await this.openExtras();
    await this.forgetEnded();
    const code = await this.ended.promise;
    this.leave.abort();
    await Promise.allSettled([this.output.end(), watching]);
    return code;
  }

  close(): void {
    process.off("SIGINT", this.interrupt);
    process.off("SIGTERM", this.interrupt);
    this.leave.abort();
    this.menu?.close();
  }

  /** All goes above the menu, where there is one. */
  private readonly write = (stream: 1 | 2, text: string): void => {
    if (this.menu) this.menu.write(stream, text);
    else if (stream === 1) writeOut(text);
    else writeErr(text);
  };

  private async projectModel(): Promise<ProjectModel> {
    const { projectModel } = await import("../../../compose/service-model.ts");
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
      const beforeStart = (container: LiveContainer) => this.output.attach(container);
      const wishes = { ...this.wishes, loaded: this.loaded, beforeStart, onHookOutput: this.hookOutput };
      return await bringUp(this.context, wishes, this.cancel.signal);
    } catch (error) {
      if (!this.cancel.signal.aborted) throw error;
      await this.stop();
      throw new CliError("", INTERRUPTED);
    }
  }

  private readonly hookOutput: NonNullable<BringUpWishes["onHookOutput"]> = (container, chunk) =>
    this.output.takeHook(container, chunk);

  /** Containers that ran before are shown from now on. */
  private async attachToOld(before: ReadonlySet<string>): Promise<void> {
    const old = [...this.running.values()].filter(({ id }) => before.has(id));
    await Promise.all(old.map((container) => this.output.attach(container)));
  }

  private showAttached(): void {
    const shown = [...this.running.values()].filter(({ service }) => this.output.isShown(service));
    const names = shown.map(({ name }) => this.output.nameOf(name)).sort();
    if (names.length > 0) this.write(2, `Attached to ${names.join(", ")}\n`);
  }

  /** `--watch` and `--menu`. */
  private async openExtras(): Promise<void> {
    const { flags, context } = this;
    if (!flags.watch && !flags.menu) return;
    const watch = new WatchSwitch(context, {
      services: this.wishes.services,
      signal: this.leave.signal,
      tell: (line) => this.write(2, `${line}\n`),
      whileDrawing: async (work) => await (this.menu ? this.menu.hiddenDuring(work) : work()),
      onChange: () => this.menu?.refresh(),
    });
    if (flags.menu) {
      const { KeyMenu } = await import("./key-menu.ts");
      const toggle = () => {
        if (watch.isOn) watch.stop();
        else watch.start((reason) => this.write(2, `Watch: ${reason}\n`));
      };
      const keys = [
        { key: "w", label: () => (watch.isOn ? "Disable Watch" : "Enable Watch"), press: toggle },
        { key: "d", label: () => "Detach", press: () => this.detach() },
      ];
      this.menu = KeyMenu.open(keys, usesColors(context, 1));
    }
    if (flags.watch) watch.start((_, error) => this.ended.reject(error));
  }

  /** Leaves the containers to themselves. */
  private detach(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.ended.resolve(0);
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
      label: [`${LABELS.project}=${this.model.name}`, `${LABELS.oneOff}=False`],
    };
    for await (const { Action, Actor, timeNano } of this.engine.events(filters, { since, signal })) {
      const { name = "", [LABELS.service]: service = "" } = Actor.Attributes;
      const container = { id: Actor.ID, name, service, number: 0 };
      if (!this.model.services[service]) continue;
      if (Action === "start") {
        this.running.set(container.id, container);
        await this.output.followStart(container);
      } else {
        this.output.noteDeath(container.id, BigInt(timeNano));
        await this.noteDeath(container, Number(Actor.Attributes.exitCode ?? 0), Number(BigInt(timeNano) / 1_000_000n));
      }
    }
  }

  private async noteDeath(container: LiveContainer, code: number, timeMs: number): Promise<void> {
    if (!this.isUp || !this.running.has(container.id)) return;
    const report = await this.engine.inspectContainer(container.id).catch(() => undefined);
    // It may run again already, or be shown as running for a moment more.
    const runsAgain = report?.State.Running && Date.parse(report.State.StartedAt) >= timeMs;
    const restarts = report?.State.Restarting || runsAgain;
    await Promise.race([this.output.settled(container.id), Bun.sleep(1000)]);
    if (restarts) this.tellExit(container, code, " (restarting)");
    else this.noteEnd(container.id, code);
  }

  private tellExit({ name, service }: LiveContainer, code: number, more = ""): void {
    if (this.output.isShown(service)) this.write(1, `${this.output.nameOf(name)} exited with code ${code}${more}\n`);
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
    this.write(2, `Aborting on container ${reason}...\n`);
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
    this.menu?.close();
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
    this.menu?.close();
    await stopProject(this.context, this.engine, this.model, {
      services: Object.keys(this.model.services),
      timeout: this.wishes.timeout,
      onHookOutput: this.hookOutput,
    });
  }

  private async killAll(): Promise<void> {
    const display = openProgressDisplay(this.context, "Killing");
    const all = await this.engine.listContainers({
      label: [`${LABELS.project}=${this.model.name}`, `${LABELS.oneOff}=False`],
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
}
