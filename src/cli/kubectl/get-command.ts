import { CliError } from "../cli-error.ts";
import { bool, int, list, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { parseJsonPath, relaxedPath } from "./json-path.ts";
import { KubeApiError } from "./kube-api.ts";
import { isTableFormat, type ObjectPrinter, objectPrinter, PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, printedName, type ServedType } from "./resource-types.ts";
import {
  type ServerTable,
  TABLE_ACCEPT,
  type TableRow,
  type TableView,
  tableCells,
  tableTitles,
} from "./server-table.ts";
import { TableText } from "./table-text.ts";

interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; resourceVersion?: string };
}
interface KubeList {
  kind: string;
  apiVersion: string;
  metadata?: { resourceVersion?: string; continue?: string };
  items: KubeObject[];
}

const FLAGS = {
  ...PRINT_FLAGS,
  output: string(
    "How to print: json, yaml, name, wide, go-template, jsonpath, custom-columns and their -file forms, jsonpath-as-json",
    { short: "o" },
  ),
  "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
  "chunk-size": int("How many objects are asked for at once; 0 for all", { initial: 500 }),
  "field-selector": string("Only objects with these fields, such as status.phase=Running"),
  filename: list("Files, folders or addresses of objects", { short: "f", type: "strings" }),
  "ignore-not-found": bool("Objects that are not there are no failure"),
  kustomize: string("A kustomization", { short: "k" }),
  "label-columns": list("Labels that get a column of their own", { short: "L", type: "strings" }),
  "no-headers": bool("Tables without titles"),
  "output-watch-events": bool("With --watch: each event, not only its object"),
  raw: string("A path of the API whose answer is printed as it is"),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  selector: string("Only objects with these labels", { short: "l" }),
  "server-print": bool("Columns as the server knows them", { initial: true }),
  "show-kind": bool("Names with their type"),
  "show-labels": bool("A column of all labels"),
  "sort-by": string("A path whose value orders the objects, such as .metadata.name"),
  subresource: string("A part of the objects: status, scale"),
  watch: bool("Go on with every change", { short: "w" }),
  "watch-only": bool("Only changes, not what is there"),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

export const command = defineKubectlCommand({
  usage: "(TYPE[,TYPE] [NAME...] | TYPE/NAME ... | -f FILENAME) [options]",
  summary: "Display one or many resources",
  flags: FLAGS,
  async run({ flags, args, context }) {
    if (flags.raw !== "") {
      context.print(await (await (await context.api()).send("GET", flags.raw)).text());
      return;
    }
    const { objects, types } = await namedObjects(context, args, flags);
    if (objects.length + types.length === 0) throw nothingNamed(context.program);
    if (objects.length > 0 && (flags.selector !== "" || flags["all-namespaces"])) {
      const why =
        flags.selector !== "" ? "selectors and" : "a resource cannot be retrieved by name across all namespaces:";
      throw new CliError(`error: ${why} names cannot be given together`);
    }
    const printer = await objectPrinter(flags, { withTables: true });
    const view = new GetView(context, flags, printer, types.length + new Set(objects.map(({ type }) => type)).size > 1);
    await view.show(
      objects,
      types.map(({ type }) => type),
    );
  },
});

function nothingNamed(program: string): CliError {
  return new CliError(
    `You must specify the type of resource to get. Use "${program} api-resources" for a complete list of supported resources.\n\nerror: Required resource not specified.`,
  );
}

class GetView {
  private found = 0;
  private printed = 0;
  private readonly failures: string[] = [];

  constructor(
    private readonly context: KubectlContext,
    private readonly flags: Flags,
    private readonly printer: ObjectPrinter | undefined,
    private readonly isMixed: boolean,
  ) {}

  async show(objects: readonly ObjectTarget[], types: readonly ServedType[]): Promise<void> {
    const { flags } = this;
    if (flags.watch || flags["watch-only"]) return await this.watch(objects, types);
    if (this.printer !== undefined || flags.output === "name" || flags["sort-by"] !== "") {
      await this.showObjects(objects, types);
    } else {
      for (const type of types) await this.showTable(type, undefined);
      for (const [type, named] of Map.groupBy(objects, ({ type }) => type)) await this.showTable(type, named);
    }
    if (this.failures.length > 0) throw new CliError(this.failures.join("\n"));
    if (this.found === 0 && types.length > 0 && (isTableFormat(flags.output) || flags.output === "name")) {
      const isPlaced = !flags["all-namespaces"] && types.some(({ namespaced }) => namespaced);
      const where = isPlaced ? ` in ${await this.context.namespace()} namespace` : "";
      if (!flags["ignore-not-found"]) this.context.printError(`No resources found${where}${isPlaced ? "." : ""}\n`);
    }
  }

  private query() {
    const { flags } = this;
    return { labelSelector: flags.selector, fieldSelector: flags["field-selector"] };
  }

  private async collection(type: ServedType): Promise<string> {
    return pathOf(type, this.flags["all-namespaces"] ? undefined : await this.context.namespace());
  }

  /** A failure of one object does not keep the others from being shown. */
  private async tolerant<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      if (!(this.flags["ignore-not-found"] && error.code === 404)) this.failures.push(error.message);
      return undefined;
    }
  }

  private async showTable(type: ServedType, named: readonly ObjectTarget[] | undefined): Promise<void> {
    const api = await this.context.api();
    const tables: ServerTable[] = [];
    if (named === undefined) {
      const path = await this.collection(type);
      let next: string | undefined;
      do {
        const query = { ...this.query(), limit: this.flags["chunk-size"] || undefined, continue: next };
        const table = await this.tolerant(() => api.get<ServerTable>(path, { accept: TABLE_ACCEPT, query }));
        if (table !== undefined) tables.push(table);
        next = table?.metadata?.continue;
      } while (next);
    }
    for (const target of named ?? []) {
      const path = objectPath(target, this.flags.subresource || undefined);
      const table = await this.tolerant(() => api.get<ServerTable>(path, { accept: TABLE_ACCEPT }));
      if (table !== undefined) tables.push(table);
    }
    this.printTables(type, tables);
  }

  private viewOf(type: ServedType): TableView {
    const { flags } = this;
    return {
      type,
      isWide: flags.output === "wide",
      withNamespace: flags["all-namespaces"] && type.namespaced,
      withKind: this.isMixed || flags["show-kind"],
      labelColumns: flags["label-columns"].flatMap((label) => label.split(",")),
      showLabels: flags["show-labels"],
    };
  }

  private printTables(type: ServedType, tables: readonly ServerTable[]): void {
    const rows = tables.flatMap((table) => (table.rows ?? []).map((row) => ({ table, row })));
    if (rows.length === 0) return;
    this.found += rows.length;
    const view = this.viewOf(type);
    const text = new TableText(this.flags["no-headers"] ? undefined : tableTitles(tables[0]!, view));
    for (const { table, row } of rows) text.add(tableCells(table, row, view));
    this.context.print(`${this.printed++ > 0 ? "\n" : ""}${text.print()}`);
  }

  private async showObjects(objects: readonly ObjectTarget[], types: readonly ServedType[]): Promise<void> {
    const api = await this.context.api();
    const found: { type: ServedType; object: KubeObject }[] = [];
    let resourceVersion = "";
    for (const type of types) {
      const path = await this.collection(type);
      const whole = await this.tolerant(() => api.get<KubeList>(path, { query: this.query() }));
      resourceVersion = whole?.metadata?.resourceVersion ?? "";
      const { apiVersion = "", kind = "List" } = whole ?? {};
      for (const item of whole?.items ?? []) {
        found.push({
          type,
          object: { ...item, apiVersion: item.apiVersion ?? apiVersion, kind: item.kind ?? kind.replace(/List$/, "") },
        });
      }
    }
    for (const target of objects) {
      const path = objectPath(target, this.flags.subresource || undefined);
      const object = await this.tolerant(() => api.get<KubeObject>(path));
      if (object !== undefined) found.push({ type: target.type, object });
    }
    this.found += found.length;
    const by = this.flags["sort-by"];
    if (by !== "") sortBy(found, by);
    if (this.flags.output === "name") {
      for (const { type, object } of found) this.context.print(`${printedName(type, object.metadata.name)}\n`);
    } else if (this.printer === undefined) {
      await this.showSorted(found);
    } else if (objects.length === 1 && types.length === 0) {
      if (found[0] !== undefined) this.context.print(this.printer(found[0].object));
    } else {
      const items = found.map(({ object }) => object);
      this.context.print(
        this.printer({
          apiVersion: "v1",
          items,
          kind: "List",
          metadata: { resourceVersion: types.length === 1 ? "" : resourceVersion && "" },
        }),
      );
    }
  }

  /** A table in another order than the server's. */
  private async showSorted(found: readonly { type: ServedType; object: KubeObject }[]): Promise<void> {
    const api = await this.context.api();
    for (const [type, group] of Map.groupBy(found, (one) => one.type)) {
      const path = await this.collection(type);
      const table = await api.get<ServerTable>(path, { accept: TABLE_ACCEPT, query: this.query() });
      const keyOf = ({ namespace = "", name = "" }: { namespace?: string; name?: string } = {}) =>
        `${namespace}/${name}`;
      const rows = new Map((table.rows ?? []).map((row) => [keyOf(row.object?.metadata), row]));
      const ordered = group.map(({ object }) => rows.get(keyOf(object.metadata))).filter((row) => row !== undefined);
      this.printTables(type, [{ ...table, rows: ordered }]);
    }
  }

  private async watch(objects: readonly ObjectTarget[], types: readonly ServedType[]): Promise<void> {
    const named = objects[0];
    const type = types[0] ?? named?.type;
    if (type === undefined || objects.length + types.length !== 1) {
      throw new CliError("error: you may only specify a single resource type when watching");
    }
    const api = await this.context.api();
    const path = named === undefined ? await this.collection(type) : pathOf(type, named.namespace);
    const fieldSelector = named === undefined ? this.flags["field-selector"] : `metadata.name=${named.name}`;
    const query = { ...this.query(), fieldSelector };
    const asTable = this.printer === undefined && this.flags.output !== "name";
    const accept = asTable ? TABLE_ACCEPT : "application/json";
    const start = await api.get<ServerTable & KubeList>(path, { accept, query });
    const view = this.viewOf(type);
    const events = this.flags["output-watch-events"];
    const text = new TableText(
      this.flags["no-headers"] ? undefined : [...(events ? ["EVENT"] : []), ...tableTitles(start, view)],
    );
    const tell = (event: string, table: ServerTable, rows: readonly TableRow[]) => {
      for (const row of rows) text.add([...(events ? [event] : []), ...tableCells(table, row, view)]);
      this.context.print(text.print());
    };
    const tellObject = (object: KubeObject) => {
      if (this.flags.output === "name") this.context.print(`${printedName(type, object.metadata.name)}\n`);
      else this.context.print(this.printer!(object));
    };
    if (named !== undefined && (start.rows ?? start.items ?? []).length === 0) await api.get(objectPath(named));
    if (!this.flags["watch-only"]) {
      if (asTable && (start.rows ?? []).length > 0) tell("ADDED", start, start.rows ?? []);
      if (!asTable) for (const object of start.items ?? []) tellObject(object);
    }
    let resourceVersion = start.metadata?.resourceVersion;
    let definitions = start.columnDefinitions;
    for (;;) {
      const watched = { ...query, watch: true, resourceVersion, allowWatchBookmarks: true };
      for await (const event of api.lines<{ type: string; object: ServerTable & KubeObject }>(path, {
        accept,
        query: watched,
      })) {
        if (event.type === "ERROR") throw new KubeApiError(event.object as never);
        const version =
          event.object.metadata?.resourceVersion ??
          (event.object.rows?.[0]?.object?.metadata as { resourceVersion?: string } | undefined)?.resourceVersion;
        resourceVersion = version ?? resourceVersion;
        if (event.type === "BOOKMARK") continue;
        if (!asTable) tellObject(event.object);
        else {
          definitions = event.object.columnDefinitions ?? definitions;
          tell(
            event.type,
            { ...event.object, ...(definitions ? { columnDefinitions: definitions } : {}) },
            event.object.rows ?? [],
          );
        }
      }
      // The server ends watches after a while; the next one goes on where this one stopped.
    }
  }
}

function sortBy(found: { object: KubeObject }[], by: string): void {
  const template = parseJsonPath(relaxedPath(by));
  const keys = new Map(found.map((one) => [one, template.values(one.object)[0]]));
  if (found.length > 0 && [...keys.values()].every((key) => key === undefined)) {
    throw new CliError(`error: couldn't find any field with path "${relaxedPath(by)}" in the list of objects`);
  }
  found.sort((one, other) => {
    const [a, b] = [keys.get(one), keys.get(other)];
    if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
    return a! < b! ? -1 : a! > b! ? 1 : 0;
  });
}
