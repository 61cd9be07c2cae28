/** An object on its way through kustomizations: what it is, and which names it had before. */

import type { KubeManifestObject } from "../manifest-files.ts";

interface ObjectName {
  readonly name: string;
  readonly namespace: string;
}

export interface CustomizedObject {
  object: KubeManifestObject;
  /** Names that it had, the first one first; references may use any of them. */
  readonly names: ObjectName[];
  /** Prefixes and suffixes that it was given: objects that have the same belong together. */
  readonly affixes: string[];
  /** A hash of its content goes behind its name. */
  needsHash: boolean;
}

/** An object as it comes from a file or a generator. */
export const newCustomized = (object: KubeManifestObject, needsHash = false): CustomizedObject => ({
  object,
  names: [nameOf(object)],
  affixes: [],
  needsHash,
});

/** Name and namespace, empty where they are missing. */
export const nameOf = ({ metadata }: KubeManifestObject): ObjectName => ({
  name: metadata?.name ?? "",
  namespace: metadata?.namespace ?? "",
});

/** "apps/v1" in its parts; the core group is empty. */
export function splitVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf("/");
  return slash < 0
    ? { group: "", version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** The group of an object's apiVersion. */
export const groupOf = ({ apiVersion }: KubeManifestObject): string => splitVersion(apiVersion).group;

/** "Deployment.v1.apps/web.[noNs]", as kustomize names objects in its complaints. */
export function idText({ apiVersion, kind, metadata }: KubeManifestObject): string {
  const { group, version } = splitVersion(apiVersion);
  return `${kind}.${version}.${group || "[noGrp]"}/${metadata?.name ?? ""}.${metadata?.namespace || "[noNs]"}`;
}

/** True when it has or had the name. */
export const wasNamed = ({ object, names }: CustomizedObject, name: string): boolean =>
  nameOf(object).name === name || names.some((one) => one.name === name);

/** Kinds that stand in no namespace; all others, custom ones too, are taken for kinds that do. */
const CLUSTER_KINDS = new Set(
  `APIService CertificateSigningRequest ClusterRole ClusterRoleBinding ClusterTrustBundle ComponentStatus CSIDriver CSINode
   CustomResourceDefinition DeviceClass FlowSchema IngressClass IPAddress MutatingAdmissionPolicy MutatingAdmissionPolicyBinding
   MutatingWebhookConfiguration Namespace Node PersistentVolume PriorityClass PriorityLevelConfiguration ResourceSlice RuntimeClass
   SelfSubjectAccessReview SelfSubjectReview SelfSubjectRulesReview ServiceCIDR StorageClass StorageVersion SubjectAccessReview
   TokenReview ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment
   VolumeAttributesClass`.split(/\s+/),
);
/** True for built-in kinds that stand in no namespace. */
export const isClusterKind = (kind: string): boolean => CLUSTER_KINDS.has(kind);
