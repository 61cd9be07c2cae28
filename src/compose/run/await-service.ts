import { NaruError } from "../../lib/errors.ts";
import type { ContainerInspect } from "../../model/container.ts";
import type { WaitCondition } from "../contract.ts";
import { lastLines } from "./last-lines.ts";
import type { LiveContainer, RunContext } from "./run-context.ts";
import { hasFailed, isTolerated } from "./update-failures.ts";

const FIRST_ASK_MS = 10;
const SLOWEST_ASK_MS = 250;

interface Wanted {
  service: string;
  condition: WaitCondition;
  /** Without it a failure is only told. */
  isRequired: boolean;
  /** The service that depends on it. */
  dependent?: string;
  containers?: readonly string[];
  /** Of an update: how many containers of the service may fail in it. */
  tolerated?: number;
}

/** Waits until containers are as wished. Throws NaruError in docker compose's words, with the container's last lines. */
export async function awaitService(context: RunContext, wanted: Wanted): Promise<void> {
  const { live } = context;
  const all = live.of(wanted.service);
  const chosen = wanted.containers ? all.filter(({ name }) => wanted.containers!.includes(name)) : all;
  const { tolerated = 0 } = wanted;
  await Promise.all(
    chosen.map(async (container) => {
      if (hasFailed(context, container)) return;
      try {
        await awaitContainer(context, container, wanted);
      } catch (error) {
        if (!isTolerated(context, container, tolerated, error)) throw error;
      }
    }),
  );
}

/** Waits for one container. */
export async function awaitContainer(context: RunContext, container: LiveContainer, wanted: Wanted): Promise<void> {
  const { engine, options } = context;
  const id = `Container ${container.name}`;
  const tell = (state: "working" | "done" | "error" | "warning", text: string) =>
    options.onProgress({ id, state, text });
  tell("working", "Waiting");
  const limit = options.waitTimeout ? AbortSignal.timeout(options.waitTimeout * 1000) : undefined;
  for (let pause = FIRST_ASK_MS; ; pause = Math.min(pause * 1.5, SLOWEST_ASK_MS)) {
    options.signal?.throwIfAborted();
    const report = await engine.inspectContainer(container.id, options.signal);
    const verdict = judge(report, container.name, wanted);
    if (verdict.word !== undefined) {
      tell("done", verdict.word);
      return;
    }
    const isLate = limit?.aborted && verdict.failure === undefined;
    const failure = isLate
      ? `timeout waiting for ${wanted.service}: ${stateWords(report, container.name)}`
      : verdict.failure;
    if (failure === undefined) {
      await Bun.sleep(pause);
      continue;
    }
    if (!wanted.isRequired) {
      tell("warning", failure);
      options.warn(`optional dependency ${wanted.service} failed to start: ${failure}`);
      return;
    }
    tell("error", "Error");
    const words = wanted.dependent === undefined ? failure : `dependency failed to start: ${failure}`;
    const whose = `service ${JSON.stringify(wanted.service)}`;
    const need = wanted.dependent === undefined ? "" : `, which ${JSON.stringify(wanted.dependent)} depends on,`;
    const lines = await lastLines(engine, container);
    throw new NaruError("conflict", `${words}\n${whose}${need} is not ready.${checkWords(report)}${lines}`);
  }
}

interface Verdict {
  word?: string;
  failure?: string;
}

function judge({ State }: ContainerInspect, name: string, { condition, service }: Wanted): Verdict {
  const { Status, ExitCode, Health } = State;
  if (condition === "service_completed_successfully") {
    if (Status !== "exited" && Status !== "dead") return {};
    return ExitCode === 0
      ? { word: "Exited" }
      : { failure: `service ${JSON.stringify(service)} didn't complete successfully: exit ${ExitCode}` };
  }
  if (Status === "exited" || Status === "dead") return { failure: `container ${name} exited (${ExitCode})` };
  if (condition === "service_started") return Status === "running" ? { word: "Started" } : {};
  if (!Health || Health.Status === "none") {
    if (condition !== "running_or_healthy") return { failure: `container ${name} has no healthcheck configured` };
    return Status === "running" ? { word: "Healthy" } : {};
  }
  if (Health.Status === "unhealthy") return { failure: `container ${name} is unhealthy` };
  return Health.Status === "healthy" ? { word: "Healthy" } : {};
}

function stateWords({ State }: ContainerInspect, name: string): string {
  return `container ${name} is ${State.Status}${State.Health ? `, its health check says ${State.Health.Status}` : ""}`;
}

/** What the last health check said, where there is one. */
function checkWords({ State }: ContainerInspect): string {
  const last = State.Health?.Log?.at(-1);
  if (!last || State.Health?.Status === "healthy") return "";
  const output = last.Output.trim();
  return `\nIts last health check ended with ${last.ExitCode}${output === "" ? "." : `: ${output}`}`;
}
