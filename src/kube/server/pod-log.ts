/** GET pods/NAME/log: the output of a container, once or followed. */
import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { invalid, invalidObject } from "../machinery/field-error.ts";
import type { NodeConnection, PodLogOptions } from "../node/contract.ts";
import type { ApiExchange } from "./api-exchange.ts";
import { isTrue } from "./request-attributes.ts";
import { acceptWebSocket } from "./websocket-connection.ts";

const OPTIONS = { group: "", version: "v1", resource: "podlogoptions", kind: "PodLogOptions", namespaced: true };

/** @throws StatusError Invalid for options that cannot be; what the node answers */
export async function sendLog(
  exchange: ApiExchange,
  pod: Stored<Pod>,
  container: string,
  connection: NodeConnection,
): Promise<void> {
  const options = logOptions(exchange.query, container);
  const lines = await connection.logs(pod, options, exchange.signal);
  if (exchange.upgradeProtocol === "websocket") return sendFrames(exchange, lines);
  let isStarted = false;
  const start = () => {
    if (!isStarted) exchange.start(200, { "Content-Type": "text/plain" });
    isStarted = true;
  };
  // A follower learns at once that it is connected; otherwise a fault of the first read still is an answer of its own.
  if (options.follow) start();
  for await (const chunk of lines) {
    start();
    await exchange.write(chunk);
  }
  start();
  exchange.end();
}

/** One message a piece; the end of the log closes the connection. */
async function sendFrames(exchange: ApiExchange, lines: AsyncIterable<Uint8Array>): Promise<void> {
  const { connection, read } = acceptWebSocket(exchange, ["binary.k8s.io"]);
  read({ onMessage: async () => {}, onClose: () => {} });
  for await (const chunk of lines) await connection.send(chunk);
  connection.close();
}

function logOptions(query: URLSearchParams, container: string): PodLogOptions {
  const tailLines = wholeNumber(query, "tailLines", 0);
  const limitBytes = wholeNumber(query, "limitBytes", 1);
  const sinceMs = sinceOf(query);
  return {
    container,
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    timestamps: isTrue(query.get("timestamps")),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

function sinceOf(query: URLSearchParams): number | undefined {
  const seconds = wholeNumber(query, "sinceSeconds", 1);
  const time = query.get("sinceTime") ?? "";
  if (seconds !== undefined && time !== "") {
    throw refused("sinceSeconds", seconds, "at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  if (seconds !== undefined) return Date.now() - seconds * 1000;
  if (time === "") return undefined;
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw refused("sinceTime", time, "must be a time as in RFC 3339");
  return at;
}

function wholeNumber(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name) ?? "";
  if (text === "") return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw refused(name, text, "must be a whole number");
  if (value < least) throw refused(name, value, `must be greater than ${least === 0 ? "or equal to 0" : "0"}`);
  return value;
}

function refused(field: string, value: unknown, why: string) {
  return invalidObject(OPTIONS, "", [invalid(field, value, why)]);
}
