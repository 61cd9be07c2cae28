/** Kinds that have pods, and where their templates, replicas and selectors stand. */

import { CliError } from "../cli-error.ts";
import type { ServedType } from "./resource-types.ts";

export interface PodTemplateHolder {
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; generation?: number; uid?: string };
  spec?: {
    replicas?: number;
    paused?: boolean;
    selector?: { matchLabels?: Record<string, string>; matchExpressions?: unknown[] } | Record<string, string>;
    template?: { metadata?: { labels?: Record<string, string> }; spec?: PodSpecLike };
    [key: string]: unknown;
  };
  status?: Record<string, unknown>;
}
interface PodSpecLike {
  containers?: { name: string; image?: string; ports?: { containerPort: number; protocol?: string }[] }[];
  initContainers?: { name: string; image?: string }[];
}

/** "matchLabels" and plain selectors as pairs. @throws CliError where the selector has expressions */
export function selectorPairs(object: PodTemplateHolder): Record<string, string> {
  const selector = object.spec?.selector ?? {};
  const { matchLabels, matchExpressions } = selector as {
    matchLabels?: Record<string, string>;
    matchExpressions?: unknown[];
  };
  if ((matchExpressions ?? []).length > 0) {
    throw new CliError('error: couldn\'t convert expressions - "matchExpressions" to map-based selector format');
  }
  return matchLabels ?? (matchExpressions === undefined ? (selector as Record<string, string>) : {});
}

/** "app=web,tier=front" */
export const selectorText = (pairs: Readonly<Record<string, string>>): string =>
  Object.entries(pairs)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");

const ROLLED = new Set(["deployments", "daemonsets", "statefulsets"]);

type RolloutVerb = "history" | "pause" | "restart" | "resume" | "status" | "undo";

const refusals = ({ kind, resource, group }: ServedType, name: string): Record<RolloutVerb, string> => {
  const named = `${resource}${group === "" ? "" : `.${group}`} ${JSON.stringify(name)}`;
  const unknown = `no visitor method exists for {${group} ${kind}}`;
  return {
    history: `error retrieving history for "${kind}", ${unknown}`,
    pause: `${named} pausing is not supported`,
    restart: `${named} restarting is not supported`,
    resume: `${named} resuming is not supported`,
    status: `no status viewer has been implemented for ${kind}`,
    undo: `error retrieving rollbacker for "${kind}", ${unknown}`,
  };
};

/** @throws CliError for kinds that have no roll-outs */
export function checkRolled(type: ServedType, verb: RolloutVerb, name: string): void {
  if (type.group === "apps" && ROLLED.has(type.resource)) return;
  throw new CliError(`error: ${refusals(type, name)[verb]}`);
}
