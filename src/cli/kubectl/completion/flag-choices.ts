/** Values of flags, for completion. */

import type { FlagSet } from "../../flags.ts";
import type { KubectlContext } from "../declaration.ts";
import type { Section } from "../kubeconfig/model.ts";
import type { PodLike } from "../pod-of.ts";
import { type Choices, DIRECTIVES } from "./complete.ts";
import { kubeconfigNames, objectNames } from "./known-names.ts";

const FORMATS = [
  ...["json", "yaml", "kyaml", "name", "go-template", "go-template-file", "template", "templatefile"],
  ...["jsonpath", "jsonpath-as-json", "jsonpath-file"],
];
const TABLE_FORMATS = ["custom-columns", "custom-columns-file", "wide"];

/** Words that some flags take. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  cascade: ["background", "foreground", "orphan"],
  "dry-run": ["none", "server", "client"],
  profile: ["legacy", "general", "baseline", "netadmin", "restricted", "sysadmin"],
  restart: ["Always", "OnFailure", "Never"],
  types: ["Normal", "Warning"],
  validate: ["strict", "warn", "ignore"],
};

const SECTIONS: Readonly<Record<string, Section>> = { cluster: "clusters", context: "contexts", user: "users" };

/** @param args the words before it, of which the first may be a pod */
export async function flagChoices(
  context: KubectlContext,
  flag: string,
  args: readonly string[],
  flags: FlagSet,
): Promise<Choices> {
  const plain = (words: readonly string[]): Choices => ({ words, directive: DIRECTIVES.noFiles });
  const fixed = FIXED[flag];
  if (fixed !== undefined) return plain(fixed);
  if (flag === "filename") return { words: ["json", "yaml", "yml"], directive: DIRECTIVES.fileEndings };
  if (flag === "kustomize") return { words: [], directive: DIRECTIVES.folders };
  if (flag === "namespace") return plain(await objectNames(context, "namespaces"));
  const section = SECTIONS[flag];
  if (section !== undefined) return plain(await kubeconfigNames(context, section));
  if (flag === "output") return plain(Object.hasOwn(flags, "label-columns") ? [...FORMATS, ...TABLE_FORMATS] : FORMATS);
  if (flag === "container" || flag === "target") return plain(await containerNames(context, args[0]));
  return { words: [], directive: DIRECTIVES.files };
}

async function containerNames(context: KubectlContext, pod: string | undefined): Promise<string[]> {
  if (pod === undefined) return [];
  const name = pod.replace(/^(?:po|pod|pods)\//, "");
  const namespace = await context.namespace();
  const { spec } = await (await context.api()).get<PodLike>(
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`,
  );
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].map(
    (one) => one.name,
  );
}
