import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "../../../model/kubernetes/apps.ts";
import type { CronJob, Job } from "../../../model/kubernetes/batch.ts";
import type { PersistentVolumeClaim, Pod } from "../../../model/kubernetes/core.ts";
import type { ObjectMeta } from "../../../model/kubernetes/meta.ts";
import type { KubeApi } from "../kube-api.ts";
import {
  ageText,
  annotationLines,
  controlledBy,
  labelLines,
  pairLines,
  selectorOf,
  timeText,
  yesNo,
} from "./describer.ts";
import { templateLines } from "./pod-volumes.ts";

const REVISION = "deployment.kubernetes.io/revision";

async function ownedBy<T extends { metadata?: ObjectMeta }>(
  api: KubeApi,
  owner: ObjectMeta,
  resource: string,
  selector: Parameters<typeof selectorOf>[0],
): Promise<T[]> {
  const path = `${resource === "pods" ? "/api/v1" : "/apis/apps/v1"}/namespaces/${owner.namespace}/${resource}`;
  const { items = [] } = await api.get<{ items?: T[] }>(path, { query: { labelSelector: selectorOf(selector) } });
  return items.filter(({ metadata }) =>
    metadata?.ownerReferences?.some(({ uid, controller }) => controller && uid === owner.uid),
  );
}

async function podsLine(api: KubeApi, owner: ObjectMeta, selector: Parameters<typeof selectorOf>[0]): Promise<string> {
  const pods = await ownedBy<Pod>(api, owner, "pods", selector);
  const count = (phase: string) => pods.filter(({ status }) => (status?.phase ?? "Pending") === phase).length;
  return `Pods Status:\t${count("Running")} Running / ${count("Pending")} Waiting / ${count("Succeeded")} Succeeded / ${count("Failed")} Failed`;
}

/** A deployment and its replica sets, which are asked for. @throws KubeApiError */
export async function deploymentLines(deployment: Deployment, api: KubeApi): Promise<string[]> {
  const { metadata = {}, spec, status = {} } = deployment;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, unavailableReplicas = 0 } = status;
  const rolling = spec?.strategy?.rollingUpdate;
  const conditions = (status.conditions ?? []).map((one) => `  ${one.type} \t${one.status}\t${one.reason ?? ""}`);
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    `CreationTimestamp:\t${timeText(metadata.creationTimestamp)}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Selector:\t${selectorOf(spec?.selector)}`,
    `Replicas:\t${spec?.replicas ?? 1} desired | ${updatedReplicas} updated | ${replicas} total | ${availableReplicas} available | ${unavailableReplicas} unavailable`,
    `StrategyType:\t${spec?.strategy?.type ?? ""}`,
    `MinReadySeconds:\t${spec?.minReadySeconds ?? 0}`,
    ...(rolling === undefined
      ? []
      : [`RollingUpdateStrategy:\t${rolling.maxUnavailable} max unavailable, ${rolling.maxSurge} max surge`]),
    ...templateLines(spec?.template ?? {}),
    ...(conditions.length === 0
      ? []
      : ["Conditions:", "  Type\tStatus\tReason", "  ----\t------\t------", ...conditions]),
    ...(await replicaSetLines(deployment, api)),
  ];
}

async function replicaSetLines({ metadata = {}, spec }: Deployment, api: KubeApi): Promise<string[]> {
  const sets = await ownedBy<ReplicaSet>(api, metadata, "replicasets", spec?.selector);
  const revision = metadata.annotations?.[REVISION];
  const text = (set: ReplicaSet) =>
    `${set.metadata?.name} (${set.status?.replicas ?? 0}/${set.spec?.replicas ?? 0} replicas created)`;
  const isNew = (set: ReplicaSet) => set.metadata?.annotations?.[REVISION] === revision;
  const old = sets
    .filter((set) => !isNew(set))
    .sort((one, other) => (one.metadata!.name! < other.metadata!.name! ? -1 : 1));
  const join = (list: ReplicaSet[]) => list.map(text).join(", ") || "<none>";
  return [`OldReplicaSets:\t${join(old)}`, `NewReplicaSet:\t${join(sets.filter(isNew).slice(0, 1))}`];
}

