/** The kind CustomResourceDefinition itself. */

import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from "../../model/kubernetes/apiextensions.ts";
import { CUSTOM_RESOURCE_DEFINITIONS } from "../../model/kubernetes/names.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from "../machinery/field-error.ts";
import { dns1035LabelFaults, dnsSubdomainFaults } from "../name-rules.ts";
import { statusUpdate } from "../resources/status-update.ts";
import { webhookPlaceFaults } from "../resources/webhook-place.ts";
import { structuralFaults } from "../schema/custom/structural-schema.ts";
import { storageVersion } from "./custom-definition.ts";
import { parseJsonPath } from "./json-path.ts";

/** Keeps a definition until its objects are gone. */
export const CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";
const COLUMN_TYPES = ["boolean", "date", "integer", "number", "string"];

export const customResourceDefinitions: ResourceDefinition<CustomResourceDefinition> = {
  type: CUSTOM_RESOURCE_DEFINITIONS,
  singular: "customresourcedefinition",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  generation: true,
  partialUpdates: { status: statusUpdate() },
  prepareCreate(crd) {
    const finalizers = new Set(crd.metadata.finalizers);
    crd.metadata.finalizers = [...finalizers.add(CLEANUP_FINALIZER)];
    const storage = crd.spec?.versions?.find((version) => version.storage);
    crd.status = { storedVersions: storage === undefined ? [] : [storage.name] };
  },
  prepareUpdate(crd) {
    const stored = new Set(crd.status?.storedVersions);
    const storage = crd.spec?.versions?.find((version) => version.storage);
    if (storage === undefined || stored.has(storage.name)) return;
    crd.status = { ...crd.status, storedVersions: [...stored, storage.name] };
  },
  defaults({ spec }) {
    if (spec?.names === undefined) return;
    spec.names.singular ||= spec.names.kind?.toLowerCase() ?? "";
    spec.names.listKind ||= `${spec.names.kind}List`;
    spec.conversion ??= { strategy: "None" };
    spec.conversion.strategy ||= "None";
    const { service } = spec.conversion.webhook?.clientConfig ?? {};
    if (service !== undefined) service.port ??= 443;
  },
  validate: faultsOf,
  validateUpdate({ spec }, before) {
    const established = before.status?.conditions?.some((one) => one.type === "Established" && one.status === "True");
    const faults: FieldError[] = [];
    const fixed = (field: string, now: unknown, then: unknown) => {
      if (now !== then) faults.push(invalid(field, now, "field is immutable"));
    };
    fixed("spec.group", spec.group, before.spec.group);
    fixed("spec.names.plural", spec.names.plural, before.spec.names.plural);
    if (established) {
      fixed("spec.scope", spec.scope, before.spec.scope);
      fixed("spec.names.kind", spec.names.kind, before.spec.names.kind);
    }
    return faults;
  },
  columns: [
    { name: "Name", type: "string", format: "name", priority: 0, cell: ({ metadata }) => metadata.name },
    { name: "Created At", type: "date", priority: 0, cell: ({ metadata }) => metadata.creationTimestamp },
  ],
};

function faultsOf({ metadata, spec, status }: CustomResourceDefinition): FieldError[] {
  if (spec === undefined) return [required("spec")];
  const faults: FieldError[] = [];
  const { names = { plural: "", kind: "" }, versions = [] } = spec;
  if (!spec.group) faults.push(required("spec.group"));
  else faults.push(...dnsSubdomainFaults(spec.group).map((fault) => invalid("spec.group", spec.group, fault)));
  if (spec.group && !spec.group.includes(".")) {
    faults.push(invalid("spec.group", spec.group, "should be a domain with at least one dot"));
  }
  faults.push(...namesFaults(names));
  const wanted = `${names.plural}.${spec.group}`;
  if (metadata.name !== wanted) {
    faults.push(invalid("metadata.name", metadata.name, `must be spec.names.plural+"."+spec.group`));
  }
  if (!spec.scope) faults.push(required("spec.scope"));
  else if (!["Cluster", "Namespaced"].includes(spec.scope)) {
    faults.push(notSupported("spec.scope", spec.scope, ["Cluster", "Namespaced"]));
  }
  if (spec.preserveUnknownFields) {
    const detail =
      "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
    faults.push(invalid("spec.preserveUnknownFields", true, detail));
  }
  faults.push(...conversionFaults(spec.conversion));
  if (versions.length === 0) faults.push(required("spec.versions", "must have at least one version"));
  if (versions.filter((version) => version.storage).length !== 1) {
    faults.push(
      invalid(
        "spec.versions",
        versions.map((version) => version.name),
        "must have exactly one version marked as storage version",
      ),
    );
  }
  const known = new Set<string>();
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    if (known.has(version.name)) faults.push(duplicate(`${at}.name`, version.name));
    known.add(version.name);
    faults.push(...versionFaults(version, at));
  }
  for (const [index, stored] of (status?.storedVersions ?? []).entries()) {
    if (known.has(stored)) continue;
    faults.push(
      invalid(
        `status.storedVersions[${index}]`,
        stored,
        `missing from spec.versions; ${stored} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${stored} and removes ${stored} from status.storedVersions`,
      ),
    );
  }
  return faults;
}

