import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { rolloutTargets } from "./rollout-change.ts";
import { progressOf } from "./rollout-progress.ts";
import { checkRolled, type PodTemplateHolder } from "./workload-kinds.ts";

const REVISION = "deployment.kubernetes.io/revision";

export const command = defineKubectlCommand({
  usage: "(TYPE NAME | TYPE/NAME) [flags] [options]",
  summary: "Watch a change until all pods have it",
  flags: {
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    revision: int("Only while the object is at this revision"),
    selector: string("Only objects with these labels", { short: "l" }),
    timeout: durationText("How long to watch (0: without an end)", { initial: "0s" }),
    watch: bool("Watch until it is done", { short: "w", initial: true }),
  },
  async run({ flags, args, context }) {
    const limit = parseDuration(flags.timeout) / 1e6;
    const signal = limit > 0 ? AbortSignal.timeout(limit) : new AbortController().signal;
    for (const target of await rolloutTargets(context, args, flags)) {
      checkRolled(target.type, "status", target.name);
      try {
        await follow(context, target, flags, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
        throw new CliError("error: timed out waiting for the condition");
      }
    }
  },
});

/** Tells each step once, until the roll-out is done. */
async function follow(
  context: KubectlContext,
  target: ObjectTarget,
  flags: { revision: number; watch: boolean },
  signal: AbortSignal,
): Promise<void> {
  const api = await context.api();
  const { type, namespace, name } = target;
  let told = "";
  const tell = (object: PodTemplateHolder): boolean => {
    const annotations = (object.metadata as { annotations?: Record<string, string> }).annotations ?? {};
    const at = Number(annotations[REVISION] ?? flags.revision);
    if (flags.revision > 0 && at !== flags.revision) {
      throw new CliError(`error: desired revision (${flags.revision}) is different from the running revision (${at})`);
    }
    const { message, isDone } = progressOf(object, type.resource);
    if (message !== told) context.print(message);
    told = message;
    return isDone || !flags.watch;
  };
  const query = { fieldSelector: `metadata.name=${name}` };
  for (;;) {
    signal.throwIfAborted();
    const object = await api.get<PodTemplateHolder & { metadata: { resourceVersion?: string } }>(objectPath(target), {
      signal,
    });
    if (tell(object)) return;
    const watched = { ...query, watch: true, resourceVersion: object.metadata.resourceVersion };
    for await (const event of api.lines<{ type: string; object: PodTemplateHolder }>(pathOf(type, namespace), {
      query: watched,
      signal,
    })) {
      if (event.type === "DELETED") throw new CliError("error: object has been deleted");
      if (event.type === "ERROR") break;
      if (tell(event.object)) return;
    }
  }
}