/** A replica set or replication controller, and how its pods fare. @throws KubeApiError */
export async function replicaSetDescription(set: ReplicaSet, api: KubeApi): Promise<string[]> {
  const { metadata = {}, spec, status } = set;
  // Replication controllers have plain selectors.
  const selector = spec?.selector as { matchLabels?: object; matchExpressions?: object } | undefined;
  const isPlain = selector !== undefined && !("matchLabels" in selector) && !("matchExpressions" in selector);
  const wanted = isPlain ? { matchLabels: selector as Record<string, string> } : spec?.selector;
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    `Selector:\t${selectorOf(wanted)}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    ...controlledBy(metadata),
    `Replicas:\t${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`,
    await podsLine(api, metadata, wanted),
    ...templateLines(spec?.template ?? {}),
  ];
}

/** A stateful set, its claims, and how its pods fare. @throws KubeApiError */
export async function statefulSetLines(set: StatefulSet, api: KubeApi): Promise<string[]> {
  const { metadata = {}, spec, status } = set;
  const partition = spec?.updateStrategy?.rollingUpdate?.partition;
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    `CreationTimestamp:\t${timeText(metadata.creationTimestamp)}`,
    `Selector:\t${selectorOf(spec?.selector)}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Replicas:\t${spec?.replicas ?? 1} desired | ${status?.replicas ?? 0} total`,
    `Update Strategy:\t${spec?.updateStrategy?.type ?? ""}`,
    ...(partition === undefined ? [] : [`  Partition:\t${partition}`]),
    await podsLine(api, metadata, spec?.selector),
    ...templateLines(spec?.template ?? {}),
    ...claimLines(spec?.volumeClaimTemplates ?? []),
  ];
}

function claimLines(claims: readonly PersistentVolumeClaim[]): string[] {
  if (claims.length === 0) return ["Volume Claims:\t<none>"];
  return [
    "Volume Claims:",
    ...claims.flatMap(({ metadata = {}, spec }) => [
      `  Name:\t${metadata.name}`,
      `  StorageClass:\t${spec?.storageClassName ?? ""}`,
      ...pairLines("Labels", metadata.labels, { indent: "  " }),
      ...annotationLines(metadata.annotations, "  "),
      `  Capacity:\t${spec?.resources?.requests?.storage ?? "<default>"}`,
      `  Access Modes:\t[${(spec?.accessModes ?? []).join(" ")}]`,
    ]),
  ];
}

/** A daemon set, and how its pods fare. @throws KubeApiError */
export async function daemonSetLines(set: DaemonSet, api: KubeApi): Promise<string[]> {
  const { metadata = {}, spec, status } = set;
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    `Selector:\t${selectorOf(spec?.selector)}`,
    `Node-Selector:\t${selectorOf({ matchLabels: spec?.template.spec?.nodeSelector ?? {} })}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Desired Number of Nodes Scheduled: ${status?.desiredNumberScheduled ?? 0}`,
    `Current Number of Nodes Scheduled: ${status?.currentNumberScheduled ?? 0}`,
    `Number of Nodes Scheduled with Up-to-date Pods: ${status?.updatedNumberScheduled ?? 0}`,
    `Number of Nodes Scheduled with Available Pods: ${status?.numberAvailable ?? 0}`,
    `Number of Nodes Misscheduled: ${status?.numberMisscheduled ?? 0}`,
    await podsLine(api, metadata, spec?.selector),
    ...templateLines(spec?.template ?? {}),
  ];
}

/** A job and how far it is. */
export function jobLines(job: Job): string[] {
  const { metadata = {}, spec, status = {} } = job;
  const { startTime, completionTime } = status;
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...(spec?.selector === undefined ? [] : [`Selector:\t${selectorOf(spec.selector)}`]),
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    ...controlledBy(metadata),
    `Parallelism:\t${spec?.parallelism ?? 1}`,
    `Completions:\t${spec?.completions ?? "<unset>"}`,
    ...(spec?.completionMode === undefined ? [] : [`Completion Mode:\t${spec.completionMode}`]),
    ...(spec?.suspend === undefined ? [] : [`Suspend:\t${spec.suspend}`]),
    ...(spec?.backoffLimit === undefined ? [] : [`Backoff Limit:\t${spec.backoffLimit}`]),
    ...(spec?.ttlSecondsAfterFinished === undefined
      ? []
      : [`TTL Seconds After Finished:\t${spec.ttlSecondsAfterFinished}`]),
    ...(startTime === undefined ? [] : [`Start Time:\t${timeText(startTime)}`]),
    ...(completionTime === undefined ? [] : [`Completed At:\t${timeText(completionTime)}`]),
    ...(startTime !== undefined && completionTime !== undefined
      ? [`Duration:\t${ageText(Date.parse(completionTime) - Date.parse(startTime))}`]
      : []),
    ...(spec?.activeDeadlineSeconds === undefined ? [] : [`Active Deadline Seconds:\t${spec.activeDeadlineSeconds}s`]),
    `Pods Statuses:\t${status.active ?? 0} Active (${status.ready ?? 0} Ready) / ${status.succeeded ?? 0} Succeeded / ${status.failed ?? 0} Failed`,
    ...(spec?.completionMode === "Indexed" ? [`Completed Indexes:\t${status.completedIndexes || "<none>"}`] : []),
    ...templateLines(spec?.template ?? {}),
  ];
}

/** When jobs are made, how, and which run now. */
export function cronJobLines({ metadata = {}, spec, status = {} }: CronJob): string[] {
  const job = spec?.jobTemplate.spec;
  const active = (status.active ?? []).map(({ name }) => name).join(", ");
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Schedule:\t${spec?.schedule}`,
    `Concurrency Policy:\t${spec?.concurrencyPolicy ?? ""}`,
    `Suspend:\t${yesNo(spec?.suspend)}`,
    `Time Zone:\t${spec?.timeZone ?? "<unset>"}`,
    `Successful Job History Limit:\t${spec?.successfulJobsHistoryLimit ?? "<unset>"}`,
    `Failed Job History Limit:\t${spec?.failedJobsHistoryLimit ?? "<unset>"}`,
    `Starting Deadline Seconds:\t${spec?.startingDeadlineSeconds === undefined ? "<unset>" : `${spec.startingDeadlineSeconds}s`}`,
    `Selector:\t${job?.selector === undefined ? "<unset>" : selectorOf(job.selector)}`,
    // A job without these numbers runs one pod once.
    `Parallelism:\t${job?.parallelism ?? 1}`,
    `Completions:\t${job?.completions ?? 1}`,
    ...(job?.activeDeadlineSeconds === undefined ? [] : [`Active Deadline Seconds:\t${job.activeDeadlineSeconds}s`]),
    ...templateLines(job?.template ?? {}),
    `Last Schedule Time:\t${timeText(status.lastScheduleTime)}`,
    `Active Jobs:\t${active || "<none>"}`,
  ];
}
