import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { chosenTargets } from "./chosen-objects.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { Failures } from "./failures.ts";
import { parseJsonPath, printValue, relaxedPath } from "./json-path.ts";
import { JsonPathError } from "./json-path-parser.ts";
import { KubeApiError } from "./kube-api.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, qualified } from "./resource-types.ts";
import { tellResult } from "./write-flags.ts";

interface Seen {
  metadata?: { generation?: number; resourceVersion?: string; name?: string; namespace?: string };
  status?: {
    observedGeneration?: number;
    conditions?: { type: string; status: string; observedGeneration?: number }[];
  };
}
const DELETED = "deleted";
const CREATED = "created";

const FLAGS = {
  ...PRINT_FLAGS,
  all: bool("All objects of the types"),
  "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
  "field-selector": string("Only objects with these fields"),
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
  for: string("create, delete, condition=NAME[=VALUE], or jsonpath='{PATH}'[=VALUE]"),
  local: bool("", { hidden: true }),
  recursive: bool("Folders below those of -f too", { short: "R", initial: true }),
  selector: string("Only objects with these labels", { short: "l" }),
  timeout: durationText("How long to wait for each object (0: only look; negative: a week)", { initial: "30s" }),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

/** True: the object is as wished. Undefined objects are gone. */
type Wish = (object: Seen | undefined) => boolean;

export const command = defineKubectlCommand({
  usage:
    "([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]] [options]",
  summary: "Wait until objects are as you want them",
  flags: FLAGS,
  async run({ flags, args, context }) {
    const wish = parseWish(flags.for);
    const limit = parseDuration(flags.timeout) / 1e6;
    const isCreation = wish.word === CREATED;
    if (flags.local) throw new CliError("error: --local makes no sense here: only the server can be waited for");
    const targets = await targetsIn(context, args, flags, isCreation ? limit : 0);
    if (targets.length === 0) {
      if (wish.word === DELETED) return;
      throw new CliError(
        isCreation ? "error: timed out waiting for the condition" : "error: no matching resources found",
      );
    }
    const failures = new Failures();
    for (const target of targets) {
      try {
        const seen = await waitFor(context, target, wish, limit, flags.for);
        if (seen !== undefined || wish.word !== DELETED) await tell(context, flags, target, seen, wish);
      } catch (error) {
        failures.add(error);
      }
    }
    failures.throwIfAny();
  },
});

const LOOK_AGAIN_MS = 500;

/** What selectors choose may come into being while one waits for it. */
async function targetsIn(
  context: KubectlContext,
  args: readonly string[],
  flags: Flags,
  limitMs: number,
): Promise<ObjectTarget[]> {
  const until = Date.now() + (limitMs < 0 ? WEEK_MS : limitMs);
  for (;;) {
    const targets = await chosenTargets(context, args, flags);
    if (targets.length > 0 || Date.now() >= until) return targets;
    await Bun.sleep(Math.min(LOOK_AGAIN_MS, Math.max(0, until - Date.now())));
  }
}

async function tell(
  context: KubectlContext,
  flags: Flags,
  target: ObjectTarget,
  seen: Seen | undefined,
  wish: ParsedWish,
): Promise<void> {
  const object = { ...seen, metadata: { ...seen?.metadata, name: target.name } };
  const verb = wish.word === CREATED ? "condition met" : wish.word;
  await tellResult(context, { ...flags, "dry-run": "none" }, target.type, object, verb);
}

interface ParsedWish {
  readonly isMet: Wish;
  readonly word: string;
  /** An object that is not there (yet) is waited for. */
  readonly mayBeMissing: boolean;
}

function parseWish(text: string): ParsedWish {
  if (text === "") throw new CliError("error: unrecognized condition: []");
  if (text === "jsonpath=") throw new CliError("error: jsonpath expression cannot be empty");
  if (text.toLowerCase() === "delete")
    return { isMet: (object) => object === undefined, word: DELETED, mayBeMissing: true };
  if (text.toLowerCase() === "create")
    return { isMet: (object) => object !== undefined, word: CREATED, mayBeMissing: true };
  const condition = /^condition=([^=]+)(?:=(.*))?$/.exec(text);
  if (condition) {
    const [, name = "", value = "true"] = condition;
    return { isMet: (object) => hasCondition(object, name, value), word: "condition met", mayBeMissing: false };
  }
  const path = /^jsonpath=(?:'|")?(\{?.*?\}?)(?:'|")?(?:(?<=\})=(?:'|")?(.*?)(?:'|")?)?$/s.exec(text);
  if (path) {
    const template = parsedPath(path[1]!);
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

function parsedPath(path: string): ReturnType<typeof parseJsonPath> {
  try {
    return parseJsonPath(relaxedPath(path));
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    throw new CliError(
      "error: unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
    );
  }
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

/** Resolves to the object as it was seen last; undefined when it was not there to begin with, or is gone. */
async function waitFor(
  context: KubectlContext,
  target: ObjectTarget,
  wish: ParsedWish,
  limitMs: number,
  text: string,
): Promise<Seen | undefined> {
  const signal = AbortSignal.timeout(limitMs < 0 ? WEEK_MS : Math.max(limitMs, 1));
  try {
    return await untilMet(context, target, wish, { signal, onlyLooks: limitMs === 0, text });
  } catch (error) {
    if (!signal.aborted || error instanceof CliError) throw error;
    const place = wish.word === CREATED ? "" : ` on ${qualified(target.type)}/${target.name}`;
    throw new CliError(`error: timed out waiting for the condition${place}`);
  }
}

async function untilMet(
  context: KubectlContext,
  target: ObjectTarget,
  wish: ParsedWish,
  { signal, onlyLooks, text }: { signal: AbortSignal; onlyLooks: boolean; text: string },
): Promise<Seen | undefined> {
  const api = await context.api();
  const { type, namespace, name } = target;
  const path = pathOf(type, namespace);
  const query = { fieldSelector: `metadata.name=${name}` };
  let last: Seen | undefined;
  for (let isFirst = true; ; isFirst = false) {
    type Listed = { items?: Seen[]; metadata?: { resourceVersion?: string } };
    // The first look has all the time it needs: --timeout=0 only looks.
    const listed = await api.get<Listed>(path, isFirst ? { query } : { query, signal });
    const [object] = listed.items ?? [];
    if (object === undefined && !wish.mayBeMissing) await api.get(objectPath(target));
    if (isFirst && object === undefined && wish.word === DELETED) return undefined;
    if (wish.isMet(object)) return object ?? last;
    last = object ?? last;
    if (onlyLooks) throw new CliError(`error: condition not met for ${type.resource}/${name}`);
    const watched = { ...query, watch: true, resourceVersion: listed.metadata?.resourceVersion };
    for await (const event of api.lines<{ type: string; object: Seen }>(path, { query: watched, signal })) {
      if (event.type === "ERROR") break;
      if (wish.isMet(event.type === "DELETED" ? undefined : event.object)) return event.object;
      if (event.type === "DELETED" && !wish.mayBeMissing) {
        const message = `${type.resource} "${name}" not found (it was deleted while waiting for ${text})`;
        throw new KubeApiError({ reason: "NotFound", code: 404, message });
      }
    }
  }
}
