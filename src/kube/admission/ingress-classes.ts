/** An ingress that names no class gets the default one. */

import { INGRESS_CLASSES, INGRESSES } from "../../model/kubernetes/names.ts";
import type { Ingress } from "../../model/kubernetes/networking.ts";
import type { ClusterClient } from "../contract.ts";
import { IS_DEFAULT_INGRESS_CLASS } from "../ingress/ingress-class.ts";
import type { AdmissionStep } from "../machinery/admission.ts";
import { isWriteOf } from "./forbidden.ts";

export function defaultIngressClass(client: ClusterClient): AdmissionStep {
  const classes = client.informer(INGRESS_CLASSES);
  return {
    name: "DefaultIngressClass",
    admit(request) {
      if (!isWriteOf(request, INGRESSES, "CREATE")) return;
      const { spec, metadata } = request.object as Ingress;
      const isNamed = spec?.ingressClassName !== undefined || metadata.annotations?.["kubernetes.io/ingress.class"];
      if (spec === undefined || isNamed) return;
      // Of several defaults the newest counts.
      const newest = classes
        .list()
        .filter((one) => one.metadata.annotations?.[IS_DEFAULT_INGRESS_CLASS] === "true")
        .sort((one, other) => other.metadata.creationTimestamp.localeCompare(one.metadata.creationTimestamp))[0];
      if (newest !== undefined) spec.ingressClassName = newest.metadata.name;
    },
  };
}
