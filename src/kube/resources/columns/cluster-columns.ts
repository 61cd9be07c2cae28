/** What `kubectl get` shows of nodes, namespaces, volumes, configuration and the cluster's own kinds. */
import type {
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../../../model/kubernetes/admission.ts";
import type { CertificateSigningRequest } from "../../../model/kubernetes/certificates.ts";
import type { Lease } from "../../../model/kubernetes/coordination.ts";
import type {
  ConfigMap,
  Event,
  LimitRange,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceQuota,
  Secret,
  ServiceAccount,
} from "../../../model/kubernetes/core.ts";
import type { Event as NewEvent } from "../../../model/kubernetes/events.ts";
import type { RuntimeClass } from "../../../model/kubernetes/node.ts";
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, Subject } from "../../../model/kubernetes/rbac.ts";
import type { PriorityClass } from "../../../model/kubernetes/scheduling.ts";
import type {
  CSIDriver,
  CSINode,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "../../../model/kubernetes/storage.ts";
import { ageText } from "../../machinery/age.ts";
import type { TableColumn } from "../../machinery/definition.ts";
import { AGE, count, NAME, NONE, text, UNSET, wide } from "./column.ts";

function columns<T extends KubeObject>(...list: TableColumn<T>[]): readonly TableColumn<T>[] {
  return list;
}
const name = <T extends KubeObject>() => NAME as TableColumn<T>;
const age = <T extends KubeObject>() => AGE as TableColumn<T>;

export const NAMESPACE_COLUMNS = columns<Namespace>(
  name(),
  text("Status", ({ status }) => status?.phase ?? ""),
  age(),
);

const ROLE_LABEL = "node-role.kubernetes.io/";

export const NODE_COLUMNS = columns<Node>(
  name(),
  text("Status", nodeStatusText),
  text("Roles", ({ metadata }) => {
    const roles = Object.keys(metadata.labels ?? {}).filter((label) => label.startsWith(ROLE_LABEL));
    return roles.length === 0
      ? NONE
      : roles
          .map((label) => label.slice(ROLE_LABEL.length))
          .sort()
          .join(",");
  }),
  age(),
  text("Version", ({ status }) => status?.nodeInfo?.kubeletVersion ?? ""),
  wide("Internal-IP", (node) => addressOf(node, "InternalIP")),
  wide("External-IP", (node) => addressOf(node, "ExternalIP")),
  wide("OS-Image", ({ status }) => status?.nodeInfo?.osImage || "<unknown>"),
  wide("Kernel-Version", ({ status }) => status?.nodeInfo?.kernelVersion || "<unknown>"),
  wide("Container-Runtime", ({ status }) => status?.nodeInfo?.containerRuntimeVersion || "<unknown>"),
);

function nodeStatusText({ spec, status }: Stored<Node>): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const state = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec?.unschedulable ? `${state},SchedulingDisabled` : state;
}

function addressOf({ status }: Stored<Node>, wanted: string): string {
  return status?.addresses?.find(({ type }) => type === wanted)?.address ?? NONE;
}

export const CONFIG_MAP_COLUMNS = columns<ConfigMap>(
  name(),
  count("Data", ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length),
  age(),
);

export const SECRET_COLUMNS = columns<Secret>(
  name(),
  text("Type", ({ type }) => type ?? ""),
  count("Data", ({ data = {} }) => Object.keys(data).length),
  age(),
);

export const SERVICE_ACCOUNT_COLUMNS = columns<ServiceAccount>(
  name(),
  count("Secrets", ({ secrets = [] }) => secrets.length),
  age(),
);

export const EVENT_COLUMNS = columns<Event>(
  text("Last Seen", (event, now) => ageText(lastSeen(event), now)),
  text("Type", ({ type }) => type ?? ""),
  text("Reason", ({ reason }) => reason ?? ""),
  text("Object", ({ involvedObject: { kind = "", name: object = "" } }) =>
    object === "" ? kind.toLowerCase() : `${kind.toLowerCase()}/${object}`,
  ),
  wide("Subobject", ({ involvedObject }) => involvedObject.fieldPath ?? ""),
  wide("Source", ({ source = {}, reportingComponent = "", reportingInstance = "" }) => {
    const { component = reportingComponent, host = reportingInstance } = source;
    return host === "" ? component : `${component}, ${host}`;
  }),
  text("Message", ({ message }) => (message ?? "").trim()),
  wide("First Seen", (event, now) =>
    ageText(event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp, now),
  ),
  wide("Count", ({ series, count: times }) => String(series?.count ?? times ?? 1)),
  { ...NAME, priority: 1 } as TableColumn<Event>,
);

