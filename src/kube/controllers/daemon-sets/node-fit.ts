/** Whether a daemon set's pod belongs on a node. */

import type { DaemonSet } from "../../../model/kubernetes/apps.ts";
import type { Node, Pod, PodTemplateSpec, Toleration } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { podWantsNode, untoleratedTaint } from "../../scheduler/node-selection.ts";

/** What a daemon's pods bear on every node, so that they come before it is ready and stay when it is not. */
const DAEMON_TOLERATIONS: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const HOST_NETWORK_TOLERATION: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

export interface Fit {
  /** A pod is to be made there. */
  shouldRun: boolean;
  /** A pod that is there may stay. */
  shouldStay: boolean;
}

function daemonTolerations(template: PodTemplateSpec): Toleration[] {
  const own = template.spec?.tolerations ?? [];
  const added =
    template.spec?.hostNetwork === true ? [...DAEMON_TOLERATIONS, HOST_NETWORK_TOLERATION] : DAEMON_TOLERATIONS;
  const isThere = (toleration: Toleration) =>
    own.some((each) => each.key === toleration.key && each.effect === toleration.effect && each.operator === "Exists");
  return [...own, ...added.filter((toleration) => !isThere(toleration))];
}

export function nodeFit(set: DaemonSet, node: Stored<Node>): Fit {
  const spec = set.spec!.template.spec;
  const { name, labels = {} } = node.metadata;
  const isNamed = spec?.nodeName === undefined || spec.nodeName === "" || spec.nodeName === name;
  if (!isNamed || !podWantsNode({ spec } as Pod, { name, labels })) return { shouldRun: false, shouldStay: false };
  const tolerations = daemonTolerations(set.spec!.template);
  const bad = (effects: string[]) => untoleratedTaint(node.spec?.taints ?? [], tolerations, effects) !== undefined;
  return { shouldRun: !bad(["NoSchedule", "NoExecute"]), shouldStay: !bad(["NoExecute"]) };
}

/** The node for which a daemon's pod was made, also before it is bound. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec?.nodeName !== undefined && pod.spec.nodeName !== "") return pod.spec.nodeName;
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  for (const field of (terms ?? []).flatMap((term) => term.matchFields ?? [])) {
    if (field.key === "metadata.name" && field.operator === "In" && field.values?.length === 1) return field.values[0];
  }
  return undefined;
}

/** The template's pod, bound to a node by affinity: the scheduler places it there and nowhere else. */
export function templateForNode(template: PodTemplateSpec, node: string): PodTemplateSpec {
  const affinity = template.spec?.affinity;
  const term = { matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] };
  return {
    ...template,
    spec: {
      ...template.spec!,
      affinity: {
        ...affinity,
        nodeAffinity: {
          ...affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
        },
      },
      tolerations: daemonTolerations(template),
    },
  };
}
