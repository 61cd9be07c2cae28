import { defineKubectlCommand } from "./declaration.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "List the users of the kubeconfig",
  flags: {},
  async run({ context }) {
    const { users } = await new KubeconfigFiles(context.kubeconfig.path).read();
    const names = [...users.keys()].sort();
    context.print(["NAME", ...names].map((name) => `${name}\n`).join(""));
  },
});
