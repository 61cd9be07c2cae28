/** bindings (core/v1): a binding that is posted beside the pods does what one posted to its pod does. */
import type { Binding } from "../../model/kubernetes/core.ts";
import { PODS } from "../../model/kubernetes/names.ts";
import type { LocalClusterClient } from "../machinery/cluster-client.ts";
import { invalidObject, required } from "../machinery/field-error.ts";
import { StoredResourceClient } from "../machinery/resource-client.ts";
import { StatusError } from "../status.ts";
import type { VirtualResource } from "./virtual-resources.ts";

const PLACE = { group: "", version: "v1", resource: "bindings", kind: "Binding", namespaced: true };

/** Admission sees it as what it does: a binding of the pod. */
export function podBindings(client: LocalClusterClient): VirtualResource {
  return {
    ...PLACE,
    singular: "binding",
    verbs: {
      async create({ user, attributes, query, object, manager, warn }) {
        const { namespace } = attributes;
        const { metadata } = object as Binding;
        if (metadata?.namespace && metadata.namespace !== namespace) {
          const why = "the namespace of the provided object does not match the namespace sent on the request";
          throw new StatusError("BadRequest", why);
        }
        if (!metadata?.name) throw invalidObject(PLACE, "", [required("metadata.name", "name of the pod is required")]);
        const pods = new StoredResourceClient(client.core, () => client.kindOf(PODS), { user, manager });
        const dryRun = query.getAll("dryRun").includes("All");
        return await pods.postSubresource(namespace, metadata.name, "binding", object, { dryRun, warn });
      },
    },
  };
}
