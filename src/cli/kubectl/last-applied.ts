/** The annotation in which an object keeps what was applied last. */

import { CliError } from "../cli-error.ts";
import type { KubeManifestObject } from "./manifest-files.ts";

export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Undefined where nothing was applied. */
export function lastAppliedText({ metadata }: KubeManifestObject): string | undefined {
  return (metadata?.annotations as Record<string, string> | undefined)?.[LAST_APPLIED];
}

/** What the file said when it was applied last; an empty object where nothing was. @throws CliError when the text is broken */
export function lastAppliedObject(object: KubeManifestObject): KubeManifestObject | Record<string, never> {
  const text = lastAppliedText(object);
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as KubeManifestObject;
  } catch (error) {
    throw new CliError(
      `error: the annotation ${LAST_APPLIED} of ${object.kind} ${JSON.stringify(object.metadata?.name)} is no JSON (${(error as Error).message}): write it anew by 'apply set-last-applied -f FILE'`,
    );
  }
}

/** What is kept of an object: its JSON on one line, in the order of its names. */
export const textToKeep = (object: KubeManifestObject): string => `${JSON.stringify(sortedMembers(object))}\n`;

function sortedMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedMembers);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sortedMembers(member)]));
}
