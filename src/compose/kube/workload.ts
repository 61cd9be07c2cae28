/** The object that runs a service's pods: Deployment, DaemonSet, Job or CronJob, and what scales it. */
import type { DaemonSet, Deployment, DeploymentStrategy } from "../../model/kubernetes/apps.ts";
import type { HorizontalPodAutoscaler, MetricSpec } from "../../model/kubernetes/autoscaling.ts";
import type { CronJob, Job, JobSpec } from "../../model/kubernetes/batch.ts";
import type { PodTemplateSpec } from "../../model/kubernetes/core.ts";
import type { ObjectMeta } from "../../model/kubernetes/meta.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import { type Autoscale, autoscaleOf } from "../automation/autoscale.ts";
import { type Schedule, scheduleOf } from "../automation/schedule.ts";
import type { Conversion, KubeService } from "./kube-project.ts";
import { kubeName, networkLabel, projectLabels, serviceSelector } from "./names.ts";
import { podSpec } from "./pod-spec.ts";

const JOB_RETRIES = 6;

/** @throws {NaruError} invalid */
export function workload(conversion: Conversion, service: KubeService): KubeObject[] {
  const { name, model, tree } = service;
  const schedule = scheduleOf(name, tree);
  const autoscale = autoscaleOf(name, tree);
  if (schedule) return cronJobs(conversion, service, schedule);
  if (service.isAwaited) return [job(conversion, service)];
  const selector = { matchLabels: serviceSelector(conversion.project.name, name) };
  const template = podTemplate(conversion, service, "Always");
  const metadata = metadataOf(conversion, name, model.deploy?.labels);
  if (model.deploy?.mode === "global") {
    const set: DaemonSet = { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec: { selector, template } };
    return [set];
  }
  const replicas = autoscale ? autoscale.min : (model.scale ?? model.deploy?.replicas ?? 1);
  const deployment: Deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    // The autoscaler's count must not be written over when the file is applied again.
    spec: { ...(autoscale ? {} : { replicas }), selector, strategy: strategy(service), template },
  };
  return autoscale ? [deployment, autoscaler(conversion, name, autoscale)] : [deployment];
}

function metadataOf(
  { project }: Conversion,
  service: string,
  annotations: Record<string, string> | undefined,
): ObjectMeta {
  const labels = { ...serviceSelector(project.name, service), ...projectLabels(project.name) };
  const isAnnotated = annotations !== undefined && Object.keys(annotations).length > 0;
  return { name: kubeName(service), labels, ...(isAnnotated ? { annotations } : {}) };
}

function podTemplate(
  conversion: Conversion,
  service: KubeService,
  restartPolicy: "Always" | "OnFailure" | "Never",
): PodTemplateSpec {
  const { name, model } = service;
  const networks = model.network_mode ? [] : Object.keys(model.networks ?? {});
  const labels = {
    ...serviceSelector(conversion.project.name, name),
    ...Object.fromEntries(networks.map((network) => [networkLabel(network), "true"])),
  };
  // Values of labels are bound to letters that Docker's are not.
  const annotations = { ...model.labels, ...model.annotations };
  return {
    metadata: { labels, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: { ...podSpec(conversion, service), restartPolicy },
  };
}

/** A volume that one node alone may write wants the old pod gone before the new one starts. */
function strategy({ model }: KubeService): DeploymentStrategy {
  const holdsVolume = (model.volumes ?? []).some(({ type, source }) => type === "volume" && source);
  const { order, parallelism = 1 } = model.deploy?.update_config ?? {};
  if (holdsVolume && order !== "start-first") return { type: "Recreate" };
  if (order === "start-first")
    return { type: "RollingUpdate", rollingUpdate: { maxSurge: parallelism, maxUnavailable: 0 } };
  if (order === "stop-first")
    return { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: parallelism } };
  return { type: "RollingUpdate" };
}

function jobSpec(conversion: Conversion, service: KubeService, timeoutMs?: number): JobSpec {
  const { restart = "no" } = service.model;
  const [policy, most] = restart.split(":");
  const retries = policy === "on-failure" ? Number(most ?? JOB_RETRIES) : 0;
  return {
    backoffLimit: retries,
    ...(timeoutMs === undefined ? {} : { activeDeadlineSeconds: Math.ceil(timeoutMs / 1000) }),
    template: podTemplate(conversion, service, retries > 0 ? "OnFailure" : "Never"),
  };
}

function job(conversion: Conversion, service: KubeService): Job {
  const metadata = metadataOf(conversion, service.name, undefined);
  return { apiVersion: "batch/v1", kind: "Job", metadata, spec: jobSpec(conversion, service) };
}

function cronJobs(conversion: Conversion, service: KubeService, schedule: Schedule): CronJob[] {
  const { name } = service;
  if (schedule.catchesUp) conversion.remark(name, "catch_up is startingDeadlineSeconds here: one hour");
  return schedule.cron.map((line, index) => {
    if (line.startsWith("@every"))
      conversion.remark(name, `cron ${line}: Kubernetes counts @every from the start of its controller`);
    const metadata = metadataOf(conversion, name, undefined);
    return {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: schedule.cron.length === 1 ? metadata : { ...metadata, name: kubeName(`${name}-${index + 1}`) },
      spec: {
        schedule: line,
        timeZone: schedule.zone === "UTC" ? "Etc/UTC" : schedule.zone,
        concurrencyPolicy: schedule.overlap === "replace" ? "Replace" : "Forbid",
        ...(schedule.catchesUp ? { startingDeadlineSeconds: 3600 } : {}),
        successfulJobsHistoryLimit: Math.min(schedule.keptRuns, 3),
        failedJobsHistoryLimit: Math.min(schedule.keptRuns, 3),
        jobTemplate: { spec: jobSpec(conversion, service, schedule.timeoutMs) },
      },
    };
  });
}

function autoscaler(conversion: Conversion, service: string, autoscale: Autoscale): HorizontalPodAutoscaler {
  const { min, max, target, downAfterMs } = autoscale;
  const metrics: MetricSpec[] = [];
  const add = (name: string, aim: { averageUtilization: number } | { averageValue: string }) => {
    const type = "averageValue" in aim ? "AverageValue" : "Utilization";
    metrics.push({ type: "Resource", resource: { name, target: { type, ...aim } } });
  };
  if (target.cpu !== undefined) add("cpu", { averageUtilization: Math.round(target.cpu * 100) });
  if (target.memoryShare !== undefined) add("memory", { averageUtilization: Math.round(target.memoryShare * 100) });
  if (target.memoryBytes !== undefined) add("memory", { averageValue: String(target.memoryBytes) });
  if (target.requests !== undefined) {
    conversion.remark(
      service,
      "the autoscale target 'requests' needs a metrics adapter that offers http_requests_per_second",
    );
    const metric = { name: "http_requests_per_second" };
    metrics.push({
      type: "Pods",
      pods: { metric, target: { type: "AverageValue", averageValue: String(target.requests) } },
    });
  }
  const hasRequest = (conversion.project.services[service]?.deploy?.resources?.reservations?.cpus ?? 0) > 0;
  if (target.cpu !== undefined && !hasRequest) {
    conversion.remark(service, "shares of cpu are of the requested cpu: set deploy.resources.reservations.cpus");
  }
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: metadataOf(conversion, service, undefined),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: kubeName(service) },
      minReplicas: min,
      maxReplicas: max,
      metrics,
      behavior: { scaleDown: { stabilizationWindowSeconds: Math.min(3600, Math.round(downAfterMs / 1000)) } },
    },
  };
}
