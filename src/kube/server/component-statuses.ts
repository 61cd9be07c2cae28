/** componentstatuses (core/v1, deprecated since v1.19): how the parts are that a cluster cannot do without. */
import type { ComponentStatus } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { TableColumn } from "../machinery/definition.ts";
import { NAME, text } from "../resources/columns/column.ts";
import { notFound } from "../status.ts";
import { selectorOf, type VirtualResource } from "./virtual-resources.ts";

export interface Component {
  readonly name: string;
  /** What is wrong with it; undefined when all is well. */
  fault(): Promise<string | undefined> | string | undefined;
}

const COLUMNS = [
  NAME,
  text<ComponentStatus>("Status", ({ conditions = [] }) => {
    const status = conditions.find(({ type }) => type === "Healthy")?.status;
    if (status === undefined) return "Unknown";
    return status === "True" ? "Healthy" : "Unhealthy";
  }),
  text<ComponentStatus>("Message", ({ conditions = [] }) => conditions[0]?.message ?? ""),
  text<ComponentStatus>("Error", ({ conditions = [] }) => conditions[0]?.error ?? ""),
] as readonly TableColumn[];

/** Each component is asked at the moment of the request. */
export function componentStatuses(components: readonly Component[]): VirtualResource {
  return {
    group: "",
    version: "v1",
    resource: "componentstatuses",
    singular: "componentstatus",
    kind: "ComponentStatus",
    namespaced: false,
    shortNames: ["cs"],
    columns: COLUMNS,
    deprecation: "v1 ComponentStatus is deprecated in v1.19+",
    verbs: {
      get: async ({ attributes }) => {
        const found = components.find(({ name }) => name === attributes.name);
        if (found === undefined) throw notFound("", "componentstatuses", attributes.name);
        return await statusOf(found);
      },
      list: async ({ query }) => {
        const items = (await Promise.all(components.map(statusOf))).filter(selectorOf(query));
        return { kind: "ComponentStatusList", apiVersion: "v1", metadata: {}, items };
      },
    },
  };
}

async function statusOf({ name, fault }: Component): Promise<Stored<ComponentStatus>> {
  const wrong = await fault();
  const condition = { type: "Healthy", status: wrong === undefined ? "True" : "False", message: wrong ?? "ok" };
  // It is stored nowhere: it has no uid and no version.
  return {
    apiVersion: "v1",
    kind: "ComponentStatus",
    metadata: { name },
    conditions: [condition],
  } as Stored<ComponentStatus>;
}
