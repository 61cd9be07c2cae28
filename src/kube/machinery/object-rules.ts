/** What holds for the metadata of every object. */

import type { ObjectMeta, OwnerReference } from "../../model/kubernetes/meta.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { sameJson } from "./copy.ts";
import type { ResourceDefinition } from "./definition.ts";
import { type FieldError, forbidden, invalid, required, tooLong } from "./field-error.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_PART = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
/** All annotations of an object together. */
const ANNOTATION_BYTES = 256 * 1024;

const EXPRESSIONS = {
  label: `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
  label1035: `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
  subdomain: `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  namePart: `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  value: `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
} as const;

const longerThan = (count: number) => `must be no more than ${count} characters`;

/** RFC 1123 label: names of namespaces, containers, ports … */
export function dnsLabelFaults(name: string): string[] {
  return [...(name.length > 63 ? [longerThan(63)] : []), ...(LABEL.test(name) ? [] : [EXPRESSIONS.label])];
}

/** RFC 1035 label: names of services. */
export function dns1035LabelFaults(name: string): string[] {
  const fine = /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name);
  return [...(name.length > 63 ? [longerThan(63)] : []), ...(fine ? [] : [EXPRESSIONS.label1035])];
}

/** RFC 1123 subdomain: names of most objects. */
export function dnsSubdomainFaults(name: string): string[] {
  return [...(name.length > 253 ? [longerThan(253)] : []), ...(SUBDOMAIN.test(name) ? [] : [EXPRESSIONS.subdomain])];
}

/** Names of RBAC objects and others that only must fit into a path. */
export function pathSegmentFaults(name: string): string[] {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return ["/", "%"].filter((sign) => name.includes(sign)).map((sign) => `may not contain '${sign}'`);
}

/** "example.com/name": label keys, annotation keys, finalizers. */
export function qualifiedNameFaults(key: string): string[] {
  const parts = key.split("/");
  const faults: string[] = [];
  const name = parts.at(-1)!;
  if (parts.length > 2) {
    return [
      `a qualified name ${EXPRESSIONS.namePart.slice("name part ".length)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (parts.length === 2) {
    if (parts[0] === "") faults.push("prefix part must be non-empty");
    else faults.push(...dnsSubdomainFaults(parts[0]!).map((fault) => `prefix part ${fault}`));
  }
  if (name === "") faults.push("name part must be non-empty");
  else if (name.length > 63) faults.push(`name part ${longerThan(63)}`);
  if (!NAME_PART.test(name)) faults.push(EXPRESSIONS.namePart);
  return faults;
}

export function labelValueFaults(value: string): string[] {
  return [...(value.length > 63 ? [longerThan(63)] : []), ...(LABEL_VALUE.test(value) ? [] : [EXPRESSIONS.value])];
}

/** Faults of labels, of an object or of a template within one. */
export function labelsFaults(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedNameFaults(key).map((fault) => invalid(field, key, fault)),
    ...labelValueFaults(value).map((fault) => invalid(field, value, fault)),
  ]);
}

export function annotationsFaults(
  annotations: Readonly<Record<string, string>> | undefined,
  field: string,
): FieldError[] {
  let bytes = 0;
  const faults: FieldError[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    bytes += key.length + value.length;
    faults.push(...qualifiedNameFaults(key.toLowerCase()).map((fault) => invalid(field, key, fault)));
  }
  if (bytes > ANNOTATION_BYTES) faults.push(tooLong(field, ANNOTATION_BYTES));
  return faults;
}

function ownerFaults(owners: readonly OwnerReference[]): FieldError[] {
  const field = "metadata.ownerReferences";
  const faults = owners.flatMap((owner) => [
    ...(owner.apiVersion ? [] : [invalid(`${field}.apiVersion`, owner.apiVersion ?? "", "version must not be empty")]),
    ...(owner.kind ? [] : [invalid(`${field}.kind`, owner.kind ?? "", "must not be empty")]),
    ...(owner.name ? [] : [invalid(`${field}.name`, owner.name ?? "", "must not be empty")]),
    ...(owner.uid ? [] : [invalid(`${field}.uid`, owner.uid ?? "", "must not be empty")]),
  ]);
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    const [first, second] = controllers;
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${first!.kind}/${first!.name} and ${second!.kind}/${second!.name}`;
    faults.push(invalid(field, owners, detail));
  }
  return faults;
}

/** Faults of name, labels, annotations, owners and finalizers of any object. */
export function metadataFaults(definition: ResourceDefinition, object: KubeObject): FieldError[] {
  const { metadata } = object;
  const { name = "", namespace } = metadata;
  const nameFaults = (definition.nameFaults ?? dnsSubdomainFaults)(name);
  const faults = name === "" ? [required("metadata.name", "name or generateName is required")] : [];
  faults.push(...nameFaults.map((fault) => invalid("metadata.name", name, fault)));
  if (namespace !== undefined && definition.type.namespaced) {
    faults.push(...dnsLabelFaults(namespace).map((fault) => invalid("metadata.namespace", namespace, fault)));
  }
  faults.push(...labelsFaults(metadata.labels, "metadata.labels"));
  faults.push(...annotationsFaults(metadata.annotations, "metadata.annotations"));
  if (metadata.ownerReferences !== undefined) faults.push(...ownerFaults(metadata.ownerReferences));
  for (const finalizer of metadata.finalizers ?? []) {
    faults.push(...qualifiedNameFaults(finalizer).map((fault) => invalid("metadata.finalizers", finalizer, fault)));
  }
  return faults;
}

/** Once an object is to be deleted, finalizers may only go. */
export function metadataUpdateFaults(object: KubeObject, before: Stored<KubeObject>): FieldError[] {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined) return [];
  const added = addedFinalizers(metadata, before.metadata);
  if (added.length === 0 || sameJson(metadata.finalizers, before.metadata.finalizers)) return [];
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((one) => JSON.stringify(one)).join(", ")}}`;
  return [forbidden("metadata.finalizers", detail)];
}

function addedFinalizers(metadata: ObjectMeta, before: ObjectMeta): string[] {
  const known = new Set(before.finalizers);
  return (metadata.finalizers ?? []).filter((finalizer) => !known.has(finalizer));
}
