/** Containers of pods that the engine has, as runs: after a start of the daemon. */

import type { Engine } from "../../engine/contract.ts";
import type { ContainerSummary } from "../../model/container.ts";
import { type ContainerRun, newRun } from "./container-run.ts";
import { POD_UID, readLabels } from "./pod-labels.ts";

/** By the pod's uid: runs by the container's name, oldest first. */
export type FoundPods = Map<string, Map<string, ContainerRun[]>>;

export async function findPodContainers(engine: Engine): Promise<FoundPods> {
  const filters = new Map([["label", [POD_UID]]]);
  const summaries = await engine.containers.list({ all: true, limit: 0, size: false, filters });
  const found: FoundPods = new Map();
  for (const summary of summaries) {
    const labels = readLabels(summary.Labels);
    if (labels === undefined) continue;
    const run = { ...(await runOf(engine, summary, labels.attempt)), hash: labels.hash };
    const pod = found.get(labels.podUid) ?? new Map<string, ContainerRun[]>();
    found.set(labels.podUid, pod);
    pod.set(
      labels.container,
      [...(pod.get(labels.container) ?? []), run].sort((a, b) => a.attempt - b.attempt),
    );
  }
  return found;
}

/** Takes what was made and never started out of `found`, and away: it is made anew where it is still wanted. */
export async function removeUnstarted(engine: Engine, found: FoundPods): Promise<void> {
  for (const pod of found.values()) {
    for (const [name, runs] of pod) {
      const unstarted = runs.filter(({ phase }) => phase === "starting");
      if (unstarted.length === 0) continue;
      pod.set(
        name,
        runs.filter((run) => !unstarted.includes(run)),
      );
      const options = { force: true, volumes: true, link: false };
      await Promise.all(unstarted.map(({ containerId }) => engine.containers.remove(containerId, options)));
    }
  }
}

async function runOf(engine: Engine, { Id, State, Image }: ContainerSummary, attempt: number): Promise<ContainerRun> {
  const imageId = await engine.images.inspect(Image).then(
    (image) => image.RepoDigests?.[0] ?? image.Id,
    () => Image,
  );
  const run = newRun(attempt, imageId);
  run.containerId = Id;
  const { State: state } = await engine.containers.inspect(Id);
  // Made by an agent that died before it started it.
  if (State === "created" && state.Error === "") return run;
  run.startedAt = Math.max(0, Date.parse(state.StartedAt) || 0);
  if (State === "running" || State === "paused") return { ...run, phase: "running" };
  const exitCode = State === "created" ? 128 : state.ExitCode;
  const reason = state.OOMKilled ? "OOMKilled" : exitCode === 0 ? "Completed" : "Error";
  const finishedAt = Math.max(0, Date.parse(state.FinishedAt) || 0) || Date.now();
  return { ...run, phase: "ended", exitCode, reason, finishedAt, message: state.Error };
}
