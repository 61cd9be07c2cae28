/** What `get` shows: the server's tables, or whole objects, of one type after the other. */

import { CliError } from "../cli-error.ts";
import type { KubectlContext } from "./declaration.ts";
import { Failures } from "./failures.ts";
import type { GetFlags } from "./get-command.ts";
import { parseJsonPath, relaxedPath } from "./json-path.ts";
import { JsonPathError } from "./json-path-parser.ts";
import { KubeApiError } from "./kube-api.ts";
import { isTableFormat, type ObjectPrinter } from "./output-format.ts";
import { type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf, printedName, type ServedType } from "./resource-types.ts";
import { plainTable, type ServerTable, TABLE_ACCEPT, type TableView, tableCells, tableTitles } from "./server-table.ts";
import { TableText } from "./table-text.ts";

export interface ShownObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; resourceVersion?: string; creationTimestamp?: string };
}
export interface ShownList {
  kind: string;
  apiVersion: string;
  metadata?: { resourceVersion?: string; continue?: string };
  items: ShownObject[];
}
interface Found {
  readonly type: ServedType;
  readonly object: ShownObject;
}

/** One use of `get`: what was found is printed type by type, what failed is told at the end. */
export class GetView {
  private found = 0;
  private printed = 0;
  private readonly failures = new Failures();

  constructor(
    private readonly context: KubectlContext,
    private readonly flags: GetFlags,
    private readonly printer: ObjectPrinter | undefined,
    private readonly isMixed: boolean,
  ) {}

  async show(objects: readonly ObjectTarget[], types: readonly ServedType[]): Promise<void> {
    const { flags } = this;
    if (this.printer !== undefined || flags.output === "name" || flags["sort-by"] !== "") {
      await this.showObjects(objects, types);
    } else {
      for (const type of types) await this.showTable(type, undefined);
      for (const [type, named] of Map.groupBy(objects, ({ type }) => type)) await this.showTable(type, named);
    }
    this.failures.throwIfAny();
    if (this.found > 0 || types.length === 0 || !isTableFormat(flags.output) || flags["ignore-not-found"]) return;
    const isPlaced = !flags["all-namespaces"] && types.some(({ namespaced }) => namespaced);
    const where = isPlaced ? ` in ${await this.context.namespace()} namespace.` : "";
    this.context.printError(`No resources found${where}\n`);
  }

  /** The queries of a list. */
  query() {
    return { labelSelector: this.flags.selector, fieldSelector: this.flags["field-selector"] };
  }

  async collection(type: ServedType): Promise<string> {
    return pathOf(type, this.flags["all-namespaces"] ? undefined : await this.context.namespace());
  }

  viewOf(type: ServedType): TableView {
    const { flags } = this;
    return {
      type,
      isWide: flags.output === "wide",
      withNamespace: flags["all-namespaces"] && type.namespaced,
      withKind: this.isMixed || flags["show-kind"],
      labelColumns: flags["label-columns"],
      showLabels: flags["show-labels"],
    };
  }

