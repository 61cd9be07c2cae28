/** A pod's priority class becomes a number. */

import type { Pod } from "../../model/kubernetes/core.ts";
import { PODS, PRIORITY_CLASSES } from "../../model/kubernetes/names.ts";
import type { PriorityClass } from "../../model/kubernetes/scheduling.ts";
import type { ClusterClient } from "../contract.ts";
import type { AdmissionRequest, AdmissionStep } from "../machinery/admission.ts";
import { forbidden, isWriteOf } from "./forbidden.ts";

/** The classes that every cluster has (scheduling.k8s.io/v1). */
const SYSTEM_PRIORITY_CLASSES: readonly PriorityClass[] = [
  systemClass("system-node-critical", 2_000_001_000, "For pods without which a node does not work"),
  systemClass("system-cluster-critical", 2_000_000_000, "For pods without which the cluster does not work"),
];

function systemClass(name: string, value: number, description: string): PriorityClass {
  const type = { apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass" };
  return { ...type, metadata: { name }, value, description, preemptionPolicy: "PreemptLowerPriority" };
}

export function podPriority(client: ClusterClient): AdmissionStep {
  const classes = client.informer(PRIORITY_CLASSES);
  const find = (name: string) =>
    classes.get(undefined, name) ?? SYSTEM_PRIORITY_CLASSES.find(({ metadata }) => metadata.name === name);
  /** Of several defaults the lowest counts. */
  const defaultClass = () =>
    classes
      .list()
      .filter(({ globalDefault }) => globalDefault === true)
      .sort((one, other) => one.value - other.value)[0];
  return {
    name: "Priority",
    admit(request) {
      if (!isWriteOf(request, PODS, "CREATE")) return;
      const spec = (request.object as Pod).spec;
      if (spec === undefined) return;
      const chosen = chosenClass(request, spec.priorityClassName, find, defaultClass);
      const priority = chosen?.value ?? 0;
      if (spec.priority !== undefined && spec.priority !== priority) {
        const rule = `the integer value of priority (${spec.priority}) must not be provided in pod spec`;
        throw forbidden(
          request,
          `${rule}; priority admission controller computed ${priority} from the given PriorityClass name`,
        );
      }
      spec.priority = priority;
      if (chosen !== undefined) spec.priorityClassName = chosen.metadata.name!;
      spec.preemptionPolicy ??= chosen?.preemptionPolicy ?? "PreemptLowerPriority";
    },
    check(request) {
      if (!isWriteOf(request, PRIORITY_CLASSES, "CREATE", "UPDATE")) return;
      const made = request.object as PriorityClass;
      const other = defaultClass();
      if (made.globalDefault !== true || other === undefined || other.metadata.name === made.metadata.name) return;
      throw forbidden(
        request,
        `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
      );
    },
  };
}

function chosenClass(
  request: AdmissionRequest,
  name: string | undefined,
  find: (name: string) => PriorityClass | undefined,
  defaultClass: () => PriorityClass | undefined,
): PriorityClass | undefined {
  if (name === undefined || name === "") return defaultClass();
  const found = find(name);
  if (found !== undefined) return found;
  throw forbidden(request, `no PriorityClass with name ${name} was found`);
}
