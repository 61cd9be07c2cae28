import { defineKubectlCommand } from "./declaration.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "List the clusters of the kubeconfig",
  flags: {},
  async run({ context }) {
    const { clusters } = await new KubeconfigFiles(context.kubeconfig.path).read();
    const names = [...clusters.keys()].sort();
    context.print(["NAME", ...names].map((name) => `${name}\n`).join(""));
  },
});
