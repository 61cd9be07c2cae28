import type { ComposeProject } from "../../../compose/load-project.ts";
import { Slots } from "../../../lib/slots.ts";
import type { BuildEnd, WireEvent } from "../../../model/build-exchange.ts";
import { failureText, warningsText } from "../../build/build-report.ts";
import { type Display, openDisplay, usesColors } from "../../build/open-display.ts";
import { readOutputs } from "../../build/outputs.ts";
import { openAgents, type PreparedBuild, prepareBuild } from "../../build/prepare-build.ts";
import type { SecretSource } from "../../build/secrets.ts";
import { findSourceFiles } from "../../build/source-files.ts";
import type { SshAgents } from "../../build/ssh-agents.ts";
import { CliError } from "../../cli-error.ts";
import type { ComposeContext } from "../declaration.ts";
import { parallelLimit } from "../parallel-limit.ts";
import { imageOfService, type ServiceToBuild } from "./service-build.ts";
import { type BuildWishes, buildFlagsOf, contextWord } from "./service-build-flags.ts";

/** As a shell tells of a command that a signal ended. */
const INTERRUPTED = 130;

export interface BuildOrder extends BuildWishes {
  /** Shows nothing but failures. */
  quiet?: boolean;
  /** "auto", "plain", "tty", "json", "quiet"; empty for "auto". */
  progress?: string;
  /** Only looks for mistakes in the Dockerfiles. */
  onlyCheck?: boolean;
  /** Ends the builds; Ctrl-C does so too. */
  signal?: AbortSignal;
}
type Result = Extract<BuildEnd, { type: "result" }>;

/**
 * Builds services' images beside each other, each after those it builds on, with one display for all. Resolves to what came of
 * each, by service. The first failure ends the others. Throws CliError with the failed step's last lines.
 */
export async function buildServices(
  context: ComposeContext,
  project: ComposeProject,
  services: ReadonlyMap<string, ServiceToBuild>,
  order: BuildOrder,
): Promise<Map<string, Result>> {
  if (services.size === 0) return new Map();
  const { globals, program } = context;
  const wished = order.progress || globals.progress || process.env.COMPOSE_PROGRESS || "auto";
  const progress = wished === "json" ? "rawjson" : wished;
  const quiet = order.quiet === true || progress === "quiet" || order.onlyCheck === true;
  const display = await openDisplay(
    { progress: quiet ? "quiet" : progress, quiet },
    { isGiven: wished !== "auto", program },
  );
  const builds = new ServiceBuilds(context, project, services, order, display);
  const interrupt = () => builds.interrupt();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, interrupt);
  order.signal?.addEventListener("abort", interrupt, { once: true });
  if (order.signal?.aborted) interrupt();
  try {
    return await builds.runAll();
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
    order.signal?.removeEventListener("abort", interrupt);
  }
}

class ServiceBuilds {
  private readonly running = new Set<PreparedBuild>();
  private readonly results = new Map<string, Promise<Result>>();
  private readonly slots: Slots;
  private isStopped = false;
  private isInterrupted = false;

  constructor(
    private readonly context: ComposeContext,
    private readonly project: ComposeProject,
    private readonly services: ReadonlyMap<string, ServiceToBuild>,
    private readonly order: BuildOrder,
    private readonly display: Display,
  ) {
    this.slots = new Slots(() => parallelLimit(context));
  }

  async runAll(): Promise<Map<string, Result>> {
    const names = [...this.services.keys()];
    const ends = await Promise.allSettled(names.map((name) => this.result(name)));
    this.display.finish();
    const reasons = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
    // Those that were ended because another failed tell nothing of their own.
    const first = reasons.find((reason) => !(reason instanceof Cancelled)) ?? reasons[0];
    if (this.isInterrupted) throw new CliError("canceled", INTERRUPTED);
    if (first !== undefined) throw first instanceof FailedBuild ? this.toldFailure(first) : first;
    const results = new Map<string, Result>();
    for (const name of names) results.set(name, await this.result(name));
    this.tellWarnings(results);
    return results;
  }

