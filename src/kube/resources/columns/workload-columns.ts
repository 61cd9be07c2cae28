/** What `kubectl get` shows of the kinds that make pods. */
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from "../../../model/kubernetes/apps.ts";
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from "../../../model/kubernetes/autoscaling.ts";
import type { CronJob, Job } from "../../../model/kubernetes/batch.ts";
import type { PodTemplate, ReplicationController } from "../../../model/kubernetes/core.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { PodDisruptionBudget } from "../../../model/kubernetes/policy.ts";
import { ageText, durationText } from "../../machinery/age.ts";
import type { TableColumn } from "../../machinery/definition.ts";
import { labelSelectorText } from "../../machinery/selectors.ts";
import { AGE, count, labelsText, NAME, NONE, text, workload } from "./column.ts";

function columns<T extends KubeObject>(...list: TableColumn<T>[]): readonly TableColumn<T>[] {
  return list;
}
const name = <T extends KubeObject>() => NAME as TableColumn<T>;
const age = <T extends KubeObject>() => AGE as TableColumn<T>;

export const DEPLOYMENT_COLUMNS = columns<Deployment>(
  name(),
  text("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`),
  count("Up-to-date", ({ status }) => status?.updatedReplicas ?? 0),
  count("Available", ({ status }) => status?.availableReplicas ?? 0),
  age(),
  ...workload<Deployment>(
    ({ spec }) => spec?.template.spec?.containers,
    ({ spec }) => labelSelectorText(spec?.selector),
  ),
);

export const REPLICA_SET_COLUMNS = columns<ReplicaSet>(
  name(),
  count("Desired", ({ spec }) => spec?.replicas ?? 1),
  count("Current", ({ status }) => status?.replicas ?? 0),
  count("Ready", ({ status }) => status?.readyReplicas ?? 0),
  age(),
  ...workload<ReplicaSet>(
    ({ spec }) => spec?.template?.spec?.containers,
    ({ spec }) => labelSelectorText(spec?.selector),
  ),
);

export const REPLICATION_CONTROLLER_COLUMNS = columns<ReplicationController>(
  name(),
  count("Desired", ({ spec }) => spec?.replicas ?? 1),
  count("Current", ({ status }) => status?.replicas ?? 0),
  count("Ready", ({ status }) => status?.readyReplicas ?? 0),
  age(),
  ...workload<ReplicationController>(
    ({ spec }) => spec?.template?.spec?.containers,
    ({ spec }) => labelsText(spec?.selector),
  ),
);

const [, STATEFUL_CONTAINERS, STATEFUL_IMAGES] = [
  undefined,
  ...workload<StatefulSet>(
    ({ spec }) => spec?.template.spec?.containers,
    () => "",
  ),
];
export const STATEFUL_SET_COLUMNS = columns<StatefulSet>(
  name(),
  text("Ready", ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 1}`),
  age(),
  STATEFUL_CONTAINERS!,
  STATEFUL_IMAGES!,
);

export const DAEMON_SET_COLUMNS = columns<DaemonSet>(
  name(),
  count("Desired", ({ status }) => status?.desiredNumberScheduled ?? 0),
  count("Current", ({ status }) => status?.currentNumberScheduled ?? 0),
  count("Ready", ({ status }) => status?.numberReady ?? 0),
  count("Up-to-date", ({ status }) => status?.updatedNumberScheduled ?? 0),
  count("Available", ({ status }) => status?.numberAvailable ?? 0),
  text("Node Selector", ({ spec }) => labelsText(spec?.template.spec?.nodeSelector)),
  age(),
  ...workload<DaemonSet>(
    ({ spec }) => spec?.template.spec?.containers,
    ({ spec }) => labelSelectorText(spec?.selector),
  ),
);

export const CONTROLLER_REVISION_COLUMNS = columns<ControllerRevision>(
  name(),
  text("Controller", ({ metadata }) => {
    const owner = metadata.ownerReferences?.find(({ controller }) => controller);
    if (owner === undefined) return NONE;
    const [group] = owner.apiVersion.includes("/") ? owner.apiVersion.split("/", 1) : [""];
    return `${owner.kind.toLowerCase()}${group ? `.${group}` : ""}/${owner.name}`;
  }),
  count("Revision", ({ revision }) => revision),
  age(),
);

export const JOB_COLUMNS = columns<Job>(
  name(),
  text("Status", jobStatus),
  text("Completions", jobCompletions),
  text("Duration", jobDuration),
  age(),
  ...workload<Job>(
    ({ spec }) => spec?.template.spec?.containers,
    ({ spec }) => labelSelectorText(spec?.selector),
  ),
);

function jobStatus({ spec, status, metadata }: Stored<Job>): string {
  const has = (type: string) => status?.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  if (has("Suspended") || spec?.suspend === true) return "Suspended";
  if (has("FailureTarget")) return "FailureTarget";
  return has("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function jobCompletions({ spec, status }: Stored<Job>): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration({ status }: Stored<Job>, now: number): string {
  const { startTime, completionTime, conditions = [] } = status ?? {};
  if (startTime === undefined) return "";
  const failed = conditions.find(({ type, status: value }) => type === "Failed" && value === "True");
  const end = completionTime ?? failed?.lastTransitionTime;
  return durationText(((end === undefined ? now : Date.parse(end)) - Date.parse(startTime)) / 1000);
}

export const CRON_JOB_COLUMNS = columns<CronJob>(
  name(),
  text("Schedule", ({ spec }) => spec?.schedule ?? ""),
  text("Timezone", ({ spec }) => spec?.timeZone ?? NONE),
  text("Suspend", ({ spec }) => (spec?.suspend === true ? "True" : "False")),
  count("Active", ({ status }) => status?.active?.length ?? 0),
  text("Last Schedule", ({ status }, now) =>
    status?.lastScheduleTime === undefined ? NONE : ageText(status.lastScheduleTime, now),
  ),
  age(),
  ...workload<CronJob>(
    ({ spec }) => spec?.jobTemplate.spec?.template.spec?.containers,
    ({ spec }) => {
      const selector = labelSelectorText(spec?.jobTemplate.spec?.selector);
      return selector === "" ? NONE : selector;
    },
  ),
);

export const POD_TEMPLATE_COLUMNS = columns<PodTemplate>(
  name(),
  text("Containers", ({ template }) => (template?.spec?.containers ?? []).map((one) => one.name).join(",")),
  text("Images", ({ template }) => (template?.spec?.containers ?? []).map(({ image }) => image ?? "").join(",")),
  text("Pod Labels", ({ template }) => labelsText(template?.metadata?.labels)),
);

export const DISRUPTION_BUDGET_COLUMNS = columns<PodDisruptionBudget>(
  name(),
  text("Min Available", ({ spec }) => String(spec?.minAvailable ?? "N/A")),
  text("Max Unavailable", ({ spec }) => String(spec?.maxUnavailable ?? "N/A")),
  count("Allowed Disruptions", ({ status }) => status?.disruptionsAllowed ?? 0),
  age(),
);

const SHOWN_METRICS = 2;

export const AUTOSCALER_COLUMNS = columns<HorizontalPodAutoscaler>(
  name(),
  text("Reference", ({ spec }) => `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name}`),
  text("Targets", ({ spec, status }) => targetsText(spec?.metrics ?? [], status?.currentMetrics ?? [])),
  text("MinPods", ({ spec }) => String(spec?.minReplicas ?? "<unset>")),
  count("MaxPods", ({ spec }) => spec?.maxReplicas ?? 0),
  count("Replicas", ({ status }) => status?.currentReplicas ?? 0),
  age(),
);

function targetsText(wanted: readonly MetricSpec[], current: readonly MetricStatus[]): string {
  if (wanted.length === 0) return NONE;
  const texts = wanted.slice(0, SHOWN_METRICS).map((spec, index) => targetText(spec, current[index]));
  const rest = wanted.length - SHOWN_METRICS;
  return rest > 0 ? `${texts.join(", ")} + ${rest} more...` : texts.join(", ");
}

function targetText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const { resource, containerResource, pods, object, external } = spec;
  const what = resource ?? containerResource ?? pods ?? object ?? external;
  if (what === undefined) return "<unknown type>";
  const measured = status?.resource ?? status?.containerResource ?? status?.pods ?? status?.object ?? status?.external;
  const target: MetricTarget = what.target;
  const value = measured?.current;
  const isNamed = resource !== undefined || containerResource !== undefined;
  const prefix = isNamed ? `${(what as { name: string }).name}: ` : "";
  if (target.averageUtilization !== undefined) {
    const used = value?.averageUtilization;
    return `${prefix}${used === undefined ? "<unknown>" : `${used}%`}/${target.averageUtilization}%`;
  }
  const used = value?.averageValue ?? value?.value ?? "<unknown>";
  const isAverage = target.averageValue !== undefined;
  const unit = isAverage && !isNamed && pods === undefined ? " (avg)" : "";
  return `${prefix}${used}/${target.averageValue ?? target.value}${unit}`;
}
