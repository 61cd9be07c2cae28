/** Pods, and templates of pods that are kept as objects. */

import type { Pod, PodTemplate } from "../../model/kubernetes/core.ts";
import { POD_TEMPLATES, PODS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition, SubresourceDefinition } from "../machinery/definition.ts";
import { defaultPod, defaultPodSpec } from "./pod-defaults.ts";
import { qosClassOf } from "./pod-qos.ts";
import { EPHEMERAL_CONTAINERS, podUpdateFaults, RESIZE } from "./pod-update.ts";
import { podSpecFaults, podTemplateFaults } from "./pod-validation.ts";
import { statusUpdate } from "./status-update.ts";

const STREAM = ["create", "get"];
const SUBRESOURCES: readonly SubresourceDefinition[] = [
  { name: "attach", kind: "PodAttachOptions", verbs: STREAM },
  { name: "binding", kind: "Binding", verbs: ["create"] },
  { name: "eviction", group: "policy", version: "v1", kind: "Eviction", verbs: ["create"] },
  { name: "exec", kind: "PodExecOptions", verbs: STREAM },
  { name: "log", kind: "Pod", verbs: ["get"] },
  { name: "portforward", kind: "PodPortForwardOptions", verbs: STREAM },
  { name: "proxy", kind: "PodProxyOptions", verbs: ["create", "delete", "get", "patch", "update"] },
];

function isDone(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export const pods: ResourceDefinition<Pod> = {
  type: PODS,
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  generation: true,
  partialUpdates: { status: statusUpdate(), ephemeralcontainers: EPHEMERAL_CONTAINERS, resize: RESIZE },
  subresources: SUBRESOURCES,
  prepareCreate(pod, { now }) {
    defaultPod(pod);
    pod.status = { phase: "Pending", qosClass: qosClassOf(pod.spec) };
    if ((pod.spec?.schedulingGates ?? []).length > 0) {
      const condition = {
        type: "PodScheduled",
        status: "False",
        reason: "SchedulingGated",
        message: "Scheduling is blocked due to non-empty scheduling gates",
        lastTransitionTime: `${new Date(now).toISOString().slice(0, 19)}Z`,
      };
      pod.status.conditions = [condition];
    }
    if (pod.spec !== undefined) delete pod.spec.ephemeralContainers;
  },
  defaults(pod) {
    defaultPod(pod);
    // Limits of the namespace may have changed what a new pod asks for.
    if (pod.status?.qosClass !== undefined && pod.metadata.resourceVersion === undefined) {
      // An update without a version has the status of the stored pod, which must not change.
      pod.status = { ...pod.status, qosClass: qosClassOf(pod.spec) };
    }
  },
  validate: (pod) => podSpecFaults("spec", pod.spec),
  validateUpdate: podUpdateFaults,
  graceSeconds(pod, asked) {
    // Nothing runs of a pod that has no node yet, or that has ended: nobody needs to be waited for.
    if (!pod.spec?.nodeName || isDone(pod)) return 0;
    const seconds = asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    return seconds < 0 ? 1 : seconds;
  },
  selectableFields: {
    "spec.nodeName": (pod) => pod.spec?.nodeName ?? "",
    "spec.restartPolicy": (pod) => pod.spec?.restartPolicy ?? "",
    "spec.schedulerName": (pod) => pod.spec?.schedulerName ?? "",
    "spec.serviceAccountName": (pod) => pod.spec?.serviceAccountName ?? "",
    "spec.hostNetwork": (pod) => String(pod.spec?.hostNetwork === true),
    "status.phase": (pod) => pod.status?.phase ?? "",
    "status.podIP": (pod) => pod.status?.podIP ?? "",
    "status.nominatedNodeName": (pod) => pod.status?.nominatedNodeName ?? "",
  },
};

export const podTemplates: ResourceDefinition<PodTemplate> = {
  type: POD_TEMPLATES,
  singular: "podtemplate",
  generation: true,
  defaults(object) {
    if (object.template?.spec !== undefined) defaultPodSpec(object.template.spec);
  },
  validate: (object) => podTemplateFaults("template", object.template),
};
