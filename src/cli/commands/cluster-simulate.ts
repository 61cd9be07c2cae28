import { CliError } from "../cli-error.ts";
import { defineCommand, noArgs } from "../command.ts";
import { bool, int, string } from "../flag-types.ts";

interface State {
  nodes: number;
  made: number;
  removed: number;
  cpu: string;
  memory: string;
  pods: string;
}

export const command = defineCommand({
  usage: "--nodes N [OPTIONS]",
  summary: "Pretend that the cluster has more nodes, for planning",
  description:
    "Give the cluster pretended nodes. Pods bound to them are Running and Ready in name only: no container starts.\n" +
    'Pods come to them only when they tolerate the taint "naru.dev/simulated" (or with --open). --nodes 0 removes them.',
  args: noArgs,
  flags: {
    nodes: int("How many there shall be"),
    cpu: string("Cores of each new one (default 32)"),
    memory: string("Memory of each new one (default 128Gi)"),
    pods: int("Pods that each new one takes", { initial: 110 }),
    open: bool("Let any pod come to the new ones"),
  },
  async run({ flags, given, context }) {
    const { nodes, cpu, memory, pods, open } = flags;
    if (!given("nodes")) throw new CliError("say how many nodes: --nodes N (0 removes them)");
    const client = await context.client();
    const state = await client.post<State>("/naru/cluster/simulate", { json: { nodes, cpu, memory, pods, open } });
    const changes = `${state.made} made, ${state.removed} removed`;
    const size = state.made > 0 ? `; each new one has ${state.cpu} cores, ${state.memory}, ${state.pods} pods` : "";
    context.print(`${state.nodes} simulated ${state.nodes === 1 ? "node" : "nodes"} (${changes}${size})\n`);
  },
});
