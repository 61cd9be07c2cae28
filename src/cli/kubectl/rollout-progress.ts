/** How far a roll-out is, in kubectl's words. Pure. */

import { CliError } from "../cli-error.ts";
import type { PodTemplateHolder } from "./workload-kinds.ts";

export interface Progress {
  readonly message: string;
  readonly isDone: boolean;
}
interface Condition {
  type: string;
  status: string;
  reason?: string;
}
const number = (value: unknown): number => (typeof value === "number" ? value : 0);

/** @param resource "deployments", "daemonsets" or "statefulsets" @throws CliError when it cannot succeed any more */
export function progressOf(object: PodTemplateHolder, resource: string): Progress {
  const { metadata, spec = {}, status = {} } = object;
  const { name } = metadata;
  const isSeen = number(metadata.generation) <= number(status.observedGeneration);
  if (resource === "deployments") return isSeen ? deployment(name, spec, status) : unseen("deployment");
  if (resource === "daemonsets") return isSeen ? daemonSet(name, spec, status) : unseen("daemon set");
  return statefulSet(spec, status, isSeen);
}

const unseen = (what: string): Progress => ({
  message: `Waiting for ${what} spec update to be observed...\n`,
  isDone: false,
});

type Members = Record<string, unknown>;

function deployment(name: string, spec: Members, status: Members): Progress {
  const conditions = (status.conditions ?? []) as Condition[];
  const progressing = conditions.find(({ type }) => type === "Progressing");
  if (progressing?.reason === "ProgressDeadlineExceeded") {
    throw new CliError(`error: deployment "${name}" exceeded its progress deadline`);
  }
  const [wanted, all, updated, available] = [
    spec.replicas ?? 1,
    status.replicas,
    status.updatedReplicas,
    status.availableReplicas,
  ].map(number) as [number, number, number, number];
  const waiting = (why: string) => ({
    message: `Waiting for deployment "${name}" rollout to finish: ${why}...\n`,
    isDone: false,
  });
  if (updated < wanted) return waiting(`${updated} out of ${wanted} new replicas have been updated`);
  if (all > updated) return waiting(`${all - updated} old replicas are pending termination`);
  if (available < updated) return waiting(`${available} of ${updated} updated replicas are available`);
  return { message: `deployment "${name}" successfully rolled out\n`, isDone: true };
}

function daemonSet(name: string, spec: Members, status: Members): Progress {
  const strategy = (spec.updateStrategy as { type?: string } | undefined)?.type ?? "RollingUpdate";
  if (strategy !== "RollingUpdate") {
    throw new CliError(`error: rollout status is only available for RollingUpdate strategy type`);
  }
  const [wanted, updated, available] = [
    status.desiredNumberScheduled,
    status.updatedNumberScheduled,
    status.numberAvailable,
  ].map(number) as [number, number, number];
  const waiting = (why: string) => ({
    message: `Waiting for daemon set "${name}" rollout to finish: ${why}...\n`,
    isDone: false,
  });
  if (updated < wanted) return waiting(`${updated} out of ${wanted} new pods have been updated`);
  if (available < wanted) return waiting(`${available} of ${wanted} updated pods are available`);
  return { message: `daemon set "${name}" successfully rolled out\n`, isDone: true };
}

function statefulSet(spec: Members, status: Members, isSeen: boolean): Progress {
  const strategy = spec.updateStrategy as { type?: string; rollingUpdate?: { partition?: number } } | undefined;
  if ((strategy?.type ?? "RollingUpdate") !== "RollingUpdate") {
    throw new CliError("error: rollout status is only available for RollingUpdate strategy type");
  }
  if (number(status.observedGeneration) === 0 || !isSeen) {
    return { message: "Waiting for statefulset spec update to be observed...\n", isDone: false };
  }
  const [wanted, ready, updated] = [spec.replicas ?? 1, status.readyReplicas, status.updatedReplicas].map(number) as [
    number,
    number,
    number,
  ];
  if (ready < wanted) return { message: `Waiting for ${wanted - ready} pods to be ready...\n`, isDone: false };
  const partition = strategy?.rollingUpdate?.partition ?? 0;
  if (partition > 0) {
    if (updated < wanted - partition) {
      const message = `Waiting for partitioned roll out to finish: ${updated} out of ${wanted - partition} new pods have been updated...\n`;
      return { message, isDone: false };
    }
    return { message: `partitioned roll out complete: ${updated} new pods have been updated...\n`, isDone: true };
  }
  if (status.updateRevision !== status.currentRevision) {
    const message = `waiting for statefulset rolling update to complete ${updated} pods at revision ${status.updateRevision}...\n`;
    return { message, isDone: false };
  }
  const message = `statefulset rolling update complete ${number(status.currentReplicas)} pods at revision ${status.currentRevision}...\n`;
  return { message, isDone: true };
}
