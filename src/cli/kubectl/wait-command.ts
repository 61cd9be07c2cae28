import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, list, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { parseJsonPath, printValue, relaxedPath } from "./json-path.ts";
import { KubeApiError } from "./kube-api.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, printedName } from "./resource-types.ts";

interface Seen {
  metadata?: { generation?: number; resourceVersion?: string; name?: string; namespace?: string };
  status?: {
    observedGeneration?: number;
    conditions?: { type: string; status: string; observedGeneration?: number }[];
  };
}
/** True: the object is as wished. Undefined objects are gone. */
type Wish = (object: Seen | undefined) => boolean;

export const command = defineKubectlCommand({
  usage:
    "([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]] [options]",
  summary: "Wait for a specific condition on one or many resources",
  flags: {
    all: bool("All objects of the types"),
    "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
    "field-selector": string("Only objects with these fields"),
    filename: list("Files, folders or addresses of objects", { short: "f", type: "strings" }),
    for: string("create, delete, condition=NAME[=VALUE], or jsonpath='{PATH}'[=VALUE]"),
    local: bool("", { hidden: true }),
    output: string("name: only the names", { short: "o" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    selector: string("Only objects with these labels", { short: "l" }),
    timeout: durationText("How long to wait for each object (0: only look; negative: a week)", { initial: "30s" }),
  },
  async run({ flags, args, context }) {
    if (flags.for === "")
      throw new CliError("error: --for must be specified: create, delete, condition=NAME or jsonpath='{PATH}'");
    const wish = parseWish(flags.for);
    const { objects, types } = await namedObjects(context, args, flags);
    const targets = [...objects];
    const api = await context.api();
    for (const { type } of types) {
      if (!flags.all && flags.selector === "" && flags["field-selector"] === "") {
        throw new CliError("error: resource name may not be empty: name objects, or use --all or --selector");
      }
      const place = flags["all-namespaces"] ? undefined : await context.namespace();
      const query = { labelSelector: flags.selector, fieldSelector: flags["field-selector"] };
      const found = await api.get<{ items?: Seen[] }>(pathOf(type, place), { query });
      for (const { metadata } of found.items ?? []) {
        targets.push({
          type,
          namespace: type.namespaced ? metadata?.namespace : undefined,
          name: metadata?.name ?? "",
        });
      }
    }
    if (targets.length === 0 && flags.for.toLowerCase() !== "delete")
      throw new CliError("error: no matching resources found");
    const limit = parseDuration(flags.timeout) / 1e6;
    for (const target of targets) {
      await waitFor(context, target, wish, limit, flags.for);
      const met = wish.word;
      context.print(
        flags.output === "name"
          ? `${printedName(target.type, target.name)}\n`
          : `${printedName(target.type, target.name)} ${met}\n`,
      );
    }
  },
});

interface ParsedWish {
  readonly isMet: Wish;
  readonly word: string;
  /** An object that is not there (yet) is waited for. */
  readonly mayBeMissing: boolean;
}

function parseWish(text: string): ParsedWish {
  if (text.toLowerCase() === "delete")
    return { isMet: (object) => object === undefined, word: "deleted", mayBeMissing: true };
  if (text.toLowerCase() === "create")
    return { isMet: (object) => object !== undefined, word: "created", mayBeMissing: true };
  const condition = /^condition=([^=]+)(?:=(.*))?$/.exec(text);
  if (condition) {
    const [, name = "", value = "true"] = condition;
    return { isMet: (object) => hasCondition(object, name, value), word: "condition met", mayBeMissing: false };
  }
  const path = /^jsonpath=(?:'|")?(\{?.*?\}?)(?:'|")?(?:(?<=\})=(?:'|")?(.*?)(?:'|")?)?$/s.exec(text);
  if (path) {
    const template = parseJsonPath(relaxedPath(path[1]!));
    const wanted = path[2];
    const isMet: Wish = (object) => {
      const values = template.values(object);
      if (values.length === 0) return false;
      return wanted === undefined ? true : values.length === 1 && printValue(values[0]) === wanted;
    };
    return { isMet, word: "condition met", mayBeMissing: false };
  }
  throw new CliError(`error: unrecognized condition: ${JSON.stringify(text)}`);
}

function hasCondition(object: Seen | undefined, name: string, value: string): boolean {
  const { conditions = [], observedGeneration } = object?.status ?? {};
  const found = conditions.find(({ type }) => type.toLowerCase() === name.toLowerCase());
  const generation = object?.metadata?.generation ?? 0;
  // What was said of an older generation says nothing of this one.
  if (found === undefined || (found.observedGeneration ?? observedGeneration ?? generation) < generation) return false;
  return found.status.toLowerCase() === value.toLowerCase();
}

const WEEK_MS = 7 * 24 * 3600 * 1000;

async function waitFor(
  context: KubectlContext,
  target: ObjectTarget,
  wish: ParsedWish,
  limitMs: number,
  text: string,
): Promise<void> {
  const api = await context.api();
  const { type, namespace, name } = target;
  const signal = AbortSignal.timeout(limitMs < 0 ? WEEK_MS : Math.max(limitMs, 1));
  const timedOut = () =>
    new CliError(
      `error: timed out waiting for the condition on ${type.resource}${type.group === "" ? "" : `.${type.group}`}/${name}`,
    );
  const query = { fieldSelector: `metadata.name=${name}` };
  for (let isFirst = true; ; isFirst = false) {
    // The first look has all the time it needs: --timeout=0 only looks.
    const listed = await api
      .get<{ items?: Seen[]; metadata?: { resourceVersion?: string } }>(pathOf(type, namespace), {
        query,
        ...(isFirst ? {} : { signal }),
      })
      .catch((error) => {
        if (signal.aborted) throw timedOut();
        throw error;
      });
    const [object] = listed.items ?? [];
    if (object === undefined && !wish.mayBeMissing) await api.get(objectPath(target));
    if (wish.isMet(object)) return;
    if (limitMs === 0) throw new CliError(`error: condition not met for ${type.resource}/${name}`);
    try {
      const watched = { ...query, watch: true, resourceVersion: listed.metadata?.resourceVersion };
      for await (const event of api.lines<{ type: string; object: Seen }>(pathOf(type, namespace), {
        query: watched,
        signal,
      })) {
        if (event.type === "ERROR") break;
        if (wish.isMet(event.type === "DELETED" ? undefined : event.object)) return;
        if (event.type === "DELETED" && !wish.mayBeMissing) {
          throw new KubeApiError({
            reason: "NotFound",
            code: 404,
            message: `${type.resource} "${name}" not found (it was deleted while waiting for ${text})`,
          });
        }
      }
    } catch (error) {
      if (signal.aborted) throw timedOut();
      throw error;
    }
  }
}
