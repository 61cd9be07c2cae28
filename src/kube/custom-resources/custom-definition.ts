/** The declaration of a kind, made from its CustomResourceDefinition. */

import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from "../../model/kubernetes/apiextensions.ts";
import type { KubeObject, ResourceType, Stored } from "../../model/kubernetes/object.ts";
import { ageText } from "../machinery/age.ts";
import type {
  PartialUpdate,
  ResourceDefinition,
  ScalePaths,
  ServedVersion,
  TableColumn,
} from "../machinery/definition.ts";
import { StatusError } from "../status.ts";
import { parseJsonPath } from "./json-path.ts";

/** How a webhook converts objects of the kind. */
type Convert = NonNullable<ServedVersion["convert"]>;
type Custom = KubeObject & Record<string, unknown>;

/** The kind in one of its versions. */
export function customType({ spec }: CustomResourceDefinition, version: string): ResourceType {
  const { plural, kind } = spec.names;
  return { group: spec.group, version, resource: plural, kind, namespaced: spec.scope === "Namespaced" };
}

/** The version that objects are stored in. */
export function storageVersion({ spec }: CustomResourceDefinition): CustomResourceDefinitionVersion {
  return spec.versions.find((version) => version.storage) ?? spec.versions[0]!;
}

/** Only metadata's labels, annotations … stay from the request's object; its status is new. */
const STATUS_UPDATE: PartialUpdate = {
  prepare(object, before) {
    const { status } = object as Custom;
    const { managedFields } = object.metadata;
    for (const name of Object.keys(object)) delete (object as Custom)[name];
    Object.assign(object, structuredClone(before));
    if (managedFields !== undefined) object.metadata.managedFields = managedFields;
    if (status === undefined) delete (object as Custom).status;
    else (object as Custom).status = status;
  },
};

/**
 * @throws Error when a path of a column or a selectable field cannot be understood (the definition's validation tells that before)
 */
export function customDefinition(crd: CustomResourceDefinition, convert?: Convert): ResourceDefinition {
  const { names } = crd.spec;
  const storage = storageVersion(crd);
  const { scale, status } = storage.subresources ?? {};
  return {
    type: customType(crd, storage.name),
    singular: names.singular || names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    listKind: names.listKind || `${names.kind}List`,
    // What is stored may be of any version: every one is served by a conversion.
    served: false,
    versions: crd.spec.versions
      .filter((version) => version.served)
      .map((version) => servedVersion(crd, version, convert)),
    generation: true,
    resourceVersionRequired: true,
    ...(status === undefined ? {} : { partialUpdates: { status: STATUS_UPDATE } }),
    ...(scale === undefined ? {} : { scale: scalePaths(scale) }),
    prepareCreate() {
      if (crd.metadata.deletionTimestamp === undefined) return;
      const message = "create not allowed while custom resource definition is terminating";
      throw new StatusError("MethodNotAllowed", message, { group: crd.spec.group, kind: names.plural });
    },
  };
}

const dotted = (path: string) => path.replace(/^\./, "");

function scalePaths(scale: CustomResourceSubresourceScale): ScalePaths {
  return {
    replicas: dotted(scale.specReplicasPath),
    statusReplicas: dotted(scale.statusReplicasPath),
    ...(scale.labelSelectorPath === undefined ? {} : { selector: dotted(scale.labelSelectorPath) }),
  };
}

/** Conversion "None": only apiVersion changes. With a webhook's `convert` that is asked instead. */
function servedVersion(
  crd: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  convert: Convert | undefined,
): ServedVersion {
  const apiVersion = `${crd.spec.group}/${version.name}`;
  const warning = `${apiVersion} ${crd.spec.names.kind} is deprecated`;
  return {
    group: crd.spec.group,
    version: version.name,
    fromStorage: (object) => (object.apiVersion === apiVersion ? object : { ...object, apiVersion }),
    toStorage: (object) => object,
    ...(convert === undefined ? {} : { convert }),
    ...(version.subresources?.scale === undefined ? {} : { scale: scalePaths(version.subresources.scale) }),
    columns: columnsOf(version.additionalPrinterColumns),
    selectableFields: selectableFields(version),
    ...(version.deprecated ? { deprecation: version.deprecationWarning ?? warning } : {}),
  };
}

function selectableFields(version: CustomResourceDefinitionVersion): NonNullable<ServedVersion["selectableFields"]> {
  return Object.fromEntries(
    (version.selectableFields ?? []).map(({ jsonPath }) => {
      const path = parseJsonPath(jsonPath);
      return [dotted(jsonPath), (object: KubeObject) => String(path(object)[0] ?? "")];
    }),
  );
}

const NAME_COLUMN: TableColumn = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name must be unique within a namespace.",
  priority: 0,
  cell: ({ metadata }) => metadata.name,
};
const AGE_COLUMN: CustomResourceColumnDefinition = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "The time at which the server made the object.",
};

function columnsOf(columns: readonly CustomResourceColumnDefinition[] = []): TableColumn[] {
  return [NAME_COLUMN, ...(columns.length === 0 ? [AGE_COLUMN] : columns).map(customColumn)];
}

function customColumn({
  name,
  type,
  format,
  description,
  priority,
  jsonPath,
}: CustomResourceColumnDefinition): TableColumn {
  const path = parseJsonPath(jsonPath);
  return {
    name,
    type: type as TableColumn["type"],
    ...(format === undefined ? {} : { format }),
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority ?? 0,
    cell: (object: Stored<KubeObject>, now) => cellOf(type, path(object)[0], now),
  };
}

function cellOf(type: string, value: unknown, now: number): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (type === "date") return typeof value === "string" ? ageText(value, now) : "<unknown>";
  if (type === "integer" && typeof value === "number") return Math.trunc(value);
  if (type === "number" && typeof value === "number") return value;
  if (type === "boolean" && typeof value === "boolean") return value;
  if (type !== "string") return null;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
