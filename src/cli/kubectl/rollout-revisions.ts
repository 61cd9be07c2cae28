/** The kept revisions of a workload: replica sets of a deployment, controller revisions of the others. */

import type { KubectlContext } from "./declaration.ts";
import type { ObjectTarget } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import type { PodTemplateHolder } from "./workload-kinds.ts";

const CHANGE_CAUSE = "kubernetes.io/change-cause";
const REVISION = "deployment.kubernetes.io/revision";

export interface KeptRevision {
  readonly revision: number;
  readonly cause: string;
  /** The pod template; for controller revisions the patch that brings it back. */
  readonly template: unknown;
  /** The replica set or the controller revision. */
  readonly object: object;
}
interface Owned {
  metadata: {
    name: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
    ownerReferences?: { uid: string; controller?: boolean }[];
  };
  spec?: { template?: unknown };
  revision?: number;
  data?: { spec?: { template?: unknown } };
}

/** The oldest first. */
export async function keptRevisions(
  context: KubectlContext,
  target: ObjectTarget,
  owner: PodTemplateHolder,
): Promise<KeptRevision[]> {
  const types = await context.types();
  const isDeployment = target.type.resource === "deployments";
  const type = types.ofKind("apps/v1", isDeployment ? "ReplicaSet" : "ControllerRevision");
  const api = await context.api();
  const { items = [] } = await api.get<{ items?: Owned[] }>(pathOf(type, target.namespace));
  return items
    .filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === owner.metadata.uid),
    )
    .map((one) => ({
      revision: isDeployment ? Number(one.metadata.annotations?.[REVISION] ?? 0) : (one.revision ?? 0),
      cause: one.metadata.annotations?.[CHANGE_CAUSE] ?? "<none>",
      object: { ...one, apiVersion: "apps/v1", kind: type.kind },
      template: isDeployment ? one.spec?.template : one.data?.spec?.template,
    }))
    .sort((one, other) => one.revision - other.revision);
}
