import type { Event } from "../../model/kubernetes/core.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { lastSeen, seenAt } from "./describe/events.ts";
import { type ObjectPrinter, objectPrinter, PRINT_FLAGS } from "./output-format.ts";
import { pathOf, type ServedType } from "./resource-types.ts";
import { TableText } from "./table-text.ts";

const TITLES = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];

export const command = defineKubectlCommand({
  usage:
    "[(-o|--output=)json|yaml|name|go-template|go-template-file|template|templatefile|jsonpath|jsonpath-as-json|jsonpath-file] [--for TYPE/NAME] [--watch] [--types=Normal,Warning] [options]",
  summary: "List what happened",
  description: "Tell what happened to objects of a namespace, of all, or to one object",
  flags: {
    ...PRINT_FLAGS,
    "all-namespaces": bool("Events of all namespaces", { short: "A" }),
    "chunk-size": int("How many objects are asked for at once; 0 for all", { initial: 500 }),
    for: string("Only events of this object, as TYPE/NAME"),
    "no-headers": bool("Tables without titles"),
    types: strings("Only events of these types: Normal, Warning"),
    watch: bool("Go on with every new event", { short: "w" }),
  },
  async run({ flags, context }) {
    const wanted = flags.types.map((one) => one.toLowerCase());
    if (wanted.some((one) => one !== "normal" && one !== "warning"))
      throw new CliError("error: valid --types are Normal or Warning");
    const about = flags.for === "" ? undefined : await objectOf(context, flags.for);
    const place = flags["all-namespaces"] ? undefined : await context.namespace();
    const path = pathOf((await context.types()).ofKind("v1", "Event"), place);
    const fieldSelector =
      about === undefined ? "" : `involvedObject.kind=${about.type.kind},involvedObject.name=${about.name}`;
    const isShown = ({ type = "", involvedObject }: Event): boolean =>
      (wanted.length === 0 || wanted.includes(type.toLowerCase())) && isAbout(involvedObject, about);
    const printer = flags.output === "name" ? eventName : await plainPrinter(flags);
    const view = { context, printer, withNamespace: flags["all-namespaces"], withoutTitles: flags["no-headers"] };
    if (flags.watch) return await watchEvents(view, path, fieldSelector, isShown);
    const api = await context.api();
    const events = (await api.listAll<Event>(path, { fieldSelector }, flags["chunk-size"])).filter(isShown);
    if (events.length > 0) return showEvents(view, events);
    context.printError(place === undefined ? "No events found.\n" : `No events found in ${place} namespace.\n`);
  },
});

interface View {
  readonly context: KubectlContext;
  /** Undefined for tables. */
  readonly printer: ObjectPrinter | undefined;
  readonly withNamespace: boolean;
  readonly withoutTitles: boolean;
}
interface About {
  readonly type: ServedType;
  readonly name: string;
}

async function objectOf(context: KubectlContext, word: string): Promise<About> {
  const [type = "", name = "", ...more] = word.split("/");
  if (type === "" || name === "" || more.length > 0) throw new CliError("error: --for must be in resource/name form");
  const found = (await context.types()).lookUp(type);
  if (found === undefined) throw new CliError(`the server doesn't have a resource type "${type}"`);
  return { type: found, name };
}

/** Kinds of two groups may share a name. */
function isAbout(object: Event["involvedObject"], about: About | undefined): boolean {
  if (about === undefined || object?.apiVersion === undefined) return true;
  const slash = object.apiVersion.lastIndexOf("/");
  return (slash < 0 ? "" : object.apiVersion.slice(0, slash)) === about.type.group;
}

async function plainPrinter(flags: Parameters<typeof objectPrinter>[0]): Promise<ObjectPrinter | undefined> {
  if (flags.output === "wide" || flags.output.startsWith("custom-columns")) {
    throw new CliError(
      `error: unable to match a printer suitable for the output format "${flags.output}", allowed formats are: go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,yaml`,
    );
  }
  return await objectPrinter(flags);
}

const eventName: ObjectPrinter = (object) => {
  const { items, metadata } = object as { items?: Event[] } & Event;
  return items === undefined ? `event/${metadata?.name}\n` : items.map(eventName).join("");
};

function showEvents({ context, printer, withNamespace, withoutTitles }: View, events: readonly Event[]): void {
  if (printer !== undefined) {
    const items = events.map((event) => ({
      ...event,
      apiVersion: "v1",
      kind: "Event",
      eventTime: event.eventTime ?? null,
    }));
    context.print(printer({ apiVersion: "v1", kind: "EventList", metadata: {}, items }));
    return;
  }
  const table = eventTable(withNamespace, withoutTitles);
  for (const event of events.toSorted((one, other) => seenAt(one) - seenAt(other)))
    table.add(eventCells(event, withNamespace));
  context.print(table.print());
}

const eventTable = (withNamespace: boolean, withoutTitles: boolean): TableText =>
  new TableText(withoutTitles ? undefined : withNamespace ? ["NAMESPACE", ...TITLES] : TITLES);

function eventCells(event: Event, withNamespace: boolean): string[] {
  const { metadata, type = "", reason = "", involvedObject, message = "" } = event;
  return [
    ...(withNamespace ? [metadata?.namespace ?? ""] : []),
    lastSeen(event),
    type,
    reason,
    `${involvedObject?.kind ?? ""}/${involvedObject?.name ?? ""}`,
    message.trim(),
  ];
}

/** What is there, then every event as it comes. */
async function watchEvents(
  { context, printer, withNamespace, withoutTitles }: View,
  path: string,
  fieldSelector: string,
  isShown: (event: Event) => boolean,
): Promise<void> {
  const api = await context.api();
  const table = eventTable(withNamespace, withoutTitles);
  for await (const { type, object } of api.lines<{ type: string; object: Event }>(path, {
    query: { fieldSelector, watch: true },
  })) {
    if (type === "ERROR") throw new CliError(`error: ${object.message ?? "the watch broke off"}`);
    if (type === "DELETED" || !isShown(object)) continue;
    if (printer !== undefined) context.print(printer(object));
    else {
      table.add(eventCells(object, withNamespace));
      context.print(table.print());
    }
  }
}
