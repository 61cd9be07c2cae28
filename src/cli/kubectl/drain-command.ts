import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { KubeApiError } from "./kube-api.ts";
import { labelMatcher } from "./label-selector.ts";
import { nodesNamed, setSchedulable } from "./node-schedulable.ts";
import type { ObjectTarget } from "./resource-arguments.ts";
import { dryRun } from "./write-flags.ts";

const FLAGS = {
  "chunk-size": int("How many pods are asked for at once; 0 for all", { initial: 500 }),
  "delete-emptydir-data": bool("Pods whose files are lost with them too"),
  "disable-eviction": bool("Delete pods, whatever their disruption budgets say"),
  "dry-run": dryRun(),
  force: bool("Pods that nothing will make anew too"),
  "grace-period": int("Seconds that each pod has to end; negative: its own", { initial: -1 }),
  "ignore-daemonsets": bool("Leave the pods of daemon sets where they are"),
  "pod-selector": string("Only pods with these labels"),
  selector: string("Nodes with these labels", { short: "l" }),
  "skip-wait-for-delete-timeout": int(
    "Do not wait for pods that have been ending for so many seconds; 0: wait for all",
  ),
  timeout: durationText("How long it may take (0: as long as it takes)", { initial: "0s" }),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

interface DrainedPod {
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    annotations?: Record<string, string>;
    deletionTimestamp?: string;
    ownerReferences?: { kind: string; name: string; controller?: boolean }[];
  };
  spec?: { volumes?: { emptyDir?: object }[] };
  status?: { phase?: string };
}
const RETRY_MS = 5000;
const MIRROR = "kubernetes.io/config.mirror";

export const command = defineKubectlCommand({
  usage: "NODE [options]",
  summary: "Move the pods of a node away",
  flags: FLAGS,
  async run({ flags, args, context }) {
    checkPodSelector(flags["pod-selector"]);
    const nodes = await nodesNamed(context, args, flags.selector, "drain");
    for (const node of nodes) await setSchedulable(context, node, false, flags);
    const deadline = parseDuration(flags.timeout) / 1e6;
    const limit = deadline > 0 ? Date.now() + deadline : Number.POSITIVE_INFINITY;
    const left = new Set(nodes.map(({ name }) => name));
    const failures: string[] = [];
    for (const node of nodes) {
      try {
        await drainOne(context, node, flags, limit);
        left.delete(node.name);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        failures.push(error.message);
        context.printError(pendingText(node.name, error.message, left));
      }
    }
    if (failures.length > 0) throw new CliError(failures.join("\n"));
  },
});

function checkPodSelector(selector: string): void {
  try {
    labelMatcher(selector);
  } catch {
    throw new CliError("error: --pod-selector=<pod_selector> must be a valid label selector");
  }
}

/** @param why lines @param left nodes that still have pods */
function pendingText(node: string, why: string, left: ReadonlySet<string>): string {
  const lines = why.split("\n");
  const shown = lines.length === 1 ? why : `[${lines.join(", ")}]`;
  const pending = [...left].map((name) => ` ${name}\n`).join("");
  return `error: unable to drain node "${node}" due to error: ${shown}, continuing command...\nThere are pending nodes to be drained:\n${pending}`;
}

/** @throws CliError with a line for each reason */
async function drainOne(context: KubectlContext, node: ObjectTarget, flags: Flags, limit: number): Promise<void> {
  const query = { fieldSelector: `spec.nodeName=${node.name}`, labelSelector: flags["pod-selector"] };
  const items = await (await context.api()).listAll<DrainedPod>("/api/v1/pods", query, flags["chunk-size"]);
  const { pods, warnings, errors } = sorted(items, flags);
  if (errors.length > 0) throw new CliError(errors.join("\n"));
  if (warnings.length > 0) context.printError(`Warning: ${warnings.join("; ")}\n`);
  const dry = flags["dry-run"] === "none" ? "" : flags["dry-run"] === "client" ? " (dry run)" : " (server dry run)";
  for (const { metadata } of flags["disable-eviction"] && dry === "" ? [] : pods) {
    const verb = flags["disable-eviction"] ? "deleting" : "evicting";
    context.print(`${verb} pod ${metadata.namespace}/${metadata.name}${dry}\n`);
  }
  if (flags["dry-run"] !== "client") await Promise.all(pods.map((pod) => moveAway(context, pod, flags, limit)));
  context.print(`node/${node.name} drained${dry}\n`);
}

