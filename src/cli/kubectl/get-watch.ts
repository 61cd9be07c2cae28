/** `get --watch`: what is there, then every change, for as long as the server tells of them. */

import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import type { GetFlags } from "./get-command.ts";
import { type GetView, type ShownList, type ShownObject, tableOf } from "./get-view.ts";
import { KubeApiError } from "./kube-api.ts";
import { isTableFormat, type ObjectPrinter } from "./output-format.ts";
import { type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, printedName, type ServedType } from "./resource-types.ts";
import { type ServerTable, TABLE_ACCEPT, tableCells, tableTitles } from "./server-table.ts";
import { TableText } from "./table-text.ts";

type Seen = ServerTable & ShownList;
interface Event {
  readonly type: string;
  readonly object: ServerTable & ShownObject;
}

/** @throws CliError when more than one type is to be watched */
export async function watchObjects(
  context: KubectlContext,
  flags: GetFlags,
  printer: ObjectPrinter | undefined,
  view: GetView,
  objects: readonly ObjectTarget[],
  types: readonly ServedType[],
): Promise<void> {
  const named = objects[0];
  const type = types[0] ?? named?.type;
  if (type === undefined || objects.length + types.length !== 1) {
    const isOneType = new Set([...types, ...objects.map((one) => one.type)]).size === 1;
    throw new CliError(
      isOneType
        ? "error: watch is only supported on individual resources and resource collections - more than one resource was found"
        : "error: you may only specify a single resource type",
    );
  }
  if (flags["sort-by"] !== "")
    context.printError("warning: --watch requested, --sort-by will be ignored for watch events received\n");
  const api = await context.api();
  const isTable = printer === undefined && isTableFormat(flags.output);
  const accept = isTable && flags["server-print"] ? TABLE_ACCEPT : "application/json";
  const path = named === undefined ? await view.collection(type) : pathOf(type, named.namespace);
  const fieldSelector = named === undefined ? flags["field-selector"] : `metadata.name=${named.name}`;
  const query = { ...view.query(), fieldSelector };
  const start = await api.get<Seen>(path, { accept, query });
  const teller = isTable
    ? tableTeller(context, flags, view, type, start)
    : objectTeller(context, flags, printer, type, start);
  if (named !== undefined && (start.rows ?? start.items ?? []).length === 0) await api.get(objectPath(named));
  if (!flags["watch-only"]) teller.begin();
  let resourceVersion = start.metadata?.resourceVersion;
  do {
    const watched = { ...query, watch: true, resourceVersion, allowWatchBookmarks: true };
    for await (const event of api.lines<Event>(path, { accept, query: watched })) {
      if (event.type === "ERROR") throw new KubeApiError(event.object as never);
      resourceVersion = versionOf(event) ?? resourceVersion;
      if (event.type !== "BOOKMARK") teller.tell(event);
    }
    // The server ends watches after a while: the next one goes on where this one stopped, unless its time was limited.
  } while (api.access.timeoutMs === 0);
}

const versionOf = ({ object }: Event): string | undefined =>
  object.metadata?.resourceVersion ??
  (object.rows?.[0]?.object?.metadata as { resourceVersion?: string } | undefined)?.resourceVersion;

interface Teller {
  /** What is there. */
  begin(): void;
  tell(event: Event): void;
}

function tableTeller(context: KubectlContext, flags: GetFlags, view: GetView, type: ServedType, start: Seen): Teller {
  const withEvents = flags["output-watch-events"];
  const columns = view.viewOf(type);
  const first = tableOf(start);
  const text = new TableText(
    flags["no-headers"] ? undefined : [...(withEvents ? ["EVENT"] : []), ...tableTitles(first, columns)],
  );
  const add = (event: string, table: ServerTable) => {
    // Only the first of a watch's tables names its columns.
    const whole = table.columnDefinitions?.length ? table : { ...table, columnDefinitions: first.columnDefinitions! };
    for (const row of table.rows ?? []) text.add([...(withEvents ? [event] : []), ...tableCells(whole, row, columns)]);
    context.print(text.print());
  };
  return {
    begin() {
      if ((first.rows ?? []).length > 0) add("ADDED", first);
    },
    tell: (event) => add(event.type, tableOf(event.object)),
  };
}

function objectTeller(
  context: KubectlContext,
  flags: GetFlags,
  printer: ObjectPrinter | undefined,
  type: ServedType,
  start: Seen,
): Teller {
  let isNext = false;
  const tell = (event: string, object: ShownObject) => {
    if (flags.output === "name") return context.print(`${printedName(type, object.metadata.name)}\n`);
    const shown = flags["output-watch-events"] ? { type: event, object } : object;
    const text = printer!(shown);
    context.print(`${isNext && flags.output.toLowerCase() === "yaml" ? "---\n" : ""}${text}`);
    isNext = true;
  };
  const kind = start.kind.replace(/List$/, "");
  return {
    begin() {
      for (const object of start.items ?? []) tell("ADDED", { ...object, apiVersion: start.apiVersion, kind });
    },
    tell: (event) => tell(event.type, event.object),
  };
}
