/** A pod's runtime class brings its overhead, node selector and tolerations (node.k8s.io/v1 RuntimeClass). */

import type { Pod } from "../../model/kubernetes/core.ts";
import { PODS, RUNTIME_CLASSES } from "../../model/kubernetes/names.ts";
import type { ClusterClient } from "../contract.ts";
import type { AdmissionStep } from "../machinery/admission.ts";
import { sameJson } from "../machinery/copy.ts";
import { forbidden, isWriteOf } from "./forbidden.ts";

export function runtimeClasses(client: ClusterClient): AdmissionStep {
  const classes = client.informer(RUNTIME_CLASSES);
  return {
    name: "RuntimeClass",
    admit(request) {
      if (!isWriteOf(request, PODS, "CREATE")) return;
      const spec = (request.object as Pod).spec;
      const name = spec?.runtimeClassName;
      if (spec === undefined) return;
      if (name === undefined || name === "") {
        if (spec.overhead === undefined || Object.keys(spec.overhead).length === 0) return;
        throw forbidden(request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
      }
      const found = classes.get(undefined, name);
      if (found === undefined) throw forbidden(request, `pod rejected: RuntimeClass "${name}" not found`);
      const overhead = found.overhead?.podFixed;
      if (spec.overhead !== undefined && !sameJson(spec.overhead, overhead ?? {}))
        throw forbidden(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
      if (overhead !== undefined) spec.overhead = { ...overhead };
      for (const [key, value] of Object.entries(found.scheduling?.nodeSelector ?? {})) {
        const own = spec.nodeSelector?.[key];
        if (own !== undefined && own !== value)
          throw forbidden(
            request,
            `conflict: RuntimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
          );
        spec.nodeSelector = { ...spec.nodeSelector, [key]: value };
      }
      const more = (found.scheduling?.tolerations ?? []).filter(
        (toleration) => !(spec.tolerations ?? []).some((own) => sameJson(own, toleration)),
      );
      if (more.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...more.map((one) => ({ ...one }))];
    },
  };
}