  /** The first time all builds end and leave nothing, the second time the command ends at once. */
  interrupt(): void {
    if (this.isInterrupted) process.exit(INTERRUPTED);
    this.isInterrupted = true;
    this.stop();
  }

  private stop(): void {
    this.isStopped = true;
    for (const build of this.running) build.cancel();
  }

  private result(name: string): Promise<Result> {
    const known = this.results.get(name);
    if (known) return known;
    const work = this.build(name).catch((error: unknown) => {
      this.stop();
      throw error;
    });
    this.results.set(name, work);
    return work;
  }

  private async build(name: string): Promise<Result> {
    const service = this.services.get(name)!;
    for (const needed of service.needs) {
      if (!this.services.has(needed)) continue;
      await this.result(needed);
    }
    const release = await this.slots.take();
    try {
      return await this.buildNow(service);
    } finally {
      release();
    }
  }

  private async buildNow(service: ServiceToBuild): Promise<Result> {
    if (this.isStopped) throw new Cancelled();
    const { context, order } = this;
    const flags = buildFlagsOf(service, order, (other) => imageOfService(this.project, other, context.separator));
    let agents: SshAgents | undefined;
    try {
      const files = await findSourceFiles(contextWord(service), flags.file, service.build.dockerfile_inline);
      agents = await openAgents(flags.ssh);
      const outputs = readOutputs(flags, false);
      const onlyCheck = order.onlyCheck ? "lint" : undefined;
      const build = await prepareBuild({
        flags,
        files,
        outputs,
        onlyCheck,
        agents,
        context,
        secrets: textSecrets(service),
      });
      this.running.add(build);
      if (this.isStopped) build.cancel();
      const end = await build
        .run((events) => this.display.take(events.map((event) => ofService(service.name, event))))
        .finally(() => this.running.delete(build));
      if (end.type === "result") return end;
      throw end.isCancelled ? new Cancelled() : new FailedBuild(service.name, end);
    } finally {
      agents?.close();
    }
  }

  private toldFailure({ service, end }: FailedBuild): CliError {
    const step = end.step === undefined ? undefined : stepOf(service, end.step);
    const text = failureText({ ...end, ...(step === undefined ? {} : { step }) }, this.display.state);
    return new CliError(text.replace(/ERROR: failed to build: /, `target ${service}: `));
  }

  private tellWarnings(results: ReadonlyMap<string, Result>): void {
    if (this.display.state === undefined) return;
    const { program } = this.context;
    for (const { warnings } of results.values()) {
      this.context.printError(warningsText(warnings, { program, isExpanded: false, hasColors: usesColors() }));
    }
  }
}

class Cancelled extends CliError {
  constructor() {
    super("canceled", INTERRUPTED);
  }
}
class FailedBuild extends Error {
  constructor(
    readonly service: string,
    readonly end: Extract<BuildEnd, { type: "failure" }>,
  ) {
    super(end.message);
  }
}

function textSecrets({ secrets }: ServiceToBuild): Map<string, SecretSource> {
  const texts = new Map<string, SecretSource>();
  for (const secret of secrets) if ("text" in secret) texts.set(secret.id, { kind: "text", text: secret.text });
  return texts;
}

const stepOf = <D extends string>(service: string, digest: D) => `${digest} ${service}` as const;

/** The event as one of many builds: its step's name says whose it is, as `[web 1/2] FROM …`. */
function ofService(service: string, event: WireEvent): WireEvent {
  if (event.type === "step") {
    const { step } = event;
    const name = step.name.startsWith("[") ? `[${service} ${step.name.slice(1)}` : `[${service}] ${step.name}`;
    const inputs = step.inputs.map((digest) => stepOf(service, digest));
    return { ...event, step: { ...step, name, digest: stepOf(service, step.digest), inputs } };
  }
  return "step" in event ? { ...event, step: stepOf(service, event.step) } : event;
}
