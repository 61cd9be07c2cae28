/** Horizontal pod autoscalers: v2 is what is stored, v1 what old clients (and kubectl autoscale's readers) see. */

import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec } from "../../model/kubernetes/autoscaling.ts";
import type { HorizontalPodAutoscaler as OldAutoscaler } from "../../model/kubernetes/autoscaling-v1.ts";
import { HORIZONTAL_POD_AUTOSCALERS } from "../../model/kubernetes/names.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { oneOf } from "./common-rules.ts";
import { statusUpdate } from "./status-update.ts";

/** Where v1 keeps what it has no fields for. */
const METRICS_ANNOTATION = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR_ANNOTATION = "autoscaling.alpha.kubernetes.io/behavior";

export const horizontalPodAutoscalers: ResourceDefinition<HorizontalPodAutoscaler> = {
  type: HORIZONTAL_POD_AUTOSCALERS,
  singular: "horizontalpodautoscaler",
  shortNames: ["hpa"],
  categories: ["all"],
  versions: [{ group: "autoscaling", version: "v1", fromStorage: asV1, toStorage: asV2 }],
  partialUpdates: { status: statusUpdate() },
  prepareCreate(autoscaler) {
    autoscaler.status = { desiredReplicas: 0, currentReplicas: 0 };
  },
  defaults({ spec }) {
    if (spec === undefined) return;
    spec.minReplicas ??= 1;
    if ((spec.metrics ?? []).length === 0) spec.metrics = [cpuMetric(80)];
    if (spec.behavior === undefined) return;
    spec.behavior.scaleUp ??= {};
    spec.behavior.scaleDown ??= {};
    fillRules(spec.behavior.scaleUp, true);
    fillRules(spec.behavior.scaleDown, false);
  },
  validate({ spec }) {
    if (spec === undefined) return [required("spec.scaleTargetRef")];
    const faults: FieldError[] = [];
    const { minReplicas, maxReplicas, scaleTargetRef } = spec;
    if (!scaleTargetRef?.kind) faults.push(required("spec.scaleTargetRef.kind"));
    if (!scaleTargetRef?.name) faults.push(required("spec.scaleTargetRef.name"));
    if (minReplicas !== undefined && minReplicas < 1) {
      faults.push(invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
    }
    if (!(maxReplicas >= 1)) faults.push(invalid("spec.maxReplicas", maxReplicas ?? 0, "must be greater than 0"));
    else if (minReplicas !== undefined && maxReplicas < minReplicas) {
      faults.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`"));
    }
    for (const [index, metric] of (spec.metrics ?? []).entries())
      faults.push(...metricFaults(`spec.metrics[${index}]`, metric));
    for (const name of ["scaleUp", "scaleDown"] as const) {
      faults.push(...rulesFaults(`spec.behavior.${name}`, spec.behavior?.[name]));
    }
    return faults;
  },
};

function cpuMetric(percent: number): MetricSpec {
  return { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: percent } } };
}

function fillRules(rules: HPAScalingRules, up: boolean): void {
  rules.selectPolicy ||= "Max";
  if (up) rules.stabilizationWindowSeconds ??= 0;
  const percent = { type: "Percent", value: 100, periodSeconds: 15 };
  if ((rules.policies ?? []).length === 0) {
    rules.policies = up ? [{ type: "Pods", value: 4, periodSeconds: 15 }, percent] : [percent];
  }
}

const SOURCES: Record<string, keyof MetricSpec> = {
  ContainerResource: "containerResource",
  External: "external",
  Object: "object",
  Pods: "pods",
  Resource: "resource",
};

function metricFaults(field: string, metric: MetricSpec): FieldError[] {
  if (!metric.type) return [required(`${field}.type`, "must specify a metric source type")];
  const source = SOURCES[metric.type];
  if (source === undefined) return oneOf(`${field}.type`, metric.type, Object.keys(SOURCES));
  const given = Object.keys(metric).filter((name) => name !== "type");
  const faults = given
    .filter((name) => name !== source)
    .map((name) => forbidden(`${field}.${name}`, "must populate information for the given metric source"));
  const value = metric[source] as { target?: { type?: string; averageUtilization?: number } } | undefined;
  if (value === undefined)
    return [...faults, required(`${field}.${source}`, "must populate information for the given metric source")];
  const target = value.target;
  if (!target?.type) faults.push(required(`${field}.${source}.target.type`, "must specify a metric target type"));
  else faults.push(...oneOf(`${field}.${source}.target.type`, target.type, ["AverageValue", "Utilization", "Value"]));
  if (target?.averageUtilization !== undefined && target.averageUtilization < 1) {
    faults.push(
      invalid(`${field}.${source}.target.averageUtilization`, target.averageUtilization, "must be greater than 0"),
    );
  }
  return faults;
}

function rulesFaults(field: string, rules: HPAScalingRules | undefined): FieldError[] {
  if (rules === undefined) return [];
  const faults = oneOf(`${field}.selectPolicy`, rules.selectPolicy, ["Disabled", "Max", "Min"]);
  const window = rules.stabilizationWindowSeconds;
  if (window !== undefined && (window < 0 || window > 3600)) {
    const why = window < 0 ? "must be greater than or equal to zero" : "must be less than or equal to 3600";
    faults.push(invalid(`${field}.stabilizationWindowSeconds`, window, why));
  }
  for (const [index, policy] of (rules.policies ?? []).entries()) {
    const at = `${field}.policies[${index}]`;
    faults.push(...oneOf(`${at}.type`, policy.type ?? "", ["Percent", "Pods"]));
    if (!(policy.value > 0)) faults.push(invalid(`${at}.value`, policy.value ?? 0, "must be greater than zero"));
    if (!(policy.periodSeconds > 0))
      faults.push(invalid(`${at}.periodSeconds`, policy.periodSeconds ?? 0, "must be greater than zero"));
    else if (policy.periodSeconds > 1800) {
      faults.push(invalid(`${at}.periodSeconds`, policy.periodSeconds, "must be less than or equal to 1800"));
    }
  }
  return faults;
}

const isCpu = (metric: MetricSpec) =>
  metric.resource?.name === "cpu" && metric.resource.target.averageUtilization !== undefined;

function asV1(autoscaler: Stored<HorizontalPodAutoscaler>): OldAutoscaler {
  const { spec, status } = autoscaler;
  const metadata = structuredClone(autoscaler.metadata);
  const others = (spec?.metrics ?? []).filter((metric) => !isCpu(metric));
  const percent = (spec?.metrics ?? []).find(isCpu)?.resource?.target.averageUtilization;
  if (others.length > 0)
    metadata.annotations = { ...metadata.annotations, [METRICS_ANNOTATION]: JSON.stringify(others) };
  if (spec?.behavior !== undefined) {
    metadata.annotations = { ...metadata.annotations, [BEHAVIOR_ANNOTATION]: JSON.stringify(spec.behavior) };
  }
  const current = status?.currentMetrics?.find((one) => one.resource?.name === "cpu")?.resource?.current
    .averageUtilization;
  return {
    apiVersion: "autoscaling/v1",
    kind: "HorizontalPodAutoscaler",
    metadata,
    spec: {
      maxReplicas: spec?.maxReplicas ?? 0,
      ...(spec?.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
      scaleTargetRef: spec?.scaleTargetRef ?? { kind: "", name: "" },
      ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }),
    },
    status: {
      currentReplicas: status?.currentReplicas ?? 0,
      desiredReplicas: status?.desiredReplicas ?? 0,
      ...(status?.lastScaleTime === undefined ? {} : { lastScaleTime: status.lastScaleTime }),
      ...(status?.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
      ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }),
    },
  };
}

function asV2(object: KubeObject): HorizontalPodAutoscaler {
  const { metadata, spec, status } = object as OldAutoscaler;
  const { [METRICS_ANNOTATION]: others, [BEHAVIOR_ANNOTATION]: behavior, ...annotations } = metadata.annotations ?? {};
  const percent = spec?.targetCPUUtilizationPercentage;
  const metrics = [...(percent === undefined ? [] : [cpuMetric(percent)]), ...(parsed<MetricSpec[]>(others) ?? [])];
  const rules = parsed<NonNullable<HorizontalPodAutoscaler["spec"]>["behavior"]>(behavior);
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { ...metadata, ...(metadata.annotations === undefined ? {} : { annotations }) },
    ...(spec === undefined
      ? {}
      : {
          spec: {
            maxReplicas: spec.maxReplicas,
            scaleTargetRef: spec.scaleTargetRef,
            ...(spec.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
            ...(metrics.length === 0 ? {} : { metrics }),
            ...(rules === undefined ? {} : { behavior: rules }),
          },
        }),
    ...(status === undefined
      ? {}
      : { status: { currentReplicas: status.currentReplicas, desiredReplicas: status.desiredReplicas } }),
  };
}

function parsed<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
