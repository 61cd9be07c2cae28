/** An APIService for each group and version that this server answers for itself. */

import type { APIService } from "../../model/kubernetes/apiregistration.ts";
import { API_SERVICES } from "../../model/kubernetes/names.ts";
import type { ClusterPart } from "../contract.ts";
import { type ControllerTools, controlLoop } from "../controllers/control-loop.ts";
import { apiVersionOf } from "../machinery/definition.ts";
import { groupPriority, versionPriority } from "../server/group-order.ts";

/** On objects that come and go with what is served. */
const AUTO_MANAGED = "kube-aggregator.kubernetes.io/automanaged";

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

interface LocalApis {
  groupVersions(): readonly GroupVersion[];
  /** Returns its end. */
  onChanged(listener: () => void): () => void;
}

export function localApiRegistration(tools: ControllerTools, local: LocalApis): ClusterPart {
  return controlLoop("autoregister", tools, ({ client }) => {
    const informer = client.informer(API_SERVICES);
    return {
      name: "local-api-services",
      workers: 1,
      informers: [informer],
      watch: (enqueue) => {
        const enqueueAll = () => {
          for (const served of local.groupVersions()) enqueue({ metadata: { name: nameOf(served) } });
          for (const api of informer.list()) enqueue(api);
        };
        enqueueAll();
        return [informer.subscribe({ deleted: enqueue }), local.onChanged(enqueueAll)];
      },
      async sync({ name }) {
        const served = local.groupVersions().find((one) => nameOf(one) === name);
        const present = informer.get(undefined, name);
        if (served !== undefined && present === undefined) {
          await client.resource(API_SERVICES).create(undefined, apiServiceOf(served));
        }
        // One that names a service is somebody else's by now.
        const isOurs = present?.metadata.labels?.[AUTO_MANAGED] !== undefined && present.spec?.service === undefined;
        if (served === undefined && isOurs) {
          await client.resource(API_SERVICES).delete(undefined, name, { preconditions: { uid: present.metadata.uid } });
        }
        return undefined;
      },
    };
  });
}

function nameOf({ group, version }: GroupVersion): string {
  return `${version}.${group}`;
}

function apiServiceOf(served: GroupVersion): APIService {
  const { group, version } = served;
  return {
    apiVersion: apiVersionOf(API_SERVICES),
    kind: API_SERVICES.kind,
    metadata: { name: nameOf(served), labels: { [AUTO_MANAGED]: "true" } },
    spec: {
      ...(group === "" ? {} : { group }),
      version,
      groupPriorityMinimum: groupPriority(group),
      versionPriority: versionPriority(version),
    },
  };
}
