/** Health checks: a command in the container at intervals, and what its results say. Memory stays flat. */

import { errorText } from "../lib/errors.ts";
import { durationText } from "../lib/go-duration.ts";
import type { Health, HealthConfig, HealthcheckResult, HealthStatus } from "../model/container.ts";
import { nowNs, parseRfc3339, rfc3339 } from "./clock.ts";
import type { Container } from "./container.ts";
import { containerEnvironment } from "./container-environment.ts";
import { containerRunDir, type EngineContext, publishContainerEvent } from "./engine-context.ts";
import { linkVariablesNow } from "./links.ts";
import { randomId } from "./names.ts";

const SECOND_NS = 1e9;
const MAX_OUTPUT_BYTES = 4096;
const KEPT_RESULTS = 5;

interface Plan {
  command: string[];
  intervalMs: number;
  timeoutMs: number;
  startPeriodMs: number;
  startIntervalMs: number;
  retries: number;
}

/** Undefined: no checks (none wished, or ["NONE"]). */
export function healthPlan(
  config: HealthConfig | null | undefined,
  shell: string[] | null | undefined,
): Plan | undefined {
  const [kind, ...words] = config?.Test ?? [];
  if (!config || (kind !== "CMD" && kind !== "CMD-SHELL")) return undefined;
  const ms = (ns: number | undefined, fallbackNs: number) => (ns || fallbackNs) / 1e6;
  return {
    command: kind === "CMD" ? words : [...(shell?.length ? shell : ["/bin/sh", "-c"]), words.join(" ")],
    intervalMs: ms(config.Interval, 30 * SECOND_NS),
    timeoutMs: ms(config.Timeout, 30 * SECOND_NS),
    startPeriodMs: ms(config.StartPeriod, 0),
    startIntervalMs: ms(config.StartInterval, 5 * SECOND_NS),
    retries: config.Retries || 3,
  };
}

/** The health after one more result. Pure. */
export function nextHealth(health: Health, result: HealthcheckResult, plan: Plan, msSinceStart: number): Health {
  const Log = [...(health.Log ?? []), result].slice(-KEPT_RESULTS);
  if (result.ExitCode === 0) return { Status: "healthy", FailingStreak: 0, Log };
  // Failures while a container starts up do not count.
  if (health.Status === "starting" && msSinceStart < plan.startPeriodMs) return { ...health, Log };
  const FailingStreak = health.FailingStreak + 1;
  return { Status: FailingStreak >= plan.retries ? "unhealthy" : health.Status, FailingStreak, Log };
}

/**
 * Begins the checks of a container that has just started, or was resumed (`keep`: its health goes on). `startedAt`: when its
 * record does not tell yet.
 */
export function startHealthChecks(
  context: EngineContext,
  container: Container,
  options: { keep?: boolean; startedAt?: string } = {},
): void {
  container.stopHealthChecks?.();
  const { config, state } = container.record;
  const plan = healthPlan(config.Healthcheck, config.Shell);
  if (plan === undefined) {
    container.health = undefined;
    return;
  }
  if (!options.keep || container.health === undefined) {
    container.health = { Status: "starting", FailingStreak: 0, Log: [] };
  }
  const stopping = new AbortController();
  container.stopHealthChecks = () => {
    stopping.abort();
    container.stopHealthChecks = undefined;
    // As Docker has it: what is not watched is not healthy.
    if (container.health !== undefined) container.health = { ...container.health, Status: "unhealthy" };
  };
  const startedAtMs = Number((parseRfc3339(options.startedAt ?? state.startedAt) ?? nowNs()) / 1_000_000n);
  scheduleCheck(context, container, plan, startedAtMs, stopping.signal);
}

