/** Objects and lists as answers: as they are, as metadata alone, as a table; JSON or YAML. */
import type { KubeObject, Stored } from "../../model/kubernetes/object.ts";
import type { ObjectList } from "../contract.ts";
import { apiVersionOf, type TableColumn } from "../machinery/definition.ts";
import type { ServedKind } from "../machinery/registry.ts";
import { wireJson } from "../machinery/stored-json.ts";
import { builtinColumns } from "../resources/columns/builtin-columns.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { contentTypeOf, encodeAs, type Wish, wishOf } from "./media-type.ts";
import { includedBy, metadataOf, tableOf } from "./table.ts";

interface Asked {
  exchange: ApiExchange;
  kind: ServedKind;
}

const NAMES = { table: "Table", metadata: "PartialObjectMetadata", object: undefined } as const;

/** The columns of a kind in the version that was asked for; undefined: name and time of creation. */
export function columnsOf({ definition, type, conversion }: ServedKind): readonly TableColumn[] | undefined {
  return conversion?.columns ?? definition.columns ?? builtinColumns(type);
}

export async function sendObject({ exchange, kind }: Asked, status: number, object: Stored<KubeObject>): Promise<void> {
  const wished = wishOf(exchange.header("accept"));
  // An object of another kind (a Scale) has no columns: it is answered as it is.
  const wish: Wish = object.kind === kind.type.kind ? wished : { ...wished, shape: "object" };
  const json = objectJson(kind, object, wish, exchange.query);
  await exchange.send(status, contentTypeOf(wish, NAMES[wish.shape]), encodeAs(wish.format, json));
}

/** One object in the wished shape, for answers and watches. `withColumns` false: a table's columns were told before. */
export function objectJson(
  kind: ServedKind,
  object: Stored<KubeObject>,
  wish: Wish,
  query: URLSearchParams,
  withColumns = true,
): string {
  if (wish.shape === "object") return wireJson(object);
  const apiVersion = `meta.k8s.io/${wish.version}`;
  if (wish.shape === "metadata") return JSON.stringify(metadataOf(object, apiVersion));
  const { resourceVersion } = object.metadata;
  const included = includedBy(query.get("includeObject"));
  const options = { included, version: wish.version, metadata: { resourceVersion }, withColumns };
  return JSON.stringify(tableOf([object], columnsOf(kind), options));
}

export async function sendList({ exchange, kind }: Asked, list: ObjectList<KubeObject>): Promise<void> {
  const wish = wishOf(exchange.header("accept"));
  const { items, ...metadata } = list;
  const json = listJson(kind, items, metadata, wish, exchange.query);
  const as = wish.shape === "metadata" ? "PartialObjectMetadataList" : NAMES[wish.shape];
  await exchange.send(200, contentTypeOf(wish, as), encodeAs(wish.format, json));
}

function listJson(
  kind: ServedKind,
  items: readonly Stored<KubeObject>[],
  metadata: Record<string, unknown>,
  wish: Wish,
  query: URLSearchParams,
): string {
  if (wish.shape === "table") {
    const included = includedBy(query.get("includeObject"));
    return JSON.stringify(
      tableOf(items, columnsOf(kind), { included, version: wish.version, metadata, withColumns: true }),
    );
  }
  const isMetadata = wish.shape === "metadata";
  const apiVersion = isMetadata ? `meta.k8s.io/${wish.version}` : apiVersionOf(kind.type);
  const listKind = isMetadata ? "PartialObjectMetadataList" : (kind.definition.listKind ?? `${kind.type.kind}List`);
  const texts = items.map((item) => (isMetadata ? JSON.stringify(metadataOf(item, apiVersion)) : wireJson(item)));
  const head = `{"kind":"${listKind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)}`;
  return `${head},"items":[${texts.join(",")}]}`;
}
