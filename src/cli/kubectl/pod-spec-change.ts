/** What the commands of `set` that change pod templates have in common: read, change, send what differs, tell. */

import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { objectPatch } from "./apply-patch.ts";
import { CHOICE_FLAGS, type ChoiceFlags, type ChosenObject, chosenObjects } from "./chosen-objects.ts";
import type { KubectlContext } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS, type PrintFlags } from "./output-format.ts";
import { objectPath } from "./resource-arguments.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

export const SET_FLAGS = {
  ...PRINT_FLAGS,
  ...CHOICE_FLAGS,
  "dry-run": dryRun(),
  "field-manager": string("Who owns the fields that are set", { initial: "kubectl-set" }),
};
export interface SetFlags extends PrintFlags, ChoiceFlags {
  readonly "dry-run": string;
  readonly "field-manager": string;
}

export interface EnvironmentVariable {
  name: string;
  value?: string;
  valueFrom?: Record<string, Record<string, string>>;
}
export interface SpecContainer {
  name: string;
  image?: string;
  env?: EnvironmentVariable[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string>; [key: string]: unknown };
  [key: string]: unknown;
}
export interface SpecOfPods {
  containers?: SpecContainer[];
  initContainers?: SpecContainer[];
  serviceAccountName?: string;
  [key: string]: unknown;
}

/** Complaints about the combination of flags, in kubectl's words. */
export function choiceComplaints(flags: SetFlags, words: readonly string[]): string[] {
  const complaints: string[] = [];
  if (flags.all && flags.selector !== "") complaints.push("cannot set --all and --selector at the same time");
  if (words.length === 0 && flags.filename.length === 0 && !flags.kustomize) {
    complaints.push("one or more resources must be specified as <resource> <name> or <resource>/<name>");
  }
  if (flags.local && flags["dry-run"] === "server") {
    complaints.push("cannot specify --local and --dry-run=server - did you mean --dry-run=client?");
  }
  return complaints;
}

/** One failure as it stands, several in brackets. */
export function throwComplaints(complaints: readonly string[]): void {
  if (complaints.length === 1) throw new CliError(`error: ${complaints[0]}`);
  if (complaints.length > 1) throw new CliError(`error: [${complaints.join(", ")}]`);
}

/** Where the object describes pods; undefined for kinds that have none. */
function podSpecOf(object: KubeManifestObject): SpecOfPods | undefined {
  type Holder = { template?: { spec?: SpecOfPods }; jobTemplate?: { spec?: { template?: { spec?: SpecOfPods } } } };
  const spec = object.spec as (SpecOfPods & Holder) | undefined;
  if (object.kind === "Pod" && object.apiVersion === "v1") return spec;
  if (object.kind === "CronJob") return spec?.jobTemplate?.spec?.template?.spec;
  const hasTemplate = ["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet", "Job", "ReplicationController"];
  return hasTemplate.includes(object.kind) ? spec?.template?.spec : undefined;
}

export interface Change {
  /** What changes the copy of an object; failures that it returns are told, and what it changed is sent all the same. @throws CliError to leave the object as it is */
  readonly change: (object: KubeManifestObject, chosen: ChosenObject) => string[] | Promise<string[]>;
  /** "image updated" */
  readonly verb: string;
  /** "image update to pod template:", for failures; left out where they are told as they come. */
  readonly what?: string;
  /** Sent and told even when nothing changes. */
  readonly isAlwaysSent?: boolean;
  /** Called once all is found, before anything changes. @throws CliError */
  readonly check?: () => void;
  /** Nothing is sent: what there is has only been shown. */
  readonly isRead?: boolean;
}

/** Changes each chosen object. @throws CliError with all failures when some failed */
export async function changeObjects(
  context: KubectlContext,
  words: readonly string[],
  flags: SetFlags,
  change: Change,
): Promise<void> {
  const failures: string[] = [];
  const chosen = await chosenObjects(context, words, flags, failures);
  throwFailures(failures);
  change.check?.();
  for (const one of chosen) await changeOne(context, one, flags, change, failures);
  throwFailures(failures);
}

/** A failure of an object has a line's end of its own, which shows among several. */
function throwFailures(failures: readonly string[]): void {
  if (failures.length === 1) throw new CliError(failures[0]!.trimEnd());
  if (failures.length > 1) throw new CliError(failures.join("\n"));
}

async function changeOne(
  context: KubectlContext,
  chosen: ChosenObject,
  flags: SetFlags,
  { change, verb, what, isRead = false, isAlwaysSent = false }: Change,
  failures: string[],
): Promise<void> {
  const { target, object } = chosen;
  const changed = structuredClone(object);
  try {
    failures.push(...(await change(changed, chosen)));
  } catch (error) {
    if (!(error instanceof CliError) || what === undefined) throw error;
    failures.push(`error: ${target.type.resource}/${target.name} ${error.message}\n`);
    return;
  }
  if (isRead) return;
  const { body, contentType } = objectPatch(target.type, { last: object, wanted: changed, live: object });
  if (Object.keys(body).length === 0 && !isAlwaysSent) return;
  if (flags.local || flags["dry-run"] === "client") return await tellResult(context, flags, target.type, changed, verb);
  const api = await context.api();
  try {
    const answer = await api.json<KubeManifestObject>("PATCH", objectPath(target), {
      body,
      contentType,
      query: writeQuery(flags),
    });
    await tellResult(context, flags, target.type, answer, verb);
  } catch (error) {
    if (!(error instanceof KubeApiError) || what === undefined) throw error;
    failures.push(`error: failed to patch ${what} ${error.status.message ?? ""}`);
  }
}

/** A change of the pods that an object describes. @param change gets their spec */
export function ofPodSpec(
  change: (spec: SpecOfPods, chosen: ChosenObject) => string[] | Promise<string[]>,
): Change["change"] {
  return (object, chosen) => {
    const spec = podSpecOf(object);
    if (spec !== undefined) return change(spec, chosen);
    const { apiVersion, kind } = object;
    const type = `*${apiVersion.slice(apiVersion.indexOf("/") + 1)}.${kind}`;
    throw new CliError(`the object is not a pod or does not have a pod template: ${type}`);
  };
}

/** "*", "app", "side*". Init containers stand behind the others. */
export function containersNamed(spec: SpecOfPods, pattern: string): SpecContainer[] {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const matcher = new RegExp(`^${parts.join(".*")}$`);
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].filter(({ name }) => matcher.test(name));
}
