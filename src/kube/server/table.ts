/** Objects as rows of a table, which `kubectl get` prints: columns are the kind's own or name and time. */
import type { ObjectMeta } from "../../model/kubernetes/meta.ts";
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { TableColumn } from "../machinery/definition.ts";
import { StatusError } from "../status.ts";

type Included = "None" | "Metadata" | "Object";

interface Table {
  kind: "Table";
  apiVersion: string;
  metadata: Record<string, unknown>;
  columnDefinitions: readonly unknown[];
  rows: readonly unknown[];
}

const NAME_DESCRIPTION = "Name must be unique within a namespace.";
/** For kinds that declare nothing. */
const PLAIN_COLUMNS: readonly TableColumn[] = [
  {
    name: "Name",
    type: "string",
    format: "name",
    description: NAME_DESCRIPTION,
    priority: 0,
    cell: ({ metadata }) => metadata.name,
  },
  {
    name: "Created At",
    type: "date",
    description: "The time at which the server made the object.",
    priority: 0,
    cell: ({ metadata }) => metadata.creationTimestamp,
  },
];

/** @throws StatusError BadRequest for a value of includeObject that does not exist */
export function includedBy(value: string | null): Included {
  if (value === null || value === "") return "Metadata";
  if (value === "None" || value === "Metadata" || value === "Object") return value;
  throw new StatusError("BadRequest", `unrecognized includeObject value: ${JSON.stringify(value)}`);
}

/** `listMetadata` is the list's (resourceVersion, continue …) or empty. */
export function tableOf(
  objects: readonly Stored<KubeObject>[],
  columns: readonly TableColumn[] = PLAIN_COLUMNS,
  options: { included: Included; version: string; metadata: Record<string, unknown>; withColumns: boolean },
): Table {
  const now = Date.now();
  const apiVersion = `meta.k8s.io/${options.version}`;
  return {
    kind: "Table",
    apiVersion,
    metadata: options.metadata,
    columnDefinitions: options.withColumns ? columns.map(columnDefinition) : [],
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, now)),
      object: includedObject(object, options.included, apiVersion),
    })),
  };
}

/** A kind's metadata without the rest, as metadata clients and tables get it. */
export function metadataOf(object: KubeObject, apiVersion = "meta.k8s.io/v1"): { metadata: ObjectMeta } {
  return { kind: "PartialObjectMetadata", apiVersion, metadata: object.metadata } as never;
}

function columnDefinition({ name, type, format = "", description = "", priority }: TableColumn) {
  return { name, type, format, description, priority };
}

function includedObject(object: KubeObject, included: Included, apiVersion: string): unknown {
  if (included === "None") return null;
  return included === "Object" ? object : metadataOf(object, apiVersion);
}