function lastSeen({ series, lastTimestamp, firstTimestamp, eventTime, metadata }: Stored<Event>): string {
  return series?.lastObservedTime ?? lastTimestamp ?? firstTimestamp ?? eventTime ?? metadata.creationTimestamp;
}

export const NEW_EVENT_COLUMNS = columns<NewEvent>(
  text("Last Seen", ({ series, deprecatedLastTimestamp, eventTime, metadata }, now) =>
    ageText(series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp, now),
  ),
  text("Type", ({ type }) => type ?? ""),
  text("Reason", ({ reason }) => reason ?? ""),
  text("Object", ({ regarding }) => `${(regarding?.kind ?? "").toLowerCase()}/${regarding?.name ?? ""}`),
  text("Message", ({ note }) => (note ?? "").trim()),
);

const ACCESS_MODES: Record<string, string> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};
const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";

const modes = (list: readonly string[] | undefined) => (list ?? []).map((mode) => ACCESS_MODES[mode] ?? mode).join(",");
const phase = (object: KubeObject, value: string | undefined) =>
  object.metadata.deletionTimestamp === undefined ? (value ?? "") : "Terminating";

export const VOLUME_COLUMNS = columns<PersistentVolume>(
  name(),
  text("Capacity", ({ spec }) => spec?.capacity?.storage ?? ""),
  text("Access Modes", ({ spec }) => modes(spec?.accessModes)),
  text("Reclaim Policy", ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? ""),
  text("Status", (volume) => phase(volume, volume.status?.phase)),
  text("Claim", ({ spec }) => (spec?.claimRef === undefined ? "" : `${spec.claimRef.namespace}/${spec.claimRef.name}`)),
  text(
    "StorageClass",
    ({ spec, metadata }) => metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "",
  ),
  text("VolumeAttributesClass", ({ spec }) => spec?.volumeAttributesClassName ?? UNSET),
  text("Reason", ({ status }) => status?.reason ?? ""),
  age(),
  wide("VolumeMode", ({ spec }) => spec?.volumeMode ?? UNSET),
);

export const CLAIM_COLUMNS = columns<PersistentVolumeClaim>(
  name(),
  text("Status", (claim) => phase(claim, claim.status?.phase)),
  text("Volume", ({ spec }) => spec?.volumeName ?? ""),
  text("Capacity", ({ spec, status }) => (spec?.volumeName ? (status?.capacity?.storage ?? "") : "")),
  text("Access Modes", ({ spec, status }) => (spec?.volumeName ? modes(status?.accessModes) : "")),
  text(
    "StorageClass",
    ({ spec, metadata }) => metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? "",
  ),
  text("VolumeAttributesClass", ({ spec }) => spec?.volumeAttributesClassName ?? UNSET),
  age(),
  wide("VolumeMode", ({ spec }) => spec?.volumeMode ?? UNSET),
);

const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

