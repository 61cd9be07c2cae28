/** The admission steps that every cluster has, in their order (kube-apiserver's default plugins). */

import type { AdmissionStep } from "../machinery/admission.ts";
import type { LocalClusterClient } from "../machinery/cluster-client.ts";
import { defaultIngressClass } from "./ingress-classes.ts";
import { limitRanges } from "./limit-ranges.ts";
import { podPriority } from "./pod-priority.ts";
import { podServiceAccount } from "./pod-service-account.ts";
import { podTolerations } from "./pod-tolerations.ts";
import { validatingPolicies } from "./policies.ts";
import { protectedNamespaces } from "./protected-namespaces.ts";
import { resourceQuotas } from "./resource-quotas.ts";
import { runtimeClasses } from "./runtime-classes.ts";
import { defaultStorageClass } from "./storage-classes.ts";
import { mutatingWebhooks, validatingWebhooks } from "./webhooks/webhook-steps.ts";

/** To be put into Core.admission before the first client is answered. */
export function builtinAdmission(client: LocalClusterClient): AdmissionStep[] {
  return [
    protectedNamespaces,
    limitRanges(client),
    podServiceAccount(client),
    podTolerations,
    podPriority(client),
    runtimeClasses(client),
    defaultStorageClass(client),
    defaultIngressClass(client),
    mutatingWebhooks(client),
    validatingPolicies(client),
    validatingWebhooks(client),
    // Last: what it writes down must not be refused by others.
    resourceQuotas(client),
  ];
}
