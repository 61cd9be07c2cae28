/** Fields in which objects name others, and their change when those have new names. */

import { type CustomizedObject, isClusterKind, nameOf } from "./customized-object.ts";
import { changeAt } from "./field-specs.ts";

interface Reference {
  /** The kind that is named. */
  readonly to: string;
  /** The kinds that name it; all when left out. */
  readonly from?: readonly string[];
  readonly path: string;
}

const POD_PLACES: Readonly<Record<string, readonly string[]>> = {
  spec: ["Pod"],
  "spec/template/spec": ["ReplicationController", "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "Job"],
  "spec/jobTemplate/spec/template/spec": ["CronJob"],
};
const CONTAINERS = ["containers", "initContainers", "ephemeralContainers"];

/** What a pod's spec names. */
const POD_FIELDS: readonly Reference[] = [
  { to: "ConfigMap", path: "volumes/configMap/name" },
  { to: "ConfigMap", path: "volumes/projected/sources/configMap/name" },
  { to: "Secret", path: "volumes/secret/secretName" },
  { to: "Secret", path: "volumes/projected/sources/secret/name" },
  { to: "Secret", path: "imagePullSecrets/name" },
  { to: "PersistentVolumeClaim", path: "volumes/persistentVolumeClaim/claimName" },
  { to: "ServiceAccount", path: "serviceAccountName" },
  { to: "ServiceAccount", path: "serviceAccount" },
  { to: "PriorityClass", path: "priorityClassName" },
  { to: "RuntimeClass", path: "runtimeClassName" },
  ...CONTAINERS.flatMap((list) => [
    { to: "ConfigMap", path: `${list}/env/valueFrom/configMapKeyRef/name` },
    { to: "ConfigMap", path: `${list}/envFrom/configMapRef/name` },
    { to: "Secret", path: `${list}/env/valueFrom/secretKeyRef/name` },
    { to: "Secret", path: `${list}/envFrom/secretRef/name` },
  ]),
];

const SCALED = ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"];
const WEBHOOKS = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

const REFERENCES: readonly Reference[] = [
  ...Object.entries(POD_PLACES).flatMap(([place, from]) =>
    POD_FIELDS.map(({ to, path }) => ({ to, from, path: `${place}/${path}` })),
  ),
  ...SCALED.map((to) => ({ to, from: ["HorizontalPodAutoscaler"], path: "spec/scaleTargetRef/name" })),
  ...["ConfigMap", "Secret"].map((to) => ({ to, from: ["Role", "ClusterRole"], path: "rules/resourceNames" })),
  { to: "Secret", from: ["Ingress"], path: "spec/tls/secretName" },
  { to: "Secret", from: ["ServiceAccount"], path: "imagePullSecrets/name" },
  { to: "Secret", from: ["ServiceAccount"], path: "secrets/name" },
  { to: "Service", from: ["StatefulSet"], path: "spec/serviceName" },
  { to: "Service", from: ["Ingress"], path: "spec/defaultBackend/service/name" },
  { to: "Service", from: ["Ingress"], path: "spec/rules/http/paths/backend/service/name" },
  { to: "Service", from: ["APIService"], path: "spec/service/name" },
  { to: "Service", from: WEBHOOKS, path: "webhooks/clientConfig/service/name" },
  { to: "Service", from: ["CustomResourceDefinition"], path: "spec/conversion/webhook/clientConfig/service/name" },
  { to: "Role", from: ["RoleBinding"], path: "roleRef/name" },
  { to: "ClusterRole", from: ["RoleBinding", "ClusterRoleBinding"], path: "roleRef/name" },
  { to: "PersistentVolume", from: ["PersistentVolumeClaim"], path: "spec/volumeName" },
  { to: "StorageClass", from: ["PersistentVolume", "PersistentVolumeClaim"], path: "spec/storageClassName" },
  { to: "StorageClass", from: ["StatefulSet"], path: "spec/volumeClaimTemplates/spec/storageClassName" },
  { to: "IngressClass", from: ["Ingress"], path: "spec/ingressClassName" },
  {
    to: "ValidatingAdmissionPolicy",
    from: ["ValidatingAdmissionPolicyBinding"],
    path: "spec/policyName",
  },
];

/** Gives all references the names that the objects have now. */
export function fixReferences(objects: readonly CustomizedObject[]): void {
  for (const referrer of objects) {
    for (const { to, from, path } of REFERENCES) {
      if (from !== undefined && !from.includes(referrer.object.kind)) continue;
      const renamed = (value: unknown, kind: unknown): unknown => {
        if (Array.isArray(value)) return value.map((one) => renamed(one, undefined));
        // Beside the name a kind may stand, as in roleRef.
        if (typeof value !== "string" || (typeof kind === "string" && kind !== to)) return value;
        const named = namedBy(objects, referrer, to, value);
        return named === undefined ? value : nameOf(named.object).name;
      };
      changeAt(referrer.object, path, false, (value, holder) => renamed(value, holder.kind));
    }
    fixSubjects(objects, referrer);
  }
}

function namedBy(
  objects: readonly CustomizedObject[],
  referrer: CustomizedObject,
  kind: string,
  name: string,
): CustomizedObject | undefined {
  const own = nameOf(referrer.object).namespace;
  const found = objects.filter(
    ({ object, names }) =>
      object.kind === kind &&
      names.some((one) => one.name === name) &&
      (isClusterKind(kind) || isClusterKind(referrer.object.kind) || nameOf(object).namespace === own),
  );
  // Of several bases the one that went the same way.
  const together = ({ affixes }: CustomizedObject) => affixes.join() === referrer.affixes.join();
  return found.find(together) ?? found[0];
}

/** Service accounts in bindings are named with their namespace. */
function fixSubjects(objects: readonly CustomizedObject[], { object }: CustomizedObject): void {
  if (!/^(?:Cluster)?RoleBinding$/.test(object.kind) || !Array.isArray(object.subjects)) return;
  for (const subject of object.subjects as { kind?: string; name?: string; namespace?: string }[]) {
    if (subject.kind !== "ServiceAccount") continue;
    const place = subject.namespace || "default";
    const account = objects.find(
      ({ object: one, names }) =>
        one.kind === "ServiceAccount" &&
        [...names, nameOf(one)].some(({ name }) => name === subject.name) &&
        [...names, nameOf(one)].some(({ namespace }) => (namespace || "default") === place),
    );
    if (account === undefined) continue;
    const { name, namespace } = nameOf(account.object);
    subject.name = name;
    if (namespace !== "") subject.namespace = namespace;
  }
}