function scheduleCheck(
  context: EngineContext,
  container: Container,
  plan: Plan,
  startedAtMs: number,
  stopping: AbortSignal,
): void {
  const isStarting = container.health?.Status === "starting" && Date.now() - startedAtMs < plan.startPeriodMs;
  const timer = setTimeout(
    async () => {
      stopping.removeEventListener("abort", cancel);
      const result = await runCheck(context, container, plan);
      if (stopping.aborted) return;
      applyResult(context, container, result, plan, startedAtMs);
      scheduleCheck(context, container, plan, startedAtMs, stopping);
    },
    isStarting ? plan.startIntervalMs : plan.intervalMs,
  );
  const cancel = () => clearTimeout(timer);
  stopping.addEventListener("abort", cancel, { once: true });
}

function applyResult(
  context: EngineContext,
  container: Container,
  result: HealthcheckResult,
  plan: Plan,
  startedAtMs: number,
): void {
  if (container.health === undefined) return;
  const before: HealthStatus = container.health.Status;
  container.health = nextHealth(container.health, result, plan, Date.now() - startedAtMs);
  if (container.health.Status !== before) {
    context.networks.noteHealth(container.id, container.health.Status === "healthy");
    publishContainerEvent(context, container, `health_status: ${container.health.Status}`);
  }
}

async function runCheck(context: EngineContext, container: Container, plan: Plan): Promise<HealthcheckResult> {
  const start = rfc3339(nowNs());
  const finish = (ExitCode: number, Output: string) => ({ Start: start, End: rfc3339(nowNs()), ExitCode, Output });
  try {
    const { exitCode, output, isTimedOut } = await probe(context, container, plan);
    if (!isTimedOut) return finish(exitCode, output);
    return finish(
      -1,
      `Health check exceeded timeout (${durationText(plan.timeoutMs * 1e6)})${output ? `: ${output}` : ""}`,
    );
  } catch (error) {
    return finish(-1, errorText(error));
  }
}

async function probe(context: EngineContext, container: Container, plan: Plan) {
  const { record } = container;
  const execId = randomId();
  const words = `${plan.command[0]} ${plan.command.slice(1).join(" ")}`;
  publishContainerEvent(context, container, `exec_create: ${words}`, { execID: execId });
  const collected: Uint8Array[] = [];
  let collectedBytes = 0;
  const ended = Promise.withResolvers<void>();
  publishContainerEvent(context, container, `exec_start: ${words}`, { execID: execId });
  const process = await context.runtime.exec({
    containerId: record.id,
    execId,
    runDir: containerRunDir(context, record.id),
    containerPid: record.state.pid,
    command: plan.command,
    env: containerEnvironment(record.config, linkVariablesNow(context, container)),
    workingDir: record.config.WorkingDir || "/",
    user: record.config.User ?? "",
    tty: false,
    openStdin: false,
    privileged: false,
    config: record.config,
    hostConfig: record.hostConfig,
    onOutput: {
      onChunk({ data }) {
        // One byte more than is kept, to know that something was cut.
        const room = MAX_OUTPUT_BYTES + 1 - collectedBytes;
        if (room <= 0) return;
        const piece = data.slice(0, room);
        collected.push(piece);
        collectedBytes += piece.length;
      },
      onEnd: ended.resolve,
    },
  });
  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    killProcess(process.pid);
  }, plan.timeoutMs);
  const status = await process.exited;
  clearTimeout(timer);
  await Promise.race([ended.promise, new Promise((resolve) => setTimeout(resolve, 100))]);
  publishContainerEvent(context, container, "exec_die", { execID: execId, exitCode: String(status.exitCode) });
  return { exitCode: status.exitCode, output: cutOutput(collected), isTimedOut };
}

function cutOutput(pieces: readonly Uint8Array[]): string {
  const all = Buffer.concat(pieces);
  if (all.length <= MAX_OUTPUT_BYTES) return all.toString("utf8");
  return `${all.subarray(0, MAX_OUTPUT_BYTES).toString("utf8")}...`;
}

/** SIGKILL to a process of this machine; one that is gone is fine. */
function killProcess(pid: number): void {
  try {
    globalThis.process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
