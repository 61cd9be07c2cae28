/** The probes of one running container: startup first, then liveness and readiness side by side. */

import type { Probe } from "../../../model/kubernetes/core.ts";
import type { ContainerRun } from "../container-run.ts";
import type { NodeContext } from "../node-context.ts";
import { fieldPathOf, type PodContainer } from "../pod-containers.ts";
import type { PodHost } from "../pod-host.ts";
import { attemptProbe } from "./probe-attempt.ts";
import { ProbeCounter } from "./probe-counter.ts";

type ProbeKind = "Startup" | "Liveness" | "Readiness";

interface ProbeHooks {
  /** What an earlier daemon had found out. */
  before: { started: boolean; ready: boolean } | undefined;
  onChange(): void;
  /** The container has to be restarted. */
  onFailed(message: string, graceSeconds: number | undefined): void;
}

export class ContainerProbes {
  hasStarted: boolean;
  isReady: boolean;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isStopped = false;

  private constructor(
    readonly context: NodeContext,
    readonly host: PodHost,
    readonly container: PodContainer,
    readonly run: ContainerRun,
    readonly hooks: ProbeHooks,
  ) {
    const { startupProbe, readinessProbe } = container.spec;
    this.hasStarted = startupProbe === undefined || hooks.before?.started === true;
    this.isReady = readinessProbe === undefined || hooks.before?.ready === true;
  }

  static start(
    context: NodeContext,
    host: PodHost,
    container: PodContainer,
    run: ContainerRun,
    hooks: ProbeHooks,
  ): ContainerProbes {
    const probes = new ContainerProbes(context, host, container, run, hooks);
    const { startupProbe } = container.spec;
    if (startupProbe !== undefined && !probes.hasStarted) probes.#watch("Startup", startupProbe);
    else probes.#watchStarted();
    return probes;
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #watchStarted(): void {
    const { livenessProbe, readinessProbe } = this.container.spec;
    if (livenessProbe !== undefined) this.#watch("Liveness", livenessProbe);
    if (readinessProbe !== undefined) this.#watch("Readiness", readinessProbe);
  }

  #watch(kind: ProbeKind, probe: Probe): void {
    const counter = new ProbeCounter(probe);
    const age = Date.now() - this.run.startedAt;
    const periodMs = (probe.periodSeconds || 10) * 1000;
    const firstMs = Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - age);
    const look = async () => {
      const reason = await attemptProbe(this.context, probe, this.#target());
      if (this.#isStopped) return;
      if (reason !== undefined) this.#tellFailure(kind, reason);
      const outcome = counter.note(reason === undefined);
      if (outcome !== undefined && this.#conclude(kind, probe, outcome, reason ?? "")) return;
      this.#later(look, this.#pause(kind, periodMs));
    };
    this.#later(look, firstMs);
  }

  /** A container that is not ready yet is looked at again soon: once it is, traffic may come at once. */
  #pause(kind: ProbeKind, periodMs: number): number {
    const isYoung = Date.now() - this.run.startedAt < 10_000;
    return kind === "Readiness" && !this.isReady && isYoung ? Math.min(periodMs, 1000) : periodMs;
  }

  /** @returns whether this probe is over */
  #conclude(kind: ProbeKind, probe: Probe, passed: boolean, reason: string): boolean {
    if (kind === "Readiness") {
      if (this.isReady !== passed) {
        this.isReady = passed;
        this.hooks.onChange();
      }
      return false;
    }
    if (passed) {
      if (kind === "Liveness") return false;
      this.hasStarted = true;
      this.#watchStarted();
      this.hooks.onChange();
      return true;
    }
    const what = kind === "Startup" ? "startup" : "liveness";
    const message = `Container ${this.container.spec.name} failed ${what} probe, will be restarted`;
    this.context.log.debug(message, { reason });
    this.stop();
    this.hooks.onFailed(message, probe.terminationGracePeriodSeconds);
    return true;
  }

  #tellFailure(kind: ProbeKind, reason: string): void {
    this.host.event("Warning", "Unhealthy", `${kind} probe failed: ${reason}`, fieldPathOf(this.container));
  }

  #target() {
    const address = this.host.facts.podIps[0] ?? "127.0.0.1";
    return { container: this.container.spec, containerId: this.run.containerId, address };
  }

  #later(action: () => Promise<void>, ms: number): void {
    if (this.#isStopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void action();
    }, ms);
    this.#timers.add(timer);
  }
}
