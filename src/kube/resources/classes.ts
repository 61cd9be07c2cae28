/** Leases, and classes that other objects name: of priority, runtimes and ingresses. */

import type { Lease } from "../../model/kubernetes/coordination.ts";
import { INGRESS_CLASSES, LEASES, PRIORITY_CLASSES, RUNTIME_CLASSES } from "../../model/kubernetes/names.ts";
import type { IngressClass } from "../../model/kubernetes/networking.ts";
import type { RuntimeClass } from "../../model/kubernetes/node.ts";
import type { PriorityClass } from "../../model/kubernetes/scheduling.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { type FieldError, forbidden, invalid, required } from "../machinery/field-error.ts";
import { dnsLabelFaults, qualifiedNameFaults } from "../name-rules.ts";
import { immutable, nonNegative, oneOf } from "./common-rules.ts";

/** Higher ones are for the cluster's own pods. */
const HIGHEST_PRIORITY = 1_000_000_000;
const SYSTEM_PRIORITIES: Record<string, number> = {
  "system-cluster-critical": 2_000_000_000,
  "system-node-critical": 2_000_001_000,
};

export const leases: ResourceDefinition<Lease> = {
  type: LEASES,
  singular: "lease",
  createOnUpdate: true,
  validate({ spec }) {
    const faults: FieldError[] = [];
    const seconds = spec?.leaseDurationSeconds;
    if (seconds !== undefined && seconds <= 0) {
      faults.push(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"));
    }
    return [...faults, ...nonNegative("spec.leaseTransitions", spec?.leaseTransitions)];
  },
};

export const priorityClasses: ResourceDefinition<PriorityClass> = {
  type: PRIORITY_CLASSES,
  singular: "priorityclass",
  shortNames: ["pc"],
  generation: true,
  defaults(priority) {
    priority.preemptionPolicy ||= "PreemptLowerPriority";
    priority.value ??= 0;
  },
  validate(priority) {
    const faults: FieldError[] = [];
    const system = SYSTEM_PRIORITIES[priority.metadata.name ?? ""];
    if (system === undefined) {
      if (priority.metadata.name?.startsWith("system-")) {
        const why = "priority class names with 'system-' prefix are reserved for system use only";
        faults.push(forbidden("metadata.name", why));
      }
      if (priority.value > HIGHEST_PRIORITY) {
        const why = `maximum allowed value of a user defined priority is ${HIGHEST_PRIORITY}`;
        faults.push(forbidden("value", why));
      }
    } else if (priority.value !== system)
      faults.push(forbidden("value", `the value of ${priority.metadata.name} is ${system}`));
    return [...faults, ...oneOf("preemptionPolicy", priority.preemptionPolicy, ["Never", "PreemptLowerPriority"])];
  },
  validateUpdate(now, before) {
    const faults: FieldError[] =
      now.value === before.value ? [] : [forbidden("value", "may not be changed in an update.")];
    return [...faults, ...immutable("preemptionPolicy", now.preemptionPolicy, before.preemptionPolicy)];
  },
};

export const runtimeClasses: ResourceDefinition<RuntimeClass> = {
  type: RUNTIME_CLASSES,
  singular: "runtimeclass",
  validate: (runtime) =>
    dnsLabelFaults(runtime.handler ?? "").map((why) => invalid("handler", runtime.handler ?? "", why)),
  validateUpdate: (now, before) => immutable("handler", now.handler, before.handler),
};

export const ingressClasses: ResourceDefinition<IngressClass> = {
  type: INGRESS_CLASSES,
  singular: "ingressclass",
  generation: true,
  validate({ spec }) {
    const controller = spec?.controller;
    if (!controller) return [required("spec.controller")];
    if (!controller.includes("/"))
      return [invalid("spec.controller", controller, 'must be a domain-prefixed path (such as "acme.io/foo")')];
    return controller.split("/").length === 2
      ? qualifiedNameFaults(controller).map((why) => invalid("spec.controller", controller, why))
      : [];
  },
  validateUpdate: (now, before) => immutable("spec.controller", now.spec?.controller, before.spec?.controller),
};
