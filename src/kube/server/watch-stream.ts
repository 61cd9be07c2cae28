/** A watch as a stream of JSON lines or of WebSocket messages, one an event; what goes wrong after the beginning is an event of type ERROR. */
import { errorText } from "../../lib/errors.ts";
import { GatheringWriter } from "../../lib/stream-writing.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { WatchEvent, WatchOptions } from "../contract.ts";
import { openWatch } from "../machinery/watch-objects.ts";
import { StatusError } from "../status.ts";
import { objectJson } from "./answers.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { contentTypeOf, type Wish, wishOf } from "./media-type.ts";
import type { ResourceRequest } from "./resource-requests.ts";
import { includedBy, metadataOf } from "./table.ts";
import { acceptWebSocket } from "./websocket-connection.ts";

/** A watch without an end of its own ends after 30 to 60 minutes, as Kubernetes does it, so that clients spread anew. */
const SHORTEST_SECONDS = 1800;
const encoder = new TextEncoder();

/** @throws StatusError BadRequest for options that cannot be, Expired for a version that is gone; later faults go into the stream */
export async function streamWatch(request: ResourceRequest, options: WatchOptions): Promise<void> {
  const { exchange, core, kind } = request;
  const wish = wishOf(exchange.header("accept"));
  includedBy(exchange.query.get("includeObject"));
  const timeoutSeconds = options.timeoutSeconds ?? Math.round(SHORTEST_SECONDS * (1 + Math.random()));
  const events = await openWatch<KubeObject>(core, kind, { ...options, timeoutSeconds }, exchange.signal);
  const type = contentTypeOf(wish, wish.shape === "table" ? "Table" : "PartialObjectMetadata");
  const isSocket = exchange.upgradeProtocol === "websocket";
  const sink = isSocket ? messages(exchange) : lines(exchange, wish.format === "yaml" ? "application/json" : type);
  try {
    let isFirst = true;
    for await (const event of events) {
      await sink.write(encoder.encode(lineOf(request, event, wish, isFirst)));
      isFirst = false;
    }
    await sink.flush();
  } catch (error) {
    if (exchange.signal.aborted) return;
    await sink.write(encoder.encode(`{"type":"ERROR","object":${JSON.stringify(statusOf(error))}}\n`));
    await sink.flush();
  }
  sink.end();
}

/** Where events go, each as a line of JSON. */
interface EventSink {
  write(line: Uint8Array): Promise<void> | undefined;
  flush(): Promise<void>;
  end(): void;
}

function lines(exchange: ApiExchange, contentType: string): EventSink {
  exchange.start(200, { "Content-Type": contentType });
  const writer = new GatheringWriter((chunk) => exchange.write(chunk));
  return { write: (line) => writer.write(line), flush: () => writer.flush(), end: () => exchange.end() };
}

/** Each event is a message of text. What the client sends is of no interest; when it closes, the watch ends. */
function messages(exchange: ApiExchange): EventSink {
  const { connection, read } = acceptWebSocket(exchange, "any");
  read({ onMessage: async () => {}, onClose: () => connection.close() });
  return { write: (line) => connection.sendText(line), flush: async () => {}, end: () => connection.close() };
}

function lineOf(
  { kind, exchange }: ResourceRequest,
  { type, object }: WatchEvent<KubeObject>,
  wish: Wish,
  isFirst: boolean,
): string {
  const isRow = type === "BOOKMARK" && wish.shape === "table";
  const json = isRow ? bookmarkTable(object, wish) : objectJson(kind, object, wish, exchange.query, isFirst);
  return `{"type":"${type}","object":${json}}\n`;
}

/** A bookmark is no object of the kind: it has nothing that columns could show. */
function bookmarkTable(object: KubeObject, { version }: Wish): string {
  const apiVersion = `meta.k8s.io/${version}`;
  const { resourceVersion } = object.metadata;
  const rows = [{ cells: [], object: metadataOf(object, apiVersion) }];
  return JSON.stringify({ kind: "Table", apiVersion, metadata: { resourceVersion }, columnDefinitions: [], rows });
}

function statusOf(error: unknown) {
  const known = error instanceof StatusError ? error : new StatusError("InternalError", errorText(error));
  return known.toStatus();
}
