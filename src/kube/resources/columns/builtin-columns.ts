/** The columns of builtin kinds, as `kubectl get` prints them. */
import type { ResourceType } from "../../../model/kubernetes/object.ts";
import type { TableColumn } from "../../machinery/definition.ts";
import * as cluster from "./cluster-columns.ts";
import * as flow from "./flow-columns.ts";
import * as network from "./network-columns.ts";
import { POD_COLUMNS } from "./pod-columns.ts";
import * as workload from "./workload-columns.ts";

/** By group and resource. Each list reads its own kind; here all are of any kind. */
const COLUMNS: Record<string, readonly unknown[]> = {
  "/pods": POD_COLUMNS,
  "/podtemplates": workload.POD_TEMPLATE_COLUMNS,
  "/replicationcontrollers": workload.REPLICATION_CONTROLLER_COLUMNS,
  "apps/deployments": workload.DEPLOYMENT_COLUMNS,
  "apps/replicasets": workload.REPLICA_SET_COLUMNS,
  "apps/statefulsets": workload.STATEFUL_SET_COLUMNS,
  "apps/daemonsets": workload.DAEMON_SET_COLUMNS,
  "apps/controllerrevisions": workload.CONTROLLER_REVISION_COLUMNS,
  "batch/jobs": workload.JOB_COLUMNS,
  "batch/cronjobs": workload.CRON_JOB_COLUMNS,
  "autoscaling/horizontalpodautoscalers": workload.AUTOSCALER_COLUMNS,
  "policy/poddisruptionbudgets": workload.DISRUPTION_BUDGET_COLUMNS,
  "/services": network.SERVICE_COLUMNS,
  "/endpoints": network.ENDPOINTS_COLUMNS,
  "discovery.k8s.io/endpointslices": network.SLICE_COLUMNS,
  "networking.k8s.io/ingresses": network.INGRESS_COLUMNS,
  "networking.k8s.io/ingressclasses": network.INGRESS_CLASS_COLUMNS,
  "networking.k8s.io/networkpolicies": network.NETWORK_POLICY_COLUMNS,
  "networking.k8s.io/servicecidrs": network.SERVICE_CIDR_COLUMNS,
  "networking.k8s.io/ipaddresses": network.IP_ADDRESS_COLUMNS,
  "/namespaces": cluster.NAMESPACE_COLUMNS,
  "/nodes": cluster.NODE_COLUMNS,
  "/configmaps": cluster.CONFIG_MAP_COLUMNS,
  "/secrets": cluster.SECRET_COLUMNS,
  "/serviceaccounts": cluster.SERVICE_ACCOUNT_COLUMNS,
  "/events": cluster.EVENT_COLUMNS,
  "events.k8s.io/events": cluster.NEW_EVENT_COLUMNS,
  "/persistentvolumes": cluster.VOLUME_COLUMNS,
  "/persistentvolumeclaims": cluster.CLAIM_COLUMNS,
  "/resourcequotas": cluster.QUOTA_COLUMNS,
  "/limitranges": cluster.LIMIT_RANGE_COLUMNS,
  "storage.k8s.io/storageclasses": cluster.STORAGE_CLASS_COLUMNS,
  "storage.k8s.io/volumeattributesclasses": cluster.VOLUME_ATTRIBUTES_CLASS_COLUMNS,
  "storage.k8s.io/volumeattachments": cluster.VOLUME_ATTACHMENT_COLUMNS,
  "storage.k8s.io/csidrivers": cluster.CSI_DRIVER_COLUMNS,
  "storage.k8s.io/csinodes": cluster.CSI_NODE_COLUMNS,
  "rbac.authorization.k8s.io/roles": cluster.ROLE_COLUMNS,
  "rbac.authorization.k8s.io/clusterroles": cluster.ROLE_COLUMNS,
  "rbac.authorization.k8s.io/rolebindings": cluster.BINDING_COLUMNS,
  "rbac.authorization.k8s.io/clusterrolebindings": cluster.BINDING_COLUMNS,
  "coordination.k8s.io/leases": cluster.LEASE_COLUMNS,
  "scheduling.k8s.io/priorityclasses": cluster.PRIORITY_CLASS_COLUMNS,
  "node.k8s.io/runtimeclasses": cluster.RUNTIME_CLASS_COLUMNS,
  "flowcontrol.apiserver.k8s.io/flowschemas": flow.FLOW_SCHEMA_COLUMNS,
  "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": flow.PRIORITY_LEVEL_COLUMNS,
  "certificates.k8s.io/certificatesigningrequests": cluster.SIGNING_REQUEST_COLUMNS,
  "admissionregistration.k8s.io/validatingadmissionpolicies": cluster.POLICY_COLUMNS,
  "admissionregistration.k8s.io/validatingadmissionpolicybindings": cluster.POLICY_BINDING_COLUMNS,
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": cluster.WEBHOOK_COLUMNS,
  "admissionregistration.k8s.io/validatingwebhookconfigurations": cluster.WEBHOOK_COLUMNS,
};

/** Undefined: the kind shows its name and when it was made. */
export function builtinColumns({ group, resource }: ResourceType): readonly TableColumn[] | undefined {
  return COLUMNS[`${group}/${resource}`] as readonly TableColumn[] | undefined;
}
