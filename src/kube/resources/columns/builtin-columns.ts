/** The columns of builtin kinds, as `kubectl get` prints them. */
import type { ResourceType } from "../../../model/kubernetes/object.ts";
import type { TableColumn } from "../../machinery/definition.ts";

const COLUMNS: Record<string, readonly TableColumn[]> = {};

/** Undefined: the kind shows its name and when it was made. */
export function builtinColumns({ group, resource }: ResourceType): readonly TableColumn[] | undefined {
  return COLUMNS[`${group}/${resource}`];
}
