/** Names that the cluster and the kubeconfig know, for completion. */

import type { KubectlContext } from "../declaration.ts";
import { KubeconfigFiles } from "../kubeconfig/files.ts";
import type { Section } from "../kubeconfig/model.ts";
import { pathOf, qualified, type ServedType } from "../resource-types.ts";

/** Names of a type's objects: in the namespace, where the type stands in namespaces. */
export async function objectNames(context: KubectlContext, typeName: string): Promise<string[]> {
  const type = (await context.types()).find(typeName);
  const path = pathOf(type, type.namespaced ? await context.namespace() : undefined);
  const { items = [] } = await (await context.api()).get<{ items?: { metadata: { name: string } }[] }>(path);
  return items.map(({ metadata }) => metadata.name).sort();
}

/** "pods", "deployments.apps": types that can be listed; those of the core group first. */
export async function typeNames(context: KubectlContext): Promise<string[]> {
  const { all } = await context.types();
  const isListed = ({ verbs, isPreferred }: ServedType) => isPreferred && verbs.includes("list");
  const names = all.filter(isListed).map(qualified).sort();
  return [...names.filter((name) => !name.includes(".")), ...names.filter((name) => name.includes("."))];
}

/** Of the kubeconfig files. */
export async function kubeconfigNames(context: KubectlContext, section: Section): Promise<string[]> {
  const config = await new KubeconfigFiles(context.kubeconfig.path).read();
  return [...config[section].keys()].sort();
}
