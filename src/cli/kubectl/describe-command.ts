import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { columnText } from "./describe/column-text.ts";
import { describerOf } from "./describe/describers.ts";
import { eventLines, eventsOf } from "./describe/events.ts";
import { Failures } from "./failures.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, type ServedType } from "./resource-types.ts";

export const command = defineKubectlCommand({
  usage: "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME) [options]",
  summary: "Show objects in detail, with what happened to them",
  flags: {
    "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
    "chunk-size": int("How many objects are asked for at once; 0 for all", { initial: 500 }),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    selector: string("Only objects with these labels", { short: "l" }),
    "show-events": bool("The object's events too", { initial: true }),
  },
  async run({ flags, args, context, given }) {
    const { objects, types } = await namedObjects(context, args, flags);
    if (objects.length > 0 && args.length > 0 && flags["all-namespaces"])
      throw new CliError("error: a resource cannot be retrieved by name across all namespaces");
    if (objects.length + types.length === 0) {
      throw new CliError(
        `error: You must specify the type of resource to describe. Use "${context.program} api-resources" for a complete list of supported resources.`,
      );
    }
    const found: Found[] = [];
    // "pod web-" may mean all whose names begin so.
    const [only] = args.length === 2 && objects.length === 1 ? objects : [];
    if (only !== undefined && (await present(context, only)) === undefined) {
      const begun = await begunBy(context, only);
      const showEvents = flags["show-events"] && given("show-events");
      for (const one of begun) context.print(`${await described(context, one, showEvents)}\n`);
      return;
    }
    const failures = new Failures();
    for (const target of objects) {
      try {
        const api = await context.api();
        found.push({ type: target.type, object: await api.get<Found["object"]>(objectPath(target)) });
      } catch (error) {
        failures.add(error);
      }
    }
    for (const { type } of types) found.push(...(await ofType(context, type, flags)));
    // Of many objects the events are shown only when asked for.
    const isOne = found.length === 1 && objects.length < 2;
    const showEvents = flags["show-events"] && (isOne || given("show-events"));
    const texts: string[] = [];
    for (const one of found) texts.push(await described(context, one, showEvents));
    context.print(texts.join("\n\n"));
    failures.throwIfAny();
    if (found.length === 0) {
      const isPlaced = types.some(({ type }) => type.namespaced) && !flags["all-namespaces"];
      context.printError(`No resources found${isPlaced ? ` in ${await context.namespace()} namespace.` : ""}\n`);
    }
  },
});

interface Found {
  readonly type: ServedType;
  readonly object: KubeManifestObject & { metadata: { name: string } };
}

async function present(context: KubectlContext, target: ObjectTarget): Promise<Found["object"] | undefined> {
  try {
    return await (await context.api()).get<Found["object"]>(objectPath(target));
  } catch (error) {
    if (error instanceof KubeApiError && error.code === 404) return undefined;
    throw error;
  }
}

/** All whose names begin with the target's. @throws KubeApiError of the missing object where there is none */
async function begunBy(context: KubectlContext, target: ObjectTarget): Promise<Found[]> {
  const api = await context.api();
  const { items = [] } = await api.get<{ items?: Found["object"][] }>(pathOf(target.type, target.namespace));
  const begun = items.filter(({ metadata }) => metadata.name.startsWith(target.name));
  if (begun.length === 0) await api.get(objectPath(target));
  return begun.map((object) => ({ type: target.type, object }));
}

async function ofType(
  context: KubectlContext,
  type: ServedType,
  flags: { readonly "all-namespaces": boolean; readonly "chunk-size": number; readonly selector: string },
): Promise<Found[]> {
  const place = flags["all-namespaces"] ? undefined : await context.namespace();
  const path = pathOf(type, place);
  const query = { labelSelector: flags.selector };
  const items = await (await context.api()).listAll<Found["object"]>(path, query, flags["chunk-size"]);
  return items.map((object) => ({ type, object }));
}

async function described(context: KubectlContext, { type, object }: Found, showEvents: boolean): Promise<string> {
  const api = await context.api();
  const { describe, hasEvents } = describerOf(type);
  const apiVersion = type.group === "" ? type.version : `${type.group}/${type.version}`;
  const whole = { ...object, kind: type.kind, apiVersion };
  const lines = await describe(whole, api);
  if (hasEvents && showEvents) {
    const events = await eventsOf(api, whole);
    // A pod that has none is told of without.
    if (events.length > 0 || type.resource !== "pods") lines.push(...eventLines(events));
  }
  return columnText(`${lines.join("\n")}\n`);
}
