/** How columns are declared: short words for what many kinds show. */
import type { KubeObject, Stored } from "../../../model/kubernetes/object.ts";
import { ageText } from "../../machinery/age.ts";
import type { TableColumn } from "../../machinery/definition.ts";

type Cell = string | number | boolean | null;
type Read<T extends KubeObject> = (object: Stored<T>, now: number) => Cell;

export const NONE = "<none>";
export const UNSET = "<unset>";
const WIDE = 1;

export function text<T extends KubeObject>(name: string, cell: Read<T>): TableColumn<T> {
  return { name, type: "string", priority: 0, cell };
}

/** Shown with -o wide. */
export function wide<T extends KubeObject>(name: string, cell: Read<T>): TableColumn<T> {
  return { name, type: "string", priority: WIDE, cell };
}

export function count<T extends KubeObject>(name: string, cell: Read<T>): TableColumn<T> {
  return { name, type: "integer", priority: 0, cell };
}

export const NAME: TableColumn = {
  name: "Name",
  type: "string",
  format: "name",
  priority: 0,
  cell: ({ metadata }) => metadata.name,
};

export const AGE: TableColumn = {
  name: "Age",
  type: "string",
  priority: 0,
  cell: ({ metadata }, now) => ageText(metadata.creationTimestamp, now),
};

/** Names, images and selector of a workload, with -o wide. */
export function workload<T extends KubeObject>(
  containersOf: (object: Stored<T>) => readonly { name: string; image?: string }[] | undefined,
  selectorOf: (object: Stored<T>) => string,
): TableColumn<T>[] {
  const list = (values: readonly string[]) => values.join(",");
  return [
    wide("Containers", (object) => list((containersOf(object) ?? []).map(({ name }) => name))),
    wide("Images", (object) => list((containersOf(object) ?? []).map(({ image }) => image ?? ""))),
    wide("Selector", selectorOf),
  ];
}

export function labelsText(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? NONE : pairs.sort().join(",");
}

/** The first `shown` of a list, and how many more there are. */
export function shortList(values: readonly string[], shown = 3): string {
  if (values.length === 0) return NONE;
  const head = values.slice(0, shown).join(",");
  return values.length > shown ? `${head} + ${values.length - shown} more...` : head;
}
