import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { UsageError } from "./help-error.ts";
import { TableText } from "./table-text.ts";
import { mebibytes, milliCpu, ordered } from "./top-table.ts";

interface PodMetrics {
  metadata: { name: string; namespace: string };
  containers: { name: string; usage: { cpu: string; memory: string } }[];
}

export const command = defineKubectlCommand({
  usage: "[NAME | -l label] [options]",
  summary: "Show how much CPU and memory pods use",
  flags: {
    "all-namespaces": bool("Pods of all namespaces", { short: "A" }),
    containers: bool("A row for each container"),
    "field-selector": string("Only pods with these fields"),
    "no-headers": bool("Without titles"),
    selector: string("Only pods with these labels", { short: "l" }),
    "show-swap": bool("", { hidden: true }),
    "sort-by": string("cpu or memory"),
    sum: bool("A row with the sums"),
    "use-protocol-buffers": bool("", { hidden: true, initial: true }),
  },
  async run({ flags, args, context }) {
    if (args.length > 1) throw new UsageError("error: pod [NAME | -l label]");
    if (!["", "cpu", "memory"].includes(flags["sort-by"]))
      throw new CliError("error: --sort-by accepts only cpu or memory");
    if (args.length > 0 && flags.selector !== "")
      throw new CliError("error: only one of NAME or selector can be provided");
    if (flags["show-swap"]) throw new CliError("error: --show-swap: the server measures no swap");
    const api = await context.api();
    const namespace = await context.namespace();
    const root = "/apis/metrics.k8s.io/v1beta1";
    const place = flags["all-namespaces"] ? `${root}/pods` : `${root}/namespaces/${encodeURIComponent(namespace)}/pods`;
    const [name] = args;
    const query = { labelSelector: flags.selector, fieldSelector: flags["field-selector"] };
    const items =
      name === undefined
        ? (await api.get<{ items: PodMetrics[] }>(place, { query })).items
        : [await api.get<PodMetrics>(`${place}/${encodeURIComponent(name)}`)];
    if (items.length === 0) {
      context.printError(
        flags["all-namespaces"] ? "No resources found\n" : `No resources found in ${namespace} namespace.\n`,
      );
      return;
    }
    const rows = items.flatMap((pod) => rowsOf(pod, flags.containers));
    const lead = (where: string, pod: string, container: string) => [
      ...(flags["all-namespaces"] ? [where] : []),
      pod,
      ...(flags.containers ? [container] : []),
    ];
    const titles = [...lead("NAMESPACE", flags.containers ? "POD" : "NAME", "NAME"), "CPU(cores)", "MEMORY(bytes)"];
    const table = new TableText(flags["no-headers"] ? undefined : titles);
    for (const { where, name: pod, container, cpu, memory } of ordered(rows, flags["sort-by"])) {
      table.add([...lead(where, pod, container), `${cpu}m`, `${memory}Mi`]);
    }
    if (flags.sum) {
      const total = (key: "cpu" | "memory") => rows.reduce((sum, row) => sum + row[key], 0);
      table.add([...lead("", "", ""), `${total("cpu")}m`, `${total("memory")}Mi`]);
    }
    context.print(table.print());
  },
});

interface Row {
  /** The pod's. */
  readonly name: string;
  readonly where: string;
  /** Empty in a row for the whole pod. */
  readonly container: string;
  readonly cpu: number;
  readonly memory: number;
}

function rowsOf({ metadata, containers }: PodMetrics, isEach: boolean): Row[] {
  const pod = { name: metadata.name, where: metadata.namespace };
  const parts = containers.map(({ name, usage }) => ({
    ...pod,
    container: name,
    cpu: milliCpu(usage.cpu),
    memory: mebibytes(usage.memory),
  }));
  if (isEach) return parts;
  const sum = (key: "cpu" | "memory") => parts.reduce((total, part) => total + part[key], 0);
  return [{ ...pod, container: "", cpu: sum("cpu"), memory: sum("memory") }];
}
