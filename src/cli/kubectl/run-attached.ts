/** What `run` does once its pod is made, when it stays with it: wait, attach, tell how it ended, take it away. */

import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { attachOrLog, untilPod } from "./attach-or-log.ts";
import { propagationOf } from "./cascade.ts";
import type { KubectlContext } from "./declaration.ts";
import { defaultContainer, type PodLike } from "./pod-of.ts";
import { pathOf } from "./resource-types.ts";
import type { Made } from "./run-command.ts";

interface RunFlags {
  readonly cascade: string;
  readonly force: boolean;
  readonly "grace-period": number;
  readonly "leave-stdin-open": boolean;
  readonly "pod-running-timeout": string;
  readonly quiet: boolean;
  readonly restart: string;
  readonly rm: boolean;
  readonly stdin: boolean;
  readonly timeout: string;
  readonly tty: boolean;
  readonly wait: boolean;
}
/** @param made what was created; the pod is the last. Resolves to the exit code */
export async function attachAndWait(context: KubectlContext, made: readonly Made[], flags: RunFlags): Promise<number> {
  const removed = { done: false };
  const remove = async () => {
    if (!flags.rm || removed.done) return;
    removed.done = true;
    for (const object of made.toReversed()) await removeObject(context, object, flags);
  };
  const onSignal = () => void remove().finally(() => process.exit(1));
  if (flags.rm) for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  let failure: CliError | undefined;
  let code = 0;
  try {
    code = await stayWith(context, made.at(-1)!, flags);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    failure = error;
  } finally {
    await remove();
    if (flags.rm) for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
  }
  if (failure !== undefined) throw failure;
  return code;
}

async function stayWith(context: KubectlContext, { name, namespace }: Made, flags: RunFlags): Promise<number> {
  const limit = parseDuration(flags["pod-running-timeout"]) / 1e6;
  const pod = await untilPod(context, namespace, name, limit, isRunningOrEnded);
  const container = defaultContainer(context, pod, flags.quiet || hasEnded(pod));
  await attachOrLog(context, pod, container, hasEnded(pod), flags);
  if (flags["leave-stdin-open"] || flags.restart === "Always") return 0;
  const ended = await untilPod(context, namespace, name, limit, hasEnded);
  if (ended.status?.phase === "Succeeded") return 0;
  const terminated = ended.status?.containerStatuses?.[0]?.state?.terminated;
  const { reason = "", message = "", exitCode = 0 } = terminated ?? {};
  if (exitCode === 0) throw new CliError(`error: pod ${namespace}/${name} failed with unknown exit code`);
  context.printError(`pod ${namespace}/${name} terminated (${reason})\n${message === "" ? "" : `${message}\n`}`);
  return exitCode;
}

const hasEnded = ({ status }: PodLike): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";
const isRunningOrEnded = (pod: PodLike): boolean =>
  hasEnded(pod) ||
  (pod.status?.phase === "Running" &&
    pod.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true);

async function removeObject(context: KubectlContext, { kind, name, namespace }: Made, flags: RunFlags): Promise<void> {
  const api = await context.api();
  const type = (await context.types()).ofKind("v1", kind);
  const seconds = flags["grace-period"] < 0 && flags.force ? 0 : flags["grace-period"];
  const body = {
    kind: "DeleteOptions",
    apiVersion: "v1",
    propagationPolicy: propagationOf(flags.cascade),
    ...(seconds >= 0 ? { gracePeriodSeconds: seconds } : {}),
  };
  await api.json("DELETE", pathOf(type, namespace, name), { body });
  if (!flags.quiet) {
    const how = flags.force && seconds === 0 ? "force deleted" : "deleted";
    context.print(`${type.singular} ${JSON.stringify(name)} ${how} from ${namespace} namespace\n`);
  }
  if (flags.wait) await untilGone(context, pathOf(type, namespace, name), flags.timeout);
}

const WEEK_MS = 7 * 24 * 3600 * 1000;
const LOOK_AGAIN_MS = 100;

async function untilGone(context: KubectlContext, path: string, timeout: string): Promise<void> {
  const api = await context.api();
  const { KubeApiError } = await import("./kube-api.ts");
  const deadline = Date.now() + (parseDuration(timeout) / 1e6 || WEEK_MS);
  while (Date.now() < deadline) {
    try {
      await api.get(path);
    } catch (error) {
      if (error instanceof KubeApiError && error.code === 404) return;
      throw error;
    }
    await Bun.sleep(LOOK_AGAIN_MS);
  }
  throw new CliError("error: timed out waiting for the condition");
}