/** What may go, what is left where it is, and what keeps the node from being drained. */
function sorted(items: readonly DrainedPod[], flags: Flags) {
  const kept = new Map<string, string[]>();
  const warned = new Map<string, string[]>();
  const note = (where: Map<string, string[]>, what: string, { metadata }: DrainedPod) =>
    where.set(what, [...(where.get(what) ?? []), `${metadata.namespace}/${metadata.name}`]);
  const pods = items.filter((pod) => {
    if (pod.metadata.annotations?.[MIRROR] !== undefined) return false;
    const hasEnded = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller);
    if (owner?.kind === "DaemonSet" && !hasEnded) {
      if (flags["ignore-daemonsets"]) note(warned, "ignoring DaemonSet-managed Pods", pod);
      else note(kept, "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)", pod);
      return false;
    }
    if (hasEnded) return true;
    const hasFiles = pod.spec?.volumes?.some(({ emptyDir }) => emptyDir !== undefined) === true;
    if (hasFiles && !flags["delete-emptydir-data"]) {
      note(kept, "cannot delete Pods with local storage (use --delete-emptydir-data to override)", pod);
      return false;
    }
    if (owner === undefined && !flags.force) {
      note(kept, "cannot delete Pods that declare no controller (use --force to override)", pod);
      return false;
    }
    if (owner === undefined) note(warned, "deleting Pods that declare no controller", pod);
    return true;
  });
  const texts = (from: ReadonlyMap<string, string[]>) =>
    [...from].sort().map(([what, names]) => `${what}: ${names.join(", ")}`);
  const skip = flags["skip-wait-for-delete-timeout"];
  const isLeft = ({ metadata }: DrainedPod) =>
    skip > 0 &&
    metadata.deletionTimestamp !== undefined &&
    Date.now() - Date.parse(metadata.deletionTimestamp) > skip * 1000;
  return { pods: pods.filter((pod) => !isLeft(pod)), warnings: texts(warned), errors: texts(kept) };
}

/** Asks until the pod's disruption budget lets it go, then waits until it is gone. */
async function moveAway(context: KubectlContext, { metadata }: DrainedPod, flags: Flags, limit: number): Promise<void> {
  const api = await context.api();
  const { name, namespace, uid } = metadata;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
  const late = () =>
    new CliError(`error when evicting pods/"${name}" -n "${namespace}": global timeout reached: ${flags.timeout}`);
  const deleteOptions = {
    ...(flags["grace-period"] >= 0 ? { gracePeriodSeconds: flags["grace-period"] } : {}),
    ...(flags["dry-run"] === "server" ? { dryRun: ["All"] } : {}),
  };
  for (;;) {
    try {
      if (flags["disable-eviction"]) {
        await api.send("DELETE", path, { body: { kind: "DeleteOptions", apiVersion: "v1", ...deleteOptions } });
      } else {
        const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace }, deleteOptions };
        await api.send("POST", `${path}/eviction`, { body });
      }
      break;
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      if (error.code === 404) break;
      if (error.code !== 429) throw error;
      if (Date.now() > limit) throw late();
      context.printError(
        `error when evicting pods/"${name}" -n "${namespace}" (will retry after 5s): ${error.status.message ?? ""}\n`,
      );
      await Bun.sleep(Math.min(RETRY_MS, Math.max(0, limit - Date.now())));
    }
  }
  if (flags["dry-run"] === "server") return;
  for (;;) {
    try {
      const pod = await api.get<DrainedPod>(path);
      if (pod.metadata.uid !== uid) break;
    } catch (error) {
      if (error instanceof KubeApiError && error.code === 404) break;
      throw error;
    }
    if (Date.now() > limit) throw late();
    await Bun.sleep(200);
  }
  context.print(`pod/${name} ${flags["disable-eviction"] ? "deleted" : "evicted"}\n`);
}
