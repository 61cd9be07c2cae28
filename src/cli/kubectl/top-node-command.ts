import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { UsageError } from "./help-error.ts";
import { TableText } from "./table-text.ts";
import { mebibytes, milliCpu, ordered } from "./top-table.ts";

interface NodeMetrics {
  metadata: { name: string };
  usage: { cpu: string; memory: string };
}
interface NodeLike {
  metadata: { name: string };
  status?: { allocatable?: Record<string, string>; capacity?: Record<string, string> };
}

export const command = defineKubectlCommand({
  usage: "[NAME | -l label] [options]",
  summary: "Show how much CPU and memory nodes use",
  flags: {
    "no-headers": bool("Without titles"),
    selector: string("Only nodes with these labels", { short: "l" }),
    "show-capacity": bool("Shares of what the machine has, not of what pods may have"),
    "show-swap": bool("", { hidden: true }),
    "sort-by": string("cpu or memory"),
    "use-protocol-buffers": bool("", { hidden: true, initial: true }),
  },
  async run({ flags, args, context }) {
    if (args.length > 1) throw new UsageError("error: node [NAME | -l label]");
    if (!["", "cpu", "memory"].includes(flags["sort-by"]))
      throw new CliError("error: --sort-by accepts only cpu or memory");
    if (args.length > 0 && flags.selector !== "")
      throw new CliError("error: only one of NAME or --selector can be provided");
    if (flags["show-swap"]) throw new CliError("error: --show-swap: the server measures no swap");
    const api = await context.api();
    const place = "/apis/metrics.k8s.io/v1beta1/nodes";
    const [name] = args;
    const [items, nodes] = await Promise.all([
      name === undefined
        ? api
            .get<{ items: NodeMetrics[] }>(place, { query: { labelSelector: flags.selector } })
            .then((list) => list.items)
        : api.get<NodeMetrics>(`${place}/${encodeURIComponent(name)}`).then((one) => [one]),
      api.get<{ items: NodeLike[] }>("/api/v1/nodes").then((list) => list.items),
    ]);
    const rows = items.map(({ metadata, usage }) => {
      const status = nodes.find((node) => node.metadata.name === metadata.name)?.status;
      const all = (flags["show-capacity"] ? status?.capacity : status?.allocatable) ?? {};
      const [cpu, memory] = [milliCpu(usage.cpu), mebibytes(usage.memory)];
      const share = (used: number, of: number) => (of === 0 ? "<unknown>" : `${Math.floor((used * 100) / of)}%`);
      return {
        name: metadata.name,
        cpu,
        memory,
        cpuShare: share(cpu, milliCpu(all.cpu)),
        memoryShare: share(memory, mebibytes(all.memory)),
      };
    });
    const titles = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"];
    const table = new TableText(flags["no-headers"] ? undefined : titles);
    for (const row of ordered(rows, flags["sort-by"])) {
      table.add([row.name, `${row.cpu}m`, row.cpuShare, `${row.memory}Mi`, row.memoryShare]);
    }
    context.print(table.print());
  },
});
