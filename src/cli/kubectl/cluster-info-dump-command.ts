import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bool, string, strings } from "../flag-types.ts";
import { writeOut } from "../output.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { type ObjectPrinter, objectPrinter, PRINT_FLAGS } from "./output-format.ts";
import type { PodLike } from "./pod-of.ts";
import { groupVersion, pathOf, type ServedType } from "./resource-types.ts";

/** What is dumped of a namespace, by the names of its files. */
const KINDS: Readonly<Record<string, string>> = {
  events: "events",
  "replication-controllers": "replicationcontrollers",
  services: "services",
  daemonsets: "daemonsets.apps",
  deployments: "deployments.apps",
  replicasets: "replicasets.apps",
  pods: "pods",
};

export const command = defineKubectlCommand({
  usage: "[flags]",
  summary: "Write down what helps to find a cluster's fault",
  description:
    "Print nodes, workloads, services and events of the namespaces kube-system and this one, and the logs of their pods, or write them\ninto files below a folder",
  flags: {
    ...PRINT_FLAGS,
    "all-namespaces": bool("All namespaces", { short: "A" }),
    namespaces: strings("The namespaces instead"),
    output: string("How to print: json, yaml, name, go-template, jsonpath and their -file forms", {
      short: "o",
      initial: "json",
    }),
    "output-directory": string("The folder; without it, or with -, all is printed"),
    "pod-running-timeout": durationText("Changes nothing: pods are dumped as they are", { initial: "20s" }),
  },
  async run({ flags, context }) {
    const format = await objectPrinter(flags);
    const folder = flags["output-directory"];
    const ending = ["json", "yaml"].includes(flags.output) ? flags.output : "txt";
    const out = folder === "" || folder === "-" ? new PrintedDump() : new DumpFolder(folder);
    const dump = new Dump(context, out, format ?? ((object) => `${JSON.stringify(object)}\n`), ending);
    await dump.type("nodes", undefined, "nodes");
    for (const namespace of await namespacesOf(context, flags["all-namespaces"], flags.namespaces))
      await dump.namespace(namespace);
    if (out instanceof DumpFolder) context.print(`Cluster info dumped to ${folder}\n`);
  },
});

async function namespacesOf(context: KubectlContext, isAll: boolean, named: readonly string[]): Promise<string[]> {
  if (isAll) {
    type List = { items?: { metadata: { name: string } }[] };
    const { items = [] } = await (await context.api()).get<List>("/api/v1/namespaces");
    return items.map(({ metadata }) => metadata.name);
  }
  return named.length > 0 ? [...named] : ["kube-system", await context.namespace()];
}

type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

interface DumpOutput {
  /** @param path below the dump's folder */
  write(path: string, text: Pieces): Promise<void>;
}

class PrintedDump implements DumpOutput {
  private documents = 0;

  async write(path: string, text: Pieces): Promise<void> {
    // Documents of YAML are divided; logs are none.
    if (path.endsWith(".yaml") && this.documents++ > 0) writeOut("---\n");
    for await (const piece of text) writeOut(piece);
  }
}

class DumpFolder implements DumpOutput {
  constructor(private readonly folder: string) {}

  async write(path: string, text: Pieces): Promise<void> {
    const full = join(this.folder, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, text);
  }
}

class Dump {
  constructor(
    private readonly context: KubectlContext,
    private readonly out: DumpOutput,
    private readonly format: ObjectPrinter,
    private readonly ending: string,
  ) {}

  async namespace(namespace: string): Promise<void> {
    let pods: KubeManifestObject[] = [];
    for (const [name, type] of Object.entries(KINDS)) {
      const items = await this.type(type, namespace, `${namespace}/${name}`);
      if (name === "pods") pods = items;
    }
    for (const pod of pods) await this.logs(namespace, pod as unknown as PodLike);
  }

  /** All objects of a type, written as one list. */
  async type(name: string, namespace: string | undefined, file: string): Promise<KubeManifestObject[]> {
    const type: ServedType = (await this.context.types()).find(name);
    const found = await (await this.context.api()).get<{ items?: KubeManifestObject[] }>(pathOf(type, namespace));
    const items = (found.items ?? []).map((item) => ({ ...item, apiVersion: groupVersion(type), kind: type.kind }));
    await this.out.write(`${file}.${this.ending}`, [bytes(this.format({ ...found, items }))]);
    return items;
  }

  private logs(namespace: string, { metadata, spec }: PodLike): Promise<void> {
    const names = [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name);
    return this.out.write(`${namespace}/${metadata.name}/logs.txt`, this.logsOf(namespace, metadata.name, names));
  }

  /** As they come: a log may be larger than memory. */
  private async *logsOf(namespace: string, pod: string, containers: readonly string[]): AsyncGenerator<Uint8Array> {
    const api = await this.context.api();
    const path = pathOf((await this.context.types()).find("pods"), namespace, pod, "log");
    for (const container of containers) {
      const of = `logs for container ${container} of pod ${namespace}/${pod}`;
      yield bytes(`==== START ${of} ====\n`);
      try {
        const { body } = await api.send("GET", path, { query: { container }, accept: "*/*" });
        if (body !== null) yield* body;
      } catch (error) {
        // A container that never ran has no log.
        if (!(error instanceof KubeApiError)) throw error;
        yield bytes(`Request log error: ${error.status.message}\n`);
      }
      yield bytes(`==== END ${of} ====\n`);
    }
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
