import type { LogOptions } from "../../compose/contract.ts";
import { LABELS } from "../../compose/labels.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { bool, int, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";
import { parseTimestamp } from "../timestamp.ts";
import { type ComposeContext, defineComposeCommand } from "./declaration.ts";
import { HttpEngine } from "./http-engine.ts";
import { LogLines, lineName } from "./log-lines.ts";
import { mergedLogs, type TimedLine } from "./merged-logs.ts";
import { findServiceContainer, listProjectContainers, nameOf } from "./project-containers.ts";
import { usesColors } from "./screen.ts";

const flags = {
  follow: bool("Go on as more is written", { short: "f" }),
  index: int("Which of the service's containers"),
  "no-color": bool("No colours"),
  "no-log-prefix": bool("No names before lines"),
  since: string('Only what was written since then: "2013-01-02T13:23:37Z", or "42m" for the last 42 minutes'),
  tail: string("How many of each container's last lines to show", { short: "n", initial: "all" }),
  timestamps: bool("Times too", { short: "t" }),
  until: string('Only what was written before: "2013-01-02T13:23:37Z", or "42m" for 42 minutes ago'),
};

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Show what the project's containers have written",
  args: minArgs(0),
  dryRun: "reads",
  flags,
  async run({ flags: values, args, context }) {
    if (values.index > 0 && args.length !== 1) throw new CliError("--index requires one service to be selected");
    const { name } = await context.projectOrName(args);
    const engine = new HttpEngine(await context.client(), context);
    const reading = new LogReading(engine, name, args, values, context);
    await (values.follow ? reading.follow() : reading.printAll());
  },
});

function timeOf(flag: string, text: string): string | undefined {
  if (text === "") return undefined;
  try {
    return parseTimestamp(text);
  } catch (error) {
    throw new CliError(`invalid value for ${JSON.stringify(flag)}: ${(error as Error).message}`);
  }
}

/** What is gathered before it is written. */
const WRITE_CHARACTERS = 64 * 1024;

/** A container whose log is read. */
interface LogSource {
  id: string;
  name: string;
  tty: boolean;
}

class LogReading {
  private readonly lines: LogLines;
  private readonly options: Omit<LogOptions, "tty">;
  private readonly open = new Map<string, Promise<void>>();
  private failure: unknown;
  private unwritten = "";

  constructor(
    private readonly engine: HttpEngine,
    private readonly project: string,
    private readonly services: readonly string[],
    private readonly values: FlagValues<typeof flags>,
    private readonly context: ComposeContext,
  ) {
    const hasColors = !values["no-color"] && usesColors(context, 1);
    // As docker compose does here, other than in `up`: standard error is a part of the log.
    const write = (_: 1 | 2, text: string) => this.write(text);
    this.lines = new LogLines({ hasPrefix: !values["no-log-prefix"], hasColors, write });
    this.options = {
      tail: values.tail,
      since: timeOf("since", values.since),
      until: timeOf("until", values.until),
    };
  }

  /** All that was written so far; lines of several containers in the order of their times. */
  async printAll(): Promise<void> {
    const { timestamps } = this.values;
    const sources = await this.sources();
    if (sources.length === 1) {
      const [source] = sources;
      return await this.copy(source!, { ...this.options, timestamps }).finally(() => this.flush());
    }
    const logs = new Map(
      sources.map(({ id, name, tty }) => [name, this.engine.logs(id, { ...this.options, tty, timestamps: true })]),
    );
    try {
      for await (const line of mergedLogs(logs)) this.print(line);
    } finally {
      this.flush();
    }
  }

  /** A write a line would take most of the time. */
  private write(text: string): void {
    this.unwritten += text;
    if (this.values.follow || this.unwritten.length >= WRITE_CHARACTERS) this.flush();
  }

  private flush(): void {
    this.context.print(this.unwritten);
    this.unwritten = "";
  }

  private print({ name, stream, time, text }: TimedLine): void {
    this.lines.print(name, stream, [this.values.timestamps ? `${time} ${text}` : text]);
  }

  /** What was written and what comes, of containers that start later too, until none runs any more. */
  async follow(): Promise<void> {
    const leave = new AbortController();
    const since = (Date.now() / 1000).toFixed(3);
    for (const source of await this.sources()) this.start(source, this.options);
    const starts = this.followStarts(since, leave.signal).catch((error: unknown) => {
      if (!leave.signal.aborted) this.failure ??= error;
    });
    // Each container that ends may be followed by its next start, so look again until nothing is left.
    while (this.open.size > 0) {
      await Promise.race(this.open.values());
      if (this.open.size === 0) await this.untilRestarted();
    }
    leave.abort();
    await starts;
    if (this.failure) throw this.failure;
  }

  /** Reads the log of each container that starts from now on. */
  private async followStarts(since: string, signal: AbortSignal): Promise<void> {
    const filters = { type: ["container"], event: ["start"], label: [`${LABELS.project}=${this.project}`] };
    for await (const { Actor } of this.engine.events(filters, { since, signal })) {
      const { name = "", [LABELS.service]: service = "", [LABELS.oneOff]: oneOff } = Actor.Attributes ?? {};
      if (oneOff === "True" || (this.services.length > 0 && !this.services.includes(service))) continue;
      if (this.open.has(Actor.ID) || this.values.index > 0) continue;
      const { Config, State } = await this.engine.inspectContainer(Actor.ID);
      // What a former run wrote was shown. The first line of this one may be older than the event of its start.
      const from = State.FinishedAt.startsWith("0001-") ? undefined : parseTimestamp(State.FinishedAt);
      const source = { id: Actor.ID, name: lineName(name, this.project), tty: Config.Tty === true };
      this.start(source, { until: this.options.until, since: from });
    }
  }

  /** Waits while a container is between two runs. */
  private async untilRestarted(): Promise<void> {
    while (this.open.size === 0 && !this.failure) {
      const containers = await this.containers();
      if (!containers.some(({ State }) => State === "running" || State === "restarting")) return;
      await Bun.sleep(100);
    }
  }

  private start(source: LogSource, options: Omit<LogOptions, "tty">): void {
    const { timestamps } = this.values;
    const copying = this.copy(source, { ...options, timestamps, follow: true })
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.open.delete(source.id));
    this.open.set(source.id, copying);
  }

  private async copy({ id, name, tty }: LogSource, options: Omit<LogOptions, "tty">): Promise<void> {
    for await (const chunk of this.engine.logs(id, { ...options, tty })) this.lines.take(name, chunk);
    this.lines.end(name);
  }

  private async containers() {
    const client = await this.context.client();
    const { index } = this.values;
    if (index === 0) return await listProjectContainers(client, this.project, { all: true, services: this.services });
    return [await findServiceContainer(client, this.project, this.services[0]!, { index, all: true })];
  }

  private async sources(): Promise<LogSource[]> {
    const containers = await this.containers();
    const sources = await Promise.all(
      containers.map(async (container) => ({
        id: container.Id,
        name: lineName(nameOf(container), this.project),
        tty: (await this.engine.inspectContainer(container.Id)).Config.Tty === true,
      })),
    );
    for (const { name } of sources) this.lines.add(name);
    return sources;
  }
}
