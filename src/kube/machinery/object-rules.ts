/** What holds for the metadata of every object. */

import type { ObjectMeta, OwnerReference } from "../../model/kubernetes/meta.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import { dnsLabelFaults, dnsSubdomainFaults, labelValueFaults, qualifiedNameFaults } from "../name-rules.ts";
import { sameJson } from "./copy.ts";
import type { ResourceDefinition } from "./definition.ts";
import { type FieldError, forbidden, invalid, required, tooLong } from "./field-error.ts";

/** All annotations of an object together. */
const ANNOTATION_BYTES = 256 * 1024;

/** Faults of labels, of an object or of a template within one. */
function labelsFaults(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedNameFaults(key).map((fault) => invalid(field, key, fault)),
    ...labelValueFaults(value).map((fault) => invalid(field, value, fault)),
  ]);
}

function annotationsFaults(annotations: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
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
