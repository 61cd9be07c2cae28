import { defineCommand, noArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";
import { kubeconfigPath, mergeKubeconfig, pointedAt, readKubeconfig, renamed } from "../kubeconfig.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Print or install what kubectl needs to reach the cluster",
  description:
    "Print the kubeconfig of the cluster that the daemon runs (its administrator's), or put it into the file that kubectl reads:\n" +
    "the first of KUBECONFIG, else ~/.kube/config.",
  example: "naru kubeconfig --merge && kubectl get nodes",
  args: noArgs,
  flags: {
    file: string("Merge into this file instead"),
    merge: bool("Put it into kubectl's file and make it the current context"),
    name: string("Name of cluster, user and context", { initial: "naru" }),
    server: string("Address to reach it at, https://HOST:PORT (default by the address of the daemon)"),
  },
  async run({ flags, given, context }) {
    const client = await context.client();
    const answer = await client.send("GET", "/naru/cluster/kubeconfig");
    const config = readKubeconfig(await answer.text(), "the daemon's answer");
    const placed = renamed(pointedAt(config, client.host, flags.server), flags.name);
    if (!flags.merge && !given("file")) {
      const { stringify } = await import("yaml");
      context.print(stringify(placed, { lineWidth: 0 }));
      return;
    }
    const path = given("file") ? flags.file : kubeconfigPath();
    await mergeKubeconfig(path, placed);
    context.print(`context "${flags.name}" is the current one in ${path}\n`);
  },
});
