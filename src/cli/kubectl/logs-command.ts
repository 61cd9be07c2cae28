import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { checkContainer, defaultContainer, type PodLike, podOf, podTarget } from "./pod-of.ts";
import { objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { type PodTemplateHolder, selectorPairs, selectorText } from "./workload-kinds.ts";

const FLAGS = {
  "all-containers": bool("All containers of the pods"),
  "all-pods": bool("All pods of the workload"),
  container: string("The container", { short: "c" }),
  follow: bool("Go on as the log grows", { short: "f" }),
  "ignore-errors": bool("With --follow: a log that breaks off is no failure"),
  "insecure-skip-tls-verify-backend": bool("", { hidden: true }),
  "limit-bytes": int("At most so many bytes"),
  "max-log-requests": int("How many logs are followed at once", { initial: 5 }),
  "pod-running-timeout": durationText("How long to wait for a pod that runs", { initial: "20s" }),
  prefix: bool("The source before each line"),
  previous: bool("The log of the container's former run", { short: "p" }),
  selector: string("Pods with these labels", { short: "l" }),
  since: durationText("Only lines younger than this, such as 5s, 2m, 3h", { initial: "0s" }),
  "since-time": string("Only lines after this time (RFC 3339)"),
  tail: int("Only so many of the last lines; -1: all", { initial: -1 }),
  timestamps: bool("The time before each line"),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };
interface Source {
  readonly pod: PodLike;
  readonly container: string;
}
const SELECTED_TAIL = 10;

export const command = defineKubectlCommand({
  usage: "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER] [options]",
  summary: "Print the logs for a container in a pod",
  flags: FLAGS,
  async run({ flags, args, given, context }) {
    if (args.length === 0 && flags.selector === "") {
      throw new CliError(
        `error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee '${context.program} logs -h' for help and examples`,
      );
    }
    if (args.length > 0 && flags.selector !== "")
      throw new CliError("error: only a selector (-l) or a POD name is allowed");
    if (flags["since-time"] !== "" && given("since"))
      throw new CliError("error: at most one of `sinceTime` or `sinceSeconds` may be specified");
    const [first = "", ...rest] = args;
    const container = flags.container || rest[0] || "";
    const pods = await podsFor(context, first, flags);
    const sources = pods.flatMap((pod) => sourcesOf(context, pod, container, flags));
    if (flags.follow && sources.length > flags["max-log-requests"]) {
      throw new CliError(
        `error: you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${flags["max-log-requests"]}, use --max-log-requests to increase the limit`,
      );
    }
    const tail = given("tail") || flags.selector === "" ? flags.tail : SELECTED_TAIL;
    const print = (source: Source) => printLog(context, source, flags, tail);
    if (flags.follow) await Promise.all(sources.map(print));
    else for (const source of sources) await print(source);
  },
});

async function podsFor(context: KubectlContext, word: string, flags: Flags): Promise<PodLike[]> {
  const api = await context.api();
  const pods = (await context.types()).ofKind("v1", "Pod");
  const bySelector = async (labelSelector: string, namespace: string | undefined) =>
    (await api.get<{ items?: PodLike[] }>(pathOf(pods, namespace), { query: { labelSelector } })).items ?? [];
  if (flags.selector !== "") {
    const found = await bySelector(flags.selector, await context.namespace());
    if (found.length === 0) context.printError(`No resources found in ${await context.namespace()} namespace.\n`);
    return found;
  }
  const target = await podTarget(context, word);
  if (target.type.resource === "pods") return [await api.get<PodLike>(objectPath(target))];
  const owner = await api.get<PodTemplateHolder>(objectPath(target));
  const found = await bySelector(selectorText(selectorPairs(owner)), target.namespace);
  if (flags["all-pods"]) return found;
  const chosen = await podOf(context, word, flags["pod-running-timeout"]);
  if (found.length > 1) context.printError(`Found ${found.length} pods, using pod/${chosen.metadata.name}\n`);
  return [chosen];
}

function sourcesOf(context: KubectlContext, pod: PodLike, container: string, flags: Flags): Source[] {
  if (flags["all-containers"]) {
    const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
    return [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => ({ pod, container: name }));
  }
  if (container !== "") checkContainer(pod, container);
  return [{ pod, container: container || defaultContainer(context, pod) }];
}

async function printLog(
  context: KubectlContext,
  { pod, container }: Source,
  flags: Flags,
  tail: number,
): Promise<void> {
  const api = await context.api();
  const pods = (await context.types()).ofKind("v1", "Pod");
  const { name, namespace } = pod.metadata;
  const since = parseDuration(flags.since) / 1e9;
  const query = {
    container,
    follow: flags.follow,
    previous: flags.previous,
    timestamps: flags.timestamps,
    tailLines: tail >= 0 ? tail : undefined,
    limitBytes: flags["limit-bytes"] > 0 ? flags["limit-bytes"] : undefined,
    sinceSeconds: since > 0 ? Math.ceil(since) : undefined,
    sinceTime: flags["since-time"],
  };
  const response = await api.send("GET", pathOf(pods, namespace, name, "log"), { query, accept: "*/*" });
  if (!flags.prefix) {
    const { writeOut } = await import("../output.ts");
    for await (const chunk of response.body ?? []) writeOut(chunk);
    return;
  }
  const decoder = new TextDecoder();
  const prefix = `[pod/${name}/${container}] `;
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    context.print(lines.map((line) => `${prefix}${line}\n`).join(""));
  }
  if (rest !== "") context.print(`${prefix}${rest}\n`);
}