export const STORAGE_CLASS_COLUMNS = columns<StorageClass>(
  {
    ...name<StorageClass>(),
    cell: ({ metadata }) =>
      metadata.annotations?.[DEFAULT_CLASS] === "true" ? `${metadata.name} (default)` : metadata.name,
  },
  text("Provisioner", ({ provisioner }) => provisioner),
  text("ReclaimPolicy", ({ reclaimPolicy }) => reclaimPolicy ?? "Delete"),
  text("VolumeBindingMode", ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate"),
  text("AllowVolumeExpansion", ({ allowVolumeExpansion }) => String(allowVolumeExpansion ?? false)),
  age(),
);

export const VOLUME_ATTRIBUTES_CLASS_COLUMNS = columns<VolumeAttributesClass>(
  name(),
  text("DriverName", ({ driverName }) => driverName),
  age(),
);

export const VOLUME_ATTACHMENT_COLUMNS = columns<VolumeAttachment>(
  name(),
  text("Attacher", ({ spec }) => spec.attacher),
  text("PV", ({ spec }) => spec.source.persistentVolumeName ?? ""),
  text("Node", ({ spec }) => spec.nodeName),
  text("Attached", ({ status }) => String(status?.attached ?? false)),
  age(),
);

export const CSI_DRIVER_COLUMNS = columns<CSIDriver>(
  name(),
  text("AttachRequired", ({ spec }) => String(spec.attachRequired ?? true)),
  text("PodInfoOnMount", ({ spec }) => String(spec.podInfoOnMount ?? false)),
  text("StorageCapacity", ({ spec }) => String(spec.storageCapacity ?? false)),
  text("TokenRequests", ({ spec }) => (spec.tokenRequests ?? []).map(({ audience }) => audience).join(",") || UNSET),
  text("RequiresRepublish", ({ spec }) => String(spec.requiresRepublish ?? false)),
  text("Modes", ({ spec }) => (spec.volumeLifecycleModes ?? []).join(",") || NONE),
  age(),
);

export const CSI_NODE_COLUMNS = columns<CSINode>(
  name(),
  count("Drivers", ({ spec }) => spec.drivers.length),
  age(),
);

export const QUOTA_COLUMNS = columns<ResourceQuota>(
  name(),
  text("Request", (quota) => quotaText(quota, (resource) => !resource.startsWith("limits."))),
  text("Limit", (quota) => quotaText(quota, (resource) => resource.startsWith("limits."))),
  age(),
);

function quotaText({ status }: Stored<ResourceQuota>, isShown: (resource: string) => boolean): string {
  const entries = Object.entries(status?.hard ?? {}).filter(([resource]) => isShown(resource));
  return entries
    .map(([resource, hard]) => `${resource}: ${status?.used?.[resource] ?? 0}/${hard}`)
    .sort()
    .join(", ");
}

export const LIMIT_RANGE_COLUMNS = columns<LimitRange>(
  name(),
  text("Created At", ({ metadata }) => metadata.creationTimestamp),
);

export const ROLE_COLUMNS = columns<Role | ClusterRole>(
  name(),
  text("Created At", ({ metadata }) => metadata.creationTimestamp),
);

export const BINDING_COLUMNS = columns<RoleBinding | ClusterRoleBinding>(
  name(),
  text("Role", ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  age(),
  wide("Users", ({ subjects }) => subjectNames(subjects, "User")),
  wide("Groups", ({ subjects }) => subjectNames(subjects, "Group")),
  wide("ServiceAccounts", ({ subjects }) => subjectNames(subjects, "ServiceAccount")),
);

function subjectNames(subjects: readonly Subject[] | undefined, wanted: string): string {
  return (subjects ?? [])
    .filter(({ kind }) => kind === wanted)
    .map(({ namespace, name: subject }) => (wanted === "ServiceAccount" ? `${namespace}/${subject}` : subject))
    .join(", ");
}

export const LEASE_COLUMNS = columns<Lease>(
  name(),
  text("Holder", ({ spec }) => spec?.holderIdentity ?? ""),
  age(),
);

export const PRIORITY_CLASS_COLUMNS = columns<PriorityClass>(
  name(),
  count("Value", ({ value }) => value),
  text("Global-Default", ({ globalDefault }) => String(globalDefault ?? false)),
  age(),
  wide("PreemptionPolicy", ({ preemptionPolicy }) => preemptionPolicy ?? "PreemptLowerPriority"),
);

export const RUNTIME_CLASS_COLUMNS = columns<RuntimeClass>(
  name(),
  text("Handler", ({ handler }) => handler),
  age(),
);

export const SIGNING_REQUEST_COLUMNS = columns<CertificateSigningRequest>(
  name(),
  age(),
  text("SignerName", ({ spec }) => spec.signerName),
  text("Requestor", ({ spec }) => spec.username ?? ""),
  text("RequestedDuration", ({ spec }) => (spec.expirationSeconds === undefined ? NONE : `${spec.expirationSeconds}s`)),
  text("Condition", ({ status }) => {
    const types = (status?.conditions ?? []).map(({ type }) => type);
    const outcome = types.length === 0 ? ["Pending"] : types;
    return [...outcome, ...(status?.certificate ? ["Issued"] : [])].join(",");
  }),
);

export const POLICY_COLUMNS = columns<ValidatingAdmissionPolicy>(
  name(),
  count("Validations", ({ spec }) => spec?.validations?.length ?? 0),
  text("ParamKind", ({ spec }) => (spec?.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : UNSET)),
  age(),
);

export const POLICY_BINDING_COLUMNS = columns<ValidatingAdmissionPolicyBinding>(
  name(),
  text("PolicyName", ({ spec }) => spec?.policyName ?? ""),
  text("ParamRef", ({ spec }) => spec?.paramRef?.name ?? UNSET),
  age(),
);

export const WEBHOOK_COLUMNS = columns<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>(
  name(),
  count("Webhooks", ({ webhooks = [] }) => webhooks.length),
  age(),
);
