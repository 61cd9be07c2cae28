/** Namespaces: they end only when everything in them has ended. */

import type { Namespace } from "../../model/kubernetes/core.ts";
import { NAMESPACES } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { dnsLabelFaults } from "../name-rules.ts";
import { statusUpdate } from "./status-update.ts";

const NAME_LABEL = "kubernetes.io/metadata.name";

export const namespaces: ResourceDefinition<Namespace> = {
  type: NAMESPACES,
  singular: "namespace",
  shortNames: ["ns"],
  verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
  partialUpdates: {
    status: statusUpdate(),
    finalize: {
      prepare(namespace, before) {
        if (before.status !== undefined) namespace.status = before.status;
      },
    },
  },
  prepareCreate(namespace) {
    namespace.spec = {
      ...namespace.spec,
      finalizers: [...new Set([...(namespace.spec?.finalizers ?? []), "kubernetes"])],
    };
    namespace.status = { phase: "Active" };
  },
  prepareUpdate(namespace, before) {
    namespace.spec = { ...namespace.spec, finalizers: [...(before.spec?.finalizers ?? [])] };
  },
  defaults(namespace) {
    if (namespace.metadata.name)
      namespace.metadata.labels = { ...namespace.metadata.labels, [NAME_LABEL]: namespace.metadata.name };
  },
  nameFaults: dnsLabelFaults,
  prepareDelete(namespace) {
    namespace.status = { ...namespace.status, phase: "Terminating" };
  },
  moreFinalizers: (namespace) => namespace.spec?.finalizers ?? [],
  selectableFields: { "status.phase": (namespace) => namespace.status?.phase ?? "" },
};
