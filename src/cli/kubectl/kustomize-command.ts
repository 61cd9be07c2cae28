import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../cli-error.ts";
import { bool, list, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { isFolder } from "./kustomize/kustomization-file.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { yamlText } from "./yaml-text.ts";

const RESTRICTIONS = ["LoadRestrictionsRootOnly", "LoadRestrictionsNone"];

/** What runs programs for kustomize, which this one does not. */
const REFUSED = [
  "as-current-user",
  "enable-alpha-plugins",
  "enable-helm",
  "env",
  "helm-debug",
  "mount",
  "network",
] as const;

export const command = defineKubectlCommand({
  usage: "DIR [flags]",
  summary: "Print the objects of a kustomization",
  description:
    "Print the objects of a kustomization: of the folder DIR, or of this one, that holds a kustomization.yaml",
  flags: {
    "as-current-user": bool("", { hidden: true }),
    "enable-alpha-plugins": bool("", { hidden: true }),
    "enable-helm": bool("", { hidden: true }),
    env: list("", { short: "e", hidden: true }),
    "helm-api-versions": list("", { hidden: true }),
    "helm-command": string("", { hidden: true, initial: "helm" }),
    "helm-debug": bool("", { hidden: true }),
    "helm-kube-version": string("", { hidden: true }),
    "load-restrictor": string(`${RESTRICTIONS.join(" or ")}: whether files may lie outside the folder`, {
      initial: RESTRICTIONS[0]!,
    }),
    mount: list("", { hidden: true }),
    network: bool("", { hidden: true }),
    "network-name": string("", { hidden: true, initial: "bridge" }),
    output: string("Write into this file, or into files of this folder", { short: "o" }),
  },
  async run({ flags, args, given, context }) {
    const [folder = ".", ...more] = args;
    if (more.length > 0) throw new CliError("error: specify one path to kustomization.yaml");
    const refused = REFUSED.find((flag) => given(flag));
    if (refused !== undefined) {
      throw new CliError(
        `error: --${refused} is not supported: no programs are run for a kustomization; run them first and name what they print in resources`,
      );
    }
    if (!RESTRICTIONS.includes(flags["load-restrictor"]))
      throw new CliError(
        `error: illegal flag value --load-restrictor ${flags["load-restrictor"]}; legal values: [${RESTRICTIONS.join(" ")}]`,
      );
    const { buildKustomization } = await import("./kustomize/build.ts");
    const objects = await buildKustomization(folder, {
      isRestricted: flags["load-restrictor"] === RESTRICTIONS[0],
      warn: context.printError,
    });
    if (flags.output === "") context.print(objects.map(yamlText).join("---\n"));
    else if (await isFolder(flags.output)) await writeFiles(flags.output, objects);
    else await writeFile(flags.output, objects.map(yamlText).join("---\n"));
  },
});

/** A file for each object: "apps_v1_deployment_web.yaml". */
async function writeFiles(folder: string, objects: readonly KubeManifestObject[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const object of objects) {
    const { name, namespace } = object.metadata ?? {};
    const words = [object.apiVersion.replace("/", "_"), object.kind, name ?? ""];
    const isSpread = objects.some((one) => one.metadata?.namespace !== namespace);
    const file = [...(isSpread && namespace ? [namespace] : []), ...words].join("_").toLowerCase();
    await writeFile(join(folder, `${file}.yaml`), yamlText(object));
  }
}
