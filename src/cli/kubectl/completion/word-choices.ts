/** What may stand as the words of a command, for completion. */

import type { KubectlContext } from "../declaration.ts";
import type { PodLike } from "../pod-of.ts";
import { type Choices, DIRECTIVES } from "./complete.ts";
import { kubeconfigNames, objectNames, typeNames } from "./known-names.ts";

/** Types whose objects have pods. */
const OWNERS = [
  ...["daemonsets", "deployments", "pods", "jobs", "replicasets", "replicationcontrollers"],
  ...["services", "statefulsets"],
];

/** The types that a command knows, where those are few; a type first, then its objects. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  autoscale: ["deployment", "replicaset", "replicationcontroller", "statefulset"],
  expose: ["pod", "service", "replicationcontroller", "deployment", "replicaset"],
  "rollout history": ["deployment", "daemonset", "statefulset"],
  "rollout pause": ["deployment"],
  "rollout restart": ["deployment", "daemonset", "statefulset"],
  "rollout resume": ["deployment"],
  "rollout status": ["deployment", "daemonset", "statefulset"],
  "rollout undo": ["deployment", "daemonset", "statefulset"],
  scale: ["deployment", "replicaset", "replicationcontroller", "statefulset"],
  taint: ["node"],
};

/** Commands whose words are any type and its objects. */
const ANY_TYPE = new Set([
  ...["annotate", "debug", "delete", "describe", "edit", "get", "label", "patch", "wait"],
  ...["apply edit-last-applied", "apply view-last-applied"],
  ...["set env", "set image", "set resources", "set selector", "set serviceaccount", "set subject"],
]);

/** Commands whose words are all objects of one type. */
const OBJECTS_OF: Readonly<Record<string, string>> = {
  "certificate approve": "certificatesigningrequests",
  "certificate deny": "certificatesigningrequests",
  cordon: "nodes",
  "create token": "serviceaccounts",
  drain: "nodes",
  "top node": "nodes",
  "top pod": "pods",
  uncordon: "nodes",
};

/** Commands of which the first word is a pod, or an owner of pods. */
const POD_FIRST = new Set(["attach", "exec", "logs", "port-forward"]);

/** Commands whose word is a name in the kubeconfig. */
const IN_KUBECONFIG = {
  "config delete-cluster": "clusters",
  "config delete-context": "contexts",
  "config delete-user": "users",
  "config get-contexts": "contexts",
  "config rename-context": "contexts",
  "config set-cluster": "clusters",
  "config set-context": "contexts",
  "config set-credentials": "users",
  "config use-context": "contexts",
} as const;

/** @param last what is typed of the word @param values of flags that stand before it */
export async function wordChoices(
  context: KubectlContext,
  name: string,
  args: readonly string[],
  last: string,
  values: ReadonlyMap<string, string>,
): Promise<Choices> {
  const plain = (words: readonly string[]): Choices => ({
    words: words.filter((word) => !args.includes(word)),
    directive: DIRECTIVES.noFiles,
  });
  if (name === "completion") return plain(args.length === 0 ? ["bash", "zsh", "fish", "powershell"] : []);
  if (name === "kustomize") return { words: [], directive: DIRECTIVES.folders };
  if (name === "cp") return await copyPlaces(context, last);
  if (name === "explain") return plain(args.length === 0 ? await fieldPaths(context, last) : []);
  if (name in IN_KUBECONFIG)
    return plain(
      args.length === 0 ? await kubeconfigNames(context, IN_KUBECONFIG[name as keyof typeof IN_KUBECONFIG]) : [],
    );
  if (POD_FIRST.has(name)) return plain(args.length === 0 ? await podsAndOwners(context, last) : []);
  const ofOne = OBJECTS_OF[name];
  if (ofOne !== undefined) return plain(await objectNames(context, ofOne));
  if (name in TYPES || ANY_TYPE.has(name)) {
    if (values.has("filename") || values.has("kustomize")) return plain([]);
    return plain(await typesAndNames(context, TYPES[name], args, last));
  }
  return { words: [], directive: DIRECTIVES.files };
}

/** "pods", "pods,services", "pod/web", or the names of what the first word says. */
async function typesAndNames(
  context: KubectlContext,
  known: readonly string[] | undefined,
  args: readonly string[],
  last: string,
): Promise<string[]> {
  const slash = last.indexOf("/");
  if (slash > 0) return await namesBehind(context, last.slice(0, slash));
  const [type] = args;
  if (type?.includes("/")) return (await typesOf(context, known)).map((one) => `${one}/`);
  if (type !== undefined) return await objectNames(context, type.split(",")[0]!);
  const comma = last.lastIndexOf(",");
  const before = comma < 0 ? "" : last.slice(0, comma + 1);
  return (await typesOf(context, known)).map((one) => before + one);
}

const typesOf = async (context: KubectlContext, known: readonly string[] | undefined): Promise<readonly string[]> =>
  known ?? (await typeNames(context));

const namesBehind = async (context: KubectlContext, type: string): Promise<string[]> =>
  (await objectNames(context, type)).map((name) => `${type}/${name}`);

async function podsAndOwners(context: KubectlContext, last: string): Promise<string[]> {
  const slash = last.indexOf("/");
  if (slash > 0) return await namesBehind(context, last.slice(0, slash));
  return [...(await objectNames(context, "pods")), ...OWNERS.map((type) => `${type}/`)];
}

/** "namespace/", "pod:", and files. */
async function copyPlaces(context: KubectlContext, last: string): Promise<Choices> {
  if (/^[./~]/.test(last) || last.includes(":")) return { words: [], directive: DIRECTIVES.files };
  const slash = last.indexOf("/");
  if (slash > 0) {
    const namespace = last.slice(0, slash);
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
    const { items = [] } = await (await context.api()).get<{ items?: PodLike[] }>(path);
    const pods = items.map(({ metadata }) => `${namespace}/${metadata.name}:`);
    return { words: pods.sort(), directive: DIRECTIVES.noSpace };
  }
  const [namespaces, pods] = await Promise.all([objectNames(context, "namespaces"), objectNames(context, "pods")]);
  return {
    words: [...namespaces.map((one) => `${one}/`), ...pods.map((one) => `${one}:`)],
    directive: DIRECTIVES.noSpace,
  };
}

/** "pods", and behind a dot the fields below. */
async function fieldPaths(context: KubectlContext, last: string): Promise<string[]> {
  const dot = last.lastIndexOf(".");
  if (dot < 0) return await typeNames(context);
  const { membersOf, fieldAt, schemaOfVersion3 } = await import("../explain/schema-documents.ts");
  const [type = "", ...path] = last.slice(0, dot).split(".");
  const document = await schemaOfVersion3(await context.api(), (await context.types()).find(type));
  const { properties = {} } = membersOf(document, fieldAt(document, path).schema);
  return Object.keys(properties)
    .sort()
    .map((field) => `${last.slice(0, dot)}.${field}`);
}
