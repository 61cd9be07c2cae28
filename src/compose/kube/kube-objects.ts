/** A whole project as Kubernetes objects. */
import type { KubeObject } from "../../model/kubernetes/object.ts";
import { SCHEDULE_KEY } from "../automation/schedule.ts";
import { isTree } from "../document.ts";
import type { ComposeProject } from "../load-project.ts";
import { projectModel } from "../service-model.ts";
import { type Printable, yamlText } from "../yaml-text.ts";
import type { Conversion, FileContents, KubeProject, KubeService } from "./kube-project.ts";
import { fileObjects, networkPolicies, volumeClaims } from "./resources.ts";
import { serviceNames } from "./service-names.ts";
import { workload } from "./workload.ts";

/**
 * What of a project Kubernetes can run, in an order in which it can be applied.
 * @throws {NaruError} invalid for values that have no sense, not-found for a missing file of a secret or config
 */
export async function kubeObjects(project: ComposeProject, files: FileContents): Promise<KubeProject> {
  const model = projectModel(project);
  const remarks: string[] = [];
  const conversion: Conversion = {
    project: model,
    remark: (about, words) => remarks.push(`${about}: ${words}`),
  };
  const trees = isTree(project.tree.services) ? project.tree.services : {};
  const dependencies = Object.values(model.services).flatMap(({ depends_on }) => Object.entries(depends_on ?? {}));
  const awaited = new Set(
    dependencies.flatMap(([name, { condition }]) => (condition === "service_completed_successfully" ? [name] : [])),
  );
  const own = Object.entries(model.services).filter(([name, { provider }]) => {
    if (provider)
      remarks.push(
        `${name}: it is left out: a program provides it (${provider.type}), and tells others their variables`,
      );
    return provider === undefined;
  });
  const services = own.map(([name, service]): KubeService => {
    const tree = trees[name];
    return { name, model: service, tree: isTree(tree) ? tree : {}, isAwaited: awaited.has(name) };
  });
  if (dependencies.length > 0) {
    remarks.push("depends_on: pods start in any order; each waits or tries again until what it needs answers");
  }
  const objects: KubeObject[] = [
    ...(await fileObjects(conversion, files)),
    ...volumeClaims(conversion),
    ...networkPolicies(conversion),
    ...services.filter(isServer).flatMap((service) => serviceNames(conversion, service)),
    ...services.flatMap((service) => workload(conversion, service)),
  ];
  return { objects, remarks };
}

/** Jobs are not called by name. */
const isServer = ({ isAwaited, tree }: KubeService) => !isAwaited && tree[SCHEDULE_KEY] === undefined;

/** Puts all objects into a namespace. */
export function inNamespace(objects: readonly KubeObject[], namespace: string): KubeObject[] {
  return objects.map((object) => ({ ...object, metadata: { ...object.metadata, namespace } }));
}

/** One YAML document an object, what is left out as comments above them. */
export function kubeYaml({ objects, remarks }: KubeProject): string {
  const comments = remarks.map((remark) => `# ${remark}\n`).join("");
  return `${comments}${comments === "" ? "" : "---\n"}${objects.map(objectYaml).join("---\n")}`;
}

/** A List, as kubectl reads it too. */
export function kubeJson({ objects }: KubeProject): string {
  return `${JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, undefined, 2)}\n`;
}

const objectYaml = (object: KubeObject) => yamlText(printable(object) as Map<string, Printable>);

function printable(value: unknown): Printable {
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value !== "object" || value === null) return value as Printable;
  return new Map(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, printable(item)] as const])),
  );
}