  /** A failure of one object does not keep the others from being shown. */
  private async tolerant<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      if (!(this.flags["ignore-not-found"] && error.code === 404)) this.failures.add(error);
      return undefined;
    }
  }

  /** What a list refused, with what was asked for. */
  private listFailure(type: ServedType, error: unknown): unknown {
    if (!(error instanceof KubeApiError) || (error.code !== 400 && error.code !== 404)) return error;
    const { labelSelector, fieldSelector } = this.query();
    const resource = JSON.stringify(`${type.group}/${type.version}, Resource=${type.resource}`);
    const isPlain = labelSelector === "" && fieldSelector === "";
    const attempt = isPlain
      ? `Unable to list ${resource}`
      : `Unable to find ${resource} that match label selector ${JSON.stringify(labelSelector)}, field selector ${JSON.stringify(fieldSelector)}`;
    return error.during(attempt);
  }

  private async list<T>(type: ServedType, accept: string, next?: string): Promise<T | undefined> {
    const api = await this.context.api();
    const path = await this.collection(type);
    const limit = this.flags["chunk-size"] > 0 ? this.flags["chunk-size"] : undefined;
    return await this.tolerant(async () => {
      try {
        return await api.get<T>(path, { accept, query: { ...this.query(), limit, continue: next } });
      } catch (error) {
        throw this.listFailure(type, error);
      }
    });
  }

  private async showTable(type: ServedType, named: readonly ObjectTarget[] | undefined): Promise<void> {
    const tables: ServerTable[] = [];
    const accept = this.flags["server-print"] ? TABLE_ACCEPT : "application/json";
    const add = (answer: ServerTable | ShownList | ShownObject | undefined) => {
      if (answer !== undefined) tables.push(tableOf(answer));
      return (answer?.metadata as { continue?: string } | undefined)?.continue;
    };
    if (named === undefined) {
      let next: string | undefined;
      do next = add(await this.list<ServerTable | ShownList>(type, accept, next));
      while (next);
    }
    const api = await this.context.api();
    for (const target of named ?? []) {
      const path = objectPath(target, this.flags.subresource || undefined);
      add(await this.tolerant(() => api.get<ServerTable | ShownObject>(path, { accept })));
    }
    this.printTables(type, tables);
  }

  private printTables(type: ServedType, tables: readonly ServerTable[]): void {
    const rows = tables.flatMap((table) => (table.rows ?? []).map((row) => ({ table, row })));
    if (rows.length === 0) return;
    this.found += rows.length;
    const view = this.viewOf(type);
    const isUntitled = this.flags["no-headers"];
    const text = new TableText(isUntitled ? undefined : tableTitles(tables[0]!, view));
    for (const { table, row } of rows) text.add(tableCells(table, row, view));
    this.context.print(`${this.printed++ > 0 && !isUntitled ? "\n" : ""}${text.print()}`);
  }

  private async objectsOf(type: ServedType): Promise<Found[]> {
    const found: Found[] = [];
    let next: string | undefined;
    do {
      const part = await this.list<ShownList>(type, "application/json", next);
      const { apiVersion = "", kind = "List" } = part ?? {};
      for (const item of part?.items ?? []) {
        const own = { apiVersion: item.apiVersion ?? apiVersion, kind: item.kind ?? kind.replace(/List$/, "") };
        found.push({ type, object: { ...item, ...own } });
      }
      next = part?.metadata?.continue;
    } while (next);
    return found;
  }

  private async showObjects(objects: readonly ObjectTarget[], types: readonly ServedType[]): Promise<void> {
    const api = await this.context.api();
    const found: Found[] = [];
    for (const type of types) found.push(...(await this.objectsOf(type)));
    for (const target of objects) {
      const path = objectPath(target, this.flags.subresource || undefined);
      const object = await this.tolerant(() => api.get<ShownObject>(path));
      if (object !== undefined) found.push({ type: target.type, object });
    }
    this.found += found.length;
    if (this.flags["sort-by"] !== "") sortBy(found, this.flags["sort-by"]);
    if (this.flags.output === "name") {
      for (const { type, object } of found) this.context.print(`${printedName(type, object.metadata.name)}\n`);
    } else if (this.printer === undefined) await this.showSorted(found);
    else if (objects.length === 1 && types.length === 0) {
      if (found[0] !== undefined) this.context.print(this.printer(found[0].object));
    } else {
      const items = found.map(({ object }) => object);
      this.context.print(this.printer({ apiVersion: "v1", items, kind: "List", metadata: { resourceVersion: "" } }));
    }
  }

  /** A table in another order than the server's. */
  private async showSorted(found: readonly Found[]): Promise<void> {
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
}

/** Objects that come as they are get the columns that all have. */
export function tableOf(answer: ServerTable | ShownList | ShownObject): ServerTable {
  if (answer.kind === "Table") return answer as ServerTable;
  const { items } = answer as { items?: ShownObject[] };
  return { ...plainTable(items ?? [answer as ShownObject]), metadata: (answer as ShownList).metadata ?? {} };
}

function sortBy(found: { object: ShownObject }[], by: string): void {
  const keys = keysOf(found, by);
  if (found.length > 0 && [...keys.values()].every((key) => key === undefined)) {
    throw new CliError(`error: couldn't find any field with path "${relaxedPath(by)}" in the list of objects`);
  }
  found.sort((one, other) => {
    const [a, b] = [keys.get(one), keys.get(other)];
    if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
    return a! < b! ? -1 : a! > b! ? 1 : 0;
  });
}

function keysOf(found: readonly { object: ShownObject }[], by: string): Map<object, unknown> {
  try {
    const template = parseJsonPath(relaxedPath(by));
    return new Map(found.map((one) => [one, template.values(one.object)[0]]));
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    throw new CliError(`error: error parsing sort-by path ${by}: ${error.message}`);
  }
}