function conversionFaults(conversion: CustomResourceConversion | undefined): FieldError[] {
  if (conversion === undefined) return [];
  const { strategy, webhook } = conversion;
  const at = "spec.conversion";
  if (strategy !== "Webhook") {
    if (strategy !== "None") return [notSupported(`${at}.strategy`, strategy, ["None", "Webhook"])];
    const why = "should not be set when strategy is not set to Webhook";
    return webhook === undefined ? [] : [forbidden(`${at}.webhook`, why)];
  }
  if (webhook?.clientConfig === undefined) {
    return [required(`${at}.webhook.clientConfig`, "required when strategy is set to Webhook")];
  }
  const faults = webhookPlaceFaults(webhook.clientConfig, `${at}.webhook.clientConfig`);
  const versions = webhook.conversionReviewVersions ?? [];
  if (versions.length === 0) faults.push(required(`${at}.webhook.conversionReviewVersions`));
  else if (!versions.includes("v1")) {
    faults.push(invalid(`${at}.webhook.conversionReviewVersions`, versions, "must include at least one of v1"));
  }
  return faults;
}

function namesFaults(names: CustomResourceDefinition["spec"]["names"]): FieldError[] {
  const faults: FieldError[] = [];
  const check = (field: string, value: string | undefined, needed: boolean) => {
    if (!value) {
      if (needed) faults.push(required(`spec.names.${field}`));
      return;
    }
    faults.push(
      ...dns1035LabelFaults(value.toLowerCase()).map((fault) => invalid(`spec.names.${field}`, value, fault)),
    );
  };
  check("plural", names.plural, true);
  check("singular", names.singular, true);
  check("kind", names.kind, true);
  check("listKind", names.listKind, true);
  for (const [index, name] of (names.shortNames ?? []).entries()) check(`shortNames[${index}]`, name, true);
  for (const [index, name] of (names.categories ?? []).entries()) check(`categories[${index}]`, name, true);
  if (names.listKind && names.listKind === names.kind) {
    faults.push(invalid("spec.names.listKind", names.listKind, "kind and listKind may not be the same"));
  }
  return faults;
}

function versionFaults(version: CustomResourceDefinitionVersion, at: string): FieldError[] {
  const faults = dns1035LabelFaults(version.name ?? "").map((fault) => invalid(`${at}.name`, version.name, fault));
  const schema = version.schema?.openAPIV3Schema;
  if (schema === undefined) faults.push(required(`${at}.schema.openAPIV3Schema`, "schemas are required"));
  else faults.push(...structuralFaults(schema, `${at}.schema.openAPIV3Schema`));
  for (const [index, column] of (version.additionalPrinterColumns ?? []).entries()) {
    const where = `${at}.additionalPrinterColumns[${index}]`;
    if (!column.name) faults.push(required(`${where}.name`));
    if (!COLUMN_TYPES.includes(column.type)) faults.push(notSupported(`${where}.type`, column.type, COLUMN_TYPES));
    faults.push(...pathFaults(`${where}.jsonPath`, column.jsonPath));
  }
  for (const [index, { jsonPath }] of (version.selectableFields ?? []).entries()) {
    faults.push(...pathFaults(`${at}.selectableFields[${index}].jsonPath`, jsonPath));
  }
  const scale = version.subresources?.scale;
  if (scale === undefined) return faults;
  faults.push(...scalePathFaults(`${at}.subresources.scale.specReplicasPath`, scale.specReplicasPath, ".spec."));
  faults.push(...scalePathFaults(`${at}.subresources.scale.statusReplicasPath`, scale.statusReplicasPath, ".status."));
  if (scale.labelSelectorPath !== undefined && !/^\.(spec|status)\./.test(scale.labelSelectorPath)) {
    faults.push(
      invalid(
        `${at}.subresources.scale.labelSelectorPath`,
        scale.labelSelectorPath,
        "should be a json path under either .spec or .status",
      ),
    );
  }
  return faults;
}

function pathFaults(field: string, path: string | undefined): FieldError[] {
  if (!path) return [required(field)];
  try {
    parseJsonPath(path);
    return [];
  } catch (error) {
    return [invalid(field, path, (error as Error).message)];
  }
}

function scalePathFaults(field: string, path: string | undefined, under: string): FieldError[] {
  if (!path) return [required(field)];
  if (path.startsWith(under)) return [];
  return [invalid(field, path, `should be a json path under ${under.slice(0, -1)}`)];
}

/** True when the kind is served in the version that is stored, or in any other. */
export function isServed(crd: CustomResourceDefinition): boolean {
  return storageVersion(crd) !== undefined && crd.spec.versions.some((version) => version.served);
}
