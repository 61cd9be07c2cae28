/** The cluster's objects: their store, their kinds, what is looked at before one is written, and the keys of who may. */
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { builtinAdmission } from "../kube/admission/builtin-steps.ts";
import { podEviction } from "../kube/controllers/disruption-budgets/eviction.ts";
import { isHeldByOther, usableCidrs } from "../kube/controllers/service-ranges/service-ranges.ts";
import { openMachinery } from "../kube/machinery/open-machinery.ts";
import { BUILTIN_DEFINITIONS } from "../kube/resources/builtin.ts";
import { createServiceAddresses } from "../kube/resources/service-addresses.ts";
import { podBinding } from "../kube/scheduler/pod-binding.ts";
import { createSchemaSet } from "../kube/schema/schema-set.ts";
import { openClusterAuthority } from "../kube/server/cluster-authority.ts";
import { openStore } from "../kube/store/open-store.ts";
import { errorText } from "../lib/errors.ts";
import { PODS, SERVICES } from "../model/kubernetes/names.ts";
import type { ClusterPlan } from "./cluster-plan.ts";

const NODE_PORTS = [30_000, 32_767] as const;
const API_NAMES = [
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];

export type ClusterState = Awaited<ReturnType<typeof openClusterState>>;

/** @param undo closes it again @throws {NaruError} unavailable when the store cannot be had */
export async function openClusterState(
  { surroundings: { log }, settings, folder, range }: ClusterPlan,
  undo: AsyncDisposableStack,
) {
  // The keys take as long as the store: both at once.
  const [authority, store] = await Promise.all([
    openClusterAuthority(join(folder, "pki"), apiHosts(range.apiAddress)),
    openStore(settings.store ?? join(folder, "objects.db")),
  ]);
  const schemas = createSchemaSet();
  const machinery = await openMachinery({
    store,
    definitions: BUILTIN_DEFINITIONS,
    schemas,
    onError: (error) => log.error("the cluster's state could not be followed", { reason: errorText(error) }),
  });
  undo.defer(() => machinery.close());
  const { client, core } = machinery;
  const serviceRange = {
    cidrs: () => usableCidrs(client, range.cidr),
    isHeld: (address: string) => isHeldByOther(client, address),
    nodePorts: NODE_PORTS,
  };
  core.admission.push(
    ...builtinAdmission(client),
    createServiceAddresses(serviceRange, () => client.informer(SERVICES).list()),
  );
  client.handleSubresource(PODS, "binding", podBinding(core));
  client.handleSubresource(PODS, "eviction", podEviction(client));
  return { authority, store, schemas, machinery, client, core };
}

/** Every name and address that clients may call the API by. */
function apiHosts(apiAddress: string): string[] {
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address }) => address);
  return [...new Set([...API_NAMES, "localhost", hostname(), "127.0.0.1", apiAddress, ...own])];
}
