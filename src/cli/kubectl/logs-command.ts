import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { UsageError } from "./help-error.ts";
import { KubeApiError } from "./kube-api.ts";
import { checkContainer, checkSelects, defaultContainer, type PodLike, podOf, podTarget } from "./pod-of.ts";
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
  summary: "Print what containers wrote",
  flags: FLAGS,
  async run({ flags, args, given, context }) {
    if ((args.length === 0 && flags.selector === "") || args.length > 2) {
      throw new UsageError(
        "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command",
      );
    }
    if (args.length > 0 && flags.selector !== "")
      throw new UsageError("error: only a selector (-l) or a POD name is allowed");
    if (flags.tail < -1) throw new CliError("error: --tail must be greater than or equal to -1");
    if (flags["all-containers"] && flags.container !== "")
      throw new CliError(`error: --all-containers=true should not be specified with container name ${flags.container}`);
    checkTime(flags["since-time"]);
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
    const shown = { ...flags, prefix: flags.prefix || flags["all-pods"] };
    const print = async (source: Source) => {
      try {
        await printLog(context, source, shown, tail);
      } catch (error) {
        if (!flags["ignore-errors"] || !(error instanceof CliError)) throw error;
        context.printError(`${error.message}\n`);
      }
    };
    if (flags.follow) await Promise.all(sources.map(print));
    else for (const source of sources) await print(source);
  },
});

function checkTime(text: string): void {
  if (text === "" || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)$/.test(text)) return;
  const layout = "2006-01-02T15:04:05Z07:00";
  throw new CliError(
    `error: parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(text)} as "2006"`,
  );
}

/** A pod that is not there is told of with its namespace. */
async function podNamed(context: KubectlContext, path: string, name: string): Promise<PodLike> {
  try {
    return await (await context.api()).get<PodLike>(path);
  } catch (error) {
    if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
    const place = JSON.stringify(await context.namespace());
    throw new CliError(
      `error: error from server (NotFound): pods ${JSON.stringify(name)} not found in namespace ${place}`,
    );
  }
}

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
  if (target.type.resource === "pods") return [await podNamed(context, objectPath(target), target.name)];
  const owner = await api.get<PodTemplateHolder & { kind: string }>(objectPath(target));
  checkSelects(owner, target, "get the logs from");
  const found = await bySelector(selectorText(selectorPairs(owner)), target.namespace);
  if (flags["all-pods"]) return found;
  const chosen = await podOf(context, word, flags["pod-running-timeout"], true);
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
    insecureSkipTLSVerifyBackend: flags["insecure-skip-tls-verify-backend"],
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
