/** The kinds that code speaks of, by their names on the wire. What each kind is like is declared in src/kube/resources/. */

import type {
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "./admission.ts";
import type { CustomResourceDefinition } from "./apiextensions.ts";
import type { APIService } from "./apiregistration.ts";
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from "./apps.ts";
import type { HorizontalPodAutoscaler } from "./autoscaling.ts";
import type { CronJob, Job } from "./batch.ts";
import type { CertificateSigningRequest } from "./certificates.ts";
import type { Lease } from "./coordination.ts";
import type {
  ConfigMap,
  Endpoints,
  Event,
  LimitRange,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
  Secret,
  Service,
  ServiceAccount,
} from "./core.ts";
import type { EndpointSlice } from "./discovery.ts";
import type { Event as NewEvent } from "./events.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "./flowcontrol.ts";
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from "./networking.ts";
import type { RuntimeClass } from "./node.ts";
import type { KubeObject, ResourceType } from "./object.ts";
import type { PodDisruptionBudget } from "./policy.ts";
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "./rbac.ts";
import type { PriorityClass } from "./scheduling.ts";
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "./storage.ts";

function named<T extends KubeObject>(
  group: string,
  version: string,
  resource: string,
  kind: string,
  namespaced: boolean,
): ResourceType<T> {
  return { group, version, resource, kind, namespaced };
}

export const PODS = named<Pod>("", "v1", "pods", "Pod", true);
export const SERVICES = named<Service>("", "v1", "services", "Service", true);
export const NODES = named<Node>("", "v1", "nodes", "Node", false);
export const NAMESPACES = named<Namespace>("", "v1", "namespaces", "Namespace", false);
export const CONFIG_MAPS = named<ConfigMap>("", "v1", "configmaps", "ConfigMap", true);
export const SECRETS = named<Secret>("", "v1", "secrets", "Secret", true);
export const SERVICE_ACCOUNTS = named<ServiceAccount>("", "v1", "serviceaccounts", "ServiceAccount", true);
export const CORE_EVENTS = named<Event>("", "v1", "events", "Event", true);
export const ENDPOINTS = named<Endpoints>("", "v1", "endpoints", "Endpoints", true);
export const PERSISTENT_VOLUMES = named<PersistentVolume>("", "v1", "persistentvolumes", "PersistentVolume", false);
export const PERSISTENT_VOLUME_CLAIMS = named<PersistentVolumeClaim>(
  "",
  "v1",
  "persistentvolumeclaims",
  "PersistentVolumeClaim",
  true,
);
export const REPLICATION_CONTROLLERS = named<ReplicationController>(
  "",
  "v1",
  "replicationcontrollers",
  "ReplicationController",
  true,
);
export const RESOURCE_QUOTAS = named<ResourceQuota>("", "v1", "resourcequotas", "ResourceQuota", true);
export const LIMIT_RANGES = named<LimitRange>("", "v1", "limitranges", "LimitRange", true);
export const POD_TEMPLATES = named<PodTemplate>("", "v1", "podtemplates", "PodTemplate", true);
export const DEPLOYMENTS = named<Deployment>("apps", "v1", "deployments", "Deployment", true);
export const REPLICA_SETS = named<ReplicaSet>("apps", "v1", "replicasets", "ReplicaSet", true);
export const STATEFUL_SETS = named<StatefulSet>("apps", "v1", "statefulsets", "StatefulSet", true);
export const DAEMON_SETS = named<DaemonSet>("apps", "v1", "daemonsets", "DaemonSet", true);
export const CONTROLLER_REVISIONS = named<ControllerRevision>(
  "apps",
  "v1",
  "controllerrevisions",
  "ControllerRevision",
  true,
);
export const JOBS = named<Job>("batch", "v1", "jobs", "Job", true);
export const CRON_JOBS = named<CronJob>("batch", "v1", "cronjobs", "CronJob", true);
export const HORIZONTAL_POD_AUTOSCALERS = named<HorizontalPodAutoscaler>(
  "autoscaling",
  "v2",
  "horizontalpodautoscalers",
  "HorizontalPodAutoscaler",
  true,
);
export const POD_DISRUPTION_BUDGETS = named<PodDisruptionBudget>(
  "policy",
  "v1",
  "poddisruptionbudgets",
  "PodDisruptionBudget",
  true,
);
export const ENDPOINT_SLICES = named<EndpointSlice>("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true);
export const LEASES = named<Lease>("coordination.k8s.io", "v1", "leases", "Lease", true);
export const INGRESSES = named<Ingress>("networking.k8s.io", "v1", "ingresses", "Ingress", true);
export const INGRESS_CLASSES = named<IngressClass>("networking.k8s.io", "v1", "ingressclasses", "IngressClass", false);
export const NETWORK_POLICIES = named<NetworkPolicy>(
  "networking.k8s.io",
  "v1",
  "networkpolicies",
  "NetworkPolicy",
  true,
);
export const SERVICE_CIDRS = named<ServiceCIDR>("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", false);
export const IP_ADDRESSES = named<IPAddress>("networking.k8s.io", "v1", "ipaddresses", "IPAddress", false);
export const ROLES = named<Role>("rbac.authorization.k8s.io", "v1", "roles", "Role", true);
export const ROLE_BINDINGS = named<RoleBinding>("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true);
export const CLUSTER_ROLES = named<ClusterRole>(
  "rbac.authorization.k8s.io",
  "v1",
  "clusterroles",
  "ClusterRole",
  false,
);
export const CLUSTER_ROLE_BINDINGS = named<ClusterRoleBinding>(
  "rbac.authorization.k8s.io",
  "v1",
  "clusterrolebindings",
  "ClusterRoleBinding",
  false,
);
export const PRIORITY_CLASSES = named<PriorityClass>(
  "scheduling.k8s.io",
  "v1",
  "priorityclasses",
  "PriorityClass",
  false,
);
export const VOLUME_ATTRIBUTES_CLASSES = named<VolumeAttributesClass>(
  "storage.k8s.io",
  "v1",
  "volumeattributesclasses",
  "VolumeAttributesClass",
  false,
);
export const STORAGE_CLASSES = named<StorageClass>("storage.k8s.io", "v1", "storageclasses", "StorageClass", false);
export const VOLUME_ATTACHMENTS = named<VolumeAttachment>(
  "storage.k8s.io",
  "v1",
  "volumeattachments",
  "VolumeAttachment",
  false,
);
export const CSI_DRIVERS = named<CSIDriver>("storage.k8s.io", "v1", "csidrivers", "CSIDriver", false);
export const CSI_NODES = named<CSINode>("storage.k8s.io", "v1", "csinodes", "CSINode", false);
export const CSI_STORAGE_CAPACITIES = named<CSIStorageCapacity>(
  "storage.k8s.io",
  "v1",
  "csistoragecapacities",
  "CSIStorageCapacity",
  true,
);
export const RUNTIME_CLASSES = named<RuntimeClass>("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", false);
export const CUSTOM_RESOURCE_DEFINITIONS = named<CustomResourceDefinition>(
  "apiextensions.k8s.io",
  "v1",
  "customresourcedefinitions",
  "CustomResourceDefinition",
  false,
);
export const API_SERVICES = named<APIService>("apiregistration.k8s.io", "v1", "apiservices", "APIService", false);
export const CERTIFICATE_SIGNING_REQUESTS = named<CertificateSigningRequest>(
  "certificates.k8s.io",
  "v1",
  "certificatesigningrequests",
  "CertificateSigningRequest",
  false,
);
export const FLOW_SCHEMAS = named<FlowSchema>("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", false);
export const PRIORITY_LEVEL_CONFIGURATIONS = named<PriorityLevelConfiguration>(
  "flowcontrol.apiserver.k8s.io",
  "v1",
  "prioritylevelconfigurations",
  "PriorityLevelConfiguration",
  false,
);
export const EVENTS = named<NewEvent>("events.k8s.io", "v1", "events", "Event", true);
export const MUTATING_WEBHOOK_CONFIGURATIONS = named<MutatingWebhookConfiguration>(
  "admissionregistration.k8s.io",
  "v1",
  "mutatingwebhookconfigurations",
  "MutatingWebhookConfiguration",
  false,
);
export const VALIDATING_WEBHOOK_CONFIGURATIONS = named<ValidatingWebhookConfiguration>(
  "admissionregistration.k8s.io",
  "v1",
  "validatingwebhookconfigurations",
  "ValidatingWebhookConfiguration",
  false,
);
export const VALIDATING_ADMISSION_POLICIES = named<ValidatingAdmissionPolicy>(
  "admissionregistration.k8s.io",
  "v1",
  "validatingadmissionpolicies",
  "ValidatingAdmissionPolicy",
  false,
);
export const VALIDATING_ADMISSION_POLICY_BINDINGS = named<ValidatingAdmissionPolicyBinding>(
  "admissionregistration.k8s.io",
  "v1",
  "validatingadmissionpolicybindings",
  "ValidatingAdmissionPolicyBinding",
  false,
);
